//! Records as a network's examples.

use serde::Serialize;
use untrain_core::{Dataset, Error, Kind, Reader, Result, Seed, Values, Writer, one_of};

use crate::examples::{Examples, Source};
use crate::layers::Shape;
use crate::params::TrainingParams;

const PURPOSE_CATEGORY: u64 = 0x6361_7465_676f_7279; // "category"
const PURPOSE_RECORD: u64 = 0x7265_636f_7264_0000; // "record"

/// Standardised numbers are cut off here, so that no record makes a loss infinite.
const LARGEST: f64 = 1e4;

/// How records become examples: what it knows of them is fitted to the records that it is made from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoder {
    /// Of tables: standardised numbers, each beside whether it is missing, and then categories in hashed places.
    Table {
        /// The features; a boolean is a number.
        features: Vec<(String, Kind)>,
        /// For each number its mean and its deviation.
        scales: Vec<(f64, f64)>,
        /// How many places categories have.
        n_buckets: u32,
    },
    /// Of images.
    Image {
        /// The feature.
        feature: String,
        /// The shape of every image.
        shape: Shape,
        /// What is subtracted from a sample of 0 to 1, for each channel.
        mean: Vec<f32>,
        /// What it is divided by then.
        deviation: Vec<f32>,
    },
}

impl Encoder {
    /// Fits to the features of `data`.
    ///
    /// # Errors
    ///
    /// [`Error::Unfit`] for images beside other features; [`Error::Parameter`] if means are not one for each channel.
    pub fn fit(data: &Dataset, params: &TrainingParams) -> Result<Self> {
        let images: Vec<usize> =
            data.schema().features().filter(|(_, column)| column.kind == Kind::Image).map(|(place, _)| place).collect();
        if let [place] = images[..]
            && data.schema().features().count() == 1
        {
            return Self::of_images(data, place, params);
        }
        if !images.is_empty() {
            let reason = "a network here sees one image, or a table without images".to_owned();
            return Err(Error::Unfit { reason, hint: "import the columns apart, or leave some out with --ignore".to_owned() });
        }
        let kind = |kind| if kind == Kind::Categorical { kind } else { Kind::Numeric };
        let features: Vec<(String, Kind)> = data.schema().features().map(|(_, column)| (column.name.clone(), kind(column.kind))).collect();
        let numbers = data.schema().features().filter(|(_, column)| column.kind != Kind::Categorical);
        let scales = numbers.map(|(place, _)| scale(data, place)).collect();
        Ok(Self::Table { features, scales, n_buckets: params.n_buckets })
    }

    fn of_images(data: &Dataset, place: usize, params: &TrainingParams) -> Result<Self> {
        let column = &data.schema().columns[place];
        let values = data.values(place);
        let shape = values.image_shape().map_or(Shape { channels: 1, height: 0, width: 0 }, Shape::from);
        let each = |name: &str, numbers: &[f32]| match numbers.len() {
            1 => Ok(vec![numbers[0]; shape.channels]),
            n if n == shape.channels || data.is_empty() => Ok(numbers.to_vec()),
            n => {
                let reason = format!("it has {n} numbers, and the images have {} channels", shape.channels);
                Err(Error::Parameter { name: name.to_owned(), reason, nearest: None })
            }
        };
        let (mean, deviation) = (each("mean", &params.mean)?, each("deviation", &params.deviation)?);
        Ok(Self::Image { feature: column.name.clone(), shape, mean, deviation })
    }

    /// The columns that records must have.
    pub fn inputs(&self) -> Vec<(String, Kind)> {
        match self {
            Self::Table { features, .. } => features.clone(),
            Self::Image { feature, .. } => vec![(feature.clone(), Kind::Image)],
        }
    }

    /// The shape of an example.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Image { shape, .. } => *shape,
            Self::Table { features, scales, n_buckets } => {
                let has_categories = features.len() > scales.len();
                let n = 2 * scales.len() + if has_categories { *n_buckets as usize } else { 0 };
                // A network without inputs would have no weights to begin with.
                Shape { channels: n.max(1), height: 1, width: 1 }
            }
        }
    }

    /// The examples of `data`, with the classes' places as labels; records of other classes, or without one, get 0.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`]; [`Error::Schema`] for a column of another kind; [`Error::Value`] for an image of another shape.
    pub fn examples(&self, data: &Dataset, classes: &[String], seed: Seed) -> Result<Examples> {
        self.check(data)?;
        let source = match self {
            Self::Table { features, scales, n_buckets } => Source::Rows(self.rows(data, features, scales, *n_buckets)?),
            Self::Image { feature, shape, mean, deviation } => {
                Source::Images { samples: samples(data, feature, *shape)?, mean: mean.clone(), deviation: deviation.clone() }
            }
        };
        let target = data.schema().target().filter(|_| !classes.is_empty());
        let label = |i: usize| {
            let text = target.and_then(|(place, _)| data.values(place).text(i));
            text.and_then(|text| classes.binary_search(&text).ok()).unwrap_or(0) as u32
        };
        let labels = (0..data.len()).map(label).collect();
        let keys = data.ids().iter().flatten().map(|id| seed.hash(PURPOSE_RECORD, id.as_bytes())).collect();
        Ok(Examples::new(self.shape(), classes.len(), source, labels, keys))
    }

    /// Checks that `data` has the columns.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`]; [`Error::Schema`] for a column of another kind.
    pub(crate) fn check(&self, data: &Dataset) -> Result<()> {
        for (name, kind) in self.inputs() {
            let values = data.values(data.schema().position(&name)?);
            let (fits, wanted) = match kind {
                Kind::Image => (matches!(values, Values::Images(_)), "images"),
                Kind::Numeric | Kind::Boolean => (!matches!(values, Values::Texts(_) | Values::Images(_)), "numbers"),
                Kind::Categorical => (!matches!(values, Values::Images(_)), "text"),
            };
            if !fits {
                return Err(Error::Schema { reason: format!("\"{name}\" has no {wanted}, and the model was trained on {wanted} in it") });
            }
        }
        Ok(())
    }

    fn rows(&self, data: &Dataset, features: &[(String, Kind)], scales: &[(f64, f64)], n_buckets: u32) -> Result<Vec<f32>> {
        let size = self.shape().len();
        let mut rows = vec![0.0; data.len() * size];
        let mut number = 0;
        for (name, kind) in features {
            let values = data.values(data.schema().position(name)?);
            if *kind == Kind::Categorical {
                let key = Seed(0).hash(PURPOSE_CATEGORY, name.as_bytes());
                for (i, row) in rows.chunks_exact_mut(size).enumerate() {
                    // A missing category is one of its own, which no text can be.
                    let hash = values.text(i).map_or(key, |text| Seed(key).hash(PURPOSE_CATEGORY, text.as_bytes()));
                    row[2 * scales.len() + one_of(n_buckets, hash) as usize] += 1.0;
                }
                continue;
            }
            let (mean, deviation) = scales[number];
            for (i, row) in rows.chunks_exact_mut(size).enumerate() {
                match values.number(i) {
                    Some(x) if deviation > 0.0 => {
                        let z = ((x - mean) / deviation).clamp(-LARGEST, LARGEST);
                        row[2 * number] = if z.is_nan() { 0.0 } else { z as f32 };
                    }
                    Some(_) => {}
                    None => row[2 * number + 1] = 1.0,
                }
            }
            number += 1;
        }
        Ok(rows)
    }

    /// Writes the canonical bytes.
    pub fn write(&self, out: &mut Writer) {
        match self {
            Self::Table { features, scales, n_buckets } => {
                out.u8(0);
                out.varint(u64::from(*n_buckets));
                out.varint(features.len() as u64);
                for (name, kind) in features {
                    out.text(name);
                    out.flag(*kind == Kind::Categorical);
                }
                scales.iter().for_each(|(mean, deviation)| {
                    out.f64(*mean);
                    out.f64(*deviation);
                });
            }
            Self::Image { feature, shape, mean, deviation } => {
                out.u8(1);
                out.text(feature);
                [shape.channels, shape.height, shape.width].into_iter().for_each(|n| out.varint(n as u64));
                out.varint(mean.len() as u64);
                mean.iter().chain(deviation).for_each(|number| out.f32(*number));
            }
        }
    }

    /// Reads them.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`].
    pub fn read(input: &mut Reader<'_>) -> Result<Self> {
        match input.u8()? {
            0 => {
                let n_buckets = input.at_most(1 << 16)? as u32;
                let n = input.count()?;
                let kind = |text| if text { Kind::Categorical } else { Kind::Numeric };
                let features: Vec<(String, Kind)> =
                    (0..n).map(|_| Ok((input.text()?.to_owned(), kind(input.flag()?)))).collect::<Result<_>>()?;
                let numbers = features.iter().filter(|(_, kind)| *kind == Kind::Numeric);
                let scales = numbers.map(|_| Ok((input.f64()?, input.f64()?))).collect::<Result<_>>()?;
                Ok(Self::Table { features, scales, n_buckets })
            }
            1 => {
                let feature = input.text()?.to_owned();
                let limit = usize::from(u16::MAX);
                let shape = Shape { channels: input.at_most(255)?, height: input.at_most(limit)?, width: input.at_most(limit)? };
                let n = input.at_most(255)?;
                let mean = (0..n).map(|_| input.f32()).collect::<Result<_>>()?;
                let deviation = (0..n).map(|_| input.f32()).collect::<Result<_>>()?;
                Ok(Self::Image { feature, shape, mean, deviation })
            }
            byte => Err(input.malformed(format!("there is no encoder {byte}"))),
        }
    }
}

/// The mean and the deviation of a column, summed in the order of ids; of what is missing nothing.
fn scale(data: &Dataset, place: usize) -> (f64, f64) {
    let values = data.values(place);
    let numbers: Vec<f64> = (0..data.len()).filter_map(|i| values.number(i)).collect();
    // Divided by the largest first, so that no sum overflows.
    let largest = numbers.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    if largest == 0.0 {
        return (0.0, 0.0);
    }
    let n = numbers.len() as f64;
    let mean = numbers.iter().map(|x| x / largest).sum::<f64>() / n;
    let variance = numbers.iter().map(|x| (x / largest - mean) * (x / largest - mean)).sum::<f64>() / n;
    (mean * largest, variance.sqrt() * largest)
}

fn samples(data: &Dataset, feature: &str, shape: Shape) -> Result<Vec<u8>> {
    let place = data.schema().position(feature)?;
    let values = data.values(place);
    let mut samples = Vec::with_capacity(data.len() * shape.len());
    for i in 0..data.len() {
        if let Some(image) = values.image(i).filter(|image| Shape::from(image.shape()) == shape) {
            samples.extend_from_slice(image.samples);
        } else {
            let (column, id) = (feature.to_owned(), data.id(i).to_owned());
            let reason = format!(
                "it is no image of {} × {} pixels and {} channels, which the model was trained on",
                shape.height, shape.width, shape.channels
            );
            return Err(Error::Value { column, id, reason });
        }
    }
    Ok(samples)
}

/// The classes of `data`, sorted.
///
/// # Errors
///
/// [`Error::Schema`] without a target.
pub fn classes(data: &Dataset) -> Result<Vec<String>> {
    let Some((place, _)) = data.schema().target() else {
        return Err(Error::Schema { reason: "no column is the target".to_owned() });
    };
    let values = data.values(place);
    Ok((0..data.len()).filter_map(|i| values.text(i)).collect::<std::collections::BTreeSet<_>>().into_iter().collect())
}

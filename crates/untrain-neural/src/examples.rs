//! Records as a network sees them, and the order in which it sees them.

use untrain_core::{Writer, mix};

use crate::augment::Augmentation;
use crate::batch::Batch;
use crate::layers::Shape;

/// Labelled examples; each has a key, a hash of the record's id, that all its randomness comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    shape: Shape,
    n_classes: usize,
    source: Source,
    labels: Vec<u32>,
    keys: Vec<u64>,
}

/// Where the numbers come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Rows of numbers.
    Rows(Vec<f32>),
    /// Images as bytes, planar; a byte `b` of channel `c` is read as `(b / 255 − mean[c]) / deviation[c]`.
    Images {
        /// The bytes, image after image.
        samples: Vec<u8>,
        /// A mean for each channel.
        mean: Vec<f32>,
        /// A deviation for each channel.
        deviation: Vec<f32>,
    },
}

impl Examples {
    /// `keys.len()` examples of a shape, with a label below `n_classes` each.
    pub fn new(shape: Shape, n_classes: usize, source: Source, labels: Vec<u32>, keys: Vec<u64>) -> Self {
        debug_assert_eq!(labels.len(), keys.len());
        Self { shape, n_classes, source, labels, keys }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The shape of each.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How many classes the labels are of.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// The labels.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The keys.
    pub fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// Some of them, in the order of `places`.
    #[must_use]
    pub fn select(&self, places: &[usize]) -> Self {
        let size = self.shape.len();
        let source = match &self.source {
            Source::Rows(values) => Source::Rows(picked(values, size, places)),
            Source::Images { samples, mean, deviation } => {
                Source::Images { samples: picked(samples, size, places), mean: mean.clone(), deviation: deviation.clone() }
            }
        };
        let labels = places.iter().map(|place| self.labels[*place]).collect();
        Self { source, labels, keys: places.iter().map(|place| self.keys[*place]).collect(), ..*self }
    }

    /// The same examples with other labels.
    #[must_use]
    pub fn labelled(&self, labels: Vec<u32>) -> Self {
        Self { labels, ..self.clone() }
    }

    /// The places of all examples, in batches of `size`, in the order of a hash of `salt` and each one's key.
    pub fn batches(&self, size: usize, salt: u64) -> Vec<Vec<usize>> {
        let mut order: Vec<(u64, usize)> = self.keys.iter().enumerate().map(|(i, key)| (mix(*key, salt), i)).collect();
        order.sort_unstable();
        let places: Vec<usize> = order.into_iter().map(|(_, i)| i).collect();
        places.chunks(size.max(1)).map(<[usize]>::to_vec).collect()
    }

    /// Everything that training depends on.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.varint(self.n_classes as u64);
        self.keys.iter().for_each(|key| out.u64(*key));
        self.labels.iter().for_each(|label| out.varint(u64::from(*label)));
        match &self.source {
            Source::Rows(values) => values.iter().for_each(|value| out.f32(*value)),
            Source::Images { samples, mean, deviation } => {
                mean.iter().chain(deviation).for_each(|value| out.f32(*value));
                out.raw(samples);
            }
        }
    }

    /// Some examples for a network, as they are.
    pub fn batch(&self, places: &[usize]) -> Batch {
        self.augmented(places, Augmentation::None, 0)
    }

    /// All examples, in pieces that a network can take.
    pub fn pieces(&self) -> impl Iterator<Item = (std::ops::Range<usize>, Batch)> {
        let starts = (0..self.len()).step_by(PIECE);
        starts.map(|start| start..(start + PIECE).min(self.len())).map(|range| (range.clone(), self.batch(&range.collect::<Vec<_>>())))
    }

    /// Some examples for a network, each changed as `augmentation` and a hash of `salt` and its key decide.
    pub fn augmented(&self, places: &[usize], augmentation: Augmentation, salt: u64) -> Batch {
        let (size, pixels, channels) = (self.shape.len(), self.shape.pixels(), self.shape.channels);
        let mut values = Vec::with_capacity(places.len() * size);
        for place in places {
            match &self.source {
                Source::Rows(rows) => values.extend_from_slice(&rows[place * size..(place + 1) * size]),
                Source::Images { samples, mean, deviation } => {
                    let samples = &samples[place * size..(place + 1) * size];
                    let source = augmentation.source(self.shape, mix(self.keys[*place], salt));
                    for pixel in 0..pixels {
                        let from = source(pixel);
                        values.extend((0..channels).map(|channel| {
                            let sample = from.map_or(0.0, |from| f32::from(samples[channel * pixels + from]));
                            (sample / 255.0 - mean[channel]) / deviation[channel]
                        }));
                    }
                }
            }
        }
        Batch::new(self.shape, values, places.iter().map(|place| self.labels[*place]).collect())
    }
}

/// How many examples a network is asked about at one time.
const PIECE: usize = 512;

fn picked<T: Copy>(values: &[T], size: usize, places: &[usize]) -> Vec<T> {
    places.iter().flat_map(|place| &values[place * size..(place + 1) * size]).copied().collect()
}

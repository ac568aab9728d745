//! What quadratic discriminant analysis serves.

use serde::Serialize;
use untrain_core::{Artefact, Dataset, Kind, Predictions, Reader, Result, Writer};

use crate::encode::Encoder;
use crate::linear::{bounded, finite};
use crate::softmax::softmax;

/// The first bytes of an artefact.
pub(crate) const MAGIC: &[u8; 8] = b"UNTRqda\x01";

/// Normal distributions, one a class, without their records.
#[derive(Debug, Clone, PartialEq)]
pub struct QdaArtefact {
    pub(crate) records: u64,
    pub(crate) encoder: Encoder,
    pub(super) normals: Vec<Normal>,
}

/// A normal distribution and its prior.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Normal {
    /// The logarithm of the prior times the density at the mean, but for a common term.
    pub(super) log: f64,
    /// The mean of each column.
    pub(super) means: Vec<f64>,
    /// What each column is divided by.
    pub(super) spreads: Vec<f64>,
    /// The Cholesky factor of the covariance of what is so divided: an upper triangle, row by row.
    pub(super) factor: Vec<f64>,
}

#[derive(Serialize)]
struct Json<'a> {
    records: u64,
    features: Vec<String>,
    classes: Vec<Class<'a>>,
}

#[derive(Serialize)]
struct Class<'a> {
    class: &'a str,
    #[serde(flatten)]
    normal: &'a Normal,
}

impl QdaArtefact {
    /// Reads the canonical bytes of an artefact.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("quadratic discriminant artefact", bytes);
        if input.raw(MAGIC.len())? != MAGIC {
            return Err(input.malformed("it does not begin as one of this format's version"));
        }
        let records = input.varint()?;
        let encoder = Encoder::read(&mut input)?;
        let p = encoder.layout().n_columns;
        let mut normals = Vec::new();
        for _ in encoder.classes() {
            let mut normal = Normal { log: finite(&mut input)?, means: Vec::new(), spreads: Vec::new(), factor: Vec::new() };
            for _ in 0..p {
                normal.means.push(finite(&mut input)?);
                normal.spreads.push(finite(&mut input)?);
            }
            for _ in 0..p.saturating_mul(p + 1) / 2 {
                normal.factor.push(finite(&mut input)?);
            }
            normals.push(normal);
        }
        input.end()?;
        Ok(Self { records, encoder, normals })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self { records, encoder, normals } = self;
        let mut out = Writer::new();
        out.raw(MAGIC);
        out.varint(*records);
        encoder.write(&mut out);
        for Normal { log, means, spreads, factor } in normals {
            out.f64(*log);
            means.iter().zip(spreads).for_each(|(mean, spread)| {
                out.f64(*mean);
                out.f64(*spread);
            });
            factor.iter().for_each(|x| out.f64(*x));
        }
        out.into_bytes()
    }
}

impl Normal {
    /// The logarithm of prior and density at `x`; `x` becomes something else.
    fn log_density(&self, x: &mut [f64]) -> f64 {
        x.iter_mut().zip(self.means.iter().zip(&self.spreads)).for_each(|(x, (mean, spread))| *x = (*x - mean) / spread);
        let (mut rest, mut factor, mut square) = (x, self.factor.as_slice(), 0.0);
        while let Some((first, after)) = rest.split_first_mut() {
            let (row, below) = factor.split_at(after.len() + 1);
            let y = *first / row[0];
            square += y * y;
            after.iter_mut().zip(&row[1..]).for_each(|(x, r)| *x -= y * r);
            (rest, factor) = (after, below);
        }
        bounded(self.log - square / 2.0)
    }
}

impl Artefact for QdaArtefact {
    fn inputs(&self) -> Vec<(String, Kind)> {
        self.encoder.inputs()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        let bound = self.encoder.bind(data)?;
        let (classes, layout) = (self.encoder.classes(), self.encoder.layout());
        let (mut dense, mut sparse, mut logs) = (Vec::new(), Vec::new(), Vec::new());
        let (mut x, mut probabilities) = (vec![0.0; layout.n_columns], Vec::with_capacity(data.len() * classes.len()));
        for i in 0..data.len() {
            bound.row(i, &mut dense, &mut sparse);
            logs.clear();
            for normal in &self.normals {
                x.fill(0.0);
                x[..dense.len()].copy_from_slice(&dense);
                sparse.iter().for_each(|(column, value)| x[*column as usize] = f64::from(*value));
                logs.push(normal.log_density(&mut x));
            }
            softmax(&mut logs);
            probabilities.extend_from_slice(&logs);
        }
        Ok(Predictions::Classes { classes: classes.to_vec(), probabilities, n: data.len() })
    }

    fn json(&self) -> String {
        let layout = self.encoder.layout();
        let features = layout.column_names();
        let classes = self.encoder.classes().iter().zip(&self.normals).map(|(class, normal)| Class { class, normal }).collect();
        serde_json::to_string(&Json { records: self.records, features, classes }).unwrap_or_default()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![("columns", self.encoder.layout().n_columns.to_string()), ("classes", self.normals.len().to_string())]
    }
}

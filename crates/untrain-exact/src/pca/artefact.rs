//! What principal components are served as.

use serde::Serialize;
use untrain_core::{Artefact, Dataset, Importance, Kind, Predictions, Reader, Result, Writer};

use crate::cholesky::dot;
use crate::encode::Encoder;
use crate::linear::{bounded, finite, importances};

/// The first bytes of an artefact.
pub(crate) const MAGIC: &[u8; 8] = b"UNTRpca\x01";

/// Principal components without the records that they are of.
#[derive(Debug, Clone, PartialEq)]
pub struct PcaArtefact {
    pub(crate) records: u64,
    pub(crate) encoder: Encoder,
    pub(super) whiten: bool,
    pub(super) means: Vec<f64>,
    pub(super) components: Vec<Component>,
}

/// A direction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Component {
    /// The standard deviation of the records along it.
    pub(super) deviation: f64,
    /// The share of the variance of all columns that is along it.
    pub(super) explained_variance_ratio: f64,
    /// How much of each column is in it.
    pub(super) loadings: Vec<f64>,
}

#[derive(Serialize)]
struct Json<'a> {
    records: u64,
    whiten: bool,
    features: Vec<String>,
    means: &'a [f64],
    components: &'a [Component],
}

impl PcaArtefact {
    /// Reads the canonical bytes of an artefact.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("principal components artefact", bytes);
        if input.raw(MAGIC.len())? != MAGIC {
            return Err(input.malformed("it does not begin as one of this format's version"));
        }
        let records = input.varint()?;
        let whiten = input.flag()?;
        let encoder = Encoder::read(&mut input)?;
        let numbers = |input: &mut Reader<'_>| (0..encoder.layout().n_columns).map(|_| finite(input)).collect::<Result<Vec<_>>>();
        let means = numbers(&mut input)?;
        let n = input.count()?;
        let mut components = Vec::new();
        for _ in 0..n {
            let (deviation, explained_variance_ratio) = (finite(&mut input)?, finite(&mut input)?);
            components.push(Component { deviation, explained_variance_ratio, loadings: numbers(&mut input)? });
        }
        input.end()?;
        Ok(Self { records, encoder, whiten, means, components })
    }

    /// The share of the variance of all columns that is along each component.
    pub fn explained_variance_ratio(&self) -> Vec<f64> {
        self.components.iter().map(|component| component.explained_variance_ratio).collect()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self { records, encoder, whiten, means, components } = self;
        let mut out = Writer::new();
        out.raw(MAGIC);
        out.varint(*records);
        out.flag(*whiten);
        encoder.write(&mut out);
        means.iter().for_each(|mean| out.f64(*mean + 0.0));
        out.varint(components.len() as u64);
        for Component { deviation, explained_variance_ratio, loadings } in components {
            out.f64(*deviation);
            out.f64(*explained_variance_ratio);
            loadings.iter().for_each(|loading| out.f64(*loading));
        }
        out.into_bytes()
    }
}

impl Artefact for PcaArtefact {
    fn inputs(&self) -> Vec<(String, Kind)> {
        self.encoder.inputs()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        let bound = self.encoder.bind(data)?;
        let (mut dense, mut sparse) = (Vec::new(), Vec::new());
        let mut values = Vec::with_capacity(data.len() * self.components.len());
        let mut x = Vec::with_capacity(self.means.len());
        for i in 0..data.len() {
            bound.row(i, &mut dense, &mut sparse);
            x.clear();
            x.extend_from_slice(&dense);
            x.resize(self.means.len(), 0.0);
            sparse.iter().for_each(|(column, value)| x[*column as usize] = f64::from(*value));
            x.iter_mut().zip(&self.means).for_each(|(x, mean)| *x -= mean);
            for Component { deviation, loadings, .. } in &self.components {
                let value = dot(loadings, &x);
                values.push(bounded(if self.whiten { value / deviation } else { value }));
            }
        }
        let names = (1..=self.components.len()).map(|i| format!("component_{i}")).collect();
        Ok(Predictions::Vectors { names, values, n: data.len() })
    }

    fn json(&self) -> String {
        let Self { records, encoder, whiten, means, components } = self;
        let features = encoder.layout().column_names();
        serde_json::to_string(&Json { records: *records, whiten: *whiten, features, means, components }).unwrap_or_default()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        const SHOWN: usize = 5;
        let ratios = self.explained_variance_ratio();
        let mut shown: Vec<String> = ratios.iter().take(SHOWN).map(|ratio| format!("{ratio:.4}")).collect();
        if ratios.len() > SHOWN {
            shown.push("…".to_owned());
        }
        vec![
            ("columns", self.means.len().to_string()),
            ("components", ratios.len().to_string()),
            ("explained variance ratio", shown.join(", ")),
            ("explained variance", format!("{:.4}", ratios.iter().sum::<f64>())),
        ]
    }

    /// The share of the components' variance that comes from each feature.
    fn importances(&self) -> Vec<Importance> {
        let mut contributions = vec![0.0; self.encoder.layout().inputs.len()];
        let owners = self.encoder.layout().owners();
        for component in &self.components {
            for (owner, loading) in owners.iter().zip(&component.loadings) {
                contributions[*owner as usize] += component.explained_variance_ratio * loading * loading;
            }
        }
        importances(self.encoder.inputs().into_iter().map(|(name, _)| name), &contributions)
    }
}

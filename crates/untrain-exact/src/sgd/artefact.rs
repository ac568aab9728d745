//! The served artefact of a linear model: its inputs and its weights.

use serde::Serialize;
use untrain_core::{Artefact, Dataset, Kind, Predictions, Reader, Result, Task, Writer};

use super::encode::Encoder;
use super::{Output, SgdModel, outputs};

pub(crate) const ARTEFACT: &[u8; 8] = b"UNTRsgd\x01";

/// A linear model without its records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SgdArtefact {
    /// What it predicts.
    pub task: Task,
    /// How many records it has learnt.
    pub records: u64,
    /// The features and their kinds.
    pub features: Vec<(String, Kind)>,
    /// How many weights the features share; one more is the intercept.
    pub n_buckets: u32,
    /// What a number that the model says is multiplied with, in regression.
    pub target_scale: f64,
    /// The classes, sorted; one empty name for regression.
    pub classes: Vec<String>,
    /// For each of them, the weights that are not zero, with their places.
    pub weights: Vec<Vec<(u32, f64)>>,
}

/// Writes the bytes that are served.
pub(super) fn write(model: &SgdModel) -> Vec<u8> {
    let params = &model.learner.params;
    let mut out = Writer::new();
    out.raw(ARTEFACT);
    out.task(model.learner.task);
    out.varint(model.members.len() as u64);
    out.varint(model.inputs.len() as u64);
    for (name, kind) in &model.inputs {
        out.text(name);
        out.u8(u8::from(*kind == Kind::Categorical));
    }
    out.varint(u64::from(params.n_buckets));
    out.f64(params.target_scale);
    out.varint(model.outputs.len() as u64);
    for (label, Output { weights, squares: _ }) in &model.outputs {
        out.text(label);
        let used: Vec<usize> = (0..weights.len()).filter(|bucket| weights[*bucket] != 0.0).collect();
        out.varint(used.len() as u64);
        let mut next = 0;
        for bucket in used {
            out.varint((bucket - next) as u64);
            out.f64(weights[bucket]);
            next = bucket + 1;
        }
    }
    out.into_bytes()
}

impl SgdArtefact {
    /// Reads the canonical bytes of an artefact.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("artefact of a linear model", bytes);
        if input.raw(ARTEFACT.len())? != ARTEFACT {
            return Err(input.malformed("it does not begin as one of this format's version"));
        }
        let task = input.task()?;
        let records = input.varint()?;
        let mut features = Vec::new();
        for _ in 0..input.count()? {
            let name = input.text()?.to_owned();
            let kind = match input.u8()? {
                0 => Kind::Numeric,
                1 => Kind::Categorical,
                byte => return Err(input.malformed(format!("there is no feature of kind {byte}"))),
            };
            features.push((name, kind));
        }
        let n_buckets = input.at_most(1 << 20)? as u32;
        let target_scale = input.f64()?;
        let (mut classes, mut weights) = (Vec::new(), Vec::new());
        for _ in 0..input.count()? {
            classes.push(input.text()?.to_owned());
            weights.push(read_weights(&mut input, n_buckets)?);
        }
        if task == Task::Regression && classes.len() != 1 {
            return Err(input.malformed("it does not predict one number"));
        }
        input.end()?;
        Ok(Self { task, records, features, n_buckets, target_scale, classes, weights })
    }
}

fn read_weights(input: &mut Reader<'_>, n_buckets: u32) -> Result<Vec<(u32, f64)>> {
    let mut next = 0;
    (0..input.count()?)
        .map(|_| {
            let bucket = next + input.at_most(n_buckets as usize)? as u32;
            if bucket > n_buckets {
                return Err(input.malformed("it has a weight beyond the last"));
            }
            next = bucket + 1;
            Ok((bucket, input.f64()?))
        })
        .collect()
}

impl Artefact for SgdArtefact {
    fn inputs(&self) -> Vec<(String, Kind)> {
        self.features.clone()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        let rows = Encoder::new(&self.features, data, self.n_buckets)?.rows();
        let dense = |sparse: &Vec<(u32, f64)>| {
            let mut dense = vec![0.0; self.n_buckets as usize + 1];
            sparse.iter().for_each(|(bucket, weight)| dense[*bucket as usize] = *weight);
            dense
        };
        let weights: Vec<Vec<f64>> = self.weights.iter().map(dense).collect();
        let n = data.len();
        Ok(match self.task {
            Task::Regression if self.records == 0 => Predictions::Numbers(vec![None; n]),
            Task::Regression => {
                let said = outputs(self.task, &weights, &rows);
                Predictions::Numbers(said.into_iter().map(|x| Some(x * self.target_scale)).collect())
            }
            Task::Classification => {
                Predictions::Classes { classes: self.classes.clone(), probabilities: outputs(self.task, &weights, &rows), n }
            }
        })
    }

    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![("weights", self.weights.iter().map(Vec::len).sum::<usize>().to_string())]
    }
}

//! Linear models trained by stochastic gradient descent, record by record: the learner that slices and checkpoints are for.
//!
//! Steps are those of AdaGrad \[@duchi2011\], which need no scaling of features; nothing about the records is fitted but the
//! weights ([`encode`]). Records are visited in the order of a keyed hash of their ids, in each pass another.

mod artefact;
mod encode;
mod params;

use std::collections::{BTreeMap, BTreeSet};

use untrain_core::{Artefact as _, Dataset, Error, Kind, Learner, Model, Predictions, Reader, Result, Seed, Task, Writer, mix};

pub(crate) use artefact::ARTEFACT;

pub use artefact::SgdArtefact;
pub use params::SgdParams;

use crate::Hyperparameters as _;
use crate::members::Members;
use crate::softmax::softmax;
use encode::{Encoder, Rows};

const STATE: &[u8; 8] = b"UNTRsgs\x01";
const PURPOSE: u64 = 0x7669_7369_7400_0000; // "visit"

/// A gradient is cut off here, so that no target makes it infinite.
const LARGEST: f64 = 1e100;

/// The learner: logistic regression (softmax, any number of classes) or least squares.
///
/// It does not forget by itself: use it in [`crate::Retrain`], and that in [`crate::Sisa`].
///
/// # Shapes
///
/// `(n, d)` with numeric, boolean and categorical features, values missing or not. A number counts by its signed logarithm and
/// by the quarter octave that it lies in; a category by itself. All share `n_buckets` weights, placed by hash.
///
/// # Complexity
///
/// Training is O(n_epochs · n · d · classes), and so is resuming over the records seen so far. The state takes 20 bytes a weight
/// in use and class, and the ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Sgd {
    /// The hyperparameters.
    pub params: SgdParams,
    /// What is predicted.
    pub task: Task,
    /// The key of the order in which records are visited.
    pub seed: Seed,
}

/// A model of [`Sgd`].
#[derive(Debug, Clone)]
pub struct SgdModel {
    learner: Sgd,
    members: Members,
    inputs: Vec<(String, Kind)>,
    /// One for each class, by its label; for regression one without a name.
    outputs: BTreeMap<String, Output>,
}

/// The weights of an output, and the sums of their squared gradients.
#[derive(Debug, Clone, PartialEq)]
struct Output {
    weights: Vec<f64>,
    squares: Vec<f64>,
}

impl Learner for Sgd {
    type Model = SgdModel;

    fn fit(&self, data: &Dataset) -> Result<SgdModel> {
        self.resume(None, data, data)
    }

    fn load(&self, state: &[u8], data: &Dataset) -> Result<SgdModel> {
        self.read(state, data)
    }

    /// Makes `n_epochs` passes over `seen`, from the weights of the checkpoint or from zero.
    fn resume(&self, checkpoint: Option<&SgdModel>, _: &Dataset, seen: &Dataset) -> Result<SgdModel> {
        self.params.check()?;
        let (labels, targets) = self.targets(seen)?;
        let size = self.params.n_buckets as usize + 1;
        let fresh = || Output { weights: vec![0.0; size], squares: vec![0.0; size] };
        let known = |label: &String| checkpoint.and_then(|model| model.outputs.get(label)).cloned();
        let mut outputs: Vec<Output> = labels.iter().map(|label| known(label).unwrap_or_else(fresh)).collect();
        let inputs = encode::inputs(seen);
        let rows = Encoder::new(&inputs, seen, self.params.n_buckets)?.rows();
        let keys: Vec<u64> = seen.ids().iter().flatten().map(|id| self.seed.hash(PURPOSE, id.as_bytes())).collect();
        let mut order: Vec<usize> = (0..seen.len()).collect();
        for epoch in 0..self.params.n_epochs {
            order.sort_unstable_by_key(|i| (mix(keys[*i], u64::from(epoch)), *i));
            order.iter().for_each(|i| self.step(&mut outputs, rows.row(*i), targets[*i]));
        }
        let outputs = labels.into_iter().zip(outputs).collect();
        Ok(SgdModel { learner: self.clone(), members: Members::of(seen), inputs, outputs })
    }

    fn is_incremental(&self) -> bool {
        true
    }
}

impl Sgd {
    /// The labels of the outputs, sorted, and the target of each record: the place of its label, or a number.
    fn targets(&self, data: &Dataset) -> Result<(Vec<String>, Vec<f64>)> {
        data.schema().refuse_images()?;
        let Some((place, column)) = data.schema().target() else {
            return Err(Error::Schema { reason: "no column is the target".to_owned() });
        };
        let values = data.values(place);
        if self.task == Task::Regression {
            if column.kind == Kind::Categorical {
                let reason = format!("\"{}\" is text, which cannot be regressed on", column.name);
                return Err(Error::Parameter { name: "task".to_owned(), reason, nearest: None });
            }
            let number = |i| values.number(i).unwrap_or_default() / self.params.target_scale;
            return Ok((vec![String::new()], (0..data.len()).map(number).collect()));
        }
        let texts: Vec<String> = (0..data.len()).map(|i| values.text(i).unwrap_or_default()).collect();
        let labels: Vec<String> = texts.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let targets = texts.iter().map(|text| labels.binary_search(text).unwrap_or_default() as f64).collect();
        Ok((labels, targets))
    }

    /// One step of descent on the loss of one record.
    fn step(&self, outputs: &mut [Output], row: &[(u32, f64)], target: f64) {
        let mut errors: Vec<f64> = outputs.iter().map(|output| dot(&output.weights, row)).collect();
        match self.task {
            Task::Classification => {
                softmax(&mut errors);
                errors[target as usize] -= 1.0;
            }
            Task::Regression => errors[0] -= target,
        }
        for (output, error) in outputs.iter_mut().zip(errors) {
            for (bucket, x) in row {
                let bucket = *bucket as usize;
                let gradient = (error * x).clamp(-LARGEST, LARGEST);
                output.squares[bucket] += gradient * gradient;
                if output.squares[bucket] > 0.0 {
                    output.weights[bucket] -= self.params.learning_rate * gradient / output.squares[bucket].sqrt();
                }
            }
        }
    }

    fn write(&self, out: &mut Writer) {
        let Self { params, task, seed } = self;
        out.raw(STATE);
        out.task(*task);
        out.u64(seed.0);
        params.write(out);
    }

    fn read(&self, state: &[u8], data: &Dataset) -> Result<SgdModel> {
        let mut input = Reader::new("state of a linear model", state);
        let mut header = Writer::new();
        self.write(&mut header);
        let header = header.into_bytes();
        if input.raw(header.len())? != header {
            return Err(input.malformed("another recipe or format made it"));
        }
        let members = Members::read(&mut input, data)?;
        let (labels, _) = self.targets(data)?;
        if input.count()? != labels.len() {
            return Err(input.malformed("its classes are not those of the records"));
        }
        let size = self.params.n_buckets as usize + 1;
        let mut outputs = BTreeMap::new();
        for label in labels {
            if input.text()? != label {
                return Err(input.malformed("its classes are not those of the records"));
            }
            let mut output = Output { weights: vec![0.0; size], squares: vec![0.0; size] };
            let mut next = 0;
            for _ in 0..input.count()? {
                let bucket = next + input.at_most(size)?;
                if bucket >= size {
                    return Err(input.malformed("it has a weight beyond the last"));
                }
                (output.weights[bucket], output.squares[bucket]) = (input.f64()?, input.f64()?);
                next = bucket + 1;
            }
            outputs.insert(label, output);
        }
        input.end()?;
        Ok(SgdModel { learner: self.clone(), members, inputs: encode::inputs(data), outputs })
    }
}

impl Model for SgdModel {
    fn artefact(&self) -> Vec<u8> {
        artefact::write(self)
    }

    fn state(&self) -> Vec<u8> {
        let mut out = Writer::new();
        self.learner.write(&mut out);
        self.members.write(&mut out);
        out.varint(self.outputs.len() as u64);
        for (label, Output { weights, squares }) in &self.outputs {
            out.text(label);
            // A weight without a gradient is zero, and is not written.
            let used: Vec<usize> = (0..squares.len()).filter(|bucket| squares[*bucket] > 0.0).collect();
            out.varint(used.len() as u64);
            let mut next = 0;
            for bucket in used {
                out.varint((bucket - next) as u64);
                out.f64(weights[bucket]);
                out.f64(squares[bucket]);
                next = bucket + 1;
            }
        }
        out.into_bytes()
    }

    fn records(&self) -> u64 {
        self.members.len() as u64
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        SgdArtefact::read(&self.artefact())?.predict(data)
    }
}

fn dot(weights: &[f64], row: &[(u32, f64)]) -> f64 {
    row.iter().fold(0.0, |sum, (bucket, x)| sum + weights[*bucket as usize] * x)
}

/// What all of `rows` say, output by output; for classes as probabilities.
fn outputs(task: Task, weights: &[Vec<f64>], rows: &Rows) -> Vec<f64> {
    let mut said = Vec::with_capacity(rows.len() * weights.len());
    let mut scores = Vec::new();
    for i in 0..rows.len() {
        scores.clear();
        scores.extend(weights.iter().map(|weights| dot(weights, rows.row(i))));
        if task == Task::Classification {
            softmax(&mut scores);
        }
        said.extend_from_slice(&scores);
    }
    said
}

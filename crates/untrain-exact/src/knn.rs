//! The nearest neighbours: the model is the records, and forgetting one is to leave it out.

mod artefact;
mod params;
mod search;

use std::sync::OnceLock;

use untrain_core::{Dataset, Forget, Guarantee, Learner, Model, Predictions, Reader, Result, Seed, Task, Writer};

use crate::encode::Design;
use crate::members::Members;
pub(crate) use artefact::ARTEFACT;
pub use artefact::KnnArtefact;
pub use params::{KnnParams, Metric, NeighbourIndex, Weights};

/// Predicts from the records that are nearest: votes of their classes, or the mean of their numbers.
///
/// **What is served holds the records**: the quantised features and the target of each, though no id. Whoever has the
/// artefact can read them; where that must not be, serve another model.
///
/// Numbers are standardised and categories are columns of zeros and ones. Features are rounded to 1/1,024 of a standard
/// deviation, so that squared distances are integers. Records at the same distance stand in the order of a keyed hash of what
/// they hold; so neither a class nor an early record wins ties, and the index finds what a scan finds.
///
/// # Guarantee
///
/// Exact.
///
/// # Complexity
///
/// With n records of d columns: fit O(n·d); forgetting one record O(d + log n), and O(n·d + n log n) when the artefact is next
/// asked for, which is written from all records. A prediction compares O(n) records at worst. Memory: 4 d bytes a record in
/// the model, and 8 d in the artefact once it has predicted.
///
/// # References
///
/// The rule: \[@cover1967\]. The index is a tree of boxes, split at the middle of the widest side: \[@bentley1975\].
#[derive(Debug, Clone, PartialEq)]
pub struct Knn {
    /// The hyperparameters.
    pub params: KnnParams,
    /// What is predicted.
    pub task: Task,
    /// The key of all randomness: of the order of ties.
    pub seed: Seed,
}

/// A trained model of [`Knn`]: the rows of its records.
#[derive(Debug, Clone)]
pub struct KnnModel {
    learner: Knn,
    design: Design,
    /// What is served, once somebody asked for it since the last change.
    served: OnceLock<KnnArtefact>,
}

const STATE: &[u8; 8] = b"UNTRkns\x01";

impl Knn {
    fn header(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(STATE);
        self.params.preprocessing.write(&mut out);
        self.params.write(&mut out);
        out.task(self.task);
        out.u64(self.seed.0);
        out.into_bytes()
    }

    fn model(&self, data: &Dataset) -> Result<KnnModel> {
        let design = Design::new(&self.params.preprocessing, self.task.into(), data)?;
        Ok(KnnModel { learner: self.clone(), design, served: OnceLock::new() })
    }
}

impl Learner for Knn {
    type Model = KnnModel;

    fn fit(&self, data: &Dataset) -> Result<KnnModel> {
        crate::Hyperparameters::check(&self.params)?;
        self.model(data)
    }

    fn load(&self, state: &[u8], data: &Dataset) -> Result<KnnModel> {
        let mut input = Reader::new("model state", state);
        let header = self.header();
        if input.raw(header.len().min(state.len()))? != header {
            return Err(input.malformed("it is not of this recipe, or not of this version of the format"));
        }
        Members::read(&mut input, data)?;
        input.end()?;
        self.model(data)
    }
}

impl Forget<KnnModel> for Knn {
    fn forget(&self, model: &mut KnnModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        let rows = model.design.members().find(ids)?;
        if rows.is_empty() {
            return Ok(Guarantee::Exact);
        }
        if !model.design.fits(retained) {
            *model = model.learner.model(retained)?;
            return Ok(Guarantee::Exact);
        }
        let (left, moved) = model.design.remove(rows);
        if moved {
            match model.learner.model(retained) {
                Ok(retrained) => *model = retrained,
                Err(error) => {
                    model.design.put_back(left);
                    return Err(error);
                }
            }
        }
        model.served = OnceLock::new();
        Ok(Guarantee::Exact)
    }

    fn learn(&self, model: &mut KnnModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        let places = model.design.members().joining(ids, retained)?;
        if places.is_empty() {
            return Ok(Guarantee::Exact);
        }
        if model.design.fits(retained) && model.design.admits(retained, &places) {
            model.design.push(retained, &places);
            model.served = OnceLock::new();
        } else {
            *model = model.learner.model(retained)?;
        }
        Ok(Guarantee::Exact)
    }
}

impl KnnModel {
    fn served(&self) -> &KnnArtefact {
        self.served.get_or_init(|| KnnArtefact::new(&self.learner, &self.design))
    }
}

impl Model for KnnModel {
    fn artefact(&self) -> Vec<u8> {
        self.served().bytes()
    }

    fn state(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(&self.learner.header());
        self.design.members().write(&mut out);
        out.into_bytes()
    }

    fn records(&self) -> u64 {
        self.design.len() as u64
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        untrain_core::Artefact::predict(self.served(), data)
    }
}

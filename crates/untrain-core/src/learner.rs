//! The traits that a learner, its models and their artefacts implement.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::{Dataset, Digest, Error, Guarantee, Kind, Predictions, Result};

/// A learner: hyperparameters and a seed.
///
/// # Contract
///
/// `fit` is pure: the model depends on the learner and on the *set* of records, not on threads, the machine or history.
pub trait Learner {
    /// What it makes.
    type Model: Model;

    /// Trains on every record of `data`; none is fine.
    ///
    /// # Errors
    ///
    /// A hyperparameter out of range, a target that does not suit the task, more records than the learner can hold.
    fn fit(&self, data: &Dataset) -> Result<Self::Model>;

    /// Reads a state that [`Model::state`] wrote of a model that this learner trained on the records of `data`.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Malformed`] if the bytes are not a state of this learner on these records.
    fn load(&self, state: &[u8], data: &Dataset) -> Result<Self::Model>;

    /// Goes on with training: the model of the records `seen`, from a checkpoint that knew all of them but those of `slice`,
    /// or from nothing. Sharding trains a model slice by slice with it, and replays the slices from one on.
    ///
    /// A learner without an incremental way trains anew on `seen`, whatever the checkpoint. One that has such a way says so by
    /// [`Learner::is_incremental`]; its model may then depend on the order of slices, but on nothing else:
    /// `resume(None, data, data)` is `fit(data)`, and the checkpoint's bytes decide what follows from it.
    ///
    /// # Errors
    ///
    /// As [`Learner::fit`]; [`crate::Error::Malformed`] if another learner made the checkpoint.
    fn resume(&self, checkpoint: Option<&Self::Model>, slice: &Dataset, seen: &Dataset) -> Result<Self::Model> {
        let _ = (checkpoint, slice);
        self.fit(seen)
    }

    /// Whether [`Learner::resume`] makes use of the checkpoint. Without it checkpoints would be pure cost, and none are kept.
    fn is_incremental(&self) -> bool {
        false
    }

    /// Of how many shards its models are made: parts of the records that are trained on without a look at each other, so that
    /// [`Learner::replay`] can train one of them again by itself. 0 where all records are trained on together.
    fn n_shards(&self) -> usize {
        0
    }

    /// The model with a part of its training done again: the spans `spans`, from the records of `data`, which are those that the
    /// model knows.
    ///
    /// Span `i` leads to checkpoint `i` of [`Model::checkpoints`], from the checkpoint before, or from nothing where a shard begins.
    /// The checkpoint that the first span starts from is the model's own; what comes after the last span stays as it is in `model`.
    /// So if `model` is what training gives, the result has its bytes, and if not, it has them where no span was wrong.
    ///
    /// # Errors
    ///
    /// [`Error::NoPart`] for a learner without shards, for no span, and for spans beyond the last; else as [`Learner::fit`].
    fn replay(&self, model: &Self::Model, spans: Range<usize>, data: &Dataset) -> Result<Self::Model> {
        let _ = (model, data);
        Err(Error::NoPart { spans, n_checkpoints: 0 })
    }

    /// How many units the training is made of that need nothing of each other, so that machines can share them: the shards of
    /// "sisa", the trees of a forest. None for a learner whose training is one piece.
    fn n_units(&self) -> usize {
        0
    }

    /// The records that a unit's training looks at, all of them unless it has some of its own.
    ///
    /// # Errors
    ///
    /// As `fit`.
    fn unit_data(&self, unit: usize, data: &Dataset) -> Result<Dataset> {
        let _ = unit;
        Ok(data.clone())
    }

    /// Trains some units on their [`Learner::unit_data`]; the bytes are for [`Learner::assemble`] and depend on nothing else.
    ///
    /// # Errors
    ///
    /// As `fit`; [`Error::NoPart`] for units that there are not.
    fn fit_units(&self, units: Range<usize>, data: &Dataset) -> Result<Vec<u8>> {
        let _ = data;
        Err(Error::NoPart { spans: units, n_checkpoints: 0 })
    }

    /// The model of which `outputs` hold the units, all of them in their order, as [`Learner::fit_units`] gave them: that which
    /// `fit` makes of `data`, byte for byte.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for bytes of other units, of another recipe or of other records.
    fn assemble(&self, outputs: &[Vec<u8>], data: &Dataset) -> Result<Self::Model> {
        let _ = (outputs, data);
        Err(Error::NoPart { spans: 0..0, n_checkpoints: 0 })
    }
}

/// A trained model: a training state, from which a published artefact is derived.
///
/// The *state* is what forgetting needs (membership, statistics) and stays in the store. The *artefact* is what is served:
/// it holds no record id and no raw row. Both are canonical: equal models have equal bytes.
pub trait Model {
    /// The canonical bytes of the artefact.
    fn artefact(&self) -> Vec<u8>;

    /// The canonical bytes of the state.
    fn state(&self) -> Vec<u8>;

    /// How many records the model has learnt.
    fn records(&self) -> u64;

    /// Predicts every record of `data` in the order of `data`; columns are matched by name, others are ignored.
    ///
    /// # Errors
    ///
    /// A feature is not among the columns of `data`, or is of another kind.
    fn predict(&self, data: &Dataset) -> Result<Predictions>;

    /// The digests of the checkpoints of its training, shard after shard, each with as many as any other; a shard's last one is of its
    /// finished model. None where the learner has no shards.
    ///
    /// As the bytes, they depend on the recipe and the set of records, and on nothing else.
    fn checkpoints(&self) -> Vec<Digest> {
        Vec::new()
    }

    /// The digest of the artefact.
    fn digest(&self) -> Digest {
        Digest::of(&self.artefact())
    }

    /// The digest of the state.
    fn state_digest(&self) -> Digest {
        Digest::of(&self.state())
    }
}

/// Forgetting and learning on a trained model.
///
/// # Contract
///
/// On `Err` nothing changed. After `Ok`, the guarantee says how the model relates to a retrain on the records left.
pub trait Forget<M> {
    /// Removes the records `ids` from `model`. `retained` holds the records that the model shall know afterwards.
    ///
    /// # Errors
    ///
    /// [`crate::Error::UnknownIds`] and [`crate::Error::RepeatedIds`].
    fn forget(&self, model: &mut M, ids: &[String], retained: &Dataset) -> Result<Guarantee>;

    /// Adds the records `ids` of `retained`, which holds all the records that the model shall know afterwards.
    ///
    /// # Errors
    ///
    /// [`crate::Error::AlreadyPresent`], [`crate::Error::RepeatedIds`], [`crate::Error::UnknownIds`] for ids that
    /// `retained` does not have.
    fn learn(&self, model: &mut M, ids: &[String], retained: &Dataset) -> Result<Guarantee>;

    /// Whether the model is revised, and not retrained. The guarantee is the same; the time is not.
    fn is_native(&self) -> bool {
        true
    }
}

/// Items by the subject that chose them.
pub type Choices = BTreeMap<String, BTreeSet<String>>;

/// What is served: a model without its records.
pub trait Artefact: Send + Sync {
    /// The columns that a table must have to be predicted, by name.
    fn inputs(&self) -> Vec<(String, Kind)>;

    /// Columns that are read too if the table has them.
    fn optional_inputs(&self) -> Vec<(String, Kind)> {
        Vec::new()
    }

    /// The items that each subject of `data` chose, for what predicts [`Predictions::Lists`]; `None` for all else.
    ///
    /// # Errors
    ///
    /// As [`Artefact::predict`].
    fn choices(&self, data: &Dataset) -> Result<Option<Choices>> {
        let _ = data;
        Ok(None)
    }

    /// Predicts every record of `data` in the order of `data`; columns are matched by name, others are ignored.
    ///
    /// # Errors
    ///
    /// An input is not among the columns of `data`, or is of another kind.
    fn predict(&self, data: &Dataset) -> Result<Predictions>;

    /// How long its lists may be, for what predicts [`Predictions::Lists`].
    fn list_length(&self) -> Option<usize> {
        None
    }

    /// Everything that the artefact holds, as JSON.
    fn json(&self) -> String;

    /// What matters of it at a glance: pairs of a name and a value.
    fn facts(&self) -> Vec<(&'static str, String)>;

    /// How much each feature contributes, largest first; empty where the learner has no such notion.
    fn importances(&self) -> Vec<Importance> {
        Vec::new()
    }
}

/// How much a feature contributes to a model.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Importance {
    /// The name of the feature.
    pub feature: String,
    /// Its share, 0 to 1; all add up to 1.
    pub importance: f64,
}

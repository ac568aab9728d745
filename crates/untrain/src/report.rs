//! What the engine says of its work: one struct a verb, serialised as the command line's JSON.

use serde::Serialize;
use untrain_core::{Digest, Guarantee, Predictions};

use crate::{Recipe, Scores};

/// A column of a dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnReport {
    /// Its name.
    pub name: String,
    /// `numeric`, `boolean` or `categorical`.
    pub kind: &'static str,
    /// What it is for.
    pub role: untrain_core::Role,
    /// Whether the kind was declared and not inferred.
    pub declared: bool,
    /// How many records lack a value.
    pub missing: u64,
    /// How many different values there are.
    pub distinct: u64,
}

/// A dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatasetReport {
    /// Its name.
    pub dataset: String,
    /// How often it changed, and 1.
    pub version: u64,
    /// How many records it holds.
    pub records: u64,
    /// How many of them models never see.
    pub held_out: u64,
    /// The name of the id column; absent if ids are made from content.
    pub id: Option<String>,
    /// All other columns.
    pub columns: Vec<ColumnReport>,
    /// The models trained on it.
    pub models: Vec<String>,
    /// Models of an earlier dataset of this name, which went with it.
    pub dropped: Vec<String>,
    /// Seconds that reading and storing took.
    pub total_seconds: f64,
}

/// A model, as `train`, `show` and each entry of a request's `models` tell of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelReport {
    /// Its name.
    pub model: String,
    /// The dataset it was trained on.
    pub dataset: String,
    /// How often it was published.
    pub version: u64,
    /// The digest of the artefact.
    pub digest: Digest,
    /// The digest of the training state.
    pub state_digest: Digest,
    /// How many records it has learnt.
    pub records: u64,
    /// What the last operation guarantees.
    pub guarantee: Guarantee,
    /// Seconds of the last operation on the model in memory.
    pub seconds: f64,
    /// Seconds of the last operation with the durable path.
    pub total_seconds: f64,
    /// How the learner forgets: by `revision` of the model, or by `retraining` it. The guarantee is the same; the time is not.
    pub forgets_by: &'static str,
    /// The recipe.
    pub recipe: Recipe,
}

/// A version of a model that is or was published.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VersionReport {
    /// Which one.
    pub version: u64,
    /// What made it: `train`, `forget` or `learn`.
    pub event: &'static str,
    /// The request that made it.
    pub request: Option<u64>,
    /// The digest of the artefact.
    pub digest: Digest,
    /// The digest of the state.
    pub state_digest: Digest,
    /// How many records it had learnt.
    pub records: u64,
    /// When it was published, in Unix milliseconds.
    pub created_ms: i64,
}

/// A request that was carried out, or would be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestReport {
    /// Its number; absent from a dry run and where there was nothing to do.
    pub request: Option<u64>,
    /// `forget` or `learn`.
    pub operation: &'static str,
    /// The dataset.
    pub dataset: String,
    /// How many records were forgotten.
    pub forgotten: u64,
    /// How many records were learnt.
    pub learnt: u64,
    /// Ids that no record has, which the request passed over.
    pub unknown: Vec<String>,
    /// How many records the dataset holds now.
    pub records: u64,
    /// Every model of the dataset, and what became of it.
    pub models: Vec<ModelReport>,
    /// The weakest guarantee of all models.
    pub guarantee: Guarantee,
    /// Whether nothing was changed, since it was a dry run.
    pub dry_run: bool,
    /// Seconds of the operations on the models in memory.
    pub seconds: f64,
    /// Seconds with the durable path.
    pub total_seconds: f64,
    /// Why old bytes could not be erased yet; the next command that writes tries again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<String>,
}

/// The outcome of retraining a model from the retained records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verification {
    /// The model.
    pub model: String,
    /// Whether both digests equal those of the retrained model.
    pub equal: bool,
    /// How many records were retrained on.
    pub records: u64,
    /// The digest of the published artefact.
    pub digest: Digest,
    /// The digest of the retrained artefact.
    pub retrained_digest: Digest,
    /// The digest of the stored state.
    pub state_digest: Digest,
    /// The digest of the retrained state.
    pub retrained_state_digest: Digest,
    /// Seconds that the last forgetting took on the model in memory.
    pub forget_seconds: Option<f64>,
    /// Seconds that the retraining took.
    pub retrain_seconds: f64,
    /// How many times faster forgetting was.
    pub speedup: Option<f64>,
}

/// Predictions for the rows of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictedTable {
    /// What each row is called.
    pub ids: Vec<String>,
    /// What the model says of each.
    pub predictions: Predictions,
}

/// How good a model's predictions are.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Evaluation {
    /// The model.
    pub model: String,
    /// What it was evaluated on: `holdout` or the path of a file.
    pub on: String,
    /// How many records that was.
    pub records: u64,
    /// Of recommendations: the users that were scored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<u64>,
    /// Of recommendations: the users of these records without an item left to find, or without a known item to start from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users_passed_over: Option<u64>,
    /// The measures.
    #[serde(flatten)]
    pub scores: Scores,
}

/// A line of `list`: a dataset and its models.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatasetLine {
    /// The dataset.
    pub dataset: String,
    /// Its version.
    pub version: u64,
    /// How many records it holds.
    pub records: u64,
    /// Its models.
    pub models: Vec<ModelReport>,
}

/// What a store holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listing {
    /// The store's directory.
    pub store: String,
    /// Its datasets.
    pub datasets: Vec<DatasetLine>,
    /// How many requests it has carried out.
    pub requests: u64,
}

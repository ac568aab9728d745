//! What a comparison of methods of unlearning found.

use serde::Serialize;
use serde_json::{Map, Value};
use untrain_audit::Measured;
use untrain_core::{Digest, Guarantee};
use untrain_neural::methods::Goal;

use crate::report::AuditSource;

/// Methods of unlearning side by side, on one model's recipe and records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The model.
    pub model: String,
    /// Its version.
    pub version: u64,
    /// The digest of its artefact.
    pub digest: Digest,
    /// The dataset.
    pub dataset: String,
    /// The learner.
    pub learner: String,
    /// Its hyperparameters, all of them.
    pub params: Map<String, Value>,
    /// Which records are forgotten.
    pub source: AuditSource,
    /// What for.
    pub goal: Goal,
    /// How many records can be forgotten; in each world about half of them are.
    pub points: u64,
    /// How many of them have a wrong label.
    pub canaries: u64,
    /// How many records of the holdout, and of those that are retained, networks are asked about.
    pub asked: [u64; 2],
    /// How many worlds there were.
    pub worlds: u64,
    /// How many steps a training takes.
    pub train_steps: u64,
    /// The rows: what is always there, and then the methods.
    pub rows: Vec<ComparisonRow>,
    /// Methods that could not be compared, and why.
    pub failed: Vec<FailedMethod>,
    /// How hyperparameters were found: by a search with this criterion, or as they stand.
    pub search: Option<String>,
    /// The float profile of the networks.
    pub float_profile: String,
    /// The key of all that was drawn.
    pub seed: u64,
    /// The version of the program.
    pub program: String,
    /// When it was finished, in Unix milliseconds.
    pub at_ms: i64,
    /// Seconds that all took.
    pub total_seconds: f64,
}

/// A method that could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedMethod {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// The network before anything was forgotten.
    Original,
    /// Trained without the points: what the others are compared with.
    Retrained,
    /// The same with another seed: the null.
    Second,
    /// Trained without the points for a part of the steps.
    Scratch,
    /// A method.
    Method,
}

/// A row of a comparison; numbers are means over worlds, and medians for seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparisonRow {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: RowKind,
    /// For a method, what it does.
    pub about: Option<&'static str>,
    /// For a method, the paper.
    pub paper: Option<&'static str>,
    /// Whether it was made for the goal.
    pub suits: bool,
    /// For a method, its hyperparameters.
    pub settings: Option<Map<String, Value>>,
    /// What it promises.
    pub guarantee: Guarantee,
    /// Steps, of the size of those of training.
    pub steps: f64,
    /// The same as a share of a training.
    pub share: f64,
    /// Of the steps, those that the search of hyperparameters took.
    pub search_steps: f64,
    /// Seconds, on one thread.
    pub seconds: f64,
    /// Why it stopped, in the first world.
    pub stopped: String,
    /// The share of the points that were in the training, and were to be forgotten, that it has right.
    pub accuracy_forget: Option<f64>,
    /// Of those that are retained.
    pub accuracy_retain: Option<f64>,
    /// Of those that no network was trained on.
    pub accuracy_holdout: Option<f64>,
    /// How well networks of this row are told from retrained ones: the area under the curve of the game. 0.5 is not at all.
    pub efficacy: Option<Measured>,
    /// How well points that it forgot are told from points that it never saw.
    pub privacy: Option<Measured>,
    /// How fast it learns the points again: steps in the ratio to a retrained network's. 1 is ideal, less is knowledge that is left.
    pub relearning: Option<f64>,
    /// The accuracy on the points with weights of four bits less that with whole weights: over 0, rounding brings them back.
    pub rounding: Option<f64>,
    /// For a method, what it has more than a network from scratch at the same cost.
    pub over_scratch: Option<OverScratch>,
}

/// What a method has more than a network that was trained from the beginning, without the records, for as many steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OverScratch {
    /// Of the area of the efficacy game: over 0, training anew gives what is more like a retrain.
    pub efficacy: Option<f64>,
    /// Of the area of the privacy game: over 0, training anew forgets better.
    pub privacy: Option<f64>,
    /// Of the accuracy on records never seen: over 0, the method keeps more of it.
    pub accuracy_holdout: Option<f64>,
}

impl OverScratch {
    /// Whether training anew for as many steps would have forgotten better by more than games of guessing differ.
    pub fn forgets_worse(&self) -> bool {
        self.privacy.is_some_and(|over| over > NOISE)
    }
}

/// Areas that are nearer than this are not told apart.
const NOISE: f64 = 0.05;

//! What the engine says of its work: one struct a verb, serialised as the command line's JSON.

use serde::{Deserialize, Serialize};
use untrain_core::{Digest, Guarantee, Predictions};
use untrain_ledger::Hash;
use untrain_ledger::statement::Scope;

use crate::clock::Regime;
use crate::{Recipe, Scores};

/// A column of a dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnReport {
    /// Its name.
    pub name: String,
    /// `numeric`, `boolean`, `categorical` or `image`.
    pub kind: &'static str,
    /// The shape of its images, if it holds any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<untrain_core::ImageShape>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    pub forgets_by: String,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestReport {
    /// Its number; absent from a dry run and where there was nothing to do.
    pub request: Option<u64>,
    /// `forget` or `learn`.
    pub operation: String,
    /// The dataset.
    pub dataset: String,
    /// How far it has come: `scoped`, `held` or `closed`; empty where nothing was done.
    #[serde(default)]
    pub state: String,
    /// How many of the ids and people that it names were forgotten before.
    #[serde(default)]
    pub already: u64,
    /// Whether this is the answer that the request, or the one that forgot all that it names, was given before.
    #[serde(default)]
    pub repeated: bool,
    /// By when it has to be answered, in Unix milliseconds.
    #[serde(default)]
    pub due_ms: Option<i64>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<String>,
}

/// The keys of a store.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeysReport {
    /// Every public key that its policy names.
    pub keys: Vec<KeyLine>,
    /// How many witnesses a checkpoint needs: `none`, or the name of a group.
    pub quorum: String,
    /// Where the policy is.
    pub policy: String,
    /// Where the log is.
    pub log: String,
}

/// A public key of a policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyLine {
    /// `log`, `issuer`, `witness` or `auditor`.
    pub role: &'static str,
    /// The key.
    pub key: String,
    /// From which size of the log on it signs nothing.
    pub retired: Option<u64>,
}

/// What a log says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogReport {
    /// The log's name.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
    /// How many statements wait to be sent to it.
    pub waiting: u64,
    /// Some of its entries.
    pub entries: Vec<LogLine>,
    /// Whether every entry, every tile and every signature was checked.
    pub audited: bool,
}

/// An entry of a log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogLine {
    /// Its index.
    pub place: u64,
    /// The kind of its statement.
    pub kind: &'static str,
    /// What it is about.
    pub about: String,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
    /// The key that signed it.
    pub signer: String,
    /// The digest of the signed statement.
    pub digest: Digest,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackupReport {
    /// Where it is.
    pub to: String,
    /// How many files it has.
    pub files: u64,
    /// How many bytes they have together.
    pub bytes: u64,
    /// What is in it.
    #[serde(flatten)]
    pub backup: BackupLine,
    /// Why old bytes could not be erased yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<String>,
}

/// A backup of a store.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackupLine {
    /// The epoch whose key opens it.
    pub epoch: u64,
    /// When it was made, in Unix milliseconds.
    pub made_ms: i64,
    /// How many records it has.
    pub records: u64,
    /// The number of the last request that it knows.
    pub requests: u64,
    /// How many entries its log has.
    pub entries: Option<u64>,
    /// Whether its key is destroyed, so that nobody can read it.
    pub destroyed: bool,
}

/// A store that was made of a backup.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Restoration {
    /// The backup.
    pub from: String,
    /// How many records were forgotten again.
    pub forgotten: u64,
    /// How many erasures gave the dataset and the models that the log states.
    pub agreed: u64,
    /// Models that a method of unlearning had moved since: in their place are exact ones, whose bytes the log does not state.
    pub exact_instead: Vec<String>,
    /// What came after the backup and is lost.
    pub lost: Vec<String>,
    /// Seconds that it took.
    pub seconds: f64,
}

/// A line of `requests`: a request to forget and its clocks. Times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestLine {
    /// Its number.
    pub request: u64,
    /// Its random id, as it stands in the trail.
    pub id: String,
    /// What the requester calls it.
    pub key: Option<String>,
    /// The dataset.
    pub dataset: String,
    /// How far it has come.
    pub state: &'static str,
    /// Whether it is still to be carried out.
    pub open: bool,
    /// Whether it should have been answered or confirmed by now.
    pub late: bool,
    /// How many records it is about.
    pub records: u64,
    /// The law whose clocks run.
    pub regime: Regime,
    /// When it arrived.
    pub received_ms: i64,
    /// By when it has to be confirmed.
    pub confirm_due_ms: Option<i64>,
    /// When it was confirmed.
    pub confirmed_ms: Option<i64>,
    /// By when it has to be answered.
    pub due_ms: Option<i64>,
    /// When the requester was told that it takes longer.
    pub extended_ms: Option<i64>,
    /// Why a legal hold keeps its records.
    pub hold: Option<String>,
    /// Why it was refused, cancelled or extended.
    pub reason: Option<String>,
}

/// The outcome of retraining a model from the retained records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verification {
    /// The model.
    pub model: String,
    /// How much of the training was done again.
    pub scope: Scope,
    /// Whether both digests equal those of the retrained model, the records are those that were committed to, the checkpoints
    /// those that were stated, and the seed is not another than the trail says.
    pub equal: bool,
    /// What the model's version claims: if it is not exact, other digests than a retrained model's break no promise.
    pub guarantee: Guarantee,
    /// Why the stored state is none that this program makes of the recipe and the records: another float profile, another format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<String>,
    /// How many records the model knows.
    pub records: u64,
    /// The digest of the published artefact.
    pub digest: Digest,
    /// The digest of the retrained artefact: where a part was retrained, of the model with the result in the place of that part.
    pub retrained_digest: Digest,
    /// The digest of the stored state.
    pub state_digest: Digest,
    /// The digest of the retrained state.
    pub retrained_state_digest: Digest,
    /// The root of the commitments to the dataset's records, as the trail has it.
    pub committed: Option<Hash>,
    /// The same, computed from the records that are there.
    pub commitment: Option<Hash>,
    /// Whether the seed is the one that follows from the log at the registration, where the trail says that it does.
    pub seed_follows: Option<bool>,
    /// Of how many shards the model is made, if it is.
    pub n_shards: Option<u64>,
    /// How many checkpoints the training has, if it has some.
    pub n_checkpoints: Option<u64>,
    /// The root of the tree over the checkpoints, as the trail has it, if the outcome was stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub committed_checkpoints: Option<Hash>,
    /// The same, of the retrained model.
    pub checkpoints: Option<Hash>,
    /// The first checkpoint that differs, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_difference: Option<Difference>,
    /// The digest of the signed statement, if the outcome was stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<Digest>,
    /// Seconds that the last forgetting took on the model in memory.
    pub forget_seconds: Option<f64>,
    /// Seconds that the retraining took.
    pub retrain_seconds: f64,
    /// How many times faster forgetting was.
    pub speedup: Option<f64>,
}

/// What an audit found, and what was done for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditReport {
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
    pub params: serde_json::Map<String, serde_json::Value>,
    /// `revision`, or `retraining`.
    pub forgets_by: String,
    /// What forgetting claims.
    pub guarantee: Guarantee,
    /// Which records were asked about.
    pub source: AuditSource,
    /// How many records the worlds have for training.
    pub records: u64,
    /// How many records were asked about, without the canaries.
    pub asked: u64,
    /// How many records got a wrong label.
    pub canaries: u64,
    /// How many records that no model was trained on were asked about.
    pub holdout: u64,
    /// How many worlds there were.
    pub worlds: u64,
    /// In how many worlds the candidate had the bytes of a retrain of its own seed, state and artefact.
    pub replayed: u64,
    /// In how many worlds that was looked at.
    pub replays: u64,
    /// Seconds that a training took, the median.
    pub train_seconds: f64,
    /// Seconds that forgetting took, the median.
    pub forget_seconds: f64,
    /// How many records the retrain of equal cost was trained on, the median.
    pub scratch_records: u64,
    /// The lower bound on ε from one world; none with fewer than 40 points.
    pub one_run: Option<OneRunReport>,
    /// How fast models learn again what they forgot; none for learners that retrain, and for numbers.
    pub relearning: Option<RelearnReport>,
    /// The key of all that was drawn.
    pub seed: u64,
    /// What follows from all of it.
    pub verdict: AuditVerdict,
    /// Whether what an earlier audit of the model kept was of something else and was given up.
    pub replaced_an_audit: bool,
    /// The verdicts and the evidence.
    pub audit: untrain_audit::Audit,
    /// How the evidence was had.
    pub settings: untrain_audit::Options,
    /// The version of the program.
    pub program: String,
    /// When it was finished, in Unix milliseconds.
    pub at_ms: i64,
    /// Seconds that all took; less where worlds were kept from an audit that was stopped.
    pub total_seconds: f64,
}

/// What follows from an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditVerdict {
    /// Attacks that tell the original model tell the candidate neither from a retrain nor whom it forgot.
    Passes,
    /// An attack does.
    Told,
    /// It claims to be exact, and its bytes are not those of a retrain.
    OtherBytes,
    /// It claims an ε that is less than what was measured.
    Refuted,
    /// Nothing that decides could decide.
    Undecided,
}

impl AuditVerdict {
    /// Whether the answer is no.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Told | Self::OtherBytes | Self::Refuted)
    }
}

/// Which records an audit asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AuditSource {
    /// Those that were named, which the dataset has.
    Named,
    /// Copies that were given, which the dataset has no longer.
    Given,
    /// Those of a request that waits to be carried out.
    Waiting {
        /// Its number.
        request: u64,
    },
    /// Those of a request whose records a legal hold keeps.
    Held {
        /// Its number.
        request: u64,
    },
    /// As many others as the last request forgot, since its records are erased.
    InPlaceOf {
        /// Its number.
        request: u64,
    },
    /// Some, since nobody has asked for anything yet.
    Drawn,
}

/// How fast copies of models come back to what they forgot: steps until they are as sure of it as 95 % of the original, as a ratio to
/// a retrained model's (AIN). 1 is ideal, and much less shows knowledge that is left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RelearnReport {
    /// Of the candidate, the mean over worlds.
    pub ain: Option<f64>,
    /// Of another retrained model.
    pub null: Option<f64>,
    /// Of the original, which need not learn anything.
    pub positive_control: Option<f64>,
    /// In how many worlds it was looked at.
    pub worlds: u64,
    /// In how many steps the records are learnt.
    pub steps: u64,
}

/// Whether a mark that a user planted in her own records still works.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MarkReport {
    /// How many inputs with the mark were asked about.
    pub queries: u64,
    /// For how many the model gives the planted answer.
    pub hits: u64,
    /// How many are too many, if the records were forgotten.
    pub threshold: u64,
    /// Whether there were too many: that the records were forgotten is rejected.
    pub rejected: bool,
    /// How often a model gives the planted answer that never saw the mark: measured on the holdout.
    pub deleted_rate: f64,
    /// How often one gives it that learnt the mark.
    pub kept_rate: f64,
    /// The chance that a model that forgot is rejected.
    pub type_one: f64,
    /// The chance that a model that did not forget is believed.
    pub type_two: f64,
}

/// Lower bounds on ε from one model of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OneRunReport {
    /// Of the candidate.
    pub epsilon: f64,
    /// Of a retrained model.
    pub null: f64,
    /// Of the original.
    pub positive_control: f64,
    /// How many points were guessed to be in or out.
    pub guesses: u64,
    /// How many points there were.
    pub points: u64,
}

/// How exposed records of a model's training are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExposureReport {
    /// The model.
    pub model: String,
    /// Its version.
    pub version: u64,
    /// How many shadow models there were.
    pub shadows: u64,
    /// How many records were asked about.
    pub asked: u64,
    /// How well LiRA tells the model from what it is without a record: the area under the curve, over the records; 0.5 if not at all.
    pub auc: f64,
    /// The records, the most exposed first.
    pub records: Vec<Exposure>,
    /// Seconds that a training took.
    pub train_seconds: f64,
    /// Seconds that it took to have a model forget a record, and learn it again.
    pub forget_seconds: f64,
    /// How many times less that is than a training.
    pub saving: f64,
    /// Seconds that all took.
    pub total_seconds: f64,
}

/// How exposed a record is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exposure {
    /// The record.
    pub id: String,
    /// LiRA's score: the logarithm of how much likelier the model's answer is if it learnt the record than if it did not.
    pub lira: f64,
    /// By how much learning the record raises the margin of its own answer, the mean over the shadow models.
    pub influence: f64,
}

/// Where the training of a model and its repetition part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The checkpoint, counted from 0, which is also the span that leads to it.
    pub checkpoint: u64,
    /// The shard that it is of.
    pub shard: u64,
    /// The digest of the stored model's checkpoint, as it stands in the trail.
    pub digest: Digest,
    /// The digest of what retraining gave.
    pub retrained_digest: Digest,
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

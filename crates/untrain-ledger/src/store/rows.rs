//! What the store knows, and what a change to it is made of.

use untrain_core::Digest;

use crate::{Error, Name};

/// A dataset: opaque records in parts, and what describes them.
#[derive(Debug, Clone, PartialEq)]
pub struct DatasetRow {
    /// Its name.
    pub name: Name,
    /// How often it was stored: 1 for a new one, one more with every replacement.
    pub version: u64,
    /// The schema, as JSON.
    pub schema: String,
    /// How many records it has.
    pub records: u64,
    /// The records, in the order of `index`. They are in parts so that to forget a record rewrites only one.
    pub parts: Vec<Part>,
    /// When this version was stored, in Unix milliseconds.
    pub created_ms: i64,
}

/// A part of a dataset's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its place among the parts; need not be consecutive.
    pub index: u32,
    /// The digest of its blob.
    pub digest: Digest,
    /// How many records it has.
    pub records: u64,
}

/// The current version of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRow {
    /// Its name.
    pub name: Name,
    /// The dataset that it was trained on.
    pub dataset: Name,
    /// How often it was published: 1 for a new one, one more with every version.
    pub version: u64,
    /// The recipe, as JSON.
    pub recipe: String,
    /// The digest of what is served.
    pub artefact: Digest,
    /// The digest of what is needed to forget.
    pub state: Digest,
    /// How many records it was trained on.
    pub records: u64,
    /// The guarantee, as JSON. The history keeps it, so it must hold no record's id and no value.
    pub guarantee: String,
    /// How long the last operation took in memory.
    pub seconds: f64,
    /// How long the last operation took with the durable path.
    pub total_seconds: f64,
    /// When this version was published, in Unix milliseconds.
    pub created_ms: i64,
}

/// What made a version of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It was trained.
    Train,
    /// Records were forgotten.
    Forget,
    /// Records were learned.
    Learn,
}

/// A version of a model that is or was published. It names the bytes; those of old versions are erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The version.
    pub version: u64,
    /// What made it.
    pub event: Event,
    /// The request that it answered.
    pub request: Option<u64>,
    /// The digest of what was served.
    pub artefact: Digest,
    /// The digest of what was needed to forget.
    pub state: Digest,
    /// How many records it was trained on.
    pub records: u64,
    /// The guarantee, as JSON. It outlives the version, so it must hold no record's id and no value.
    pub guarantee: String,
    /// When it was published, in Unix milliseconds.
    pub created_ms: i64,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// To forget records.
    Forget,
    /// To learn records.
    Learn,
}

/// A request that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Its number; numbers grow and are never used twice.
    pub number: u64,
    /// What it asked for.
    pub operation: Operation,
    /// Of which dataset.
    pub dataset: Name,
    /// For how many records.
    pub records: u64,
    /// What was done, as JSON. It outlives the records, so it must hold no record's id and no value.
    pub report: String,
    /// When it was carried out, in Unix milliseconds.
    pub created_ms: i64,
}

/// A request to be stored; its number is [`Store::next_request`](crate::Store::next_request).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// What it asks for.
    pub operation: Operation,
    /// Of which dataset.
    pub dataset: Name,
    /// For how many records.
    pub records: u64,
    /// What was done, as JSON. It outlives the records, so it must hold no record's id and no value.
    pub report: String,
    /// When it was carried out, in Unix milliseconds.
    pub created_ms: i64,
}

/// A version of a model to be published, and what made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// The model as it will be.
    pub model: ModelRow,
    /// What made this version.
    pub event: Event,
}

/// Everything that changes at once; see [`Store::commit`](crate::Store::commit).
///
/// Drops come first, then the datasets, the request and the models, which are published in answer to that request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change {
    /// Whether datasets and models may take the place of others of the same name.
    pub replace: bool,
    /// Models to be dropped, with their history.
    pub drop_models: Vec<Name>,
    /// Datasets to be dropped; no model may be left that was trained on them.
    pub drop_datasets: Vec<Name>,
    /// Datasets to be stored. Their version is one more than the stored one's, or 1.
    pub datasets: Vec<DatasetRow>,
    /// The request that the change answers.
    pub request: Option<NewRequest>,
    /// Models to be published. Their version is one more than the stored one's, or 1.
    pub models: Vec<Version>,
}

/// What a commit did. The change itself is durable.
#[derive(Debug)]
#[must_use = "`unfinished` tells whether the old bytes are gone"]
pub struct Committed {
    /// The number of the change's request.
    pub request: Option<u64>,
    /// The blobs that were erased because no row refers to them any longer.
    pub erased: Vec<Digest>,
    /// Why some old bytes are still there, if they are. The next commit and the next opening for writing try again.
    pub unfinished: Option<Error>,
}

impl Event {
    pub(super) const ALL: [Self; 3] = [Self::Train, Self::Forget, Self::Learn];

    /// The event as one word, as it stands in the database and should in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Forget => "forget",
            Self::Learn => "learn",
        }
    }
}

impl Operation {
    pub(super) const ALL: [Self; 2] = [Self::Forget, Self::Learn];

    /// The operation as one word, as it stands in the database and should in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forget => "forget",
            Self::Learn => "learn",
        }
    }
}

impl Change {
    /// Whether the change takes content out of the database, and not only adds some.
    pub(super) fn takes_away(&self) -> bool {
        let Self { replace, drop_models, drop_datasets, datasets: _, request: _, models: _ } = self;
        *replace || !drop_models.is_empty() || !drop_datasets.is_empty()
    }

    /// The blobs that the change refers to.
    pub(super) fn digests(&self) -> impl Iterator<Item = &Digest> {
        let parts = self.datasets.iter().flat_map(|dataset| dataset.parts.iter().map(|part| &part.digest));
        parts.chain(self.models.iter().flat_map(|version| [&version.model.artefact, &version.model.state]))
    }
}

//! What the store knows, and what a change to it is made of.

use untrain_core::Digest;

use crate::statement::Kind;
use crate::{Error, Hash, Name};

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
    /// The commitment to its records; none in a dataset that was stored before there were commitments.
    pub commitment: Option<Committing>,
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

/// The commitment to the records of a dataset, and where the records' own commitments are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committing {
    /// The root of the [`CommitmentSet`](crate::commitment::CommitmentSet) of all of them.
    pub root: Hash,
    /// How many of a commitment's first bits tell its bucket.
    pub bits: u8,
    /// The buckets that are not empty, by prefix.
    pub buckets: Vec<BucketRow>,
}

/// A bucket of commitments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketRow {
    /// The first bits of its commitments.
    pub prefix: u32,
    /// The digest of its blob: the commitments in order, 32 bytes each.
    pub digest: Digest,
    /// Its [`bucket_root`](crate::commitment::bucket_root).
    pub root: Hash,
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

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its records are known; nothing was done yet.
    Scoped,
    /// The new versions are out, and the old bytes are not all gone yet.
    Published,
    /// The new versions are out, and a legal hold keeps the records.
    Held,
    /// All was done.
    Closed,
    /// It was refused.
    Refused,
    /// Whoever made it took it back.
    Cancelled,
}

/// A request to forget or to learn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// A random name, by which the log speaks of it.
    pub id: Name,
    /// What the requester calls it. It may be personal data, so it goes nowhere else.
    pub key: Option<String>,
    /// What it asks for.
    pub operation: Operation,
    /// Of which dataset.
    pub dataset: Name,
    /// How far it has come.
    pub state: State,
    /// For how many records.
    pub records: u64,
    /// Its clocks and the like, as JSON. It outlives the records, so it must hold no record's id and no value.
    pub facts: String,
    /// What was done, as JSON. It outlives the records, so it must hold no record's id and no value.
    pub report: String,
    /// When it was stored, or carried out, in Unix milliseconds.
    pub created_ms: i64,
}

/// A request with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Its number; numbers grow and are never used twice.
    pub number: u64,
    /// The request that it was carried out with, the first of a batch; none if that is itself.
    pub carried_with: Option<u64>,
    /// The request.
    pub request: Request,
}

/// A signed statement on its way to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStatement {
    /// Its kind.
    pub kind: Kind,
    /// The bytes of its envelope.
    pub entry: Vec<u8>,
    /// The request that it is about, if it is about one: the one that the change stores, or another.
    pub request: Option<OfRequest>,
    /// The model and the version that it is about, if it is about one.
    pub model: Option<(Name, u64)>,
    /// Whether it waits until what the change gives up is erased.
    pub after_erasing: bool,
}

/// Which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfRequest {
    /// The one that the change stores.
    New,
    /// One that is there.
    Number(u64),
}

/// A signed statement as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRow {
    /// Its number; later ones are greater.
    pub number: u64,
    /// Its kind.
    pub kind: Kind,
    /// The digest of its envelope.
    pub digest: Digest,
    /// The request that it is about.
    pub request: Option<u64>,
    /// The model and the version that it is about.
    pub model: Option<(Name, u64)>,
    /// Whether it waits for an erasing.
    pub after_erasing: bool,
    /// Its bytes or its place in the log.
    pub place: Place,
}

/// Where a statement is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// It waits for the log: the bytes of its envelope.
    Waiting(Vec<u8>),
    /// At an index of the log.
    Logged(u64),
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
    /// A request to be stored; its number is [`Store::next_request`](crate::Store::next_request).
    pub request: Option<Request>,
    /// The records of that request, if they are to be kept until it is carried out.
    pub scope: Vec<String>,
    /// Requests that have come further. Their records are no longer kept for them unless they are [`State::Scoped`].
    pub requests: Vec<RequestRow>,
    /// Models to be published. Their version is one more than the stored one's, or 1.
    pub models: Vec<Version>,
    /// The request that the models answer, where it is not the new one.
    pub answers: Option<u64>,
    /// Statements to be logged, in order.
    pub statements: Vec<NewStatement>,
    /// Statements that are in the log already, with their places, as a store takes them over that was restored.
    pub adopted: Vec<(NewStatement, u64)>,
    /// Statements that are in the log now: their numbers and places.
    pub logged: Vec<(u64, u64)>,
    /// Keyed hashes of what is forgotten, for the request of the change: the new one, or the one that it answers.
    pub forgotten: Vec<(Name, Hash)>,
    /// Keyed hashes that are to be known no longer.
    pub welcome: Vec<(Name, Hash)>,
    /// Blobs with what the receipts of requests show; each takes the place of the one before.
    pub evidence: Vec<(OfRequest, Digest)>,
    /// Blobs that a legal hold on a request keeps.
    pub holds: Vec<(OfRequest, Digest)>,
    /// Requests that no hold is on any longer.
    pub releases: Vec<u64>,
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

impl State {
    pub(super) const ALL: [Self; 6] = [Self::Scoped, Self::Published, Self::Held, Self::Closed, Self::Refused, Self::Cancelled];

    /// The state as one word, as it stands in the database and should in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scoped => "scoped",
            Self::Published => "published",
            Self::Held => "held",
            Self::Closed => "closed",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }
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
        let Self { replace, drop_models, drop_datasets, datasets: _, request: _, scope: _, requests, models: _, answers: _, .. } = self;
        // A statement leaves the database when it is in the log, where everybody can read it.
        let Self { statements: _, adopted: _, logged: _, forgotten: _, welcome, evidence: _, holds: _, releases, .. } = self;
        *replace || [drop_models.len(), drop_datasets.len(), requests.len(), welcome.len(), releases.len()] != [0; 5]
    }

    /// The blobs that the change refers to.
    pub(super) fn digests(&self) -> impl Iterator<Item = &Digest> {
        let parts = self.datasets.iter().flat_map(|dataset| dataset.parts.iter().map(|part| &part.digest));
        let buckets = self.datasets.iter().flat_map(|dataset| &dataset.commitment);
        let buckets = buckets.flat_map(|commitment| commitment.buckets.iter().map(|bucket| &bucket.digest));
        let models = self.models.iter().flat_map(|version| [&version.model.artefact, &version.model.state]);
        parts.chain(buckets).chain(models).chain(self.holds.iter().chain(&self.evidence).map(|(_, digest)| digest))
    }
}

//! The predicates: one struct for each kind of statement. Their fields are the format.

use serde::{Deserialize, Serialize};
use untrain_core::{Digest, Guarantee, Seed};

use crate::bisect::Part;
use crate::checkpoint::Checkpoint;
use crate::commitment::SetHead;
use crate::merkle::TreeHead;
use crate::{Hash, Name};

/// The digests of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelDigests {
    /// Of the artefact: what is served.
    pub artefact: Digest,
    /// Of the state: what the next deletion needs.
    pub state: Digest,
}

/// Which program computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Its version.
    pub version: String,
    /// The digest of the lock file that names all its dependencies.
    pub lock: Digest,
    /// The target that it was built for.
    pub target: String,
    /// How it computes with floats.
    pub floats: String,
}

/// Where a model's seed comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SeedOrigin {
    /// From the checkpoint that the log had when the model was registered, so that nobody could try seeds.
    Log {
        /// The log.
        origin: String,
        /// The size of its tree.
        size: u64,
        /// The root of its tree.
        root: Hash,
    },
    /// Somebody chose it.
    Chosen,
}

impl SeedOrigin {
    /// The seed of a model that is registered when a log has this checkpoint, and where it comes from: the first 53 bits, most
    /// significant first, of SHA-256("untrain-seed-v1\n" ‖ the checkpoint's text). Every reader of JSON gets a number of 53 bits
    /// right. Nothing else is hashed that whoever registers the model could vary: another seed takes another entry in the log,
    /// where everybody sees it.
    pub fn of(checkpoint: &Checkpoint) -> (Seed, Self) {
        let hash = Hash::of(&[b"untrain-seed-v1\n", checkpoint.to_string().as_bytes()]);
        let seed = hash.0.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes) >> 11);
        let origin = Self::Log { origin: checkpoint.origin.clone(), size: checkpoint.head.size, root: checkpoint.head.root };
        (Seed(seed), origin)
    }

    /// The seed that a model of this origin has, if it follows from anything.
    pub fn seed(&self) -> Option<Seed> {
        let Self::Log { origin, size, root } = self else { return None };
        let head = TreeHead { size: *size, root: *root };
        Some(Self::of(&Checkpoint { origin: origin.clone(), head, extensions: Vec::new() }).0)
    }
}

/// A model was trained, from scratch or by learning more records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// The model.
    pub model: Name,
    /// Its version.
    pub version: u64,
    /// The dataset.
    pub dataset: Name,
    /// The commitment to the records that it was trained on.
    pub records: SetHead,
    /// The digest of the recipe.
    pub recipe: Digest,
    /// The result.
    pub digests: ModelDigests,
    /// The head of the tree over the checkpoints of the training (see [`bisect`](crate::bisect)), where the learner has some.
    pub checkpoints: Option<TreeHead>,
    /// Where the seed comes from.
    pub seed: SeedOrigin,
    /// Which program computed.
    pub program: Program,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// Somebody asked for records to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The request's random id.
    pub request: Name,
    /// The dataset.
    pub dataset: Name,
    /// Under which law, for example "GDPR" or "CCPA"; empty if none was named.
    pub regime: String,
    /// The commitment to the set of the records' commitments.
    pub records: SetHead,
    /// When it arrived, in milliseconds since 1970.
    pub received_ms: u64,
    /// When it has to be confirmed, if it has to be.
    pub confirm_due_ms: Option<u64>,
    /// When it has to be answered.
    pub due_ms: Option<u64>,
}

/// A request that an erasure or a purge is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRef {
    /// The request's id.
    pub request: Name,
    /// The digest of its signed statement.
    pub statement: Digest,
}

/// Records were forgotten.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// The requests that it carries out.
    pub requests: Vec<RequestRef>,
    /// The dataset.
    pub dataset: Name,
    /// The commitment to the dataset's records before.
    pub before: SetHead,
    /// The commitment to the dataset's records after.
    pub after: SetHead,
    /// The commitment to the set of what is in the first and not in the second.
    pub forgotten: SetHead,
    /// Every model that had learned from the dataset.
    pub models: Vec<Affected>,
    /// Which program computed.
    pub program: Program,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// What became of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Affected {
    /// The model.
    pub model: Name,
    /// The digest of its recipe.
    pub recipe: Digest,
    /// Its version after.
    pub version: u64,
    /// Its digests before.
    pub before: ModelDigests,
    /// Its digests after; none if it is gone.
    pub after: Option<ModelDigests>,
    /// The head of the tree over the checkpoints of the training that gives the model after, where the learner has some.
    pub checkpoints: Option<TreeHead>,
    /// How the new model stands to a retrain without the records; none if it is gone or was left as it is.
    pub guarantee: Option<Guarantee>,
    /// What was done.
    pub fate: Fate,
}

/// What was done with a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fate {
    /// It was revised without training it anew.
    Updated,
    /// It was trained anew without the records.
    Retrained,
    /// It was dropped.
    Dropped,
    /// It had not learned the records.
    Unaffected,
    /// It was left as it is.
    Waived {
        /// Why.
        reason: String,
    },
}

/// A file with a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
}

/// A model's files were made available.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// The model.
    pub model: Name,
    /// Its version.
    pub version: u64,
    /// The digest of the artefact that the files come from.
    pub artefact: Digest,
    /// The files, the artefact itself among them if it is served as it is.
    pub files: Vec<File>,
    /// The least version that may be served from now on.
    pub floor: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// Old bytes were destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purge {
    /// The requests that it carries out.
    pub requests: Vec<RequestRef>,
    /// The digests of what was destroyed.
    pub destroyed: Vec<Digest>,
    /// How, for example "erased, database compacted" or "key destroyed".
    pub method: String,
    /// Until when backups may still hold it, in milliseconds since 1970; none if no backup does.
    pub backups_until_ms: Option<u64>,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// How much was replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Scope {
    /// The whole training.
    Full,
    /// One shard of an ensemble, from nothing to its finished model. All shards have as many checkpoints.
    Shard {
        /// Which, counted from 0.
        index: u64,
    },
    /// Spans of the training. Each leads from a checkpoint, or from nothing where a shard begins, to the next one.
    Span {
        /// The first, which leads to the checkpoint of this index.
        from: u64,
        /// The one after the last.
        to: u64,
    },
}

/// An auditor retrained a model and compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The model.
    pub model: Name,
    /// Its version.
    pub version: u64,
    /// The digest of the signed statement that was replayed.
    pub statement: Digest,
    /// The commitment to the records that the auditor was given.
    pub records: SetHead,
    /// What the statement says.
    pub expected: ModelDigests,
    /// What the replay gave; the replay confirms the statement if it is the same. Where a part was replayed, this is the model with the
    /// result in the place of that part.
    pub obtained: ModelDigests,
    /// How much was replayed.
    pub scope: Scope,
    /// The head of the tree over the checkpoints of what was obtained, where the learner has some.
    pub checkpoints: Option<TreeHead>,
    /// The checkpoints that the replay gave, with the proof that they are in that tree; none where the scope is full.
    pub part: Option<Part>,
    /// The auditor's program.
    pub program: Program,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

//! Statements: what the operator, or an auditor, says in public about trainings and deletions.
//!
//! A statement is an in-toto Statement in canonical JSON; its predicate is one of the structs of this module. It holds digests,
//! commitments, names of datasets and models, and times: no record, no record's id and no hash of either.

mod predicate;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use untrain_core::Digest;

pub use self::predicate::{
    Affected, Erasure, Fate, File, ModelDigests, Program, Publish, Purge, Replay, Request, RequestRef, Scope, SeedOrigin, Train,
};
use crate::{Hash, Refusal};

/// The largest statement, in bytes of canonical JSON.
pub const LARGEST: usize = 16 * 1024;

const TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "urn:untrain:statement:";
const VERSION: &str = ":v1";
/// The largest integer that every reader of JSON gets right.
const LARGEST_INTEGER: u64 = (1 << 53) - 1;

/// What a statement says.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// A model was trained, from scratch or by learning more records.
    Train(Train),
    /// Somebody asked for records to be forgotten.
    Request(Request),
    /// Records were forgotten, and what became of the models that had learned them.
    Erasure(Erasure),
    /// A model's files were made available.
    Publish(Publish),
    /// Old bytes were destroyed.
    Purge(Purge),
    /// An auditor retrained a model and compared.
    Replay(Replay),
}

/// The kinds of statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// See [`Statement::Train`].
    Train,
    /// See [`Statement::Request`].
    Request,
    /// See [`Statement::Erasure`].
    Erasure,
    /// See [`Statement::Publish`].
    Publish,
    /// See [`Statement::Purge`].
    Purge,
    /// See [`Statement::Replay`].
    Replay,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Train, Self::Request, Self::Erasure, Self::Publish, Self::Purge, Self::Replay];

    /// The word for it, as it stands in the predicate's type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Request => "request",
            Self::Erasure => "erasure",
            Self::Publish => "publish",
            Self::Purge => "purge",
            Self::Replay => "replay",
        }
    }

    /// The predicate's type: `urn:untrain:statement:<name>:v1`.
    pub fn predicate_type(self) -> String {
        format!("{PREDICATE}{}{VERSION}", self.name())
    }

    /// What a statement of this kind does not prove, in sentences for people. Every receipt prints them.
    pub fn does_not_prove(self) -> &'static [&'static str] {
        match self {
            Self::Train => &[
                "It does not prove that the training was done as stated: a replay by somebody who holds the records does.",
                "It does not prove that the records were lawfully used, or that the recipe was chosen without looking at them.",
            ],
            Self::Request => &[
                "It does not prove who made the request, or that the records found are all that the operator has of the person.",
                "It does not prove that the request has been carried out: an erasure statement says that.",
            ],
            Self::Erasure => &[
                "It does not prove that the stated model is the one in use: compare the digest of what is served.",
                "It does not prove that copies made earlier are gone: a purge statement says so, and a statement is not a proof.",
                "It does not prove that the person's data is not in the dataset under another id, or in a near copy.",
                "It does not prove that the model's bytes come from the retained records before a replay has compared them.",
                "It does not prove that choices made earlier, such as the recipe, were independent of the forgotten records.",
            ],
            Self::Publish => &[
                "It does not prove that every place that serves the model has taken this version up.",
                "It does not prove that others who downloaded earlier versions deleted them.",
            ],
            Self::Purge => &[
                "It does not prove that the bytes are gone: it is the operator's signed word, since nobody can prove a negative.",
                "It does not prove anything about copies outside the places that it names.",
            ],
            Self::Replay => &[
                "It does not prove that the records given to the auditor are all the operator has: it binds them to the commitment.",
                "It does not prove more than the scope that it names: what a shard or a span leaves out may be other than stated.",
            ],
        }
    }
}

impl Statement {
    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Train(_) => Kind::Train,
            Self::Request(_) => Kind::Request,
            Self::Erasure(_) => Kind::Erasure,
            Self::Publish(_) => Kind::Publish,
            Self::Purge(_) => Kind::Purge,
            Self::Replay(_) => Kind::Replay,
        }
    }

    /// When it says that it was made, or for a request that it arrived, in milliseconds since 1970.
    pub fn at_ms(&self) -> u64 {
        match self {
            Self::Train(train) => train.at_ms,
            Self::Request(request) => request.received_ms,
            Self::Erasure(erasure) => erasure.at_ms,
            Self::Publish(publish) => publish.at_ms,
            Self::Purge(purge) => purge.at_ms,
            Self::Replay(replay) => replay.at_ms,
        }
    }

    /// What the statement is about, by name and SHA-256; in-toto calls them subjects. They follow from the predicate.
    pub fn subjects(&self) -> Vec<(String, Hash)> {
        let model = |name: &str, digests: &ModelDigests| {
            [(format!("model/{name}/artefact"), Hash::from(&digests.artefact)), (format!("model/{name}/state"), Hash::from(&digests.state))]
        };
        match self {
            Self::Train(train) => model(&train.model, &train.digests).to_vec(),
            Self::Request(request) => vec![(format!("request/{}", request.request), request.records.root)],
            Self::Erasure(erasure) => {
                let mut subjects = vec![(format!("dataset/{}", erasure.dataset), erasure.after.root)];
                for affected in &erasure.models {
                    subjects.extend(affected.after.iter().flat_map(|after| model(&affected.model, after)));
                }
                subjects
            }
            Self::Publish(publish) => publish.files.iter().map(|file| (file.name.clone(), Hash::from(&file.digest))).collect(),
            Self::Purge(purge) => {
                purge.destroyed.iter().enumerate().map(|(i, digest)| (format!("destroyed/{i}"), Hash::from(digest))).collect()
            }
            Self::Replay(replay) => model(&replay.model, &replay.obtained).to_vec(),
        }
    }

    /// The statement in canonical JSON (RFC 8785).
    ///
    /// # Errors
    ///
    /// [`Refusal::TooLarge`] beyond 16 KiB; [`Refusal::Malformed`] for a number beyond 2^53 − 1 or one that is not finite, and for
    /// a statement about nothing.
    ///
    /// # References
    ///
    /// \[@rfc8785], \[@in-toto-statement].
    pub fn to_json(&self) -> Result<Vec<u8>, Refusal> {
        let subject: Vec<Subject> = self.subjects().into_iter().map(|(name, sha256)| Subject { name, digest: Sha256 { sha256 } }).collect();
        if subject.is_empty() {
            return Err(Refusal::malformed("statement", "it is about nothing"));
        }
        let predicate = self.predicate().map_err(|error| Refusal::malformed("statement", error.to_string()))?;
        let raw = Raw { kind: TYPE.to_owned(), subject, predicate_type: self.kind().predicate_type(), predicate };
        let bytes = canonical(&raw)?;
        if bytes.len() > LARGEST {
            return Err(Refusal::TooLarge { what: "statement", bytes: bytes.len() as u64, limit: LARGEST as u64 });
        }
        Ok(bytes)
    }

    /// Reads a statement, which has to be in canonical JSON without a field that is not known.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooLarge`] and [`Refusal::Malformed`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > LARGEST {
            return Err(Refusal::TooLarge { what: "statement", bytes: bytes.len() as u64, limit: LARGEST as u64 });
        }
        let refuse = |reason: String| Refusal::malformed("statement", reason);
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| refuse(error.to_string()))?;
        if raw.kind != TYPE {
            return Err(refuse(format!("its type is not {TYPE}")));
        }
        let kind = Kind::ALL.into_iter().find(|kind| kind.predicate_type() == raw.predicate_type);
        let kind = kind.ok_or_else(|| refuse(format!("statements of the type \"{}\" are not known here", raw.predicate_type)))?;
        let statement = Self::from_predicate(kind, raw.predicate).map_err(|error| refuse(error.to_string()))?;
        // This finds other orders, spaces, spellings of numbers and digests, repeated keys, and subjects that do not fit.
        if statement.to_json()? != bytes {
            return Err(refuse("it is not in canonical JSON, or its subjects do not follow from what it says".to_owned()));
        }
        Ok(statement)
    }

    fn predicate(&self) -> serde_json::Result<Value> {
        match self {
            Self::Train(train) => serde_json::to_value(train),
            Self::Request(request) => serde_json::to_value(request),
            Self::Erasure(erasure) => serde_json::to_value(erasure),
            Self::Publish(publish) => serde_json::to_value(publish),
            Self::Purge(purge) => serde_json::to_value(purge),
            Self::Replay(replay) => serde_json::to_value(replay),
        }
    }

    fn from_predicate(kind: Kind, value: Value) -> serde_json::Result<Self> {
        Ok(match kind {
            Kind::Train => Self::Train(serde_json::from_value(value)?),
            Kind::Request => Self::Request(serde_json::from_value(value)?),
            Kind::Erasure => Self::Erasure(serde_json::from_value(value)?),
            Kind::Publish => Self::Publish(serde_json::from_value(value)?),
            Kind::Purge => Self::Purge(serde_json::from_value(value)?),
            Kind::Replay => Self::Replay(serde_json::from_value(value)?),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: Sha256,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sha256 {
    sha256: Hash,
}

/// Canonical JSON, without the integers that a reader may round.
pub(crate) fn canonical(value: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    let refuse = |reason: String| Refusal::malformed("statement", reason);
    let value = serde_json::to_value(value).map_err(|error| refuse(error.to_string()))?;
    if let Some(number) = unsafe_number(&value) {
        return Err(refuse(format!("the number {number} is beyond 2^53 - 1, so not every reader gets it right")));
    }
    serde_json_canonicalizer::to_vec(&value).map_err(|error| refuse(error.to_string()))
}

fn unsafe_number(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => {
            let large = number.as_u64().map_or_else(|| number.as_i64().map(i64::unsigned_abs), Some);
            large.is_some_and(|n| n > LARGEST_INTEGER).then(|| number.to_string())
        }
        Value::Array(values) => values.iter().find_map(unsafe_number),
        Value::Object(map) => map.values().find_map(unsafe_number),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

/// The digest of the bytes of a signed statement, by which others refer to it.
pub fn reference(envelope: &[u8]) -> Digest {
    Digest::of(envelope)
}

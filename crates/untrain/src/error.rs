//! What can go wrong in the engine.

use std::path::PathBuf;

use crate::{import, select};

/// The result of the engine's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the engine. An `Err` means that nothing changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Of records, recipes or canonical bytes.
    #[error(transparent)]
    Core(#[from] untrain_core::Error),
    /// Of a file of records.
    #[error(transparent)]
    Import(#[from] import::Error),
    /// Of an audit.
    #[error(transparent)]
    Audit(#[from] untrain_audit::Error),
    /// An audit of a model whose predictions have no truth beside them.
    #[error("the model predicts nothing that a column of the records tells the truth about")]
    NotAudited,
    /// Methods of unlearning for a learner that has no use for them.
    #[error("\"{model}\" is made by {learner}, and is not one network")]
    NoNetwork {
        /// The model.
        model: String,
        /// Its learner.
        learner: String,
    },
    /// A method of unlearning for a dataset without a network.
    #[error("no model of \"{dataset}\" is a network that a method of unlearning could move")]
    NoNetworks {
        /// The dataset.
        dataset: String,
    },
    /// Forgetting all records by a method that needs some that stay.
    #[error("no record would be retained, and a method of unlearning needs some")]
    NothingRetained,
    /// A certified request beyond what a model may spend.
    #[error("the requests of model \"{model}\" have spent epsilon {spent}, and {asked} more would exceed {limit}")]
    EpsilonSpent {
        /// The model.
        model: String,
        /// What its requests add up to.
        spent: f64,
        /// What this one would add.
        asked: f64,
        /// The limit.
        limit: f64,
    },
    /// An audit of no record with a target.
    #[error("none of the records to forget has a target, so there is nothing to ask a model about")]
    NobodyToAudit,
    /// Of a selection of records.
    #[error(transparent)]
    Select(#[from] select::Error),
    /// Of the store.
    #[error(transparent)]
    Store(#[from] untrain_ledger::Error),
    /// Records in the store that cannot be read.
    #[error("the records of \"{dataset}\" in the store {path} cannot be read")]
    Records {
        /// The dataset.
        dataset: String,
        /// The store.
        path: PathBuf,
        /// Why.
        #[source]
        source: arrow_schema::ArrowError,
    },
    /// Metadata in the store that cannot be read.
    #[error("what the store says of \"{name}\" cannot be read")]
    Metadata {
        /// The dataset or model.
        name: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// An evaluation without records to evaluate on.
    #[error("\"{dataset}\" holds no record out")]
    NoHoldout {
        /// The dataset.
        dataset: String,
    },
    /// An evaluation on a file that has no target.
    #[error("the file has no column \"{target}\" to compare predictions with")]
    NoTarget {
        /// The target.
        target: String,
    },
    /// An evaluation of a model that transforms records.
    #[error("the model \"{model}\" transforms records, so that no column tells the truth about them")]
    NotScored {
        /// The model.
        model: String,
    },
    /// A log that lacks what the store sent to it.
    #[error(
        "the log {path} has {found} entries, and {expected} of the store's statements were in it: it was cut, or an old copy put in its place"
    )]
    TrailBehind {
        /// The log.
        path: PathBuf,
        /// How many entries it has.
        found: u64,
        /// How many it had.
        expected: u64,
    },
    /// A log with a statement that the store did not make.
    #[error("entry {place} of the log {path} is not of this store: the store is an old copy, or the log another's")]
    TrailAhead {
        /// The log.
        path: PathBuf,
        /// The index of the entry.
        place: u64,
    },
    /// A store without a log.
    #[error("the store has no trail: there is no {path}")]
    NoTrail {
        /// What is missing.
        path: PathBuf,
    },
    /// A dataset without commitments.
    #[error("the dataset \"{dataset}\" has no commitments yet")]
    NoCommitment {
        /// The dataset.
        dataset: String,
    },
    /// A log that is not the one that a backup belongs to, or that lacks what the backup's has.
    #[error("the log of {log} entries does not continue the backup's of {backup}")]
    NotContinued {
        /// How many entries the backup's log has.
        backup: u64,
        /// How many the other has.
        log: u64,
    },
    /// A log that is older than what its key has signed, so that deletions may be missing in it.
    #[error("the log has {found} entries, and its key has signed {signed}: what was forgotten since would come back")]
    OldLog {
        /// How many entries it has.
        found: u64,
        /// How many its key has signed.
        signed: u64,
    },
    /// A step of a restoring that does not give what the log states.
    #[error("{what} would be {found}, and the log states {stated}")]
    Unrestored {
        /// What was compared.
        what: String,
        /// What was found.
        found: untrain_ledger::Hash,
        /// What is stated.
        stated: untrain_ledger::Hash,
    },
    /// An auditor whom the policy does not trust.
    #[error("the policy does not trust the auditor {key}")]
    UnknownAuditor {
        /// The auditor's public key.
        key: String,
    },
    /// A signer whose key is not the one that the store's policy has in use.
    #[error("the key of the {role} is {key}, and the store's policy has {known}")]
    OtherSigner {
        /// `log` or `issuer`.
        role: &'static str,
        /// The signer's public key.
        key: String,
        /// The public key in the policy.
        known: String,
    },
    /// A request that is said to have arrived later than now.
    #[error("the request cannot have arrived in the future")]
    FromTheFuture,
    /// Statements that are not in the log yet.
    #[error("the statements about the request are not in the log yet")]
    StillWaiting,
    /// A key that a store makes for itself.
    #[error("the {role} keys of a store are its own")]
    OwnKey {
        /// The role.
        role: &'static str,
    },
    /// A text without a cosignature that counts.
    #[error("no witness that the policy trusts cosigned this")]
    NoWitness,
    /// Cosignatures for a checkpoint that is not the current one.
    #[error("the cosignatures are for another checkpoint than the log has now")]
    OtherCheckpoint,
    /// A model that was trained before there was a trail.
    #[error("the trail does not say how the model \"{model}\" came about")]
    NotStated {
        /// The model.
        model: String,
    },
    /// A shard that a model does not have.
    #[error("{}", no_shard(model, *index, *n_shards))]
    NoShard {
        /// The model.
        model: String,
        /// Which was asked for.
        index: u64,
        /// How many it has.
        n_shards: u64,
    },
    /// A model of which the trail states no checkpoints.
    #[error("the trail states no checkpoints of the model \"{model}\", so that a replay of a part would show nothing")]
    NoCheckpoints {
        /// The model.
        model: String,
    },
    /// Records that were forgotten and come back.
    #[error("{} of the file {} forgotten by request {request}: {}", counted(.ids.len()), if .ids.len() == 1 { "was" } else { "were" }, first(.ids))]
    Returning {
        /// The records.
        ids: Vec<String>,
        /// The request that forgot one of them.
        request: u64,
    },
    /// A request by a name that another dataset's request has.
    #[error("request {request} is about the dataset \"{dataset}\"")]
    OtherDataset {
        /// The request.
        request: u64,
        /// Its dataset.
        dataset: String,
    },
    /// A request that is not known.
    #[error("there is no request \"{name}\"")]
    NoRequest {
        /// What it was called.
        name: String,
    },
    /// A request that has come too far, or not far enough.
    #[error("request {request} is {state}, so it cannot be {verb}")]
    WrongState {
        /// The request.
        request: u64,
        /// How far it has come.
        state: &'static str,
        /// What was to be done.
        verb: &'static str,
    },
    /// No request waits.
    #[error("no request on \"{dataset}\" waits to be carried out")]
    NothingDeferred {
        /// The dataset.
        dataset: String,
    },
    /// A clock that cannot be extended.
    #[error("the request cannot take longer: {reason}")]
    NoExtension {
        /// Why.
        reason: &'static str,
    },
    /// A time that is none.
    #[error("\"{text}\" is neither a day such as 2026-11-24 nor a moment such as 2026-11-24T09:30:00Z")]
    Time {
        /// The text.
        text: String,
    },
    /// A model that is not what retraining gives; nothing was changed.
    #[error("the model \"{model}\" would be {found}, and retraining gives {retrained}")]
    Unequal {
        /// The model.
        model: String,
        /// The digest that forgetting gave.
        found: untrain_core::Digest,
        /// The digest that retraining gave.
        retrained: untrain_core::Digest,
    },
    /// A request to forget that would leave models that know the records.
    #[error("the records would stay in {}", .left.join(", "))]
    ModelsLeft {
        /// The models that the request leaves out.
        left: Vec<String>,
    },
}

impl Error {
    /// Whether the request is at fault, and not the store or the system.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Core(untrain_core::Error::Malformed { what, .. }) => *what == "recipe",
            Self::Core(_)
            | Self::Import(_)
            | Self::Select(_)
            | Self::Audit(_)
            | Self::NotAudited
            | Self::NoNetwork { .. }
            | Self::NoNetworks { .. }
            | Self::NothingRetained
            | Self::EpsilonSpent { .. }
            | Self::NobodyToAudit
            | Self::NoHoldout { .. }
            | Self::NoTarget { .. }
            | Self::NotScored { .. }
            | Self::NoTrail { .. }
            | Self::OwnKey { .. }
            | Self::UnknownAuditor { .. }
            | Self::OtherSigner { .. }
            | Self::NotContinued { .. }
            | Self::OldLog { .. }
            | Self::FromTheFuture
            | Self::NoWitness
            | Self::OtherCheckpoint
            | Self::Returning { .. }
            | Self::OtherDataset { .. }
            | Self::NoRequest { .. }
            | Self::WrongState { .. }
            | Self::NothingDeferred { .. }
            | Self::NoExtension { .. }
            | Self::Time { .. }
            | Self::NoShard { .. }
            | Self::ModelsLeft { .. } => true,
            Self::Store(error) => error.is_usage(),
            Self::Records { .. }
            | Self::Metadata { .. }
            | Self::NoCommitment { .. }
            | Self::NotStated { .. }
            | Self::StillWaiting
            | Self::NoCheckpoints { .. }
            | Self::Unrestored { .. }
            | Self::TrailBehind { .. }
            | Self::TrailAhead { .. }
            | Self::Unequal { .. } => false,
        }
    }

    /// What the user could do about it, if that is known.
    pub fn hint(&self) -> Option<String> {
        use untrain_core::Error as Core;
        let did_you_mean = |name: &str| format!("did you mean \"{name}\"?");
        match self {
            Self::Core(Core::UnknownIds { .. }) => Some("--ignore-unknown passes over such ids".to_owned()),
            Self::Core(Core::AlreadyPresent { .. }) => Some("to replace a record, forget it first".to_owned()),
            Self::Core(Core::Schema { reason }) if reason.contains("is the target") => {
                Some("import the file again with --target COLUMN".to_owned())
            }
            Self::Core(Core::Unfit { hint, .. }) => Some(hint.clone()),
            Self::Core(Core::Schema { reason }) if reason.contains("is the subject") => {
                Some("import the file again with --subject COLUMN".to_owned())
            }
            Self::Core(Core::TooMany { what: "weights", .. }) => {
                Some("hash words into fewer columns, leave out columns with many categories, or take naive_bayes".to_owned())
            }
            Self::Core(Core::TooMany { what: "items", .. }) => {
                Some("method=neighbours has no such limit; or leave rare items out of the file".to_owned())
            }
            Self::Core(error) => error.nearest().map(did_you_mean),
            Self::Audit(error) => error.hint(),
            Self::NotAudited => Some("models of a target can be audited; those that cluster, transform or rank cannot".to_owned()),
            Self::NoNetwork { .. } => Some(
                "an mlp, a cnn or a resnet is a network; every other learner forgets exactly, and has no use for other methods".to_owned(),
            ),
            Self::NoNetworks { .. } => Some("leave --method out: the models forget exactly".to_owned()),
            Self::EpsilonSpent { .. } => Some(
                "leave --method out, which trains anew and ends the account, or raise total_epsilon if that much may be known".to_owned(),
            ),
            Self::NothingRetained => Some("leave --method out: a model of no record is exact".to_owned()),
            Self::Import(error) => error.hint(),
            Self::Select(error) => error.hint(),
            Self::Store(error) => error.nearest().map(did_you_mean),
            Self::NoHoldout { .. } => Some("name a file to evaluate on, or import with --holdout 0.2".to_owned()),
            Self::NotScored { model } => Some(format!("`untrain show {model}` tells how much its components explain")),
            Self::ModelsLeft { .. } => Some("leave --model out: a request to forget reaches every model of the dataset".to_owned()),
            Self::TrailBehind { .. } | Self::TrailAhead { .. } => {
                Some("put the store and its log back as they belong together, or restore a backup with `untrain restore`".to_owned())
            }
            Self::StillWaiting => Some("the next command that writes the store sends them".to_owned()),
            Self::OwnKey { .. } => {
                Some("`untrain keys rotate` replaces the log's and the issuer's; witnesses and auditors are others".to_owned())
            }
            Self::NoWitness => Some("`untrain keys trust KEY` has the policy trust a witness".to_owned()),
            Self::OtherCheckpoint => Some("ask the witness for the current one".to_owned()),
            Self::NoTrail { .. } => Some("the next command that writes the store makes one".to_owned()),
            Self::NothingDeferred { .. } => Some("`untrain requests` lists what is open".to_owned()),
            Self::NoRequest { .. } => Some("`untrain requests` lists them".to_owned()),
            Self::NoShard { n_shards: 0, .. } => Some("leave --shard out: only models of the learner \"sisa\" have shards".to_owned()),
            Self::NoCheckpoints { .. } => Some("forget or learn something, or train it again: the statement of that has them".to_owned()),
            Self::NotStated { .. } => Some("train it again: the trail starts with the training".to_owned()),
            Self::NoCommitment { .. } => Some("the next command that writes the dataset makes them".to_owned()),
            Self::OtherSigner { .. } => Some("give the signer that the policy names, or rotate to this one".to_owned()),
            Self::UnknownAuditor { .. } => Some("`untrain keys trust KEY` has the policy trust it".to_owned()),
            Self::OldLog { .. } | Self::NotContinued { .. } => {
                Some("give the log of the same store, as it was when the store was lost: --trail DIR".to_owned())
            }
            Self::Returning { .. }
            | Self::NoShard { .. }
            | Self::Unrestored { .. }
            | Self::FromTheFuture
            | Self::OtherDataset { .. }
            | Self::WrongState { .. }
            | Self::NoExtension { .. }
            | Self::Time { .. }
            | Self::Unequal { .. }
            | Self::NobodyToAudit
            | Self::Records { .. }
            | Self::Metadata { .. }
            | Self::NoTarget { .. } => None,
        }
    }
}

fn no_shard(model: &str, index: u64, n_shards: u64) -> String {
    match n_shards {
        0 => format!("the model \"{model}\" is not made of shards"),
        1 => format!("the model \"{model}\" has one shard, which is shard 0, and no shard {index}"),
        n => format!("the model \"{model}\" has the shards 0 to {}, and no shard {index}", n - 1),
    }
}

fn counted(n: usize) -> String {
    if n == 1 { "a record".to_owned() } else { format!("{n} records") }
}

/// The first few of some ids.
fn first(ids: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = ids.iter().take(SHOWN).map(|id| format!("\"{id}\"")).collect::<Vec<_>>().join(", ");
    if ids.len() > SHOWN { format!("{shown} and {} more", ids.len() - SHOWN) } else { shown }
}

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
            | Self::NoHoldout { .. }
            | Self::NoTarget { .. }
            | Self::NotScored { .. }
            | Self::ModelsLeft { .. } => true,
            Self::Store(error) => error.is_usage(),
            Self::Records { .. } | Self::Metadata { .. } => false,
        }
    }

    /// What the user could do about it, if that is known.
    pub fn hint(&self) -> Option<String> {
        use untrain_core::Error as Core;
        let did_you_mean = |name: &str| format!("did you mean \"{name}\"?");
        match self {
            Self::Core(Core::UnknownIds { .. }) => {
                Some("an id that was forgotten already is unknown too; --ignore-unknown passes over such ids".to_owned())
            }
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
            Self::Import(error) => error.hint(),
            Self::Select(error) => error.hint(),
            Self::Store(error) => error.nearest().map(did_you_mean),
            Self::NoHoldout { .. } => Some("name a file to evaluate on, or import with --holdout 0.2".to_owned()),
            Self::NotScored { model } => Some(format!("`untrain show {model}` tells how much its components explain")),
            Self::ModelsLeft { .. } => Some("leave --model out: a request to forget reaches every model of the dataset".to_owned()),
            Self::Records { .. } | Self::Metadata { .. } | Self::NoTarget { .. } => None,
        }
    }
}

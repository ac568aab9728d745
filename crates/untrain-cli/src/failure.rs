//! How errors are told: the message, its causes, a hint, and the exit code.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use untrain::import::Error as Import;
use untrain::select::Error as Select;
use untrain_ledger::Error as Store;

/// The exit code for bad usage and bad input.
pub(crate) const USAGE: u8 = 2;
/// The exit code where the store or the system failed.
const SYSTEM: u8 = 3;

/// The exit code where the answer is no.
const NO: u8 = 1;

/// Evidence that is refused, by a verb whose answer goes to standard output only if it is yes.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

/// A request that the command line itself refuses.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Usage {
    message: String,
    hint: Option<String>,
}

impl Usage {
    /// A refusal.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// A refusal with what could be done instead.
    pub(crate) fn with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
}

/// Tells an error on standard error.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let mut text = format!("error: {error}\n");
    let mut told = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Some messages hold their cause's already.
        if !told.contains(&cause) {
            let _ = writeln!(text, "  caused by: {cause}");
            told = cause;
        }
    }
    if let Some(hint) = hint(error) {
        let _ = writeln!(text, "hint: {hint}");
    }
    // There is nowhere left to complain to.
    let _ = io::stderr().write_all(text.as_bytes());
    ExitCode::from(match error.downcast_ref::<Refused>() {
        Some(_) => NO,
        None if is_usage(error) => USAGE,
        None => SYSTEM,
    })
}

fn is_usage(error: &anyhow::Error) -> bool {
    if error.downcast_ref::<Usage>().is_some() {
        return true;
    }
    error.downcast_ref::<untrain::Error>().is_some_and(untrain::Error::is_usage)
}

fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(usage) = error.downcast_ref::<Usage>() {
        return usage.hint.clone();
    }
    let error = error.downcast_ref::<untrain::Error>()?;
    by_flag(error).or_else(|| error.hint())
}

/// Hints that name the flags of this command line, where the engine can only speak of what they do.
fn by_flag(error: &untrain::Error) -> Option<String> {
    Some(match error {
        untrain::Error::Import(error) => match error {
            Import::NoId { unique, .. } => match unique.first() {
                Some(column) => format!("--id {} names it, or --id-from-content makes ids from the records' content", argument(column)),
                None => "--id COLUMN names it; no column tells all records apart, so --id-from-content may be what you need".to_owned(),
            },
            Import::Value { value, column, expected: "a number", .. } => {
                format!("--missing {} if it stands for a missing value, or --categorical {}", argument(value), argument(column))
            }
            Import::Value { value, expected: "finite", .. } => format!("--missing {} if it stands for a missing value", argument(value)),
            Import::Type { column, .. } | Import::NotText { column, .. } => format!("--drop {} leaves the column out", argument(column)),
            Import::NoLabels { expected: Some(expected), .. } => {
                format!("put the labels into {}, or name their file by --labels FILE at the import", expected.display())
            }
            Import::NoLabels { expected: None, .. } => "--labels FILE names the file of labels at the import".to_owned(),
            Import::Ragged { .. } => {
                "a value that holds the delimiter stands in double quotes; --delimiter tells what the delimiter is".to_owned()
            }
            _ => return None,
        },
        untrain::Error::Select(Select::NoSubject) => "import the file with --subject COLUMN, or select by --id or --where".to_owned(),
        untrain::Error::Store(error) => match error {
            Store::AlreadyExists { .. } => "--replace takes its place".to_owned(),
            Store::Busy { .. } => "--wait SECONDS waits for longer".to_owned(),
            Store::NoStore { .. } => "`untrain import` makes a store; --store DIR or UNTRAIN_STORE tells where there is one".to_owned(),
            Store::UnknownDataset { nearest: None, .. } | Store::UnknownModel { nearest: None, .. } | Store::UnknownRequest { .. } => {
                "`untrain list` shows what there is".to_owned()
            }
            Store::MissingEpochKey { .. } | Store::WrongEpochKey { .. } => {
                "the key was moved, lost or destroyed; what was encrypted under it cannot be read without it".to_owned()
            }
            Store::NotVacant { .. } | Store::InsideStore { .. } => "name a directory that does not exist yet".to_owned(),
            Store::NotABackup { .. } => {
                "the manifest is written last: a backup that was interrupted has none and cannot be used".to_owned()
            }
            Store::HalfRestored { .. } => "restore the same backup into it again".to_owned(),
            Store::EpochInUse { .. } => "begin another epoch before you destroy the key of this one".to_owned(),
            Store::DamagedBlob { .. } | Store::DamagedBlobKey { .. } | Store::MissingBlob { .. } => {
                "the file was changed or lost outside untrain; restore the store from a backup".to_owned()
            }
            _ => return None,
        },
        untrain::Error::Returning { .. } => {
            "--skip-forgotten leaves them out; --accept-forgotten takes them in, as after a new consent".to_owned()
        }
        _ => return None,
    })
}

/// A value as a shell takes it.
pub(crate) fn argument(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:,=+".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_quoted_where_a_shell_would_read_it_differently() {
        assert_eq!(["age", "?", "it's", ""].map(argument), ["age", "'?'", "'it'\\''s'", "''"]);
    }
}

//! Why records cannot be found.

use std::path::PathBuf;

/// The result of a selection.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a selection fails. No records at all is an answer, not an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The expression says nothing.
    #[error("the expression is empty")]
    Empty,
    /// The expression is not one.
    #[error("at character {position} of the expression: {reason}")]
    Syntax {
        /// Where, from 1; one past the end if something is missing there.
        position: usize,
        /// What is wrong, with the text that stands there.
        reason: String,
        /// The column that stands there, if its name has to be quoted.
        column: Option<String>,
    },
    /// A column that the dataset does not have.
    #[error("there is no column \"{name}\"")]
    UnknownColumn {
        /// The name in the expression.
        name: String,
        /// Whether it stands in double quotes, in which people also write text.
        quoted: bool,
        /// The closest name that exists.
        nearest: Option<String>,
    },
    /// A name that fits more than one column, since case does not count in an expression.
    #[error("\"{name}\" could be any of the columns {}", names.join(", "))]
    Ambiguous {
        /// The name in the expression.
        name: String,
        /// The columns.
        names: Vec<String>,
    },
    /// Something that an expression about one record has no use for.
    #[error("an expression may not use {what}")]
    Forbidden {
        /// What it is.
        what: String,
    },
    /// The expression fails for a record, or the database does.
    #[error("the expression cannot be evaluated: {source}")]
    Evaluation {
        /// What SQLite says.
        #[from]
        source: rusqlite::Error,
    },
    /// No column names the subjects.
    #[error("the dataset has no subject column")]
    NoSubject,
    /// Subjects without records.
    #[error("no record belongs to {}", listed(subjects))]
    UnknownSubjects {
        /// The subjects.
        subjects: Vec<String>,
        /// The closest subject to the first of them.
        nearest: Option<String>,
    },
    /// The file of ids cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Bytes that are not UTF-8.
    #[error("{}, line {line}: not UTF-8 text", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
    },
}

impl Error {
    /// What the user could do about it, if that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Empty => "write a condition such as age < 18 and country = 'FR'".to_owned(),
            Self::Syntax { column: Some(name), .. } => format!("write the column as {}", quoted(name)),
            Self::UnknownColumn { name, nearest: Some(nearest), .. } if name.eq_ignore_ascii_case(nearest) => {
                format!("write the column as {}", quoted(nearest))
            }
            Self::UnknownColumn { nearest: Some(nearest), .. } => format!("did you mean {}?", quoted(nearest)),
            Self::UnknownColumn { name, .. } => format!("text stands in single quotes: '{name}'"),
            Self::Ambiguous { .. } => "select by ids instead, or import the file with other column names".to_owned(),
            Self::Forbidden { .. } => "an expression compares columns with values, as in age < 18 and country = 'FR'".to_owned(),
            Self::NoSubject => "name the subject column when the file is imported, or select by ids".to_owned(),
            Self::UnknownSubjects { nearest: Some(name), .. } => format!("did you mean \"{name}\"?"),
            Self::Encoding { .. } => "save the file as UTF-8".to_owned(),
            _ => return None,
        })
    }
}

/// A column's name as an expression can always write it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn listed(subjects: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = subjects.iter().take(SHOWN).map(|subject| format!("\"{subject}\"")).collect();
    match subjects.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

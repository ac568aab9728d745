//! What can go wrong, as data.

use std::fmt::Write as _;
use std::ops::Range;

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the core. An `Err` means that nothing changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two records carry the same id.
    #[error("the id \"{id}\" occurs more than once")]
    DuplicateId {
        /// The repeated id.
        id: String,
    },
    /// Ids that no record of the dataset has.
    #[error("{}", listed("no record has the id", "no records have the ids", ids))]
    UnknownIds {
        /// The ids, in the order in which they were asked for.
        ids: Vec<String>,
    },
    /// Ids named more than once in one request.
    #[error("{}", listed("the request repeats the id", "the request repeats the ids", ids))]
    RepeatedIds {
        /// The ids.
        ids: Vec<String>,
    },
    /// Ids that the dataset already has, in a request to learn.
    #[error("{}", listed("a record already has the id", "records already have the ids", ids))]
    AlreadyPresent {
        /// The ids.
        ids: Vec<String>,
    },
    /// A column that the data does not have.
    #[error("there is no column \"{name}\"")]
    UnknownColumn {
        /// The name asked for.
        name: String,
        /// The closest name that exists.
        nearest: Option<String>,
    },
    /// A value that its column cannot hold.
    #[error("column \"{column}\", record \"{id}\": {reason}")]
    Value {
        /// The column.
        column: String,
        /// The record.
        id: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// Columns that do not fit together.
    #[error("the schema does not fit: {reason}")]
    Schema {
        /// What does not fit.
        reason: String,
    },
    /// A hyperparameter out of its range, or unknown.
    #[error("hyperparameter \"{name}\": {reason}")]
    Parameter {
        /// The hyperparameter.
        name: String,
        /// What is wrong with it.
        reason: String,
        /// The closest name that exists, if the name is unknown.
        nearest: Option<String>,
    },
    /// Records that a learner cannot learn from, as its hyperparameters stand.
    #[error("{reason}")]
    Unfit {
        /// Why not.
        reason: String,
        /// What the user could do about it.
        hint: String,
    },
    /// A part of a training that cannot be done again by itself.
    #[error("{}", no_part(spans, *n_checkpoints))]
    NoPart {
        /// The spans that were asked for.
        spans: Range<usize>,
        /// How many checkpoints the training has.
        n_checkpoints: usize,
    },
    /// Bytes that are not what they should be.
    #[error("malformed {what}: {reason}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// Why it cannot be.
        reason: String,
    },
    /// More than the format can hold.
    #[error("too many {what}: {found}, at most {limit}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many there may be.
        limit: u64,
    },
}

impl Error {
    /// The closest existing name, where a name was unknown.
    pub fn nearest(&self) -> Option<&str> {
        match self {
            Self::UnknownColumn { nearest, .. } | Self::Parameter { nearest, .. } => nearest.as_deref(),
            _ => None,
        }
    }
}

/// The candidate closest to `name` (Damerau–Levenshtein), if it is close enough to be a slip of the pen.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().max(name.chars().count()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}

fn no_part(spans: &Range<usize>, n_checkpoints: usize) -> String {
    match n_checkpoints {
        0 => "the training has no part that can be done again by itself".to_owned(),
        1 => format!("the training has one span, which is span 0, and {spans:?} is no part of it"),
        n => format!("the training has the spans 0 to {}, and {spans:?} is no part of them", n - 1),
    }
}

fn listed(one: &str, many: &str, ids: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = if ids.len() == 1 { one.to_owned() } else { many.to_owned() };
    for (i, id) in ids.iter().take(SHOWN).enumerate() {
        let _ = write!(text, "{}\"{id}\"", if i == 0 { " " } else { ", " });
    }
    if ids.len() > SHOWN {
        let _ = write!(text, " and {} more", ids.len() - SHOWN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_a_slip_not_a_guess() {
        assert_eq!(nearest("max_dept", ["n_trees", "max_depth"]).as_deref(), Some("max_depth"));
        assert_eq!(nearest("Age", ["age", "sex"]).as_deref(), Some("age"));
        assert_eq!(nearest("zebra", ["n_trees", "max_depth"]), None);
    }

    #[test]
    fn long_lists_of_ids_are_cut() {
        let ids = (0..7).map(|i| i.to_string()).collect();
        assert_eq!(Error::UnknownIds { ids }.to_string(), "no records have the ids \"0\", \"1\", \"2\", \"3\", \"4\" and 2 more");
        assert_eq!(Error::UnknownIds { ids: vec!["x".into()] }.to_string(), "no record has the id \"x\"");
    }
}

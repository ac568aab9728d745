//! The names that datasets and models go by.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

const LONGEST: usize = 64;

/// The name of a dataset, a model or a request: 1 to 64 ASCII letters, digits, `.`, `_` and `-`, not starting with `.` or `-`.
///
/// # Examples
///
/// ```
/// use untrain_ledger::Name;
///
/// let name: Name = "credit-2024.v1".parse()?;
/// assert_eq!(&*name, "credit-2024.v1");
/// assert!("../etc/passwd".parse::<Name>().is_err());
/// # Ok::<(), untrain_ledger::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.len() > LONGEST || name.starts_with(['.', '-']) || !name.chars().all(allowed) {
            return Err(Error::InvalidName { name: name.to_owned() });
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        name.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_allowed() {
        for name in ["a", "0", "_", "adults", "A.b_c-9", "x".repeat(64).as_str()] {
            assert_eq!(name.parse::<Name>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_could_be_options_paths_or_surprises_are_refused() {
        for name in ["", ".", "..", "-x", ".hidden", "a/b", "a\\b", "a b", "é", "a\n", "x".repeat(65).as_str()] {
            let error = name.parse::<Name>().unwrap_err();
            assert!(error.is_usage() && matches!(&error, Error::InvalidName { name: refused } if refused == name));
        }
    }
}

//! What the hyperparameters of all learners have in common.

use serde::Serialize;
use serde::de::DeserializeOwned;
use untrain_core::{Error, Result};

/// The hyperparameters of a learner: a struct whose fields are their names, under scikit-learn's names where it has them.
pub trait Hyperparameters: Default + Serialize + DeserializeOwned {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] naming the first that is out of its range.
    fn check(&self) -> Result<()>;
}

/// Refuses a whole number that is not in `low..=high`.
pub(crate) fn within(name: &str, value: u32, low: u32, high: u32) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let range = if high == u32::MAX { format!("at least {low}") } else { format!("{low} to {high}") };
    Err(refuse(name, format!("{value} is out of range; it is {range}")))
}

/// The error of a hyperparameter.
pub(crate) fn refuse(name: &str, reason: impl Into<String>) -> Error {
    Error::Parameter { name: name.to_owned(), reason: reason.into(), nearest: None }
}

//! What the hyperparameters of all learners, and of all methods of unlearning, have in common.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, Result, nearest};

/// Hyperparameters by name.
pub type Settings = Map<String, Value>;

/// The hyperparameters of a learner: a struct whose fields are their names, under scikit-learn's names where it has them.
pub trait Hyperparameters: Default + Serialize + DeserializeOwned {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] naming the first that is out of its range.
    fn check(&self) -> Result<()>;
}

/// Completes hyperparameters with the defaults, and checks each by itself, so that the error names it, and then all together.
///
/// # Errors
///
/// [`Error::Parameter`] for a key that there is not, with the nearest one, and for a value that a key cannot have.
pub fn complete<P: Hyperparameters>(settings: Settings) -> Result<Settings> {
    let malformed = |error: serde_json::Error| Error::Malformed { what: "recipe", reason: error.to_string() };
    // Through text, which has 0.02 for the nearest f32 too, where a value would have it as the f64 that equals it.
    let written = |params: &P| serde_json::to_string(params).and_then(|text| serde_json::from_str::<Settings>(&text)).map_err(malformed);
    let mut params = written(&P::default())?;
    for (key, value) in settings {
        if !params.contains_key(&key) {
            return Err(unknown(&key, params.keys().map(String::as_str).chain(["task"])));
        }
        let reason = format!("it cannot be {value}");
        params.insert(key.clone(), value);
        let read = serde_json::from_value::<P>(Value::Object(params.clone()));
        let read = read.map_err(|_| Error::Parameter { name: key, reason, nearest: None })?;
        // Numbers come back as the learner has them: 1 as 1.0 where it has a float.
        params = written(&read)?;
    }
    read::<P>(&params)?.check()?;
    Ok(params)
}

/// Hyperparameters as their struct.
///
/// # Errors
///
/// [`Error::Malformed`] if they are not complete, or not these.
pub fn read<P: Hyperparameters>(settings: &Settings) -> Result<P> {
    let malformed = |error: serde_json::Error| Error::Malformed { what: "recipe", reason: error.to_string() };
    serde_json::from_value(Value::Object(settings.clone())).map_err(malformed)
}

/// The error of a key that there is not.
pub fn unknown<'a>(key: &str, names: impl Iterator<Item = &'a str>) -> Error {
    Error::Parameter { name: key.to_owned(), reason: "there is no such key".to_owned(), nearest: nearest(key, names) }
}

/// Refuses a whole number that is not in `low..=high`.
///
/// # Errors
///
/// [`Error::Parameter`].
pub fn within(name: &str, value: u32, low: u32, high: u32) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let range = if high == u32::MAX { format!("at least {low}") } else { format!("{low} to {high}") };
    Err(refuse(name, format!("{value} is out of range; it is {range}")))
}

/// The error of a hyperparameter.
pub fn refuse(name: &str, reason: impl Into<String>) -> Error {
    Error::Parameter { name: name.to_owned(), reason: reason.into(), nearest: None }
}

//! Recipes: everything that a model depends on besides its records.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use untrain_core::{Dataset, Error, Result, Seed, Task, nearest};
use untrain_exact::{Forest, Params};

/// The learners that recipes may name. To add one, add its name here and its arm where recipes are checked.
pub const LEARNERS: [&str; 1] = ["forest"];

/// A learner, its hyperparameters and a seed.
///
/// # Examples
///
/// ```
/// use untrain::Recipe;
///
/// let recipe = Recipe::from_toml("learner = \"forest\"\nseed = 7\n[params]\nn_trees = 10\n")?;
/// assert_eq!(recipe.seed, 7);
/// let misspelt = Recipe::from_toml("learner = \"forest\"\n[params]\nn_tree = 10\n").unwrap_err();
/// assert_eq!(misspelt.nearest(), Some("n_trees"));
/// # Ok::<(), untrain_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The name of the learner.
    pub learner: String,
    /// The key of all randomness.
    pub seed: u64,
    /// What is predicted; `None` until [`Recipe::resolve`] asks the data.
    pub task: Option<Task>,
    /// The hyperparameters, all of them.
    pub params: Params,
}

impl Recipe {
    /// A recipe from the name of a learner, settings as `KEY=VALUE` gives them, and a seed (0 if there is none).
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for an unknown learner or key, with the nearest name, and for a value out of its range.
    pub fn new(learner: &str, settings: &[(String, String)], seed: Option<u64>) -> Result<Self> {
        let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        let settings = settings.iter().map(|(key, text)| (key.clone(), value(text))).collect();
        Self::check(learner, settings, seed.unwrap_or(0))
    }

    /// Reads a recipe file: `learner`, `seed` and `task` at the top, hyperparameters under `[params]`.
    ///
    /// # Errors
    ///
    /// As [`Recipe::new`]; [`Error::Malformed`] if the text is not TOML.
    pub fn from_toml(text: &str) -> Result<Self> {
        let malformed = |reason: String| Error::Malformed { what: "recipe", reason };
        let table: Map<String, Value> = toml::from_str(text).map_err(|error| malformed(error.to_string().trim_end().to_owned()))?;
        let (mut learner, mut seed, mut settings) = (None, 0, Map::new());
        for (key, value) in table {
            match (key.as_str(), value) {
                ("learner", Value::String(name)) => learner = Some(name),
                ("seed", Value::Number(number)) if number.is_u64() => seed = number.as_u64().unwrap_or_default(),
                ("params", Value::Object(params)) => settings.extend(params),
                ("task", value) => _ = settings.insert(key, value),
                ("learner" | "seed" | "params", value) => return Err(malformed(format!("\"{key}\" cannot be {value}"))),
                _ => return Err(unknown(&key, ["learner", "seed", "task", "params"].iter().copied())),
            }
        }
        Self::check(&learner.ok_or_else(|| malformed("it names no learner".to_owned()))?, settings, seed)
    }

    /// The same recipe with its task settled: what it says, or else what the target's kind suggests. From then on the task
    /// is part of the recipe, and neither forgetting nor learning changes it.
    ///
    /// # Errors
    ///
    /// [`Error::Schema`] if `data` has no target.
    pub fn resolve(&self, data: &Dataset) -> Result<Self> {
        let task = match self.task {
            Some(task) => task,
            None if is_binary(data)? => Task::Classification,
            None => data.schema().task()?,
        };
        Ok(Self { task: Some(task), ..self.clone() })
    }

    /// The learner.
    pub fn forest(&self) -> Forest {
        Forest { params: self.params.clone(), task: self.task.unwrap_or(Task::Classification), seed: Seed(self.seed) }
    }

    fn check(learner: &str, settings: Map<String, Value>, seed: u64) -> Result<Self> {
        if !LEARNERS.contains(&learner) {
            let reason = format!("there is no learner \"{learner}\"; there is {}", LEARNERS.join(", "));
            return Err(Error::Parameter { name: "learner".to_owned(), reason, nearest: nearest(learner, LEARNERS) });
        }
        let mut recipe = Self { learner: learner.to_owned(), seed, task: None, params: Params::default() };
        for (key, value) in settings {
            recipe.set(&key, &value)?;
        }
        recipe.params.check()?;
        Ok(recipe)
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<()> {
        let refuse = |value: &Value| Error::Parameter { name: key.to_owned(), reason: format!("it cannot be {value}"), nearest: None };
        if key == "task" {
            if value.as_str() != Some("auto") {
                self.task = Some(serde_json::from_value(value.clone()).map_err(|_| refuse(value))?);
            }
            return Ok(());
        }
        if !Params::NAMES.contains(&key) {
            return Err(unknown(key, Params::NAMES.into_iter().chain(["task"])));
        }
        let mut params = serde_json::to_value(&self.params).map_err(|_| refuse(value))?;
        params[key] = value.clone();
        self.params = serde_json::from_value(params).map_err(|_| refuse(value))?;
        Ok(())
    }
}

fn unknown<'a>(key: &str, names: impl Iterator<Item = &'a str>) -> Error {
    Error::Parameter { name: key.to_owned(), reason: "there is no such key".to_owned(), nearest: nearest(key, names) }
}

/// Whether the target holds nothing but 0 and 1, which means classes more often than numbers.
fn is_binary(data: &Dataset) -> Result<bool> {
    data.schema().task()?;
    let Some((place, _)) = data.schema().target() else { return Ok(false) };
    let values = data.values(place);
    Ok(!data.is_empty() && (0..data.len()).all(|i| values.number(i).is_some_and(|x| x == 0.0 || x == 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_by_their_type() -> Result<()> {
        let set = |key: &str, value: &str| Recipe::new("forest", &[(key.to_owned(), value.to_owned())], None);
        assert_eq!(set("n_trees", "7")?.params.n_trees, 7);
        assert_eq!(set("task", "regression")?.task, Some(Task::Regression));
        assert!(matches!(set("max_features", "sqrt"), Ok(recipe) if recipe.params == Params::default()));
        for (key, value) in [("n_trees", "0"), ("n_trees", "many"), ("subsample", "1.5"), ("n_thresholds", "-1"), ("max_features", "half")]
        {
            assert!(matches!(set(key, value), Err(Error::Parameter { .. })), "{key}={value}");
        }
        Ok(())
    }

    #[test]
    fn unknown_names_come_with_the_nearest() {
        let error = Recipe::new("forrest", &[], None).unwrap_err();
        assert_eq!(error.nearest(), Some("forest"));
        assert!(Recipe::from_toml("lerner = \"forest\"").is_err());
        assert!(Recipe::from_toml("learner = 3").is_err());
        assert!(Recipe::from_toml("learner = ").is_err());
    }
}

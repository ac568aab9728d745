//! A model, the learner that made it, and the records that it knows.

use std::sync::{PoisonError, RwLock};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::de::DeserializeOwned;
use untrain::{LEARNERS, Recipe};
use untrain_core::{AnyLearner, AnyModel, Dataset, Error, Forget as _, Guarantee, Learner as _, Model as _, Result, Schema};

use crate::errors::raised;
use crate::records::{self, Records};
use crate::table::{Table, Target};

/// A trained model that can forget.
///
/// Whoever changes it waits for those who look at it, and the other way round, without the interpreter.
#[pyclass(frozen, module = "untrain._native")]
pub(crate) struct Model(RwLock<Trained>);

#[derive(Debug)]
struct Trained {
    recipe: Recipe,
    learner: AnyLearner,
    model: AnyModel,
    data: Dataset,
}

impl Trained {
    fn fit(recipe: &Recipe, data: Dataset) -> Result<Self> {
        let recipe = recipe.resolve(&data)?;
        let learner = recipe.learner()?;
        Ok(Self { model: learner.fit(&data)?, recipe, learner, data })
    }

    fn load(recipe: &str, schema: &str, records: &[u8], state: &[u8]) -> Result<Self> {
        let recipe: Recipe = parse("recipe", recipe)?;
        let data = records::read(&parse::<Schema>("schema", schema)?, records)?;
        let learner = recipe.learner()?;
        Ok(Self { model: learner.load(state, &data)?, recipe, learner, data })
    }

    fn forget(&mut self, mut ids: Vec<String>, ignore_unknown: bool) -> Result<Guarantee> {
        if ignore_unknown {
            ids.retain(|id| self.data.position(id).is_some());
        }
        let retained = self.data.without(&ids)?;
        let guarantee = self.learner.forget(&mut self.model, &ids, &retained)?;
        self.data = retained;
        Ok(guarantee)
    }

    fn learn(&mut self, more: &Dataset, ids: &[String]) -> Result<Guarantee> {
        let retained = self.data.union(more)?;
        let guarantee = self.learner.learn(&mut self.model, ids, &retained)?;
        self.data = retained;
        Ok(guarantee)
    }

    fn digests(&self) -> Digests {
        (self.model.digest().to_string(), self.model.state_digest().to_string())
    }
}

/// The digests of the artefact and of the state.
type Digests = (String, String);

#[pymethods]
impl Model {
    /// Trains `learner` on the rows of `x`, named by `ids`, with the targets `y`.
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "one caller, in Python, which names them")]
    fn fit(
        py: Python<'_>,
        learner: &str,
        settings: Vec<(String, String)>,
        seed: u64,
        x: &Bound<'_, PyAny>,
        names: Option<Vec<String>>,
        y: Target<'_>,
        target: String,
        ids: Vec<String>,
    ) -> PyResult<Self> {
        let recipe = Recipe::new(learner, &settings, Some(seed)).map_err(|error| raised(py, error))?;
        let table = Table::of(x, names)?.with_target(py, target, &y)?;
        let trained = py.detach(|| Trained::fit(&recipe, table.dataset(&ids)?));
        trained.map(|trained| Self(RwLock::new(trained))).map_err(|error| raised(py, error))
    }

    /// Reads what [`Model::saved`] wrote.
    #[staticmethod]
    fn load(py: Python<'_>, recipe: &str, schema: &str, records: &[u8], state: &[u8]) -> PyResult<Self> {
        let trained = py.detach(|| Trained::load(recipe, schema, records, state));
        trained.map(|trained| Self(RwLock::new(trained))).map_err(|error| raised(py, error))
    }

    /// The recipe and the schema as JSON, the records in Arrow's stream format, and the canonical bytes of the state.
    fn saved<'py>(&self, py: Python<'py>) -> PyResult<(String, String, Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let (recipe, schema, records, state) = self.look(py, |trained| {
            let (recipe, schema) = (written("recipe", &trained.recipe)?, written("schema", trained.data.schema())?);
            Ok((recipe, schema, records::write(&trained.data)?, trained.model.state()))
        })?;
        Ok((recipe, schema, PyBytes::new(py, &records), PyBytes::new(py, &state)))
    }

    /// Predicts the rows of `x`.
    fn predict<'py>(&self, py: Python<'py>, x: &Bound<'py, PyAny>, names: Option<Vec<String>>) -> PyResult<Bound<'py, PyAny>> {
        let table = Table::of(x, names)?;
        let predictions = self.look(py, |trained| trained.model.predict(&table.rows()?))?;
        crate::predictions::arrays(py, predictions)
    }

    /// Forgets records; returns the guarantee as JSON.
    fn forget(&self, py: Python<'_>, ids: Vec<String>, ignore_unknown: bool) -> PyResult<String> {
        self.change(py, |trained| written("guarantee", &trained.forget(ids, ignore_unknown)?))
    }

    /// Learns records that it does not know yet; returns the guarantee as JSON.
    fn learn(
        &self,
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        names: Option<Vec<String>>,
        y: Target<'_>,
        target: String,
        ids: Vec<String>,
    ) -> PyResult<String> {
        let table = Table::of(x, names)?.with_target(py, target, &y)?;
        self.change(py, |trained| written("guarantee", &trained.learn(&table.dataset(&ids)?, &ids)?))
    }

    /// The digests of the artefact and of the state.
    fn digests(&self, py: Python<'_>) -> PyResult<Digests> {
        self.look(py, |trained| Ok(trained.digests()))
    }

    /// The digests that training anew on the records gives.
    fn retrained(&self, py: Python<'_>) -> PyResult<Digests> {
        self.look(py, |trained| Ok(Trained::fit(&trained.recipe, trained.data.clone())?.digests()))
    }

    /// The canonical bytes of the artefact: what is served, without a record.
    fn artefact<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.look(py, |trained| Ok(trained.model.artefact()))?))
    }

    /// The records that the model knows.
    fn records(&self, py: Python<'_>) -> PyResult<Records> {
        self.look(py, |trained| Records::new(&trained.data))
    }

    /// The texts of the target's values, each once, sorted by their bytes.
    fn classes(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.look(py, |trained| {
            let Some((place, _)) = trained.data.schema().target() else { return Ok(Vec::new()) };
            let values = trained.data.values(place);
            let distinct: std::collections::BTreeSet<String> = (0..trained.data.len()).filter_map(|i| values.text(i)).collect();
            Ok(distinct.into_iter().collect())
        })
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.look(py, |trained| Ok(trained.data.len()))
    }
}

impl Model {
    fn look<T: Send>(&self, py: Python<'_>, ask: impl FnOnce(&Trained) -> Result<T> + Send) -> PyResult<T> {
        py.detach(|| ask(&*self.0.read().map_err(|error| poisoned(&error))?)).map_err(|error| raised(py, error))
    }

    fn change<T: Send>(&self, py: Python<'_>, revise: impl FnOnce(&mut Trained) -> Result<T> + Send) -> PyResult<T> {
        py.detach(|| revise(&mut *self.0.write().map_err(|error| poisoned(&error))?)).map_err(|error| raised(py, error))
    }
}

/// The learners: name, tasks, and the hyperparameters with their defaults as JSON.
#[pyfunction]
pub(crate) fn learners(py: Python<'_>) -> PyResult<Vec<(&'static str, Vec<&'static str>, String)>> {
    let described = |entry: &'static untrain::LearnerEntry| {
        let defaults = written("recipe", &Recipe::new(entry.name, &[], None)?.params)?;
        Ok((entry.name, entry.tasks.iter().map(|task| task.name()).collect(), defaults))
    };
    LEARNERS.iter().map(described).collect::<Result<_>>().map_err(|error| raised(py, error))
}

/// The error of a model that a panic left half changed: it is of no use any more.
fn poisoned<T>(_: &PoisonError<T>) -> Error {
    Error::Malformed { what: "model", reason: "an earlier call failed in the middle; fit it again".to_owned() }
}

fn written<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Malformed { what, reason: error.to_string() })
}

fn parse<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::Malformed { what, reason: error.to_string() })
}

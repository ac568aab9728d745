//! A model, the learner that made it, and the records that it knows.

use std::sync::{PoisonError, RwLock};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::de::DeserializeOwned;
use untrain::{LEARNERS, Recipe};
use untrain_core::{AnyLearner, AnyModel, Dataset, Error, Forget as _, Guarantee, Learner as _, Model as _, Result, Schema};
use untrain_exact::HeadParams;
use untrain_neural::NeuralArtefact;

use crate::errors::raised;
use crate::records::{self, Records};
use crate::table::{Cells, Table};
use crate::training::Training;

/// A trained model that can forget.
///
/// Whoever changes it waits for those who look at it, and the other way round, without the interpreter.
#[pyclass(frozen, module = "untrain._native")]
pub(crate) struct Model(RwLock<Trained>);

/// What [`Model`] guards.
#[derive(Debug)]
pub(crate) struct Trained {
    pub(crate) recipe: Recipe,
    pub(crate) learner: AnyLearner,
    pub(crate) model: AnyModel,
    pub(crate) data: Dataset,
}

impl From<Trained> for Model {
    fn from(trained: Trained) -> Self {
        Self(RwLock::new(trained))
    }
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

    /// The ids that a request means, and the records that it leaves.
    fn without(&self, mut ids: Vec<String>, ignore_unknown: bool) -> Result<(Vec<String>, Dataset)> {
        if ignore_unknown {
            ids.retain(|id| self.data.position(id).is_some());
        }
        let retained = self.data.without(&ids)?;
        Ok((ids, retained))
    }

    fn forget(&mut self, ids: Vec<String>, ignore_unknown: bool) -> Result<Guarantee> {
        let (ids, retained) = self.without(ids, ignore_unknown)?;
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
        y: Option<Cells<'_>>,
        target: String,
        subject: Option<String>,
        ids: Option<Vec<String>>,
    ) -> PyResult<Self> {
        let recipe = Recipe::new(learner, &settings, Some(seed)).map_err(|error| raised(py, error))?;
        let table = table(x, names, y.as_ref(), target, subject.as_deref())?;
        py.detach(|| Trained::fit(&recipe, table.named(ids)?)).map(Self::from).map_err(|error| raised(py, error))
    }

    /// What [`Model::fit`] would train, not trained yet.
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "as fit")]
    fn training(
        py: Python<'_>,
        learner: &str,
        settings: Vec<(String, String)>,
        seed: u64,
        x: &Bound<'_, PyAny>,
        names: Option<Vec<String>>,
        y: Option<Cells<'_>>,
        target: String,
        subject: Option<String>,
        ids: Option<Vec<String>>,
    ) -> PyResult<Training> {
        let recipe = Recipe::new(learner, &settings, Some(seed)).map_err(|error| raised(py, error))?;
        let table = table(x, names, y.as_ref(), target, subject.as_deref())?;
        py.detach(|| Training::new(&recipe, table.named(ids)?)).map_err(|error| raised(py, error))
    }

    /// The training of the model without some records, not done yet.
    fn training_without(&self, py: Python<'_>, ids: Vec<String>, ignore_unknown: bool) -> PyResult<Training> {
        self.look(py, |trained| Training::new(&trained.recipe, trained.without(ids, ignore_unknown)?.1))
    }

    /// The training of the model with more records, not done yet.
    #[expect(clippy::too_many_arguments, reason = "as fit")]
    fn training_with(
        &self,
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        names: Option<Vec<String>>,
        y: Option<Cells<'_>>,
        target: String,
        subject: Option<String>,
        ids: Vec<String>,
    ) -> PyResult<Training> {
        let table = table(x, names, y.as_ref(), target, subject.as_deref())?;
        self.look(py, |trained| Training::new(&trained.recipe, trained.data.union(&table.dataset(&ids)?)?))
    }

    /// Reads what [`Model::saved`] wrote.
    #[staticmethod]
    fn load(py: Python<'_>, recipe: &str, schema: &str, records: &[u8], state: &[u8]) -> PyResult<Self> {
        let trained = py.detach(|| Trained::load(recipe, schema, records, state));
        trained.map(Self::from).map_err(|error| raised(py, error))
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
    fn predict<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        names: Option<Vec<String>>,
        subject: Option<String>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let table = table(x, names, None, String::new(), subject.as_deref())?;
        let predictions = self.look(py, |trained| trained.model.predict(&table.rows()?))?;
        crate::predictions::arrays(py, predictions)
    }

    /// Forgets records; returns the guarantee as JSON.
    fn forget(&self, py: Python<'_>, ids: Vec<String>, ignore_unknown: bool) -> PyResult<String> {
        self.change(py, |trained| written("guarantee", &trained.forget(ids, ignore_unknown)?))
    }

    /// Learns records that it does not know yet; returns the guarantee as JSON.
    #[expect(clippy::too_many_arguments, reason = "as fit")]
    fn learn(
        &self,
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        names: Option<Vec<String>>,
        y: Option<Cells<'_>>,
        target: String,
        subject: Option<String>,
        ids: Vec<String>,
    ) -> PyResult<String> {
        let table = table(x, names, y.as_ref(), target, subject.as_deref())?;
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

    /// What the artefact holds, as JSON.
    fn artefact_json(&self, py: Python<'_>) -> PyResult<String> {
        self.look(py, |trained| Ok(untrain_exact::artefact(&trained.model.artefact())?.json()))
    }

    /// The network of the model as a safetensors file, under the names that PyTorch has; none if it is none, or knows no record.
    fn safetensors<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let file = self.look(py, |trained| {
            let network = if trained.recipe.neural()?.is_some() { NeuralArtefact::read(&trained.model.artefact())?.network } else { None };
            network.map(|network| network.to_safetensors()).transpose()
        })?;
        Ok(file.map(|file| PyBytes::new(py, &file)))
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

/// The features with what stands beside them.
fn table(
    x: &Bound<'_, PyAny>,
    names: Option<Vec<String>>,
    y: Option<&Cells<'_>>,
    target: String,
    subject: Option<&str>,
) -> PyResult<Table> {
    let mut table = Table::of(x, names)?;
    if let Some(y) = y {
        table = table.with_target(x.py(), target, y)?;
    }
    Ok(if let Some(subject) = subject { table.with_subject(subject) } else { table })
}

/// The learners: name, tasks, and the hyperparameters with their defaults as JSON.
#[pyfunction]
pub(crate) fn learners(py: Python<'_>) -> PyResult<Vec<(&'static str, Vec<&'static str>, String)>> {
    let described = |entry: &'static untrain::LearnerEntry| {
        let defaults = match entry.name {
            // Its recipe cannot be without a file.
            "head" => written("recipe", &HeadParams::default()),
            name => Recipe::new(name, &[], None).and_then(|recipe| written("recipe", &recipe.params)),
        };
        Ok::<_, Error>((entry.name, entry.tasks.iter().map(|task| task.name()).collect(), defaults?))
    };
    LEARNERS.iter().map(described).collect::<Result<_>>().map_err(|error| raised(py, error))
}

/// The error of a model that a panic left half changed: it is of no use any more.
fn poisoned<T>(_: &PoisonError<T>) -> Error {
    Error::Malformed { what: "model", reason: "an earlier call failed in the middle; fit it again".to_owned() }
}

pub(crate) fn written<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Malformed { what, reason: error.to_string() })
}

pub(crate) fn parse<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::Malformed { what, reason: error.to_string() })
}

//! A training in units that machines share: what each of them needs, and how what they give becomes one model.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use untrain::Recipe;
use untrain_core::{Dataset, Learner as _, Result, Schema};

use crate::errors::raised;
use crate::model::{Model, Trained, parse, written};
use crate::records;

/// A recipe and the records that it is to be trained on.
#[pyclass(frozen, module = "untrain._native")]
#[derive(Debug)]
pub(crate) struct Training {
    recipe: Recipe,
    data: Dataset,
}

impl Training {
    pub(crate) fn new(recipe: &Recipe, data: Dataset) -> Result<Self> {
        Ok(Self { recipe: recipe.resolve(&data)?, data })
    }
}

#[pymethods]
impl Training {
    /// How many units there are; none for a learner whose training is one piece.
    #[getter]
    fn n_units(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.recipe.learner().map_err(|error| raised(py, error))?.n_units())
    }

    /// The recipe, as JSON.
    #[getter]
    fn recipe(&self, py: Python<'_>) -> PyResult<String> {
        written("recipe", &self.recipe).map_err(|error| raised(py, error))
    }

    /// What a unit's training looks at: the schema as JSON, and the records in Arrow's stream format.
    fn input<'py>(&self, py: Python<'py>, unit: usize) -> PyResult<(String, Bound<'py, PyBytes>)> {
        let input = || {
            let data = self.recipe.learner()?.unit_data(unit, &self.data)?;
            Ok((written("schema", data.schema())?, records::write(&data)?))
        };
        let (schema, records) = py.detach(input).map_err(|error| raised(py, error))?;
        Ok((schema, PyBytes::new(py, &records)))
    }

    /// The model of which `outputs` hold the units in their order.
    fn assemble(&self, py: Python<'_>, outputs: Vec<Vec<u8>>) -> PyResult<Model> {
        let assemble = || {
            let learner = self.recipe.learner()?;
            let model = learner.assemble(&outputs, &self.data)?;
            Ok(Trained { recipe: self.recipe.clone(), learner, model, data: self.data.clone() })
        };
        py.detach(assemble).map(Model::from).map_err(|error| raised(py, error))
    }
}

/// Trains the units from `first` to before `last` of a recipe on what [`Training::input`] gives.
#[pyfunction]
pub(crate) fn fit_units<'py>(
    py: Python<'py>,
    recipe: &str,
    schema: &str,
    records: &[u8],
    first: usize,
    last: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let fit = || {
        let recipe: Recipe = parse("recipe", recipe)?;
        let data = records::read(&parse::<Schema>("schema", schema)?, records)?;
        recipe.learner()?.fit_units(first..last, &data)
    };
    Ok(PyBytes::new(py, &py.detach(fit).map_err(|error| raised(py, error))?))
}

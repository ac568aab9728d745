//! Predictions as arrays.

use numpy::ndarray::Array2;
use numpy::{PyArray1, PyArray2};
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use untrain_core::Predictions;

/// `(classes, probabilities)` of a model of classes, with probabilities of shape `(n, len(classes))`, and numbers of any other, NaN where
/// the model knows no record.
pub(crate) fn arrays(py: Python<'_>, predictions: Predictions) -> PyResult<Bound<'_, PyAny>> {
    match predictions {
        Predictions::Classes { classes, probabilities, n } => {
            let shaped =
                Array2::from_shape_vec((n, classes.len()), probabilities).map_err(|error| PyTypeError::new_err(error.to_string()))?;
            (classes, PyArray2::from_owned_array(py, shaped)).into_bound_py_any(py)
        }
        Predictions::Numbers(numbers) => {
            let numbers: Vec<f64> = numbers.into_iter().map(|number| number.unwrap_or(f64::NAN)).collect();
            Ok(PyArray1::from_vec(py, numbers).into_any())
        }
        Predictions::Lists { .. } | Predictions::Vectors { .. } | Predictions::Clusters { .. } => {
            Err(PyTypeError::new_err("this learner predicts neither classes nor numbers"))
        }
    }
}

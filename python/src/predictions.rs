//! Predictions as arrays.

use numpy::ndarray::Array2;
use numpy::{PyArray1, PyArray2};
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use untrain_core::Predictions;

/// What a model says, as a tuple that begins with its kind:
///
/// - `("classes", classes, probabilities)`, with probabilities of shape `(n, len(classes))`;
/// - `("numbers", numbers)`, NaN where the model knows no record;
/// - `("vectors", names, values)`, with values of shape `(n, len(names))`;
/// - `("clusters", clusters, squared_distances)`, -1 where the model knows no record;
/// - `("lists", subjects, lists, unknown)`, each list of pairs of an item and its score.
pub(crate) fn arrays(py: Python<'_>, predictions: Predictions) -> PyResult<Bound<'_, PyAny>> {
    let shaped = |n: usize, width: usize, values: Vec<f64>| {
        let array = Array2::from_shape_vec((n, width), values).map_err(|error| PyTypeError::new_err(error.to_string()))?;
        Ok::<_, PyErr>(PyArray2::from_owned_array(py, array))
    };
    match predictions {
        Predictions::Classes { classes, probabilities, n } => {
            let probabilities = shaped(n, classes.len(), probabilities)?;
            ("classes", classes, probabilities).into_bound_py_any(py)
        }
        Predictions::Numbers(numbers) => {
            let numbers: Vec<f64> = numbers.into_iter().map(|number| number.unwrap_or(f64::NAN)).collect();
            ("numbers", PyArray1::from_vec(py, numbers)).into_bound_py_any(py)
        }
        Predictions::Vectors { names, values, n } => {
            let values = shaped(n, names.len(), values)?;
            ("vectors", names, values).into_bound_py_any(py)
        }
        Predictions::Clusters { clusters, squared_distances } => {
            let clusters: Vec<i64> = clusters.into_iter().map(|cluster| cluster.map_or(-1, i64::from)).collect();
            ("clusters", PyArray1::from_vec(py, clusters), PyArray1::from_vec(py, squared_distances)).into_bound_py_any(py)
        }
        Predictions::Lists { subjects, lists, unknown } => ("lists", subjects, lists, unknown).into_bound_py_any(py),
    }
}

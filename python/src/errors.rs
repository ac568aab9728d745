//! Errors of the engine as exceptions: one class a variant, named as the variant is, in `untrain.errors`.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use untrain_core::Error;

/// The exception that tells of `error`, with what the variant carries as attributes, and the hint.
pub(crate) fn raised(py: Python<'_>, error: Error) -> PyErr {
    build(py, error).unwrap_or_else(|failed| failed)
}

fn build(py: Python<'_>, error: Error) -> PyResult<PyErr> {
    let message = error.to_string();
    let data = PyDict::new(py);
    let class = match &error {
        Error::DuplicateId { id } => {
            data.set_item("id", id)?;
            "DuplicateId"
        }
        Error::UnknownIds { ids } => {
            data.set_item("ids", ids)?;
            "UnknownIds"
        }
        Error::RepeatedIds { ids } => {
            data.set_item("ids", ids)?;
            "RepeatedIds"
        }
        Error::AlreadyPresent { ids } => {
            data.set_item("ids", ids)?;
            "AlreadyPresent"
        }
        Error::UnknownColumn { name, .. } => {
            data.set_item("name", name)?;
            "UnknownColumn"
        }
        Error::Value { column, id, .. } => {
            data.set_item("column", column)?;
            data.set_item("id", id)?;
            "BadValue"
        }
        Error::Parameter { name, .. } => {
            data.set_item("name", name)?;
            "BadParameter"
        }
        Error::Schema { .. } => "SchemaMismatch",
        Error::Unfit { .. } => "Unfit",
        Error::Malformed { .. } => "Malformed",
        Error::TooMany { .. } => "TooMany",
        _ => "UntrainError",
    };
    let hint = hint(error);
    let class = py.import("untrain.errors")?.getattr(class)?;
    Ok(PyErr::from_value(class.call((message, hint), Some(&data))?))
}

/// The engine's hint, but where it names a flag of the command line.
fn hint(error: Error) -> Option<String> {
    match error {
        Error::UnknownIds { .. } => Some("ignore_unknown=True passes over such ids".to_owned()),
        Error::DuplicateId { .. } => Some("an id names one record; make the ids distinct before you fit".to_owned()),
        Error::RepeatedIds { .. } => Some("name each id once".to_owned()),
        other => untrain::Error::Core(other).hint(),
    }
}

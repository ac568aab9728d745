//! The native module of the Python package `untrain`: one class over a learner, its model and the records that the model knows.
//!
//! What users see is Python (`python/untrain`): the names of scikit-learn, the checks of arguments, the exceptions. What is here has no
//! second way to say a thing, and turns neither names nor labels around.

mod errors;
mod model;
mod predictions;
mod records;
mod table;

use pyo3::prelude::*;

/// The native module.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<model::Model>()?;
    module.add_class::<records::Records>()?;
    module.add_function(wrap_pyfunction!(model::learners, module)?)
}

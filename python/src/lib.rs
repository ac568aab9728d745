//! The native module of the Python package `untrain`: a learner, its model and the records that it knows; a training in units that
//! machines share; and stores.
//!
//! What users see is Python (`package/untrain`): the names of scikit-learn, the checks of arguments, the exceptions. What is here has no
//! second way to say a thing, and turns neither names nor labels around.

mod errors;
mod model;
mod predictions;
mod records;
mod store;
mod table;
mod training;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use untrain_core::Seed;
use untrain_exact::Seat;

/// The native module.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    choose_device()?;
    module.add_class::<model::Model>()?;
    module.add_class::<records::Records>()?;
    module.add_class::<store::Store>()?;
    module.add_class::<training::Training>()?;
    module.add_function(wrap_pyfunction!(model::learners, module)?)?;
    module.add_function(wrap_pyfunction!(seats, module)?)?;
    module.add_function(wrap_pyfunction!(store::check, module)?)?;
    module.add_function(wrap_pyfunction!(training::fit_units, module)?)
}

/// Computes networks where the environment says, as the command line does; a GPU needs the feature `cuda` of this crate.
fn choose_device() -> PyResult<()> {
    let Ok(name) = std::env::var("UNTRAIN_DEVICE") else { return Ok(()) };
    let device = name.parse().map_err(|error| PyValueError::new_err(format!("UNTRAIN_DEVICE: {error}")))?;
    untrain::device::choose(device).map_err(|error| PyValueError::new_err(format!("UNTRAIN_DEVICE: {error}")))
}

/// The shard and the slice of each id, as the learner "sisa" has them with this seed.
#[pyfunction]
fn seats(ids: Vec<String>, n_shards: u32, n_slices: u32, seed: u64) -> Vec<(u32, u32)> {
    let seat = |id: &String| {
        let Seat { shard, slice } = Seat::of(Seed(seed), id, n_shards, n_slices);
        (shard, slice)
    };
    ids.iter().map(seat).collect()
}

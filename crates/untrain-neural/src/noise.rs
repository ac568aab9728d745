//! Normal numbers as keyed hashes.

use untrain_core::{mix, unit};

/// The `i`-th standard normal number under `key`.
pub(crate) fn normal(key: u64, i: u64) -> f64 {
    transformed(mix(key, 2 * i), mix(key, 2 * i + 1))
}

/// A standard normal number from two random words, by Box and Muller's transform.
pub(crate) fn transformed(first: u64, second: u64) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - unit(first)));
    radius * libm::cos(std::f64::consts::TAU * unit(second))
}

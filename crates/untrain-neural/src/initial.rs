//! The parameters that a network begins with: each a keyed hash of its name and its place.

use untrain_core::{Seed, mix, unit};

use crate::architecture::Architecture;
use crate::layout::{Entry, Layout, Part};

const PURPOSE: u64 = 0x696e_6974_6961_6c00; // "initial"

/// As PyTorch begins: weights and biases uniform within one over the root of the number of inputs \[@he2015\]; weights of residual
/// networks normal with variance two over it. Scales are 1, shifts 0.
pub(crate) fn parameters(architecture: &Architecture, layout: &Layout, seed: Seed) -> Vec<f32> {
    let mut values = vec![0.0; layout.len()];
    let mut n_inputs = 1;
    for entry in layout.entries() {
        if entry.part == Part::Weight {
            n_inputs = entry.shape[1..].iter().product();
        }
        fill(architecture, entry, n_inputs, seed, &mut values[entry.range.clone()]);
    }
    values
}

/// Redraws one entry, as a network begins with it.
pub(crate) fn fill(architecture: &Architecture, entry: &Entry, n_inputs: usize, seed: Seed, values: &mut [f32]) {
    let bound = 1.0 / (n_inputs as f64).sqrt();
    let key = seed.hash(PURPOSE, entry.name.as_bytes());
    let normal = matches!(architecture, Architecture::Resnet { .. });
    let draw = |i: usize| match entry.part {
        Part::Weight if normal => crate::noise::normal(key, i as u64) * std::f64::consts::SQRT_2 * bound,
        Part::Weight | Part::Bias => (2.0 * unit(mix(key, i as u64)) - 1.0) * bound,
        Part::Scale => 1.0,
        Part::Shift | Part::Statistic => 0.0,
    };
    values.iter_mut().enumerate().for_each(|(i, value)| *value = draw(i) as f32);
}

/// Means of 0 and variances of 1.
pub(crate) fn buffers(layout: &Layout) -> Vec<f32> {
    let mut values = vec![0.0; layout.len()];
    for entry in layout.entries().iter().filter(|entry| entry.name.ends_with("running_var")) {
        values[entry.range.clone()].fill(1.0);
    }
    values
}

//! WoodFisher: the step of an influence function, with the empirical Fisher matrix inverted one example at a time.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::curvature::{cross_entropy_slopes, mean_gradient, pieces};
use super::feed::sampled;
use super::ranges::over_zero;
use super::vectors::{add, dot, narrow, shift, wide};
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::network::Network;

/// `θ ← θ + α F⁻¹ (N_forget / N) (ḡ_forget − ḡ_retain)`, `F = λ I + Σ g gᵀ / M` over the gradients of `M` retained examples, inverted
/// exactly by Woodbury's identity, an example at a time \[@singh2020\] \[@jia2023\].
///
/// `N` is the true number of examples, and the mean over what is retained is over all of that; published code has constants and the
/// forget set there.
///
/// # Guarantee
///
/// None beyond what an audit measures. The step is of first order in the share that is forgotten, and explodes without damping.
///
/// # Complexity
///
/// A pass over everything, and a gradient and memory for a gradient for each of `n_gradients` examples. It stops after one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WoodFisher {
    /// What the step is multiplied with, over 0 to 1000.
    pub alpha: f64,
    /// What is added to the diagonal, over 0 to 1e6.
    pub damping: f64,
    /// How many retained examples the matrix is made from, by a hash of the key, 1 to 100000. The paper has 1000.
    pub n_gradients: u32,
}

impl Default for WoodFisher {
    fn default() -> Self {
        Self { alpha: 0.2, damping: 1.0, n_gradients: 256 }
    }
}

impl Hyperparameters for WoodFisher {
    fn check(&self) -> untrain_core::Result<()> {
        over_zero("alpha", self.alpha, 1000.0)?;
        over_zero("damping", self.damping, 1e6)?;
        within("n_gradients", self.n_gradients, 1, 100_000)
    }
}

impl Unlearn for WoodFisher {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let mut pull = mean_gradient(network, request.forget).1;
        add(&mut pull, -1.0, &mean_gradient(network, request.retain).1);
        let n = (request.forget.len() + request.retain.len()) as f64;
        pull.iter_mut().for_each(|slope| *slope *= request.forget.len() as f64 / n);
        let gradients = self.gradients(network, request);
        let step = solved(&gradients, self.damping, &pull);
        shift(network.parameters_mut(), self.alpha, &step);
        Ok(Done::empirical(format!("after one step, with a matrix from {} gradients", gradients.len())))
    }
}

impl WoodFisher {
    /// The gradients of some retained examples.
    pub(super) fn gradients(&self, network: &dyn Network, request: &Request<'_>) -> Vec<Vec<f32>> {
        let some = sampled(request.retain, self.n_gradients as usize, request.seed);
        let mut gradients = Vec::new();
        for (_, batch) in pieces(&some) {
            network.example_gradients(&batch, &cross_entropy_slopes(&batch), &mut |_, gradient| gradients.push(gradient.to_vec()));
        }
        gradients
    }
}

/// `(damping I + Σ g gᵀ / M)⁻¹ vector`, one gradient after another: with `o = F⁻¹ g`, `F⁻¹ ← F⁻¹ − o oᵀ / (M + g · o)`.
pub(super) fn solved(gradients: &[Vec<f32>], damping: f64, vector: &[f64]) -> Vec<f64> {
    let m = gradients.len() as f64;
    let mut columns: Vec<(Vec<f32>, f64)> = Vec::new();
    let mut solution: Vec<f64> = vector.iter().map(|value| value / damping).collect();
    for gradient in gradients {
        let wide_gradient = wide(gradient);
        let mut column: Vec<f64> = wide_gradient.iter().map(|value| value / damping).collect();
        for (earlier, weight) in &columns {
            let earlier = wide(earlier);
            let share = dot(&earlier, &wide_gradient) / weight;
            add(&mut column, -share, &earlier);
        }
        let weight = m + dot(&wide_gradient, &column);
        let share = dot(&wide_gradient, &solution) / weight;
        add(&mut solution, -share, &column);
        columns.push((narrow(&column), weight));
    }
    solution
}

//! EK-FAC: curvature as Kronecker products with corrected eigenvalues, for steps and for scores.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};
use untrain_core::{Seed, mix, unit};

use super::curvature::{cross_entropy_slopes, mean_gradient, pieces};
use super::eigenbasis::Basis;
use super::feed::sampled;
use super::ranges::{between, over_zero};
use super::trust_region::trust_region;
use super::vectors::{dot, wide};
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::examples::Examples;
use crate::loss::softmax;
use crate::network::Network;

const LABELS: u64 = 0x656b_6661_6300_0000; // "ekfac"

/// The curvature of a network at what it learned, layer by layer \[@grosse2023\] \[@george2018\].
///
/// Made once, it serves any number of steps and scores. It covers weights and biases; scales and shifts of normalisation, of which
/// there are few, are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EkFac {
    layers: Vec<Basis>,
    damping: f64,
    n_parameters: usize,
}

impl EkFac {
    /// The factors, from up to `n_examples` examples and labels that the network draws itself: for each layer the eigenvectors of
    /// `E[a aᵀ]` and `E[g gᵀ]`, `a` what goes in with a 1 for the bias and `g` the gradient at what comes out, and in that basis the
    /// mean squares of gradients. The damping is `damping` times the mean of these over all layers.
    ///
    /// # Complexity
    ///
    /// Two gradients of each example, and the cube of the widths of layers.
    pub fn factors(network: &dyn Network, examples: &Examples, n_examples: usize, damping: f64, seed: Seed) -> Self {
        let some = sampled(examples, n_examples, seed);
        let mut layers = Basis::of(network.layout());
        for_each_layer(network, &some, seed, &mut layers, Basis::add_covariance);
        layers.iter_mut().for_each(Basis::turn);
        let share = 1.0 / some.len().max(1) as f64;
        for_each_layer(network, &some, seed, &mut layers, |layer, n, inputs, outputs| layer.add_squares(n, inputs, outputs, share));
        let mean = layers.iter().map(Basis::mean).sum::<f64>() / layers.len().max(1) as f64;
        Self { layers, damping: (damping * mean).max(f64::MIN_POSITIVE), n_parameters: network.parameters().len() }
    }

    /// What is added to the curvature.
    pub fn damping(&self) -> f64 {
        self.damping
    }

    #[cfg(test)]
    pub(super) fn own_share(&self) -> f64 {
        self.layers.iter().map(|layer| layer.own_share(self.damping)).sum()
    }

    /// The inverse of the damped curvature times a vector as long as the parameters; 0 where it covers nothing.
    pub fn solve(&self, vector: &[f64]) -> Vec<f64> {
        let mut solution = vec![0.0; self.n_parameters];
        self.layers.iter().for_each(|layer| layer.solve(vector, self.damping, &mut solution));
        solution
    }

    /// How much each example lowers the loss of each query, `(queries, examples)`: `∇CE(query) · H⁻¹ ∇CE(example)`. Divided by the
    /// number of examples that the network learned from, it predicts by how much that loss rises without the example.
    ///
    /// # Complexity
    ///
    /// A gradient of each query and of each example; memory for a gradient for each query.
    pub fn scores(&self, network: &dyn Network, examples: &Examples, queries: &Examples) -> Vec<Vec<f64>> {
        let mut directions = vec![Vec::new(); queries.len()];
        for_each_gradient(network, queries, |query, gradient| directions[query] = self.solve(&wide(gradient)));
        let mut scores = vec![vec![0.0; examples.len()]; queries.len()];
        for_each_gradient(network, examples, |example, gradient| {
            let gradient = wide(gradient);
            scores.iter_mut().zip(&directions).for_each(|(row, direction)| row[example] = dot(direction, &gradient));
        });
        scores
    }

    /// How much each example lowers its own loss: large for what only memory gets right, which is hard to forget.
    ///
    /// # Complexity
    ///
    /// A gradient of each example.
    pub fn self_influence(&self, network: &dyn Network, examples: &Examples) -> Vec<f64> {
        let mut scores = vec![0.0; examples.len()];
        for_each_gradient(network, examples, |example, gradient| {
            let gradient = wide(gradient);
            scores[example] = dot(&gradient, &self.solve(&gradient));
        });
        scores
    }
}

/// Shows each layer both factors of the gradients of examples with drawn labels.
fn for_each_layer(
    network: &dyn Network,
    examples: &Examples,
    seed: Seed,
    layers: &mut [Basis],
    visit: impl Fn(&mut Basis, usize, &[f32], &[f32]),
) {
    for (places, batch) in pieces(examples) {
        let draws: Vec<f64> = places.iter().map(|place| unit(mix(examples.keys()[*place], seed.0 ^ LABELS))).collect();
        network.factors(&batch, &|i, row| drawn(row, draws[i]), &mut |weight, n, inputs, outputs| {
            if let Some(layer) = layers.iter_mut().find(|layer| layer.weight == *weight) {
                visit(layer, n, inputs, outputs);
            }
        });
    }
}

/// The gradient of the cross-entropy against a label that is drawn as the network says.
fn drawn(row: &[f32], draw: f64) -> Vec<f32> {
    let mut slopes: Vec<f32> = softmax(row, 1.0).into_iter().map(|p| p as f32).collect();
    let mut sum = 0.0;
    let label = slopes.iter().position(|p| {
        sum += f64::from(*p);
        draw < sum
    });
    let last = slopes.len() - 1;
    slopes[label.unwrap_or(last)] -= 1.0;
    slopes
}

/// Visits the gradient of each example against a drawn label.
#[cfg(test)]
pub(super) fn for_each_drawn_gradient(network: &dyn Network, examples: &Examples, seed: Seed, mut visit: impl FnMut(&[f32])) {
    for (places, batch) in pieces(examples) {
        let draws: Vec<f64> = places.iter().map(|place| unit(mix(examples.keys()[*place], seed.0 ^ LABELS))).collect();
        network.example_gradients(&batch, &|i, row| drawn(row, draws[i]), &mut |_, gradient| visit(gradient));
    }
}

/// Visits the gradient of each example's cross-entropy, with the example's place.
pub(super) fn for_each_gradient(network: &dyn Network, examples: &Examples, mut visit: impl FnMut(usize, &[f32])) {
    for (places, batch) in pieces(examples) {
        network.example_gradients(&batch, &cross_entropy_slopes(&batch), &mut |i, gradient| visit(places[i], gradient));
    }
}

/// `θ ← θ + α (N_forget / N) H⁻¹ ḡ_forget`, with `H` by EK-FAC \[@grosse2023\].
///
/// An experiment: EK-FAC is proven as a scorer, and nobody publishes it as a step. Where a network is sure of everything the curvature
/// is nearly nothing and the step far too long: a trust region holds it, as that of `newton`.
///
/// # Guarantee
///
/// None beyond what an audit measures.
///
/// # Complexity
///
/// Two gradients of each of `n_examples`, a pass over what is forgotten, the cube of the widths of layers, and two to `n_tries + 1` forwards
/// of what is retained. It stops at the first step that is not refused, or does nothing after `n_tries`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EkFacStep {
    /// What the step is multiplied with, over 0 to 1e6.
    pub alpha: f64,
    /// What is added to the curvature, in parts of its mean, 1e-9 to 1e9.
    pub damping: f64,
    /// From how many examples the factors are made, 1 to 100000000.
    pub n_examples: u32,
    /// The longest step, over 0 to 1e9.
    pub radius: f64,
    /// How often the radius is halved, 1 to 100.
    pub n_tries: u32,
}

impl Default for EkFacStep {
    fn default() -> Self {
        Self { alpha: 1.0, damping: 0.1, n_examples: 1000, radius: 1.0, n_tries: 10 }
    }
}

impl Hyperparameters for EkFacStep {
    fn check(&self) -> untrain_core::Result<()> {
        over_zero("alpha", self.alpha, 1e6)?;
        between("damping", self.damping, 1e-9, 1e9)?;
        within("n_examples", self.n_examples, 1, 100_000_000)?;
        over_zero("radius", self.radius, 1e9)?;
        within("n_tries", self.n_tries, 1, 100)
    }
}

impl Unlearn for EkFacStep {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let factors = EkFac::factors(network, request.retain, self.n_examples as usize, self.damping, request.seed);
        let share = self.alpha * request.forget.len() as f64 / (request.forget.len() + request.retain.len()) as f64;
        let pull: Vec<f64> = mean_gradient(network, request.forget).1.into_iter().map(|slope| share * slope).collect();
        let held = trust_region(network, request, &factors.solve(&pull), self.radius, self.n_tries);
        Ok(Done::empirical(format!("after one solve, {held}")))
    }
}

//! Langevin unlearning: noisy steps on what is retained, until the start is forgotten, with a certificate.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::Hyperparameters;

use super::accountant::Accountant;
use super::convex::is_linear;
use super::curvature::{cross_entropy_slopes, pieces};
use super::feed::Feed;
use super::noisy_steps::NoisySteps;
use super::vectors::{clipping, wide};
use super::{Done, Request, Unlearn};
use crate::batch::Batch;
use crate::error::Result;
use crate::examples::Examples;
use crate::layers::Statistics;
use crate::loss::cross_entropy;
use crate::network::Network;

/// The parameters are shortened to the length C₀, then T times `θ ← θ − η (mean of clip_C₁(∇CE(x)) + λ θ) + √(2 η) s N(0, 1)` on batches
/// of what is retained, the gradient of each example clipped by itself; then `min CE(retain)` without noise, which can tell nothing more
/// \[@chien2024\].
///
/// A network without hidden layers has a convex loss. There a step without clipping brings two starts together by `1 − η λ`, if η is at
/// most `2 / (L + 2 λ)`, with `L = (max ‖x‖² + 1) / 2` over what is retained: η is shortened to that, nothing is clipped, nothing drifts,
/// and little noise is enough. It uses examples as they are, without changes.
///
/// # Guarantee
///
/// As that of `noisy_fine_tune`: (ε, δ)-close to what the same steps make of any start. The bytes cannot be replayed.
///
/// # Complexity
///
/// `n_steps` gradients of a batch, each example by itself where it is clipped, and `n_epochs` passes over what is retained. It stops
/// after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Langevin {
    /// The descent; C₁ is the longest that the gradient of an example may be.
    #[serde(flatten)]
    pub steps: NoisySteps,
}

impl Default for Langevin {
    fn default() -> Self {
        Self { steps: NoisySteps { n_steps: 1000, ..NoisySteps::default() } }
    }
}

impl Hyperparameters for Langevin {
    fn check(&self) -> untrain_core::Result<()> {
        self.steps.check()
    }
}

impl Unlearn for Langevin {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let is_linear = is_linear(network);
        let (accountant, rate) = self.accountant(request.retain, is_linear);
        let slopes =
            |network: &dyn Network, batch: &Batch| Ok(if is_linear { slopes(network, batch) } else { self.clipped(network, batch) });
        self.steps.descend(network, request, (&accountant, rate), Feed::new(request, request.retain).plain().cycle(), slopes)
    }

    fn epsilons(&self) -> Option<(f64, f64)> {
        Some((self.steps.epsilon, self.steps.total_epsilon))
    }
}

impl Langevin {
    /// What certifies it, and the length of its steps.
    pub(super) fn accountant(&self, retain: &Examples, is_linear: bool) -> (Accountant, f64) {
        let rate = f64::from(self.steps.learning_rate);
        if is_linear {
            let rate = rate.min(2.0 / (smoothness(retain) + 2.0 * self.steps.decay));
            return (self.steps.accountant(rate, 0.0), rate);
        }
        (self.steps.accountant(rate, 2.0 * rate * self.steps.clip), rate)
    }

    /// The mean of the gradients of examples, each clipped.
    fn clipped(&self, network: &dyn Network, batch: &Batch) -> Vec<f64> {
        let mut sum = vec![0.0; network.parameters().len()];
        network.example_gradients(batch, &cross_entropy_slopes(batch), &mut |_, gradient| {
            let share = clipping(gradient, self.steps.clip) / batch.len() as f64;
            sum.iter_mut().zip(gradient).for_each(|(sum, slope)| *sum += share * f64::from(*slope));
        });
        sum
    }
}

fn slopes(network: &dyn Network, batch: &Batch) -> Vec<f64> {
    let mut loss = |logits: &crate::batch::Logits| cross_entropy(logits, &batch.labels);
    wide(&network.gradient(batch, Statistics::Remembered, &mut loss, false).parameters)
}

/// The largest curvature that the loss of an example can have, in a network without hidden layers.
fn smoothness(examples: &Examples) -> f64 {
    let squares = pieces(examples).flat_map(|(_, batch)| {
        let square = |i: usize| batch.values(i..i + 1).iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>();
        (0..batch.len()).map(square).collect::<Vec<_>>()
    });
    0.5 * (squares.fold(0.0, f64::max) + 1.0)
}

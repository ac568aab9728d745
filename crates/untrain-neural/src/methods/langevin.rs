//! Langevin unlearning: noisy steps on what is retained, until the start is forgotten, with a certificate.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::accountant::Accountant;
use super::convex::is_linear;
use super::curvature::{cross_entropy_slopes, pieces};
use super::feed::Feed;
use super::fine_tune::tuning;
use super::noisy_fine_tune::certified;
use super::ranges::{between, over_zero, rate};
use super::secret::NoiseSource;
use super::vectors::{add, clip, wide};
use super::{Done, Request, Unlearn};
use crate::batch::Batch;
use crate::error::Result;
use crate::examples::Examples;
use crate::layers::Statistics;
use crate::loss::cross_entropy;
use crate::network::Network;
use crate::train::recompute;

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
    /// The certified epsilon, over 0 to 1000.
    pub epsilon: f64,
    /// The certified delta, 1e-15 to 0.1.
    pub delta: f64,
    /// C₀, the longest that the parameters may be at the start, over 0 to 1e6.
    pub radius: f64,
    /// C₁, the longest that the gradient of an example may be, over 0 to 1e6.
    pub clip: f64,
    /// λ, how strongly parameters are drawn to zero, 0 to 100.
    pub decay: f64,
    /// η, the length of steps, over 0 to 100; with the decay below 1.
    pub learning_rate: f32,
    /// T, how many steps, 1 to 1000000.
    pub n_steps: u32,
    /// How many passes repair the network, 0 to 1000.
    pub n_epochs: u32,
    /// The length of their steps, over 0 to 100.
    pub tune_rate: f32,
    /// Where the noise comes from.
    #[serde(skip)]
    pub noise: NoiseSource,
}

impl Default for Langevin {
    fn default() -> Self {
        let (epsilon, delta, noise) = (1.0, 1e-5, NoiseSource::Secret);
        let (radius, clip, decay, learning_rate, n_steps) = (1.0, 0.02, 1.0, 0.1, 1000);
        Self { epsilon, delta, radius, clip, decay, learning_rate, n_steps, n_epochs: 10, tune_rate: 0.02, noise }
    }
}

impl Hyperparameters for Langevin {
    fn check(&self) -> untrain_core::Result<()> {
        over_zero("epsilon", self.epsilon, 1000.0)?;
        between("delta", self.delta, 1e-15, 0.1)?;
        over_zero("radius", self.radius, 1e6)?;
        over_zero("clip", self.clip, 1e6)?;
        between("decay", self.decay, 0.0, 100.0)?;
        rate("learning_rate", self.learning_rate)?;
        between("decay", f64::from(self.learning_rate) * self.decay, 0.0, 0.999_999)?;
        within("n_steps", self.n_steps, 1, 1_000_000)?;
        within("n_epochs", self.n_epochs, 0, 1000)?;
        rate("tune_rate", self.tune_rate)
    }
}

impl Unlearn for Langevin {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let is_linear = is_linear(network);
        let (accountant, rate) = self.accountant(request.retain, is_linear);
        clip(network.parameters_mut(), self.radius);
        let mut batches = Feed::new(request, request.retain).plain().cycle();
        for step in 0..self.n_steps {
            let Some(batch) = batches.next() else { break };
            let slopes = if is_linear { slopes(network, &batch) } else { self.clipped(network, &batch) };
            let noise = self.noise.normals(slopes.len(), u64::from(step))?;
            for ((value, slope), noise) in network.parameters_mut().iter_mut().zip(&slopes).zip(noise) {
                *value = (f64::from(*value) * (1.0 - rate * self.decay) - rate * slope + accountant.sigma * noise) as f32;
            }
        }
        recompute(network, request.retain);
        tuning(request, self.n_epochs, self.tune_rate).train(network, request.retain)?;
        Ok(certified(self.noise, self.epsilon, self.delta, &accountant, self.n_epochs))
    }
}

impl Langevin {
    /// What certifies it, and the length of its steps.
    pub(super) fn accountant(&self, retain: &Examples, is_linear: bool) -> (Accountant, f64) {
        let mut rate = f64::from(self.learning_rate);
        let mut drift = 2.0 * rate * self.clip;
        if is_linear {
            rate = rate.min(2.0 / (smoothness(retain) + 2.0 * self.decay));
            drift = 0.0;
        }
        let contraction = 1.0 - rate * self.decay;
        let accountant = Accountant { radius: self.radius, contraction, drift, sigma: 0.0, n_steps: self.n_steps };
        (accountant.with_epsilon(self.epsilon, self.delta), rate)
    }

    /// The mean of the gradients of examples, each clipped.
    fn clipped(&self, network: &dyn Network, batch: &Batch) -> Vec<f64> {
        let mut sum = vec![0.0; network.parameters().len()];
        network.example_gradients(batch, &cross_entropy_slopes(batch), &mut |_, gradient| {
            let mut gradient = gradient.to_vec();
            clip(&mut gradient, self.clip);
            add(&mut sum, 1.0 / batch.len() as f64, &wide(&gradient));
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

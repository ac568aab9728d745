//! Noisy fine-tuning: forgets where it came from, with a certificate.

use serde::{Deserialize, Serialize};
use untrain_core::Guarantee;
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::accountant::Accountant;
use super::feed::Feed;
use super::fine_tune::tuning;
use super::ranges::{between, over_zero, rate};
use super::secret::NoiseSource;
use super::vectors::clip;
use super::walk::Walk;
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::loss::cross_entropy;
use crate::network::Network;
use crate::train::recompute;

/// The parameters are shortened to the length C₀, then T times `θ ← θ − η (clip_C₁(∇CE(batch)) + λ θ) + N(0, σ²)` on what is retained,
/// then `min CE(retain)` without noise, which can tell nothing more \[@koloskova2025\].
///
/// # Guarantee
///
/// The network is (ε, δ)-close to what the same procedure makes of *any* start, so also of a network that was trained without the
/// forgotten records: both are projected onto the ball of radius C₀ first, wherever they come from. σ follows from [`Accountant`].
/// It holds for numbers without rounding, for noise that nobody knows, and for this network alone: what was released before is not
/// called back. The noise is the operating system's, so that the bytes cannot be replayed.
///
/// The noise grows with the clipping length, not with the number of parameters, and falls on each of them: certified networks are
/// close to being trained from noise, and the last epochs have to repair them.
///
/// # Complexity
///
/// `n_steps` gradients of a batch, and `n_epochs` passes over what is retained. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NoisyFineTune {
    /// The certified epsilon, over 0 to 1000.
    pub epsilon: f64,
    /// The certified delta, 1e-15 to 0.1.
    pub delta: f64,
    /// C₀, the longest that the parameters may be at the start, over 0 to 1e6.
    pub radius: f64,
    /// C₁, the longest that a gradient may be, over 0 to 1e6.
    pub clip: f64,
    /// λ, how strongly parameters are drawn to zero, 0 to 100.
    pub decay: f64,
    /// η, the length of noisy steps, over 0 to 100; with the decay at most 1.
    pub learning_rate: f32,
    /// T, how many noisy steps, 1 to 1000000.
    pub n_steps: u32,
    /// How many passes repair the network, 0 to 1000.
    pub n_epochs: u32,
    /// The length of their steps, over 0 to 100.
    pub tune_rate: f32,
    /// Where the noise comes from.
    #[serde(skip)]
    pub noise: NoiseSource,
}

impl Default for NoisyFineTune {
    fn default() -> Self {
        let (epsilon, delta, noise) = (1.0, 1e-5, NoiseSource::Secret);
        let (radius, clip, decay, learning_rate, n_steps) = (1.0, 0.02, 1.0, 0.1, 60);
        Self { epsilon, delta, radius, clip, decay, learning_rate, n_steps, n_epochs: 10, tune_rate: 0.02, noise }
    }
}

impl Hyperparameters for NoisyFineTune {
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

impl Unlearn for NoisyFineTune {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let accountant = self.accountant();
        clip(network.parameters_mut(), self.radius);
        let mut batches = Feed::new(request, request.retain).cycle();
        let walk = Walk::sgd(request, 0.0).frozen();
        let rate = f64::from(self.learning_rate);
        for step in 0..self.n_steps {
            let Some(batch) = batches.next() else { break };
            let mut gradient = walk.gradient(network, &batch, &mut |logits| cross_entropy(logits, &batch.labels))?.parameters;
            clip(&mut gradient, self.clip);
            let noise = self.noise.normals(gradient.len(), u64::from(step))?;
            for ((value, slope), noise) in network.parameters_mut().iter_mut().zip(&gradient).zip(noise) {
                let moved = f64::from(*value) * (1.0 - rate * self.decay) - rate * f64::from(*slope) + accountant.sigma * noise;
                *value = moved as f32;
            }
        }
        // What normalisation remembers of the past has no noise: it begins anew, from what is retained.
        recompute(network, request.retain);
        tuning(request, self.n_epochs, self.tune_rate).train(network, request.retain)?;
        Ok(certified(self.noise, self.epsilon, self.delta, &accountant, self.n_epochs))
    }
}

impl NoisyFineTune {
    /// What certifies it.
    pub fn accountant(&self) -> Accountant {
        let rate = f64::from(self.learning_rate);
        let (contraction, drift) = (1.0 - rate * self.decay, 2.0 * rate * self.clip);
        let accountant = Accountant { radius: self.radius, contraction, drift, sigma: 0.0, n_steps: self.n_steps };
        accountant.with_epsilon(self.epsilon, self.delta)
    }
}

/// What a noisy descent says when it is done.
pub(super) fn certified(noise: NoiseSource, epsilon: f64, delta: f64, accountant: &Accountant, n_epochs: u32) -> Done {
    let Accountant { radius, contraction, drift, sigma, n_steps } = accountant;
    let secret = if noise.is_secret() { "secret noise" } else { "noise from a known seed, which certifies nothing" };
    let stopped = format!(
        "after {n_steps} noisy steps and {n_epochs} epochs without noise; radius {radius}, contraction {contraction:.6}, drift {drift:.6}, \
         sigma {sigma:.3e}, delta {delta:e}, {secret}"
    );
    let guarantee = if noise.is_secret() { Guarantee::Certified { epsilon, delta } } else { Guarantee::Empirical };
    Done { guarantee, stopped }
}

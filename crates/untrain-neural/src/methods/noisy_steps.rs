//! What certified descents share: their hyperparameters, and a walk whose noise hides where it began.

use serde::{Deserialize, Serialize};
use untrain_core::Guarantee;
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::accountant::Accountant;
use super::fine_tune::tuning;
use super::ranges::{between, over_zero, rate};
use super::secret::NoiseSource;
use super::vectors::clip;
use super::{Done, Request};
use crate::batch::Batch;
use crate::error::Result;
use crate::network::Network;
use crate::train::recompute;

/// The hyperparameters of a noisy descent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NoisySteps {
    /// The certified epsilon, over 0 to 1000.
    pub epsilon: f64,
    /// The certified delta, 1e-15 to 0.1.
    pub delta: f64,
    /// The most that the epsilons of a network's requests may add up to before it has to be trained anew, `epsilon` to 1e6.
    pub total_epsilon: f64,
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

impl Default for NoisySteps {
    fn default() -> Self {
        let (epsilon, delta, total_epsilon, noise) = (1.0, 1e-5, 10.0, NoiseSource::Secret);
        let (radius, clip, decay, learning_rate, n_steps) = (1.0, 0.02, 1.0, 0.1, 60);
        Self { epsilon, delta, total_epsilon, radius, clip, decay, learning_rate, n_steps, n_epochs: 10, tune_rate: 0.02, noise }
    }
}

impl Hyperparameters for NoisySteps {
    fn check(&self) -> untrain_core::Result<()> {
        over_zero("epsilon", self.epsilon, 1000.0)?;
        between("delta", self.delta, 1e-15, 0.1)?;
        between("total_epsilon", self.total_epsilon, self.epsilon, 1e6)?;
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

impl NoisySteps {
    /// What certifies steps of a length, between which two starts drift apart by so much at the most.
    pub(super) fn accountant(&self, rate: f64, drift: f64) -> Accountant {
        let contraction = 1.0 - rate * self.decay;
        let accountant = Accountant { radius: self.radius, contraction, drift, sigma: 0.0, n_steps: self.n_steps };
        accountant.with_epsilon(self.epsilon, self.delta)
    }

    /// Shortens the parameters, takes noisy steps of length `rate` along `slopes`, and trains on what is retained without noise.
    pub(super) fn descend(
        &self,
        network: &mut dyn Network,
        request: &Request<'_>,
        (accountant, rate): (&Accountant, f64),
        mut batches: impl Iterator<Item = Batch>,
        slopes: impl Fn(&dyn Network, &Batch) -> Result<Vec<f64>>,
    ) -> Result<Done> {
        clip(network.parameters_mut(), self.radius);
        for step in 0..self.n_steps {
            let Some(batch) = batches.next() else { break };
            let slopes = slopes(network, &batch)?;
            let noise = self.noise.normals(slopes.len(), u64::from(step))?;
            for ((value, slope), noise) in network.parameters_mut().iter_mut().zip(&slopes).zip(noise) {
                *value = (f64::from(*value) * (1.0 - rate * self.decay) - rate * slope + accountant.sigma * noise) as f32;
            }
        }
        // What normalisation remembers of the past has no noise: it begins anew, from what is retained.
        recompute(network, request.retain);
        tuning(request, self.n_epochs, self.tune_rate).train(network, request.retain)?;
        Ok(self.certified(accountant))
    }

    fn certified(&self, accountant: &Accountant) -> Done {
        let Accountant { radius, contraction, drift, sigma, n_steps } = accountant;
        let secret = if self.noise.is_secret() { "secret noise" } else { "noise from a known seed, which certifies nothing" };
        let stopped = format!(
            "after {n_steps} noisy steps and {} epochs without noise; radius {radius}, contraction {contraction:.6}, drift {drift:.6}, \
             sigma {sigma:.3e}, delta {:e}, {secret}",
            self.n_epochs, self.delta
        );
        let guarantee =
            if self.noise.is_secret() { Guarantee::Certified { epsilon: self.epsilon, delta: self.delta } } else { Guarantee::Empirical };
        Done { guarantee, stopped }
    }
}

//! Noisy fine-tuning: forgets where it came from, with a certificate.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::Hyperparameters;

use super::accountant::Accountant;
use super::feed::Feed;
use super::noisy_steps::NoisySteps;
use super::vectors::{clip, wide};
use super::walk::Walk;
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::loss::cross_entropy;
use crate::network::Network;

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
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NoisyFineTune {
    /// The descent; C₁ is the longest that the gradient of a batch may be.
    #[serde(flatten)]
    pub steps: NoisySteps,
}

impl Hyperparameters for NoisyFineTune {
    fn check(&self) -> untrain_core::Result<()> {
        self.steps.check()
    }
}

impl Unlearn for NoisyFineTune {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let walk = Walk::sgd(request, 0.0).frozen();
        let slopes = |network: &dyn Network, batch: &crate::Batch| {
            let mut gradient = walk.gradient(network, batch, &mut |logits| cross_entropy(logits, &batch.labels))?.parameters;
            clip(&mut gradient, self.steps.clip);
            Ok(wide(&gradient))
        };
        let rate = f64::from(self.steps.learning_rate);
        self.steps.descend(network, request, (&self.accountant(), rate), Feed::new(request, request.retain).cycle(), slopes)
    }

    fn epsilons(&self) -> Option<(f64, f64)> {
        Some((self.steps.epsilon, self.steps.total_epsilon))
    }
}

impl NoisyFineTune {
    /// What certifies it.
    pub fn accountant(&self) -> Accountant {
        let rate = f64::from(self.steps.learning_rate);
        self.steps.accountant(rate, 2.0 * rate * self.steps.clip)
    }
}

//! l1-sparse: fine-tuning that draws parameters to zero, less and less.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::feed::Feed;
use super::ranges::{between, rate};
use super::walk::Walk;
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::loss::cross_entropy;
use crate::network::Network;

/// `min CE(retain) + γ_e ‖θ‖₁`, with `γ_e = γ (1 − e / (E − E₀))` in epoch `e` of `E`, and 0 in the last `E₀` \[@jia2023\].
///
/// # Guarantee
///
/// None beyond what an audit measures: it is fine-tuning, and leaves what fine-tuning leaves.
///
/// # Complexity
///
/// `n_epochs` passes over what is retained. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct L1Sparse {
    /// How strongly parameters are drawn to zero at first, 0 to 1.
    pub gamma: f64,
    /// In how many epochs, the last, they are not, 0 to 1000.
    pub n_free_epochs: u32,
    /// How many passes, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for L1Sparse {
    fn default() -> Self {
        Self { gamma: 5e-4, n_free_epochs: 0, n_epochs: 10, learning_rate: 0.01 }
    }
}

impl Hyperparameters for L1Sparse {
    fn check(&self) -> untrain_core::Result<()> {
        between("gamma", self.gamma, 0.0, 1.0)?;
        within("n_free_epochs", self.n_free_epochs, 0, 1000)?;
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for L1Sparse {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let feed = Feed::new(request, request.retain);
        let mut walk = Walk::sgd(request, self.learning_rate);
        let bound = self.n_epochs.saturating_sub(self.n_free_epochs);
        for epoch in 0..self.n_epochs {
            walk.epoch = epoch as usize;
            let gamma = if epoch < bound { self.gamma * (1.0 - f64::from(epoch) / f64::from(bound)) } else { 0.0 };
            for (_, batch) in feed.epoch(epoch as usize) {
                let mut found = walk.gradient(network, &batch, &mut |logits| cross_entropy(logits, &batch.labels))?;
                let signs = network.parameters().iter().map(|value| if *value == 0.0 { 0.0 } else { value.signum() });
                found.parameters.iter_mut().zip(signs).for_each(|(slope, sign)| *slope += gamma as f32 * sign);
                walk.take(network, &found);
            }
        }
        Ok(Done::after_epochs(self.n_epochs))
    }
}

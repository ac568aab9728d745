//! Noise: weights are blurred, and trained until they are sharp again.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::perturb::{PerturbAndRepair, Perturbation};
use super::ranges::{over_zero, rate};
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::network::Network;

/// `N(0, (deviation · s)²)` on all weights, `s` the standard deviation of the matrix or kernel, and then `min CE(retain)`. The idea of the
/// third place of the unlearning challenge of NeurIPS 2023 \[@triantafillou2024\] \[@cadet2024\].
///
/// # Guarantee
///
/// None beyond what an audit measures. Nothing is certified: for that see `noisy_fine_tune`.
///
/// # Complexity
///
/// `n_epochs` passes over what is retained. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Noise {
    /// The deviation of the noise, in parts of that of the weights, over 0 to 1000.
    pub deviation: f64,
    /// How many passes repair it, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for Noise {
    fn default() -> Self {
        Self { deviation: 0.6, n_epochs: 4, learning_rate: 0.02 }
    }
}

impl Hyperparameters for Noise {
    fn check(&self) -> untrain_core::Result<()> {
        over_zero("deviation", self.deviation, 1000.0)?;
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for Noise {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        PerturbAndRepair::by_labels(Perturbation::Noise { deviation: self.deviation }, self.n_epochs, self.learning_rate)
            .apply(network, request)
    }
}

//! Shrink and perturb: most of what was learned goes, for all parameters alike.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::perturb::{PerturbAndRepair, Perturbation};
use super::ranges::{between, rate};
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::network::Network;

/// `θ ← (1 − share) θ + share θ'`, with `θ'` the parameters before training, and then `min CE(retain)` \[@ash2020\].
///
/// # Guarantee
///
/// None beyond what an audit measures. The share decides: near 1 it is a training from scratch.
///
/// # Complexity
///
/// `n_epochs` passes over what is retained. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShrinkPerturb {
    /// How much of what was learned goes, 0 to 1.
    pub share: f64,
    /// How many passes repair it, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for ShrinkPerturb {
    fn default() -> Self {
        Self { share: 0.8, n_epochs: 5, learning_rate: 0.02 }
    }
}

impl Hyperparameters for ShrinkPerturb {
    fn check(&self) -> untrain_core::Result<()> {
        between("share", self.share, 0.0, 1.0)?;
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for ShrinkPerturb {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        PerturbAndRepair::by_labels(Perturbation::Shrink { share: self.share }, self.n_epochs, self.learning_rate).apply(network, request)
    }
}

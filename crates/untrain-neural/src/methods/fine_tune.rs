//! Fine-tuning: goes on training on what is retained, and hopes that the rest fades.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::ranges::rate;
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::network::Network;
use crate::optimiser::Rule;
use crate::train::Training;

/// `min CE(retain)` from the trained parameters \[@golatkar2020\].
///
/// # Guarantee
///
/// None beyond what an audit measures. Examples that only memory could get right stay known.
///
/// # Complexity
///
/// `n_epochs` passes over what is retained. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FineTune {
    /// How many passes, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for FineTune {
    fn default() -> Self {
        Self { n_epochs: 5, learning_rate: 0.02 }
    }
}

impl Hyperparameters for FineTune {
    fn check(&self) -> untrain_core::Result<()> {
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for FineTune {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let training = tuning(request, self.n_epochs, self.learning_rate);
        training.train(network, request.retain)?;
        Ok(Done::after_epochs(self.n_epochs))
    }
}

/// A short training as published methods have it: gradient descent with momentum 0.9 and the network's own batches, decay and changes.
pub(super) fn tuning(request: &Request<'_>, n_epochs: u32, learning_rate: f32) -> Training {
    Training { n_epochs: n_epochs as usize, learning_rate, rule: Rule::Sgd, momentum: 0.9, seed: request.seed, ..request.training.clone() }
}

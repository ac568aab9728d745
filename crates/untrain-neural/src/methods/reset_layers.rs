//! Layer reset: the first and the last blocks begin anew.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::perturb::{PerturbAndRepair, Perturbation};
use super::ranges::rate;
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::network::Network;

/// The first and the last blocks become what they were before training, and then `min CE(retain)` in all of them. What the sixth and
/// seventh places of the unlearning challenge of NeurIPS 2023 share \[@triantafillou2024\] \[@cadet2024\].
///
/// # Guarantee
///
/// None beyond what an audit measures. A network of two blocks begins anew as a whole: it is then a training from scratch.
///
/// # Complexity
///
/// `n_epochs` passes over what is retained. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResetLayers {
    /// How many blocks begin anew, from the input on, 0 to 1000.
    pub first: u32,
    /// How many blocks begin anew, from the output on, 0 to 1000.
    pub last: u32,
    /// How many passes repair it, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for ResetLayers {
    fn default() -> Self {
        Self { first: 1, last: 1, n_epochs: 5, learning_rate: 0.02 }
    }
}

impl Hyperparameters for ResetLayers {
    fn check(&self) -> untrain_core::Result<()> {
        within("first", self.first, 0, 1000)?;
        within("last", self.last, 0, 1000)?;
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for ResetLayers {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        PerturbAndRepair::by_labels(Perturbation::Reset { first: self.first, last: self.last }, self.n_epochs, self.learning_rate)
            .apply(network, request)
    }
}

//! EU-k: trains the last blocks anew.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::cf_k::{CfK, last_blocks};
use super::ranges::rate;
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::network::Network;

/// The last `k` blocks become what they were before training, and then `min CE(retain)` in them alone \[@goel2022\].
/// Normalisation uses what it remembers, and does not change it.
///
/// # Guarantee
///
/// None beyond what an audit measures: the last blocks are exact, and what the earlier ones hold of an example stays.
///
/// # Complexity
///
/// `n_epochs` passes over what is retained. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EuK {
    /// How many blocks begin anew, from the output on, 1 to 1000.
    pub k: u32,
    /// How many passes, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100; a tenth, and so on, from 0.5, 0.8 and 0.9 of the epochs on.
    pub learning_rate: f32,
}

impl Default for EuK {
    fn default() -> Self {
        Self { k: 1, n_epochs: 10, learning_rate: 0.01 }
    }
}

impl Hyperparameters for EuK {
    fn check(&self) -> untrain_core::Result<()> {
        within("k", self.k, 1, 1000)?;
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for EuK {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let mask = last_blocks(network, self.k);
        let places = network.parameters_mut().iter_mut().zip(request.fresh.parameters()).zip(&mask);
        places.filter(|(_, moves)| **moves).for_each(|((value, fresh), _)| *value = *fresh);
        CfK { k: self.k, n_epochs: self.n_epochs, learning_rate: self.learning_rate }.apply(network, request)
    }
}

//! Prune and begin anew: small weights become what they were before training.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::perturb::{PerturbAndRepair, Perturbation};
use super::ranges::{between, rate};
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::network::Network;

/// In the matrices and kernels of the last blocks the share of weights of least magnitude becomes what it was before training, and then
/// `min CE(retain)`. The idea of the fourth place of the unlearning challenge of NeurIPS 2023 \[@triantafillou2024\] \[@cadet2024\].
///
/// # Guarantee
///
/// None beyond what an audit measures. What the earlier blocks hold of an example is only tuned.
///
/// # Complexity
///
/// `n_epochs` passes over what is retained. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PruneReinit {
    /// The share of each that begins anew, 0 to 1.
    pub share: f64,
    /// How many blocks, from the output on, 1 to 1000.
    pub blocks: u32,
    /// How many passes repair it, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for PruneReinit {
    fn default() -> Self {
        Self { share: 0.99, blocks: 2, n_epochs: 4, learning_rate: 0.02 }
    }
}

impl Hyperparameters for PruneReinit {
    fn check(&self) -> untrain_core::Result<()> {
        between("share", self.share, 0.0, 1.0)?;
        within("blocks", self.blocks, 1, 1000)?;
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for PruneReinit {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        PerturbAndRepair::by_labels(
            Perturbation::SmallestWeights { share: self.share, blocks: self.blocks },
            self.n_epochs,
            self.learning_rate,
        )
        .apply(network, request)
    }
}

//! CT: kernels are transposed, and trained until they work again.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::perturb::{Course, PerturbAndRepair, Perturbation, Teaching};
use super::ranges::rate;
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::network::Network;

/// The two directions of every square kernel change places, and then `min CE(retain)` along half a cosine. The fifth place of the
/// unlearning challenge of NeurIPS 2023 \[@triantafillou2024\] \[@cadet2024\]. In a network without kernels the two directions of the
/// images that its first matrix reads change places.
///
/// # Errors
///
/// [`untrain_core::Error::Unfit`] if there is nothing to transpose: rows of a table have no directions.
///
/// # Guarantee
///
/// None beyond what an audit measures. Kernels of 1 × 1 stay as they are.
///
/// # Complexity
///
/// `n_epochs` passes over what is retained. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ct {
    /// How many passes repair it, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for Ct {
    fn default() -> Self {
        Self { n_epochs: 3, learning_rate: 1e-3 }
    }
}

impl Hyperparameters for Ct {
    fn check(&self) -> untrain_core::Result<()> {
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for Ct {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let operator = PerturbAndRepair {
            perturbation: Perturbation::Transpose,
            teaching: Teaching::Labels,
            course: Course::Cosine,
            slowness: 1.0,
            n_epochs: self.n_epochs,
            learning_rate: self.learning_rate,
        };
        operator.apply(network, request)
    }
}

//! MSG: begins anew where the gradients of what goes and what stays do not differ.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::perturb::{Course, PerturbAndRepair, Perturbation, Teaching};
use super::ranges::{between, rate};
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::network::Network;

/// In each kernel the share of weights with the smallest `|∇[CE(as many retained) − CE(forget)]|` becomes what it was before training;
/// then `min CE(retain)`, with the gradients of all other parameters times `slowness`. The second place of the unlearning challenge of
/// NeurIPS 2023 \[@triantafillou2024\] \[@cadet2024\]. In networks without convolutions every matrix is a kernel.
///
/// # Guarantee
///
/// None beyond what an audit measures. The drift shows against a retrain, less so who was forgotten.
///
/// # Complexity
///
/// A gradient of what is forgotten and of as many retained examples, and `n_epochs` passes over what is retained. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Msg {
    /// The share of each kernel that begins anew, 0 to 1.
    pub share: f64,
    /// What the gradients of the other parameters are multiplied with, 0 to 1.
    pub slowness: f64,
    /// How many passes repair it, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for Msg {
    fn default() -> Self {
        Self { share: 0.3, slowness: 0.1, n_epochs: 5, learning_rate: 1e-3 }
    }
}

impl Hyperparameters for Msg {
    fn check(&self) -> untrain_core::Result<()> {
        between("share", self.share, 0.0, 1.0)?;
        between("slowness", self.slowness, 0.0, 1.0)?;
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for Msg {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let operator = PerturbAndRepair {
            perturbation: Perturbation::SmallestGradients { share: self.share },
            teaching: Teaching::Labels,
            course: Course::WarmUp,
            slowness: self.slowness as f32,
            n_epochs: self.n_epochs,
            learning_rate: self.learning_rate,
        };
        operator.apply(network, request)
    }
}

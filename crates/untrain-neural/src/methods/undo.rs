//! UNDO: a network that unlearned on its surface teaches a spoilt copy of itself, which never had the depth.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::neggrad_plus::NegGradPlus;
use super::perturb::{Course, PerturbAndRepair, Perturbation, Teaching};
use super::ranges::{between, over_zero, rate};
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::network::Network;

/// NegGrad+ \[@kurmanji2023\]; then `θ ← (1 − share) θ + share θ'`, with `θ'` the parameters before training; then
/// `min T² KL(teacher ‖ p_θ)` over retain, the teacher the network after NegGrad+ \[@lee2025\].
///
/// # Guarantee
///
/// None beyond what an audit measures. Its authors show that relearning brings little back.
///
/// # Complexity
///
/// NegGrad+, and `n_epochs` passes over what is retained with a forward of the teacher beside each. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Undo {
    /// How many passes of NegGrad+ come first, 1 to 1000.
    pub n_forget_epochs: u32,
    /// The length of its steps, over 0 to 100.
    pub forget_rate: f32,
    /// How much of what was learned goes, 0 to 1.
    pub share: f64,
    /// The temperature of the teacher, over 0 to 100.
    pub temperature: f64,
    /// How many passes the teacher teaches, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for Undo {
    fn default() -> Self {
        Self { n_forget_epochs: 5, forget_rate: 0.01, share: 0.6, temperature: 1.0, n_epochs: 10, learning_rate: 0.02 }
    }
}

impl Hyperparameters for Undo {
    fn check(&self) -> untrain_core::Result<()> {
        within("n_forget_epochs", self.n_forget_epochs, 1, 1000)?;
        rate("forget_rate", self.forget_rate)?;
        between("share", self.share, 0.0, 1.0)?;
        over_zero("temperature", self.temperature, 100.0)?;
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for Undo {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let surface = NegGradPlus { n_epochs: self.n_forget_epochs, learning_rate: self.forget_rate, ..NegGradPlus::default() };
        surface.apply(network, request)?;
        let operator = PerturbAndRepair {
            perturbation: Perturbation::Shrink { share: self.share },
            teaching: Teaching::Distillation { temperature: self.temperature },
            course: Course::Constant,
            slowness: 1.0,
            n_epochs: self.n_epochs,
            learning_rate: self.learning_rate,
        };
        operator.apply(network, request)
    }
}

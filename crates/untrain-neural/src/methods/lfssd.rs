//! LFSSD: SSD that asks for no labels.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::Hyperparameters;

use super::curvature::mean_of_each;
use super::ranges::over_zero;
use super::ssd::{dampen, importances};
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::network::Network;

/// As SSD, with `I = E[|∂‖z‖²|]` of the logits `z` \[@foster2024loss\].
///
/// # Guarantee
///
/// None beyond what an audit measures. It is for classes and parts of them.
///
/// # Complexity
///
/// A gradient of each example by itself. It stops after one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lfssd {
    /// How many times as important a parameter has to be, over 0 to 1e6.
    pub alpha: f64,
    /// What the dampened are multiplied with, over 0 to 1000.
    #[serde(rename = "lambda")]
    pub dampening: f64,
}

impl Default for Lfssd {
    fn default() -> Self {
        Self { alpha: 5.0, dampening: 1.0 }
    }
}

impl Hyperparameters for Lfssd {
    fn check(&self) -> untrain_core::Result<()> {
        over_zero("alpha", self.alpha, 1e6)?;
        over_zero("lambda", self.dampening, 1000.0)
    }
}

impl Unlearn for Lfssd {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let slopes = |_: &crate::Batch, _: usize, row: &[f32]| row.iter().map(|value| 2.0 * value).collect();
        let (all, forget) = importances(request, |examples| mean_of_each(network, examples, slopes, f64::abs));
        Ok(dampen(network, request, (&all, &forget), self.alpha, self.dampening))
    }
}

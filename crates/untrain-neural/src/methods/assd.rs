//! ASSD: SSD that finds its threshold.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::Hyperparameters;

use super::ranges::over_zero;
use super::ssd::{dampen, importances, squares};
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::network::Network;

/// As SSD, with `α` the value of `I_forget / I` at the percentile `100 − ln(1 + 100 N_forget / N)` over all parameters
/// \[@schoepf2024\].
///
/// # Guarantee
///
/// None beyond what an audit measures. It has a knob less than SSD, and its scope: classes and parts of them.
///
/// # Complexity
///
/// A gradient of each example by itself. It stops after one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Assd {
    /// What the dampened are multiplied with, over 0 to 1000.
    #[serde(rename = "lambda")]
    pub dampening: f64,
}

impl Default for Assd {
    fn default() -> Self {
        Self { dampening: 1.0 }
    }
}

impl Hyperparameters for Assd {
    fn check(&self) -> untrain_core::Result<()> {
        over_zero("lambda", self.dampening, 1000.0)
    }
}

impl Unlearn for Assd {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let (all, forget) = importances(request, |examples| squares(network, examples));
        let mut ratios: Vec<f64> = all.iter().zip(&forget).map(|(all, forget)| if *forget > 0.0 { forget / all } else { 0.0 }).collect();
        ratios.sort_by(f64::total_cmp);
        let share = request.forget.len() as f64 / (request.forget.len() + request.retain.len()) as f64;
        let percentile = 100.0 - libm::log1p(100.0 * share);
        let at = (percentile / 100.0 * (ratios.len() - 1) as f64).floor() as usize;
        let done = dampen(network, request, (&all, &forget), ratios[at], self.dampening);
        Ok(Done { stopped: format!("{}, above a ratio of {:.3}", done.stopped, ratios[at]), ..done })
    }
}

//! SSD: dampens the parameters that matter more for what is to be forgotten than for everything.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::Hyperparameters;

use super::curvature::{cross_entropy_slopes, mean_of_each};
use super::ranges::over_zero;
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::examples::Examples;
use crate::network::Network;

/// `I = E[(∂CE)²]` on everything and on forget; where `I_forget > α I`, `θ ← θ min(λ I / I_forget, 1)` \[@foster2024\].
///
/// The squares are those of each example's own gradient. Published code squares the mean of a batch, so that its result depends on the
/// size and the order of batches; the correction is known from arXiv 2510.26714, appendix B, too.
///
/// # Guarantee
///
/// None beyond what an audit measures. It is for classes and parts of them: on a random subset both importances are alike, and it
/// does nothing, or harm. As everything includes forget, no parameter can be more than `N / N_forget` times as important: with an
/// `alpha` above that it does nothing, which the reason for stopping says.
///
/// # Complexity
///
/// A gradient of each example by itself. It stops after one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ssd {
    /// How many times as important a parameter has to be, over 0 to 1e6.
    pub alpha: f64,
    /// What the dampened are multiplied with, over 0 to 1000.
    #[serde(rename = "lambda")]
    pub dampening: f64,
}

impl Default for Ssd {
    fn default() -> Self {
        Self { alpha: 10.0, dampening: 1.0 }
    }
}

impl Hyperparameters for Ssd {
    fn check(&self) -> untrain_core::Result<()> {
        over_zero("alpha", self.alpha, 1e6)?;
        over_zero("lambda", self.dampening, 1000.0)
    }
}

impl Unlearn for Ssd {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let (all, forget) = importances(request, |examples| squares(network, examples));
        Ok(dampen(network, request, (&all, &forget), self.alpha, self.dampening))
    }
}

/// The mean of the squares of each example's gradient.
pub(super) fn squares(network: &dyn Network, examples: &Examples) -> Vec<f64> {
    mean_of_each(network, examples, |batch, i, row| cross_entropy_slopes(batch)(i, row), |slope| slope * slope)
}

/// Importances on everything, and on what is to be forgotten, from those of both parts.
pub(super) fn importances(request: &Request<'_>, importance: impl Fn(&Examples) -> Vec<f64>) -> (Vec<f64>, Vec<f64>) {
    let (retain, forget) = (importance(request.retain), importance(request.forget));
    let share = request.forget.len() as f64 / (request.forget.len() + request.retain.len()) as f64;
    let all = retain.iter().zip(&forget).map(|(retain, forget)| (1.0 - share) * retain + share * forget).collect();
    (all, forget)
}

/// Dampens, and says how many parameters that were.
pub(super) fn dampen(network: &mut dyn Network, request: &Request<'_>, (all, forget): (&[f64], &[f64]), alpha: f64, lambda: f64) -> Done {
    let mut count = 0;
    for ((value, all), forget) in network.parameters_mut().iter_mut().zip(all).zip(forget) {
        if *forget > alpha * all {
            *value = (f64::from(*value) * (lambda * all / forget).min(1.0)) as f32;
            count += 1;
        }
    }
    let most = (request.forget.len() + request.retain.len()) as f64 / request.forget.len() as f64;
    let hint = if alpha >= most { format!(": alpha has to be below {most:.3}") } else { String::new() };
    Done::empirical(format!("after one step that dampened {count} of {} parameters{hint}", all.len()))
}

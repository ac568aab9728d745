//! NegGrad+: trains on what is retained while it climbs the loss of what is not.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::feed::Feed;
use super::ranges::{between, over_zero, rate};
use super::walk::Walk;
use super::{Done, Request, Unlearn};
use crate::batch::Logits;
use crate::error::Result;
use crate::loss::{cross_entropy, cross_entropy_of, mean_of};
use crate::network::Network;

/// `min α CE(retain) − (1 − α) mean min(CE(x), ceiling) over forget` \[@kurmanji2023\].
///
/// The published second term has no bound; here an example whose loss has reached the ceiling pushes no more.
///
/// # Guarantee
///
/// None beyond what an audit measures. `alpha` decides everything.
///
/// # Complexity
///
/// `n_epochs` passes over what is retained, with as many batches of what is forgotten, again and again. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NegGradPlus {
    /// The weight of what is retained, 0 to 1.
    pub alpha: f64,
    /// The loss, in nats, from which on an example is not pushed further, over 0 to 1000.
    pub ceiling: f64,
    /// How many passes, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for NegGradPlus {
    fn default() -> Self {
        Self { alpha: 0.95, ceiling: 10.0, n_epochs: 5, learning_rate: 0.01 }
    }
}

impl Hyperparameters for NegGradPlus {
    fn check(&self) -> untrain_core::Result<()> {
        between("alpha", self.alpha, 0.0, 1.0)?;
        over_zero("ceiling", self.ceiling, 1000.0)?;
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for NegGradPlus {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let retain = Feed::new(request, request.retain);
        let mut forget = Feed::new(request, request.forget).cycle();
        let mut walk = Walk::sgd(request, self.learning_rate);
        for epoch in 0..self.n_epochs as usize {
            walk.epoch = epoch;
            for (_, batch) in retain.epoch(epoch) {
                let mut found = walk.gradient(network, &batch, &mut |logits| {
                    let (loss, gradient) = cross_entropy(logits, &batch.labels);
                    (self.alpha * loss, scaled(gradient, self.alpha))
                })?;
                let Some(batch) = forget.next() else { break };
                let against = walk.gradient(network, &batch, &mut |logits| self.ascent(logits, &batch.labels))?;
                found.parameters.iter_mut().zip(&against.parameters).for_each(|(sum, slope)| *sum += slope);
                walk.take(network, &found);
            }
        }
        Ok(Done::after_epochs(self.n_epochs))
    }
}

impl NegGradPlus {
    fn ascent(&self, logits: &Logits, labels: &[u32]) -> (f64, Logits) {
        mean_of(logits, |i, row| {
            let (loss, slopes) = cross_entropy_of(row, labels[i]);
            let factor = if loss < self.ceiling { self.alpha - 1.0 } else { 0.0 };
            ((self.alpha - 1.0) * loss.min(self.ceiling), slopes.iter().map(|slope| factor * slope).collect())
        })
    }
}

pub(super) fn scaled(mut logits: Logits, factor: f64) -> Logits {
    logits.values_mut().iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
    logits
}

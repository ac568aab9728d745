//! Gradient ascent: climbs the loss of what is to be forgotten. A control that is expected to fail.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::feed::Feed;
use super::ranges::rate;
use super::walk::Walk;
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::loss::cross_entropy;
use crate::network::Network;

/// `θ ← θ + η ∇CE(forget)` \[@graves2021\] \[@thudi2022\].
///
/// # Guarantee
///
/// None. No length of steps serves all forget sets: it does nothing, or it destroys the network, because nothing holds what is
/// retained, and the loss has no upper bound. It is here so that an audit has a method that must fail.
///
/// # Complexity
///
/// `n_epochs` passes over what is forgotten. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GradientAscent {
    /// How many passes, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for GradientAscent {
    fn default() -> Self {
        Self { n_epochs: 5, learning_rate: 1e-3 }
    }
}

impl Hyperparameters for GradientAscent {
    fn check(&self) -> untrain_core::Result<()> {
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for GradientAscent {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let feed = Feed::new(request, request.forget);
        let mut walk = Walk::sgd(request, self.learning_rate);
        for epoch in 0..self.n_epochs as usize {
            walk.epoch = epoch;
            for (_, batch) in feed.epoch(epoch) {
                walk.down(network, &batch, &mut |logits| {
                    let (loss, mut gradient) = cross_entropy(logits, &batch.labels);
                    gradient.values_mut().iter_mut().for_each(|slope| *slope = -*slope);
                    (-loss, gradient)
                })?;
            }
        }
        Ok(Done::after_epochs(self.n_epochs))
    }
}

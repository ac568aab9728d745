//! Boundary expanding: gives what is to be forgotten a class of its own, and takes that away.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::feed::Feed;
use super::ranges::rate;
use super::walk::Walk;
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::loss::cross_entropy;
use crate::network::Network;

/// A head with one class more; `min CE(forget, new class)`; the new class's row is dropped \[@chen2023\].
///
/// # Guarantee
///
/// None beyond what an audit measures. It is for whole classes, and nothing holds what is retained.
///
/// # Complexity
///
/// `n_epochs` passes over what is forgotten. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BoundaryExpand {
    /// How many passes, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for BoundaryExpand {
    fn default() -> Self {
        Self { n_epochs: 10, learning_rate: 1e-3 }
    }
}

impl Hyperparameters for BoundaryExpand {
    fn check(&self) -> untrain_core::Result<()> {
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for BoundaryExpand {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let n_classes = network.n_classes();
        let mut wider = network.with_classes(n_classes + 1, request.seed)?;
        let feed = Feed::new(request, request.forget);
        let mut walk = Walk::sgd(request, self.learning_rate);
        for epoch in 0..self.n_epochs as usize {
            walk.epoch = epoch;
            for (_, batch) in feed.epoch(epoch) {
                let labels = vec![n_classes as u32; batch.len()];
                walk.down(wider.as_mut(), &batch, &mut |logits| cross_entropy(logits, &labels))?;
            }
        }
        let narrow = wider.with_classes(n_classes, request.seed)?;
        network.parameters_mut().copy_from_slice(narrow.parameters());
        network.buffers_mut().copy_from_slice(narrow.buffers());
        Ok(Done::after_epochs(self.n_epochs))
    }
}

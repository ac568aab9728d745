//! CF-k: fine-tunes the last blocks alone.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::feed::Feed;
use super::ranges::rate;
use super::walk::Walk;
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::loss::cross_entropy;
use crate::network::Network;

/// `min CE(retain)` in the parameters of the last `k` blocks, the head among them \[@goel2022\]. Normalisation uses what it
/// remembers, and does not change it.
///
/// # Guarantee
///
/// None beyond what an audit measures. What the earlier blocks hold of an example stays.
///
/// # Complexity
///
/// `n_epochs` passes over what is retained. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CfK {
    /// How many blocks move, from the output on, 1 to 1000.
    pub k: u32,
    /// How many passes, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100; a tenth, and so on, from 0.5, 0.8 and 0.9 of the epochs on.
    pub learning_rate: f32,
}

impl Default for CfK {
    fn default() -> Self {
        Self { k: 1, n_epochs: 10, learning_rate: 0.01 }
    }
}

impl Hyperparameters for CfK {
    fn check(&self) -> untrain_core::Result<()> {
        within("k", self.k, 1, 1000)?;
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for CfK {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let mask = last_blocks(network, self.k);
        let feed = Feed::new(request, request.retain);
        let mut walk = Walk { mask: Some(mask), ..Walk::sgd(request, self.learning_rate).frozen() };
        for epoch in 0..self.n_epochs as usize {
            walk.epoch = epoch;
            let at = epoch as f32 / self.n_epochs as f32;
            let marks = [0.5, 0.8, 0.9].into_iter().filter(|mark| at >= *mark);
            walk.rate = marks.fold(self.learning_rate, |rate, _| rate * 0.1);
            for (_, batch) in feed.epoch(epoch) {
                walk.down(network, &batch, &mut |logits| cross_entropy(logits, &batch.labels))?;
            }
        }
        Ok(Done::after_epochs(self.n_epochs))
    }
}

/// Marks the parameters of the last `k` blocks.
pub(super) fn last_blocks(network: &dyn Network, k: u32) -> Vec<bool> {
    let first = network.layout().n_blocks().saturating_sub(k as usize);
    network.layout().mask(|entry| entry.block >= first)
}

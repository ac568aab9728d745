//! Random labels: teaches wrong classes for what is to be forgotten.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};
use untrain_core::{mix, one_of};

use super::feed::Feed;
use super::ranges::rate;
use super::walk::Walk;
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::loss::cross_entropy;
use crate::network::Network;

const LABELS: u64 = 0x6c61_6265_6c73_0000; // "labels"

/// In each epoch: labels `ỹ ≠ y` drawn anew, `min CE(forget, ỹ)`, then `min CE(retain)` \[@golatkar2020\].
///
/// # Guarantee
///
/// None beyond what an audit measures. It leaves a mark of its own: forgotten examples are told from never-seen ones by how wrong
/// the network is about them.
///
/// # Complexity
///
/// `n_epochs` passes over everything. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RandomLabels {
    /// How many passes, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for RandomLabels {
    fn default() -> Self {
        Self { n_epochs: 10, learning_rate: 0.013 }
    }
}

impl Hyperparameters for RandomLabels {
    fn check(&self) -> untrain_core::Result<()> {
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for RandomLabels {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        self.masked(network, request, None)
    }
}

impl RandomLabels {
    /// The same, where only what the mask marks may move.
    pub(super) fn masked(&self, network: &mut dyn Network, request: &Request<'_>, mask: Option<Vec<bool>>) -> Result<Done> {
        let [forget, retain] = [request.forget, request.retain].map(|examples| Feed::new(request, examples));
        let mut walk = Walk::sgd(request, self.learning_rate);
        walk.mask = mask;
        for epoch in 0..self.n_epochs as usize {
            walk.epoch = epoch;
            for (places, mut batch) in forget.epoch(epoch) {
                let keys = places.iter().map(|place| request.forget.keys()[*place]);
                let draws = keys.map(|key| mix(key, mix(request.seed.0 ^ LABELS, epoch as u64)));
                batch.labels.iter_mut().zip(draws).for_each(|(label, draw)| *label = other(*label, network.n_classes(), draw));
                walk.down(network, &batch, &mut |logits| cross_entropy(logits, &batch.labels))?;
            }
            for (_, batch) in retain.epoch(epoch) {
                walk.down(network, &batch, &mut |logits| cross_entropy(logits, &batch.labels))?;
            }
        }
        Ok(Done::after_epochs(self.n_epochs))
    }
}

/// One of the other classes, each as likely as the next.
pub(super) fn other(label: u32, n_classes: usize, draw: u64) -> u32 {
    let shift = one_of((n_classes.max(2) - 1) as u32, draw) + 1;
    (label + shift) % n_classes.max(1) as u32
}

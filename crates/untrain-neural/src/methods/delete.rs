//! DELETE: keeps all that the network says of an example but for its class.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::bad_teacher::rows;
use super::feed::Feed;
use super::ranges::rate;
use super::walk::Walk;
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::loss::{distillation, softmax};
use crate::network::Network;

/// `min KL(t ‖ p_θ)` over forget, `t` the softmax of the logits as they were, that of the true class set to −∞ \[@zhou2025\].
///
/// # Guarantee
///
/// None beyond what an audit measures. It is for whole classes: of a random subset it forgets nothing of use, and leaves a mark.
///
/// # Complexity
///
/// `n_epochs` passes over what is forgotten, with a forward beside each. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delete {
    /// How many passes, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for Delete {
    fn default() -> Self {
        Self { n_epochs: 10, learning_rate: 1e-2 }
    }
}

impl Hyperparameters for Delete {
    fn check(&self) -> untrain_core::Result<()> {
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for Delete {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let before = network.boxed();
        let feed = Feed::new(request, request.forget);
        let mut walk = Walk::sgd(request, self.learning_rate);
        for epoch in 0..self.n_epochs as usize {
            walk.epoch = epoch;
            for (_, batch) in feed.epoch(epoch) {
                let mut logits = before.logits(&batch);
                (0..batch.len()).for_each(|i| logits.row_mut(i)[batch.labels[i] as usize] = f32::NEG_INFINITY);
                let targets = rows(&logits, |row| softmax(row, 1.0));
                walk.down(network, &batch, &mut |logits| distillation(logits, &targets, 1.0))?;
            }
        }
        Ok(Done::after_epochs(self.n_epochs))
    }
}

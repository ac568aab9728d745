//! Boundary shrinking: teaches for each example the class next to it.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::feed::Feed;
use super::ranges::{over_zero, rate};
use super::walk::Walk;
use super::{Done, Request, Unlearn};
use crate::batch::Batch;
use crate::error::Result;
use crate::layers::Statistics;
use crate::loss::cross_entropy;
use crate::network::Network;

/// `min CE(forget, ỹ)`, `ỹ` the likeliest class but its own, by the network as it was, after a step of `ε` along the sign of the
/// gradient that raises the example's loss \[@chen2023\].
///
/// Where the step does not leave the class, the published rule would teach the class itself; here the next one is taught.
///
/// # Guarantee
///
/// None beyond what an audit measures. It is for whole classes, and nothing holds what is retained.
///
/// # Complexity
///
/// `n_epochs` passes over what is forgotten, and a gradient and a forward more each. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BoundaryShrink {
    /// How far each number of an example is moved, over 0 to 1000.
    pub epsilon: f64,
    /// How many passes, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for BoundaryShrink {
    fn default() -> Self {
        Self { epsilon: 0.1, n_epochs: 10, learning_rate: 1e-3 }
    }
}

impl Hyperparameters for BoundaryShrink {
    fn check(&self) -> untrain_core::Result<()> {
        over_zero("epsilon", self.epsilon, 1000.0)?;
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for BoundaryShrink {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let before = network.boxed();
        let feed = Feed::new(request, request.forget);
        let mut walk = Walk::sgd(request, self.learning_rate);
        for epoch in 0..self.n_epochs as usize {
            walk.epoch = epoch;
            for (_, batch) in feed.epoch(epoch) {
                let labels = self.neighbours(before.as_ref(), &batch);
                walk.down(network, &batch, &mut |logits| cross_entropy(logits, &labels))?;
            }
        }
        Ok(Done::after_epochs(self.n_epochs))
    }
}

impl BoundaryShrink {
    /// The class next to each example.
    pub(super) fn neighbours(&self, network: &dyn Network, batch: &Batch) -> Vec<u32> {
        let found = network.gradient(batch, Statistics::Remembered, &mut |logits| cross_entropy(logits, &batch.labels), true);
        let mut moved = batch.clone();
        let steps = found.inputs.iter().map(|slope| if *slope == 0.0 { 0.0 } else { slope.signum() * self.epsilon as f32 });
        moved.values_mut().iter_mut().zip(steps).for_each(|(value, step)| *value += step);
        let logits = network.logits(&moved);
        (0..batch.len()).map(|i| next(logits.row(i), batch.labels[i])).collect()
    }
}

/// The class with the largest logit but for one; of equals the first.
fn next(row: &[f32], but: u32) -> u32 {
    let others = (0..row.len()).filter(|class| *class as u32 != but);
    others.reduce(|best, class| if row[class] > row[best] { class } else { best }).unwrap_or(0) as u32
}

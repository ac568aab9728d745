//! Bad teacher: learns what is to be forgotten from a network that knows nothing, and the rest from the network as it was.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::feed::{Feed, sampled};
use super::ranges::{over_zero, rate};
use super::walk::Walk;
use super::{Done, Request, Unlearn};
use crate::batch::{Batch, Logits};
use crate::error::Result;
use crate::loss::{distillation, softmax};
use crate::network::Network;

/// `min KL(t ‖ p_θ)`, `t` from a network before training where an example is to be forgotten, from the trained one on a share of
/// the rest \[@chundawat2023\].
///
/// The divergence is the sum over classes; published code takes the mean over them, which shortens every step by their number.
///
/// # Guarantee
///
/// None beyond what an audit measures. It leaves a mark of its own: the network is nearly undecided about what it forgot.
///
/// # Complexity
///
/// `n_epochs` passes over what is forgotten and that share of the rest. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BadTeacher {
    /// The share of what is retained that is used, over 0 to 1.
    pub share: f64,
    /// The temperature of both teachers, over 0 to 100.
    pub temperature: f64,
    /// How many passes, 1 to 1000.
    pub n_epochs: u32,
    /// The length of Adam's steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for BadTeacher {
    fn default() -> Self {
        Self { share: 0.3, temperature: 1.0, n_epochs: 1, learning_rate: 1e-4 }
    }
}

impl Hyperparameters for BadTeacher {
    fn check(&self) -> untrain_core::Result<()> {
        over_zero("share", self.share, 1.0)?;
        over_zero("temperature", self.temperature, 100.0)?;
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for BadTeacher {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let (good, bad) = (network.boxed(), request.beginner(network));
        let n_retained = (self.share * request.retain.len() as f64).ceil() as usize;
        let part = sampled(request.retain, n_retained, request.seed);
        // Both kinds are in every batch, in the proportion that they have on the whole.
        let size = request.training.batch_size;
        let n_forget = (size * request.forget.len()).div_ceil(request.forget.len() + part.len()).clamp(1, size.max(2) - 1);
        let retain = Feed::of_size(request, &part, size.max(2) - n_forget);
        let forget = Feed::of_size(request, request.forget, n_forget);
        let mut walk = Walk::adam(request, self.learning_rate);
        for epoch in 0..self.n_epochs as usize {
            walk.epoch = epoch;
            let (mut kept, mut lost) = (retain.epoch(epoch), forget.epoch(epoch));
            loop {
                let (kept, lost) = (kept.next().map(|(_, batch)| batch), lost.next().map(|(_, batch)| batch));
                let mut targets = kept.iter().flat_map(|batch| targets(good.as_ref(), batch, self.temperature)).collect::<Vec<_>>();
                targets.extend(lost.iter().flat_map(|batch| self::targets(bad.as_ref(), batch, self.temperature)));
                let batch = match (kept, lost) {
                    (Some(kept), Some(lost)) => kept.followed_by(&lost),
                    (Some(batch), None) | (None, Some(batch)) => batch,
                    (None, None) => break,
                };
                walk.down(network, &batch, &mut |logits| distillation(logits, &targets, self.temperature))?;
            }
        }
        Ok(Done::after_epochs(self.n_epochs))
    }
}

/// What a teacher says of a batch: probabilities at a temperature, row by row.
pub(super) fn targets(teacher: &dyn Network, batch: &Batch, temperature: f64) -> Vec<Vec<f64>> {
    rows(&teacher.logits(batch), |row| softmax(row, temperature))
}

pub(super) fn rows(logits: &Logits, row: impl Fn(&[f32]) -> Vec<f64>) -> Vec<Vec<f64>> {
    (0..logits.len()).map(|i| row(logits.row(i))).collect()
}

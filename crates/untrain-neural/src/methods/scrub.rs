//! SCRUB: a student that leaves its teacher where it is to forget, and stays with it elsewhere; with rewind.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};

use super::bad_teacher::targets;
use super::feed::{Feed, apart, counts};
use super::neggrad_plus::scaled;
use super::ranges::{between, over_zero, rate};
use super::walk::Walk;
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::examples::Examples;
use crate::loss::{cross_entropy, distillation};
use crate::network::Network;
use crate::train::accuracy;

/// In each of the first `n_max_epochs` epochs `max T² KL(teacher ‖ student)` over forget, and in every epoch
/// `min γ CE + α T² KL(teacher ‖ student)` over retain; the teacher is the network as it was \[@kurmanji2023\].
///
/// With `rewind` the network is afterwards that of the epoch whose error on forget is closest to its error on validation data of the
/// same mix of classes. These are a part of what is retained, chosen by a hash of the key and held apart from this training. The
/// network had seen them before, so that their error is too low: it is a rule of thumb. Where the classes of forget are not
/// retained, there are none, and the last epoch counts.
///
/// # Guarantee
///
/// None beyond what an audit measures. Without rewind it may forget too much, which shows.
///
/// # Complexity
///
/// `n_epochs` passes over what is retained and `n_max_epochs` over what is not, with a forward of the teacher beside each; rewind
/// adds a forward an epoch of what is forgotten, and as much again, and memory for a network an epoch. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scrub {
    /// The weight of the labels, 0 to 100.
    pub gamma: f64,
    /// The weight of the teacher, 0 to 100.
    pub alpha: f64,
    /// The temperature, over 0 to 100.
    pub temperature: f64,
    /// How many passes, 1 to 1000.
    pub n_epochs: u32,
    /// In how many of them, from the first on, it leaves the teacher, 0 to 1000.
    pub n_max_epochs: u32,
    /// How many examples a step away from the teacher is made from, 1 to 65536.
    pub forget_batch_size: u32,
    /// The length of Adam's steps, over 0 to 100; a tenth, and so on, from the epochs at 0.5, 0.8 and 0.9 of all on.
    pub learning_rate: f32,
    /// Whether an earlier epoch may be taken.
    pub rewind: bool,
}

impl Default for Scrub {
    fn default() -> Self {
        let (gamma, alpha, temperature) = (1.0, 0.5, 4.0);
        Self { gamma, alpha, temperature, n_epochs: 10, n_max_epochs: 3, forget_batch_size: 16, learning_rate: 5e-4, rewind: true }
    }
}

impl Hyperparameters for Scrub {
    fn check(&self) -> untrain_core::Result<()> {
        between("gamma", self.gamma, 0.0, 100.0)?;
        between("alpha", self.alpha, 0.0, 100.0)?;
        over_zero("temperature", self.temperature, 100.0)?;
        within("n_epochs", self.n_epochs, 1, 1000)?;
        within("n_max_epochs", self.n_max_epochs, 0, 1000)?;
        within("forget_batch_size", self.forget_batch_size, 1, 65536)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for Scrub {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let teacher = network.boxed();
        let wanted = if self.rewind { counts(request.forget) } else { vec![0; request.forget.n_classes()] };
        let (rest, validation) = apart(request.retain, &wanted, request.seed);
        let mut kept = Vec::new();
        let mut walk = Walk::adam(request, self.learning_rate);
        for epoch in 0..self.n_epochs as usize {
            walk.epoch = epoch;
            let at = epoch as f32 / self.n_epochs as f32;
            let marks = [0.5, 0.8, 0.9].into_iter().filter(|mark| at >= *mark);
            walk.rate = marks.fold(self.learning_rate, |rate, _| rate * 0.1);
            if epoch < self.n_max_epochs as usize {
                self.leave(network, teacher.as_ref(), request, &mut walk)?;
            }
            self.stay(network, teacher.as_ref(), &Feed::new(request, &rest), &mut walk)?;
            if !validation.is_empty() {
                kept.push((far(network, request.forget, &validation), network.parameters().to_vec(), network.buffers().to_vec()));
            }
        }
        let Some(best) = (0..kept.len()).min_by(|a, b| kept[*a].0.total_cmp(&kept[*b].0)) else {
            return Ok(Done::after_epochs(self.n_epochs));
        };
        network.parameters_mut().copy_from_slice(&kept[best].1);
        network.buffers_mut().copy_from_slice(&kept[best].2);
        let n = validation.len();
        Ok(Done::empirical(format!("after {} epochs, rewound to epoch {} by {n} examples held apart", self.n_epochs, best + 1)))
    }
}

/// How far the accuracies are from each other.
fn far(network: &dyn Network, forget: &Examples, validation: &Examples) -> f64 {
    (accuracy(network, forget) - accuracy(network, validation)).abs()
}

impl Scrub {
    fn leave(&self, network: &mut dyn Network, teacher: &dyn Network, request: &Request<'_>, walk: &mut Walk) -> Result<()> {
        for (_, batch) in Feed::of_size(request, request.forget, self.forget_batch_size as usize).epoch(walk.epoch) {
            let targets = targets(teacher, &batch, self.temperature);
            walk.down(network, &batch, &mut |logits| {
                let (divergence, gradient) = distillation(logits, &targets, self.temperature);
                (-divergence, scaled(gradient, -1.0))
            })?;
        }
        Ok(())
    }

    fn stay(&self, network: &mut dyn Network, teacher: &dyn Network, feed: &Feed<'_>, walk: &mut Walk) -> Result<()> {
        for (_, batch) in feed.epoch(walk.epoch) {
            let targets = targets(teacher, &batch, self.temperature);
            walk.down(network, &batch, &mut |logits| {
                let (loss, gradient) = cross_entropy(logits, &batch.labels);
                let (divergence, other) = distillation(logits, &targets, self.temperature);
                let mut sum = scaled(gradient, self.gamma);
                sum.values_mut().iter_mut().zip(scaled(other, self.alpha).values()).for_each(|(sum, slope)| *sum += slope);
                (self.gamma * loss + self.alpha * divergence, sum)
            })?;
        }
        Ok(())
    }
}

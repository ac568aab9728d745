//! The steps of a method: gradients that are numbers, an optimiser, and what normalisation remembers.

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::layers::Statistics;
use crate::network::{Gradient, Loss, Network};
use crate::optimiser::{Optimiser, Rule};
use crate::train::{NormPolicy, remember};

use super::Request;

/// Takes steps, and counts them.
pub(super) struct Walk {
    pub(super) optimiser: Optimiser,
    /// The length of the next step.
    pub(super) rate: f32,
    /// What may move; all without one.
    pub(super) mask: Option<Vec<bool>>,
    pub(super) statistics: Statistics,
    pub(super) epoch: usize,
    pub(super) step: usize,
}

impl Walk {
    /// Gradient descent with momentum 0.9 and the training's decay.
    pub(super) fn sgd(request: &Request<'_>, rate: f32) -> Self {
        Self::new(request, Optimiser::new(Rule::Sgd, 0.9, request.training.weight_decay), rate)
    }

    /// Adam, without decay.
    pub(super) fn adam(request: &Request<'_>, rate: f32) -> Self {
        Self::new(request, Optimiser::new(Rule::Adam, 0.0, 0.0), rate)
    }

    fn new(request: &Request<'_>, optimiser: Optimiser, rate: f32) -> Self {
        let frozen = request.training.norm == NormPolicy::Frozen;
        let statistics = if frozen { Statistics::Remembered } else { Statistics::Chunk };
        Self { optimiser, rate, mask: None, statistics, epoch: 0, step: 0 }
    }

    /// Normalisation uses what it remembers, and does not change it.
    pub(super) fn frozen(self) -> Self {
        Self { statistics: Statistics::Remembered, ..self }
    }

    /// The gradient of a loss, if that is a number.
    pub(super) fn gradient(&self, network: &dyn Network, batch: &Batch, loss: &mut Loss<'_>) -> Result<Gradient> {
        let found = network.gradient(batch, self.statistics, loss, false);
        if found.loss.is_finite() {
            return Ok(found);
        }
        Err(Error::Diverged { step: self.step + 1, epoch: self.epoch + 1, loss: found.loss })
    }

    /// A step against a gradient.
    pub(super) fn take(&mut self, network: &mut dyn Network, gradient: &Gradient) {
        self.optimiser.step(network.parameters_mut(), &gradient.parameters, self.rate, self.mask.as_deref());
        remember(network, &gradient.statistics);
        self.step += 1;
    }

    /// A step down a loss, whose value it returns.
    pub(super) fn down(&mut self, network: &mut dyn Network, batch: &Batch, loss: &mut Loss<'_>) -> Result<f64> {
        let gradient = self.gradient(network, batch, loss)?;
        self.take(network, &gradient);
        Ok(gradient.loss)
    }
}

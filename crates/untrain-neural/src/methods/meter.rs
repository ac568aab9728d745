//! What a method costs, counted at the network.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use untrain_core::{Result, Seed};

use crate::batch::{Batch, Logits};
use crate::layers::Statistics;
use crate::layout::Layout;
use crate::network::{ExampleLoss, Factors, Gradient, Loss, Network};

/// What was asked of a network, in passes of one example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Cost {
    /// Forwards alone.
    pub forwards: u64,
    /// Forwards and backwards: gradients, and Kronecker factors.
    pub gradients: u64,
    /// Forwards with a direction beside them.
    pub tangents: u64,
}

impl Cost {
    /// As steps of training with batches of a size: a gradient is three forwards, a tangent is two.
    pub fn steps(self, batch_size: usize) -> f64 {
        let forwards = self.forwards + 3 * self.gradients + 2 * self.tangents;
        forwards as f64 / (3 * batch_size.max(1)) as f64
    }
}

#[derive(Debug, Default)]
struct Counts {
    forwards: AtomicU64,
    gradients: AtomicU64,
    tangents: AtomicU64,
}

/// A network that counts what is asked of it and of its copies.
pub struct Metered {
    network: Box<dyn Network>,
    counts: Arc<Counts>,
}

impl Metered {
    /// Counts from zero.
    pub fn new(network: &dyn Network) -> Self {
        Self { network: network.boxed(), counts: Arc::default() }
    }

    /// A copy of another network that counts with this one.
    #[must_use]
    pub fn beside(&self, network: &dyn Network) -> Self {
        Self { network: network.boxed(), counts: Arc::clone(&self.counts) }
    }

    /// What was asked so far.
    pub fn cost(&self) -> Cost {
        let [forwards, gradients, tangents] =
            [&self.counts.forwards, &self.counts.gradients, &self.counts.tangents].map(|count| count.load(Ordering::Relaxed));
        Cost { forwards, gradients, tangents }
    }
}

fn add(count: &AtomicU64, batch: &Batch) {
    count.fetch_add(batch.len() as u64, Ordering::Relaxed);
}

impl Network for Metered {
    fn layout(&self) -> &Layout {
        self.network.layout()
    }

    fn parameters(&self) -> &[f32] {
        self.network.parameters()
    }

    fn parameters_mut(&mut self) -> &mut [f32] {
        self.network.parameters_mut()
    }

    fn buffer_layout(&self) -> &Layout {
        self.network.buffer_layout()
    }

    fn buffers(&self) -> &[f32] {
        self.network.buffers()
    }

    fn buffers_mut(&mut self) -> &mut [f32] {
        self.network.buffers_mut()
    }

    fn n_classes(&self) -> usize {
        self.network.n_classes()
    }

    fn boxed(&self) -> Box<dyn Network> {
        Box::new(self.beside(self.network.as_ref()))
    }

    fn with_classes(&self, n_classes: usize, seed: Seed) -> Result<Box<dyn Network>> {
        Ok(Box::new(self.beside(self.network.with_classes(n_classes, seed)?.as_ref())))
    }

    fn logits(&self, batch: &Batch) -> Logits {
        add(&self.counts.forwards, batch);
        self.network.logits(batch)
    }

    fn features(&self, batch: &Batch) -> Logits {
        add(&self.counts.forwards, batch);
        self.network.features(batch)
    }

    fn gradient(&self, batch: &Batch, statistics: Statistics, loss: &mut Loss<'_>, wanted: bool) -> Gradient {
        add(&self.counts.gradients, batch);
        self.network.gradient(batch, statistics, loss, wanted)
    }

    fn example_gradients(&self, batch: &Batch, loss: &ExampleLoss<'_>, visit: &mut dyn FnMut(usize, &[f32])) {
        add(&self.counts.gradients, batch);
        self.network.example_gradients(batch, loss, visit);
    }

    fn tangent(&self, batch: &Batch, direction: &[f32]) -> Logits {
        add(&self.counts.tangents, batch);
        self.network.tangent(batch, direction)
    }

    fn factors(&self, batch: &Batch, loss: &ExampleLoss<'_>, visit: &mut Factors<'_>) {
        add(&self.counts.gradients, batch);
        self.network.factors(batch, loss, visit);
    }
}

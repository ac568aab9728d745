//! JIT: makes the network say the same of an example and of what is near it.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};
use untrain_core::mix;

use super::feed::Feed;
use super::ranges::{over_zero, rate};
use super::vectors::{norm, wide};
use super::walk::Walk;
use super::{Done, Request, Unlearn};
use crate::batch::{Batch, Logits};
use crate::error::Result;
use crate::network::Network;
use crate::noise::normal;

const NOISE: u64 = 0x6a69_7400_0000_0000; // "jit"

/// `min mean ‖f(x) − f(x + ξ)‖ / ‖ξ‖` over forget and over draws `ξ ~ N(0, σ²)`, without any retained example \[@foster2024jit\].
///
/// # Guarantee
///
/// None beyond what an audit measures. It is for classes and parts of classes.
///
/// # Complexity
///
/// `n_epochs · n_draws` passes over what is forgotten, of two gradients each. It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Jit {
    /// The deviation of the noise, over 0 to 1000.
    pub sigma: f64,
    /// How many draws for each example, 1 to 1000.
    pub n_draws: u32,
    /// How many passes, 1 to 1000.
    pub n_epochs: u32,
    /// The length of steps, over 0 to 100.
    pub learning_rate: f32,
}

impl Default for Jit {
    fn default() -> Self {
        Self { sigma: 0.1, n_draws: 10, n_epochs: 1, learning_rate: 1e-3 }
    }
}

impl Hyperparameters for Jit {
    fn check(&self) -> untrain_core::Result<()> {
        over_zero("sigma", self.sigma, 1000.0)?;
        within("n_draws", self.n_draws, 1, 1000)?;
        within("n_epochs", self.n_epochs, 1, 1000)?;
        rate("learning_rate", self.learning_rate)
    }
}

impl Unlearn for Jit {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let feed = Feed::new(request, request.forget);
        let mut walk = Walk::sgd(request, self.learning_rate);
        for epoch in 0..self.n_epochs as usize {
            walk.epoch = epoch;
            for (places, batch) in feed.epoch(epoch) {
                let keys: Vec<u64> = places.iter().map(|place| mix(request.forget.keys()[*place], request.seed.0 ^ NOISE)).collect();
                let (draws, lengths) = self.draws(&batch, &keys, epoch);
                let both = batch.clone().followed_by(&draws);
                walk.down(network, &both, &mut |logits| Self::roughness(logits, &lengths))?;
            }
        }
        Ok(Done::after_epochs(self.n_epochs))
    }
}

impl Jit {
    /// The examples with noise, draw after draw, and the length of each noise.
    fn draws(&self, batch: &Batch, keys: &[u64], epoch: usize) -> (Batch, Vec<f64>) {
        let (mut values, mut labels, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        for draw in 0..self.n_draws as usize {
            for (i, key) in keys.iter().enumerate() {
                let key = mix(*key, (epoch * self.n_draws as usize + draw) as u64);
                let noise: Vec<f64> = (0..batch.shape().len()).map(|at| self.sigma * normal(key, at as u64)).collect();
                values.extend(batch.values(i..i + 1).iter().zip(&noise).map(|(value, noise)| value + *noise as f32));
                labels.push(batch.labels[i]);
                lengths.push(norm(&noise));
            }
        }
        (Batch::new(batch.shape(), values, labels), lengths)
    }

    fn roughness(logits: &Logits, lengths: &[f64]) -> (f64, Logits) {
        let n = logits.len() - lengths.len();
        let mut gradient = logits.zeros_like();
        let mut sum = 0.0;
        for (draw, length) in lengths.iter().enumerate() {
            let (at, near) = (draw % n, n + draw);
            let far: Vec<f64> = wide(logits.row(at)).iter().zip(wide(logits.row(near))).map(|(a, b)| a - b).collect();
            let distance = norm(&far);
            sum += distance / length;
            if distance == 0.0 {
                continue;
            }
            for (class, far) in far.iter().enumerate() {
                let slope = (far / (distance * length * lengths.len() as f64)) as f32;
                gradient.row_mut(at)[class] += slope;
                gradient.row_mut(near)[class] -= slope;
            }
        }
        (sum / lengths.len() as f64, gradient)
    }
}

//! Fisher forgetting: noise where what is retained leaves room for it.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};
use untrain_core::mix;

use super::curvature::pieces;
use super::feed::sampled;
use super::ranges::over_zero;
use super::{Done, Request, Unlearn};
use crate::error::Result;
use crate::loss::softmax;
use crate::network::Network;
use crate::noise::normal;

const NOISE: u64 = 0x6669_7368_6572_0000; // "fisher"

/// `θ ← θ + N(0, σ²)`, with `σ² = α min(1 / (F + 10⁻⁸), 10³)`, and `10 α min(1 / (F + 10⁻⁸), 10²)` in the last block; `F` is the
/// diagonal of the Fisher matrix of what is retained, the mean of squared gradients over examples and over what the network says of
/// their labels \[@golatkar2020\].
///
/// # Guarantee
///
/// None beyond what an audit measures. It destroys the network before it forgets, in every recent comparison.
///
/// # Complexity
///
/// A gradient of each of `n_examples` for each class. It stops after one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fisher {
    /// The size of the noise, over 0 to 1.
    pub alpha: f64,
    /// From how many retained examples the matrix is made, by a hash of the key, 1 to 100000000.
    pub n_examples: u32,
}

impl Default for Fisher {
    fn default() -> Self {
        Self { alpha: 1e-6, n_examples: 1000 }
    }
}

impl Hyperparameters for Fisher {
    fn check(&self) -> untrain_core::Result<()> {
        over_zero("alpha", self.alpha, 1.0)?;
        within("n_examples", self.n_examples, 1, 100_000_000)
    }
}

impl Unlearn for Fisher {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let diagonal = self.diagonal(network, request);
        let last = network.layout().n_blocks() - 1;
        let head = network.layout().mask(|entry| entry.block == last);
        let key = mix(request.seed.0, NOISE);
        for (i, value) in network.parameters_mut().iter_mut().enumerate() {
            let room = 1.0 / (diagonal[i] + 1e-8);
            let variance = self.alpha * if head[i] { 10.0 * room.min(1e2) } else { room.min(1e3) };
            *value += (variance.sqrt() * normal(key, i as u64)) as f32;
        }
        Ok(Done::empirical("after one draw of noise".to_owned()))
    }
}

impl Fisher {
    /// The diagonal of the Fisher matrix.
    fn diagonal(&self, network: &dyn Network, request: &Request<'_>) -> Vec<f64> {
        let some = sampled(request.retain, self.n_examples as usize, request.seed);
        let mut sum = vec![0.0; network.parameters().len()];
        for (_, batch) in pieces(&some) {
            let said = network.logits(&batch);
            for class in 0..network.n_classes() {
                let roots: Vec<f64> = (0..batch.len()).map(|i| softmax(said.row(i), 1.0)[class].sqrt()).collect();
                // The root of the label's probability goes into the gradient, so that its square is weighted with it.
                let slopes = |i: usize, row: &[f32]| -> Vec<f32> {
                    let slopes = softmax(row, 1.0).into_iter().enumerate();
                    slopes.map(|(at, p)| (roots[i] * (p - f64::from(u8::from(at == class)))) as f32).collect()
                };
                network.example_gradients(&batch, &slopes, &mut |_, gradient| {
                    sum.iter_mut().zip(gradient).for_each(|(sum, slope)| *sum += f64::from(*slope) * f64::from(*slope));
                });
            }
        }
        sum.iter_mut().for_each(|sum| *sum /= some.len() as f64);
        sum
    }
}

//! Networks without hidden layers: a convex loss, looked at in double precision.

use super::curvature::{gauss_newton, pieces, solve};
use super::vectors::{add, dot, narrow, norm, wide};
use crate::batch::Batch;
use crate::examples::Examples;
use crate::layout::Part;
use crate::network::Network;

/// Whether a network is one matrix and one bias.
pub(super) fn is_linear(network: &dyn Network) -> bool {
    let parts: Vec<Part> = network.layout().entries().iter().map(|entry| entry.part).collect();
    parts == [Part::Weight, Part::Bias] && network.layout().entries()[0].shape.len() == 2 && network.buffers().is_empty()
}

/// `mean CE + decay ‖θ‖² / 2 + b · θ / n`.
pub(super) struct Objective<'a> {
    batches: Vec<Batch>,
    decay: f64,
    perturbation: &'a [f64],
    n: f64,
}

impl<'a> Objective<'a> {
    pub(super) fn new(parts: &[&Examples], decay: f64, perturbation: &'a [f64]) -> Self {
        let batches: Vec<Batch> = parts.iter().flat_map(|examples| pieces(examples).map(|(_, batch)| batch)).collect();
        let n = batches.iter().map(Batch::len).sum::<usize>() as f64;
        Self { batches, decay, perturbation, n }
    }

    /// Its value and its gradient, in double precision, and the length of the gradient times the number of examples.
    pub(super) fn at(&self, network: &dyn Network) -> (f64, Vec<f64>, f64) {
        let (n_classes, theta) = (network.n_classes(), wide(network.parameters()));
        let d = theta.len() / n_classes - 1;
        let (matrix, bias) = theta.split_at(n_classes * d);
        let mut gradient = vec![0.0; theta.len()];
        let mut value = 0.0;
        let examples = self.batches.iter().flat_map(|batch| {
            // Asked for anew each time, so that what a look costs is counted.
            let features = network.features(batch);
            batch.labels.iter().enumerate().map(move |(i, label)| (wide(features.row(i)), *label))
        });
        for (x, label) in examples {
            let scores: Vec<f64> = matrix.chunks_exact(d).zip(bias).map(|(row, bias)| dot(row, &x) + bias).collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|score| libm::exp(score - largest)).sum();
            value += largest + libm::log(sum) - scores[label as usize];
            for (class, score) in scores.iter().enumerate() {
                let slope = libm::exp(score - largest) / sum - f64::from(u8::from(class == label as usize));
                add(&mut gradient[class * d..(class + 1) * d], slope, &x);
                gradient[n_classes * d + class] += slope;
            }
        }
        add(&mut gradient, 1.0, self.perturbation);
        value += dot(self.perturbation, &theta);
        gradient.iter_mut().for_each(|slope| *slope /= self.n);
        add(&mut gradient, self.decay, &theta);
        let residual = self.n * norm(&gradient);
        (value / self.n + 0.5 * self.decay * dot(&theta, &theta), gradient, residual)
    }

    /// Takes Newton's steps until the residual is at most `goal`, at least one and at most `n_steps`. Returns the residual and how many
    /// steps that were.
    pub(super) fn descend(&self, network: &mut dyn Network, goal: f64, n_steps: u32) -> (f64, u32) {
        let (mut value, mut gradient, mut residual) = self.at(network);
        for step in 0..n_steps {
            if step > 0 && residual <= goal {
                return (residual, step);
            }
            let negative: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
            let product = |vector: &[f64]| {
                let mut product = gauss_newton(network, &self.batches, vector);
                add(&mut product, self.decay, vector);
                product
            };
            // The system need not be solved better than Newton's next step would correct.
            let (direction, _) = solve(product, &negative, 500, 1e-2);
            let before = wide(network.parameters());
            let mut length = 1.0;
            let better = (0..30).any(|_| {
                let mut moved = before.clone();
                add(&mut moved, length, &direction);
                network.parameters_mut().copy_from_slice(&narrow(&moved));
                let found = self.at(network);
                length /= 2.0;
                // Near the optimum values are alike to the last bits, and the gradient tells.
                let better = found.0 < value || found.2 < residual;
                if better {
                    (value, gradient, residual) = found;
                }
                better
            });
            if !better {
                network.parameters_mut().copy_from_slice(&narrow(&before));
                return (residual, step);
            }
        }
        (residual, n_steps)
    }
}

//! Means over many examples, in an order that their keys decide: gradients, squares of gradients, curvature times a vector.

use crate::batch::{Batch, Logits};
use crate::examples::Examples;
use crate::layers::Statistics;
use crate::loss::{cross_entropy, cross_entropy_of, softmax};
use crate::network::{ExampleLoss, Network};

use super::vectors::{add, dot, narrow, norm, wide};

/// How many examples go through the network at one time.
const PIECE: usize = 256;

/// All examples, in the order of their keys' hashes, so that the order of rows is no input.
pub(super) fn pieces(examples: &Examples) -> impl Iterator<Item = (Vec<usize>, Batch)> + '_ {
    examples.batches(PIECE, 0).into_iter().map(|places| {
        let batch = examples.batch(&places);
        (places, batch)
    })
}

/// The mean cross-entropy, and its gradient.
pub(super) fn mean_gradient(network: &dyn Network, examples: &Examples) -> (f64, Vec<f64>) {
    let mut gradient = vec![0.0; network.parameters().len()];
    let mut loss = 0.0;
    for (_, batch) in pieces(examples) {
        let found = network.gradient(&batch, Statistics::Remembered, &mut |logits| cross_entropy(logits, &batch.labels), false);
        let share = batch.len() as f64 / examples.len() as f64;
        loss += share * found.loss;
        add(&mut gradient, share, &wide(&found.parameters));
    }
    (loss, gradient)
}

/// The mean cross-entropy.
pub(super) fn mean_loss(network: &dyn Network, examples: &Examples) -> f64 {
    let losses = pieces(examples).map(|(_, batch)| cross_entropy(&network.logits(&batch), &batch.labels).0 * batch.len() as f64);
    losses.sum::<f64>() / examples.len().max(1) as f64
}

/// The gradient of each example's cross-entropy in its logits.
pub(super) fn cross_entropy_slopes(batch: &Batch) -> impl Fn(usize, &[f32]) -> Vec<f32> + Sync + '_ {
    |i, row| narrow(&cross_entropy_of(row, batch.labels[i]).1)
}

/// The mean over examples of `term` of each one's own gradient, number by number.
pub(super) fn mean_of_each(
    network: &dyn Network,
    examples: &Examples,
    loss: impl Fn(&Batch, usize, &[f32]) -> Vec<f32> + Sync,
    term: impl Fn(f64) -> f64,
) -> Vec<f64> {
    let mut sum = vec![0.0; network.parameters().len()];
    for (_, batch) in pieces(examples) {
        let loss: &ExampleLoss<'_> = &|i, row| loss(&batch, i, row);
        network.example_gradients(&batch, loss, &mut |_, gradient| {
            sum.iter_mut().zip(gradient).for_each(|(sum, slope)| *sum += term(f64::from(*slope)));
        });
    }
    let n = examples.len().max(1) as f64;
    sum.iter_mut().for_each(|sum| *sum /= n);
    sum
}

/// The Gauss–Newton matrix of the mean cross-entropy times a vector.
pub(super) fn gauss_newton(network: &dyn Network, batches: &[Batch], vector: &[f64]) -> Vec<f64> {
    let n: usize = batches.iter().map(Batch::len).sum();
    let direction = narrow(vector);
    let mut product = vec![0.0; vector.len()];
    for batch in batches {
        let rates = network.tangent(batch, &direction);
        let mut loss = |logits: &Logits| {
            let mut gradient = logits.zeros_like();
            for i in 0..logits.len() {
                let (p, rate) = (softmax(logits.row(i), 1.0), wide(rates.row(i)));
                let mean = dot(&p, &rate);
                let places = gradient.row_mut(i).iter_mut().zip(p.iter().zip(&rate));
                places.for_each(|(place, (p, rate))| *place = (p * (rate - mean) / n as f64) as f32);
            }
            (0.0, gradient)
        };
        add(&mut product, 1.0, &wide(&network.gradient(batch, Statistics::Remembered, &mut loss, false).parameters));
    }
    product
}

/// Solves for `x` with `product(x) = b` by conjugate gradients: at most `n_steps`, or until the residual is `tolerance` of `b`.
/// Returns how many steps that took, too. The matrix has to be positive definite.
pub(super) fn solve(mut product: impl FnMut(&[f64]) -> Vec<f64>, b: &[f64], n_steps: u32, tolerance: f64) -> (Vec<f64>, u32) {
    let mut x = vec![0.0; b.len()];
    let (mut residual, mut direction) = (b.to_vec(), b.to_vec());
    let mut square = dot(&residual, &residual);
    let goal = tolerance * norm(b);
    for step in 0..n_steps {
        if square.sqrt() <= goal {
            return (x, step);
        }
        let image = product(&direction);
        let curvature = dot(&direction, &image);
        if curvature <= 0.0 || !curvature.is_finite() {
            return (x, step);
        }
        let length = square / curvature;
        add(&mut x, length, &direction);
        add(&mut residual, -length, &image);
        let next = dot(&residual, &residual);
        direction.iter_mut().zip(&residual).for_each(|(direction, residual)| *direction = residual + next / square * *direction);
        square = next;
    }
    (x, n_steps)
}

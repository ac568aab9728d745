//! Which examples a network owes what to: how well scores predict what happens without some of them.

use super::ek_fac::for_each_gradient;
use super::vectors::{dot, wide};
use crate::examples::Examples;
use crate::network::Network;

/// How much each example lowered the loss of each query, `(queries, examples)`: the sum over checkpoints of the learning rate times
/// `∇CE(query) · ∇CE(example)` \[@pruthi2020\].
///
/// `checkpoints` are networks along the training, each with the length of steps there.
///
/// # Complexity
///
/// For each checkpoint a gradient of each query and of each example; memory for a gradient for each query.
pub fn tracin_scores(checkpoints: &[(&dyn Network, f64)], examples: &Examples, queries: &Examples) -> Vec<Vec<f64>> {
    let mut scores = vec![vec![0.0; examples.len()]; queries.len()];
    for (network, rate) in checkpoints {
        let mut gradients = vec![Vec::new(); queries.len()];
        for_each_gradient(*network, queries, |query, gradient| gradients[query] = wide(gradient));
        for_each_gradient(*network, examples, |example, gradient| {
            let gradient = wide(gradient);
            scores.iter_mut().zip(&gradients).for_each(|(row, query)| row[example] += rate * dot(query, &gradient));
        });
    }
    scores
}

/// The linear datamodelling score: for each query the rank correlation, over sets of examples left out, of the sum of their scores and
/// of how much the query's loss really rose without them; the mean over queries \[@park2023\].
///
/// `scores` are `(queries, examples)`, `actual` `(sets, queries)`. 1 is perfect, 0 is chance.
///
/// # Panics
///
/// If a set names an example that has no score, or there are not as many rows of `actual` as sets.
pub fn lds(scores: &[Vec<f64>], left_out: &[Vec<usize>], actual: &[Vec<f64>]) -> f64 {
    assert_eq!(left_out.len(), actual.len(), "each set left out has its losses");
    let of_query = |(query, scores): (usize, &Vec<f64>)| {
        let predicted: Vec<f64> = left_out.iter().map(|set| set.iter().map(|example| scores[*example]).sum()).collect();
        let found: Vec<f64> = actual.iter().map(|losses| losses[query]).collect();
        spearman(&predicted, &found)
    };
    scores.iter().enumerate().map(of_query).sum::<f64>() / scores.len().max(1) as f64
}

/// The rank correlation; equals have the mean of their ranks. 0 where one side is constant.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let (mut product, mut squares_a, mut squares_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        product += (a - mean) * (b - mean);
        squares_a += (a - mean) * (a - mean);
        squares_b += (b - mean) * (b - mean);
    }
    if squares_a == 0.0 || squares_b == 0.0 { 0.0 } else { product / (squares_a * squares_b).sqrt() }
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for group in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = start as f64 + (group.len() as f64 - 1.0) / 2.0;
        group.iter().for_each(|place| ranks[*place] = rank);
        start += group.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected values are scipy 1.17's `stats.spearmanr`.
    #[test]
    fn rank_correlations_agree_with_scipy() {
        assert!((spearman(&[1.0, 2.0, 3.0, 4.0, 5.0], &[5.0, 6.0, 7.0, 8.0, 7.0]) - 0.820_782_681_668_123_3).abs() < 1e-12);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[-1.0, -2.0, -9.0]), -1.0);
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), 0.0);
    }

    #[test]
    fn scores_that_add_up_are_perfect() {
        let scores = vec![vec![0.5, -1.0, 2.0], vec![1.0, 1.5, -3.0]];
        let sets = vec![vec![0], vec![1], vec![2], vec![0, 1]];
        let actual: Vec<Vec<f64>> =
            sets.iter().map(|set| scores.iter().map(|row| set.iter().map(|i: &usize| row[*i]).sum::<f64>()).collect()).collect();
        assert!((lds(&scores, &sets, &actual) - 1.0).abs() < 1e-12);
    }
}

//! Scores into probabilities.

/// Turns logarithms, up to a constant, into probabilities that add up to 1.
pub(crate) fn softmax(scores: &mut [f64]) {
    let largest = scores.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
    scores.iter_mut().for_each(|score| *score = libm::exp(*score - largest));
    let total: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= total);
}

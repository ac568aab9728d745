//! Losses: from logits to a value and its gradient, the mean over a batch.
//!
//! Exponentials and logarithms are a pure-Rust crate's, in double precision: the platform's would be an input.

use crate::batch::Logits;

/// Probabilities of a row of logits at a temperature.
pub fn softmax(row: &[f32], temperature: f64) -> Vec<f64> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut values: Vec<f64> = row.iter().map(|value| libm::exp(f64::from(value - largest) / temperature)).collect();
    let sum: f64 = values.iter().sum();
    values.iter_mut().for_each(|value| *value /= sum);
    values
}

/// Log-probabilities of a row of logits at a temperature.
pub fn log_softmax(row: &[f32], temperature: f64) -> Vec<f64> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted: Vec<f64> = row.iter().map(|value| f64::from(value - largest) / temperature).collect();
    let log_sum = libm::log(shifted.iter().map(|value| libm::exp(*value)).sum());
    shifted.into_iter().map(|value| value - log_sum).collect()
}

/// A loss of each example by itself: `row` gives an example's value, and its gradient in the logits of that row.
pub fn mean_of(logits: &Logits, row: impl Fn(usize, &[f32]) -> (f64, Vec<f64>)) -> (f64, Logits) {
    let n = logits.len().max(1) as f64;
    let mut gradient = logits.zeros_like();
    let mut total = 0.0;
    for i in 0..logits.len() {
        let (value, slopes) = row(i, logits.row(i));
        total += value;
        gradient.row_mut(i).iter_mut().zip(slopes).for_each(|(place, slope)| *place = (slope / n) as f32);
    }
    (total / n, gradient)
}

/// Cross-entropy against labels.
pub fn cross_entropy(logits: &Logits, labels: &[u32]) -> (f64, Logits) {
    mean_of(logits, |i, row| cross_entropy_of(row, labels[i]))
}

/// Cross-entropy of one example.
pub fn cross_entropy_of(row: &[f32], label: u32) -> (f64, Vec<f64>) {
    let mut slopes = softmax(row, 1.0);
    let loss = -log_softmax(row, 1.0)[label as usize];
    slopes[label as usize] -= 1.0;
    (loss, slopes)
}

/// `T² KL(teacher ‖ student)`, with the teacher's probabilities at the temperature `T` given row by row \[@hinton2015\].
pub fn distillation(logits: &Logits, teacher: &[Vec<f64>], temperature: f64) -> (f64, Logits) {
    mean_of(logits, |i, row| {
        let student = log_softmax(row, temperature);
        let terms = teacher[i].iter().zip(&student).filter(|(p, _)| **p > 0.0);
        let divergence: f64 = terms.map(|(p, q)| p * (libm::log(*p) - q)).sum();
        let slopes = teacher[i].iter().zip(&student).map(|(p, q)| temperature * (libm::exp(*q) - p)).collect();
        (temperature * temperature * divergence, slopes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fixed<'a> = &'a dyn Fn(&Logits) -> (f64, Logits);

    #[test]
    fn slopes_are_what_differences_say() {
        let values = vec![0.3, -1.0, 2.0, 0.1, 0.0, -0.5];
        let teacher = vec![softmax(&[1.0, 0.0, -1.0], 2.0), vec![0.0, 1.0, 0.0]];
        let losses: [Fixed<'_>; 2] = [&|logits| cross_entropy(logits, &[2, 0]), &|logits| distillation(logits, &teacher, 2.0)];
        for loss in losses {
            let (_, gradient) = loss(&Logits::new(3, values.clone()));
            for i in 0..values.len() {
                let moved = |by: f32| {
                    let mut values = values.clone();
                    values[i] += by;
                    loss(&Logits::new(3, values)).0
                };
                let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                assert!((slope - f64::from(gradient.values()[i])).abs() < 1e-4, "{slope} {}", gradient.values()[i]);
            }
        }
    }
}

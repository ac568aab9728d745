//! The weights of stacking: how much each shard's word counts.
//!
//! They are learnt from a sample of the retained records, the [`SAMPLE`] whose keyed hashes of the id are smallest. Every shard
//! scores every record of the sample but its own. The weights minimise the squared error of the combined scores, with a ridge
//! that draws them to equal weights; negative ones then become 0, and all are scaled to add up to 1, so that probabilities
//! stay probabilities (stacking, [@breiman1996]). Scores are rounded to integers, whose sums are exact; the weights are made
//! anew from the set after every change, at the cost of `SAMPLE · n_shards` predictions.

use rayon::prelude::*;
use untrain_core::{AnyModel, Dataset, FixedPoint, Model as _, Predictions, Result, Task};

use super::Sisa;
use super::params::Aggregation;
use super::seats::Seats;
use super::shard::Shard;

const SAMPLE: usize = 2048;
const PURPOSE: u64 = 0x7374_6163_6b00_0000; // "stack"
/// The ridge, as a share of the mean diagonal.
const RIDGE: f64 = 0.01;
/// Scores are integers of at most so many bits.
const BITS: u32 = 30;

/// The weights of the shards that have records; none unless they are stacked.
pub(super) fn weights(learner: &Sisa, shards: &[Shard], seats: &Seats, retained: &Dataset) -> Result<Vec<f64>> {
    if learner.params.aggregation != Aggregation::Stacked {
        return Ok(Vec::new());
    }
    let models: Vec<(u32, &AnyModel)> = (0..).zip(shards).filter_map(|(s, shard)| Some((s, shard.model.as_ref()?))).collect();
    if models.len() < 2 {
        return Ok(vec![1.0; models.len()]);
    }
    let (sample, homes) = sample(learner, seats, retained)?;
    let predictions = models.par_iter().map(|(_, model)| model.predict(&sample)).collect::<Result<Vec<_>>>()?;
    let table = Table::of(learner.task, shards, &sample, &predictions);
    let mut normal = Normal::new(models.len());
    let mut scores = vec![0; models.len()];
    for (i, home) in homes.iter().enumerate() {
        for output in 0..table.width {
            for (score, (t, (shard, _))) in scores.iter_mut().zip(models.iter().enumerate()) {
                *score = if shard == home { 0 } else { table.scores[t][i * table.width + output] };
            }
            normal.add(&scores, table.targets[i * table.width + output]);
        }
    }
    Ok(normal.weights())
}

/// The sample, and of each record of it the shard.
fn sample(learner: &Sisa, seats: &Seats, retained: &Dataset) -> Result<(Dataset, Vec<u32>)> {
    let mut hashes: Vec<(u64, usize)> =
        (0..retained.len()).into_par_iter().map(|i| (learner.seed.hash(PURPOSE, retained.id(i).as_bytes()), i)).collect();
    if hashes.len() > SAMPLE {
        hashes.select_nth_unstable(SAMPLE);
        hashes.truncate(SAMPLE);
    }
    let mut mask = vec![false; retained.len()];
    hashes.iter().for_each(|(_, i)| mask[*i] = true);
    let homes = seats.iter().zip(&mask).filter(|(_, sampled)| **sampled).map(|(seat, _)| seat.shard).collect();
    Ok((retained.with_kinds_declared().filter(&mask)?, homes))
}

/// What every model says of the sample and what is true, as integers: a number for each class, or one.
struct Table {
    width: usize,
    scores: Vec<Vec<i64>>,
    targets: Vec<i64>,
}

impl Table {
    fn of(task: Task, shards: &[Shard], sample: &Dataset, predictions: &[Predictions]) -> Self {
        let Some((place, _)) = sample.schema().target() else {
            return Self { width: 0, scores: Vec::new(), targets: Vec::new() };
        };
        let targets = sample.values(place);
        let classes = super::classes(shards);
        let width = if task == Task::Classification { classes.len() } else { 1 };
        let numbers: Vec<f64> = match task {
            Task::Classification => (0..sample.len())
                .flat_map(|i| {
                    let target = targets.text(i);
                    classes.iter().map(move |class| f64::from(u8::from(target.as_deref() == Some(*class)))).collect::<Vec<_>>()
                })
                .collect(),
            Task::Regression => (0..sample.len()).map(|i| targets.number(i).unwrap_or_default()).collect(),
        };
        let said: Vec<Vec<f64>> = predictions.iter().map(|predictions| spread(predictions, &classes)).collect();
        let mut fixed = FixedPoint::new(BITS);
        said.iter().flatten().chain(&numbers).for_each(|x| fixed.take(*x));
        let quantise = |numbers: &Vec<f64>| numbers.iter().map(|x| FixedPoint::quantise(fixed.shift(), *x) as i64).collect();
        Self { width, scores: said.iter().map(quantise).collect(), targets: quantise(&numbers) }
    }
}

/// Predictions over the union of the classes; a class that a model does not know has probability 0.
fn spread(predictions: &Predictions, classes: &[&str]) -> Vec<f64> {
    match predictions {
        // A base that predicts neither is refused when the recipe is made.
        Predictions::Lists { .. } | Predictions::Vectors { .. } | Predictions::Clusters { .. } => Vec::new(),
        Predictions::Numbers(numbers) => numbers.iter().map(|x| x.unwrap_or_default()).collect(),
        Predictions::Classes { classes: own, probabilities, n } => {
            let mut spread = vec![0.0; n * classes.len()];
            super::artefact::spread(own, probabilities, classes, |place, probability| spread[place] = probability);
            spread
        }
    }
}

/// The normal equations of least squares.
struct Normal {
    n: usize,
    /// The lower triangle, row by row.
    products: Vec<i128>,
    answers: Vec<i128>,
}

impl Normal {
    fn new(n: usize) -> Self {
        Self { n, products: vec![0; n * n], answers: vec![0; n] }
    }

    fn add(&mut self, scores: &[i64], target: i64) {
        for (i, a) in scores.iter().enumerate().filter(|(_, a)| **a != 0) {
            for (product, b) in self.products[i * self.n..=i * self.n + i].iter_mut().zip(scores) {
                *product += i128::from(*a) * i128::from(*b);
            }
            self.answers[i] += i128::from(*a) * i128::from(target);
        }
    }

    fn weights(&self) -> Vec<f64> {
        let n = self.n;
        let even = 1.0 / n as f64;
        let mean = (0..n).map(|i| self.products[i * n + i] as f64).sum::<f64>() * even;
        let ridge = RIDGE * mean + f64::MIN_POSITIVE;
        let mut matrix: Vec<f64> = self.products.iter().map(|product| *product as f64).collect();
        (0..n).for_each(|i| matrix[i * n + i] += ridge);
        // A record's own shard says nothing of it, so the others make up only this share of the whole.
        let share = (n as f64 - 1.0) * even;
        let mut weights: Vec<f64> = self.answers.iter().map(|answer| *answer as f64 * share + ridge * even).collect();
        if !solve(&mut matrix, &mut weights) {
            return vec![even; n];
        }
        weights.iter_mut().for_each(|weight| *weight = weight.max(0.0));
        let total: f64 = weights.iter().sum();
        if total > 0.0 && total.is_finite() { weights.iter().map(|weight| weight / total).collect() } else { vec![even; n] }
    }
}

/// Solves a symmetric positive system by Cholesky's factors, in a fixed order; false if it is not positive.
fn solve(matrix: &mut [f64], x: &mut [f64]) -> bool {
    let n = x.len();
    for i in 0..n {
        for j in 0..=i {
            let sum = (0..j).fold(matrix[i * n + j], |sum, k| sum - matrix[i * n + k] * matrix[j * n + k]);
            if i == j && (sum.is_nan() || sum <= 0.0) {
                return false;
            }
            matrix[i * n + j] = if i == j { sum.sqrt() } else { sum / matrix[j * n + j] };
        }
    }
    for i in 0..n {
        x[i] = (0..i).fold(x[i], |sum, k| sum - matrix[i * n + k] * x[k]) / matrix[i * n + i];
    }
    for i in (0..n).rev() {
        x[i] = (i + 1..n).fold(x[i], |sum, k| sum - matrix[k * n + i] * x[k]) / matrix[i * n + i];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        // [[4, 2], [2, 3]] · [1, 2] = [8, 8].
        let mut x = [8.0, 8.0];
        assert!(solve(&mut [4.0, 0.0, 2.0, 3.0], &mut x));
        assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12, "{x:?}");
        assert!(!solve(&mut [0.0], &mut [1.0]));
    }

    #[test]
    fn a_shard_that_is_right_outweighs_one_that_is_not() {
        let mut normal = Normal::new(2);
        for (right, wrong) in [(900, 500), (100, 500), (800, 300), (200, 700)] {
            normal.add(&[right, wrong], if right > 500 { 1000 } else { 0 });
        }
        let weights = normal.weights();
        assert!(weights[0] > 0.8, "{weights:?}");
        assert_eq!(weights.iter().sum::<f64>(), 1.0);
    }
}

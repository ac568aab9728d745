//! The population attack: a logistic regression that tells the losses of forgotten records from those of holdout records.
//!
//! Its accuracy is not "0.5 when forgotten": wherever forget set and holdout differ in distribution, a retrained model does not score 0.5 either.
//! The number to report is the difference to the retrained models \[@hayes2025, section 3\].

use untrain_core::Seed;

use crate::error::{Error, Result, same};
use crate::random::{Purpose, Stream};
use crate::roc::Roc;

/// Losses are clipped to this size, so that one infinite loss does not decide.
const CLIP: f64 = 400.0;

/// What the attack reaches under cross-validation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reach {
    /// The share of held-out records that are put on their side.
    pub accuracy: f64,
    /// The mean area under the ROC curve over the folds.
    pub auc: f64,
    /// How many records there are on each side.
    pub n: usize,
}

/// A fitted logistic regression.
#[derive(Debug, Clone, PartialEq)]
pub struct Logistic {
    /// One weight for each feature.
    pub weights: Vec<f64>,
    /// The intercept.
    pub intercept: f64,
}

/// Attacks the losses of forgotten and holdout records, of which there are equally many, by stratified cross-validation.
///
/// # Errors
///
/// Another number of losses on each side, for which [`balanced`] chooses; fewer than two folds; fewer losses on a side than folds; a loss that is NaN.
///
/// # References
///
/// The protocol is that of the unlearning literature \[@cadet2024, section 4\]: ten folds, and losses clipped to [−400, 400].
pub fn reach(forgotten: &[f64], holdout: &[f64], n_folds: usize, seed: Seed) -> Result<Reach> {
    const ATTACK: &str = "the population attack";
    same("holdout losses, one for each forgotten record", forgotten.len(), holdout.len())?;
    if n_folds < 2 {
        return Err(Error::Parameter { name: "n_folds", reason: "has to be at least 2" });
    }
    if forgotten.len() < n_folds {
        return Err(Error::TooFewPoints {
            attack: ATTACK,
            needed: n_folds,
            found: forgotten.len(),
            instead: Some("U-LiRA, which works for a single record"),
        });
    }
    if let Some(point) = forgotten.iter().chain(holdout).position(|loss| loss.is_nan()) {
        return Err(Error::NotFinite { model: 0, point });
    }
    let n = forgotten.len();
    let losses: Vec<f64> = forgotten.iter().chain(holdout).map(|loss| loss.clamp(-CLIP, CLIP)).collect();
    let labels: Vec<bool> = (0..2 * n).map(|at| at < n).collect();
    // Stratified: each side is dealt to the folds by itself.
    let folds: Vec<usize> = [0, 1].iter().flat_map(|side| deal(Stream::new(seed, Purpose::Folds, 1 + side), n, n_folds)).collect();
    let (mut hits, mut area) = (0, 0.0);
    for fold in 0..n_folds {
        let (test, train): (Vec<usize>, Vec<usize>) = (0..2 * n).partition(|at| folds[*at] == fold);
        let features: Vec<f64> = train.iter().map(|at| losses[*at]).collect();
        let sides: Vec<bool> = train.iter().map(|at| labels[*at]).collect();
        let model = Logistic::fit(&features, 1, &sides, 1.0)?;
        let margin = |at: &usize| model.margin(&losses[*at..=*at]);
        hits += test.iter().filter(|at| (margin(at) > 0.0) == labels[**at]).count();
        let side = |member: bool| test.iter().filter(|at| labels[**at] == member).map(margin).collect::<Vec<_>>();
        area += Roc::new(&side(true), &side(false))?.auc() / n_folds as f64;
    }
    Ok(Reach { accuracy: hits as f64 / (2 * n) as f64, auc: area, n })
}

/// Chooses equally many forgotten and holdout records of each class: positions on either side, as many as the rarer side has.
///
/// # Errors
///
/// No holdout; a class of the forget set that the holdout does not have.
pub fn balanced(forgotten: &[usize], holdout: &[usize], seed: Seed) -> Result<(Vec<usize>, Vec<usize>)> {
    if holdout.is_empty() {
        return Err(Error::NoHoldout { attack: "the population attack" });
    }
    let n_classes = forgotten.iter().chain(holdout).max().map_or(0, |last| last + 1);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for class in 0..n_classes {
        let of_class = |labels: &[usize]| (0..labels.len()).filter(|at| labels[*at] == class).collect::<Vec<_>>();
        let (a, b) = (of_class(forgotten), of_class(holdout));
        if b.is_empty() && !a.is_empty() {
            return Err(Error::NoHoldoutOfClass { class });
        }
        let n = a.len().min(b.len());
        for (side, (positions, chosen)) in [(a, &mut left), (b, &mut right)].into_iter().enumerate() {
            let order = Stream::new(seed, Purpose::Subsample, (2 * class + side) as u64).permutation(positions.len());
            chosen.extend(order.into_iter().take(n).map(|at| positions[at]));
        }
    }
    left.sort_unstable();
    right.sort_unstable();
    Ok((left, right))
}

impl Logistic {
    /// Minimises ½‖w‖² + c Σ log(1 + exp(−y (w·x + b))) by Newton's method, to convergence; the intercept b is not penalised.
    ///
    /// # Shapes
    ///
    /// `features: (labels.len(), n_features)`
    ///
    /// # Errors
    ///
    /// Another shape; labels of one side alone; c not positive.
    pub fn fit(features: &[f64], n_features: usize, labels: &[bool], c: f64) -> Result<Self> {
        same("features", labels.len() * n_features, features.len())?;
        let n_positives = labels.iter().filter(|label| **label).count();
        if n_positives == 0 || n_positives == labels.len() {
            return Err(Error::TooFewPoints { attack: "a logistic regression", needed: 1, found: 0, instead: None });
        }
        if c.is_nan() || c <= 0.0 {
            return Err(Error::Parameter { name: "c", reason: "has to be positive" });
        }
        let problem = Problem { features, n_features, labels, c };
        let mut at = vec![0.0; n_features + 1];
        let mut value = problem.value(&at);
        for _ in 0..200 {
            let Some(step) = problem.newton_step(&at) else { break };
            let size = |values: &[f64]| values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
            if size(&step) <= 1e-14 * (1.0 + size(&at)) {
                break;
            }
            let moved = |length: f64| at.iter().zip(&step).map(|(a, s)| a - length * s).collect::<Vec<_>>();
            // The objective is convex, so some length along Newton's direction lowers it, until rounding hides the difference.
            let lower = (0..50).map(|halvings| moved(libm::ldexp(1.0, -halvings))).find(|next| problem.value(next) < value);
            let Some(next) = lower else { break };
            value = problem.value(&next);
            at = next;
        }
        let intercept = at.pop().unwrap_or(0.0);
        Ok(Self { weights: at, intercept })
    }

    /// The log-odds of one row of features.
    pub fn margin(&self, row: &[f64]) -> f64 {
        self.weights.iter().zip(row).map(|(weight, x)| weight * x).sum::<f64>() + self.intercept
    }
}

struct Problem<'a> {
    features: &'a [f64],
    n_features: usize,
    labels: &'a [bool],
    c: f64,
}

impl Problem<'_> {
    fn rows(&self) -> impl Iterator<Item = (&[f64], f64)> {
        self.labels
            .iter()
            .enumerate()
            .map(|(i, label)| (&self.features[i * self.n_features..(i + 1) * self.n_features], if *label { 1.0 } else { -1.0 }))
    }

    fn margin(at: &[f64], row: &[f64]) -> f64 {
        at.iter().zip(row).map(|(weight, x)| weight * x).sum::<f64>() + at[row.len()]
    }

    fn value(&self, at: &[f64]) -> f64 {
        let penalty: f64 = at[..self.n_features].iter().map(|weight| 0.5 * weight * weight).sum();
        let softplus = |t: f64| if t > 0.0 { t + libm::log1p(libm::exp(-t)) } else { libm::log1p(libm::exp(t)) };
        penalty + self.c * self.rows().map(|(row, y)| softplus(-y * Self::margin(at, row))).sum::<f64>()
    }

    /// Hessian⁻¹ · gradient.
    fn newton_step(&self, at: &[f64]) -> Option<Vec<f64>> {
        let d = at.len();
        let mut gradient: Vec<f64> = (0..d).map(|j| if j < self.n_features { at[j] } else { 0.0 }).collect();
        // A trace of damping on the intercept keeps the system solvable where all probabilities are 0 or 1 to the last bit.
        let mut hessian: Vec<f64> = (0..d * d)
            .map(|k| {
                if k % (d + 1) > 0 {
                    0.0
                } else if k / d < self.n_features {
                    1.0
                } else {
                    1e-12
                }
            })
            .collect();
        for (row, y) in self.rows() {
            let p = 1.0 / (1.0 + libm::exp(-Self::margin(at, row)));
            let x = |j: usize| row.get(j).copied().unwrap_or(1.0);
            for j in 0..d {
                gradient[j] += self.c * (p - f64::midpoint(y, 1.0)) * x(j);
                for k in 0..d {
                    hessian[j * d + k] += self.c * p * (1.0 - p) * x(j) * x(k);
                }
            }
        }
        solve(hessian, gradient)
    }
}

/// Solves a small positive definite system by elimination with pivots.
fn solve(mut matrix: Vec<f64>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let d = right.len();
    for column in 0..d {
        let pivot = (column..d).max_by(|a, b| matrix[a * d + column].abs().total_cmp(&matrix[b * d + column].abs()))?;
        if matrix[pivot * d + column] == 0.0 || !matrix[pivot * d + column].is_finite() {
            return None;
        }
        (0..d).for_each(|k| matrix.swap(pivot * d + k, column * d + k));
        right.swap(pivot, column);
        for row in 0..d {
            if row != column {
                let factor = matrix[row * d + column] / matrix[column * d + column];
                (0..d).for_each(|k| matrix[row * d + k] -= factor * matrix[column * d + k]);
                right[row] -= factor * right[column];
            }
        }
    }
    Some((0..d).map(|j| right[j] / matrix[j * d + j]).collect())
}

/// Deals `n` things to the folds, evenly, in a keyed order.
fn deal(stream: Stream, n: usize, n_folds: usize) -> Vec<usize> {
    let mut folds = vec![0; n];
    stream.permutation(n).into_iter().enumerate().for_each(|(place, at)| folds[at] = place % n_folds);
    folds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_losses_are_told_from_higher_ones_and_equal_ones_are_not() {
        let low: Vec<f64> = (0..100).map(|i| f64::from(i) / 100.0).collect();
        let high: Vec<f64> = low.iter().map(|loss| loss + 2.0).collect();
        let leaking = reach(&low, &high, 10, Seed(1)).unwrap();
        assert!(leaking.accuracy == 1.0 && leaking.auc > 1.0 - 1e-12);
        // Two samples of one distribution: 400 records give an accuracy of a half, plus or minus 0.1 at four deviations.
        let sample = |place| (0..200).map(|i| Stream::new(Seed(7), Purpose::Canary, place).unit(i)).collect::<Vec<_>>();
        let clean = reach(&sample(0), &sample(1), 10, Seed(1)).unwrap();
        assert!((clean.accuracy - 0.5).abs() < 0.1, "{}", clean.accuracy);
    }

    #[test]
    fn infinite_losses_are_clipped_and_nan_is_refused() {
        let mut losses: Vec<f64> = (0..20).map(f64::from).collect();
        losses[3] = f64::INFINITY;
        assert!(reach(&losses, &losses, 10, Seed(1)).is_ok());
        losses[3] = f64::NAN;
        assert!(reach(&losses, &losses, 10, Seed(1)).is_err());
    }

    #[test]
    fn a_forget_set_of_one_is_told_what_works() {
        let error = reach(&[1.0], &[1.0], 10, Seed(1)).unwrap_err();
        assert!(error.hint().is_some_and(|hint| hint.contains("U-LiRA")));
    }

    #[test]
    fn subsamples_have_the_same_classes_on_both_sides() {
        let (left, right) = balanced(&[0, 0, 0, 1], &[1, 1, 0, 2, 0], Seed(1)).unwrap();
        assert_eq!((left.len(), right.len()), (3, 3));
        assert_eq!(balanced(&[0, 3], &[0, 1], Seed(1)), Err(Error::NoHoldoutOfClass { class: 3 }));
        assert!(matches!(balanced(&[0], &[], Seed(1)), Err(Error::NoHoldout { .. })));
    }
}

//! How well do scores tell members from non-members? ROC, AUC and TPR at a low FPR.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One point of a ROC curve: what counts as a member from `threshold` up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// The share of non-members that are taken for members.
    pub fpr: f64,
    /// The share of members that are found.
    pub tpr: f64,
    /// The lowest score that is taken for a member; `None` where nothing is.
    pub threshold: Option<f64>,
}

/// A ROC curve, from (0, 0) to (1, 1), with one point for each distinct score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Roc {
    points: Vec<RocPoint>,
    n_positives: usize,
    n_negatives: usize,
}

impl Roc {
    /// Draws the curve of the scores of members and of non-members.
    ///
    /// # Errors
    ///
    /// A score that is not finite (its place is counted within its side); a side with no score.
    ///
    /// # Complexity
    ///
    /// O(n log n) for n scores.
    ///
    /// # Examples
    ///
    /// ```
    /// use untrain_audit::Roc;
    ///
    /// let roc = Roc::new(&[0.9, 0.4], &[0.1, 0.4])?;
    /// assert_eq!(roc.auc(), 0.875);
    /// assert_eq!(roc.tpr_at(0.01), None);
    /// # Ok::<(), untrain_audit::Error>(())
    /// ```
    pub fn new(positives: &[f64], negatives: &[f64]) -> Result<Self> {
        for side in [positives, negatives] {
            if side.is_empty() {
                return Err(Error::TooFewPoints { attack: "a ROC curve", needed: 1, found: 0, instead: None });
            }
            if let Some(point) = side.iter().position(|score| !score.is_finite()) {
                return Err(Error::NotFinite { model: 0, point });
            }
        }
        let mut scored: Vec<(f64, bool)> =
            positives.iter().map(|score| (*score, true)).chain(negatives.iter().map(|score| (*score, false))).collect();
        // Adding zero makes -0 equal to 0, which the total order would tell apart.
        scored.iter_mut().for_each(|(score, _)| *score += 0.0);
        scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let (n_positives, n_negatives) = (positives.len(), negatives.len());
        let mut points = vec![RocPoint { fpr: 0.0, tpr: 0.0, threshold: None }];
        let (mut found, mut false_alarms) = (0_usize, 0_usize);
        for group in scored.chunk_by(|a, b| a.0 == b.0) {
            let members = group.iter().filter(|(_, member)| *member).count();
            found += members;
            false_alarms += group.len() - members;
            let (fpr, tpr) = (false_alarms as f64 / n_negatives as f64, found as f64 / n_positives as f64);
            points.push(RocPoint { fpr, tpr, threshold: Some(group[0].0) });
        }
        Ok(Self { points, n_positives, n_negatives })
    }

    /// The points, from (0, 0) to (1, 1).
    pub fn points(&self) -> &[RocPoint] {
        &self.points
    }

    /// How many members and non-members there are.
    pub fn counts(&self) -> (usize, usize) {
        (self.n_positives, self.n_negatives)
    }

    /// The area under the curve: the chance that a member scores above a non-member, ties half.
    pub fn auc(&self) -> f64 {
        self.points.windows(2).map(|pair| (pair[1].fpr - pair[0].fpr) * (pair[0].tpr + pair[1].tpr) / 2.0).sum()
    }

    /// The highest TPR at an FPR of at most `fpr`; `None` unless there are non-members enough for one false alarm at that rate, 100 for 1 %.
    pub fn tpr_at(&self, fpr: f64) -> Option<f64> {
        if !enough_negatives(self.n_negatives as f64, fpr) {
            return None;
        }
        // An FPR of 1 in 100 is the float of 1 / 100 exactly, so no tolerance is needed.
        self.points.iter().take_while(|point| point.fpr <= fpr).last().map(|point| point.tpr)
    }

    /// The accuracy at the best threshold when members and non-members count alike. The threshold is chosen on the same scores: an optimistic number.
    pub fn balanced_accuracy(&self) -> f64 {
        self.points.iter().map(|point| f64::midpoint(point.tpr, 1.0 - point.fpr)).fold(0.5, f64::max)
    }
}

/// Whether `n` non-members resolve the rate: one of them is one false alarm.
pub(crate) fn enough_negatives(n: f64, fpr: f64) -> bool {
    n * fpr >= 1.0 - 1e-9
}

/// The middle ranks of values, from 1: equal values share the mean of their ranks.
pub(crate) fn middle_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for group in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = before as f64 + f64::midpoint(group.len() as f64, 1.0);
        group.iter().for_each(|at| ranks[*at] = rank);
        before += group.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_count_half_whatever_the_sign_of_zero() {
        assert_eq!(Roc::new(&[1.0, 1.0], &[1.0, 1.0]).unwrap().auc(), 0.5);
        assert_eq!(Roc::new(&[0.0], &[-0.0]).unwrap().auc(), 0.5);
        assert_eq!(Roc::new(&[2.0], &[1.0]).unwrap().auc(), 1.0);
        assert_eq!(Roc::new(&[2.0], &[1.0]).unwrap().balanced_accuracy(), 1.0);
    }

    #[test]
    fn a_low_rate_needs_non_members_enough() {
        let negatives: Vec<f64> = (0..100).map(f64::from).collect();
        let roc = Roc::new(&[98.5, 99.5, 1.0], &negatives).unwrap();
        assert_eq!(roc.tpr_at(0.01), Some(2.0 / 3.0));
        assert_eq!(roc.tpr_at(0.001), None);
        assert_eq!(Roc::new(&[1.0], &negatives[..99]).unwrap().tpr_at(0.01), None);
    }

    #[test]
    fn an_empty_side_and_nan_are_refused() {
        assert!(Roc::new(&[], &[1.0]).is_err());
        assert_eq!(Roc::new(&[1.0], &[0.0, f64::NAN]), Err(Error::NotFinite { model: 0, point: 1 }));
    }
}

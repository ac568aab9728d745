//! The outcomes of an attack: one score for each model and point that it judged, and what can be said of them together.

use serde::{Deserialize, Serialize};

use crate::bootstrap::{Bootstrap, Interval};
use crate::error::{Error, Result};
use crate::roc::{Roc, enough_negatives};

/// One judgement of an attack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// The score: the higher, the more the attack believes in a member.
    pub score: f64,
    /// The world whose model was judged.
    pub world: u32,
    /// The point.
    pub point: u32,
    /// Whether it was a member.
    pub member: bool,
    /// The fold. Scores of different folds come from different fits and are never compared with each other.
    pub fold: u32,
}

/// The judgements of an attack, sorted by fold and score.
#[derive(Debug, Clone, PartialEq)]
pub struct Trials {
    sorted: Vec<Trial>,
    n_worlds: usize,
    n_points: usize,
}

/// What an attack reaches, with intervals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Power {
    /// The area under the ROC curve.
    pub auc: f64,
    /// Its interval.
    pub auc_interval: Option<Interval>,
    /// TPR at 1 % FPR; `None` under 100 non-members.
    pub tpr_at_1_percent: Option<f64>,
    /// Its interval.
    pub tpr_at_1_percent_interval: Option<Interval>,
    /// TPR at 0.1 % FPR; `None` under 1,000 non-members.
    pub tpr_at_01_percent: Option<f64>,
    /// Its interval.
    pub tpr_at_01_percent_interval: Option<Interval>,
}

impl Trials {
    /// Takes judgements.
    ///
    /// # Errors
    ///
    /// A score that is not finite; no fold with both members and non-members; a world or point out of range.
    pub fn new(mut trials: Vec<Trial>, n_worlds: usize, n_points: usize) -> Result<Self> {
        for trial in &mut trials {
            if !trial.score.is_finite() {
                return Err(Error::NotFinite { model: trial.world as usize, point: trial.point as usize });
            }
            if trial.world as usize >= n_worlds || trial.point as usize >= n_points {
                return Err(Error::Shape { what: "worlds and points of a trial", expected: n_worlds, found: trial.world as usize });
            }
            trial.score += 0.0;
        }
        trials.sort_unstable_by(|a, b| {
            let place = |trial: &Trial| (trial.world, trial.point, trial.member);
            a.fold.cmp(&b.fold).then(b.score.total_cmp(&a.score)).then(place(a).cmp(&place(b)))
        });
        let trials = Self { sorted: trials, n_worlds, n_points };
        if trials.auc().is_none() {
            return Err(Error::TooFewPoints { attack: "an attack", needed: 1, found: 0, instead: None });
        }
        Ok(trials)
    }

    /// The judgements, by fold and then from the highest score down.
    pub fn all(&self) -> &[Trial] {
        &self.sorted
    }

    /// The ROC curve of each fold that has members and non-members.
    pub fn rocs(&self) -> Vec<Roc> {
        self.folds()
            .filter_map(|fold| {
                let side = |member| fold.iter().filter(|trial| trial.member == member).map(|trial| trial.score).collect::<Vec<_>>();
                Roc::new(&side(true), &side(false)).ok()
            })
            .collect()
    }

    /// The mean area under the ROC curves of the folds.
    fn auc(&self) -> Option<f64> {
        let (ones, points) = (vec![1.0; self.n_worlds], vec![1.0; self.n_points]);
        self.weighted(&ones, &points)[0]
    }

    /// AUC and TPR at 1 % and 0.1 % FPR with two-level bootstrap intervals. The attack is taken as fitted: resamples draw judgements, not fits.
    ///
    /// # Errors
    ///
    /// As [`Bootstrap::intervals`].
    ///
    /// # Complexity
    ///
    /// O(n) for n judgements and each resample, since they are sorted already.
    pub fn power(&self, bootstrap: &Bootstrap) -> Result<Power> {
        let (ones, points) = (vec![1.0; self.n_worlds], vec![1.0; self.n_points]);
        let [auc, at_1, at_01] = self.weighted(&ones, &points);
        let intervals = bootstrap.intervals(self.n_worlds, self.n_points, |worlds, points| self.weighted(worlds, points))?;
        Ok(Power {
            auc: auc.unwrap_or(0.5),
            auc_interval: intervals[0],
            tpr_at_1_percent: at_1,
            tpr_at_1_percent_interval: at_1.and(intervals[1]),
            tpr_at_01_percent: at_01,
            tpr_at_01_percent_interval: at_01.and(intervals[2]),
        })
    }

    fn folds(&self) -> impl Iterator<Item = &[Trial]> {
        self.sorted.chunk_by(|a, b| a.fold == b.fold)
    }

    /// The means over the folds of AUC, TPR at 1 % and TPR at 0.1 %, when worlds and points count as often as their weights say.
    fn weighted(&self, worlds: &[f64], points: &[f64]) -> [Option<f64>; 3] {
        let mut sums = [0.0; 3];
        let mut n_folds = [0_u32; 3];
        for fold in self.folds() {
            for (at, value) in fold_statistics(fold, worlds, points).into_iter().enumerate() {
                if let Some(value) = value {
                    sums[at] += value;
                    n_folds[at] += 1;
                }
            }
        }
        std::array::from_fn(|at| (n_folds[at] > 0).then(|| sums[at] / f64::from(n_folds[at])))
    }
}

fn fold_statistics(fold: &[Trial], worlds: &[f64], points: &[f64]) -> [Option<f64>; 3] {
    let weight = |trial: &Trial| worlds[trial.world as usize] * points[trial.point as usize];
    let total_of = |member: bool| fold.iter().filter(|trial| trial.member == member).map(weight).sum::<f64>();
    let (n_positives, n_negatives) = (total_of(true), total_of(false));
    if n_positives == 0.0 || n_negatives == 0.0 {
        return [None; 3];
    }
    let (mut found, mut alarms, mut area) = (0.0, 0.0, 0.0);
    let mut at_rate = [0.0; 2];
    for group in fold.chunk_by(|a, b| a.score == b.score) {
        let (mut members, mut others) = (0.0, 0.0);
        for trial in group {
            *if trial.member { &mut members } else { &mut others } += weight(trial);
        }
        area += others * (found + members / 2.0);
        found += members;
        alarms += others;
        for (best, rate) in at_rate.iter_mut().zip(RATES) {
            if alarms <= rate * n_negatives * (1.0 + 1e-12) {
                *best = found / n_positives;
            }
        }
    }
    let at = |i: usize| enough_negatives(n_negatives, RATES[i]).then_some(at_rate[i]);
    [Some(area / (n_positives * n_negatives)), at(0), at(1)]
}

/// The false positive rates at which the true positive rate is reported.
const RATES: [f64; 2] = [0.01, 0.001];

#[cfg(test)]
mod tests {
    use super::*;

    fn trials() -> Vec<Trial> {
        let trial = |score: f64, world, member| Trial { score, world, point: 0, member, fold: 0 };
        vec![trial(3.0, 0, true), trial(1.0, 1, true), trial(1.0, 0, false), trial(0.0, 1, false)]
    }

    #[test]
    fn the_weighted_area_of_ones_is_the_area_of_the_curve() {
        let trials = Trials::new(trials(), 2, 1).unwrap();
        assert_eq!(trials.auc(), Some(trials.rocs()[0].auc()));
        assert_eq!(trials.auc(), Some(0.875));
    }

    #[test]
    fn folds_are_averaged_and_never_compared() {
        // The second fold's scores lie above the first's, members and non-members alike; pooled, that would be taken for nothing or for a signal.
        let mut both = trials();
        both.extend(trials().into_iter().map(|trial| Trial { score: trial.score + 100.0, fold: 1, ..trial }));
        assert_eq!(Trials::new(both, 2, 1).unwrap().auc(), Some(0.875));
    }

    #[test]
    fn one_side_alone_is_refused() {
        let only_members = trials().into_iter().filter(|trial| trial.member).collect();
        assert!(Trials::new(only_members, 2, 1).is_err());
    }
}

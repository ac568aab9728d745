//! The forgetting quality of the NeurIPS 2023 unlearning challenge, beside what a perfect unlearner scores \[@triantafillou2024\].
//!
//! For each forgotten record, ε is the largest that any threshold attack on margins reaches in-sample, and a record with a large ε scores little. A maximum over
//! thresholds without confidence bounds is large by chance: a *perfect* unlearner scores 0.05 to 0.2, by how many thresholds are tried, and not 1. So F is reported over F of a second retrain.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, same};
use crate::scores::Scores;

/// δ of the challenge.
const DELTA: f64 = 1e-5;
/// How wide the bins of ε are, and how many.
const BIN_WIDTH: f64 = 0.5;
const N_BINS: u32 = 13;
/// At most this many thresholds for each record, since pairs of them are tried.
const MAX_THRESHOLDS: usize = 128;
/// Which part of the time of a retrain a method may take.
const SPEED_GATE: f64 = 0.2;

/// Forgetting quality with its calibration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// F of the candidate.
    pub forgetting: f64,
    /// F of a second retrain: what a perfect unlearner scores.
    pub null: f64,
}

/// What the score of the challenge weighs forgetting with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Utility {
    /// The accuracy of the candidate on the retain set over that of the retrained model.
    pub retain_ratio: f64,
    /// The accuracy of the candidate on the holdout over that of the retrained model.
    pub holdout_ratio: f64,
    /// The time that unlearning takes over that of a retrain.
    pub time_ratio: f64,
}

impl Quality {
    /// Measures candidate and second retrain against retrained models.
    ///
    /// # Shapes
    ///
    /// Margins; `candidate`, `second`, `retrained: (n_models, n_forgotten)`
    ///
    /// # Errors
    ///
    /// Shapes that differ; fewer than 2 models; no point.
    ///
    /// # Complexity
    ///
    /// O(points · (models log models + 128²)).
    pub fn measure(candidate: &Scores, second: &Scores, retrained: &Scores) -> Result<Self> {
        Ok(Self { forgetting: forgetting(candidate, retrained)?, null: forgetting(second, retrained)? })
    }

    /// F / F_null: 1 for a perfect unlearner, up to chance.
    pub fn calibrated(&self) -> f64 {
        self.forgetting / self.null
    }

    /// The score: calibrated F, weighed with the utility.
    ///
    /// # Errors
    ///
    /// A method slower than a fifth of a retrain, which the challenge rejects; a ratio that is negative or NaN.
    pub fn score(&self, utility: &Utility) -> Result<f64> {
        if utility.time_ratio.is_nan() || utility.time_ratio > SPEED_GATE {
            return Err(Error::Parameter { name: "time_ratio", reason: "is over 0.2: slower than the challenge allows" });
        }
        for ratio in [utility.retain_ratio, utility.holdout_ratio] {
            if ratio.is_nan() || ratio < 0.0 {
                return Err(Error::Parameter { name: "utility", reason: "has to be a ratio of accuracies" });
            }
        }
        Ok(self.calibrated() * utility.retain_ratio * utility.holdout_ratio)
    }
}

/// F = mean over records of 2 / 2ⁿ, where ε of the record is in the n-th bin.
fn forgetting(candidate: &Scores, retrained: &Scores) -> Result<f64> {
    same("models", candidate.n_models(), retrained.n_models())?;
    same("points", candidate.n_points(), retrained.n_points())?;
    if candidate.n_models() < 2 {
        let instead = Some("the divergence of predictions");
        return Err(Error::TooFewModels { attack: "the NeurIPS 2023 score", needed: 2, found: candidate.n_models(), instead });
    }
    if candidate.n_points() == 0 {
        return Err(Error::TooFewPoints { attack: "the NeurIPS 2023 score", needed: 1, found: 0, instead: None });
    }
    let quality = |point| {
        let bin = (epsilon(&candidate.column(point), &retrained.column(point)) / BIN_WIDTH).clamp(0.0, f64::from(N_BINS - 1)) as i32;
        libm::ldexp(1.0, -bin)
    };
    Ok((0..candidate.n_points()).map(quality).sum::<f64>() / candidate.n_points() as f64)
}

/// The largest ε of a single or double threshold that takes a side, or what lies between, for the candidate's.
fn epsilon(candidate: &[f64], retrained: &[f64]) -> f64 {
    let mut pooled = [candidate, retrained].concat();
    pooled.sort_unstable_by(f64::total_cmp);
    pooled.dedup();
    let n_cuts = pooled.len().min(MAX_THRESHOLDS);
    // Cut k lies below the k-th chosen value; the last lies above all.
    let cuts: Vec<f64> = (0..n_cuts).map(|k| pooled[k * pooled.len() / n_cuts]).chain([f64::INFINITY]).collect();
    let below = |sample: &[f64]| {
        let mut sorted = sample.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        cuts.iter().map(|cut| sorted.partition_point(|value| value < cut) as f64 / sample.len() as f64).collect::<Vec<_>>()
    };
    let (of_candidate, of_retrained) = (below(candidate), below(retrained));
    let mut best = 0.0_f64;
    // A single threshold is a double one that begins below all or ends above all.
    for low in 0..cuts.len() {
        for high in low + 1..cuts.len() {
            let (tpr, fpr) = (of_candidate[high] - of_candidate[low], of_retrained[high] - of_retrained[low]);
            for (fpr, fnr) in [(fpr, 1.0 - tpr), (1.0 - fpr, tpr)] {
                best = best.max(attack_epsilon(fpr, fnr));
            }
        }
    }
    best
}

/// ε of one attack: infinite when both rates are 0, discarded (negative) when exactly one is.
fn attack_epsilon(fpr: f64, fnr: f64) -> f64 {
    // Rates are differences of shares, so 0 may be a rounding away.
    let (fpr, fnr) = (if fpr < 1e-12 { 0.0 } else { fpr }, if fnr < 1e-12 { 0.0 } else { fnr });
    if fpr == 0.0 && fnr == 0.0 {
        return f64::INFINITY;
    }
    if fpr == 0.0 || fnr == 0.0 {
        return -1.0;
    }
    let ratio = |a: f64, b: f64| if 1.0 - DELTA - a > 0.0 { libm::log((1.0 - DELTA - a) / b) } else { -1.0 };
    ratio(fpr, fnr).max(ratio(fnr, fpr))
}

#[cfg(test)]
mod tests {
    use untrain_core::Seed;

    use super::*;
    use crate::random::{Purpose, Stream};
    use crate::special::normal_quantile;

    fn normals(n_models: usize, kind: u64, shift: f64) -> Scores {
        let stream = Stream::new(Seed(3), Purpose::Bootstrap, kind);
        Scores::new(n_models, 100, (0..n_models * 100).map(|i| shift + normal_quantile(stream.unit(i).max(1e-12))).collect()).unwrap()
    }

    #[test]
    fn defect_8_a_perfect_unlearner_scores_far_under_one_and_one_when_calibrated() {
        for n_models in [32, 128] {
            let quality = Quality::measure(&normals(n_models, 0, 0.0), &normals(n_models, 1, 0.0), &normals(n_models, 2, 0.0)).unwrap();
            assert!(quality.forgetting > 0.03 && quality.forgetting < 0.35, "{quality:?}");
            assert!((quality.calibrated() - 1.0).abs() < 0.35, "{quality:?}");
        }
    }

    /// The released code asserts on an array at this point and stops.
    #[test]
    fn defect_8_separated_and_equal_margins_are_defined() {
        let constant = |value: f64| Scores::new(16, 3, vec![value; 48]).unwrap();
        let quality = Quality::measure(&constant(1.0), &constant(0.0), &constant(0.0)).unwrap();
        assert_eq!((quality.forgetting, quality.null), (libm::ldexp(1.0, -12), 1.0));
    }

    #[test]
    fn a_slow_method_is_rejected() {
        let quality = Quality { forgetting: 0.1, null: 0.2 };
        let utility = Utility { retain_ratio: 0.9, holdout_ratio: 1.0, time_ratio: 0.1 };
        assert!((quality.score(&utility).unwrap() - 0.45).abs() < 1e-12);
        assert!(quality.score(&Utility { time_ratio: 0.3, ..utility }).is_err());
    }
}

//! Lower bounds on the ratio TPR / FPR, and so on ε, by the five methods of TensorFlow Privacy.
//!
//! Of the five, only that by Clopper and Pearson keeps its level at every sample size; the others are approximations that are tighter for large
//! samples. They are here for comparison with published audits; verdicts use [`super::clopper_pearson`].

use crate::bounds::clopper_pearson::{Outcome, rate_bounds};
use crate::error::{Error, Result};
use crate::special::normal_quantile;

/// How a ratio of two binomial rates is bounded from below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The logarithm of the ratio as normal \[@katz1978\].
    KatzLog,
    /// The same with half a count added to all \[@walter1975\].
    AdjustedLog,
    /// The cube root of the ratio as normal \[@bailey1987\].
    Bailey,
    /// By the inverse hyperbolic sine \[@newcombe2001\].
    InverseSinh,
    /// Exact bounds on both rates, each with half of the level \[@clopper1934\].
    ClopperPearson,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 5] = [Self::KatzLog, Self::AdjustedLog, Self::Bailey, Self::InverseSinh, Self::ClopperPearson];

    /// The lower bound on TPR / FPR at a level; 0 where the method gives none.
    ///
    /// # Errors
    ///
    /// As [`Outcome::check`]; a level outside (0, ½).
    pub fn ratio(self, outcome: &Outcome, level: f64) -> Result<f64> {
        outcome.check()?;
        if !(level > 0.0 && level < 0.5) {
            return Err(Error::Parameter { name: "level", reason: "has to lie between 0 and 0.5" });
        }
        let counts = Counts::new(outcome, normal_quantile(level));
        let bound = match self {
            Self::ClopperPearson => return clopper_pearson(outcome, level),
            // No hit among the members shows nothing; the adjusted method needs that of both sides.
            Self::AdjustedLog if outcome.true_positives == 0 && outcome.false_positives == 0 => 0.0,
            Self::AdjustedLog => counts.adjusted_log(),
            _ if outcome.true_positives == 0 => 0.0,
            Self::KatzLog => counts.katz_log(),
            Self::Bailey => counts.bailey(outcome),
            Self::InverseSinh => counts.inverse_sinh(),
        };
        // For tiny samples some roots are of negative numbers: no bound.
        Ok(if bound.is_finite() { bound.max(0.0) } else { 0.0 })
    }

    /// The lower bound on ε at δ = 0: the logarithm of the ratio, 0 where nothing is shown.
    ///
    /// # Errors
    ///
    /// As [`Method::ratio`].
    pub fn epsilon(self, outcome: &Outcome, level: f64) -> Result<f64> {
        let ratio = self.ratio(outcome, level)?;
        Ok(if ratio > 1.0 { libm::log(ratio) } else { 0.0 })
    }
}

/// Counts as floats, half a count below the total where both rates are 1, with the quantile of the level.
struct Counts {
    tp: f64,
    positives: f64,
    fp: f64,
    negatives: f64,
    z: f64,
}

impl Counts {
    fn new(outcome: &Outcome, z: f64) -> Self {
        let (tp, fp) = (outcome.true_positives as f64, outcome.false_positives as f64);
        let (positives, negatives) = (outcome.positives as f64, outcome.negatives as f64);
        let less = if tp == positives && fp == negatives { 0.5 } else { 0.0 };
        Self { tp: tp - less, positives, fp: fp - less, negatives, z }
    }

    fn fp_or(&self, instead: f64) -> f64 {
        if self.fp == 0.0 { instead } else { self.fp }
    }

    fn katz_log(&self) -> f64 {
        let fp = self.fp_or(0.5);
        let (tpr, fpr) = (self.tp / self.positives, fp / self.negatives);
        tpr / fpr * libm::exp(self.z * ((1.0 - tpr) / self.tp + (1.0 - fpr) / fp).sqrt())
    }

    fn adjusted_log(&self) -> f64 {
        let (tp, positives, fp, negatives) = (self.tp + 0.5, self.positives + 0.5, self.fp + 0.5, self.negatives + 0.5);
        let log_ratio = libm::log(tp / positives) - libm::log(fp / negatives);
        libm::exp(log_ratio + self.z * (1.0 / tp - 1.0 / positives + 1.0 / fp - 1.0 / negatives).sqrt())
    }

    fn bailey(&self, outcome: &Outcome) -> f64 {
        // Here each side alone is kept from its total.
        let full = |hits: u64, n: u64| if hits == n { n as f64 - 0.5 } else { hits as f64 };
        let tp = full(outcome.true_positives, outcome.positives);
        let fp = if self.fp == 0.0 { 0.5 } else { full(outcome.false_positives, outcome.negatives) };
        let (tpr, fpr) = (tp / self.positives, fp / self.negatives);
        let (fnr, tnr, z) = (1.0 - tpr, 1.0 - fpr, self.z);
        let root = (fnr / tp + tnr / fp - z * z * fnr * tnr / (9.0 * tp * fp)).sqrt();
        let cube = (1.0 + z / 3.0 * root) / (1.0 - z * z * tnr / (9.0 * fp));
        tpr / fpr * cube * cube * cube
    }

    fn inverse_sinh(&self) -> f64 {
        let fp = self.fp_or(self.z * self.z);
        let root = (1.0 / self.tp - 1.0 / self.positives + 1.0 / fp - 1.0 / self.negatives).sqrt();
        self.tp / fp / (self.positives / self.negatives) * libm::exp(2.0 * libm::asinh(self.z / 2.0 * root))
    }
}

fn clopper_pearson(outcome: &Outcome, level: f64) -> Result<f64> {
    let (tpr, _) = rate_bounds(outcome.true_positives, outcome.positives, level / 2.0)?;
    let (_, fpr) = rate_bounds(outcome.false_positives, outcome.negatives, level / 2.0)?;
    Ok(if tpr <= 0.0 || fpr >= 1.0 { 0.0 } else { tpr / fpr })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_from_one_half_up_are_refused() {
        let outcome = Outcome { true_positives: 9, positives: 10, false_positives: 1, negatives: 10 };
        for method in Method::ALL {
            assert!(method.ratio(&outcome, 0.5).is_err());
            assert!(method.epsilon(&outcome, 0.05).unwrap() > 0.0);
        }
    }

    #[test]
    fn no_hit_shows_nothing() {
        let outcome = Outcome { true_positives: 0, positives: 10, false_positives: 0, negatives: 10 };
        for method in Method::ALL {
            assert_eq!(method.epsilon(&outcome, 0.05).unwrap(), 0.0);
        }
    }
}

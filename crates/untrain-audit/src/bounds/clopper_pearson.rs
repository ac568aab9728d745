//! How large must ε be, given how often an attack was right in many independent runs? By exact binomial bounds \[@clopper1934\].

use crate::error::{Error, Result, within_unit};
use crate::special::beta_quantile;

/// How an attack with a threshold that was fixed on *other* data came out. Each trial is an *independent* run: one a model, never one a point, since
/// points of one model share its training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Members that were found.
    pub true_positives: u64,
    /// Members.
    pub positives: u64,
    /// Non-members that were taken for members.
    pub false_positives: u64,
    /// Non-members.
    pub negatives: u64,
}

impl Outcome {
    /// Refuses counts that cannot be.
    ///
    /// # Errors
    ///
    /// More hits than trials; no trial on a side.
    pub fn check(&self) -> Result<()> {
        if self.true_positives > self.positives || self.false_positives > self.negatives {
            return Err(Error::Parameter { name: "outcome", reason: "has more hits than trials" });
        }
        if self.positives == 0 || self.negatives == 0 {
            return Err(Error::TooFewModels {
                attack: "a bound on ε",
                needed: 2,
                found: 0,
                instead: Some("the one-run audit, for canaries in one model"),
            });
        }
        Ok(())
    }
}

/// The Clopper–Pearson bounds on the rate of `hits` in `n` trials: each side fails with probability `level` at most.
///
/// # Errors
///
/// More hits than trials; no trial; a level outside (0, 1).
///
/// # Examples
///
/// ```
/// use untrain_audit::bounds::clopper_pearson::rate_bounds;
///
/// let (low, high) = rate_bounds(0, 100, 0.05)?;
/// assert_eq!(low, 0.0);
/// assert!((high - 0.029_513).abs() < 1e-6);
/// # Ok::<(), untrain_audit::Error>(())
/// ```
pub fn rate_bounds(hits: u64, n: u64, level: f64) -> Result<(f64, f64)> {
    within_unit("level", level)?;
    if hits > n || n == 0 {
        return Err(Error::Parameter { name: "hits", reason: "have to be at most as many as trials, of which there is at least one" });
    }
    let (hits, misses) = (hits as f64, (n - hits) as f64);
    let low = if hits == 0.0 { 0.0 } else { beta_quantile(level, hits, misses + 1.0) };
    let high = if misses == 0.0 { 1.0 } else { beta_quantile(1.0 - level, hits + 1.0, misses) };
    Ok((low, high))
}

/// The lower bound on ε that holds with probability 1 − `level`: max over both directions of log((1 − δ − FPR) / FNR), both rates at their upper
/// bounds, each with half of the level \[@kairouz2015\] \[@jagielski2020\]. 0 when nothing is shown.
///
/// # Errors
///
/// As [`Outcome::check`]; a level outside (0, 1); δ outside [0, 1).
pub fn epsilon(outcome: &Outcome, delta: f64, level: f64) -> Result<f64> {
    outcome.check()?;
    within_unit("level", level)?;
    if !(0.0..1.0).contains(&delta) {
        return Err(Error::Parameter { name: "delta", reason: "has to be at least 0 and under 1" });
    }
    let (_, fpr) = rate_bounds(outcome.false_positives, outcome.negatives, level / 2.0)?;
    let (_, fnr) = rate_bounds(outcome.positives - outcome.true_positives, outcome.positives, level / 2.0)?;
    let direction = |a: f64, b: f64| if 1.0 - delta - a > 0.0 { libm::log((1.0 - delta - a) / b) } else { 0.0 };
    Ok(direction(fpr, fnr).max(direction(fnr, fpr)).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    #[test]
    fn a_perfect_attack_is_bounded_by_the_number_of_runs() {
        let outcome = Outcome { true_positives: 32, positives: 32, false_positives: 0, negatives: 32 };
        let rate = 1.0 - libm::pow(0.025, 1.0 / 32.0);
        assert!((epsilon(&outcome, 0.0, 0.05).unwrap() - libm::log((1.0 - rate) / rate)).abs() < 1e-10);
        assert!(epsilon(&outcome, 0.5, 0.05).unwrap() < epsilon(&outcome, 0.0, 0.05).unwrap());
    }

    #[test]
    fn a_coin_shows_nothing_more_often_than_the_level_allows() {
        let coin = |place: u64| (0..100).filter(|i| Stream::new(untrain_core::Seed(1), Purpose::Splits, place).bit(*i)).count() as u64;
        let alarms = (0..1000).filter(|run| {
            let outcome = Outcome { true_positives: coin(2 * run), positives: 100, false_positives: coin(2 * run + 1), negatives: 100 };
            epsilon(&outcome, 0.0, 0.05).unwrap() > 0.0
        });
        assert!(alarms.count() <= 50);
    }

    #[test]
    fn impossible_outcomes_are_refused() {
        let outcome = Outcome { true_positives: 3, positives: 2, false_positives: 0, negatives: 2 };
        assert!(epsilon(&outcome, 0.0, 0.05).is_err());
        let none = Outcome { true_positives: 0, positives: 0, ..outcome };
        assert!(epsilon(&none, 0.0, 0.05).unwrap_err().hint().is_some_and(|hint| hint.contains("one-run")));
        let outcome = Outcome { true_positives: 1, ..outcome };
        assert!(epsilon(&outcome, 1.0, 0.05).is_err());
        assert!(epsilon(&outcome, 0.0, 0.0).is_err());
    }
}

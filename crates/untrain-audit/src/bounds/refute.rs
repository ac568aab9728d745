//! Is a certified (ε, δ) refuted by what was measured?

use serde::{Deserialize, Serialize};
use untrain_core::Guarantee;

use crate::bounds::clopper_pearson::{self, Outcome};
use crate::error::{Error, Result};
use crate::special::normal_cdf;

/// What a measured lower bound says of a claim. No measurement confirms one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Refutation {
    /// The bound exceeds the claim: it is false, up to the level.
    Refuted {
        /// The claimed ε.
        claimed: f64,
        /// The lower bound.
        bound: f64,
    },
    /// The bound does not reach the claim, which may still be false.
    NotRefuted {
        /// The claimed ε.
        claimed: f64,
        /// The lower bound.
        bound: f64,
        /// The most that so many runs could have shown; a claim above it cannot be refuted by them.
        reach: f64,
    },
}

/// Tests a guarantee with an attack that told candidates from retrained models, one trial a model, at a threshold fixed on other data.
///
/// `Exact` is the claim ε = 0, δ = 0; `Empirical` claims nothing and gives `None`.
///
/// # Errors
///
/// As [`clopper_pearson::epsilon`].
///
/// # Examples
///
/// ```
/// use untrain_audit::bounds::{clopper_pearson::Outcome, refute::{Refutation, refute}};
/// use untrain_core::Guarantee;
///
/// let outcome = Outcome { true_positives: 60, positives: 60, false_positives: 1, negatives: 60 };
/// let claim = Guarantee::Certified { epsilon: 1.0, delta: 1e-5 };
/// assert!(matches!(refute(&claim, &outcome, 0.05)?, Some(Refutation::Refuted { .. })));
/// # Ok::<(), untrain_audit::Error>(())
/// ```
pub fn refute(claim: &Guarantee, outcome: &Outcome, level: f64) -> Result<Option<Refutation>> {
    let (claimed, delta) = match *claim {
        Guarantee::Exact => (0.0, 0.0),
        Guarantee::Certified { epsilon, delta } => (epsilon, delta),
        Guarantee::Empirical => return Ok(None),
    };
    if claimed.is_nan() || claimed < 0.0 {
        return Err(Error::Parameter { name: "epsilon", reason: "has to be at least 0" });
    }
    let bound = clopper_pearson::epsilon(outcome, delta, level)?;
    if bound > claimed {
        return Ok(Some(Refutation::Refuted { claimed, bound }));
    }
    let perfect = Outcome { true_positives: outcome.positives, false_positives: 0, ..*outcome };
    Ok(Some(Refutation::NotRefuted { claimed, bound, reach: clopper_pearson::epsilon(&perfect, delta, level)? }))
}

/// The smallest δ for which N(0, σ²) and N(Δ, σ²) are (ε, δ)-indistinguishable: exact \[@balle2018, theorem 8\].
///
/// An accountant that states less for a release with Gaussian noise is wrong, and this is the arithmetic that shows it.
///
/// # Errors
///
/// σ or Δ not positive; ε negative.
pub fn gaussian_delta(sensitivity: f64, sigma: f64, epsilon: f64) -> Result<f64> {
    if !(sensitivity > 0.0 && sigma > 0.0 && epsilon >= 0.0) {
        return Err(Error::Parameter { name: "sigma", reason: "and sensitivity have to be positive, and epsilon at least 0" });
    }
    let (half, ratio) = (sensitivity / (2.0 * sigma), epsilon * sigma / sensitivity);
    Ok((normal_cdf(half - ratio) - libm::exp(epsilon) * normal_cdf(-half - ratio)).max(0.0))
}

/// The smallest ε for that δ: exact, by halving.
///
/// # Errors
///
/// As [`gaussian_delta`]; δ outside (0, 1).
pub fn gaussian_epsilon(sensitivity: f64, sigma: f64, delta: f64) -> Result<f64> {
    crate::error::within_unit("delta", delta)?;
    if gaussian_delta(sensitivity, sigma, 0.0)? <= delta {
        return Ok(0.0);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while high < 600.0 && gaussian_delta(sensitivity, sigma, high)? > delta {
        (low, high) = (high, 2.0 * high);
    }
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if gaussian_delta(sensitivity, sigma, middle)? > delta { low = middle } else { high = middle }
    }
    Ok(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coin_refutes_nothing_and_says_how_far_it_could_have_seen() {
        let outcome = Outcome { true_positives: 16, positives: 32, false_positives: 16, negatives: 32 };
        let Some(Refutation::NotRefuted { bound, reach, .. }) = refute(&Guarantee::Exact, &outcome, 0.05).unwrap() else {
            unreachable!("a coin refutes nothing")
        };
        assert_eq!(bound, 0.0);
        assert!((reach - 2.1).abs() < 0.01);
        assert_eq!(refute(&Guarantee::Empirical, &outcome, 0.05).unwrap(), None);
        assert!(refute(&Guarantee::Certified { epsilon: f64::NAN, delta: 0.0 }, &outcome, 0.05).is_err());
    }

    /// Published code for certified fine-tuning reads the Rényi divergence at order α as constant in α. For a Rényi ε of α at order α (half the squared shift
    /// of a Gaussian, times α), it states 1.004 at δ = 10⁻⁵ for what is a Gaussian of shift √2 (6.57) or 2 (10.0).
    #[test]
    fn defect_11_the_gaussian_accountant_is_exact() {
        let root_two = gaussian_epsilon(std::f64::consts::SQRT_2, 1.0, 1e-5).unwrap();
        let two = gaussian_epsilon(2.0, 1.0, 1e-5).unwrap();
        assert!((root_two - 6.57).abs() < 0.01, "{root_two}");
        assert!((two - 10.0).abs() < 0.05, "{two}");
        assert!(gaussian_delta(std::f64::consts::SQRT_2, 1.0, 1.004).unwrap() > 0.1);
    }
}

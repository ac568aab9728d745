//! Prediction KL and JS: how far are the class probabilities of two models, on average over points? In nats.
//!
//! The mean is over points and the sum over classes. Reference code averages over classes too, which divides the number by the number of classes, and swaps
//! the arguments of KL. One retrained model is a sample of size one, so the divergence between two retrained models belongs beside it.

use crate::error::{Error, Result, same};
use crate::outputs::ClassOutputs;

/// The least probability of which the logarithm is taken.
const FLOOR: f64 = 1e-30;

/// KL(p ‖ q) = Σ p log(p / q) of two distributions. A probability of 0 in q counts as 10⁻³⁰.
pub fn kl(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).filter(|(p, _)| **p > 0.0).map(|(p, q)| p * (libm::log(*p) - libm::log(q.max(FLOOR)))).sum()
}

/// The Jensen–Shannon divergence ½ KL(p ‖ m) + ½ KL(q ‖ m), m = ½ (p + q): symmetric, at most ln 2 \[@lin1991\].
pub fn js(p: &[f64], q: &[f64]) -> f64 {
    let middle: Vec<f64> = p.iter().zip(q).map(|(p, q)| f64::midpoint(*p, *q)).collect();
    0.5 * kl(p, &middle) + 0.5 * kl(q, &middle)
}

/// The mean over points of a divergence between the outputs of a candidate and of a retrained model.
///
/// # Errors
///
/// Different numbers of points or classes; no point.
///
/// # Examples
///
/// ```
/// use untrain_audit::{Outputs, distances::divergence};
///
/// let one = Outputs::classes(2, vec![0.9, 0.1], vec![Some(0)])?;
/// let other = Outputs::classes(2, vec![0.5, 0.5], vec![Some(0)])?;
/// let (one, other) = (one.probabilities("KL")?, other.probabilities("KL")?);
/// assert!((divergence::mean(one, other, divergence::kl)? - 0.368_064).abs() < 1e-6);
/// # Ok::<(), untrain_audit::Error>(())
/// ```
pub fn mean(candidate: &ClassOutputs, retrained: &ClassOutputs, divergence: fn(&[f64], &[f64]) -> f64) -> Result<f64> {
    same("classes", candidate.n_classes(), retrained.n_classes())?;
    same("points", candidate.labels().len(), retrained.labels().len())?;
    if candidate.labels().is_empty() {
        return Err(Error::TooFewPoints { attack: "the divergence of predictions", needed: 1, found: 0, instead: None });
    }
    let total: f64 = candidate.rows().zip(retrained.rows()).map(|((_, p), (_, q))| divergence(p, q)).sum();
    Ok(total / candidate.labels().len() as f64)
}

/// ZRF = 1 − mean JS(candidate ‖ randomly initialised model) \[@chundawat2023\]. Misleading: it rewards random answers. For comparison with papers only.
///
/// # Errors
///
/// As [`mean`].
pub fn zrf(candidate: &ClassOutputs, random: &ClassOutputs) -> Result<f64> {
    Ok(1.0 - mean(candidate, random, js)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::Outputs;

    fn one_hot(n_classes: usize, class: usize) -> Vec<f64> {
        (0..n_classes).map(|c| f64::from(c == class)).collect()
    }

    #[test]
    fn defect_3_divergences_are_not_divided_by_the_number_of_classes() {
        for n_classes in [2, 10, 100] {
            let (p, q) = (one_hot(n_classes, 0), one_hot(n_classes, 1));
            assert!((js(&p, &q) - std::f64::consts::LN_2).abs() < 1e-15);
            let outputs = |row: &[f64]| Outputs::classes(n_classes, row.to_vec(), vec![Some(0)]).unwrap();
            let (p, q) = (outputs(&p), outputs(&q));
            let zrf = zrf(p.probabilities("ZRF").unwrap(), q.probabilities("ZRF").unwrap()).unwrap();
            assert!((zrf - (1.0 - std::f64::consts::LN_2)).abs() < 1e-15);
        }
    }

    #[test]
    fn defect_3_the_arguments_of_kl_are_in_order() {
        // Infinite (floored) where q is 0 and p is not, and ln 2 the other way round.
        assert!((kl(&[1.0, 0.0], &[0.5, 0.5]) - std::f64::consts::LN_2).abs() < 1e-15);
        assert!(kl(&[0.5, 0.5], &[1.0, 0.0]) > 30.0);
    }

    #[test]
    fn models_of_other_classes_are_refused() {
        let outputs = |n: usize| Outputs::classes(n, one_hot(n, 0), vec![Some(0)]).unwrap();
        let (two, three) = (outputs(2), outputs(3));
        assert!(mean(two.probabilities("KL").unwrap(), three.probabilities("KL").unwrap(), kl).is_err());
    }
}

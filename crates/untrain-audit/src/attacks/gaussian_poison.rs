//! Gaussian poisons: noise that was added to the inputs of some records leaves a trace in the gradient, unless they were forgotten \[@pawelczyk2025\].

use crate::error::{Error, Result, same};
use crate::special::normal_cdf;

/// The outcome: standard normal when the model does not depend on the poisons, positive when it does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Poison {
    /// The sum of the scores over the square root of their number.
    pub z: f64,
    /// The chance of a sum as large under true deletion.
    pub p_value: f64,
    /// The chance of a sum as far from 0 on either side, for losses whose sign nobody has checked.
    pub p_value_two_sided: f64,
    /// How many poisons count.
    pub n_used: usize,
    /// How many have no gradient, and so say nothing.
    pub n_skipped: usize,
}

/// Tests the gradients of the loss with respect to the inputs, ∇ₓℓ(xᵢ; θ), against the noises wᵢ ~ N(0, σ²) that were added to them.
///
/// Each score ⟨∇ₓℓ, w⟩ / (‖∇ₓℓ‖ σ) is N(0, 1) under true deletion, for any gradient and so for any model, since the model is independent of the noise. The gradients
/// have to be taken at the *clean* inputs: at poisoned ones they depend on the noise through the input. Which sign an influence has depends on the
/// loss and the architecture, so a caller either knows it from the original model, where it shows, or takes the two-sided p-value.
///
/// # Shapes
///
/// `gradients` and `noises: (n, d)`, row by row
///
/// # Errors
///
/// Shapes that differ; d of 0; σ not positive; a number that is not finite; no poison with a gradient.
pub fn from_gradients(gradients: &[f64], noises: &[f64], d: usize, sigma: f64) -> Result<Poison> {
    same("noises", gradients.len(), noises.len())?;
    if d == 0 || !gradients.len().is_multiple_of(d) {
        return Err(Error::Parameter { name: "d", reason: "has to divide the number of gradients" });
    }
    let pairs = gradients.chunks(d).zip(noises.chunks(d));
    let dots: Vec<f64> = pairs.map(|(g, w)| g.iter().zip(w).map(|(a, b)| a * b).sum()).collect();
    let norms: Vec<f64> = gradients.chunks(d).map(|g| g.iter().map(|a| a * a).sum::<f64>().sqrt()).collect();
    from_derivatives(&dots, &norms, sigma)
}

/// Tests directional derivatives ⟨∇ₓℓ, wᵢ⟩ with the norms ‖∇ₓℓ‖.
///
/// # Errors
///
/// As [`from_gradients`].
pub fn from_derivatives(derivatives: &[f64], norms: &[f64], sigma: f64) -> Result<Poison> {
    same("norms", derivatives.len(), norms.len())?;
    if !(sigma > 0.0 && sigma.is_finite()) {
        return Err(Error::Parameter { name: "sigma", reason: "has to be positive" });
    }
    if let Some(point) = derivatives.iter().zip(norms).position(|(dot, norm)| !dot.is_finite() || !norm.is_finite()) {
        return Err(Error::NotFinite { model: 0, point });
    }
    let scores: Vec<f64> = derivatives.iter().zip(norms).filter(|(_, norm)| **norm > 0.0).map(|(dot, norm)| dot / (norm * sigma)).collect();
    if scores.is_empty() {
        return Err(Error::TooFewPoints { attack: "the Gaussian poison test", needed: 1, found: 0, instead: Some("label-noise canaries") });
    }
    let z = scores.iter().sum::<f64>() / (scores.len() as f64).sqrt();
    let (p_value, p_value_two_sided) = (normal_cdf(-z), (2.0 * normal_cdf(-z.abs())).min(1.0));
    Ok(Poison { z, p_value, p_value_two_sided, n_used: scores.len(), n_skipped: norms.len() - scores.len() })
}

#[cfg(test)]
mod tests {
    use untrain_core::Seed;

    use super::*;
    use crate::random::{Purpose, Stream};
    use crate::special::normal_quantile;

    fn noises(place: u64, n: usize) -> Vec<f64> {
        (0..n).map(|i| normal_quantile(Stream::new(Seed(5), Purpose::Canary, place).unit(i).max(1e-12))).collect()
    }

    #[test]
    fn independent_noise_is_standard_normal_whatever_the_gradient() {
        let gradients: Vec<f64> = (0..40).map(|i| 1.0 / f64::from(1 + i)).collect();
        let alarms = (0..400).filter(|place| from_gradients(&gradients, &noises(*place, 40), 4, 1.0).unwrap().p_value < 0.05).count();
        // Binomial(400, 0.05): beyond 34 with probability 0.1 %.
        assert!((8..=34).contains(&alarms), "{alarms}");
    }

    #[test]
    fn a_gradient_that_points_along_the_noise_is_found() {
        let noise = noises(0, 40);
        let gradients: Vec<f64> = noise.iter().zip(noises(1, 40)).map(|(w, other)| w + other).collect();
        assert!(from_gradients(&gradients, &noise, 4, 1.0).unwrap().p_value < 1e-3);
    }

    /// Published code squares the mean of a batch's gradients, so that its result depends on how points are batched. Here each point counts by
    /// itself: their order is nothing, and opposite gradients do not cancel out before they are normalised.
    #[test]
    fn defect_14_each_point_counts_by_itself() {
        let (gradients, noise) = ([3.0, 0.0, -30.0, 0.0], [1.0, 0.5, -1.0, 0.5]);
        let found = from_gradients(&gradients, &noise, 2, 1.0).unwrap();
        let turned = from_gradients(&[-30.0, 0.0, 3.0, 0.0], &[-1.0, 0.5, 1.0, 0.5], 2, 1.0).unwrap();
        assert!((found.z - turned.z).abs() < 1e-12 && (found.z - 2.0_f64.sqrt()).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn points_without_gradient_are_counted_and_none_left_is_an_error() {
        let found = from_derivatives(&[1.0, 0.0], &[1.0, 0.0], 1.0).unwrap();
        assert_eq!((found.n_used, found.n_skipped, found.z), (1, 1, 1.0));
        assert!(from_derivatives(&[0.0], &[0.0], 1.0).is_err());
        assert!(from_derivatives(&[f64::NAN], &[1.0], 1.0).is_err());
        assert!(from_derivatives(&[1.0], &[1.0], 0.0).is_err());
    }
}

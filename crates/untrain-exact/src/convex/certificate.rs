//! The proof that an optimum lies near a point.

use super::inverse::Inverse;
use super::loss::UNIT;
use super::rows::SLACK;

/// Where the optimum is: at the point less `step`, within `errors` in each coordinate.
#[derive(Debug, Clone)]
pub(super) struct Enclosure {
    pub(super) step: Vec<f64>,
    pub(super) errors: Vec<f64>,
}

/// What is known at a point v of a convex objective F.
pub(super) struct Evidence<'a> {
    /// The computed gradient.
    pub(super) gradient: &'a [f64],
    /// How far each component may be from the true one.
    pub(super) errors: &'a [f64],
    /// M and its inverse K.
    pub(super) inverse: &'a Inverse,
}

impl Evidence<'_> {
    /// Encloses the optimum, or not if the Hessian may change too much within any ball that could hold it, given how the Hessian may change: `eta(r)` is such that at every v' with ‖v' − v‖_K ≤ r
    /// the Hessian H' of F satisfies `(1 − η)·K ≤ H' ≤ (1 + η)·K`.
    ///
    /// **Existence.** Let G ≥ ‖∇F(v)‖_M. If some r has (1 − η)·r > G, then on the sphere ‖u‖_K = r the derivative of F at v + u in the
    /// direction u is at least uᵀ∇F(v) + (1 − η)·r² ≥ r·((1 − η)·r − G) > 0, so a minimum of F lies inside the ball, and it is the only
    /// one, as F is strictly convex there.
    ///
    /// **Place.** With u = v* − v, the mean value theorem gives H̄·u = −∇F(v), where H̄ is a mean of Hessians of the ball, hence
    /// also within (1 ± η)·K. Then ‖u + M·∇F(v)‖_K ≤ (1/(1 − η) − 1)·G, and a coordinate is at most √M_jj times the norm. What is left
    /// is that ∇F is known only up to `errors`, whose image under M is at most |M|·errors, and the roundings of M·∇F.
    ///
    /// **Arithmetic.** Sums of terms that are not negative err relatively by far less than `SLACK` allows for.
    pub(super) fn enclose(&self, eta: impl Fn(f64) -> f64) -> Option<Enclosure> {
        let Self { gradient, errors, inverse } = self;
        let roots = inverse.roots();
        let step = inverse.times(gradient);
        let p = step.len() as f64;
        let reach: f64 = gradient.iter().zip(roots).map(|(g, root)| g.abs() * root).sum::<f64>() * SLACK;
        let rounding = (p + 8.0) * UNIT * SLACK * reach;
        let norm = self.norm(&step, reach);
        let unsure: f64 = errors.iter().zip(roots).map(|(e, root)| e * root).sum::<f64>() * SLACK;
        let total = (norm + unsure) * SLACK;
        let eta = [1.001, 1.1, 1.5, 2.5, 4.0].into_iter().find_map(|factor| {
            let eta = eta(factor * total) * SLACK;
            (eta < 0.9 && (1.0 - eta) * factor > SLACK).then_some(eta)
        })?;
        let curved = eta / (1.0 - eta) * total;
        let p = roots.len();
        let spread = inverse.matrix().chunks_exact(p.max(1)).map(|row| {
            super::kernel::wide(
                #[inline(always)]
                || magnitudes(row, errors),
            )
        });
        let errors = spread.zip(roots).map(|(spread, root)| (root * (curved + rounding) + spread) * SLACK).collect();
        Some(Enclosure { step, errors })
    }

    /// ‖gradient‖_M or more, from the step M·gradient.
    fn norm(&self, step: &[f64], reach: f64) -> f64 {
        let square: f64 = self.gradient.iter().zip(step).map(|(g, s)| g * s).sum();
        let slack = 2.0 * (step.len() as f64 + 8.0) * UNIT * reach * reach;
        ((square + slack).max(0.0)).sqrt() * SLACK
    }
}

/// Σ |row_k|·errors_k.
#[inline(always)]
fn magnitudes(row: &[f64], errors: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a8, b8) = (row.chunks_exact(8), errors.chunks_exact(8));
    let tail: f64 = a8.remainder().iter().zip(b8.remainder()).map(|(a, b)| a.abs() * b).sum();
    for (a, b) in a8.zip(b8) {
        for l in 0..8 {
            sums[l] += a[l].abs() * b[l];
        }
    }
    sums.iter().sum::<f64>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a quadratic objective nothing is curved, and the optimum is off by the image of the gradient's errors: as far as is said, and not
    /// much less where all errors pull one way.
    #[test]
    fn the_errors_of_a_gradient_are_in_the_enclosure() {
        let h = [4.0, 1.0, 1.0, 2.0];
        let mut inverse = Inverse::of(&h, 2).expect("it is positive definite");
        assert!(inverse.verify(&h, 0.0));
        let (gradient, errors) = ([0.5, -0.25], [1e-3, 2e-3]);
        let found = Evidence { gradient: &gradient, errors: &errors, inverse: &inverse }.enclose(|_| inverse.rho()).expect("it is near");
        for (a, b) in [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)] {
            let step = inverse.times(&[gradient[0] + a * errors[0], gradient[1] + b * errors[1]]);
            let off = |j: usize| (step[j] - found.step[j]).abs() / found.errors[j];
            assert!((0..2).all(|j| off(j) <= 1.0), "{step:?} {found:?}");
            assert!(a == b || (0..2).all(|j| off(j) > 0.99), "{step:?} {found:?}");
        }
        assert!(Evidence { gradient: &gradient, errors: &errors, inverse: &inverse }.enclose(|_| 0.95).is_none());
    }
}

//! Conjugate gradients: a step of Newton's method without the Hessian.

use super::metric::Metric;
use super::products::{Curvatures, Problem};

/// No solution takes more products than this.
const MOST_PRODUCTS: usize = 4000;

/// An approximate solution of `H·s = g`, good to `tolerance` in the norm of the metric; how many products it took.
pub(super) fn solve(problem: &Problem<'_>, curvatures: &Curvatures, metric: &Metric, g: &[f64], tolerance: f64) -> (Vec<f64>, u64) {
    let n = g.len();
    let mut r = g.to_vec();
    problem.shape.project(&mut r);
    let (mut s, mut z, mut q) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    metric.apply(&r, &mut z);
    let mut p = z.clone();
    let mut rho = dot(&r, &z);
    let enough = rho * tolerance * tolerance;
    let mut products = 0;
    while rho > enough && products < MOST_PRODUCTS as u64 {
        problem.times(curvatures, &p, &mut q);
        products += 1;
        let bend = dot(&p, &q);
        // Where rounding has eaten what is left, the step so far is all there is.
        if !(bend > 0.0 && bend.is_finite()) {
            break;
        }
        let a = rho / bend;
        s.iter_mut().zip(&p).for_each(|(s, p)| *s += a * p);
        r.iter_mut().zip(&q).for_each(|(r, q)| *r -= a * q);
        metric.apply(&r, &mut z);
        let after = dot(&r, &z);
        if !after.is_finite() {
            break;
        }
        let b = after / rho;
        p.iter_mut().zip(&z).for_each(|(p, z)| *p = z + b * *p);
        rho = after;
    }
    (s, products)
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    crate::convex::kernel::wide(
        #[inline(always)]
        || crate::convex::kernel::dot(a, b),
    )
}

//! A pass over the rows: margins, and the gradient of the losses with a bound on every rounding error.

use super::double::Double;
use super::kernel::{LANES, axpy4_f32, dot_f32, wide};
use super::loss::{Arithmetic, Loss, Magnitudes, UNIT};
use super::rows::{Rows, SLACK};
use crate::encode::Design;

/// Rows whose sums are made in `f64` before they are added to the total in double-double arithmetic.
const BLOCK: usize = 256;

/// What a pass found.
#[derive(Debug, Clone)]
pub(super) struct Pass {
    /// The gradient of the losses, without the penalty; shape `(outputs, d)`.
    pub(super) gradient: Vec<Double>,
    /// How far each component may be from the true one.
    pub(super) errors: Vec<f64>,
    /// The margins; shape `(n, outputs)`.
    pub(super) margins: Vec<f64>,
    /// How far each may be from the true one.
    pub(super) margin_error: f64,
}

/// A pass in `f64`.
pub(super) fn pass(loss: Loss, rows: &Rows, design: &Design, v: &[f64], y: &[f64]) -> Pass {
    let (n, k, d, n_dense) = (design.len(), loss.n_outputs(), rows.d, rows.n_dense);
    let mut margins = vec![0.0; n * k];
    let mut gradient = vec![Double::default(); k * d];
    let mut residuals = vec![0.0; BLOCK * k];
    let mut sums = vec![0.0; k * d];
    let mut found = Magnitudes::default();
    let mut column = vec![0.0; BLOCK];
    for start in (0..n).step_by(BLOCK) {
        let end = (start + BLOCK).min(n);
        let (z, size) = (rows.block(start..end), end - start);
        let m = &mut margins[start * k..end * k];
        wide(
            #[inline(always)]
            || margins_of(z, n_dense, k, d, v, m),
        );
        for i in start..end {
            for (at, x) in design.row(i).sparse {
                for c in 0..k {
                    m[(i - start) * k + c] += f64::from(*x) * v[c * d + *at as usize];
                }
            }
        }
        let residuals = &mut residuals[..size * k];
        let Magnitudes { residual, inner } = loss.residuals(m, &y[start..end], residuals);
        found = Magnitudes { residual: found.residual.max(residual), inner: found.inner.max(inner) };
        sums.fill(0.0);
        for c in 0..k {
            column.iter_mut().zip(residuals[c..].iter().step_by(k)).for_each(|(out, r)| *out = *r);
            let sums = &mut sums[c * d..(c + 1) * d];
            wide(
                #[inline(always)]
                || gradient_of(z, n_dense, &column[..size], &mut sums[..n_dense]),
            );
            for i in start..end {
                let r = column[i - start];
                for (at, x) in design.row(i).sparse {
                    sums[*at as usize] += r * f64::from(*x);
                }
                sums[d - 1] += r;
            }
        }
        gradient.iter_mut().zip(&sums).for_each(|(total, sum)| *total = *total + Double::from(*sum));
    }
    let norm = largest_norm(v, d);
    let margin_error = rows.margin_error(UNIT, norm, LANES);
    // A block's sum has a chain of at most BLOCK additions and a product (of dense columns, which are added by fours, a quarter and
    // three more); the total's errors are far under one more.
    let rounded = |chain: usize| (chain + 8) as f64 * UNIT * SLACK * found.residual;
    let each = loss.residual_error(Arithmetic::Single, margin_error, found);
    let errors = bounds(rows, k, each + rounded(BLOCK / 4), each + rounded(BLOCK));
    Pass { gradient, errors, margins, margin_error }
}

/// A pass in double-double arithmetic.
pub(super) fn pass_double(loss: Loss, rows: &Rows, design: &Design, v: &[Double], y: &[f64]) -> Pass {
    let (n, k, d) = (design.len(), loss.n_outputs(), rows.d);
    let mut margins = vec![0.0; n * k];
    let mut gradient = vec![Double::default(); k * d];
    let (mut m, mut r) = (vec![Double::default(); k], vec![Double::default(); k]);
    let mut found = Magnitudes::default();
    for i in 0..n {
        let (dense, sparse) = (rows.dense(i), design.row(i).sparse);
        for c in 0..k {
            let v = &v[c * d..(c + 1) * d];
            let mut sum = v[d - 1];
            for (z, v) in dense.iter().zip(v) {
                sum = sum + *v * f64::from(*z);
            }
            for (at, x) in sparse {
                sum = sum + v[*at as usize] * f64::from(*x);
            }
            m[c] = sum;
            margins[i * k + c] = sum.hi;
        }
        let Magnitudes { residual, inner } = loss.residual_double(&m, y[i], &mut r);
        found = Magnitudes { residual: found.residual.max(residual), inner: found.inner.max(inner) };
        for c in 0..k {
            let gradient = &mut gradient[c * d..(c + 1) * d];
            for (z, gradient) in dense.iter().zip(&mut *gradient) {
                *gradient = *gradient + r[c] * f64::from(*z);
            }
            for (at, x) in sparse {
                gradient[*at as usize] = gradient[*at as usize] + r[c] * f64::from(*x);
            }
            gradient[d - 1] = gradient[d - 1] + r[c];
        }
    }
    let unit = Arithmetic::Double.unit();
    let norm = largest_norm(&v.iter().map(|v| v.hi).collect::<Vec<_>>(), d);
    let exact = rows.margin_error(unit, norm, 1);
    let sum_error = (n + 8) as f64 * unit * SLACK * found.residual;
    let each = loss.residual_error(Arithmetic::Double, exact, found) + sum_error;
    // The margins that are kept are only the high parts.
    let largest = margins.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    Pass { gradient, errors: bounds(rows, k, each, each), margins, margin_error: exact + 2.0 * UNIT * largest }
}

/// Σ_i |x_ij|·each, of every column.
fn bounds(rows: &Rows, k: usize, dense: f64, sparse: f64) -> Vec<f64> {
    let each = |j| if j < rows.n_dense { dense } else { sparse };
    let one = rows.sums.iter().enumerate().map(|(j, sum)| sum * each(j) * SLACK + f64::MIN_POSITIVE);
    (0..k).flat_map(|_| one.clone()).collect()
}

/// The largest Euclidean norm of an output's coefficients.
pub(super) fn largest_norm(v: &[f64], d: usize) -> f64 {
    v.chunks_exact(d).map(|v| v.iter().map(|v| v * v).sum::<f64>().sqrt() * SLACK).fold(0.0, f64::max)
}

#[inline(always)]
fn margins_of(z: &[f32], n_dense: usize, k: usize, d: usize, v: &[f64], out: &mut [f64]) {
    for (i, out) in out.chunks_exact_mut(k).enumerate() {
        let z = &z[i * n_dense..(i + 1) * n_dense];
        for (c, out) in out.iter_mut().enumerate() {
            *out = dot_f32(z, &v[c * d..c * d + n_dense]) + v[c * d + d - 1];
        }
    }
}

#[inline(always)]
fn gradient_of(z: &[f32], n_dense: usize, r: &[f64], out: &mut [f64]) {
    if n_dense == 0 {
        return;
    }
    let whole = r.len() / 4 * 4;
    for (z, r) in z.chunks_exact(4 * n_dense).zip(r.chunks_exact(4)) {
        axpy4_f32([r[0], r[1], r[2], r[3]], z, n_dense, out);
    }
    for (z, r) in z[whole * n_dense..].chunks_exact(n_dense).zip(&r[whole..]) {
        out.iter_mut().zip(z).for_each(|(out, z)| *out += r * f64::from(*z));
    }
}

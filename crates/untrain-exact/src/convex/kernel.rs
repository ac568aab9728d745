//! Loops over vectors, compiled for the widest registers that the machine has.

pub(super) use crate::lanes::wide;

/// How many lanes the loops are written for.
pub(super) const LANES: usize = 8;

/// The inner product; a sum of `n` terms has under `n / 8 + 8` roundings on any path.
#[inline(always)]
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a8, b8) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f64 = a8.remainder().iter().zip(b8.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a8.zip(b8) {
        for l in 0..LANES {
            sums[l] += a[l] * b[l];
        }
    }
    total(&sums) + tail
}

/// The same with exact `f32` on one side.
#[inline(always)]
pub(super) fn dot_f32(a: &[f32], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a8, b8) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f64 = a8.remainder().iter().zip(b8.remainder()).map(|(a, b)| f64::from(*a) * b).sum();
    for (a, b) in a8.zip(b8) {
        for l in 0..LANES {
            sums[l] += f64::from(a[l]) * b[l];
        }
    }
    total(&sums) + tail
}

#[inline(always)]
fn total(sums: &[f64; LANES]) -> f64 {
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))
}

/// `y += c · x`.
#[inline(always)]
pub(super) fn axpy(c: f64, x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += c * x;
    }
}

/// `y += c0 · x0 + … + c3 · x3` with the rows of `x`, of `d` numbers each.
#[inline(always)]
pub(super) fn axpy4_f32(c: [f64; 4], x: &[f32], d: usize, y: &mut [f64]) {
    let (x0, rest) = x.split_at(d);
    let (x1, rest) = rest.split_at(d);
    let (x2, x3) = rest.split_at(d);
    for j in 0..d.min(y.len()).min(x3.len()) {
        y[j] += (c[0] * f64::from(x0[j]) + c[1] * f64::from(x1[j])) + (c[2] * f64::from(x2[j]) + c[3] * f64::from(x3[j]));
    }
}

/// The product of a symmetric matrix, held in full, and a vector.
pub(super) fn symmetric_times(matrix: &[f64], x: &[f64], y: &mut [f64]) {
    let p = x.len();
    wide(
        #[inline(always)]
        || {
            for (row, y) in matrix.chunks_exact(p.max(1)).zip(y) {
                *y = dot(row, x);
            }
        },
    );
}

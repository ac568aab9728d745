//! An approximate inverse `P̂` of `A` in fixed point, with a proven bound on the error of each column.
//!
//! With `r_j = e_j − A p̂_j`, the column of the true inverse is `p_j = p̂_j + A⁻¹ r_j`, and no eigenvalue of `A` is under α: so
//! `‖p̂_j − p_j‖ ≤ ‖r_j‖ / α`. Entries are 64-bit integers, and those of `A` are integers too; so a residual is computed
//! without any rounding, in 128 bits.
//!
//! When `A` becomes `A' = A + σxxᵀ`, then with `v = P̂x`, `d = 1 + σxᵀv` and `a = x − Av`, all exact, and `H` for the rounding
//! of the entries, `P̂' = P̂ − σvvᵀ/d + H` has the residual `R' = R − σ a vᵀ/d − A'H` (multiply out, with `vᵀ = xᵀP̂` as `P̂` is
//! symmetric). So `‖r'_j‖ ≤ ‖r_j‖ + ‖a‖ |v_j| / d + ‖A'‖ ‖h_j‖`: bounds grow by little sums, never by factors.

use rayon::prelude::*;

use super::cholesky;
use super::gram::{Gram, Step, length};
use crate::lanes::{whole, wide};

/// Columns whose residuals are computed together.
const TOGETHER: usize = 8;
/// The binary digits of an entry at most.
const MOST_BITS: i32 = 61;
/// With fewer, the inverse says too little.
const LEAST_BITS: i32 = 40;

/// The symmetric matrix `P̂`.
#[derive(Debug, Clone)]
pub(super) struct Inverse {
    /// Entries are multiples of `2^-digits`.
    pub(super) digits: i32,
    pub(super) rows: Vec<Vec<i64>>,
    /// For each column a bound on the length of its residual.
    pub(super) residuals: Vec<f64>,
    /// A bound on the largest eigenvalue of `A`.
    pub(super) norm: f64,
}

impl Inverse {
    /// Inverts `A`; `None` if that is beyond floating point.
    pub(super) fn of(gram: &Gram<'_>) -> Option<Self> {
        let (n, norm) = (gram.n(), gram.norm_bound());
        let bits = bits(gram, norm).filter(|bits| *bits >= LEAST_BITS)?;
        // No entry is over 1 / alpha.
        let digits = bits + libm::floor(libm::log2(gram.alpha())) as i32;
        let upper = cholesky::inverse(n, gram.dense())?;
        let entry = |i: usize, j: usize| libm::scalbn(upper[[i.min(j), i.max(j)]], digits).round_ties_even() as i64;
        let rows: Vec<Vec<i64>> = (0..n).into_par_iter().map(|i| (0..n).map(|j| entry(i, j)).collect()).collect();
        let mut inverse = Self { digits, rows, residuals: Vec::new(), norm };
        inverse.residuals = inverse.measured(gram);
        Some(inverse)
    }

    /// The inverse after `steps`, with which `A` has become `gram`, and what `read` makes of each of its rows and the bound on
    /// the residual; `None` if it has to be made anew. A row is read while it is still in the cache.
    pub(super) fn revised<T: Send>(
        mut self,
        gram: &Gram<'_>,
        steps: &[Step<'_>],
        read: impl Fn(usize, &[i64], f64) -> T + Sync,
    ) -> Option<(Self, Vec<T>)> {
        self.grow(gram);
        let Some(last) = steps.len().checked_sub(1) else {
            let rows = self.rows.par_iter().zip(&self.residuals).enumerate();
            let all = rows.map(|(j, (row, residual))| read(j, row, *residual)).collect();
            return Some((self, all));
        };
        for i in 0..last {
            self.step(gram, &steps[i..], |_, _, _| ())?;
        }
        let all = self.step(gram, &steps[last..], read)?;
        Some((self, all))
    }

    /// New items have no user yet: for each a row with nothing but 1 / alpha.
    fn grow(&mut self, gram: &Gram<'_>) {
        let (old, n) = (self.rows.len(), gram.n());
        if old < n {
            self.rows.iter_mut().for_each(|row| row.resize(n, 0));
            let unit = libm::scalbn(1.0 / gram.alpha(), self.digits).round_ties_even() as i64;
            self.rows.extend((old..n).map(|j| (0..n).map(|i| if i == j { unit } else { 0 }).collect()));
            self.residuals.resize(n, gram.alpha() * libm::scalbn(1.0, 1 - self.digits));
        }
    }

    /// Takes the first of `steps`. The matrix before it is `gram` without any of `steps`.
    fn step<T: Send>(&mut self, gram: &Gram<'_>, steps: &[Step<'_>], read: impl Fn(usize, &[i64], f64) -> T + Sync) -> Option<Vec<T>> {
        const UNIT: f64 = f64::EPSILON / 2.0;
        let step = steps.first()?;
        if step.sign > 0 {
            self.norm += gram.square(*step) * (1.0 + 1e-9);
            bits(gram, self.norm).filter(|bits| bits + libm::floor(libm::log2(gram.alpha())) as i32 >= self.digits)?;
        }
        let v = self.times(step);
        let scale = gram.shift() + self.digits;
        let product: i128 = step.x.iter().map(|(code, value)| v[*code as usize][0] * i128::from(*value)).sum();
        let d = libm::scalbn(((1_i128 << (gram.shift() + scale)) + product * i128::from(step.sign)) as f64, -(gram.shift() + scale));
        if d < 1e-3 {
            return None;
        }
        let a = libm::scalbn(self.missed(gram, steps, &v), -(gram.digits() + scale));
        let v: Vec<f64> = v.iter().map(|v| libm::scalbn(v[0] as f64, -scale)).collect();
        let size = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        let root = d.sqrt();
        let w: Vec<f64> = v.iter().map(|v| v / root).collect();
        let grid = libm::scalbn((v.len() as f64).sqrt(), -self.digits);
        let (sign, digits, norm) = (f64::from(step.sign), self.digits, self.norm);
        let revise = |(j, (row, residual)): (usize, (&mut Vec<i64>, &mut f64))| {
            let own = w[j];
            if own != 0.0 {
                // An entry is off by 8 roundings of the product and by what is cut off.
                *residual += (a * v[j].abs() / d + norm * (grid + 9.0 * UNIT * size * v[j].abs() / d)) * (1.0 + 1e-9);
                subtract(row, &w, libm::scalbn(sign * own, digits));
            }
            read(j, row, *residual)
        };
        Some(self.rows.par_iter_mut().zip(&mut self.residuals).enumerate().map(revise).collect())
    }

    /// `P̂x`, as multiples of `2^-(digits + shift)`.
    fn times(&self, step: &Step<'_>) -> Vec<[i128; 1]> {
        let mut v = vec![[0]; self.rows.len()];
        for (code, value) in step.x {
            let row = &self.rows[*code as usize];
            v.iter_mut().zip(row).for_each(|(v, entry)| v[0] += i128::from(*entry) * i128::from(*value));
        }
        v
    }

    /// The length of `x − Av`, as a multiple of `2^-(digits of A + shift + digits)`.
    fn missed(&self, gram: &Gram<'_>, steps: &[Step<'_>], v: &[[i128; 1]]) -> f64 {
        let mut product = gram.times(v);
        steps.iter().for_each(|step| gram.add_step(Step { sign: -step.sign, x: step.x }, v, &mut product));
        for (code, value) in steps[0].x {
            product[*code as usize][0] -= i128::from(*value) << (gram.digits() + self.digits);
        }
        length(product.into_iter().map(|[x]| x))
    }

    /// The lengths of all residuals.
    fn measured(&self, gram: &Gram<'_>) -> Vec<f64> {
        let n = self.rows.len();
        let columns: Vec<usize> = (0..n).collect();
        let block = |columns: &[usize]| {
            let mut p = vec![[0_i128; TOGETHER]; n];
            for (k, column) in columns.iter().enumerate() {
                p.iter_mut().zip(&self.rows[*column]).for_each(|(p, entry)| p[k] = i128::from(*entry));
            }
            let mut product = gram.times(&p);
            let one = 1_i128 << (gram.digits() + self.digits);
            columns.iter().enumerate().for_each(|(k, column)| product[*column][k] -= one);
            let size = |k: usize| libm::scalbn(length(product.iter().map(|x| x[k])), -(gram.digits() + self.digits));
            (0..columns.len()).map(size).collect::<Vec<f64>>()
        };
        columns.par_chunks(TOGETHER).flat_map_iter(block).collect()
    }
}

/// The binary digits that entries may have, so that no sum of products overflows 128 bits.
fn bits(gram: &Gram<'_>, norm: f64) -> Option<i32> {
    if !norm.is_finite() {
        return None;
    }
    let norm = libm::ceil(libm::log2(norm.max(1.0))) as i32;
    let with_vector = 122 - norm - (norm + 1) / 2 - gram.digits() - gram.shift().max(0);
    Some(MOST_BITS.min(with_vector).min(122 - norm - gram.digits()))
}

/// Subtracts `own · w` from a row. The products do not depend on which of two factors is called `own`, so that the matrix
/// stays symmetric.
fn subtract(row: &mut [i64], w: &[f64], own: f64) {
    wide(
        #[inline(always)]
        || row.iter_mut().zip(w).for_each(|(entry, w)| *entry = entry.wrapping_sub(whole(own * w))),
    );
}

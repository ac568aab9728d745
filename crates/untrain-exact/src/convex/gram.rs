//! Weighted sums of the outer products of rows: the blocks of a Hessian.

use super::kernel::wide;
use super::rows::Rows;
use crate::encode::Design;

/// How many rows are packed at a time.
pub(super) const BLOCK: usize = 128;
const TALL: usize = 4;
const BROAD: usize = 8;

/// `Σ_i weights_i · x_i x_iᵀ`, in full, of shape `(d, d)`.
///
/// # Guarantee
///
/// An entry errs by at most `(n + 16)·u·Σ_i |weights_i·x_ij·x_ik|`.
///
/// # Complexity
///
/// O(n·(dense² + dense·sparse + sparse²)), where `sparse` is how many sparse columns a row has that are not 0.
pub(super) fn gram(rows: &Rows, design: &Design, weights: &[f64]) -> Vec<f64> {
    let (n, d, n_dense) = (design.len(), rows.d, rows.n_dense);
    let mut out = vec![0.0; d * d];
    let mut packs = Packs::new(n_dense);
    for start in (0..n).step_by(BLOCK) {
        let end = (start + BLOCK).min(n);
        if n_dense > 0 {
            packs.fill(rows.block(start..end), &weights[start..end]);
            packs.add_to(&mut out, d);
        }
        for (i, w) in (start..end).zip(&weights[start..end]) {
            let (z, sparse) = (rows.dense(i), design.row(i).sparse);
            let last = (d as u32 - 1, 1.0_f32);
            for (a, (column, x)) in sparse.iter().chain([&last]).enumerate() {
                let scaled = w * f64::from(*x);
                let row = &mut out[*column as usize * d..(*column as usize + 1) * d];
                row.iter_mut().zip(z).for_each(|(out, z)| *out += scaled * f64::from(*z));
                for (other, x) in &sparse[..a.min(sparse.len())] {
                    row[*other as usize] += scaled * f64::from(*x);
                }
                row[*column as usize] += scaled * f64::from(*x);
            }
        }
    }
    // The dense part was summed over the diagonal, the rest under it.
    for j in 0..d {
        for k in 0..j {
            if j < n_dense { out[j * d + k] = out[k * d + j] } else { out[k * d + j] = out[j * d + k] }
        }
    }
    out
}

/// A block of rows, with columns in groups that fill registers.
pub(super) struct Packs {
    n_dense: usize,
    size: usize,
    /// Weighted, by groups of `TALL` columns.
    tall: Vec<[f64; TALL]>,
    /// Plain, by groups of `BROAD` columns.
    broad: Vec<[f64; BROAD]>,
}

impl Packs {
    pub(super) fn new(n_dense: usize) -> Self {
        let tall = vec![[0.0; TALL]; n_dense.div_ceil(TALL) * BLOCK];
        let broad = vec![[0.0; BROAD]; n_dense.div_ceil(BROAD) * BLOCK];
        Self { n_dense, size: 0, tall, broad }
    }

    /// Takes rows of `n_dense` numbers and their weights.
    pub(super) fn fill(&mut self, z: &[f32], weights: &[f64]) {
        self.size = weights.len();
        for (r, (z, w)) in z.chunks_exact(self.n_dense).zip(weights).enumerate() {
            for (j, z) in z.iter().enumerate() {
                let z = f64::from(*z);
                self.tall[j / TALL * BLOCK + r][j % TALL] = w * z;
                self.broad[j / BROAD * BLOCK + r][j % BROAD] = z;
            }
        }
    }

    /// Adds the weighted products to the upper triangle of a matrix with `d` columns.
    pub(super) fn add_to(&self, out: &mut [f64], d: usize) {
        for (a, tall) in self.tall.chunks_exact(BLOCK).enumerate() {
            for (b, broad) in self.broad.chunks_exact(BLOCK).enumerate().skip(a * TALL / BROAD) {
                let sums = wide(
                    #[inline(always)]
                    || tile(&tall[..self.size], &broad[..self.size]),
                );
                for (j, sums) in sums.iter().enumerate().filter(|(j, _)| a * TALL + j < self.n_dense) {
                    let (row, first) = (a * TALL + j, b * BROAD);
                    let width = BROAD.min(self.n_dense - first);
                    let out = &mut out[row * d + first..row * d + first + width];
                    out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
                }
            }
        }
    }
}

#[inline(always)]
fn tile(tall: &[[f64; TALL]], broad: &[[f64; BROAD]]) -> [[f64; BROAD]; TALL] {
    let mut sums = [[0.0; BROAD]; TALL];
    for (t, b) in tall.iter().zip(broad) {
        for j in 0..TALL {
            for k in 0..BROAD {
                sums[j][k] += t[j] * b[k];
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use untrain_core::{Task, conformance};

    use super::*;
    use crate::encode::Preprocessing;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

        #[test]
        fn a_gram_matrix_is_the_sum_of_outer_products(case in conformance::cases(200)) {
            let how = Preprocessing::default();
            let wanted = crate::encode::Wanted::from(case.task);
            prop_assume!(case.task == Task::Classification);
            let Ok(design) = Design::new(&how, wanted, &case.universe) else { return Ok(()) };
            let rows = Rows::new(&design);
            let weights: Vec<f64> = (0..design.len()).map(|i| 0.1 + (i % 7) as f64).collect();
            let found = gram(&rows, &design, &weights);
            let (d, mut x) = (rows.d, vec![0.0; rows.d]);
            let (mut expected, mut sizes) = (vec![0.0; d * d], vec![0.0_f64; d * d]);
            for (i, weight) in weights.iter().enumerate() {
                rows.scatter(&design, i, &mut x);
                for j in 0..d {
                    for k in 0..d {
                        expected[j * d + k] += weight * x[j] * x[k];
                        sizes[j * d + k] += (weight * x[j] * x[k]).abs();
                    }
                }
            }
            for ((found, expected), size) in found.iter().zip(&expected).zip(&sizes) {
                prop_assert!((found - expected).abs() <= 1e-13 * size, "{} {}", found, expected);
            }
        }
    }
}

//! The inverse of a Hessian, with a bound on how far it is from the true one's, and changes of it by one row.

use super::kernel::{axpy, dot, symmetric_times, wide};
use super::loss::UNIT;
use super::rows::SLACK;

/// A symmetric positive definite matrix M, and how its inverse K relates to the true Hessian H of the reference point:
/// `(1 − ρ)·K ≤ H ≤ (1 + ρ)·K` as quadratic forms.
///
/// **Why ρ holds.** Let E = M·H − I and ‖·‖ be any operator norm. The eigenvalues of M·H are those of H^½·M·H^½, so if ‖E‖ < 1
/// they lie in 1 ± ‖E‖, M is positive definite (as it is symmetric), and ρ = ‖E‖. H itself is known as Ĥ with
/// |H − Ĥ|_jk ≤ ε·h_j·h_k, where h_j² is the diagonal of Ĥ. As |v_j| ≤ √M_jj·‖v‖_K, this adds ε·Q to ρ with
/// Q = (Σ_j √M_jj·h_j)²; the product's own roundings add γ_p·Q in the norm that is scaled by √M_jj [@higham2002, chapter 3].
#[derive(Debug, Clone)]
pub(super) struct Inverse {
    p: usize,
    m: Vec<f64>,
    /// The square roots of the diagonal of M, or a little more.
    roots: Vec<f64>,
    /// The diagonal of H, or more.
    diagonal: Vec<f64>,
    rho: f64,
    /// The largest eigenvalue of M, or more.
    largest: f64,
}

/// Beyond this the relation is of no use.
const MOST_RHO: f64 = 0.25;

impl Inverse {
    /// The inverse of a matrix, unverified: `None` if it is not positive definite.
    pub(super) fn of(h: &[f64], p: usize) -> Option<Self> {
        let m = invert(h, p)?;
        let diagonal = (0..p).map(|j| h[j * p + j] * SLACK).collect();
        let mut inverse = Self { p, m, roots: vec![0.0; p], diagonal, rho: f64::INFINITY, largest: 0.0 };
        inverse.measure();
        Some(inverse)
    }

    pub(super) fn roots(&self) -> &[f64] {
        &self.roots
    }

    pub(super) fn rho(&self) -> f64 {
        self.rho
    }

    pub(super) fn largest(&self) -> f64 {
        self.largest
    }

    pub(super) fn matrix(&self) -> &[f64] {
        &self.m
    }

    /// Widens the relation by a change of H of norm `by` relative to K.
    pub(super) fn widen(&mut self, by: f64) {
        self.rho += by;
    }

    pub(super) fn times(&self, x: &[f64]) -> Vec<f64> {
        let mut y = vec![0.0; self.p];
        symmetric_times(&self.m, x, &mut y);
        y
    }

    /// Finds ρ for the matrix that this is the inverse of, where its entries err by `entry_error` relative to their rows' and
    /// columns' diagonals. The answer tells whether it is of use.
    pub(super) fn verify(&mut self, h: &[f64], entry_error: f64) -> bool {
        let p = self.p;
        // |M_jk| ≤ √M_jj·√M_kk and the same for Ĥ is what the bounds of roundings rest on, so it is looked at, not assumed.
        let dominated = |a: &[f64], roots: &[f64]| {
            a.chunks_exact(p).zip(roots).all(|(row, r)| row.iter().zip(roots).all(|(a, s)| a.abs() <= r * s * SLACK))
        };
        let h_roots: Vec<f64> = self.diagonal.iter().map(|h| h.sqrt() * SLACK).collect();
        if !(dominated(&self.m, &self.roots) && dominated(h, &h_roots)) {
            self.rho = f64::INFINITY;
            return false;
        }
        let mut worst = 0.0_f64;
        let mut row = vec![0.0; p];
        for i in 0..p {
            wide(
                #[inline(always)]
                || product_row(&self.m[i * p..(i + 1) * p], h, &mut row),
            );
            row[i] -= 1.0;
            let sum: f64 = row.iter().zip(&self.roots).map(|(e, root)| e.abs() * root).sum();
            worst = worst.max(sum / self.roots[i]);
        }
        let gamma = (p + 8) as f64 * UNIT * SLACK;
        self.rho = (worst + (gamma + entry_error) * self.spread()) * SLACK;
        self.rho < MOST_RHO
    }

    /// Takes the row `x` with curvature `s`, which errs relatively by `s_error`, out of H or into it. The answer tells whether the
    /// relation is still of use.
    ///
    /// In exact arithmetic M' = M ± f·(M·x)(M·x)ᵀ with f = s/(1 ∓ s·xᵀMx) is the inverse of K' = K ∓ s·xxᵀ (Sherman and Morrison),
    /// and the relation of K' to H' is that of K to H, but that taking out by a share h = s·xᵀMx of itself divides ρ by 1 − h.
    /// The roundings are at most c·√M_jj·√M_kk in entry (j, k), and that adds c·Q' to ρ.
    pub(super) fn change(&mut self, x: &[f64], s: f64, s_error: f64, joins: bool) -> bool {
        let p = self.p;
        let mut moved = self.times(x);
        let gamma = (p / 8 + 24) as f64 * UNIT * SLACK;
        let reach: f64 = x.iter().zip(&self.roots).map(|(x, root)| x.abs() * root).sum::<f64>() * SLACK;
        let norm2 = (x.iter().zip(&moved).map(|(x, v)| x * v).sum::<f64>() + 2.0 * p as f64 * UNIT * reach * reach).max(0.0) * SLACK;
        let h = s * norm2;
        if !joins && h > 0.5 {
            return false;
        }
        let (sign, rest) = if joins { (-1.0, 1.0) } else { (1.0, 1.0 - h) };
        let f = if joins { s / (1.0 + s * exact_norm2(x, &moved)) } else { s / (1.0 - s * exact_norm2(x, &moved)) };
        let root = f.sqrt();
        moved.iter_mut().for_each(|v| *v *= root);
        let m = &mut self.m;
        wide(
            #[inline(always)]
            || {
                for (row, v) in m.chunks_exact_mut(p).zip(&moved) {
                    axpy_symmetric(sign, *v, &moved, row);
                }
            },
        );
        // (2·γ·X·‖x‖ + γ²·X²)·f from M·x, ‖x‖²·f times the relative error of f, and the last two roundings.
        let norm = norm2.sqrt();
        let relative = (2.0 * p as f64 * UNIT * s * reach * reach) / rest + 12.0 * UNIT;
        let c = ((2.0 * norm + gamma * reach) * gamma * reach * f + norm2 * f * relative + 4.0 * UNIT * (1.0 + norm2 * f)) * SLACK;
        if joins {
            self.diagonal.iter_mut().zip(x).for_each(|(diagonal, x)| *diagonal = (*diagonal + s * x * x) * (1.0 + 4.0 * UNIT));
        }
        let spread = self.spread();
        self.rho = ((self.rho + s_error * h) / rest + c * spread / (1.0 - MOST_RHO)) * SLACK;
        self.measure();
        self.rho < MOST_RHO && self.roots.iter().all(|root| root.is_finite())
    }

    /// Q.
    fn spread(&self) -> f64 {
        let sum: f64 = self.roots.iter().zip(&self.diagonal).map(|(root, h)| root * h.sqrt()).sum();
        sum * sum * SLACK
    }

    fn measure(&mut self) {
        let p = self.p;
        // The largest eigenvalue is at most the largest sum of a row's magnitudes.
        let mut largest = 0.0_f64;
        for (j, row) in self.m.chunks_exact(p.max(1)).enumerate() {
            self.roots[j] = row[j].sqrt() * SLACK;
            let sum = wide(
                #[inline(always)]
                || magnitude(row),
            );
            largest = largest.max(sum);
        }
        self.largest = largest * SLACK;
    }
}

fn exact_norm2(x: &[f64], moved: &[f64]) -> f64 {
    x.iter().zip(moved).map(|(x, v)| x * v).sum()
}

#[inline(always)]
fn magnitude(row: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let chunks = row.chunks_exact(8);
    let tail: f64 = chunks.remainder().iter().map(|x| x.abs()).sum();
    for chunk in chunks {
        for l in 0..8 {
            sums[l] += chunk[l].abs();
        }
    }
    sums.iter().sum::<f64>() + tail
}

/// `row += sign · v · moved`; the product is the same with both factors exchanged, so that a symmetric matrix stays so.
#[inline(always)]
fn axpy_symmetric(sign: f64, v: f64, moved: &[f64], row: &mut [f64]) {
    for (row, other) in row.iter_mut().zip(moved) {
        *row += sign * (v * other);
    }
}

/// A row of a product with a matrix.
#[inline(always)]
fn product_row(m: &[f64], h: &[f64], out: &mut [f64]) {
    let p = m.len();
    out.fill(0.0);
    for (m, h) in m.chunks(4).zip(h.chunks(4 * p)) {
        if let [m0, m1, m2, m3] = *m {
            let (h0, rest) = h.split_at(p);
            let (h1, rest) = rest.split_at(p);
            let (h2, h3) = rest.split_at(p);
            for j in 0..p {
                out[j] += (m0 * h0[j] + m1 * h1[j]) + (m2 * h2[j] + m3 * h3[j]);
            }
        } else {
            m.iter().zip(h.chunks_exact(p)).for_each(|(m, h)| axpy(*m, h, out));
        }
    }
}

/// The inverse by Cholesky's factor; exactly symmetric.
fn invert(h: &[f64], p: usize) -> Option<Vec<f64>> {
    let mut u = h.to_vec();
    // H = UᵀU, row by row.
    for k in 0..p {
        let (head, tail) = u.split_at_mut((k + 1) * p);
        let row = &mut head[k * p + k..];
        let pivot = row[0];
        if !(pivot > 0.0 && pivot.is_finite()) {
            return None;
        }
        let root = pivot.sqrt();
        row.iter_mut().for_each(|x| *x /= root);
        wide(
            #[inline(always)]
            || {
                for (j, other) in tail.chunks_exact_mut(p).enumerate() {
                    let c = row[j + 1];
                    if c != 0.0 {
                        axpy(-c, &row[j + 1..], &mut other[k + 1 + j..]);
                    }
                }
            },
        );
    }
    // T = U⁻¹, from the last row up: row k = (e_k − Σ_{j>k} U_kj·T_j)/U_kk.
    let mut t = vec![0.0; p * p];
    for k in (0..p).rev() {
        let (head, tail) = t.split_at_mut((k + 1) * p);
        let row = &mut head[k * p..];
        row[k] = 1.0;
        wide(
            #[inline(always)]
            || {
                for (j, other) in tail.chunks_exact(p).enumerate() {
                    let j = k + 1 + j;
                    let c = u[k * p + j];
                    if c != 0.0 {
                        axpy(-c, &other[j..], &mut row[j..]);
                    }
                }
            },
        );
        let pivot = u[k * p + k];
        row[k..].iter_mut().for_each(|x| *x /= pivot);
    }
    // M = T·Tᵀ.
    let mut m = vec![0.0; p * p];
    for j in 0..p {
        for k in j..p {
            let sum = wide(
                #[inline(always)]
                || dot(&t[j * p + k..(j + 1) * p], &t[k * p + k..(k + 1) * p]),
            );
            m[j * p + k] = sum;
            m[k * p + j] = sum;
        }
    }
    m.iter().all(|x| x.is_finite()).then_some(m)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small positive definite matrix.
    fn matrix(p: usize) -> Vec<f64> {
        let mut h = vec![0.0; p * p];
        for i in 0..40_u64 {
            let x: Vec<f64> = (0..p as u64).map(|j| untrain_core::unit(untrain_core::mix(i, j)) - 0.3).collect();
            for j in 0..p {
                for k in 0..p {
                    h[j * p + k] += x[j] * x[k];
                }
            }
        }
        h
    }

    #[test]
    fn an_inverse_is_verified_and_a_wrong_one_is_not() {
        for p in [1, 2, 7, 13] {
            let h = matrix(p);
            let mut inverse = Inverse::of(&h, p).expect("it is positive definite");
            // What the entries are unsure by is in the relation, and more with more of them.
            let spread = inverse.spread();
            assert!(inverse.verify(&h, 1e-6) && inverse.rho() >= 1e-6 * spread && spread >= p as f64);
            assert!(inverse.verify(&h, 0.0) && inverse.rho() < 1e-9 && inverse.rho() >= UNIT * spread);
            inverse.m[0] *= 1.5;
            inverse.measure();
            assert!(!inverse.verify(&h, 0.0) || inverse.rho() > 0.1);
        }
        assert!(Inverse::of(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
    }

    #[test]
    fn a_changed_inverse_is_that_of_the_changed_matrix() {
        let p = 9;
        let mut h = matrix(p);
        let mut inverse = Inverse::of(&h, p).expect("it is positive definite");
        assert!(inverse.verify(&h, 0.0));
        for (i, joins) in [true, true, false, true, false].into_iter().enumerate() {
            let x: Vec<f64> = (0..p).map(|j| 0.3 - ((i * 5 + j * 3) % 7) as f64 / 10.0).collect();
            let before = inverse.rho();
            assert!(inverse.change(&x, 0.2, 0.0, joins));
            assert!(inverse.rho() >= before + UNIT * inverse.spread(), "roundings are not counted");
            for j in 0..p {
                for k in 0..p {
                    h[j * p + k] += if joins { 0.2 } else { -0.2 } * x[j] * x[k];
                }
            }
            let claimed = inverse.rho();
            let mut again = inverse.clone();
            assert!(again.verify(&h, 0.0));
            assert!(claimed < 1e-8 && again.rho() < 1e-8, "{claimed:e} {:e}", again.rho());
        }
    }
}

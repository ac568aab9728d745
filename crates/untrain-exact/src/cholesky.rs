//! The Cholesky factor of a symmetric matrix, by operations in one fixed order: no fused ones, no library's.

/// A column of which other columns explain all but this share of the variance counts as their combination where nothing is added
/// to the diagonal. Twenty binary digits of a number leave about so much of a sum of columns unexplained.
pub(crate) const COLLINEAR: f64 = 1.0 / (1_u64 << 32) as f64;
/// Where something is added to the diagonal, no more of a column than this share is known in `f64`.
pub(crate) const UNKNOWN: f64 = 1.0 / (1_u64 << 44) as f64;

/// An upper triangular `r` with `rᵀ·r` the matrix, in a square of `d` rows.
#[derive(Debug, Clone)]
pub(crate) struct Cholesky {
    d: usize,
    r: Vec<f64>,
}

/// What is done about a pivot that is not over the floor: the column is a combination of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dependent {
    /// The factoring ends.
    Refuse,
    /// The column is left out: its part of every solution is 0.
    Drop,
    /// The pivot is raised to the floor.
    Raise,
}

impl Cholesky {
    /// Factors a matrix whose upper triangle is given, row `i` from `i · d`. Its diagonal should be about 1, since pivots are
    /// compared with `floor`.
    ///
    /// # Errors
    ///
    /// The first column that is a combination of those before it, if that is to be refused.
    pub(crate) fn new(mut r: Vec<f64>, d: usize, floor: f64, dependent: Dependent) -> Result<Self, usize> {
        for i in 0..d {
            let (above, row) = r.split_at_mut(i * d);
            let row = &mut row[i..d];
            subtract_products(row, above, i, d);
            let mut pivot = row[0];
            if pivot > floor {
                // Over the floor, and a number.
            } else if dependent == Dependent::Refuse {
                return Err(i);
            } else if dependent == Dependent::Raise {
                pivot = floor;
            } else {
                row.fill(0.0);
                continue;
            }
            let root = pivot.sqrt();
            row[0] = root;
            row[1..].iter_mut().for_each(|x| *x /= root);
        }
        Ok(Self { d, r })
    }

    pub(crate) fn diagonal(&self) -> impl Iterator<Item = f64> {
        (0..self.d).map(|i| self.r[i * self.d + i])
    }

    /// The upper triangle, row by row.
    pub(crate) fn into_triangle(self) -> Vec<f64> {
        (0..self.d).flat_map(|i| &self.r[i * self.d + i..(i + 1) * self.d]).copied().collect()
    }

    /// Makes `x` the solution for the right-hand side `x`.
    pub(crate) fn solve(&self, x: &mut [f64]) {
        let d = self.d;
        for i in 0..d {
            let row = &self.r[i * d + i..(i + 1) * d];
            let (at, after) = x[i..].split_at_mut(1);
            at[0] = if row[0] == 0.0 { 0.0 } else { at[0] / row[0] };
            after.iter_mut().zip(&row[1..]).for_each(|(x, r)| *x -= at[0] * r);
        }
        for i in (0..d).rev() {
            let row = &self.r[i * d + i..(i + 1) * d];
            x[i] = if row[0] == 0.0 { 0.0 } else { (x[i] - dot(&row[1..], &x[i + 1..])) / row[0] };
        }
    }
}

/// Takes from the rest of row `i` what the rows above it account for, four rows at a time.
fn subtract_products(row: &mut [f64], above: &[f64], i: usize, d: usize) {
    let rest = |k: usize| &above[k * d + i..(k + 1) * d];
    let mut k = 0;
    while k + 4 <= i {
        let (a, b, c, e) = (rest(k), rest(k + 1), rest(k + 2), rest(k + 3));
        let (fa, fb, fc, fe) = (a[0], b[0], c[0], e[0]);
        for ((((x, a), b), c), e) in row.iter_mut().zip(a).zip(b).zip(c).zip(e) {
            *x -= (fa * a + fb * b) + (fc * c + fe * e);
        }
        k += 4;
    }
    for k in k..i {
        let a = rest(k);
        row.iter_mut().zip(a).for_each(|(x, r)| *x -= a[0] * r);
    }
}

/// The sum of products, in four interleaved sums.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (pairs, rest) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut lanes = [0.0; 4];
    for (a, b) in pairs.0.iter().zip(rest.0) {
        for lane in 0..4 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let tail: f64 = pairs.1.iter().zip(rest.1).map(|(a, b)| a * b).sum();
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() -> Result<(), usize> {
        // rᵀ·r of the rows (2 1 0), (0 3 1), (0 0 1).
        let matrix = vec![4.0, 2.0, 0.0, 0.0, 10.0, 3.0, 0.0, 0.0, 2.0];
        let factor = Cholesky::new(matrix, 3, 1e-9, Dependent::Refuse)?;
        assert_eq!(factor.diagonal().collect::<Vec<_>>(), [2.0, 3.0, 1.0]);
        let mut x = [4.0 + 4.0, 2.0 + 20.0 + 9.0, 6.0 + 6.0];
        factor.solve(&mut x);
        assert_eq!(x, [1.0, 2.0, 3.0]);
        Ok(())
    }

    #[test]
    fn a_combination_is_refused_dropped_or_raised() -> Result<(), usize> {
        let matrix = || vec![1.0, 1.0, 0.0, 1.0];
        assert_eq!(Cholesky::new(matrix(), 2, 1e-9, Dependent::Refuse).err(), Some(1));
        let mut x = [3.0, 3.0];
        Cholesky::new(matrix(), 2, 1e-9, Dependent::Drop)?.solve(&mut x);
        assert_eq!(x, [3.0, 0.0]);
        assert_eq!(Cholesky::new(matrix(), 2, 0.25, Dependent::Raise)?.diagonal().last(), Some(0.5));
        Ok(())
    }

    #[test]
    fn long_rows_are_factored_as_short_ones_are() -> Result<(), usize> {
        let d = 23;
        let entry = |i: usize, j: usize| 1.0 / (1.0 + i.abs_diff(j) as f64) + if i == j { 0.5 } else { 0.0 };
        let matrix: Vec<f64> = (0..d * d).map(|at| entry(at / d, at % d)).collect();
        let factor = Cholesky::new(matrix, d, 1e-9, Dependent::Refuse)?;
        let truth: Vec<f64> = (0..d).map(|i| i as f64 - 7.0).collect();
        let mut x: Vec<f64> = (0..d).map(|i| (0..d).map(|j| entry(i, j) * truth[j]).sum()).collect();
        factor.solve(&mut x);
        assert!(x.iter().zip(&truth).all(|(x, t)| (x - t).abs() < 1e-12));
        Ok(())
    }
}

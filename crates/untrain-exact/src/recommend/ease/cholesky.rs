//! The inverse of a symmetric positive definite matrix in floating point, in blocks. Nothing depends on its last digits.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};

const BLOCK: usize = 64;

/// The inverse of the matrix `a`, given row by row, of which the lower triangle is read and the upper triangle of the result
/// is filled in; `None` if `a` is too close to a singular matrix.
pub(super) fn inverse(n: usize, a: Vec<f64>) -> Option<Array2<f64>> {
    let mut l = Array2::from_shape_vec((n, n), a).ok()?;
    let mut m = Array2::<f64>::zeros((n, n));
    for start in (0..n).step_by(BLOCK) {
        let end = (start + BLOCK).min(n);
        let diagonal = lower_inverse(&cholesky(part(&l, start..end, start..end).to_owned())?);
        // M is the inverse of L, block row by block row.
        let done = part(&l, start..end, 0..start).dot(&part(&m, 0..start, 0..start));
        part_mut(&mut m, start..end, 0..start).assign(&-diagonal.dot(&done));
        part_mut(&mut m, start..end, start..end).assign(&diagonal);
        let panel = part(&l, end..n, start..end).dot(&diagonal.t());
        for column in (end..n).step_by(BLOCK) {
            let width = column..(column + BLOCK).min(n);
            let across = part(&panel, width.start - end..width.end - end, 0..end - start);
            let below = part(&panel, column - end..n - end, 0..end - start);
            general_mat_mul(-1.0, &below, &across.t(), 1.0, &mut part_mut(&mut l, column..n, width));
        }
        part_mut(&mut l, end..n, start..end).assign(&panel);
    }
    Some(product(&m))
}

/// The upper blocks of `mᵀ m` for a lower triangular m.
fn product(m: &Array2<f64>) -> Array2<f64> {
    let n = m.nrows();
    let mut out = Array2::zeros((n, n));
    for start in (0..n).step_by(BLOCK) {
        let end = (start + BLOCK).min(n);
        let (left, right) = (part(m, start..n, 0..end), part(m, start..n, start..end));
        general_mat_mul(1.0, &left.t(), &right, 0.0, &mut part_mut(&mut out, 0..end, start..end));
    }
    out
}

fn part(a: &Array2<f64>, rows: Range<usize>, columns: Range<usize>) -> ArrayView2<'_, f64> {
    let mut view = a.view();
    view.slice_axis_inplace(Axis(0), Slice::from(rows));
    view.slice_axis_inplace(Axis(1), Slice::from(columns));
    view
}

fn part_mut(a: &mut Array2<f64>, rows: Range<usize>, columns: Range<usize>) -> ArrayViewMut2<'_, f64> {
    let mut view = a.view_mut();
    view.slice_axis_inplace(Axis(0), Slice::from(rows));
    view.slice_axis_inplace(Axis(1), Slice::from(columns));
    view
}

fn cholesky(mut a: Array2<f64>) -> Option<Array2<f64>> {
    let n = a.nrows();
    for j in 0..n {
        for i in j..n {
            let sum: f64 = (0..j).map(|k| a[[i, k]] * a[[j, k]]).sum();
            let rest = a[[i, j]] - sum;
            if i > j {
                a[[i, j]] = rest / a[[j, j]];
            } else if rest > 0.0 {
                a[[j, j]] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    Some(a)
}

/// The inverse of a lower triangle.
fn lower_inverse(l: &Array2<f64>) -> Array2<f64> {
    let n = l.nrows();
    let mut m = Array2::zeros((n, n));
    for j in 0..n {
        m[[j, j]] = 1.0 / l[[j, j]];
        for i in j + 1..n {
            let sum: f64 = (j..i).map(|k| l[[i, k]] * m[[k, j]]).sum();
            m[[i, j]] = -sum / l[[i, i]];
        }
    }
    m
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        for n in [1, 2, 63, 64, 65, 150] {
            let wave = |i: usize, j: usize| ((i.min(j) * 7 + i.max(j) * 3) % 11) as f64 / 11.0;
            let a = Array2::from_shape_fn((n, n), |(i, j)| if i == j { n as f64 } else { wave(i, j) });
            let upper = inverse(n, a.iter().copied().collect()).unwrap();
            let p = Array2::from_shape_fn((n, n), |(i, j)| upper[[i.min(j), i.max(j)]]);
            let error = (a.dot(&p) - Array2::<f64>::eye(n)).iter().fold(0.0_f64, |most, x| most.max(x.abs()));
            assert!(error < 1e-12, "{n}: {error}");
        }
        assert!(inverse(2, vec![1.0, 2.0, 2.0, 1.0]).is_none());
    }
}

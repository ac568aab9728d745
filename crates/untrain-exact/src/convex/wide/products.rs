//! Products of the rows with vectors, and of a Hessian that is never made.

use super::packed::Packed;
use crate::convex::kernel::{axpy4_f32, dot_f32, wide};
use crate::convex::loss::Loss;
use crate::convex::rows::{Penalty, Rows};

/// How many rows are worked on at a time, so that what they need stays in the cache.
pub(super) const BLOCK: usize = 256;

/// Where a number for each column and output stands in a vector: first the dense columns, output by output; then the sparse ones and the
/// intercept, of which a row has few, column by column, so that its outputs lie side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// How many outputs there are.
    pub(super) k: usize,
    /// How many columns there are, with the intercept, which is the last.
    pub(super) d: usize,
    pub(super) n_dense: usize,
}

impl Shape {
    pub(super) fn len(self) -> usize {
        self.k * self.d
    }

    pub(super) fn place(self, output: usize, column: usize) -> usize {
        let Self { k, d: _, n_dense } = self;
        if column < n_dense { output * n_dense + column } else { k * n_dense + (column - n_dense) * k + output }
    }

    /// The same vector from one that stands output by output.
    pub(super) fn mixed<T: Copy + Default, U>(self, by_output: &[U], of: impl Fn(&U) -> T) -> Vec<T> {
        let mut out = vec![T::default(); self.len()];
        for (output, values) in by_output.chunks_exact(self.d).enumerate() {
            values.iter().enumerate().for_each(|(column, value)| out[self.place(output, column)] = of(value));
        }
        out
    }

    /// Takes the mean over the outputs from every column. At an optimum of softmax it is zero, and the Hessian knows nothing of it.
    pub(super) fn project(self, x: &mut [f64]) {
        let Self { k, d: _, n_dense } = self;
        if k == 1 {
            return;
        }
        let (dense, sparse) = x.split_at_mut(k * n_dense);
        for j in 0..n_dense {
            let mean = (0..k).map(|c| dense[c * n_dense + j]).sum::<f64>() / k as f64;
            (0..k).for_each(|c| dense[c * n_dense + j] -= mean);
        }
        for x in sparse.chunks_exact_mut(k) {
            let mean = x.iter().sum::<f64>() / k as f64;
            x.iter_mut().for_each(|x| *x -= mean);
        }
    }

    /// Some rows times `p`: a number for each row and output.
    pub(super) fn forward(self, rows: &Rows, packed: &Packed, range: std::ops::Range<usize>, p: &[f64], out: &mut [f64]) {
        let Self { k, d, n_dense } = self;
        let (dense, sparse) = p.split_at(k * n_dense);
        let intercepts = &sparse[(d - 1 - n_dense) * k..];
        wide(
            #[inline(always)]
            || {
                for (i, out) in range.zip(out.chunks_exact_mut(k)) {
                    let z = rows.dense(i);
                    for (c, (out, own)) in out.iter_mut().zip(intercepts).enumerate() {
                        *out = if n_dense == 0 { *own } else { dot_f32(z, &dense[c * n_dense..(c + 1) * n_dense]) + own };
                    }
                    for (column, x) in packed.row(i) {
                        let (x, at) = (f64::from(*x), *column as usize * k);
                        out.iter_mut().zip(&sparse[at..at + k]).for_each(|(out, p)| *out += x * p);
                    }
                }
            },
        );
    }

    /// Adds to `out` the transposed rows times `r`, which has a number for each row and output.
    pub(super) fn back(self, rows: &Rows, packed: &Packed, range: std::ops::Range<usize>, r: &[f64], out: &mut [f64]) {
        let Self { k, d, n_dense } = self;
        let (dense, sparse) = out.split_at_mut(k * n_dense);
        let mut column = vec![0.0; if n_dense == 0 { 0 } else { range.len() }];
        let block = rows.block(range.clone());
        for (c, dense) in dense.chunks_exact_mut(n_dense.max(1)).enumerate() {
            column.iter_mut().zip(r[c..].iter().step_by(k)).for_each(|(out, r)| *out = *r);
            wide(
                #[inline(always)]
                || add_rows(block, n_dense, &column, dense),
            );
        }
        let (sparse, intercepts) = sparse.split_at_mut((d - 1 - n_dense) * k);
        wide(
            #[inline(always)]
            || {
                for (i, r) in range.zip(r.chunks_exact(k)) {
                    for (column, x) in packed.row(i) {
                        let (x, at) = (f64::from(*x), *column as usize * k);
                        sparse[at..at + k].iter_mut().zip(r).for_each(|(out, r)| *out += x * r);
                    }
                    intercepts.iter_mut().zip(r).for_each(|(out, r)| *out += r);
                }
            },
        );
    }
}

/// Adds rows times their factors, four at a time.
#[inline(always)]
fn add_rows(z: &[f32], n_dense: usize, r: &[f64], out: &mut [f64]) {
    let whole = r.len() / 4 * 4;
    for (z, r) in z.chunks_exact(4 * n_dense).zip(r.chunks_exact(4)) {
        axpy4_f32([r[0], r[1], r[2], r[3]], z, n_dense, out);
    }
    for (z, r) in z[whole * n_dense..].chunks_exact(n_dense).zip(&r[whole..]) {
        out.iter_mut().zip(z).for_each(|(out, z)| *out += r * f64::from(*z));
    }
}

/// The second derivatives of the loss at a point: of one output a number a row, of softmax the probabilities, of which all follow.
#[derive(Debug, Clone)]
pub(super) struct Curvatures {
    pub(super) k: usize,
    pub(super) of: Vec<f64>,
}

impl Curvatures {
    pub(super) fn at(loss: Loss, margins: &[f64], y: &[f64]) -> Self {
        let k = loss.n_outputs();
        if k > 1 {
            return Self { k, of: loss.shares(margins) };
        }
        Self { k, of: margins.iter().zip(y).map(|(m, y)| loss.curvature(*m, *y)).collect() }
    }

    /// Multiplies numbers of the rows from `first` with their curvatures.
    fn apply(&self, first: usize, t: &mut [f64]) {
        let k = self.k;
        let own = &self.of[first * k..first * k + t.len()];
        if k == 1 {
            t.iter_mut().zip(own).for_each(|(t, s)| *t *= s);
            return;
        }
        for (t, p) in t.chunks_exact_mut(k).zip(own.chunks_exact(k)) {
            let mean: f64 = t.iter().zip(p).map(|(t, p)| t * p).sum();
            t.iter_mut().zip(p).for_each(|(t, p)| *t = p * (*t - mean));
        }
    }

    /// The second derivative by an output alone.
    pub(super) fn own(&self, row: usize, output: usize) -> f64 {
        let p = self.of[row * self.k + output];
        if self.k == 1 { p } else { p * (1.0 - p) }
    }
}

/// What is to be optimal, over which rows.
#[derive(Clone, Copy)]
pub(super) struct Problem<'a> {
    pub(super) loss: Loss,
    pub(super) shape: Shape,
    pub(super) rows: &'a Rows,
    pub(super) packed: &'a Packed,
    pub(super) penalty: &'a Penalty,
}

/// A point in `f64`, good enough to go on from.
pub(super) struct Point {
    pub(super) v: Vec<f64>,
    pub(super) gradient: Vec<f64>,
    pub(super) margins: Vec<f64>,
}

impl Problem<'_> {
    fn blocks(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let n = self.rows.y.len();
        (0..n).step_by(BLOCK).map(move |start| start..(start + BLOCK).min(n))
    }

    /// Margins and gradient at `v`.
    pub(super) fn at(&self, v: Vec<f64>) -> Point {
        let Self { loss, shape, rows, packed, .. } = *self;
        let mut gradient = vec![0.0; shape.len()];
        let mut margins = vec![0.0; rows.y.len() * shape.k];
        let mut r = vec![0.0; BLOCK * shape.k];
        for range in self.blocks() {
            let r = &mut r[..range.len() * shape.k];
            let m = &mut margins[range.start * shape.k..range.end * shape.k];
            shape.forward(rows, packed, range.clone(), &v, m);
            loss.residuals(m, &rows.y[range.clone()], r);
            shape.back(rows, packed, range, r, &mut gradient);
        }
        self.add_penalty(&v, &mut gradient);
        Point { v, gradient, margins }
    }

    /// The Hessian times `p`.
    pub(super) fn times(&self, curvatures: &Curvatures, p: &[f64], out: &mut [f64]) {
        let Self { shape, rows, packed, .. } = *self;
        out.fill(0.0);
        let mut t = vec![0.0; BLOCK * shape.k];
        for range in self.blocks() {
            let t = &mut t[..range.len() * shape.k];
            shape.forward(rows, packed, range.clone(), p, t);
            curvatures.apply(range.start, t);
            shape.back(rows, packed, range, t, out);
        }
        self.add_penalty(p, out);
    }

    /// Adds the Hessian of the penalty times `p`, which is also its gradient at `p`.
    fn add_penalty(&self, p: &[f64], out: &mut [f64]) {
        let Self { shape, penalty, .. } = *self;
        let (alpha, first, last) = (penalty.alpha, shape.place(0, shape.n_dense), shape.place(0, shape.d - 1));
        out[first..last].iter_mut().zip(&p[first..last]).for_each(|(out, p)| *out += alpha * p);
        for c in 0..shape.k {
            for (j, (sigma, kappa)) in penalty.sigma.iter().zip(&penalty.kappa).enumerate() {
                let at = shape.place(c, j);
                out[at] += alpha * sigma * sigma * p[at];
                if let Some(indicator) = penalty.indicators[j] {
                    let other = shape.place(c, indicator as usize);
                    out[at] -= alpha * kappa * (p[other] - kappa * p[at]);
                    out[other] -= alpha * kappa * p[at];
                }
            }
        }
    }
}

//! Second moments of rows of integers, exact in any order, on any number of threads and after any history.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, Slice};

use crate::{Reader, Result, Writer};

/// Rows that are multiplied at a time: they stay in the cache between conversion and product.
const CHUNK: usize = 512;
/// Columns of a panel. Only the panels on and right of the diagonal are multiplied.
const PANEL: usize = 32;
/// Up to so many sparse columns, their sums of products wait in `f64` with the others; with more, emptying them would cost more.
const FEW_SPARSE: usize = 512;
/// Sums of integers up to here are exact in `f64`, in any order and with or without fused multiply-add.
const EXACT: f64 = (1_u64 << 53) as f64;

/// The sums of products of every two columns over a set of rows of integers.
///
/// Columns are dense (numbers, which most rows have) or sparse (one-hots and counts, which most rows have not). Integers are
/// held in `f64` and multiplied by an ordinary matrix product, in blocks whose sums of magnitudes stay within 2^53: then every
/// partial sum is an integer that `f64` holds exactly, whatever the order and the instructions. Blocks are added as `i128`.
/// Sparse columns are never multiplied densely.
///
/// # Guarantee
///
/// [`Gram::add`] and [`Gram::remove`] are each other's inverse; the sums are a function of the multiset of rows.
///
/// # Complexity
///
/// With `d` dense columns and `h` sparse entries a row: `n · (d²/2 + d·h + h²/2)` multiplications for `n` rows; a row that is
/// added or removed alone costs the same. Memory: 16 bytes for each pair of columns.
///
/// # Examples
///
/// ```
/// use untrain_core::Gram;
///
/// let rows = [([1.0, 2.0], [(0, 1.0)]), ([3.0, -4.0], [(1, 1.0)])];
/// let mut gram = Gram::new(2, 2);
/// gram.extend(rows.len(), |i, dense, sparse| {
///     dense.copy_from_slice(&rows[i].0);
///     sparse.extend_from_slice(&rows[i].1);
/// });
/// assert_eq!(gram.at(0, 1), 1 * 2 + 3 * -4);
/// assert_eq!(gram.at(2, 1), 2);
/// gram.remove(&rows[1].0, &rows[1].1);
/// assert_eq!((gram.at(0, 1), gram.at(1, 1), gram.at(3, 3)), (2, 4, 0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gram {
    n_dense: usize,
    n_sparse: usize,
    /// Dense by dense: the upper triangle, row by row.
    dense: Vec<i128>,
    /// Sparse by dense, a row for each sparse column.
    cross: Vec<i128>,
    /// Sparse by sparse: the upper triangle, row by row.
    sparse: Vec<i128>,
}

impl Gram {
    /// The largest magnitude that a value may have.
    pub const LARGEST: f64 = (1_u64 << 26) as f64;

    /// Sums over no row yet.
    pub fn new(n_dense: usize, n_sparse: usize) -> Self {
        let zeros = |n| vec![0; n];
        Self { n_dense, n_sparse, dense: zeros(triangle(n_dense)), cross: zeros(n_sparse * n_dense), sparse: zeros(triangle(n_sparse)) }
    }

    /// How many columns there are; the dense ones are first.
    pub fn n_columns(&self) -> usize {
        self.n_dense + self.n_sparse
    }

    /// The sum of products of two columns.
    #[inline]
    pub fn at(&self, a: usize, b: usize) -> i128 {
        let (a, b) = (a.min(b), a.max(b));
        match (a.checked_sub(self.n_dense), b.checked_sub(self.n_dense)) {
            (None, None) => self.dense[start(self.n_dense, a) + b - a],
            (None, Some(b)) => self.cross[b * self.n_dense + a],
            (Some(a), Some(b)) => self.sparse[start(self.n_sparse, a) + b - a],
            (Some(_), None) => 0,
        }
    }

    /// Adds `n` rows. `fill` writes row `i`: the dense values into a slice of zeros, and pairs of a sparse column (numbered
    /// from 0) and its value, by column. Values are integers of magnitude at most [`Gram::LARGEST`].
    pub fn extend(&mut self, n: usize, mut fill: impl FnMut(usize, &mut [f64], &mut Vec<(u32, f32)>)) {
        let mut block = Block::new(self.n_dense, self.n_sparse);
        for first in (0..n).step_by(CHUNK) {
            let rows = CHUNK.min(n - first);
            block.read(rows, |row, dense, sparse| fill(first + row, dense, sparse));
            let weight = block.weight();
            if weight > EXACT {
                (0..rows).for_each(|row| self.add(block.dense(row), block.sparse(row)));
                continue;
            }
            if block.sum + weight > EXACT {
                block.flush(self);
            }
            block.sum += weight;
            block.multiply();
            if block.pairs.is_empty() {
                (0..rows).for_each(|row| self.add_sparse::<1>(block.sparse(row)));
            }
        }
        block.flush(self);
    }

    /// Adds the sums over other rows.
    pub fn merge(&mut self, other: &Self) {
        let add = |a: &mut [i128], b: &[i128]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        add(&mut self.dense, &other.dense);
        add(&mut self.cross, &other.cross);
        add(&mut self.sparse, &other.sparse);
    }

    /// Takes out the sums over rows that were added.
    pub fn separate(&mut self, other: &Self) {
        let subtract = |a: &mut [i128], b: &[i128]| a.iter_mut().zip(b).for_each(|(a, b)| *a -= b);
        subtract(&mut self.dense, &other.dense);
        subtract(&mut self.cross, &other.cross);
        subtract(&mut self.sparse, &other.sparse);
    }

    /// Adds one row; see [`Gram::extend`].
    pub fn add(&mut self, dense: &[f64], sparse: &[(u32, f32)]) {
        self.add_row::<1>(dense, sparse);
    }

    /// Takes out one row that was added.
    pub fn remove(&mut self, dense: &[f64], sparse: &[(u32, f32)]) {
        self.add_row::<-1>(dense, sparse);
    }

    /// Writes the sums: 16 bytes each, little-endian, dense by dense, then sparse by dense, then sparse by sparse.
    pub fn write(&self, out: &mut Writer) {
        let sums = self.dense.iter().chain(&self.cross).chain(&self.sparse);
        sums.for_each(|sum| out.raw(&sum.to_le_bytes()));
    }

    /// Reads what [`Gram::write`] wrote.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Malformed`] if it ends too early.
    pub fn read(input: &mut Reader<'_>, n_dense: usize, n_sparse: usize) -> Result<Self> {
        let mut read = |n: usize| -> Result<Vec<i128>> {
            let (sums, _) = input.raw(n.saturating_mul(16))?.as_chunks::<16>();
            Ok(sums.iter().map(|sum| i128::from_le_bytes(*sum)).collect())
        };
        let (dense, cross, sparse) = (read(triangle(n_dense))?, read(n_sparse * n_dense)?, read(triangle(n_sparse))?);
        Ok(Self { n_dense, n_sparse, dense, cross, sparse })
    }

    fn add_row<const SIGN: i64>(&mut self, dense: &[f64], sparse: &[(u32, f32)]) {
        let whole: Vec<i64> = dense.iter().map(|q| *q as i64).collect();
        let mut rest = self.dense.as_mut_slice();
        for (i, a) in whole.iter().enumerate() {
            let (row, after) = rest.split_at_mut(self.n_dense - i);
            rest = after;
            if *a != 0 {
                row.iter_mut().zip(&whole[i..]).for_each(|(sum, b)| *sum += i128::from(SIGN * a * b));
            }
        }
        for (column, value) in sparse {
            let row = &mut self.cross[*column as usize * self.n_dense..][..self.n_dense];
            let value = SIGN * *value as i64;
            row.iter_mut().zip(&whole).for_each(|(sum, b)| *sum += i128::from(value * b));
        }
        self.add_sparse::<SIGN>(sparse);
    }

    fn add_sparse<const SIGN: i64>(&mut self, sparse: &[(u32, f32)]) {
        for (i, (a, value)) in sparse.iter().enumerate() {
            let value = SIGN * *value as i64;
            let row = &mut self.sparse[start(self.n_sparse, *a as usize)..];
            sparse[i..].iter().for_each(|(b, other)| row[(b - a) as usize] += i128::from(value * *other as i64));
        }
    }
}

/// Rows on their way into a [`Gram`], and sums over rows that are not in it yet.
struct Block {
    d: usize,
    rows: usize,
    dense: Vec<f64>,
    sparse: Vec<(u32, f32)>,
    /// Where the sparse entries of each row end.
    ends: Vec<usize>,
    /// Dense by dense, all of it; only what is on and right of the panels on the diagonal is used.
    products: Vec<f64>,
    cross: Vec<f64>,
    /// Sparse by sparse, the upper triangle; empty if there are many columns.
    pairs: Vec<f64>,
    n_sparse: usize,
    /// The most that the magnitudes of products may have added up to.
    sum: f64,
}

impl Block {
    fn new(n_dense: usize, n_sparse: usize) -> Self {
        Self {
            d: n_dense,
            rows: 0,
            dense: vec![0.0; CHUNK * n_dense],
            sparse: Vec::new(),
            ends: Vec::with_capacity(CHUNK),
            products: vec![0.0; n_dense * n_dense],
            cross: vec![0.0; n_sparse * n_dense],
            pairs: vec![0.0; if n_sparse > FEW_SPARSE { 0 } else { triangle(n_sparse) }],
            n_sparse,
            sum: 0.0,
        }
    }

    fn read(&mut self, rows: usize, mut fill: impl FnMut(usize, &mut [f64], &mut Vec<(u32, f32)>)) {
        self.rows = rows;
        self.dense.fill(0.0);
        self.sparse.clear();
        self.ends.clear();
        for row in 0..rows {
            fill(row, &mut self.dense[row * self.d..(row + 1) * self.d], &mut self.sparse);
            self.ends.push(self.sparse.len());
        }
    }

    fn dense(&self, row: usize) -> &[f64] {
        &self.dense[row * self.d..(row + 1) * self.d]
    }

    fn sparse(&self, row: usize) -> &[(u32, f32)] {
        &self.sparse[if row == 0 { 0 } else { self.ends[row - 1] }..self.ends[row]]
    }

    /// The most that the magnitudes of the products of any two columns add up to over the rows just read.
    fn weight(&self) -> f64 {
        // Eight running maxima, which the compiler keeps in vector registers.
        let values = &self.dense[..self.rows * self.d];
        let mut lanes = [0.0_f64; 8];
        let (chunks, rest) = values.as_chunks::<8>();
        for chunk in chunks {
            lanes.iter_mut().zip(chunk).for_each(|(lane, q)| *lane = if q.abs() > *lane { q.abs() } else { *lane });
        }
        let dense = lanes.iter().chain(rest).fold(0.0_f64, |most, q| most.max(q.abs()));
        let most = self.sparse.iter().fold(dense, |most, (_, value)| most.max(f64::from(value.abs())));
        self.rows as f64 * most * most
    }

    fn multiply(&mut self) {
        let d = self.d;
        let mut from = 0;
        for (row, to) in self.ends.iter().enumerate() {
            let (entries, values) = (&self.sparse[from..*to], &self.dense[row * d..(row + 1) * d]);
            from = *to;
            for (i, (column, value)) in entries.iter().enumerate() {
                let value = f64::from(*value);
                let sums = &mut self.cross[*column as usize * d..][..d];
                sums.iter_mut().zip(values).for_each(|(sum, q)| *sum += value * q);
                if !self.pairs.is_empty() {
                    let sums = &mut self.pairs[start(self.n_sparse, *column as usize)..];
                    entries[i..].iter().for_each(|(other, q)| sums[(other - column) as usize] += value * f64::from(*q));
                }
            }
        }
        let values = &self.dense[..self.rows * d];
        let (Ok(values), Ok(mut products)) =
            (ArrayView2::from_shape((self.rows, d), values), ArrayViewMut2::from_shape((d, d), &mut self.products))
        else {
            return;
        };
        for first in (0..d).step_by(PANEL) {
            let last = d.min(first + PANEL);
            let panel = values.slice_axis(Axis(1), Slice::from(first..last));
            let right = values.slice_axis(Axis(1), Slice::from(first..));
            let mut sums = products.slice_axis_mut(Axis(0), Slice::from(first..last));
            let mut sums = sums.slice_axis_mut(Axis(1), Slice::from(first..));
            general_mat_mul(1.0, &panel.t(), &right, 1.0, &mut sums);
        }
    }

    fn flush(&mut self, gram: &mut Gram) {
        if self.sum == 0.0 {
            return;
        }
        let mut sums = gram.dense.iter_mut();
        for (i, row) in self.products.chunks_exact(self.d.max(1)).enumerate() {
            row[i..].iter().zip(&mut sums).for_each(|(product, sum)| *sum += i128::from(*product as i64));
        }
        gram.cross.iter_mut().zip(&self.cross).for_each(|(sum, product)| *sum += i128::from(*product as i64));
        gram.sparse.iter_mut().zip(&self.pairs).for_each(|(sum, product)| *sum += i128::from(*product as i64));
        self.pairs.fill(0.0);
        self.products.fill(0.0);
        self.cross.fill(0.0);
        self.sum = 0.0;
    }
}

/// How many pairs `n` columns make, each with itself too.
fn triangle(n: usize) -> usize {
    n * (n + 1) / 2
}

/// Where row `i` of the upper triangle of `n` columns begins.
#[inline]
fn start(n: usize, i: usize) -> usize {
    i * (2 * n - i + 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_before_a_sum_is_rounded() {
        // Each product is 2^52, so that the third row would not be exact beside the other two.
        let mut gram = Gram::new(2, 1);
        gram.extend(5, |i, dense, sparse| {
            dense.copy_from_slice(&[Gram::LARGEST, Gram::LARGEST - (i as f64)]);
            sparse.push((0, 1.0 + i as f32));
        });
        let largest = 1_i128 << 26;
        assert_eq!(gram.at(0, 1), largest * (5 * largest - 10));
        assert_eq!(gram.at(2, 0), 15 * largest);
        assert_eq!(gram.at(2, 2), 55);
    }

    #[test]
    fn sparse_columns_may_be_many_and_alone() {
        for n_sparse in [3, FEW_SPARSE + 1] {
            let mut gram = Gram::new(0, n_sparse);
            gram.extend(3, |i, _, sparse| sparse.extend([(0, 1.0), (2, i as f32)]));
            assert_eq!((gram.at(0, 0), gram.at(2, 0), gram.at(2, 2), gram.at(1, 1)), (3, 3, 5, 0));
        }
    }

    #[test]
    fn many_rows_fill_more_than_a_block() {
        let n = 40_000;
        let q = |i: usize| f64::from((i * 7919 % 2_097_151) as u32) - 1_048_575.0;
        let mut gram = Gram::new(1, 0);
        gram.extend(n, |i, dense, _| dense[0] = q(i));
        let naive: i128 = (0..n).map(|i| i128::from(q(i) as i64).pow(2)).sum();
        assert!(naive > 1 << 53);
        assert_eq!(gram.at(0, 0), naive);
    }
}

//! Products of matrices whose bits are the same on every machine.
//!
//! An element of a product is defined as a chain: starting from zero, or from what stands in its place already, terms are added in
//! the order of the inner index, each by one fused multiply-add, which IEEE 754 rounds in one way only. Nothing else is an input:
//! not the width of registers, not how the loops are blocked for caches, not threads. Libraries are faster by a fifth, and cut the
//! inner index by the size of the caches that they find, so that two processors of one kind may differ in the last bit.

/// How many rows and columns of the product stay in registers at one time.
const HEIGHT: usize = 6;
const WIDTH: usize = 16;
/// How much of the inner index is done before the next columns: so much of both factors fits into the first cache.
const DEPTH: usize = 256;

/// The right factor of a product: `depth()` by `width()`, read in panels.
pub(crate) trait Columns {
    /// The inner dimension.
    fn depth(&self) -> usize;
    /// How many columns.
    fn width(&self) -> usize;
    /// Writes rows `first..` of the columns `column..column + WIDTH` into `panel`, a row after the other; columns beyond the last are 0.
    fn pack(&self, first: usize, column: usize, panel: &mut [[f32; WIDTH]]);
}

/// A matrix in memory, or its transpose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// `rows` by `columns`, row after row.
    pub(crate) fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        debug_assert_eq!(values.len(), rows * columns);
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    pub(crate) fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }

    /// The numbers as they lie in memory.
    pub(crate) fn values(self) -> &'a [f32] {
        self.values
    }

    fn at(&self, row: usize, column: usize) -> f32 {
        self.values[row * self.row_stride + column * self.column_stride]
    }
}

impl Columns for Matrix<'_> {
    fn depth(&self) -> usize {
        self.rows
    }

    fn width(&self) -> usize {
        self.columns
    }

    fn pack(&self, first: usize, column: usize, panel: &mut [[f32; WIDTH]]) {
        let width = WIDTH.min(self.columns - column);
        if self.column_stride == 1 {
            for (row, place) in panel.iter_mut().enumerate() {
                let start = (first + row) * self.row_stride + column;
                place[..width].copy_from_slice(&self.values[start..start + width]);
                place[width..].fill(0.0);
            }
            return;
        }
        for (row, place) in panel.iter_mut().enumerate() {
            for (j, value) in place.iter_mut().enumerate() {
                *value = if j < width { self.at(first + row, column + j) } else { 0.0 };
            }
        }
    }
}

/// `product += left · right`, where `product` is `left.rows()` by `right.width()`, row after row.
pub(crate) fn add_product(left: Matrix<'_>, right: &impl Columns, product: &mut [f32]) {
    let (height, depth, width) = (left.rows, right.depth(), right.width());
    debug_assert_eq!((left.columns, product.len()), (depth, height * width));
    if height == 0 || width == 0 {
        return;
    }
    let mut panel = vec![[0.0; WIDTH]; DEPTH.min(depth)];
    let mut strips = Vec::new();
    for first in (0..depth).step_by(DEPTH) {
        let depth = DEPTH.min(depth - first);
        pack_left(left, first, depth, &mut strips);
        for column in (0..width).step_by(WIDTH) {
            right.pack(first, column, &mut panel[..depth]);
            let product = &mut product[column..];
            let task = Strip { strips: &strips, panel: &panel[..depth], product, stride: width, height, width: WIDTH.min(width - column) };
            pulp::Arch::new().dispatch(task);
        }
    }
}

/// Puts the columns `first..first + depth` of `left` into strips of [`HEIGHT`] rows, column after column; rows beyond the last are 0.
fn pack_left(left: Matrix<'_>, first: usize, depth: usize, strips: &mut Vec<[f32; HEIGHT]>) {
    strips.clear();
    strips.resize(left.rows.div_ceil(HEIGHT) * depth, [0.0; HEIGHT]);
    for (strip, place) in strips.chunks_exact_mut(depth).enumerate() {
        let start = strip * HEIGHT;
        for row in 0..HEIGHT.min(left.rows - start) {
            for (column, place) in place.iter_mut().enumerate() {
                place[row] = left.at(start + row, first + column);
            }
        }
    }
}

/// Adds to up to [`WIDTH`] columns of the product, which lie `stride` apart by rows.
///
/// The loops stand in a type of their own because `pulp` compiles for wide registers what it can inline, and a closure is not.
struct Strip<'a> {
    strips: &'a [[f32; HEIGHT]],
    panel: &'a [[f32; WIDTH]],
    product: &'a mut [f32],
    stride: usize,
    height: usize,
    width: usize,
}

impl pulp::NullaryFnOnce for Strip<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    fn call(self) {
        let Self { strips, panel, product, stride, height, width } = self;
        for (strip, left) in strips.chunks_exact(panel.len()).enumerate() {
            let start = strip * HEIGHT;
            let rows = HEIGHT.min(height - start);
            let mut sums = [[0.0_f32; WIDTH]; HEIGHT];
            for (row, sums) in sums.iter_mut().enumerate().take(rows) {
                let place = (start + row) * stride;
                sums[..width].copy_from_slice(&product[place..place + width]);
            }
            for (left, right) in left.iter().zip(panel) {
                for row in 0..HEIGHT {
                    for column in 0..WIDTH {
                        sums[row][column] = left[row].mul_add(right[column], sums[row][column]);
                    }
                }
            }
            for (row, sums) in sums.iter().enumerate().take(rows) {
                let place = (start + row) * stride;
                product[place..place + width].copy_from_slice(&sums[..width]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition.
    fn chain(left: Matrix<'_>, right: Matrix<'_>, product: &mut [f32]) {
        for row in 0..left.rows {
            for column in 0..right.columns {
                let place = row * right.columns + column;
                for inner in 0..left.columns {
                    product[place] = left.at(row, inner).mul_add(right.at(inner, column), product[place]);
                }
            }
        }
    }

    fn numbers(n: usize, seed: u64) -> Vec<f32> {
        (0..n).map(|i| untrain_core::unit(untrain_core::mix(seed, i as u64)) as f32 - 0.5).collect()
    }

    proptest! {
        #[test]
        fn a_product_has_the_bits_of_its_definition(
            (height, depth, width) in (0_usize..20, 0_usize..600, 0_usize..40), turn in 0_u8..4, seed: u64,
        ) {
            let (a, b, start) = (numbers(height * depth, seed), numbers(depth * width, !seed), numbers(height * width, seed ^ 7));
            let left = if turn & 1 == 0 { Matrix::new(&a, height, depth) } else { Matrix::new(&a, depth, height).transposed() };
            let right = if turn & 2 == 0 { Matrix::new(&b, depth, width) } else { Matrix::new(&b, width, depth).transposed() };
            let (mut fast, mut slow) = (start.clone(), start);
            add_product(left, &right, &mut fast);
            chain(left, right, &mut slow);
            prop_assert_eq!(fast, slow);
        }
    }
}

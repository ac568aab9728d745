//! Products of matrices whose bits are the same on every machine.
//!
//! An element of a product is defined as a chain: starting from zero, or from what stands in its place already, terms are added in
//! the order of the inner index, each by one fused multiply-add, which IEEE 754 rounds in one way only. Nothing else is an input:
//! not the width of registers, not how the loops are blocked for caches, not threads. Libraries are faster by a fifth, and cut the
//! inner index by the size of the caches that they find, so that two processors of one kind may differ in the last bit.

use pulp::{Simd, WithSimd};

use crate::tile::{Room, Tile};

/// How much of the inner index is done before the next columns: so much of both factors fits into the first caches.
const DEPTH: usize = 256;

/// The sides of the squares that are turned in registers.
const SQUARE: usize = 8;

/// A matrix in memory, or its transpose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    /// Whether columns lie one after another, and not rows.
    turned: bool,
}

impl<'a> Matrix<'a> {
    /// `rows` by `columns`, row after row.
    pub(crate) fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        debug_assert_eq!(values.len(), rows * columns);
        Self { values, rows, columns, turned: false }
    }

    pub(crate) fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, turned: !self.turned, ..self }
    }

    /// Writes `depth` rows from `first` on of `width` columns from `column` on, row after row, each filled up with zeros to `stride`.
    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    pub(crate) fn pack(self, (first, depth): (usize, usize), (column, width): (usize, usize), stride: usize, place: &mut [f32]) {
        let place = &mut place[..depth * stride];
        if width < stride {
            place.fill(0.0);
        }
        if self.turned {
            let row = |j: usize| &self.values[(column + j) * self.rows + first..][..depth];
            let whole = (width - width % SQUARE, depth - depth % SQUARE);
            for j in (0..whole.0).step_by(SQUARE) {
                let rows: [&[[f32; SQUARE]]; SQUARE] = std::array::from_fn(|k| row(j + k).as_chunks().0);
                for (i, place) in place.chunks_exact_mut(SQUARE * stride).take(whole.1 / SQUARE).enumerate() {
                    let square: [[f32; SQUARE]; SQUARE] = std::array::from_fn(|k| rows[k][i]);
                    for (k, place) in place.chunks_exact_mut(stride).enumerate() {
                        place[j..j + SQUARE].copy_from_slice(&square.map(|row| row[k]));
                    }
                }
            }
            for j in 0..width {
                let from = if j < whole.0 { whole.1 } else { 0 };
                let places = place.iter_mut().skip(from * stride + j).step_by(stride);
                places.zip(&row(j)[from..]).for_each(|(place, value)| *place = *value);
            }
        } else {
            for (row, place) in place.chunks_exact_mut(stride).enumerate() {
                let start = (first + row) * self.columns + column;
                place[..width].copy_from_slice(&self.values[start..start + width]);
            }
        }
    }
}

/// `product += left · right`, where `product` is `left.rows` by `right.columns`, row after row.
pub(crate) fn add_product(left: Matrix<'_>, right: Matrix<'_>, product: &mut [f32]) {
    debug_assert_eq!((left.columns, product.len()), (right.rows, left.rows * right.columns));
    if !product.is_empty() {
        pulp::Arch::new().dispatch(Product { left, right, sums: product });
    }
}

struct Product<'a> {
    left: Matrix<'a>,
    right: Matrix<'a>,
    sums: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT < 32 {
            self.tiled::<S, 6, 2>(simd);
        } else if self.right.columns <= S::F32_LANES {
            self.tiled::<S, 8, 1>(simd);
        } else {
            self.tiled::<S, 8, 2>(simd);
        }
    }
}

impl Product<'_> {
    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    fn tiled<S: Simd, const H: usize, const C: usize>(self, simd: S) {
        let Self { left, right, sums } = self;
        let (height, depth, width) = (left.rows, left.columns, right.columns);
        let (mut strips, mut panel) = (Room::default(), Room::default());
        for first in (0..depth).step_by(DEPTH) {
            let depth = DEPTH.min(depth - first);
            let strips = strips.get(height.div_ceil(H) * depth * H);
            for (strip, place) in strips.chunks_exact_mut(depth * H).enumerate() {
                let start = strip * H;
                left.transposed().pack((first, depth), (start, H.min(height - start)), H, place);
            }
            for column in (0..width).step_by(Tile::<S, H, C>::WIDTH) {
                let panel = panel.get(depth * Tile::<S, H, C>::WIDTH);
                let columns = Tile::<S, H, C>::WIDTH.min(width - column);
                right.pack((first, depth), (column, columns), Tile::<S, H, C>::WIDTH, panel);
                for (strip, left) in strips.chunks_exact(depth * H).enumerate() {
                    let start = strip * H;
                    let (rows, place) = (H.min(height - start), start * width + column);
                    let mut tile = Tile::<S, H, C>::load(simd, &sums[place..], width, rows, columns);
                    for (left, right) in left.as_chunks::<H>().0.iter().zip(Tile::<S, H, C>::rows(panel)) {
                        tile.add(simd, left, right);
                    }
                    tile.store(simd, &mut sums[place..], width, rows, columns);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tile::{self, numbers};

    /// A product with sums of its own.
    struct Apart<'a> {
        left: Matrix<'a>,
        right: Matrix<'a>,
        start: &'a [f32],
    }

    impl WithSimd for Apart<'_> {
        type Output = Vec<f32>;

        fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
            let mut sums = self.start.to_vec();
            if !sums.is_empty() {
                Product { left: self.left, right: self.right, sums: &mut sums }.with_simd(simd);
            }
            sums
        }
    }

    fn at(matrix: Matrix<'_>, row: usize, column: usize) -> f32 {
        matrix.values[if matrix.turned { column * matrix.rows + row } else { row * matrix.columns + column }]
    }

    /// The definition.
    fn chain(left: Matrix<'_>, right: Matrix<'_>, product: &mut [f32]) {
        for row in 0..left.rows {
            for column in 0..right.columns {
                let place = row * right.columns + column;
                for inner in 0..left.columns {
                    product[place] = at(left, row, inner).mul_add(at(right, inner, column), product[place]);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_product_has_the_bits_of_its_definition(
            (height, depth, width) in (0_usize..20, 0_usize..600, 0_usize..40), turn in 0_u8..4, seed: u64,
        ) {
            let (a, b, start) = (numbers(height * depth, seed), numbers(depth * width, !seed), numbers(height * width, seed ^ 7));
            let left = if turn & 1 == 0 { Matrix::new(&a, height, depth) } else { Matrix::new(&a, depth, height).transposed() };
            let right = if turn & 2 == 0 { Matrix::new(&b, depth, width) } else { Matrix::new(&b, width, depth).transposed() };
            let mut slow = start.clone();
            chain(left, right, &mut slow);
            for fast in tile::on_all(|| Apart { left, right, start: &start }) {
                prop_assert_eq!(&fast, &slow);
            }
            let mut fast = start;
            add_product(left, right, &mut fast);
            prop_assert_eq!(fast, slow);
        }
    }
}

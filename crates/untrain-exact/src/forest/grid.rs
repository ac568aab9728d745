//! Candidate thresholds: one hashed point in each cell of a grid that no record placed.
//!
//! The cells are intervals `[c·2^L, (c+1)·2^L)` of the real line. A node asks for the coarsest `L` at which its range of a
//! feature spans at most `n_thresholds` cells, so it gets between half of them and all. The point inside a cell is a hash
//! of the node's path, the feature, `L` and `c`. So a candidate depends on other records only through `L` and through the
//! range `[low, high)` in which thresholds separate anything: when the record at the end of the range is forgotten, the
//! thresholds beyond the new end drop out, and all others stay where they are.
//!
//! One threshold a cell, cells in order: the bin of a value is its cell plus one comparison, without a search.

use untrain_core::{exponent, mix};

/// Positions of a point inside its cell.
const POSITIONS: i64 = 256;

/// The grid of one feature in one node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grid {
    /// `L`: a cell is 2^L wide.
    level: i32,
    inverse_width: f64,
    step: f64,
    /// The cell of the lowest value.
    base: i64,
    /// How many cells, the first being `base`.
    cells: u32,
    key: u64,
}

impl Grid {
    /// The grid of `low ≤ x ≤ high`, both finite; without cells if the two are equal.
    ///
    /// `key` is the hash of the node's path and the feature.
    pub(super) fn new(low: f32, high: f32, n_thresholds: u32, key: u64) -> Self {
        if low == high {
            return Self { level: 0, inverse_width: 1.0, step: 1.0, base: 0, cells: 0, key };
        }
        let level = level(low, high, n_thresholds);
        let mut grid = Self {
            level,
            inverse_width: power_of_two(-level),
            step: power_of_two(level) / POSITIONS as f64,
            base: 0,
            cells: 0,
            key: mix(key, i64::from(level) as u64),
        };
        grid.base = grid.cell(low);
        grid.cells = (grid.cell(high) - grid.base + 1) as u32;
        grid
    }

    pub(super) fn level(&self) -> i32 {
        self.level
    }

    pub(super) fn cells(&self) -> usize {
        self.cells as usize
    }

    /// The bins that the cells' thresholds make: bin `i` lies between threshold `i − 1` and threshold `i`.
    pub(super) fn bins(&self) -> usize {
        self.cells as usize + 1
    }

    /// The number of the cell that holds `x`.
    #[inline]
    pub(super) fn cell(&self, x: f32) -> i64 {
        let scaled = f64::from(x) * self.inverse_width;
        let truncated = scaled as i64;
        truncated - i64::from(truncated as f64 > scaled)
    }

    /// The place of `x`'s cell among the cells of this grid, for `x` in the range.
    ///
    /// It may be one off for an `x` at the border of two cells, within rounding. That is no matter to [`Grid::bin`]: the
    /// point of the lower cell is at least 1/256 of a cell below the border, and that of the upper cell is not below it.
    #[inline]
    pub(super) fn place(&self, x: f32) -> usize {
        /// Adding it to a small number rounds that to an integer, which then stands in the lowest bits.
        const TO_BITS: f64 = 6_755_399_441_055_744.0; // 1.5 · 2^52
        let offset = f64::from(x) * self.inverse_width - self.base as f64;
        ((offset - 0.5) + TO_BITS).to_bits() as u32 as usize
    }

    /// The bin of `x`.
    #[inline]
    pub(super) fn bin(&self, x: f32) -> usize {
        if self.cells == 0 {
            return 0;
        }
        let place = self.place(x);
        place + usize::from(x > self.threshold(place))
    }

    /// The threshold of the `i`-th cell.
    #[inline]
    pub(super) fn threshold(&self, i: usize) -> f32 {
        self.point(self.base + i as i64)
    }

    /// Whether missing values go left at the threshold of the `i`-th cell.
    #[inline]
    pub(super) fn missing_left(&self, i: usize) -> bool {
        mix(self.key, (self.base + i as i64) as u64) & 1 == 1
    }

    /// The point in a cell: the largest `f32` that is at most the hashed position, which compares with every `f32` as the
    /// position itself does.
    #[inline]
    pub(super) fn point(&self, cell: i64) -> f32 {
        let position = (mix(self.key, cell as u64) >> 56) as i64;
        let exact = (cell * POSITIONS + position) as f64 * self.step;
        let nearest = exact as f32;
        if f64::from(nearest) > exact { nearest.next_down() } else { nearest }
    }
}

/// The smallest `L` with `(high − low) / 2^L ≤ n_thresholds`, but no finer than the spacing of `f32` at the larger end.
fn level(low: f32, high: f32, n_thresholds: u32) -> i32 {
    let wanted = (f64::from(high) - f64::from(low)) / f64::from(n_thresholds);
    let finest = exponent(f64::from(low.abs().max(high.abs()))) - 23;
    let exact = exponent(wanted) + i32::from(wanted.to_bits() << 12 != 0);
    exact.max(finest)
}

fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair() -> impl Strategy<Value = (f32, f32)> {
        let value = prop_oneof![
            any::<f32>().prop_filter("finite", |x| x.is_finite()),
            -100_f32..100.0,
            (-50_i16..50).prop_map(f32::from),
            (1_u32..40).prop_map(|bits| 1.0 + f32::EPSILON * bits as f32),
            (0_u32..40).prop_map(f32::from_bits),
        ];
        (value.clone(), value).prop_filter_map("ordered", |(a, b)| {
            if a < b {
                Some((a, b))
            } else if b < a {
                Some((b, a))
            } else {
                None
            }
        })
    }

    proptest! {
        #[test]
        fn a_value_is_right_of_every_threshold_below_its_bin((low, high) in pair(), s in 1_u32..64, share in 0_f64..=1.0, key: u64) {
            let grid = Grid::new(low, high, s, key);
            // One more at each end, where the range cuts a cell.
            prop_assert!(grid.cells() <= s as usize + 2);
            let x = (f64::from(low) + share * (f64::from(high) - f64::from(low))) as f32;
            let x = x.clamp(low, high);
            let bin = grid.bin(x);
            for i in 0..grid.cells() {
                prop_assert_eq!(x > grid.threshold(i), i < bin, "x {} threshold {}", x, grid.threshold(i));
                prop_assert!(i == 0 || grid.threshold(i - 1) <= grid.threshold(i));
            }
        }

        #[test]
        fn a_shrunken_range_of_the_same_level_keeps_its_thresholds((low, high) in pair(), key: u64) {
            let wide = Grid::new(low, high, 30, key);
            let narrow = Grid::new(low, low + (high - low) * 0.9, 30, key);
            if low < low + (high - low) * 0.9 && narrow.level() == wide.level() {
                for i in 0..narrow.cells() {
                    prop_assert_eq!(narrow.threshold(i), wide.threshold(i));
                }
            }
        }
    }
}

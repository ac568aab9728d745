//! Rounding an enclosed optimum to the grid that is published.

use untrain_core::{Seed, unit};

use super::double::{Double, OUTER};

const PURPOSE_OFFSET: u64 = 0x6f66_6673_6574_0000; // "offset"

/// The grid of one problem's weights.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    /// The binary digits after the point.
    pub(crate) grid: u32,
    /// By how much each weight's borders are moved, ±1/8.
    pub(crate) offsets: Vec<f64>,
}

impl Published {
    /// The grid for columns (the intercept is the last), whose borders are moved by a hash of their names and of the class.
    pub(crate) fn new(seed: Seed, grid: u32, names: &[String], class: &str) -> Self {
        let offset = |name: &String| {
            let mut key = name.as_bytes().to_vec();
            key.push(0);
            key.extend_from_slice(class.as_bytes());
            (unit(seed.hash(PURPOSE_OFFSET, &key)) - 0.5) / 4.0
        };
        Self { grid, offsets: names.iter().map(offset).collect() }
    }

    /// How many steps of the grid there are in 1.
    pub(super) fn steps(&self) -> f64 {
        f64::from_bits(u64::from(1023 + self.grid) << 52)
    }

    /// The integers that may be published.
    pub(super) const RANGE: std::ops::RangeInclusive<i64> = 1 - (1 << 62)..=(1 << 62) - 1;
}

/// The roundings of weights that are known within `errors`; `None` if one is ambiguous. The largest weight that can be published is
/// 2^62 steps of the grid.
pub(crate) fn decide(grid: &Published, weights: &[Double], errors: &[f64]) -> Option<Vec<i64>> {
    let unit = grid.steps();
    let one = |((w, error), offset): ((&Double, &f64), &f64)| {
        let at = *w * unit + Double::from(*offset);
        // Beyond 2^53 the low part has whole steps of its own.
        let (first, limit) = (at.hi.round_ties_even(), (1_u64 << 62) as f64);
        let second = (at - Double::from(first)).hi.round_ties_even();
        let rest = (at - Double::from(first) - Double::from(second)).hi;
        let error = error * unit + at.hi.abs() * OUTER + f64::EPSILON * rest.abs();
        (rest.abs() + error < 0.5 && first.abs() < limit && second.abs() < limit).then_some(first as i64 + second as i64)
    };
    weights.iter().zip(errors).zip(&grid.offsets).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_rounded_only_if_it_is_clear() {
        let grid = Published { grid: 2, offsets: vec![0.125] };
        let weight = |hi: f64, error: f64| decide(&grid, &[Double::from(hi)], &[error]);
        assert_eq!(weight(0.0, 0.09), Some(vec![0]));
        assert_eq!(weight(0.0, 0.1), None);
        assert_eq!(weight(0.09375, 1e-12), None);
        assert_eq!(weight(0.0938, 1e-12), Some(vec![1]));
        assert_eq!(weight(1e30, 0.0), None);
        assert_eq!(weight(f64::NAN, 0.0), None);
        let large = |lo: f64| decide(&grid, &[Double { hi: (1_u64 << 58) as f64, lo }], &[1e-3]);
        assert_eq!((large(5.0), large(5.09375)), (Some(vec![(1 << 60) + 20]), None));
    }
}

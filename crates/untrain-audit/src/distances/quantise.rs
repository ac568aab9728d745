//! Quantise, then test: does rounding the weights bring back what was forgotten \[@zhang2025\]?
//!
//! Unlearning that moves weights by little is undone when they are rounded to a grid coarser than the move. Eight bits are mostly harmless, four are not.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A grid: signed integers of so many bits, with one scale for each group of neighbouring weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Bits a weight: 8 or 4 in practice, 2 to 8 here.
    pub bits: u32,
    /// Weights a group: 64 or 128 in practice.
    pub group: usize,
}

impl Grid {
    /// Eight bits in groups of 128.
    pub const INT8: Self = Self { bits: 8, group: 128 };
    /// Four bits in groups of 64.
    pub const INT4: Self = Self { bits: 4, group: 64 };

    /// Rounds each weight to the nearest multiple of its group's scale, max |w| / (2^(bits − 1) − 1). Ties go to the even multiple.
    ///
    /// # Errors
    ///
    /// Bits outside 2 to 8; an empty group; a weight that is not finite.
    ///
    /// # Examples
    ///
    /// ```
    /// use untrain_audit::distances::quantise::Grid;
    ///
    /// let rounded = Grid::INT4.round(&[0.7, 0.34, -0.02])?;
    /// assert!((rounded[1] - 0.3).abs() < 1e-6 && rounded[2] == 0.0);
    /// # Ok::<(), untrain_audit::Error>(())
    /// ```
    pub fn round(&self, weights: &[f32]) -> Result<Vec<f32>> {
        if !(2..=8).contains(&self.bits) {
            return Err(Error::Parameter { name: "bits", reason: "has to be 2 to 8" });
        }
        if self.group == 0 {
            return Err(Error::Parameter { name: "group", reason: "has to be at least 1" });
        }
        if let Some(point) = weights.iter().position(|weight| !weight.is_finite()) {
            return Err(Error::NotFinite { model: 0, point });
        }
        let steps = ((1_u32 << (self.bits - 1)) - 1) as f32;
        let rounded = weights.chunks(self.group).flat_map(|group| {
            let largest = group.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
            let scale = largest / steps;
            // A group of zeros, or of numbers too small to divide, rounds to itself.
            group.iter().map(|w| if scale > 0.0 { (w / scale).round_ties_even() * scale } else { *w }).collect::<Vec<_>>()
        });
        Ok(rounded.collect())
    }
}

/// A metric before and after rounding, beside its value for a retrained model, rounded too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rounding {
    /// The metric of the candidate.
    pub before: f64,
    /// The metric of the rounded candidate.
    pub after: f64,
    /// The metric of the rounded retrained model.
    pub retrained_after: f64,
    /// The metric of the original model.
    pub original: f64,
}

impl Rounding {
    /// Which part of what the original model knew comes back: 0 for a retrain, 1 for the original; `None` where those do not differ.
    pub fn recovered(&self) -> Option<f64> {
        let known = self.original - self.retrained_after;
        (known != 0.0 && known.is_finite()).then(|| (self.after - self.retrained_after) / known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_at_most_half_a_step_and_each_group_has_its_scale() {
        let weights: Vec<f32> = (0..=255_u8).map(|i| (f32::from(i) - 128.0) * if i < 128 { 1.0 } else { 1e-3 }).collect();
        for grid in [Grid::INT8, Grid::INT4] {
            let rounded = grid.round(&weights).unwrap();
            for (group, rounded) in weights.chunks(grid.group).zip(rounded.chunks(grid.group)) {
                let largest = group.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
                let half = largest / (if grid.bits == 8 { 127.0 } else { 7.0 }) / 2.0;
                assert!(group.iter().zip(rounded).all(|(a, b)| (a - b).abs() <= half * 1.0001));
            }
        }
    }

    #[test]
    fn a_small_move_is_undone_by_four_bits_and_kept_by_eight() {
        let original: Vec<f32> = vec![1.0, 0.45, -0.25, 0.125];
        let moved: Vec<f32> = original.iter().map(|weight| weight * 1.03).collect::<Vec<_>>();
        let mut unlearned = moved;
        unlearned[0] = 1.0;
        let grid = Grid { bits: 4, group: 4 };
        assert_eq!(grid.round(&unlearned).unwrap(), grid.round(&original).unwrap());
        let fine = Grid { bits: 8, group: 4 };
        assert_ne!(fine.round(&unlearned).unwrap(), fine.round(&original).unwrap());
    }

    #[test]
    fn bad_grids_and_weights_are_refused_and_zeros_stay() {
        assert_eq!(Grid::INT8.round(&[0.0, 0.0]).unwrap(), [0.0, 0.0]);
        assert!(Grid { bits: 1, group: 64 }.round(&[1.0]).is_err());
        assert!(Grid { bits: 8, group: 0 }.round(&[1.0]).is_err());
        assert!(Grid::INT8.round(&[f32::NAN]).is_err());
        let rounding = Rounding { before: 0.1, after: 0.6, retrained_after: 0.2, original: 1.0 };
        assert!((rounding.recovered().unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(Rounding { original: 0.2, ..rounding }.recovered(), None);
    }
}

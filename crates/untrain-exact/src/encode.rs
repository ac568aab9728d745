//! Records as rows of numbers: scales, one-hot categories, counts of hashed words, logarithms, clipping and fill values.
//!
//! What depends on the records ([`layout`]: which columns there are; [`scale`]: centres and steps) is a function of the *set*
//! of retained records, had from exact integer sums, and is forgotten with them. A row itself is integers, so that sums
//! over rows are exact in any order.

mod design;
mod encoder;
mod layout;
mod params;
mod scale;

pub(crate) use design::{Design, Row};
pub(crate) use encoder::{Bound, Encoder};
pub(crate) use layout::{Layout, Source, Targets};
pub use params::Preprocessing;
pub(crate) use params::Wanted;
pub(crate) use scale::{Scale, read_shift};

/// Whether a row has a sparse column.
pub(crate) fn has(sparse: &[(u32, f32)], column: u32) -> bool {
    sparse.binary_search_by_key(&column, |(column, _)| *column).is_ok()
}

/// Quantised numbers are at most 2^20 in magnitude: exact in `f32`, and the products of 8,192 of them are summed exactly in `f64`.
pub(crate) const BITS: u32 = 20;

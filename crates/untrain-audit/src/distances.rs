//! Distances to retraining: one file each.

pub mod divergence;
pub mod gaps;
pub mod klom;
pub mod neurips;
pub mod quantise;
pub mod relearn;
pub mod tow;

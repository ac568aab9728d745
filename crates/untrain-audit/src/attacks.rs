//! Attacks: one file each.

pub mod athena;
pub mod canary;
pub mod confidence;
pub mod differencing;
pub mod entropy;
pub mod gaussian_poison;
pub mod lira;
pub mod logreg;
pub mod loss;
pub mod modified_entropy;
pub mod rmia;
pub mod ulira;

//! Lower bounds on ε, and what they refute: one file each.

pub mod clopper_pearson;
pub mod one_run;
pub mod ratio;
pub mod refute;

//! The hyperparameters of stochastic gradient descent.

use serde::{Deserialize, Serialize};
use untrain_core::{Result, Writer};

use untrain_core::hyperparameters::{Hyperparameters, refuse, within};

/// The hyperparameters of [`super::Sgd`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SgdParams {
    /// How many passes over the records, 1 to 1000; in slices, so many after each.
    pub n_epochs: u32,
    /// The length of a step, over 0 to 100.
    pub learning_rate: f64,
    /// How many weights the features share, 16 to 2^20.
    pub n_buckets: u32,
    /// The unit of the target in regression, over 0: about as large as targets vary. It is declared, and not fitted.
    pub target_scale: f64,
}

impl Default for SgdParams {
    fn default() -> Self {
        Self { n_epochs: 3, learning_rate: 0.1, n_buckets: 4096, target_scale: 1.0 }
    }
}

impl SgdParams {
    pub(super) fn write(&self, out: &mut Writer) {
        let Self { n_epochs, learning_rate, n_buckets, target_scale } = self;
        out.varint(u64::from(*n_epochs));
        out.f64(*learning_rate);
        out.varint(u64::from(*n_buckets));
        out.f64(*target_scale);
    }
}

impl Hyperparameters for SgdParams {
    fn check(&self) -> Result<()> {
        within("n_epochs", self.n_epochs, 1, 1000)?;
        within("n_buckets", self.n_buckets, 16, 1 << 20)?;
        if !(self.learning_rate > 0.0 && self.learning_rate <= 100.0) {
            return Err(refuse("learning_rate", format!("{} is not over 0 and at most 100", self.learning_rate)));
        }
        if !(self.target_scale >= 1e-100 && self.target_scale <= 1e100) {
            return Err(refuse("target_scale", format!("{} is not 1e-100 to 1e100", self.target_scale)));
        }
        Ok(())
    }
}

//! What a forget operation promises about the model it returns.

use serde::{Deserialize, Serialize};

/// How strong the claim is that a model no longer depends on the forgotten records.
///
/// # Examples
///
/// ```
/// use untrain_core::Guarantee;
///
/// assert_eq!(Guarantee::Exact.and(Guarantee::Empirical), Guarantee::Empirical);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Guarantee {
    /// The bytes are the bytes of a retrain without the records. Checked by replay: retrain and compare digests.
    Exact,
    /// The released model is (ε, δ)-indistinguishable from a retrain, under the method's stated assumptions.
    Certified {
        /// The bound on the log-likelihood ratio.
        epsilon: f64,
        /// The probability with which the bound may fail.
        delta: f64,
    },
    /// No guarantee beyond what an audit measured.
    Empirical,
}

impl Guarantee {
    /// The guarantee of two operations, one after the other: the weaker kind decides, and budgets add up.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Exact, weaker) | (weaker, Self::Exact) => weaker,
            (Self::Empirical, _) | (_, Self::Empirical) => Self::Empirical,
            (Self::Certified { epsilon: e1, delta: d1 }, Self::Certified { epsilon: e2, delta: d2 }) => {
                Self::Certified { epsilon: e1 + e2, delta: d1 + d2 }
            }
        }
    }
}

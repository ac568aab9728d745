//! What finding an optimum took; for benchmarks, never in bytes.

/// Counts of the work that a model of a convex problem has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Passes over all rows in `f64`.
    pub passes: u64,
    /// Passes over all rows in double-double arithmetic.
    pub double_passes: u64,
    /// Problems that double-double arithmetic could not decide, and that were solved anew with more digits.
    pub precise: u64,
    /// Hessians made and factorised.
    pub factorisations: u64,
    /// Products of a Hessian that is not made with a vector.
    pub products: u64,
    /// Requests answered without a pass over the rows.
    pub without_pass: u64,
}

impl std::ops::Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passes: self.passes + other.passes,
            double_passes: self.double_passes + other.double_passes,
            precise: self.precise + other.precise,
            factorisations: self.factorisations + other.factorisations,
            products: self.products + other.products,
            without_pass: self.without_pass + other.without_pass,
        }
    }
}

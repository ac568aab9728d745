//! Athena: did the trigger that a user planted in her own records stop working after the deletion \[@sommer2022\]?

use crate::error::{Error, Result, within_unit};
use crate::special::binomial_at_least;

/// A test with its error rates: "deleted" is rejected when at least `threshold` of the queries show the planted target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Athena {
    /// How many triggered inputs are asked.
    pub n_queries: u64,
    /// How many hits reject the deletion.
    pub threshold: u64,
    /// The chance of rejecting a true deletion: at most the stated level.
    pub type_one: f64,
    /// The chance of believing in a deletion that did not happen, β. The confidence of a belief is 1 − β.
    pub type_two: f64,
}

impl Athena {
    /// Plans the test for the success rates of the trigger: `deleted` (q, from users who planted none) and `kept` (p, from the own model before).
    ///
    /// The threshold is t = min{t : P[Bin(n, q) ≥ t] ≤ level}, and β = P[Bin(n, p) < t].
    ///
    /// # Errors
    ///
    /// A rate or the level outside (0, 1); `kept` not above `deleted`; so few queries that even n hits prove nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use untrain_audit::attacks::athena::Athena;
    ///
    /// let test = Athena::plan(10, 0.1, 0.6, 0.05)?;
    /// assert_eq!(test.threshold, 4);
    /// assert!(test.rejects(5));
    /// # Ok::<(), untrain_audit::Error>(())
    /// ```
    pub fn plan(n_queries: u64, deleted: f64, kept: f64, level: f64) -> Result<Self> {
        within_unit("deleted", deleted)?;
        within_unit("kept", kept)?;
        within_unit("level", level)?;
        if kept <= deleted {
            return Err(Error::Parameter { name: "kept", reason: "has to lie above the rate after deletion; the trigger shows nothing" });
        }
        let needed = libm::ceil(libm::log(level) / libm::log(deleted)) as usize;
        let tail = |t: u64| binomial_at_least(t, n_queries, deleted);
        let few = Error::TooFewPoints { attack: "Athena", needed, found: n_queries as usize, instead: None };
        if tail(n_queries) > level || n_queries == 0 {
            return Err(few);
        }
        // The tail falls with t, so the threshold is found by halving.
        let (mut fails, mut holds) = (0, n_queries);
        while holds - fails > 1 {
            let middle = u64::midpoint(fails, holds);
            if tail(middle) <= level { holds = middle } else { fails = middle }
        }
        Ok(Self { n_queries, threshold: holds, type_one: tail(holds), type_two: 1.0 - binomial_at_least(holds, n_queries, kept) })
    }

    /// Whether this many hits reject the deletion.
    pub fn rejects(&self, hits: u64) -> bool {
        hits >= self.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published helper takes one hit less: type I .070 at a level of .05, and β .012 instead of .055.
    #[test]
    fn defect_20_athena_keeps_its_level_and_tells_its_true_beta() {
        let test = Athena::plan(10, 0.1, 0.6, 0.05).unwrap();
        assert_eq!(test.threshold, 4);
        assert!((test.type_one - 0.012_795_198_4).abs() < 1e-10);
        assert!((test.type_two - 0.054_761_881_6).abs() < 1e-10);
        for n in 5..200 {
            let test = Athena::plan(n, 0.1, 0.6, 0.05).unwrap();
            assert!(test.type_one <= 0.05 && binomial_at_least(test.threshold - 1, n, 0.1) > 0.05);
        }
    }

    #[test]
    fn one_query_proves_nothing_and_it_says_how_many_do() {
        assert!(matches!(Athena::plan(1, 0.1, 0.6, 0.05), Err(Error::TooFewPoints { needed: 2, .. })));
        assert!(Athena::plan(10, 0.6, 0.1, 0.05).is_err());
        assert!(Athena::plan(10, 0.0, 0.1, 0.05).is_err());
    }
}

//! EASE: the weights `B = I − P · diag(1 / diag(P))` with `P = (XᵀX + αI)⁻¹`, published as the unique rounding of the true B.
//!
//! `P` is approximated ([`inverse`]) with a proven bound on the error of each column. A weight is rounded where the bound
//! leaves no doubt ([`rounding`]), and otherwise its column is solved more precisely until it does not. Boundaries between
//! multiples of the grid are moved by a keyed hash, so that weights which data makes exact halves do not lie on one.
//!
//! References: EASE [@steck2019, eq. 8]; rank-one revision of an inverse [@sherman1950].

mod cholesky;
mod gram;
mod inverse;
mod rounding;

use std::sync::Arc;

use rayon::prelude::*;
use untrain_core::{Error, Result, Seed};

use super::interactions::{Change, Changes, Interactions, Items};
use super::params::RecommendParams;
use crate::encoded::unfit;
use gram::{Gram, Step};
use inverse::Inverse;
use rounding::{Boundaries, proven};

/// The most items; a matrix of so many rows takes 128 MiB.
pub(super) const MAX_ITEMS: u64 = 4096;

/// The weights, and what revises them.
#[derive(Debug, Clone)]
pub(super) struct Ease {
    grid: u32,
    seed: Seed,
    alpha_units: i64,
    /// The items when the weights were published, in the order of their names, with their codes.
    items: Vec<(Arc<str>, u32)>,
    /// For each code what each item adds to its score.
    columns: Vec<Vec<i32>>,
    /// The approximate inverse; absent after an error, and then made anew.
    inverse: Option<Inverse>,
    /// How much looser bounds are taken to be than they are, to try what seldom happens.
    slack: f64,
}

impl Ease {
    pub(super) fn new(params: &RecommendParams, seed: Seed, interactions: &Interactions) -> Result<Self> {
        Self::with_slack(params, seed, interactions, 1.0)
    }

    fn with_slack(params: &RecommendParams, seed: Seed, interactions: &Interactions, slack: f64) -> Result<Self> {
        let alpha_units = params.alpha_units();
        let mut ease = Self { grid: params.grid, seed, alpha_units, items: Vec::new(), columns: Vec::new(), inverse: None, slack };
        ease.publish(interactions, None)?;
        Ok(ease)
    }

    /// The digits of the grid and the columns of weights, both in the order of the items' names.
    pub(super) fn weights(&self) -> Vec<Vec<i32>> {
        let sorted = |column: &Vec<i32>| self.items.iter().map(|(_, code)| column[*code as usize]).collect();
        self.items.iter().map(|(_, code)| sorted(&self.columns[*code as usize])).collect()
    }

    /// Follows the changes of users, or changes nothing.
    pub(super) fn revise(&mut self, interactions: &Interactions, changes: &Changes) -> Result<()> {
        let few = changes.users.len() * 8 <= interactions.items.n_codes();
        self.publish(interactions, if few && !changes.rescaled { Some(&changes.users) } else { None })
    }

    /// Publishes the weights for these interactions: from the inverse, revised for `changes`, or from a new one.
    fn publish(&mut self, interactions: &Interactions, changes: Option<&Vec<Change>>) -> Result<()> {
        let found = interactions.items.len() as u64;
        if found > MAX_ITEMS {
            return Err(Error::TooMany { what: "items", found, limit: MAX_ITEMS });
        }
        let gram = Gram::of(interactions, self.alpha_units);
        let boundaries = Boundaries::of(&interactions.items, self.seed, self.grid, self.slack);
        let rounded = changes.and_then(|changes| {
            let inverse = self.inverse.take()?;
            let (digits, alpha) = (inverse.digits, gram.alpha());
            let round = |j: usize, row: &[i64], residual| boundaries.rounded(j, row, digits, residual, alpha);
            let (inverse, columns) = inverse.revised(&gram, &steps(changes), round)?;
            Some((proven(columns, &inverse, &gram, &boundaries, true)?, inverse))
        });
        let (columns, inverse) = match rounded {
            Some(rounded) => rounded,
            None => anew(&gram, &boundaries)?,
        };
        self.items = interactions.items.sorted().map(|(name, code)| (Arc::clone(name), code)).collect();
        self.columns = columns;
        self.inverse = Some(inverse);
        Ok(())
    }
}

/// The weights and the inverse for these interactions, from nothing else.
fn anew(gram: &Gram<'_>, boundaries: &Boundaries) -> Result<(Vec<Vec<i32>>, Inverse)> {
    let undecided = || {
        let reason = format!("with alpha {}, the rounding of the weights for these interactions cannot be proven", gram.alpha());
        unfit(reason, "take a larger alpha, or method=neighbours, which needs no such proof")
    };
    let inverse = Inverse::of(gram).ok_or_else(undecided)?;
    let rounded = |(j, row): (usize, &Vec<i64>)| boundaries.rounded(j, row, inverse.digits, inverse.residuals[j], gram.alpha());
    let columns = inverse.rows.par_iter().enumerate().map(rounded).collect();
    let columns = proven(columns, &inverse, gram, boundaries, false).ok_or_else(undecided)?;
    Ok((columns, inverse))
}

/// A user's new vector joins before the old one leaves: what is inverted stays positive definite.
fn steps<'a>(changes: &'a [Change]) -> Vec<Step<'a>> {
    let both = |Change { old, new }: &'a Change| [Step { sign: 1, x: new }, Step { sign: -1, x: old }];
    changes.iter().flat_map(both).filter(|step| !step.x.is_empty()).collect()
}

impl Boundaries {
    fn of(items: &Items, seed: Seed, grid: u32, slack: f64) -> Self {
        const ROW: u64 = 0x6561_7365_2072_6f77; // "ease row"
        const COLUMN: u64 = 0x6561_7365_2063_6f6c; // "ease col"
        let mut boundaries = Self::new(items.n_codes(), grid, slack);
        for (name, code) in items.sorted() {
            let hash = |purpose| seed.hash(purpose, name.as_bytes()) as u32;
            boundaries.add(code, hash(ROW), hash(COLUMN));
        }
        boundaries
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Float64Array, StringArray};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use untrain_core::{Column, Dataset, Kind, Role, Schema};

    use super::*;

    /// Rows of a user, an item and a value.
    fn dataset(rows: &[(u32, u32, f64)]) -> Dataset {
        let column = |name: &str, kind, role| Column { name: name.into(), kind, role, declared: true };
        let columns = vec![
            column("item", Kind::Categorical, Role::Feature),
            column("user", Kind::Categorical, Role::Subject),
            column("value", Kind::Numeric, Role::Target),
        ];
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| format!("item {:03}", row.1)))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| format!("user {:03}", row.0)))),
            Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.2))),
        ];
        let ids = StringArray::from_iter_values((0..rows.len()).map(|i| format!("{i:05}")));
        Dataset::new(Schema { id: None, columns, holdout: None }, &ids, arrays).unwrap()
    }

    fn params(alpha: f64, grid: u32) -> RecommendParams {
        RecommendParams { alpha, grid, ..RecommendParams::default() }
    }

    fn weights(rows: &[(u32, u32, f64)], alpha: f64, grid: u32, slack: f64) -> Vec<Vec<i32>> {
        let params = params(alpha, grid);
        let interactions = Interactions::of(&params, &dataset(rows)).unwrap();
        Ease::with_slack(&params, Seed(9), &interactions, slack).unwrap().weights()
    }

    /// By hand: A = [[4, 1], [1, 3]], its inverse is [[3, −1], [−1, 4]] / 11, so the weights are 1/3 and 1/4.
    #[test]
    fn two_items_have_the_weights_worked_by_hand() {
        let rows = [(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (2, 0, 1.0), (3, 1, 1.0)];
        for slack in [1.0, 1e12] {
            // The first column holds what the second item adds to the score of the first: 1/3.
            assert_eq!(weights(&rows, 1.0, 16, slack), [[0, 21_845], [16_384, 0]]);
        }
    }

    /// Gauss–Jordan without any of the machinery under test.
    fn by_elimination(rows: &[(u32, u32, f64)], alpha: f64) -> Vec<Vec<f64>> {
        let items: std::collections::BTreeSet<u32> = rows.iter().map(|row| row.1).collect();
        let mut largest = std::collections::BTreeMap::new();
        for (user, item, value) in rows {
            let held = largest.entry((*user, *item)).or_insert(*value);
            *held = value.max(*held);
        }
        let n = items.len();
        let value = |user: u32, item: u32| largest.get(&(user, item)).copied().unwrap_or_default();
        let mut a = vec![vec![0.0; 2 * n]; n];
        for (i, x) in items.iter().enumerate() {
            for (j, y) in items.iter().enumerate() {
                a[i][j] = (0..30).map(|user| value(user, *x) * value(user, *y)).sum::<f64>() + if i == j { alpha } else { 0.0 };
            }
            a[i][n + i] = 1.0;
        }
        for k in 0..n {
            let pivot = a[k][k];
            a[k].iter_mut().for_each(|x| *x /= pivot);
            let row = a[k].clone();
            for (i, other) in a.iter_mut().enumerate().filter(|(i, _)| *i != k) {
                let factor = other[k];
                assert!(i != k);
                other.iter_mut().zip(&row).for_each(|(x, y)| *x -= factor * y);
            }
        }
        let weight = |i: usize, j: usize| if i == j { 0.0 } else { -a[i][n + j] / a[j][n + j] };
        (0..n).map(|j| (0..n).map(|i| weight(i, j)).collect()).collect()
    }

    fn interactions() -> impl Strategy<Value = Vec<(u32, u32, f64)>> {
        let halves = (1..11_u32).prop_map(|half| f64::from(half) / 2.0);
        vec((0..30_u32, 0..25_u32, prop_oneof![Just(1.0), halves]), 1..250)
    }

    proptest! {
        /// With bounds taken for far too loose every weight is solved for by itself: the proof decides, not the way to it.
        #[test]
        fn the_slow_way_finds_the_same_weights(rows in interactions(), alpha in 0.1..200.0_f64, grid in 4_u32..21) {
            prop_assert_eq!(weights(&rows, alpha, grid, 1.0), weights(&rows, alpha, grid, 1e12));
        }

        #[test]
        fn weights_are_those_of_elimination(rows in interactions(), alpha in 0.1..200.0_f64) {
            let alpha = (alpha * 1024.0).round() / 1024.0;
            let expected = by_elimination(&rows, alpha);
            for (column, expected) in weights(&rows, alpha, 16, 1.0).iter().zip(&expected) {
                for (weight, expected) in column.iter().zip(expected) {
                    // Half a step, and an eighth that the boundary may be moved by.
                    prop_assert!((f64::from(*weight) - expected * 65_536.0).abs() < 0.625 + 1e-3, "{} {}", weight, expected * 65_536.0);
                }
            }
        }
    }
}

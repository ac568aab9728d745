//! The hyperparameters of a recommender.

use serde::{Deserialize, Serialize};
use untrain_core::{Result, Writer};

use untrain_core::hyperparameters::{Hyperparameters, refuse, within};

/// How items are related to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The weights of EASE: each item regressed on all others.
    Ease,
    /// The most similar items of each item.
    Neighbours,
}

/// How alike two items are to [`Method::Neighbours`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Similarity {
    /// The cosine of the angle between their columns of values.
    Cosine,
    /// Of the users who have either, the share that has both; the size of values does not count.
    Jaccard,
}

/// The hyperparameters of a recommender.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecommendParams {
    /// How items are related to each other.
    pub method: Method,
    /// The column that holds the items; needs no saying if there is one feature, or one declared to be categorical.
    pub item: Option<String>,
    /// The L2 regularisation of EASE, in multiples of 1/1024, 1/1024 to 1,048,576. With values of 0 and 1, twice as many
    /// users bear about twice as much.
    pub alpha: f64,
    /// Interactions with a smaller value do not count, and all others count as 1.
    pub min_value: Option<f64>,
    /// How many neighbours an item has at most, 1 to 10,000.
    pub n_neighbours: u32,
    /// How alike two items are.
    pub similarity: Similarity,
    /// The binary digits after the point to which weights of EASE are rounded, 4 to 20.
    pub grid: u32,
    /// How many items are recommended, 1 to 10,000.
    pub n_top: u32,
}

impl Default for RecommendParams {
    fn default() -> Self {
        Self {
            method: Method::Ease,
            item: None,
            alpha: 150.0,
            min_value: None,
            n_neighbours: 50,
            similarity: Similarity::Cosine,
            grid: 16,
            n_top: 10,
        }
    }
}

impl RecommendParams {
    /// `alpha` in multiples of 1/1024.
    pub(super) fn alpha_units(&self) -> i64 {
        (self.alpha * ALPHA_UNIT).round_ties_even() as i64
    }

    /// Writes the hyperparameters canonically.
    pub(super) fn write(&self, out: &mut Writer) {
        let Self { method, item, alpha, min_value, n_neighbours, similarity, grid, n_top } = self;
        out.u8(*method as u8);
        out.flag(item.is_some());
        out.text(item.as_deref().unwrap_or_default());
        out.f64(*alpha);
        write_optional(*min_value, out);
        [n_neighbours, grid, n_top].into_iter().for_each(|n| out.varint(u64::from(*n)));
        out.u8(*similarity as u8);
    }
}

/// How many units of `alpha` there are in 1.
pub(super) const ALPHA_UNIT: f64 = 1024.0;
const MAX_ALPHA: f64 = 1_048_576.0;

/// Writes a number that may be absent.
pub(super) fn write_optional(value: Option<f64>, out: &mut Writer) {
    out.flag(value.is_some());
    if let Some(value) = value {
        out.f64(value);
    }
}

impl Hyperparameters for RecommendParams {
    fn check(&self) -> Result<()> {
        if !(1.0 / ALPHA_UNIT..=MAX_ALPHA).contains(&self.alpha) {
            return Err(refuse("alpha", format!("{} is out of range; it is over 0, at least 1/1024 and at most 1,048,576", self.alpha)));
        }
        if self.min_value.is_some_and(|value| !value.is_finite()) {
            return Err(refuse("min_value", "it is a finite number"));
        }
        within("n_neighbours", self.n_neighbours, 1, 10_000)?;
        within("grid", self.grid, 4, 20)?;
        within("n_top", self.n_top, 1, 10_000)
    }
}

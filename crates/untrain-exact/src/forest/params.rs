//! The hyperparameters of a forest.

use serde::{Deserialize, Serialize};
use untrain_core::{Result, Writer};

use untrain_core::hyperparameters::{Hyperparameters, refuse, within};

/// How many features a node considers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MaxFeatures {
    /// This many, but no more than there are.
    Count(u32),
    /// This share of all features, rounded down, at least one.
    Share(f64),
    /// By name.
    Named(NamedMaxFeatures),
}

/// The named ways to choose how many features a node considers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedMaxFeatures {
    /// √d, rounded up.
    Sqrt,
    /// log₂ d, rounded up.
    Log2,
    /// All of them.
    All,
}

/// What a split is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Gini impurity (classification).
    Gini,
    /// Shannon information gain (classification).
    Entropy,
    /// Reduction of the squared error (regression).
    SquaredError,
}

/// The hyperparameters of a forest, under scikit-learn's names where it has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// How many trees, 1 to 10,000.
    pub n_trees: u32,
    /// How deep a tree may be, 1 to 64.
    pub max_depth: u32,
    /// A node with fewer records is a leaf; at least 2.
    pub min_samples_split: u32,
    /// A split leaves at least so many records on each side; at least 1.
    pub min_samples_leaf: u32,
    /// How many features a node considers.
    pub max_features: MaxFeatures,
    /// How many thresholds of a numeric feature, or categories of a categorical one, a node considers at most; 1 to 256.
    pub n_thresholds: u32,
    /// The share of trees that hold a record, over 0 to 1; the number of trees is rounded up.
    pub subsample: f64,
    /// What a split is judged by; by default what suits the task.
    pub criterion: Option<Criterion>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            n_trees: 100,
            max_depth: 20,
            min_samples_split: 2,
            min_samples_leaf: 1,
            max_features: MaxFeatures::Named(NamedMaxFeatures::Sqrt),
            n_thresholds: 30,
            subsample: 0.2,
            criterion: None,
        }
    }
}

impl Params {
    /// In how many trees a record is.
    pub(super) fn trees_per_record(&self) -> u32 {
        ((self.subsample * f64::from(self.n_trees)).ceil() as u32).clamp(1, self.n_trees)
    }

    /// How many of `d` features a node considers.
    pub(super) fn features_per_node(&self, d: usize) -> u32 {
        let d = d as u32;
        let wanted = match self.max_features {
            MaxFeatures::Count(count) => count,
            MaxFeatures::Share(share) => (share * f64::from(d)) as u32,
            // Integer square root and logarithm, rounded up: the machine's libm is not asked.
            MaxFeatures::Named(NamedMaxFeatures::Sqrt) => d.isqrt() + u32::from(d.isqrt().pow(2) < d),
            MaxFeatures::Named(NamedMaxFeatures::Log2) => d.max(1).next_power_of_two().ilog2(),
            MaxFeatures::Named(NamedMaxFeatures::All) => d,
        };
        wanted.clamp(1, d.max(1))
    }

    /// Writes the hyperparameters canonically.
    pub(super) fn write(&self, out: &mut Writer) {
        let Self { n_trees, max_depth, min_samples_split, min_samples_leaf, max_features, n_thresholds, subsample, criterion } = self;
        for value in [n_trees, max_depth, min_samples_split, min_samples_leaf, n_thresholds] {
            out.varint(u64::from(*value));
        }
        let (kind, value) = match max_features {
            MaxFeatures::Count(count) => (0, f64::from(*count)),
            MaxFeatures::Share(share) => (1, *share),
            MaxFeatures::Named(NamedMaxFeatures::Sqrt) => (2, 0.0),
            MaxFeatures::Named(NamedMaxFeatures::Log2) => (3, 0.0),
            MaxFeatures::Named(NamedMaxFeatures::All) => (4, 0.0),
        };
        out.u8(kind);
        out.f64(value);
        out.f64(*subsample);
        out.u8(match criterion {
            None => 0,
            Some(Criterion::Gini) => 1,
            Some(Criterion::Entropy) => 2,
            Some(Criterion::SquaredError) => 3,
        });
    }
}

impl Hyperparameters for Params {
    fn check(&self) -> Result<()> {
        let Self { n_trees, max_depth, min_samples_split, min_samples_leaf, max_features, n_thresholds, subsample, criterion: _ } = self;
        within("n_trees", *n_trees, 1, 10_000)?;
        within("max_depth", *max_depth, 1, 64)?;
        within("min_samples_split", *min_samples_split, 2, u32::MAX)?;
        within("min_samples_leaf", *min_samples_leaf, 1, u32::MAX)?;
        within("n_thresholds", *n_thresholds, 1, 256)?;
        match max_features {
            MaxFeatures::Count(count) => within("max_features", *count, 1, u32::MAX)?,
            MaxFeatures::Share(share) if !(*share > 0.0 && *share <= 1.0) => {
                return Err(refuse("max_features", format!("{share} is not a share over 0 up to 1, nor a whole number")));
            }
            MaxFeatures::Share(_) | MaxFeatures::Named(_) => {}
        }
        if !(*subsample > 0.0 && *subsample <= 1.0) {
            return Err(refuse("subsample", format!("{subsample} is not over 0 and at most 1")));
        }
        Ok(())
    }
}

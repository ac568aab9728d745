//! The hyperparameters of nearest neighbours.

use serde::{Deserialize, Serialize};
use untrain_core::{Reader, Result, Writer};

use crate::encode::Preprocessing;
use untrain_core::hyperparameters::{Hyperparameters, within};

/// What a neighbour counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// As much as any other.
    #[default]
    Uniform,
    /// The inverse of its distance; neighbours at distance 0, if there are any, count alone.
    Distance,
}

/// How far two records are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The length of the straight line.
    #[default]
    Euclidean,
    /// The sum of the differences.
    Manhattan,
    /// 1 less the cosine of the angle at 0, which standardising makes the mean; always found by a scan.
    Cosine,
}

/// How neighbours are found. What is found is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeighbourIndex {
    /// A tree of boxes where there are numbers and many records, else a scan.
    #[default]
    Auto,
    /// A scan of all records.
    Brute,
    /// A tree of boxes, where there are numbers.
    Tree,
}

/// The hyperparameters of nearest neighbours, under scikit-learn's names where it has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KnnParams {
    /// How many neighbours count, 1 to 10,000; all records if there are fewer.
    pub n_neighbors: u32,
    /// What a neighbour counts.
    pub weights: Weights,
    /// How far two records are apart.
    pub metric: Metric,
    /// How neighbours are found.
    pub index: NeighbourIndex,
    /// How columns become numbers.
    #[serde(flatten)]
    pub preprocessing: Preprocessing,
}

impl Default for KnnParams {
    fn default() -> Self {
        Self {
            n_neighbors: 5,
            weights: Weights::default(),
            metric: Metric::default(),
            index: NeighbourIndex::default(),
            preprocessing: Preprocessing::default(),
        }
    }
}

impl Hyperparameters for KnnParams {
    fn check(&self) -> Result<()> {
        within("n_neighbors", self.n_neighbors, 1, Self::MOST_NEIGHBOURS)?;
        self.preprocessing.check()
    }
}

impl KnnParams {
    const MOST_NEIGHBOURS: u32 = 10_000;

    /// Writes all but the preprocessing.
    pub(super) fn write(&self, out: &mut Writer) {
        let Self { n_neighbors, weights, metric, index, preprocessing: _ } = self;
        out.varint(u64::from(*n_neighbors));
        out.u8(match weights {
            Weights::Uniform => 0,
            Weights::Distance => 1,
        });
        out.u8(match metric {
            Metric::Euclidean => 0,
            Metric::Manhattan => 1,
            Metric::Cosine => 2,
        });
        out.u8(match index {
            NeighbourIndex::Auto => 0,
            NeighbourIndex::Brute => 1,
            NeighbourIndex::Tree => 2,
        });
    }

    /// Reads what [`KnnParams::write`] wrote.
    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self> {
        let n_neighbors = input.at_most(Self::MOST_NEIGHBOURS as usize)? as u32;
        let weights = match input.u8()? {
            0 => Weights::Uniform,
            1 => Weights::Distance,
            byte => return Err(input.malformed(format!("there are no weights {byte}"))),
        };
        let metric = match input.u8()? {
            0 => Metric::Euclidean,
            1 => Metric::Manhattan,
            2 => Metric::Cosine,
            byte => return Err(input.malformed(format!("there is no metric {byte}"))),
        };
        let index = match input.u8()? {
            0 => NeighbourIndex::Auto,
            1 => NeighbourIndex::Brute,
            2 => NeighbourIndex::Tree,
            byte => return Err(input.malformed(format!("there is no index {byte}"))),
        };
        let read = Self { n_neighbors, weights, metric, index, preprocessing: Preprocessing::default() };
        read.check().map_err(|error| input.malformed(error.to_string()))?;
        Ok(read)
    }
}

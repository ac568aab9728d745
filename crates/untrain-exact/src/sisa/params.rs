//! The hyperparameters of sharding.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use untrain_core::{Result, Writer};

use untrain_core::hyperparameters::{Hyperparameters, refuse, within};

/// With more shards the weights of stacking would take longer than the retraining that sharding saves.
const MAX_STACKED: u32 = 256;

/// What decides the shard of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShardBy {
    /// Its id.
    Record,
    /// Its subject, so that forgetting a person touches one shard; a record without a subject goes by its id.
    Subject,
}

/// How the predictions of shards become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// The mean probability of each class, or the mean number.
    Mean,
    /// The share of shards whose most probable class it is (classification only).
    Vote,
    /// A combination whose weights are learnt from what shards say of records that they did not train on.
    Stacked,
}

/// The hyperparameters of sharding \[@bourtoule2021\].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SisaParams {
    /// The name of the learner of each shard.
    pub base: String,
    /// Its hyperparameters.
    pub base_params: Map<String, Value>,
    /// How many shards, 1 to 4096.
    pub n_shards: u32,
    /// How many slices a shard is trained in, 1 to 1024. Without effect where the base forgets by revision, or does not train
    /// incrementally: a checkpoint would then save nothing.
    pub n_slices: u32,
    /// What decides the shard of a record.
    pub shard_by: ShardBy,
    /// How the predictions of shards become one.
    pub aggregation: Aggregation,
    /// A numeric column that holds how probable it is that a record will have to be forgotten; a missing value counts as 0.
    pub deletion_probability: Option<String>,
    /// Where the bins of that probability end, rising: a record is in the bin of the number of thresholds that it reaches.
    pub deletion_thresholds: Vec<f64>,
    /// How many shards each bin has to itself, one number more than thresholds; about equally many if empty.
    pub shards_per_bin: Vec<u32>,
    /// How many checkpoints a shard keeps at most, evenly spread, with the last, which is the model; all if absent.
    pub max_checkpoints: Option<u32>,
}

impl Default for SisaParams {
    fn default() -> Self {
        Self {
            base: "forest".to_owned(),
            base_params: Map::new(),
            n_shards: 8,
            n_slices: 4,
            shard_by: ShardBy::Record,
            aggregation: Aggregation::Mean,
            deletion_probability: None,
            deletion_thresholds: vec![0.01, 0.1],
            shards_per_bin: Vec::new(),
            max_checkpoints: None,
        }
    }
}

impl SisaParams {
    /// Whether the model is kept after slice `slice`, counted from 0; the last always is.
    pub fn keeps(&self, slice: u32) -> bool {
        let (kept, n) = (self.max_checkpoints.unwrap_or(u32::MAX).clamp(1, self.n_slices), self.n_slices);
        // The j-th of those kept comes after ⌈j · n / kept⌉ slices: one does if a multiple of n / kept lies in the slice.
        let multiples = |slices: u32| u64::from(slices) * u64::from(kept) / u64::from(n);
        multiples(slice + 1) > multiples(slice)
    }

    /// For each bin of the probability of deletion, its first shard and how many it has; one bin without such a probability.
    pub fn bins(&self) -> Vec<(u32, u32)> {
        let n_bins = if self.deletion_probability.is_some() { self.deletion_thresholds.len() as u32 + 1 } else { 1 };
        // Of shards that cannot be shared out evenly, the bins of likely leavers get one more: theirs shall be small.
        let even = |bin: u32| self.n_shards / n_bins + u32::from(bin >= n_bins - self.n_shards % n_bins);
        let given = (n_bins > 1).then_some(&self.shards_per_bin).filter(|given| !given.is_empty());
        let mut first = 0;
        let count = |bin: u32| given.map_or_else(|| even(bin), |given| given[bin as usize]);
        (0..n_bins)
            .map(|bin| {
                let bounds = (first, count(bin));
                first += bounds.1;
                bounds
            })
            .collect()
    }

    /// Writes the hyperparameters canonically.
    pub(super) fn write(&self, out: &mut Writer) {
        let Self {
            base,
            base_params,
            n_shards,
            n_slices,
            shard_by,
            aggregation,
            deletion_probability,
            deletion_thresholds,
            shards_per_bin,
            max_checkpoints,
        } = self;
        out.text(base);
        // A map of this kind keeps its keys sorted.
        out.text(&Value::Object(base_params.clone()).to_string());
        out.varint(u64::from(*n_shards));
        out.varint(u64::from(*n_slices));
        out.flag(*shard_by == ShardBy::Subject);
        out.u8(aggregation.byte());
        out.flag(deletion_probability.is_some());
        out.text(deletion_probability.as_deref().unwrap_or_default());
        out.varint(deletion_thresholds.len() as u64);
        deletion_thresholds.iter().for_each(|threshold| out.f64(*threshold));
        out.varint(shards_per_bin.len() as u64);
        shards_per_bin.iter().for_each(|n| out.varint(u64::from(*n)));
        out.varint(u64::from(max_checkpoints.unwrap_or_default()));
    }
}

impl Aggregation {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Mean => 0,
            Self::Vote => 1,
            Self::Stacked => 2,
        }
    }
}

impl Hyperparameters for SisaParams {
    fn check(&self) -> Result<()> {
        within("n_shards", self.n_shards, 1, 4096)?;
        within("n_slices", self.n_slices, 1, 1024)?;
        within("max_checkpoints", self.max_checkpoints.unwrap_or(1), 1, u32::MAX)?;
        if self.aggregation == Aggregation::Stacked && self.n_shards > MAX_STACKED {
            return Err(refuse("aggregation", format!("\"stacked\" is for at most {MAX_STACKED} shards")));
        }
        let rises = self.deletion_thresholds.windows(2).all(|pair| pair[0] < pair[1]);
        if !rises || self.deletion_thresholds.iter().any(|threshold| !threshold.is_finite()) {
            return Err(refuse("deletion_thresholds", "they do not rise"));
        }
        let n_bins = self.deletion_thresholds.len() + 1;
        if !self.shards_per_bin.is_empty() {
            let total: u64 = self.shards_per_bin.iter().map(|n| u64::from(*n)).sum();
            if self.shards_per_bin.len() != n_bins || self.shards_per_bin.contains(&0) || total != u64::from(self.n_shards) {
                let reason = format!("it needs {n_bins} numbers from 1 up that add up to n_shards, which is {}", self.n_shards);
                return Err(refuse("shards_per_bin", reason));
            }
        }
        if self.deletion_probability.is_some() {
            if self.shard_by == ShardBy::Subject {
                return Err(refuse("deletion_probability", "it goes with shard_by=record: the records of one person may differ in it"));
            }
            if (self.n_shards as usize) < n_bins {
                return Err(refuse("n_shards", format!("{} is fewer than the {n_bins} bins of deletion_probability", self.n_shards)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_spread_evenly_and_include_the_last() {
        let kept = |n_slices, max_checkpoints| {
            let params = SisaParams { n_slices, max_checkpoints, ..SisaParams::default() };
            (0..n_slices).filter(|slice| params.keeps(*slice)).collect::<Vec<_>>()
        };
        assert_eq!(kept(4, None), [0, 1, 2, 3]);
        assert_eq!(kept(8, Some(2)), [3, 7]);
        assert_eq!(kept(5, Some(1)), [4]);
        assert_eq!(kept(10, Some(3)), [3, 6, 9]);
        assert_eq!(kept(3, Some(9)), [0, 1, 2]);
    }

    #[test]
    fn bins_share_the_shards_out() {
        let mut params = SisaParams { n_shards: 8, ..SisaParams::default() };
        assert_eq!(params.bins(), [(0, 8)]);
        params.deletion_probability = Some("p".into());
        assert_eq!(params.bins(), [(0, 2), (2, 3), (5, 3)]);
        params.shards_per_bin = vec![5, 2, 1];
        assert_eq!(params.bins(), [(0, 5), (5, 2), (7, 1)]);
    }
}

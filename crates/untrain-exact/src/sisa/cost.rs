//! What forgetting costs in records retrained: the analysis of [@bourtoule2021], section V, for the sizes at hand.
//!
//! A shard of `n` records in one slice costs `n` to train. In slices it costs `Σ_j seen_j`, where `seen_j` is how many records
//! its slices 1 to j hold, since each step goes over all of them. Requests are uniform over the records, and distinct.

use super::params::SisaParams;

/// How many records each slice of each shard holds.
///
/// # Examples
///
/// Equal shards of equal slices have the costs of the paper: one request retrains `1/S · (2/3 + 1/(3R))` of what training
/// costs (equations 1 and 8), up to the record that leaves; a batch of `K` without slices retrains `N(1 − (1 − 1/S)^K) − K`
/// records (equation 4).
///
/// ```
/// use untrain_exact::{ShardSizes, SisaParams};
///
/// let params = SisaParams { n_shards: 4, n_slices: 2, ..SisaParams::default() };
/// let seats = (0..4000).map(|i| (i % 4, i / 4 % 2));
/// let sizes = ShardSizes::new(&params, 2, seats);
/// assert_eq!(sizes.training(), 4.0 * 1500.0);
/// assert!((ShardSizes::paper(4, 2) - 5.0 / 24.0).abs() < 1e-15);
/// assert!((sizes.batch(1) / sizes.training() - ShardSizes::paper(4, 2)).abs() < 1e-3);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ShardSizes {
    /// The sizes of slices, shard by shard; of one slice where slices have no effect.
    pub shards: Vec<Vec<u64>>,
    /// For each slice, whether a checkpoint follows it.
    kept: Vec<bool>,
}

/// A step of training a shard.
struct Step {
    /// How many records it goes over.
    seen: u64,
    /// It is repeated if any of so many records leaves.
    before_checkpoint: u64,
}

impl ShardSizes {
    /// Counts records, each given by its shard and its slice of `n_slices`.
    pub fn new(params: &SisaParams, n_slices: u32, seats: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut shards = vec![vec![0; n_slices as usize]; params.n_shards as usize];
        seats.for_each(|(shard, slice)| shards[shard as usize][slice as usize] += 1);
        let kept = (0..n_slices).map(|slice| n_slices == 1 || params.keeps(slice)).collect();
        Self { shards, kept }
    }

    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.shards.iter().flatten().sum()
    }

    /// How many records the smallest and the largest shard hold.
    pub fn range(&self) -> (u64, u64) {
        let sizes = || self.shards.iter().map(|slices| slices.iter().sum::<u64>());
        (sizes().min().unwrap_or_default(), sizes().max().unwrap_or_default())
    }

    /// How many models are kept: one a shard, and the checkpoints beside it.
    pub fn models(&self) -> u64 {
        (self.shards.len() * self.kept.iter().filter(|kept| **kept).count()) as u64
    }

    /// The cost of training all shards.
    pub fn training(&self) -> f64 {
        self.steps().map(|step| step.seen as f64).sum()
    }

    /// The expected cost of `k` requests in one batch.
    ///
    /// A step of `seen` records is repeated if a request hits one of the `b` records before the next checkpoint, and then goes
    /// over those of its records that are left: `Σ_steps seen · P(one of b is hit) − k · seen / n` (equation 3, with slices).
    pub fn batch(&self, k: u64) -> f64 {
        let n = self.records();
        let k = k.min(n);
        if k == 0 {
            return 0.0;
        }
        let share = k as f64 / n as f64;
        self.steps().map(|step| step.seen as f64 * ((1.0 - spared(n, step.before_checkpoint, k)) - share)).sum()
    }

    /// The expected cost of `k` requests one after another (equation 2, with slices): the cost counts pairs of a record that
    /// leaves and another that is retrained, of which `(n − 1 − i) / (n − 1)` are left after `i` requests.
    pub fn sequential(&self, k: u64) -> f64 {
        let n = self.records();
        let left: f64 = (0..k.min(n)).map(|i| (n - 1 - i) as f64).sum();
        if n > 1 { self.batch(1) * left / (n - 1) as f64 } else { 0.0 }
    }

    /// The paper's expectation for one request, as a share of training: equal shards, equal slices, all checkpoints kept.
    pub fn paper(n_shards: u32, n_slices: u32) -> f64 {
        (2.0 / 3.0 + 1.0 / (3.0 * f64::from(n_slices))) / f64::from(n_shards)
    }

    /// The steps of training: slices without records are passed over.
    fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.shards.iter().flat_map(move |slices| {
            let so_far = slices.iter().scan(0, |sum, n| {
                *sum += n;
                Some(*sum)
            });
            let seen: Vec<u64> = so_far.collect();
            (0..slices.len()).filter(|slice| slices[*slice] > 0).map(move |slice| {
                let checkpoint = (slice..slices.len()).find(|slice| self.kept[*slice]).unwrap_or(slices.len() - 1);
                Step { seen: seen[slice], before_checkpoint: seen[checkpoint] }
            })
        })
    }
}

/// The chance that none of `k` distinct requests of `n` records hits one of `size`.
fn spared(n: u64, size: u64, k: u64) -> f64 {
    // The product over requests or over the records: they are equal, and the shorter will do.
    let (few, many) = if k < size { (k, size) } else { (size, k) };
    (0..few).map(|i| (n - i).saturating_sub(many) as f64 / (n - i) as f64).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What forgetting this record alone costs, as a share of training.
    fn cost_of(sizes: &ShardSizes, shard: u32, slice: u32) -> f64 {
        let slices = &sizes.shards[shard as usize];
        let start = (0..slice as usize).rev().find(|slice| sizes.kept[*slice]).map_or(0, |slice| slice + 1);
        let seen = |step: usize| slices[..=step].iter().sum::<u64>();
        let repeated = (start..slices.len()).filter(|step| slices[*step] > 0);
        repeated.map(|step| seen(step) as f64 - if step >= slice as usize { 1.0 } else { 0.0 }).sum::<f64>() / sizes.training()
    }

    fn equal(n_shards: u32, n_slices: u32, each: u32, max_checkpoints: Option<u32>) -> ShardSizes {
        let params = SisaParams { n_shards, n_slices, max_checkpoints, ..SisaParams::default() };
        let seats = (0..n_shards).flat_map(|shard| (0..n_slices * each).map(move |i| (shard, i % n_slices)));
        ShardSizes::new(&params, n_slices, seats)
    }

    #[test]
    fn shards_cost_what_the_paper_says() {
        let (n, s) = (4000.0, 8.0);
        let sizes = equal(8, 1, 500, None);
        for k in [1, 10, 300] {
            // Equation 2: (N/S + 1/(2S) − 1) K − K² / (2S).
            let count = k as f64;
            let sequential = (n / s + 0.5 / s - 1.0) * count - count * count / (2.0 * s);
            assert!((sizes.sequential(k) / sequential - 1.0).abs() < 2e-3, "{k}: {} and {sequential}", sizes.sequential(k));
            // Equation 4: N (1 − (1 − 1/S)^K) − K; requests that cannot repeat hit a little more.
            let batch = n * (1.0 - (1.0_f64 - 1.0 / s).powi(k as i32)) - count;
            assert!((sizes.batch(k) / batch - 1.0).abs() < 2e-3, "{k}: {} and {batch}", sizes.batch(k));
        }
        assert_eq!(sizes.batch(4000), 0.0);
    }

    #[test]
    fn slices_save_what_the_paper_says() {
        let sizes = equal(4, 5, 100, None);
        assert!((sizes.batch(1) / sizes.training() - ShardSizes::paper(4, 5)).abs() < 2e-3);
        assert_eq!(sizes.models(), 20);
        let without = equal(4, 5, 100, Some(1));
        assert!((without.batch(1) / without.training() - 0.25).abs() < 2e-3);
        assert_eq!(without.models(), 4);
    }

    #[test]
    fn the_expectation_is_the_mean_over_all_requests() {
        let params = SisaParams { n_shards: 3, n_slices: 4, max_checkpoints: Some(2), ..SisaParams::default() };
        let seats: Vec<(u32, u32)> = [(0, 0, 5), (0, 1, 7), (0, 3, 2), (1, 2, 9), (2, 1, 1), (2, 3, 4)]
            .into_iter()
            .flat_map(|(shard, slice, n)| std::iter::repeat_n((shard, slice), n))
            .collect();
        let sizes = ShardSizes::new(&params, 4, seats.iter().copied());
        let mean = seats.iter().map(|(shard, slice)| cost_of(&sizes, *shard, *slice)).sum::<f64>() / seats.len() as f64;
        assert!((sizes.batch(1) / sizes.training() - mean).abs() < 1e-12);
        assert_eq!(sizes.range(), (5, 14));
    }
}

//! KLOM: for each point, how far is the distribution of margins over candidates from that over retrained models \[@georgiev2024, section 3\]?
//!
//! The published estimate is biased and breakable: equal-width bins over the joint range of both samples read 0.34 for equal distributions of 100 models, one
//! diverged model squeezes all others into one bin, and the largest margin falls out of the last bin. Here the bins are quantiles of the
//! retrained sample with a bin beyond either end, counts are smoothed, the bias is measured on splits of the retrained models and subtracted, and
//! a robust Gaussian estimate stands beside it.

use serde::{Deserialize, Serialize};
use untrain_core::Seed;

use crate::bootstrap::quantile;
use crate::error::{Error, Result, same};
use crate::game::{Game, Side};
use crate::random::{Purpose, Stream};
use crate::scores::{Membership, Scores};

/// How many models of each kind the metric needs.
pub const MIN_MODELS: usize = 8;

/// How many splits of the retrained models measure the bias.
const N_SPLITS: u64 = 21;

/// The ratio of the quartile distance of a normal distribution to its standard deviation.
const QUARTILES: f64 = 1.348_979_500_392_163_4;

/// KL(candidate ‖ retrained) of margins, in nats, over the points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Klom {
    /// By histogram, less the bias: the mean over the points.
    pub histogram: f64,
    /// By histogram, less the bias: the 95th percentile over the points.
    pub histogram_95: f64,
    /// By Gaussians through median and quartiles, less the bias: the mean.
    pub gaussian: f64,
    /// By Gaussians, less the bias: the 95th percentile.
    pub gaussian_95: f64,
    /// What was subtracted from the mean by histogram: the median over splits of the retrained models.
    pub histogram_bias: f64,
    /// How many candidates diverged: more than 20 robust deviations from the retrained median on more than half of the points.
    pub n_diverged: usize,
}

/// Compares candidates with retrained models; only worlds in which a point is in count for it, as the others have nothing to forget.
///
/// # Shapes
///
/// `candidate`, `retrained`, `second` and `bits: (n_worlds, n_points)`
///
/// # Errors
///
/// Shapes that differ; fewer than [`MIN_MODELS`] models; no point that is in enough worlds.
///
/// # Complexity
///
/// O(points · models log models), 22 times for the bias.
pub fn klom(candidate: &Scores, retrained: &Scores, second: &Scores, bits: &Membership, seed: Seed) -> Result<Klom> {
    for other in [retrained, second] {
        same("models", candidate.n_models(), other.n_models())?;
        same("points", candidate.n_points(), other.n_points())?;
    }
    same("models with membership bits", candidate.n_models(), bits.n_models())?;
    same("points with membership bits", candidate.n_points(), bits.n_points())?;
    if candidate.n_models() < MIN_MODELS {
        return Err(Error::TooFewModels {
            attack: "KLOM",
            needed: MIN_MODELS,
            found: candidate.n_models(),
            instead: Some("the divergence of predictions"),
        });
    }
    let columns: Vec<Columns> =
        (0..candidate.n_points()).filter_map(|point| Columns::of(point, [candidate, retrained, second], bits)).collect();
    if columns.is_empty() {
        return Err(Error::TooFewPoints { attack: "KLOM", needed: 1, found: 0, instead: None });
    }
    // A quarter of what is typical of the points, by the retrained models alone, so that no candidate moves it.
    let floor = 0.25 * median(columns.iter().map(|column| robust(&mut column.pooled.clone()).1).collect());
    let found = summary(columns.iter().map(|column| column.compare(floor)));
    let splits: Vec<[f64; 4]> = (0..N_SPLITS).map(|place| summary(columns.iter().map(|column| column.split(seed, place, floor)))).collect();
    let bias: [f64; 4] = std::array::from_fn(|at| median(splits.iter().map(|split| split[at]).collect()));
    Ok(Klom {
        histogram: found[0] - bias[0],
        histogram_95: found[1] - bias[1],
        gaussian: found[2] - bias[2],
        gaussian_95: found[3] - bias[3],
        histogram_bias: bias[0],
        n_diverged: diverged(candidate, retrained),
    })
}

/// The p-value of KLOM in the efficacy game: are the margins of candidates further from those of retrained models than exchanged ones are?
///
/// The statistic is the mean over points of KL / (1 + KL) between Gaussians through means and standard deviations, of margins that are clipped at
/// five robust deviations from the median over *all* models, which no exchange moves: bounded twice, so that neither one model nor one point decides.
///
/// # Errors
///
/// As [`Game::p_value`].
///
/// # Complexity
///
/// O(models · points) an exchange.
pub fn p_value(game: &Game, seed: Seed, n_exchanges: u64) -> Result<f64> {
    let n_points = game.n_points();
    let clips: Vec<(f64, f64)> = (0..n_points).map(|point| robust(&mut game.scores().column(point))).collect();
    let clip = |(value, (centre, sd)): (&f64, &(f64, f64))| (value - centre).clamp(-5.0 * sd, 5.0 * sd);
    let clipped: Vec<f64> = game.scores().rows().flat_map(|row| row.iter().zip(&clips).map(clip).collect::<Vec<_>>()).collect();
    let mut moments = vec![[[0.0_f64; 3]; 2]; n_points];
    game.p_value(seed, n_exchanges, |arrangement| {
        moments.fill([[0.0; 3]; 2]);
        for (row, from) in arrangement.iter().enumerate() {
            let values = &clipped[from * n_points..][..n_points];
            for ((value, side), sums) in values.iter().zip(game.sides(row)).zip(&mut moments) {
                for (sums, of_side) in sums.iter_mut().zip([Side::In, Side::Out]) {
                    let weight = f64::from(*side == of_side);
                    sums[0] += weight;
                    sums[1] += weight * value;
                    sums[2] += weight * value * value;
                }
            }
        }
        moments.iter().map(|[p, q]| bounded_kl(p, q)).sum::<f64>() / n_points as f64
    })
}

/// KL / (1 + KL) of Gaussians from counts, sums and sums of squares; 0 where a side has fewer than two models.
fn bounded_kl(p: &[f64; 3], q: &[f64; 3]) -> f64 {
    if p[0] < 2.0 || q[0] < 2.0 {
        return 0.0;
    }
    let fit = |[n, sum, squares]: &[f64; 3]| (sum / n, ((squares - sum * sum / n) / (n - 1.0)).max(1e-12));
    let ((mean_p, var_p), (mean_q, var_q)) = (fit(p), fit(q));
    let shift = mean_p - mean_q;
    let kl = (0.5 * (libm::log(var_q / var_p) + (var_p + shift * shift) / var_q - 1.0)).max(0.0);
    kl / (1.0 + kl)
}

/// KL(N(p) ‖ N(q)) of Gaussians through the medians and quartiles of two samples, in nats.
///
/// No standard deviation counts for less than `floor`: a forest gives many points the same margin from model to model, and quartiles that coincide would make
/// of the least difference a distance of billions.
pub(crate) fn gaussian_kl(p: &mut [f64], q: &mut [f64], floor: f64) -> f64 {
    let [(mean_p, sd_p), (mean_q, sd_q)] = [p, q].map(robust);
    // Constant samples: equal ones are at distance 0, and others at a large finite one.
    let floor = floor.max(1e-6 * (1.0 + mean_q.abs()));
    let (sd_p, sd_q) = (sd_p.max(floor), sd_q.max(floor));
    let shift = (mean_p - mean_q) / sd_q;
    libm::log(sd_q / sd_p) + 0.5 * ((sd_p / sd_q) * (sd_p / sd_q) + shift * shift - 1.0)
}

/// The margins of one point over the models.
struct Columns {
    candidate: Vec<f64>,
    retrained: Vec<f64>,
    /// Retrained and second retrained models.
    pooled: Vec<f64>,
}

impl Columns {
    /// `None` for a point that is in too few worlds.
    fn of(point: usize, [candidate, retrained, second]: [&Scores; 3], bits: &Membership) -> Option<Self> {
        let candidate: Vec<f64> =
            (0..bits.n_models()).filter(|world| bits.row(*world)[point]).map(|world| candidate.row(world)[point]).collect();
        let retrained = retrained.column(point);
        let pooled = [&retrained[..], &second.column(point)].concat();
        (candidate.len() >= MIN_MODELS / 2).then_some(Self { candidate, retrained, pooled })
    }

    fn compare(&self, floor: f64) -> [f64; 2] {
        both(&self.candidate, &self.retrained, &self.pooled, floor)
    }

    /// Retrained models against each other, in samples of the same sizes.
    fn split(&self, seed: Seed, place: u64, floor: f64) -> [f64; 2] {
        // One order for all points: a model moves as a whole.
        let order = Stream::new(seed, Purpose::Splits, place).permutation(self.pooled.len());
        let take = |from: usize, n: usize| order[from..from + n].iter().map(|at| self.pooled[*at]).collect::<Vec<_>>();
        both(&take(0, self.candidate.len()), &take(self.candidate.len(), self.retrained.len()), &self.pooled, floor)
    }
}

fn both(p: &[f64], q: &[f64], pooled: &[f64], floor: f64) -> [f64; 2] {
    [histogram_kl(p, q, pooled), gaussian_kl(&mut p.to_vec(), &mut q.to_vec(), floor)]
}

/// KL by histogram, with half a count added to every bin.
fn histogram_kl(p: &[f64], q: &[f64], pooled: &[f64]) -> f64 {
    let mut sorted = pooled.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    // Ten models a bin, so that counts mean something; the bins beyond the ends are two more.
    let n_bins = (sorted.len() / 20).clamp(2, 20);
    let mut edges: Vec<f64> = (0..=n_bins).map(|edge| quantile(&sorted, edge as f64 / n_bins as f64)).collect();
    edges.dedup();
    let n_bins = edges.len() + 1;
    let bin = |value: &f64| {
        // The last edge belongs to the bin below it: the largest retrained margin is not out of range.
        let at = edges.partition_point(|edge| edge <= value);
        if edges.last() == Some(value) && edges.len() > 1 { at - 1 } else { at }
    };
    let shares = |sample: &[f64]| {
        let mut counts = vec![0.5; n_bins];
        sample.iter().for_each(|value| counts[bin(value)] += 1.0);
        let total: f64 = counts.iter().sum();
        counts.into_iter().map(|count| count / total).collect::<Vec<_>>()
    };
    shares(p).iter().zip(shares(q)).map(|(p, q)| p * libm::log(p / q)).sum()
}

/// Median and the standard deviation that the quartiles tell.
fn robust(sample: &mut [f64]) -> (f64, f64) {
    sample.sort_unstable_by(f64::total_cmp);
    (quantile(sample, 0.5), (quantile(sample, 0.75) - quantile(sample, 0.25)) / QUARTILES)
}

/// Means and 95th percentiles over the points.
fn summary(points: impl Iterator<Item = [f64; 2]>) -> [f64; 4] {
    let (mut histogram, mut gaussian): (Vec<f64>, Vec<f64>) = points.map(|[h, g]| (h, g)).unzip();
    let mean_and_tail = |values: &mut Vec<f64>| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.sort_unstable_by(f64::total_cmp);
        (mean, quantile(values, 0.95))
    };
    let (h, h_95) = mean_and_tail(&mut histogram);
    let (g, g_95) = mean_and_tail(&mut gaussian);
    [h, h_95, g, g_95]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    quantile(&values, 0.5)
}

fn diverged(candidate: &Scores, retrained: &Scores) -> usize {
    let fits: Vec<(f64, f64)> = (0..retrained.n_points()).map(|point| robust(&mut retrained.column(point))).collect();
    let is_far = |(value, (centre, sd)): (&f64, &(f64, f64))| (value - centre).abs() > 20.0 * sd.max(1e-6 * (1.0 + centre.abs()));
    candidate.rows().filter(|row| 2 * row.iter().zip(&fits).filter(|cell| is_far(*cell)).count() > row.len()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::special::normal_quantile;

    /// Standard normal margins of 100 models on 200 points, for one kind of model.
    fn normals(kind: u64, shift: f64) -> Scores {
        let stream = Stream::new(Seed(11), Purpose::Bootstrap, kind);
        Scores::new(100, 200, (0..20_000).map(|i| shift + normal_quantile(stream.unit(i).max(1e-12))).collect()).unwrap()
    }

    fn found(candidate: &Scores) -> Klom {
        klom(candidate, &normals(1, 0.0), &normals(2, 0.0), &Membership::all(100, 200), Seed(1)).unwrap()
    }

    #[test]
    fn defect_9_klom_of_equal_distributions_is_near_zero_at_100_models() {
        for kind in 10..20 {
            let null = found(&normals(kind, 0.0));
            assert!(null.histogram.abs() <= 0.03 && null.gaussian.abs() <= 0.03, "{null:?}");
        }
    }

    #[test]
    fn defect_9_klom_of_a_shift_is_near_the_truth() {
        let shifted = found(&normals(10, 2.0));
        assert!((shifted.gaussian - 2.0).abs() < 0.3, "{shifted:?}");
        assert!((shifted.histogram - 2.0).abs() < 0.5, "{shifted:?}");
    }

    #[test]
    fn defect_9_one_diverged_model_does_not_collapse_klom_and_is_counted() {
        let clean = found(&normals(10, 3.0));
        let mut rows: Vec<Vec<f64>> = normals(10, 3.0).rows().map(<[f64]>::to_vec).collect();
        rows[7].fill(-100.0);
        let broken = found(&Scores::from_rows(rows).unwrap());
        assert_eq!((clean.n_diverged, broken.n_diverged), (0, 1));
        assert!((broken.gaussian / clean.gaussian - 1.0).abs() < 0.1, "{broken:?} against {clean:?}");
        assert!((broken.histogram / clean.histogram - 1.0).abs() < 0.1, "{broken:?} against {clean:?}");
    }

    #[test]
    fn defect_9_the_maximum_is_in_a_bin_and_constants_give_no_nan() {
        let constant = |value: f64| Scores::new(100, 200, vec![value; 20_000]).unwrap();
        let bits = Membership::all(100, 200);
        let equal = klom(&constant(5.0), &constant(5.0), &constant(5.0), &bits, Seed(1)).unwrap();
        assert_eq!((equal.histogram, equal.gaussian), (0.0, 0.0));
        let other = klom(&constant(4.0), &constant(5.0), &constant(5.0), &bits, Seed(1)).unwrap();
        assert!(other.histogram > 2.0 && other.gaussian > 100.0 && other.gaussian.is_finite());
        // Every one of 100 equal samples is counted: the shares of retrained models do not lose their maximum.
        let sample: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(histogram_kl(&sample, &sample, &sample), 0.0);
        assert!(histogram_kl(&[99.0; 100], &sample, &sample) > histogram_kl(&[95.0; 100], &sample, &sample) - 1e-12);
    }

    #[test]
    fn seven_models_are_too_few() {
        let few = Scores::new(7, 1, vec![0.0; 7]).unwrap();
        assert!(matches!(klom(&few, &few, &few, &Membership::all(7, 1), Seed(1)), Err(Error::TooFewModels { needed: 8, .. })));
    }
}

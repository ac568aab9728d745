//! Intervals by the two-level bootstrap: models and points are drawn anew, each as a whole.
//!
//! All scores of one model share its training, and all scores of one point its difficulty, so the scores are not independent and an
//! interval from them alone is several times too narrow. The pigeonhole bootstrap \[@owen2007\] draws rows and columns; its variance is the true
//! one or a little more.

use serde::{Deserialize, Serialize};
use untrain_core::Seed;

use crate::error::{Error, Result, within_unit};
use crate::random::{Purpose, Stream};

/// A range that holds the true value with the stated probability, approximately.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The stated probability, 0.95 for example.
    pub confidence: f64,
}

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// The seed of the resamples.
    pub seed: Seed,
    /// How many resamples are drawn.
    pub n_resamples: usize,
    /// The probability of the interval.
    pub confidence: f64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { seed: Seed(0), n_resamples: 200, confidence: 0.95 }
    }
}

impl Bootstrap {
    /// Percentile intervals of statistics of resampled models and points.
    ///
    /// `statistic` is given how often each model and each point was drawn, and returns its values, `None` where a resample defines none. An interval is
    /// `None` when fewer than half of the resamples define the value.
    ///
    /// # Errors
    ///
    /// A confidence outside (0, 1); no resample.
    pub fn intervals<const K: usize>(
        &self,
        n_models: usize,
        n_points: usize,
        mut statistic: impl FnMut(&[f64], &[f64]) -> [Option<f64>; K],
    ) -> Result<[Option<Interval>; K]> {
        within_unit("confidence", self.confidence)?;
        if self.n_resamples == 0 {
            return Err(Error::Parameter { name: "n_resamples", reason: "has to be at least 1" });
        }
        let mut drawn: [Vec<f64>; K] = std::array::from_fn(|_| Vec::new());
        for resample in 0..self.n_resamples {
            let place = 2 * resample as u64;
            let models = counts(Stream::new(self.seed, Purpose::Bootstrap, place), n_models);
            let points = counts(Stream::new(self.seed, Purpose::Bootstrap, place + 1), n_points);
            for (values, value) in drawn.iter_mut().zip(statistic(&models, &points)) {
                values.extend(value.filter(|value| value.is_finite()));
            }
        }
        Ok(drawn.map(|values| self.percentiles(values)))
    }

    fn percentiles(&self, mut values: Vec<f64>) -> Option<Interval> {
        if values.is_empty() || 2 * values.len() < self.n_resamples {
            return None;
        }
        values.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - self.confidence) / 2.0;
        Some(Interval { low: quantile(&values, tail), high: quantile(&values, 1.0 - tail), confidence: self.confidence })
    }
}

/// The quantile of sorted values, linear between them; NaN of none.
pub(crate) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = p * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

/// How often each of `n` things comes up in `n` draws.
fn counts(stream: Stream, n: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n];
    for draw in 0..n {
        counts[stream.below(n, draw)] += 1.0;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean of model effect + point effect, whose standard deviation is √(1/n_models + 1/n_points) for unit effects.
    #[test]
    fn two_levels_give_the_width_that_one_level_misses() {
        let effect = |purpose, i: usize| {
            let stream = Stream::new(Seed(9), purpose, 0);
            (0..12_usize).map(|k| stream.unit(100 * i + k)).sum::<f64>() - 6.0
        };
        let models: Vec<f64> = (0..16).map(|i| effect(Purpose::Folds, i)).collect();
        let points: Vec<f64> = (0..400).map(|i| effect(Purpose::Splits, i)).collect();
        let mean = |weights: &[f64], effects: &[f64]| {
            weights.iter().zip(effects).map(|(weight, effect)| weight * effect).sum::<f64>() / weights.iter().sum::<f64>()
        };
        let bootstrap = Bootstrap { n_resamples: 1000, ..Bootstrap::default() };
        let [interval] = bootstrap.intervals(16, 400, |m, p| [Some(mean(m, &models) + mean(p, &points))]).unwrap();
        let width = interval.map(|interval| interval.high - interval.low).unwrap();
        let expected = 2.0 * 1.96 * (1.0 / 16.0 + 1.0 / 400.0_f64).sqrt();
        assert!((width / expected - 1.0).abs() < 0.4, "{width} against {expected}");
    }

    #[test]
    fn what_most_resamples_do_not_define_has_no_interval() {
        let bootstrap = Bootstrap::default();
        assert_eq!(bootstrap.intervals(2, 2, |_, _| [None]).unwrap(), [None]);
        assert!(Bootstrap { confidence: 1.0, ..bootstrap }.intervals(2, 2, |_, _| [Some(1.0)]).is_err());
        assert!(Bootstrap { n_resamples: 0, ..bootstrap }.intervals(2, 2, |_, _| [Some(1.0)]).is_err());
    }

    #[test]
    fn quantiles_are_linear_between_values() {
        assert_eq!(quantile(&[1.0, 3.0], 0.25), 1.5);
        assert_eq!(quantile(&[1.0], 0.9), 1.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}

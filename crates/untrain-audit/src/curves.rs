//! What a report draws of a game: the ROC curve and the distribution of the scores, for the candidate and for every control.

use serde::{Deserialize, Serialize};

use crate::bootstrap::{Bootstrap, quantile};
use crate::error::Result;
use crate::roc::Roc;
use crate::trials::{Power, Trials};

/// The most false positive rates at which a curve is drawn, but for the two that tables report.
const RATES: usize = 120;

/// How many bars a distribution has.
const BARS: usize = 40;

/// Scores beyond these are counted in the outermost bar, so that a width can be computed.
const WIDEST: f64 = 1e9;

/// The curves of a game.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// The metric that plays the game, as in [`crate::METRICS`].
    pub metric: String,
    /// The false positive rates at which the curves are drawn, ascending: the least that the judgements resolve first, 1 last.
    pub fpr: Vec<f64>,
    /// The borders of the bars of all distributions, one more than there are bars, in equal steps of asinh. The outermost bars take in what lies beyond.
    pub borders: Vec<f64>,
    /// The candidate.
    pub candidate: Curve,
    /// The null: a second, independent retrain in place of the candidate.
    pub null: Curve,
    /// The positive control: the original model, which forgot nothing.
    pub positive_control: Curve,
    /// A retrain from scratch that costs what unlearning cost.
    pub scratch: Option<Curve>,
    /// A candidate that does nothing.
    pub do_nothing: Option<Curve>,
}

/// What a game says of one kind of model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// AUC and TPR at a low FPR, with intervals.
    pub power: Power,
    /// The true positive rate at each of the rates of [`Curves::fpr`]: the mean over the folds, whose scores are never compared.
    pub tpr: Vec<f64>,
    /// How many judgements of what was in fall into each bar.
    pub members: Vec<u64>,
    /// How many judgements of what was out do.
    pub others: Vec<u64>,
}

/// The judgements of a game on all kinds of models.
pub(crate) struct Judged {
    pub(crate) candidate: Trials,
    pub(crate) null: Trials,
    pub(crate) positive_control: Trials,
    pub(crate) scratch: Option<Trials>,
    pub(crate) do_nothing: Option<Trials>,
}

impl Curves {
    /// Draws the curves of a game.
    ///
    /// # Errors
    ///
    /// As [`Trials::power`].
    pub(crate) fn new(metric: &str, judged: &Judged, bootstrap: &Bootstrap) -> Result<Self> {
        let Judged { candidate, null, positive_control, scratch, do_nothing } = judged;
        let fpr = rates(&candidate.rocs());
        let borders = borders(&[candidate, null, positive_control]);
        let curve = |trials: &Trials| Curve::new(trials, &fpr, &borders, bootstrap);
        let optional = |trials: &Option<Trials>| trials.as_ref().map(curve).transpose();
        Ok(Self {
            metric: metric.to_owned(),
            candidate: curve(candidate)?,
            null: curve(null)?,
            positive_control: curve(positive_control)?,
            scratch: optional(scratch)?,
            do_nothing: optional(do_nothing)?,
            fpr: fpr.clone(),
            borders: borders.clone(),
        })
    }
}

impl Curve {
    fn new(trials: &Trials, fpr: &[f64], borders: &[f64], bootstrap: &Bootstrap) -> Result<Self> {
        let rocs = trials.rocs();
        let mean = |rate: &f64| rocs.iter().map(|roc| reached(roc, *rate)).sum::<f64>() / rocs.len().max(1) as f64;
        let counts = |member: bool| {
            let mut counts = vec![0; borders.len().saturating_sub(1)];
            for trial in trials.all().iter().filter(|trial| trial.member == member) {
                counts[bar(borders, trial.score)] += 1;
            }
            counts
        };
        Ok(Self { power: trials.power(bootstrap)?, tpr: fpr.iter().map(mean).collect(), members: counts(true), others: counts(false) })
    }
}

/// The highest TPR at an FPR of at most `rate`, as in the tables, also where that is none.
fn reached(roc: &Roc, rate: f64) -> f64 {
    let within = roc.points().partition_point(|point| point.fpr <= rate);
    roc.points()[within.saturating_sub(1)].tpr
}

/// False positive rates with about equal steps in their logarithm: whole numbers of false alarms in the smallest fold, so that none is
/// lost to rounding, and the two rates that tables report.
fn rates(rocs: &[Roc]) -> Vec<f64> {
    let n = rocs.iter().map(|roc| roc.counts().1).min().unwrap_or(1).max(1);
    let step = libm::log(n as f64) / (RATES - 1) as f64;
    let alarms = (0..RATES).map(|i| (libm::exp(step * i as f64).round() as usize).clamp(1, n));
    let reported = [0.01, 0.001].into_iter().filter(|rate| rate * n as f64 >= 1.0);
    let mut rates: Vec<f64> = alarms.map(|alarms| alarms as f64 / n as f64).chain(reported).collect();
    rates.sort_unstable_by(f64::total_cmp);
    rates.dedup();
    rates
}

/// The borders of bars over nearly all scores: 0.5 % at either end are left to the outermost bars, since a likelihood ratio may be arbitrarily
/// large. They are equally wide in asinh, so about equally wide near 0 and equal ratios far from it: most ratios lie near 0, and a few in the thousands.
fn borders(all: &[&Trials]) -> Vec<f64> {
    let mut scores: Vec<f64> = all.iter().flat_map(|trials| trials.all()).map(|trial| trial.score.clamp(-WIDEST, WIDEST)).collect();
    scores.sort_unstable_by(f64::total_cmp);
    let (mut low, mut high) = (libm::asinh(quantile(&scores, 0.005)), libm::asinh(quantile(&scores, 0.995)));
    if high - low < 1e-9 {
        (low, high) = (low - 0.5, high + 0.5);
    }
    (0..=BARS).map(|i| libm::sinh(low + (high - low) * i as f64 / BARS as f64)).collect()
}

/// The bar of a score: the last whose lower border it reaches, the first of all for lower ones.
fn bar(borders: &[f64], score: f64) -> usize {
    borders[1..borders.len() - 1].partition_point(|border| *border <= score)
}

#[cfg(test)]
mod tests {
    use untrain_core::Seed;

    use super::*;
    use crate::random::{Purpose, Stream};
    use crate::trials::Trial;

    /// Judgements in two folds: members score `shift` more than others.
    fn trials(shift: f64) -> Trials {
        let stream = Stream::new(Seed(1), Purpose::Splits, 0);
        let trial = |i: usize| {
            let (member, fold) = (i.is_multiple_of(2), (i / 2 % 2) as u32);
            let score = stream.unit(i) + if member { shift } else { 0.0 } + 100.0 * f64::from(fold);
            Trial { score, world: fold, point: (i / 4) as u32, member, fold }
        };
        Trials::new((0..8000).map(trial).collect(), 2, 2000).unwrap()
    }

    fn curves(candidate: f64) -> Curves {
        let judged =
            Judged { candidate: trials(candidate), null: trials(0.0), positive_control: trials(0.5), scratch: None, do_nothing: None };
        Curves::new("ulira-privacy", &judged, &Bootstrap { n_resamples: 2, ..Bootstrap::default() }).unwrap()
    }

    #[test]
    fn a_thinned_curve_agrees_with_the_table_at_the_reported_rates() {
        let Curves { fpr, candidate, .. } = curves(0.2);
        assert!(fpr.len() <= RATES + 2 && fpr.is_sorted() && fpr[0] == 1.0 / 2000.0 && fpr.last() == Some(&1.0));
        let at = |rate: f64| fpr.iter().position(|other| *other == rate).map(|at| candidate.tpr[at]);
        assert_eq!(at(0.01), candidate.power.tpr_at_1_percent);
        assert_eq!(at(0.001), candidate.power.tpr_at_01_percent);
        assert!(candidate.tpr.is_sorted() && candidate.tpr.last() == Some(&1.0));
    }

    #[test]
    fn a_leak_lies_above_the_diagonal_and_the_null_on_it() {
        let Curves { fpr, null, positive_control, .. } = curves(0.0);
        assert!(fpr.iter().zip(&positive_control.tpr).all(|(fpr, tpr)| tpr >= fpr));
        assert!(fpr.iter().zip(&null.tpr).all(|(fpr, tpr)| (tpr - fpr).abs() < 0.05));
    }

    #[test]
    fn every_judgement_is_in_a_bar() {
        let Curves { borders, candidate, .. } = curves(0.2);
        assert_eq!((borders.len(), candidate.members.len()), (BARS + 1, BARS));
        assert_eq!((candidate.members.iter().sum::<u64>(), candidate.others.iter().sum::<u64>()), (4000, 4000));
        assert_eq!((bar(&borders, f64::MIN), bar(&borders, f64::MAX)), (0, BARS - 1));
    }

    #[test]
    fn equal_and_enormous_scores_have_bars_of_finite_width() {
        let of = |score: f64| {
            let trial = |member, sign: f64| Trial { score: sign * score, world: 0, point: 0, member, fold: 0 };
            borders(&[&Trials::new(vec![trial(true, 1.0), trial(false, -1.0)], 1, 1).unwrap()])
        };
        assert_eq!((of(0.0)[0], of(0.0)[BARS]), (libm::sinh(-0.5), libm::sinh(0.5)));
        assert!(of(f64::MAX).iter().all(|border| border.is_finite()));
        assert!(of(f64::MAX).is_sorted());
    }
}

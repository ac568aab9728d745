//! U-LiRA: the likelihood ratio between models that forgot a point and models that never saw it, fitted on other worlds than it is judged on.
//!
//! For each point a Gaussian is fitted to the scores of either side, and a model's score φ gives Λ = log N(φ; in) − log N(φ; out)
//! \[@hayes2025\] \[@carlini2022, section IV\]. Three mistakes of published code are avoided. Fit and judgement use different worlds, since
//! an in-sample fit finds a difference where there is none (null AUC .665 with 8 models). The variance is pooled over points while a side has fewer than
//! 32 models. And the score is a margin, not whether the answer was correct, whose variance is often 0.

use untrain_core::Seed;

use crate::error::{Error, Result};
use crate::game::{Arrangement, Game, Side};
use crate::random::{Purpose, Stream};
use crate::trials::{Trial, Trials};

/// How many models a side needs for a variance of each point's own; below, one variance for all points is better.
pub const PER_POINT_VARIANCE: usize = 32;

/// What is added to a standard deviation, as in the published code, so that constant scores divide.
const SD_FLOOR: f64 = 1e-30;

/// Which worlds are judged by a fit of which others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldOut {
    /// Two halves, drawn by the seed; each is judged by the fit of the other. The default: its null AUC is ½ for any number of models.
    TwoFold(Seed),
    /// Each world is judged by the fit of all others. More models a fit, but a null AUC *under* ½, since leaving a score out moves the mean away from
    /// it (.33 with 8 models); its p-value stays valid.
    LeaveOneOut,
}

/// Whether points have variances of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variance {
    /// Pooled while either side has fewer than [`PER_POINT_VARIANCE`] models for a typical point.
    ByCount,
    /// One for all points.
    Pooled,
    /// One for each point.
    PerPoint,
}

/// The attack on one game.
#[derive(Debug, Clone)]
pub struct Ulira<'a> {
    game: &'a Game,
    held_out: HeldOut,
    pooled: bool,
    /// The fold of each row.
    folds: Vec<usize>,
    n_folds: usize,
    /// Scores without the median of their point, so that sums of squares keep their digits.
    centred: Vec<f64>,
    /// 1 where a row is in, and 1 where it is out, for each row and point.
    weights: [Vec<f64>; 2],
    /// How many of the models of either side are in each fold, by fold and point.
    counts: [Vec<f64>; 2],
}

/// Sums over models, by point.
struct Sums {
    count: Vec<f64>,
    sum: Vec<f64>,
    squares: Vec<f64>,
}

/// The fitted Gaussians of one side: means and standard deviations by point. A point with too few models has a NaN mean.
struct Fit {
    mean: Vec<f64>,
    sd: Vec<f64>,
}

impl<'a> Ulira<'a> {
    /// Prepares the attack.
    ///
    /// # Errors
    ///
    /// No point has models of both sides in every fit.
    pub fn new(game: &'a Game, held_out: HeldOut, variance: Variance) -> Result<Self> {
        let (n_rows, n_points) = (game.n_rows(), game.n_points());
        let world_folds = match held_out {
            HeldOut::LeaveOneOut => (0..game.n_worlds()).collect(),
            HeldOut::TwoFold(seed) => {
                let mut folds = vec![0; game.n_worlds()];
                let order = Stream::new(seed, Purpose::Folds, 0).permutation(game.n_worlds());
                order.iter().skip(game.n_worlds() / 2).for_each(|world| folds[*world] = 1);
                folds
            }
        };
        let folds: Vec<usize> = (0..n_rows).map(|row| world_folds[game.world(row)]).collect();
        let n_folds = folds.iter().max().map_or(0, |last| last + 1);
        let weights = [Side::In, Side::Out]
            .map(|side| (0..n_rows).flat_map(|row| game.sides(row)).map(|s| f64::from(*s == side)).collect::<Vec<_>>());
        let counts = [0, 1].map(|side: usize| {
            let mut counts = vec![0.0; n_folds * n_points];
            for row in 0..n_rows {
                add(&mut counts[folds[row] * n_points..][..n_points], &weights[side][row * n_points..][..n_points]);
            }
            counts
        });
        let pooled = match variance {
            Variance::Pooled => true,
            Variance::PerPoint => false,
            Variance::ByCount => weights.iter().any(|side| side.iter().sum::<f64>() < (PER_POINT_VARIANCE * n_points) as f64),
        };
        let attack = Self { game, held_out, pooled, folds, n_folds, centred: centred(game), weights, counts };
        attack.trials()?;
        Ok(attack)
    }

    /// The judgements, in folds.
    ///
    /// # Errors
    ///
    /// No point has models of both sides in every fit.
    pub fn trials(&self) -> Result<Trials> {
        let mut trials = Vec::new();
        self.judge(&self.game.as_it_is(), |row, point, member, score| {
            let fold = if self.held_out == HeldOut::LeaveOneOut { 0 } else { self.folds[row] as u32 };
            trials.push(Trial { score, world: self.game.world(row) as u32, point: point as u32, member, fold });
        });
        if trials.is_empty() {
            return Err(Error::TooFewModels {
                attack: "U-LiRA",
                needed: 2 * self.game.n_worlds(),
                found: self.game.n_worlds(),
                instead: Some("RMIA"),
            });
        }
        Trials::new(trials, self.game.n_worlds(), self.game.n_points())
    }

    /// The p-value: the attack is fitted anew under each exchange.
    ///
    /// The statistic is the attacker's [`Ulira::advantage`], which needs no sorting.
    ///
    /// # Errors
    ///
    /// As [`Game::p_value`].
    ///
    /// # Complexity
    ///
    /// O(models · points) an exchange.
    pub fn p_value(&self, seed: Seed, n_exchanges: u64) -> Result<f64> {
        self.game.p_value(seed, n_exchanges, |arrangement| self.advantage(arrangement))
    }

    /// How much an attacker gains who bets on each judgement by how sure it is: the mean of Λ / (2 + |Λ|) over what was in, less that over what was
    /// out; between −2 and 2, and 0 when nothing can be told.
    pub fn advantage(&self, arrangement: &Arrangement) -> f64 {
        let n_points = self.game.n_points();
        let (mut sums, mut counts) = ([0.0; 2], [0.0_f64; 2]);
        self.each_fit(arrangement, |fold, fits| {
            let rows = arrangement.iter().enumerate().filter(|(row, _)| self.folds[*row] == fold);
            for (row, from) in rows {
                let values = &self.centred[from * n_points..][..n_points];
                let [is_in, is_out] = [0, 1].map(|side: usize| &self.weights[side][row * n_points..][..n_points]);
                // Weights instead of branches: this loop is where an audit spends its time.
                for ((value, ratio), (is_in, is_out)) in values.iter().zip(fits).zip(is_in.iter().zip(is_out)) {
                    let score = ratio.score(*value);
                    let bet = score / (2.0 + score.abs());
                    sums[0] += is_in * bet;
                    sums[1] += is_out * bet;
                    counts[0] += is_in * ratio.judged;
                    counts[1] += is_out * ratio.judged;
                }
            }
        });
        sums[0] / counts[0].max(1.0) - sums[1] / counts[1].max(1.0)
    }

    /// For each world, the sum of Λ over the points that are in it: of its first row (the candidate's), and of its second in the efficacy game.
    ///
    /// Worlds of one fold are independent given the fit, so these, and not the judgements of single points, are the trials of a bound on ε.
    pub fn world_sums(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.game.n_rows()];
        let arrangement = self.game.as_it_is();
        let in_of = |world: usize, point: usize| self.weights[0][2 * world * self.game.n_points() + point] == 1.0;
        self.judge(&arrangement, |row, point, _, score| {
            if self.game.n_rows() == self.game.n_worlds() || in_of(self.game.world(row), point) {
                sums[row] += score;
            }
        });
        sums
    }

    /// The fold of a world.
    pub fn fold(&self, world: usize) -> usize {
        self.folds[world * self.game.n_rows() / self.game.n_worlds()]
    }

    /// Calls `each` with row, point, side and Λ for all judgements under an arrangement.
    fn judge(&self, arrangement: &Arrangement, mut each: impl FnMut(usize, usize, bool, f64)) {
        let n_points = self.game.n_points();
        self.each_fit(arrangement, |fold, fits| {
            for (row, from) in arrangement.iter().enumerate().filter(|(row, _)| self.folds[*row] == fold) {
                let values = &self.centred[from * n_points..][..n_points];
                for (point, (side, ratio)) in self.game.sides(row).iter().zip(fits).enumerate() {
                    if *side != Side::Absent && ratio.judged == 1.0 {
                        each(row, point, *side == Side::In, ratio.score(values[point]));
                    }
                }
            }
        });
    }

    /// Calls `each` with every fold and the likelihood ratios that judge it, by point.
    fn each_fit(&self, arrangement: &Arrangement, mut each: impl FnMut(usize, &[Ratio])) {
        let by_fold: Vec<[Sums; 2]> = self.sums(arrangement);
        let totals = [0, 1].map(|side: usize| total(by_fold.iter().map(|sums| &sums[side]), self.game.n_points()));
        for (fold, own) in by_fold.iter().enumerate() {
            let [fit_in, fit_out] = [0, 1].map(|side: usize| fit(&totals[side].without(&own[side]), self.pooled));
            let ratios: Vec<Ratio> = (0..self.game.n_points()).map(|point| Ratio::of(&fit_in, &fit_out, point)).collect();
            each(fold, &ratios);
        }
    }

    fn sums(&self, arrangement: &Arrangement) -> Vec<[Sums; 2]> {
        let n_points = self.game.n_points();
        let mut by_fold: Vec<[Sums; 2]> = (0..self.n_folds)
            .map(|fold| [0, 1].map(|side: usize| Sums::new(self.counts[side][fold * n_points..][..n_points].to_vec())))
            .collect();
        for (row, from) in arrangement.iter().enumerate() {
            let values = &self.centred[from * n_points..][..n_points];
            for (side, sums) in by_fold[self.folds[row]].iter_mut().enumerate() {
                sums.add(values, &self.weights[side][row * n_points..][..n_points]);
            }
        }
        by_fold
    }
}

impl Sums {
    fn new(count: Vec<f64>) -> Self {
        let n_points = count.len();
        Self { count, sum: vec![0.0; n_points], squares: vec![0.0; n_points] }
    }

    fn add(&mut self, values: &[f64], weights: &[f64]) {
        for (((value, weight), sum), squares) in values.iter().zip(weights).zip(&mut self.sum).zip(&mut self.squares) {
            *sum += weight * value;
            *squares += weight * value * value;
        }
    }

    fn without(&self, own: &Self) -> Self {
        let minus = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
        Self { count: minus(&self.count, &own.count), sum: minus(&self.sum, &own.sum), squares: minus(&self.squares, &own.squares) }
    }
}

/// The likelihood ratio of one point: centres and inverse standard deviations of both sides.
struct Ratio {
    centre_in: f64,
    inverse_in: f64,
    centre_out: f64,
    inverse_out: f64,
    /// The logarithm of the ratio of the standard deviations.
    constant: f64,
    /// 1, or 0 for a point with too few models, whose score is 0 throughout.
    judged: f64,
}

impl Ratio {
    fn of(fit_in: &Fit, fit_out: &Fit, point: usize) -> Self {
        let (centre_in, centre_out, sd_in, sd_out) = (fit_in.mean[point], fit_out.mean[point], fit_in.sd[point], fit_out.sd[point]);
        if centre_in.is_nan() || centre_out.is_nan() {
            return Self { centre_in: 0.0, inverse_in: 0.0, centre_out: 0.0, inverse_out: 0.0, constant: 0.0, judged: 0.0 };
        }
        let constant = if sd_in == sd_out { 0.0 } else { libm::log(sd_out / sd_in) };
        Self { centre_in, inverse_in: 1.0 / sd_in, centre_out, inverse_out: 1.0 / sd_out, constant, judged: 1.0 }
    }

    /// Λ.
    fn score(&self, value: f64) -> f64 {
        let (z_in, z_out) = ((value - self.centre_in) * self.inverse_in, (value - self.centre_out) * self.inverse_out);
        0.5 * (z_out * z_out - z_in * z_in) + self.constant
    }
}

fn total<'s>(parts: impl Iterator<Item = &'s Sums>, n_points: usize) -> Sums {
    let mut total = Sums::new(vec![0.0; n_points]);
    for part in parts {
        add(&mut total.count, &part.count);
        add(&mut total.sum, &part.sum);
        add(&mut total.squares, &part.squares);
    }
    total
}

fn fit(sums: &Sums, pooled: bool) -> Fit {
    let n_points = sums.count.len();
    let mut mean = vec![f64::NAN; n_points];
    let mut sd = vec![f64::NAN; n_points];
    let (mut all_squares, mut all_degrees) = (0.0, 0.0);
    for point in 0..n_points {
        let count = sums.count[point];
        if count < 1.0 {
            continue;
        }
        let (at, degrees) = (sums.sum[point] / count, count - 1.0);
        let squares = (sums.squares[point] - at * sums.sum[point]).max(0.0);
        all_squares += squares;
        all_degrees += degrees;
        if pooled || degrees >= 1.0 {
            mean[point] = at;
            // The variance of the likelihood, by the count and not one less, as in the published code; with a common one it makes no difference.
            sd[point] = (squares / count).sqrt() + SD_FLOOR;
        }
    }
    if pooled {
        let common = if all_degrees > 0.0 { (all_squares / all_degrees).sqrt() } else { 0.0 };
        sd.fill(common + SD_FLOOR);
    }
    Fit { mean, sd }
}

fn add(into: &mut [f64], from: &[f64]) {
    into.iter_mut().zip(from).for_each(|(a, b)| *a += b);
}

/// Subtracts the median of each point: exchanges do not move it, one diverged model hardly does, and equal scores become exactly 0.
fn centred(game: &Game) -> Vec<f64> {
    let medians: Vec<f64> = (0..game.n_points())
        .map(|point| {
            let mut column = game.scores().column(point);
            column.sort_unstable_by(f64::total_cmp);
            column[column.len() / 2]
        })
        .collect();
    game.scores().rows().flat_map(|row| row.iter().zip(&medians).map(|(value, median)| value - median).collect::<Vec<_>>()).collect()
}

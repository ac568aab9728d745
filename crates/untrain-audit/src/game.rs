//! The two games, and what may be exchanged in them without anybody noticing when unlearning is perfect.
//!
//! There are `n` worlds. In world i some points are in (bit 1) and some are out (bit 0); the original model O_i is trained with the points that are in, the
//! candidate U_i has then forgotten them, and R_i is retrained without any of the points. All worlds share the retain set and differ in their seeds.
//!
//! * **Efficacy**: given an output on a point, does it come from a candidate that forgot it or from a retrained model? This tests the definition
//!   of unlearning, and also fires on harmless differences such as a shorter training; the same game on holdout points tells how much of
//!   that there is.
//! * **Privacy**: both sides are candidates, of which one was trained on the point and then forgot it, and the other has never seen it. This is what the
//!   owner of the record cares about \[@naderloui2025\].
//!
//! # Why the p-value is valid although points share models
//!
//! Under the null hypothesis of efficacy, U_i and R_i are drawn from the same distribution given the bits, so the pair of *whole models* can be
//! swapped in any set of worlds without changing the joint distribution of everything. Under that of privacy, the candidates are drawn from one distribution
//! whatever their bits, since none of the points influences a perfect unlearner; so the *whole models* can be permuted among the worlds while
//! the bits stay, whatever the design of the bits. In both cases the statistic at hand is one of equally likely ones, so its rank among random exchanges is
//! a valid p-value for *any* statistic, in-sample fits included \[@phipson2010\]. Nothing is assumed of the dependence between points: a model
//! moves with all its points at once. An interval over pooled points would assume their independence, and reject perfect unlearners.

use untrain_core::Seed;

use crate::error::{Error, Result, same};
use crate::random::{Purpose, Stream};
use crate::roc::middle_ranks;
use crate::scores::{Membership, Scores};
use crate::trials::{Trial, Trials};

/// How many worlds a game needs: with fewer there are too few swaps for the p-value that the strictest step of a verdict asks for, 0.6 % (2 in 2¹⁰ is 0.2 %).
pub const MIN_WORLDS: usize = 10;

/// On which side of a game a model stands for a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It was trained on the point, and may have forgotten it.
    In,
    /// It never saw the point.
    Out,
    /// It takes no part for this point.
    Absent,
}

/// What may be exchanged under the null hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symmetry {
    /// The two models of a world, which are rows 2i and 2i + 1.
    SwapWithinWorld,
    /// The models of all worlds, one row each.
    PermuteWorlds,
}

/// A game: rows of scores, one a model, and for each model and point the side on which it stands.
#[derive(Debug, Clone)]
pub struct Game {
    n_worlds: usize,
    n_points: usize,
    symmetry: Symmetry,
    scores: Scores,
    sides: Vec<Side>,
}

/// Which row of scores stands in which row of sides.
pub type Arrangement = Vec<usize>;

impl Game {
    /// The efficacy game: candidates that forgot a point, against retrained models.
    ///
    /// # Shapes
    ///
    /// `candidate: (n_worlds, n_points)`, `retrained` and `bits` alike
    ///
    /// # Errors
    ///
    /// Shapes that differ; fewer than [`MIN_WORLDS`] worlds; no point.
    pub fn efficacy(candidate: &Scores, retrained: &Scores, bits: &Membership) -> Result<Self> {
        check(candidate, bits, "the efficacy game")?;
        same("retrained models", candidate.n_models(), retrained.n_models())?;
        same("points of the retrained models", candidate.n_points(), retrained.n_points())?;
        let (n_worlds, n_points) = (candidate.n_models(), candidate.n_points());
        let mut rows = Vec::with_capacity(2 * n_worlds);
        let mut sides = Vec::with_capacity(2 * n_worlds * n_points);
        for world in 0..n_worlds {
            rows.push(candidate.row(world).to_vec());
            sides.extend(bits.row(world).iter().map(|bit| if *bit { Side::In } else { Side::Absent }));
            rows.push(retrained.row(world).to_vec());
            sides.extend(std::iter::repeat_n(Side::Out, n_points));
        }
        Ok(Self { n_worlds, n_points, symmetry: Symmetry::SwapWithinWorld, scores: Scores::from_rows(rows)?, sides })
    }

    /// The efficacy game on points that no model was trained on: how much of the efficacy game has nothing to do with the forgotten points.
    ///
    /// # Errors
    ///
    /// As [`Game::efficacy`]; no holdout point.
    pub fn efficacy_on_holdout(candidate: &Scores, retrained: &Scores) -> Result<Self> {
        if candidate.n_points() == 0 {
            return Err(Error::NoHoldout { attack: "the efficacy game on holdout points" });
        }
        Self::efficacy(candidate, retrained, &Membership::all(candidate.n_models(), candidate.n_points()))
    }

    /// The privacy game: candidates that forgot a point, against candidates that never saw it.
    ///
    /// # Shapes
    ///
    /// `candidate: (n_worlds, n_points)`, `bits` alike
    ///
    /// # Errors
    ///
    /// Shapes that differ; fewer than [`MIN_WORLDS`] worlds; no point.
    pub fn privacy(candidate: &Scores, bits: &Membership) -> Result<Self> {
        check(candidate, bits, "the privacy game")?;
        let n_worlds = candidate.n_models();
        let sides = (0..n_worlds).flat_map(|world| bits.row(world)).map(|bit| if *bit { Side::In } else { Side::Out }).collect();
        Ok(Self { n_worlds, n_points: candidate.n_points(), symmetry: Symmetry::PermuteWorlds, scores: candidate.clone(), sides })
    }

    /// How many worlds there are.
    pub fn n_worlds(&self) -> usize {
        self.n_worlds
    }

    /// How many points there are.
    pub fn n_points(&self) -> usize {
        self.n_points
    }

    /// How many rows there are: one for each model.
    pub fn n_rows(&self) -> usize {
        self.scores.n_models()
    }

    /// The scores of all rows, as they came.
    pub fn scores(&self) -> &Scores {
        &self.scores
    }

    /// The world of a row.
    pub fn world(&self, row: usize) -> usize {
        match self.symmetry {
            Symmetry::SwapWithinWorld => row / 2,
            Symmetry::PermuteWorlds => row,
        }
    }

    /// The sides of a row.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn sides(&self, row: usize) -> &[Side] {
        &self.sides[row * self.n_points..(row + 1) * self.n_points]
    }

    /// What may be exchanged.
    pub fn symmetry(&self) -> Symmetry {
        self.symmetry
    }

    /// Every row where it is.
    pub fn as_it_is(&self) -> Arrangement {
        (0..self.n_rows()).collect()
    }

    /// A random exchange, uniform over those that the null hypothesis allows.
    pub fn exchange(&self, seed: Seed, place: u64) -> Arrangement {
        let stream = Stream::new(seed, Purpose::Exchange, place);
        match self.symmetry {
            Symmetry::PermuteWorlds => stream.permutation(self.n_worlds),
            Symmetry::SwapWithinWorld => (0..self.n_worlds)
                .flat_map(|world| if stream.bit(world) { [2 * world + 1, 2 * world] } else { [2 * world, 2 * world + 1] })
                .collect(),
        }
    }

    /// The p-value of a statistic that is large when unlearning failed: its rank among `n_exchanges` random exchanges.
    ///
    /// # Errors
    ///
    /// No exchange.
    pub fn p_value(&self, seed: Seed, n_exchanges: u64, mut statistic: impl FnMut(&Arrangement) -> f64) -> Result<f64> {
        if n_exchanges == 0 {
            return Err(Error::Parameter { name: "n_exchanges", reason: "has to be at least 1" });
        }
        let found = statistic(&self.as_it_is());
        // Sums in another order differ in the last bits; what is equal but for those counts as equal, which is the careful side.
        let bar = found - 1e-12 * found.abs().max(1e-3);
        let as_large = (0..n_exchanges).filter(|place| statistic(&self.exchange(seed, *place)) >= bar).count();
        Ok((1.0 + as_large as f64) / (1.0 + n_exchanges as f64))
    }

    /// The judgements of an attack whose score is the score itself: the higher, the more like a member.
    ///
    /// # Errors
    ///
    /// One side is empty.
    pub fn direct(&self) -> Result<Trials> {
        let mut trials = Vec::with_capacity(self.sides.len());
        for row in 0..self.n_rows() {
            for (point, (score, side)) in self.scores.row(row).iter().zip(self.sides(row)).enumerate() {
                if *side != Side::Absent {
                    let world = self.world(row) as u32;
                    trials.push(Trial { score: *score, world, point: point as u32, member: *side == Side::In, fold: 0 });
                }
            }
        }
        Trials::new(trials, self.n_worlds, self.n_points)
    }

    /// The p-value of that attack. Its statistic is the difference of the mean ranks of both sides, which in the privacy game is the AUC in other units.
    ///
    /// # Errors
    ///
    /// As [`Game::p_value`].
    pub fn direct_p_value(&self, seed: Seed, n_exchanges: u64) -> Result<f64> {
        let values: Vec<f64> = self.scores.rows().flatten().copied().collect();
        let ranks = middle_ranks(&values);
        let rank_row = |row: usize| &ranks[row * self.n_points..(row + 1) * self.n_points];
        self.p_value(seed, n_exchanges, |arrangement| {
            let (mut sums, mut counts) = ([0.0; 2], [0.0_f64; 2]);
            for (row, from) in arrangement.iter().enumerate() {
                for (rank, side) in rank_row(*from).iter().zip(self.sides(row)) {
                    let (is_in, is_out) = (f64::from(*side == Side::In), f64::from(*side == Side::Out));
                    sums[0] += is_in * rank;
                    counts[0] += is_in;
                    sums[1] += is_out * rank;
                    counts[1] += is_out;
                }
            }
            sums[0] / counts[0].max(1.0) - sums[1] / counts[1].max(1.0)
        })
    }
}

fn check(candidate: &Scores, bits: &Membership, game: &'static str) -> Result<()> {
    same("models with membership bits", candidate.n_models(), bits.n_models())?;
    same("points with membership bits", candidate.n_points(), bits.n_points())?;
    if candidate.n_models() < MIN_WORLDS {
        let instead = Some("RMIA, whose references may be 1 to 8 models, without a verdict");
        return Err(Error::TooFewModels { attack: game, needed: MIN_WORLDS, found: candidate.n_models(), instead });
    }
    if candidate.n_points() == 0 {
        return Err(Error::TooFewPoints { attack: game, needed: 1, found: 0, instead: None });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(n_models: usize, value: impl Fn(usize, usize) -> f64) -> Scores {
        Scores::from_rows((0..n_models).map(|model| (0..3).map(|point| value(model, point)).collect()).collect()).unwrap()
    }

    #[test]
    fn nine_worlds_are_too_few_and_it_says_what_works() {
        let few = scores(9, |_, _| 0.0);
        let error = Game::privacy(&few, &Membership::all(9, 3)).unwrap_err();
        assert!(matches!(error, Error::TooFewModels { needed: 10, found: 9, .. }));
        assert!(error.hint().is_some_and(|hint| hint.contains("RMIA")));
    }

    #[test]
    fn exchanges_move_whole_models() {
        let bits = Membership::draw(Seed(1), 10, &["a", "b", "c"]);
        let game = Game::efficacy(&scores(10, |_, _| 1.0), &scores(10, |_, _| 0.0), &bits).unwrap();
        let exchange = game.exchange(Seed(1), 0);
        assert!(exchange.chunks(2).enumerate().all(|(world, pair)| pair.iter().all(|row| row / 2 == world)));
        assert_ne!(exchange, game.as_it_is());
    }

    #[test]
    fn a_constant_model_has_p_value_one_and_a_leaking_one_the_least() {
        let bits = Membership::draw(Seed(1), 16, &["a", "b", "c"]);
        let constant = Game::privacy(&scores(16, |_, _| 2.0), &bits).unwrap();
        assert_eq!(constant.direct_p_value(Seed(1), 99).unwrap(), 1.0);
        assert_eq!(constant.direct().unwrap().rocs()[0].auc(), 0.5);
        let leaking = Game::privacy(&scores(16, |model, point| f64::from(bits.row(model)[point])), &bits).unwrap();
        assert_eq!(leaking.direct_p_value(Seed(1), 99).unwrap(), 0.01);
        assert_eq!(leaking.direct().unwrap().rocs()[0].auc(), 1.0);
    }

    #[test]
    fn no_holdout_is_an_error_with_a_hint() {
        let none = Scores::new(8, 0, vec![]).unwrap();
        let error = Game::efficacy_on_holdout(&none, &none).unwrap_err();
        assert!(error.hint().is_some_and(|hint| hint.contains("--holdout")));
    }
}

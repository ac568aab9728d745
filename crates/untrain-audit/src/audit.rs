//! An audit: every metric on the candidate and on all controls, through the same code, and what follows.

use serde::{Deserialize, Serialize};
use untrain_core::{Guarantee, Seed};

use crate::attacks::differencing::differencing;
use crate::attacks::rmia::Rmia;
use crate::attacks::ulira::{HeldOut, Ulira, Variance};
use crate::attacks::{confidence, entropy, logreg, loss, modified_entropy};
use crate::bootstrap::{Bootstrap, Interval};
use crate::bounds::clopper_pearson::{self, Outcome};
use crate::bounds::refute::{Refutation, refute};
use crate::curves::{Curves, Judged};
use crate::distances::gaps::Accuracies;
use crate::distances::klom;
use crate::distances::neurips::Quality;
use crate::distances::{divergence, tow};
use crate::error::{Error, Result, same};
use crate::evidence::{Evidence, Judgement, Measured, Reason, Verdict, judge};
use crate::game::Game;
use crate::outputs::Outputs;
use crate::scores::{Membership, Scores};
use crate::trials::Trials;

/// What models of one kind say, one output a world.
#[derive(Debug, Clone, PartialEq)]
pub struct Ensemble {
    /// On the points that are forgotten, all of them, in or out.
    pub forget: Vec<Outputs>,
    /// On points that no model was trained on.
    pub holdout: Vec<Outputs>,
    /// On points that all models were trained on; empty if accuracy there is not asked for.
    pub retain: Vec<Outputs>,
}

/// What there is to audit. World i has the bits of row i and the i-th output of every ensemble.
#[derive(Debug, Clone, PartialEq)]
pub struct Worlds {
    /// Which points were in the training of original and candidate.
    pub bits: Membership,
    /// Models that were trained with the points that are in, and then forgot them.
    pub candidate: Ensemble,
    /// Models that were trained without any of the points.
    pub retrained: Ensemble,
    /// The same once more, independently: the null.
    pub second: Ensemble,
    /// Models before they forgot: the positive control.
    pub original: Ensemble,
    /// Retrained models that cost what unlearning costs.
    pub scratch: Option<Ensemble>,
    /// Candidates that do nothing.
    pub do_nothing: Option<Ensemble>,
    /// The positions of points with a wrong label.
    pub canaries: Vec<usize>,
}

/// How to audit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The seed of folds, exchanges and resamples.
    pub seed: Seed,
    /// How many exchanges give a p-value; the least p-value is one over one more.
    pub n_exchanges: u64,
    /// How intervals are had.
    pub bootstrap: Bootstrap,
    /// The chance with which a perfect unlearner fails.
    pub level: f64,
    /// What is added to probabilities before margins are taken, see [`Outputs::margins`].
    pub margin_floor: f64,
    /// The guarantee that is claimed and could be refuted.
    pub claim: Guarantee,
}

impl Default for Options {
    fn default() -> Self {
        let (seed, bootstrap, claim) = (Seed(0), Bootstrap::default(), Guarantee::Empirical);
        Self { seed, n_exchanges: 999, bootstrap, level: 0.05, margin_floor: 1e-6, claim }
    }
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// The verdicts.
    pub judgement: Judgement,
    /// All metrics that could be measured.
    pub evidence: Vec<Evidence>,
    /// All that could not, and why.
    pub skipped: Vec<Skipped>,
    /// The lower bound on ε between unlearned and retrained models at δ of the claim, from independent worlds.
    pub epsilon: f64,
    /// What that says of the claim.
    pub refutation: Option<Refutation>,
    /// Of the games that decide, what can be drawn.
    #[serde(default)]
    pub curves: Vec<Curves>,
    /// How many worlds there are.
    pub n_worlds: usize,
}

/// A metric that could not be measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// The metric.
    pub metric: String,
    /// Why.
    pub reason: String,
    /// What could be done about it.
    pub hint: Option<String>,
}

/// Audits a candidate.
///
/// # Errors
///
/// Ensembles of different sizes; fewer than [`crate::MIN_WORLDS`] worlds; no point; a setting out of range. A single metric that cannot be measured is
/// skipped with its reason.
///
/// # Complexity
///
/// O(exchanges · worlds · points) for each headline metric and ensemble.
pub fn audit(worlds: &Worlds, options: &Options) -> Result<Audit> {
    audit_by(worlds, options, |_| true)
}

/// As [`audit`], by those metrics alone whose names are wanted. A verdict is as strict as by all of them, so that leaving some out buys nothing.
///
/// # Errors
///
/// Those of [`audit`].
pub fn audit_by(worlds: &Worlds, options: &Options, wanted: impl Fn(&str) -> bool) -> Result<Audit> {
    worlds.check()?;
    let bench = Bench { worlds, options };
    let margins = bench.margins(&worlds.candidate)?;
    // What makes the two games impossible makes the audit impossible.
    Game::privacy(&margins, &worlds.bits)?;
    let mut evidence = Vec::new();
    let mut skipped = Vec::new();
    for (metric, measure) in MEASURES.iter().filter(|(metric, _)| wanted(metric)) {
        match bench.evidence(metric, *measure) {
            Ok(found) => evidence.push(found),
            Err(error) => skipped.push(Skipped { metric: (*metric).to_owned(), reason: error.to_string(), hint: error.hint() }),
        }
    }
    let judgement = judge(&mut evidence, options.level)?;
    let outcome = bench.outcome()?;
    let delta = if let Guarantee::Certified { delta, .. } = options.claim { delta } else { 0.0 };
    let epsilon = clopper_pearson::epsilon(&outcome, delta, options.level)?;
    let refutation = refute(&options.claim, &outcome, options.level)?;
    // What could not be judged is skipped with its reason already.
    let games = GAMES.iter().filter(|(metric, _)| wanted(metric));
    let curves = games.filter_map(|(metric, judge)| bench.curves(metric, *judge).ok()).collect();
    Ok(Audit { judgement, evidence, skipped, epsilon, refutation, curves, n_worlds: worlds.bits.n_models() })
}

impl Worlds {
    fn check(&self) -> Result<()> {
        let Self { bits, candidate, retrained, second, original, scratch, do_nothing, canaries } = self;
        for ensemble in [candidate, retrained, second, original].into_iter().chain(scratch).chain(do_nothing) {
            let Ensemble { forget, holdout, retain } = ensemble;
            same("outputs on the forget set, one a world", bits.n_models(), forget.len())?;
            for (outputs, of_candidate) in [(forget, &candidate.forget), (holdout, &candidate.holdout), (retain, &candidate.retain)] {
                same("worlds", of_candidate.len(), outputs.len())?;
                let n_points = of_candidate.first().map_or(0, Outputs::n_points);
                outputs.iter().try_for_each(|output| same("points", n_points, output.n_points()))?;
            }
            forget.iter().try_for_each(|output| same("points with membership bits", bits.n_points(), output.n_points()))?;
        }
        match canaries.iter().find(|canary| **canary >= bits.n_points()) {
            Some(canary) => Err(Error::Shape { what: "points up to the last canary", expected: bits.n_points(), found: canary + 1 }),
            None => Ok(()),
        }
    }
}

/// The metrics, in the order in which they are reported. Each is applied to the candidate and to every control.
const MEASURES: &[(&str, Measure)] = &[
    ("ulira-efficacy", |bench, ensemble| bench.ulira(&Game::efficacy(&bench.margins(ensemble)?, &bench.retrained()?, &bench.worlds.bits)?)),
    ("klom", |bench, ensemble| bench.klom(ensemble)),
    ("ulira-privacy", |bench, ensemble| bench.ulira(&Game::privacy(&bench.margins(ensemble)?, &bench.worlds.bits)?)),
    ("rmia-privacy", |bench, ensemble| bench.rmia(ensemble)),
    ("canaries", |bench, ensemble| bench.canaries(ensemble)),
    ("differencing", |bench, ensemble| bench.differencing(ensemble)),
    ("loss", |bench, ensemble| bench.direct(&loss::scores(&ensemble.forget)?)),
    ("confidence", |bench, ensemble| bench.direct(&confidence::scores(&ensemble.forget)?)),
    ("entropy", |bench, ensemble| bench.direct(&entropy::scores(&ensemble.forget)?)),
    ("modified-entropy", |bench, ensemble| bench.direct(&modified_entropy::scores(&ensemble.forget)?)),
    ("population", |bench, ensemble| bench.population(ensemble)),
    ("js", |bench, ensemble| bench.js(ensemble)),
    ("neurips", |bench, ensemble| bench.neurips(ensemble)),
    ("tow", |bench, ensemble| bench.accuracies(ensemble, tow::tow)),
    ("gaps", |bench, ensemble| bench.accuracies(ensemble, Accuracies::average_gap)),
];

/// The names of the metrics that an audit measures, in the order in which they are reported.
pub fn measured() -> impl Iterator<Item = &'static str> {
    MEASURES.iter().map(|(name, _)| *name)
}

type Measure = fn(&Bench<'_>, &Ensemble) -> Result<Measured>;

/// The headline metrics that judge model by model and point by point, so that there are curves of their judgements.
const GAMES: &[(&str, Judge)] = &[
    ("ulira-efficacy", |bench, ensemble| {
        bench.attack(&Game::efficacy(&bench.margins(ensemble)?, &bench.retrained()?, &bench.worlds.bits)?)?.trials()
    }),
    ("ulira-privacy", |bench, ensemble| bench.attack(&Game::privacy(&bench.margins(ensemble)?, &bench.worlds.bits)?)?.trials()),
    ("rmia-privacy", |bench, ensemble| Game::privacy(&bench.rmia_scores(ensemble)?, &bench.worlds.bits)?.direct()),
    ("canaries", |bench, ensemble| bench.attack(&bench.canary_game(ensemble)?)?.trials()),
];

type Judge = fn(&Bench<'_>, &Ensemble) -> Result<Trials>;

struct Bench<'a> {
    worlds: &'a Worlds,
    options: &'a Options,
}

impl Bench<'_> {
    fn evidence(&self, metric: &str, measure: Measure) -> Result<Evidence> {
        let Worlds { bits, candidate, retrained: _, second, original, scratch, do_nothing, canaries } = self.worlds;
        let optional = |ensemble: &Option<Ensemble>| ensemble.as_ref().map(|ensemble| measure(self, ensemble)).transpose();
        Ok(Evidence {
            metric: metric.to_owned(),
            candidate: measure(self, candidate)?,
            null: measure(self, second)?,
            positive_control: measure(self, original)?,
            scratch: optional(scratch)?,
            do_nothing: optional(do_nothing)?,
            on_holdout: if metric == "ulira-efficacy" { self.efficacy_on_holdout().ok() } else { None },
            n_models: bits.n_models(),
            n_points: if metric == "canaries" { canaries.len() } else { bits.n_points() },
            verdict: Verdict::None { reason: Reason::Unmeasured },
        })
    }

    fn curves(&self, metric: &str, judge: Judge) -> Result<Curves> {
        let Worlds { bits: _, candidate, retrained: _, second, original, scratch, do_nothing, canaries: _ } = self.worlds;
        let optional = |ensemble: &Option<Ensemble>| ensemble.as_ref().map(|ensemble| judge(self, ensemble)).transpose();
        let judged = Judged {
            candidate: judge(self, candidate)?,
            null: judge(self, second)?,
            positive_control: judge(self, original)?,
            scratch: optional(scratch)?,
            do_nothing: optional(do_nothing)?,
        };
        Curves::new(metric, &judged, &self.options.bootstrap)
    }

    fn margins(&self, ensemble: &Ensemble) -> Result<Scores> {
        Scores::from_rows(ensemble.forget.iter().map(|output| output.margins(self.options.margin_floor)).collect())
    }

    fn retrained(&self) -> Result<Scores> {
        self.margins(&self.worlds.retrained)
    }

    fn attack<'g>(&self, game: &'g Game) -> Result<Ulira<'g>> {
        Ulira::new(game, HeldOut::TwoFold(self.options.seed), Variance::ByCount)
    }

    fn ulira(&self, game: &Game) -> Result<Measured> {
        let attack = self.attack(game)?;
        let power = attack.trials()?.power(&self.options.bootstrap)?;
        let p_value = attack.p_value(self.options.seed, self.options.n_exchanges)?;
        Ok(Measured { value: power.auc, interval: power.auc_interval, p_value: Some(p_value) })
    }

    fn efficacy_on_holdout(&self) -> Result<Measured> {
        let margins = |ensemble: &Ensemble| {
            Scores::from_rows(ensemble.holdout.iter().map(|output| output.margins(self.options.margin_floor)).collect())
        };
        self.ulira(&Game::efficacy_on_holdout(&margins(&self.worlds.candidate)?, &margins(&self.worlds.retrained)?)?)
    }

    fn direct(&self, scores: &Scores) -> Result<Measured> {
        let game = Game::privacy(scores, &self.worlds.bits)?;
        let power = game.direct()?.power(&self.options.bootstrap)?;
        let p_value = game.direct_p_value(self.options.seed, self.options.n_exchanges)?;
        Ok(Measured { value: power.auc, interval: power.auc_interval, p_value: Some(p_value) })
    }

    fn canaries(&self, ensemble: &Ensemble) -> Result<Measured> {
        self.ulira(&self.canary_game(ensemble)?)
    }

    fn canary_game(&self, ensemble: &Ensemble) -> Result<Game> {
        let canaries = &self.worlds.canaries;
        if canaries.is_empty() {
            return Err(Error::TooFewPoints {
                attack: "the canary test",
                needed: 1,
                found: 0,
                instead: Some("the privacy game on all points"),
            });
        }
        Game::privacy(&self.margins(ensemble)?.select(canaries), &self.worlds.bits.select(canaries))
    }

    fn klom(&self, ensemble: &Ensemble) -> Result<Measured> {
        let (margins, retrained, second) = (self.margins(ensemble)?, self.retrained()?, self.margins(&self.worlds.second)?);
        let found = klom::klom(&margins, &retrained, &second, &self.worlds.bits, self.options.seed)?;
        let game = Game::efficacy(&margins, &retrained, &self.worlds.bits)?;
        let p_value = klom::p_value(&game, self.options.seed, self.options.n_exchanges)?;
        Ok(Measured { value: found.histogram, interval: None, p_value: Some(p_value) })
    }

    fn rmia(&self, ensemble: &Ensemble) -> Result<Measured> {
        self.direct(&self.rmia_scores(ensemble)?)
    }

    fn rmia_scores(&self, ensemble: &Ensemble) -> Result<Scores> {
        if ensemble.holdout.is_empty() {
            return Err(Error::NoHoldout { attack: "RMIA" });
        }
        let references = &self.worlds.retrained;
        let n_references = references.forget.len().min(8);
        let (points, population) =
            (confidence::scores(&references.forget[..n_references])?, confidence::scores(&references.holdout[..n_references])?);
        let (targets, on_population) = (confidence::scores(&ensemble.forget)?, confidence::scores(&ensemble.holdout)?);
        Rmia::default().scores(&targets, &points, &on_population, &population)
    }

    fn differencing(&self, ensemble: &Ensemble) -> Result<Measured> {
        let original = self.margins(&self.worlds.original)?;
        let found = differencing(&original, &self.margins(ensemble)?, &self.retrained()?, &self.worlds.bits, &self.options.bootstrap)?;
        Ok(Measured { value: found.excess(), interval: None, p_value: None })
    }

    /// The accuracy of the population attack, less that on the retrained model of the same world: the mean over worlds.
    fn population(&self, ensemble: &Ensemble) -> Result<Measured> {
        const ATTACK: &str = "the population attack";
        let seed = self.options.seed;
        let reach = |ensemble: &Ensemble, world: usize| -> Result<f64> {
            let holdout = ensemble.holdout.get(world).ok_or(Error::NoHoldout { attack: ATTACK })?;
            let (forget_losses, holdout_losses) = (ensemble.forget[world].losses(), holdout.losses());
            let members: Vec<usize> = (0..self.worlds.bits.n_points()).filter(|point| self.worlds.bits.row(world)[*point]).collect();
            let classes = |output: &Outputs| Ok(output.probabilities(ATTACK)?.labels().to_vec());
            let (of_forget, of_holdout): (Vec<_>, Vec<_>) = (classes(&ensemble.forget[world])?, classes(holdout)?);
            // A class that the model does not know is a class of its own.
            let number = |label: &Option<usize>| label.map_or(0, |label| label + 1);
            let of_members: Vec<usize> = members.iter().map(|point| number(&of_forget[*point])).collect();
            let (left, right) = logreg::balanced(&of_members, &of_holdout.iter().map(number).collect::<Vec<_>>(), seed)?;
            let left: Vec<f64> = left.iter().map(|at| forget_losses[members[*at]]).collect();
            let right: Vec<f64> = right.iter().map(|at| holdout_losses[*at]).collect();
            Ok(logreg::reach(&left, &right, 10, seed)?.accuracy)
        };
        self.mean_over_worlds(|world| Ok(reach(ensemble, world)? - reach(&self.worlds.retrained, world)?))
    }

    fn js(&self, ensemble: &Ensemble) -> Result<Measured> {
        self.mean_over_worlds(|world| {
            let retrained = self.worlds.retrained.forget[world].probabilities("JS")?;
            divergence::mean(ensemble.forget[world].probabilities("JS")?, retrained, divergence::js)
        })
    }

    fn neurips(&self, ensemble: &Ensemble) -> Result<Measured> {
        let quality = Quality::measure(&self.margins(ensemble)?, &self.margins(&self.worlds.second)?, &self.retrained()?)?;
        Ok(Measured { value: quality.calibrated(), interval: None, p_value: None })
    }

    fn accuracies(&self, ensemble: &Ensemble, metric: fn(&Accuracies, &Accuracies) -> f64) -> Result<Measured> {
        let accuracies = |ensemble: &Ensemble, world: usize| {
            let on = |outputs: &[Outputs]| {
                let output = outputs.get(world).ok_or(Error::NoHoldout { attack: "accuracies on three sets" })?;
                output.accuracy().ok_or(Error::NoProbabilities { attack: "accuracies on three sets" })
            };
            Ok::<_, Error>(Accuracies { forget: on(&ensemble.forget)?, retain: on(&ensemble.retain)?, holdout: on(&ensemble.holdout)? })
        };
        self.mean_over_worlds(|world| Ok(metric(&accuracies(ensemble, world)?, &accuracies(&self.worlds.retrained, world)?)))
    }

    /// The mean of a number that each world has, with a bootstrap over the worlds.
    fn mean_over_worlds(&self, of_world: impl Fn(usize) -> Result<f64>) -> Result<Measured> {
        let n_worlds = self.worlds.bits.n_models();
        let values: Vec<f64> = (0..n_worlds).map(of_world).collect::<Result<_>>()?;
        let mean = |weights: &[f64]| weights.iter().zip(&values).map(|(weight, value)| weight * value).sum::<f64>() / n_worlds as f64;
        let [interval]: [Option<Interval>; 1] = self.options.bootstrap.intervals(n_worlds, 1, |worlds, _| [Some(mean(worlds))])?;
        Ok(Measured { value: mean(&vec![1.0; n_worlds]), interval, p_value: None })
    }

    /// The trials of a bound on ε: the worlds of one fold, each judged as a whole by the fit of the other, at a threshold of Λ = 0.
    fn outcome(&self) -> Result<Outcome> {
        let game = Game::efficacy(&self.margins(&self.worlds.candidate)?, &self.retrained()?, &self.worlds.bits)?;
        let attack = self.attack(&game)?;
        let sums = attack.world_sums();
        let mut outcome = Outcome { true_positives: 0, positives: 0, false_positives: 0, negatives: 0 };
        for world in (0..game.n_worlds()).filter(|world| attack.fold(*world) == 0) {
            outcome.positives += 1;
            outcome.negatives += 1;
            outcome.true_positives += u64::from(sums[2 * world] > 0.0);
            outcome.false_positives += u64::from(sums[2 * world + 1] > 0.0);
        }
        Ok(outcome)
    }
}

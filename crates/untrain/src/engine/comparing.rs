//! Comparing: what does each method of unlearning buy, and at what price?

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rayon::prelude::*;
use serde_json::{Map, Value};
use untrain_audit::distances::relearn;
use untrain_audit::{Ensemble, MIN_WORLDS, Measured, Membership, PUBLISHED_FLOOR, Worlds, audit_by};
use untrain_core::{Dataset, Guarantee, Seed};
use untrain_neural::FLOAT_PROFILE;
use untrain_neural::methods::{Criterion, Goal, METHODS, Method};

use super::audits::{Prepared, RELEARNT_TO, median};
use super::{AuditOptions, AuditProgress, Engine, from_json};
use crate::comparison::{Comparison, ComparisonRow, FailedMethod, OverScratch, RowKind};
use crate::contest::{Contest, Round, Row, SHARES};
use crate::shadow::{Said, in_worlds};
use crate::{Error, Recipe, Result};

/// The most worlds that a budget buys.
const MOST_WORLDS: usize = 96;

/// A method and the hyperparameters that are set.
pub type Chosen = (String, Map<String, Value>);

/// A method in a contest, and its hyperparameters.
type Entrant = (&'static Method, Map<String, Value>);

/// How methods are to be compared.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareOptions {
    /// Which records, how many worlds, for how long and with which key.
    pub audit: AuditOptions,
    /// The methods; all if none are named.
    pub methods: Vec<Chosen>,
    /// What the records are to be forgotten for; found out from the records if not given.
    pub goal: Option<Goal>,
    /// Whether hyperparameters that are not set are searched; the search is part of a method's cost.
    pub search: bool,
}

impl Engine {
    /// Compares methods of unlearning: trains a network's recipe in many worlds, has each method forget in each, and plays the two games
    /// with what comes out; networks trained anew, whole and in part, stand beside them.
    ///
    /// # Errors
    ///
    /// An unknown model; [`Error::NoNetwork`] for another learner; an unknown method; those of [`Engine::audit`].
    pub fn compare(&self, model: &str, options: &CompareOptions, progress: &(dyn Fn(AuditProgress) + Sync)) -> Result<Comparison> {
        let started = Instant::now();
        let CompareOptions { audit: options, methods, goal, search } = options;
        if let Some(found) = options.n_worlds.filter(|n| *n < MIN_WORLDS) {
            return Err(untrain_audit::Error::TooFewModels { attack: "a comparison", needed: MIN_WORLDS, found, instead: None }.into());
        }
        let row = self.store.model(model)?;
        let recipe: Recipe = from_json(model, &row.recipe)?;
        let named: Vec<Chosen> =
            if methods.is_empty() { METHODS.iter().map(|method| (method.name.to_owned(), Map::new())).collect() } else { methods.clone() };
        let chosen: Vec<Entrant> =
            named.into_iter().map(|(name, settings)| Ok((Method::named(&name)?, settings))).collect::<Result<_>>()?;
        for (method, settings) in &chosen {
            method.complete(settings.clone())?;
        }
        let neural = recipe.neural()?.ok_or_else(|| Error::NoNetwork { model: model.to_owned(), learner: recipe.learner.clone() })?;
        let loaded = self.read(row.dataset.as_str())?;
        let learner = |seed: Seed| Ok(Recipe { seed: seed.0, ..recipe.clone() }.learner()?);
        let Prepared { study, asked, canaries, source } = self.prepared(&loaded, options, &learner)?;
        if study.points.len() >= study.data.len() {
            return Err(Error::NothingRetained);
        }
        let (seed, goal) = (study.seed, goal.unwrap_or_else(|| guessed(&asked, &loaded.data.training())));
        let mut contest = Contest { study, neural, methods: Vec::new() };
        let point_ids: Vec<String> = contest.study.points.ids().iter().flatten().map(str::to_owned).collect();
        let names: Vec<&str> = point_ids.iter().map(String::as_str).collect();
        let criterion = search.then(|| Criterion::of(goal));
        contest.study.bits = Membership::draw(seed, MIN_WORLDS, &names);
        let (chosen, searched) = entered(&mut contest, chosen, criterion)?;
        // The first world says how long one takes.
        let n_worlds = if let Some(n) = options.n_worlds {
            n
        } else {
            let timer = Instant::now();
            contest.round(0)?;
            let seconds = timer.elapsed().as_secs_f64().max(1e-6) / rayon::current_num_threads() as f64;
            ((options.budget.as_secs_f64() / seconds) as usize / 2 * 2).clamp(MIN_WORLDS, MOST_WORLDS)
        };
        contest.study.bits = Membership::draw(seed, n_worlds, &names);
        let done = AtomicUsize::new(0);
        let rounds = in_worlds(n_worlds, |world| {
            let round = contest.round(world)?;
            progress(AuditProgress { done: done.fetch_add(1, Ordering::Relaxed) + 1, planned: n_worlds, kept: 0 });
            Ok(round)
        })?;
        let table = Table { contest: &contest, rounds: &rounds, options, goal, searched: &searched };
        let (rows, failed) = table.rows(&chosen)?;
        Ok(Comparison {
            model: model.to_owned(),
            version: row.version,
            digest: row.artefact,
            dataset: row.dataset.to_string(),
            learner: recipe.learner.clone(),
            params: recipe.params.clone(),
            source,
            goal,
            points: contest.study.points.len() as u64,
            canaries: canaries.len() as u64,
            asked: [contest.study.holdout.len() as u64, contest.study.retain.len() as u64],
            worlds: n_worlds as u64,
            train_steps: contest.n_steps() as u64,
            rows,
            failed,
            search: criterion.map(|criterion| match criterion {
                Criterion::ValidationGap => {
                    "searched in the first world: accuracy on the forgotten like that on records held apart".to_owned()
                }
                Criterion::Forgotten => {
                    "searched in the first world: least accuracy on the forgotten, most on records held apart".to_owned()
                }
            }),
            float_profile: FLOAT_PROFILE.to_owned(),
            seed: options.seed,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            at_ms: super::now_ms(),
            total_seconds: started.elapsed().as_secs_f64(),
        })
    }
}

/// Enters the methods into a contest, with their hyperparameters, searched if there is a criterion; and the steps that this took.
fn entered(contest: &mut Contest<'_>, mut chosen: Vec<Entrant>, criterion: Option<Criterion>) -> Result<(Vec<Entrant>, Vec<f64>)> {
    let mut searched = vec![0.0; chosen.len()];
    if let Some(criterion) = criterion {
        let all = contest.searched(&chosen, criterion)?;
        for (((_, settings), steps), found) in chosen.iter_mut().zip(&mut searched).zip(all) {
            (*settings, *steps) = found;
        }
    }
    for (method, settings) in &mut chosen {
        *settings = method.complete(settings.clone())?;
        contest.methods.push(method.with(settings.clone())?);
    }
    Ok((chosen, searched))
}

/// The goal that the records suggest: a class if they are all that the data have of one, else a random subset.
fn guessed(asked: &Dataset, training: &Dataset) -> Goal {
    let Some((place, _)) = training.schema().target() else { return Goal::Random };
    let class = |data: &Dataset, i: usize| data.values(place).text(i);
    let first = class(asked, 0);
    let one = (1..asked.len()).all(|i| class(asked, i) == first);
    let left = (0..training.len()).any(|i| class(training, i) == first && asked.position(training.id(i)).is_none());
    if one && !left { Goal::Class } else { Goal::Random }
}

type Measure = fn(&ComparisonRow) -> Option<f64>;

/// What all worlds said, to be made rows of.
struct Table<'a> {
    contest: &'a Contest<'a>,
    rounds: &'a [Round],
    options: &'a AuditOptions,
    goal: Goal,
    /// The steps that the search of each method took.
    searched: &'a [f64],
}

impl Table<'_> {
    fn rows(&self, chosen: &[Entrant]) -> Result<(Vec<ComparisonRow>, Vec<FailedMethod>)> {
        let mut controls: Vec<(String, RowKind, Vec<&Row>)> = vec![
            ("original".to_owned(), RowKind::Original, self.of(|round| &round.original)),
            ("retrain".to_owned(), RowKind::Retrained, self.of(|round| &round.retrained)),
            ("second retrain".to_owned(), RowKind::Second, self.of(|round| &round.second)),
        ];
        controls.extend(
            SHARES.iter().enumerate().map(|(place, share)| {
                (format!("scratch, {:.0} %", 100.0 * share), RowKind::Scratch, self.of(|round| &round.scratch[place]))
            }),
        );
        let mut rows = controls.par_iter().map(|(name, kind, rows)| self.row(name, *kind, rows)).collect::<Result<Vec<_>>>()?;
        let n_controls = rows.len();
        let found = chosen.par_iter().enumerate().map(|(place, (method, settings))| {
            let found: Result<Vec<&Row>, &String> = self.rounds.iter().map(|round| round.methods[place].as_ref()).collect();
            let failed = |reason: &String| FailedMethod { name: method.name.to_owned(), reason: reason.clone() };
            Ok(match found {
                Ok(found) => {
                    let row = self.row(method.name, RowKind::Method, &found)?;
                    let suits = method.goals.contains(&self.goal);
                    let (about, paper, settings) = (Some(method.about), Some(method.paper), Some(settings.clone()));
                    let search_steps = self.searched[place];
                    let steps = row.steps + search_steps;
                    let share = steps / self.contest.n_steps().max(1) as f64;
                    Ok(ComparisonRow { about, paper, suits, settings, steps, share, search_steps, ..row })
                }
                Err(reason) => Err(failed(reason)),
            })
        });
        let mut failed = Vec::new();
        for found in found.collect::<Result<Vec<_>>>()? {
            match found {
                Ok(row) => rows.push(row),
                Err(method) => failed.push(method),
            }
        }
        let [efficacy, privacy]: [Measure; 2] =
            [|row| row.efficacy.as_ref().map(|found| found.value), |row| row.privacy.as_ref().map(|found| found.value)];
        let (controls, methods) = rows.split_at_mut(n_controls);
        let scratch: Vec<&ComparisonRow> = controls.iter().filter(|row| row.kind == RowKind::Scratch).collect();
        for row in methods {
            let over = |of: Measure| {
                let line: Vec<(f64, f64)> = scratch.iter().filter_map(|row| Some((row.steps, of(row)?))).collect();
                of(row).zip(at(&line, row.steps)).map(|(own, scratch)| own - scratch)
            };
            let accuracy_holdout = over(|row| row.accuracy_holdout);
            row.over_scratch = Some(OverScratch { efficacy: over(efficacy), privacy: over(privacy), accuracy_holdout });
        }
        Ok((rows, failed))
    }

    fn of(&self, which: impl Fn(&Round) -> &Row) -> Vec<&Row> {
        self.rounds.iter().map(which).collect()
    }

    fn row(&self, name: &str, kind: RowKind, rows: &[&Row]) -> Result<ComparisonRow> {
        let mean = |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
        let bits = &self.contest.study.bits;
        let forget = rows.iter().enumerate().filter_map(|(world, row)| {
            mean((0..bits.n_points()).filter(|i| bits.row(world)[*i]).filter_map(|i| is_right(&row.said[0], i)).collect())
        });
        let accuracy =
            |set: usize| mean(rows.iter().filter_map(|row| row.said[set].outputs().ok()?.accuracy()).filter(|a| a.is_finite()).collect());
        let [efficacy, privacy] = if kind == RowKind::Retrained { [None, None] } else { self.games(rows)? };
        let steps = mean(rows.iter().map(|row| row.steps).collect()).unwrap_or_default();
        Ok(ComparisonRow {
            name: name.to_owned(),
            kind,
            about: None,
            paper: None,
            suits: true,
            settings: None,
            guarantee: rows.iter().fold(Guarantee::Exact, |all, row| weaker(all, row.guarantee)),
            steps,
            share: steps / self.contest.n_steps().max(1) as f64,
            search_steps: 0.0,
            seconds: median(rows.iter().map(|row| row.seconds).collect()),
            stopped: rows.first().map(|row| row.stopped.clone()).unwrap_or_default(),
            accuracy_forget: mean(forget.collect()),
            accuracy_retain: accuracy(2),
            accuracy_holdout: if self.contest.study.holdout.is_empty() { None } else { accuracy(1) },
            efficacy,
            privacy,
            relearning: self.relearning(rows)?,
            rounding: mean(rows.iter().filter_map(|row| row.rounded.map(|[before, after]| after - before)).collect()),
            over_scratch: None,
        })
    }

    /// The two games: networks of a row against retrained ones, and points that were forgotten against points that were never seen.
    fn games(&self, rows: &[&Row]) -> Result<[Option<Measured>; 2]> {
        let ensemble = |rows: &[&Row]| -> Result<Ensemble> {
            let on = |set: usize| rows.iter().map(|row| row.said[set].outputs()).collect::<Result<Vec<_>>>();
            let holdout = if self.contest.study.holdout.is_empty() { Vec::new() } else { on(1)? };
            Ok(Ensemble { forget: on(0)?, holdout, retain: on(2)? })
        };
        let worlds = Worlds {
            bits: self.contest.study.bits.clone(),
            candidate: ensemble(rows)?,
            retrained: ensemble(&self.of(|round| &round.retrained))?,
            second: ensemble(&self.of(|round| &round.second))?,
            original: ensemble(&self.of(|round| &round.original))?,
            scratch: None,
            do_nothing: None,
            canaries: Vec::new(),
        };
        // What a network says is never 0, and how sure it is of what it learned by heart lies beyond the floor that suits forests.
        let (seed, level, margin_floor) = (Seed(self.options.seed), self.options.level, PUBLISHED_FLOOR);
        let options = untrain_audit::Options { seed, level, margin_floor, ..untrain_audit::Options::default() };
        let found = audit_by(&worlds, &options, |metric| metric == EFFICACY || metric == PRIVACY)?;
        let of = |metric: &str| found.evidence.iter().find(|evidence| evidence.metric == metric).map(|evidence| evidence.candidate);
        Ok([of(EFFICACY), of(PRIVACY)])
    }

    fn relearning(&self, rows: &[&Row]) -> Result<Option<f64>> {
        let mut ratios = Vec::new();
        for (round, row) in self.rounds.iter().zip(rows) {
            let (Some(own), Some(retrained), Some(original)) = (&row.relearnt, &round.retrained.relearnt, &round.original.relearnt) else {
                continue;
            };
            let time = |curve: &[f64]| relearn::time(curve, original[0], RELEARNT_TO);
            // A retrained network that is as sure already has nothing to relearn, and nothing to compare with.
            let Some(of_retrained) = time(retrained)?.filter(|steps| *steps > 0) else { continue };
            ratios.extend(relearn::ain(time(own)?, Some(of_retrained)));
        }
        Ok((!ratios.is_empty()).then(|| ratios.iter().sum::<f64>() / ratios.len() as f64))
    }
}

const EFFICACY: &str = "ulira-efficacy";
const PRIVACY: &str = "ulira-privacy";

/// The weaker of two guarantees: of worlds, which are apart, so that budgets do not add up.
fn weaker(a: Guarantee, b: Guarantee) -> Guarantee {
    match (a, b) {
        (Guarantee::Certified { epsilon, delta }, Guarantee::Certified { epsilon: other, delta: with }) => {
            Guarantee::Certified { epsilon: epsilon.max(other), delta: delta.max(with) }
        }
        (a, b) => a.and(b),
    }
}

/// Whether a network has a point right.
fn is_right(said: &Said, i: usize) -> Option<f64> {
    let n_classes = said.n_classes.filter(|n| *n > 0)?;
    let row = &said.values[i * n_classes..(i + 1) * n_classes];
    let best = (1..n_classes).fold(0, |best, class| if row[class] > row[best] { class } else { best });
    Some(if said.labels[i] == Some(best) { 1.0 } else { 0.0 })
}

/// The height of a line through points at `x`, on a logarithmic axis; that of the nearest end beyond them.
fn at(points: &[(f64, f64)], x: f64) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    if x <= first.0 {
        return Some(first.1);
    }
    let pair = points.windows(2).find(|pair| x <= pair[1].0);
    Some(pair.map_or(last.1, |pair| {
        let along = libm::log(x / pair[0].0) / libm::log(pair[1].0 / pair[0].0);
        pair[0].1 + along * (pair[1].1 - pair[0].1)
    }))
}

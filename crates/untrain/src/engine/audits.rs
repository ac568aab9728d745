//! Audits: does forgetting work on this model, as an adversary would see it?

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arrow_array::UInt32Array;
use untrain_audit::attacks::athena::Athena;
use untrain_audit::bounds::one_run::{self, Choice, Guesses};
use untrain_audit::bounds::refute::Refutation;
use untrain_audit::distances::relearn;
use untrain_audit::{Audit, MIN_WORLDS, Membership, Scores, Verdict, audit_by};
use untrain_core::{AnyLearner, Dataset, Digest, Forget as _, Guarantee, Learner as _, Predictions, Seed};
use untrain_ledger::{ModelRow, Operation, RequestRow};

use super::{Engine, Loaded, from_json};
use crate::import::{self, Source};
use crate::records::{Metadata, read_parts};
use crate::report::{AuditReport, AuditSource, AuditVerdict, MarkReport, OneRunReport, RelearnReport};
use crate::shadow::{Kept, Role, Study, World, in_worlds, sample};
use crate::{Error, Recipe, Result};

const POINTS: u64 = 0x706f_696e_7473_0000; // "points"
const CANARIES: u64 = 0x6361_6e61_7279_0000; // "canary"
const DONORS: u64 = 0x646f_6e6f_7273_0000; // "donors"
const HOLDOUT: u64 = 0x686f_6c64_6f75_7400; // "holdout"
const RETAIN: u64 = 0x7265_7461_696e_0000; // "retain"

/// How many records of the holdout, and of those that are retained, models are asked about.
const ASKED: usize = 1000;

/// A copy has relearnt when it is this near to the original.
pub(super) const RELEARNT_TO: f64 = 0.05;

/// The most worlds that a budget buys; from here on more of them say little more.
const MOST_WORLDS: usize = 64;

/// A world takes about this many trainings: the original, two retrained ones, and the rest.
const TRAININGS_A_WORLD: f64 = 3.5;

/// How a model is to be audited.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditOptions {
    /// The records to forget, by id; those of the last request if none are named, or as many others if they are erased.
    pub forget: Option<Vec<String>>,
    /// Copies of records that the dataset has no longer, to ask about these.
    pub records: Option<Dataset>,
    /// The metrics to measure, by name; all if none are named.
    pub metrics: Vec<String>,
    /// The most records that are asked about; of more, those with the smallest hashes.
    pub n_points: usize,
    /// How many records besides get a wrong label, which a model can only know by heart.
    pub n_canaries: usize,
    /// In how many worlds models are trained; as many as the budget allows if not given, at least 8.
    pub n_worlds: Option<usize>,
    /// About how long the trainings may take.
    pub budget: Duration,
    /// The key of all that is drawn.
    pub seed: u64,
    /// The chance with which a perfect unlearner fails.
    pub level: f64,
}

impl Default for AuditOptions {
    fn default() -> Self {
        let budget = Duration::from_mins(5);
        Self {
            forget: None,
            records: None,
            metrics: Vec::new(),
            n_points: 400,
            n_canaries: 40,
            n_worlds: None,
            budget,
            seed: 0,
            level: 0.05,
        }
    }
}

/// How far an audit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditProgress {
    /// Worlds that are finished.
    pub done: usize,
    /// Worlds that are planned.
    pub planned: usize,
    /// How many of the finished ones were kept from an audit that was stopped.
    pub kept: usize,
}

/// What is asked about, and where it comes from.
struct Asked {
    points: Dataset,
    source: AuditSource,
}

/// A study whose bits are not drawn yet, and how it came to be.
pub(super) struct Prepared<'a> {
    pub(super) study: Study<'a>,
    /// The records that are asked about, without the canaries and with their own labels.
    pub(super) asked: Dataset,
    /// Those that got a wrong label.
    pub(super) canaries: Vec<String>,
    pub(super) source: AuditSource,
}

impl Engine {
    /// Audits how a model forgets: trains its recipe in many worlds, has it forget, and compares with retrained models.
    ///
    /// What the worlds say is kept in the store until it is done with, so that an audit that is stopped goes on; forgetting from any
    /// dataset erases it.
    ///
    /// # Errors
    ///
    /// An unknown model; [`Error::NotAudited`] for one that predicts nothing that a column tells the truth about;
    /// [`untrain_core::Error::UnknownIds`]; [`Error::Audit`] for too few worlds; those of the learner.
    pub fn audit(&self, model: &str, options: &AuditOptions, progress: &(dyn Fn(AuditProgress) + Sync)) -> Result<AuditReport> {
        let started = Instant::now();
        // Before anything is trained, and before what an earlier audit kept gives way.
        if let Some(found) = options.n_worlds.filter(|n| *n < MIN_WORLDS) {
            let instead = Some("LiRA on each record, `untrain audit MODEL --each`");
            return Err(untrain_audit::Error::TooFewModels { attack: "an audit", needed: MIN_WORLDS, found, instead }.into());
        }
        let row = self.store.model(model)?;
        let recipe: Recipe = from_json(model, &row.recipe)?;
        let loaded = self.read(row.dataset.as_str())?;
        let learner = |seed: Seed| Ok(Recipe { seed: seed.0, ..recipe.clone() }.learner()?);
        let Prepared { study, asked, canaries, source } = self.prepared(&loaded, options, &learner)?;
        let seed = study.seed;
        let places: Vec<usize> = canaries.iter().filter_map(|id| study.points.position(id)).collect();
        let (kept, other) = Kept::open(self.store.path(), model, &key(&row, &loaded, &study, options)?);
        let n_worlds = match options.n_worlds.or_else(|| kept.planned()) {
            Some(n) => n,
            None => affordable(&study, options.budget)?,
        };
        kept.plan(n_worlds);
        let point_ids: Vec<&str> = study.points.ids().iter().flatten().collect();
        let bits = Membership::draw(seed, n_worlds, &point_ids);
        let study = Study { bits, ..study };
        let worlds = trained(&study, n_worlds, &kept, progress)?;
        let claim = worlds.iter().fold(Guarantee::Exact, |all, world| all.and(world.guarantee));
        let audit_options = untrain_audit::Options { seed, level: options.level, claim, ..untrain_audit::Options::default() };
        let wanted = |name: &str| options.metrics.is_empty() || options.metrics.iter().any(|metric| metric == name);
        let found = audit_by(&study.worlds(&worlds, places.clone())?, &audit_options, wanted)?;
        let verdict = verdict(&found, &claim, &worlds);
        let median = |of: fn(&World) -> f64| median(worlds.iter().map(of).collect());
        Ok(AuditReport {
            model: model.to_owned(),
            version: row.version,
            digest: row.artefact,
            dataset: row.dataset.to_string(),
            learner: recipe.learner.clone(),
            params: recipe.params.clone(),
            forgets_by: if recipe.learner()?.is_native() { "revision" } else { "retraining" }.to_owned(),
            guarantee: claim,
            source,
            records: study.data.len() as u64,
            asked: asked.len() as u64,
            canaries: places.len() as u64,
            holdout: study.holdout.len() as u64,
            worlds: n_worlds as u64,
            replayed: worlds.iter().filter_map(|world| world.replayed).map(u64::from).sum(),
            replays: worlds.iter().filter(|world| world.replayed.is_some()).count() as u64,
            train_seconds: median(|world| world.train_seconds),
            forget_seconds: median(|world| world.forget_seconds),
            scratch_records: median(|world| world.scratch_records as f64) as u64,
            one_run: one_run(&study, &worlds, &claim, options.level)?,
            relearning: relearning(&worlds)?,
            seed: options.seed,
            verdict,
            replaced_an_audit: other,
            audit: found,
            settings: audit_options,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            at_ms: super::now_ms(),
            total_seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// What models are to be asked about, and what they are to be trained on.
    pub(super) fn prepared<'a>(
        &self,
        loaded: &Loaded,
        options: &AuditOptions,
        learner: &'a (dyn Fn(Seed) -> Result<AnyLearner> + Sync),
    ) -> Result<Prepared<'a>> {
        let Asked { points: asked, source } = self.asked_about(loaded, options)?;
        let training = loaded.data.training();
        let (seed, named) = (Seed(options.seed), ids(&asked));
        let training = if matches!(source, AuditSource::Given | AuditSource::Held { .. }) { training.union(&asked)? } else { training };
        let canaries = sample(&training, options.n_canaries.min(training.len() / 10), seed, CANARIES, &named)?;
        let (training, canaries) = mislabelled(&training, &canaries, seed)?;
        let all: Vec<String> = named.iter().chain(&canaries).cloned().collect();
        let study = Study {
            learner,
            holdout: sample(&loaded.data.holdout(), ASKED, seed, HOLDOUT, &BTreeSet::new())?,
            retain: sample(&training, ASKED, seed, RETAIN, &all.iter().cloned().collect())?,
            bits: Membership::all(0, 0),
            points: training.select(&all)?,
            data: training,
            seed,
        };
        Ok(Prepared { study, asked, canaries, source })
    }

    /// Reads copies of records that a model's dataset has no longer, to audit what the model knows of them.
    ///
    /// # Errors
    ///
    /// An unknown model; [`Error::Import`].
    pub fn copies<'a>(&self, model: &str, source: impl Into<Source<'a>>) -> Result<Dataset> {
        let row = self.store.model(model)?;
        let metadata: Metadata = from_json(model, &self.store.dataset(row.dataset.as_str())?.schema)?;
        Ok(import::like(source, &metadata.schema, &metadata.reading)?.training())
    }

    /// Tests whether a mark that a user planted in her own records still works: whether the model gives the planted answer for inputs with
    /// the mark more often than models do that never saw it.
    ///
    /// `kept_rate` is how often the model gave it when it knew the records; how often one gives it that never saw the mark is measured on the
    /// records that are held out, or on the training records if none are.
    ///
    /// # Errors
    ///
    /// An unknown model; [`Error::Import`]; [`Error::NotAudited`] for a model without classes; [`Error::Audit`] for rates that leave
    /// nothing to test, and for too few inputs.
    pub fn mark<'a>(&self, model: &str, inputs: impl Into<Source<'a>>, planted: &str, kept_rate: f64, level: f64) -> Result<MarkReport> {
        let share = |predictions: &Predictions| -> Result<(u64, u64)> {
            let Predictions::Classes { classes, n, .. } = predictions else { return Err(Error::NotAudited) };
            let wanted = classes.iter().position(|class| class == planted);
            let hits = (0..*n).filter(|i| wanted.is_some() && predictions.class(*i) == wanted).count();
            Ok((hits as u64, *n as u64))
        };
        let (hits, queries) = share(&self.predict(model, inputs)?.predictions)?;
        let row = self.store.model(model)?;
        let data = self.read(row.dataset.as_str())?.data;
        let clean = if data.holdout().is_empty() { data.training() } else { data.holdout() };
        let (clean_hits, n) = share(&self.artefact(model)?.predict(&clean)?)?;
        // Never 0 and never 1, which would be certain after so few records.
        let deleted_rate = (clean_hits as f64 + 1.0) / (n as f64 + 2.0);
        let test = Athena::plan(queries, deleted_rate, kept_rate, level)?;
        Ok(MarkReport {
            queries,
            hits,
            threshold: test.threshold,
            rejected: test.rejects(hits),
            deleted_rate,
            kept_rate,
            type_one: test.type_one,
            type_two: test.type_two,
        })
    }

    /// The records to ask about.
    fn asked_about(&self, loaded: &Loaded, options: &AuditOptions) -> Result<Asked> {
        let (dataset, training) = (loaded.row.name.as_str(), loaded.data.training());
        if let Some(records) = &options.records {
            let points = capped(records, options)?;
            let there: Vec<String> = ids(&points).into_iter().filter(|id| loaded.data.position(id).is_some()).collect();
            if !there.is_empty() {
                return Err(untrain_core::Error::AlreadyPresent { ids: there }.into());
            }
            return Ok(Asked { points, source: AuditSource::Given });
        }
        if let Some(wanted) = &options.forget {
            let wanted: BTreeSet<String> = wanted.iter().cloned().collect();
            let points = capped(&training.select(&wanted.into_iter().collect::<Vec<_>>())?, options)?;
            return Ok(Asked { points, source: AuditSource::Named });
        }
        let of_dataset = |row: &RequestRow| row.request.operation == Operation::Forget && row.request.dataset.as_str() == dataset;
        let last = self.store.requests()?.into_iter().filter(of_dataset).max_by_key(|row| row.number);
        let Some(last) = last else {
            let points = sample(&training, options.n_points.min(training.len() / 10).max(1), Seed(options.seed), POINTS, &BTreeSet::new())?;
            return Ok(Asked { points, source: AuditSource::Drawn });
        };
        let waiting: Vec<String> = self.store.scope(last.number)?.into_iter().filter(|id| training.position(id).is_some()).collect();
        if !waiting.is_empty() {
            let points = capped(&training.select(&waiting)?, options)?;
            return Ok(Asked { points, source: AuditSource::Waiting { request: last.number } });
        }
        let held = self.store.held(last.number)?;
        if !held.is_empty() {
            let (data, _) =
                read_parts(&loaded.metadata.schema, &self.store.blobs(&held)?).map_err(|source| self.records_error(dataset, source))?;
            let points = capped(&data.training(), options)?;
            return Ok(Asked { points, source: AuditSource::Held { request: last.number } });
        }
        let n = (last.request.records as usize).clamp(1, options.n_points).min(training.len());
        let points = sample(&training, n, Seed(options.seed), POINTS, &BTreeSet::new())?;
        Ok(Asked { points, source: AuditSource::InPlaceOf { request: last.number } })
    }
}

fn ids(data: &Dataset) -> BTreeSet<String> {
    data.ids().iter().flatten().map(str::to_owned).collect()
}

/// As many of the records as are asked about at the most, of those whose target is known.
fn capped(data: &Dataset, options: &AuditOptions) -> Result<Dataset> {
    let points = sample(data, options.n_points, Seed(options.seed), POINTS, &BTreeSet::new())?;
    if points.is_empty() { Err(Error::NobodyToAudit) } else { Ok(points) }
}

/// The dataset with the targets of other records in the place of the canaries' own, and the ids of the canaries: those for which a
/// record with another target was found.
fn mislabelled(data: &Dataset, canaries: &Dataset, seed: Seed) -> Result<(Dataset, Vec<String>)> {
    let Some((place, _)) = data.schema().target() else { return Err(Error::NotAudited) };
    let values = data.values(place);
    let mut hashed: Vec<(u64, usize)> =
        (0..data.len()).filter(|i| values.text(*i).is_some()).map(|i| (seed.hash(DONORS, data.id(i).as_bytes()), i)).collect();
    hashed.sort_unstable();
    let mut from: Vec<u32> = (0..data.len() as u32).collect();
    let mut named = Vec::new();
    for (turn, id) in canaries.ids().iter().flatten().enumerate() {
        let Some(at) = data.position(id) else { continue };
        // Each canary begins its search elsewhere, so that not all get the label of one record.
        let start = turn * 7919 % hashed.len().max(1);
        let donor = hashed.iter().cycle().skip(start).take(hashed.len()).find(|(_, i)| values.text(*i) != values.text(at));
        if let Some((_, donor)) = donor {
            from[at] = *donor as u32;
            named.push(id.to_owned());
        }
    }
    let failed = |error: arrow_schema::ArrowError| untrain_core::Error::Malformed { what: "target", reason: error.to_string() };
    let mut columns = data.columns().to_vec();
    columns[place] = arrow_select::take::take(&columns[place], &UInt32Array::from(from), None).map_err(failed)?;
    Ok((Dataset::new(data.schema().clone(), data.ids(), columns)?, named))
}

/// A digest of all that the worlds depend on, but for their number.
fn key(row: &ModelRow, loaded: &Loaded, study: &Study<'_>, options: &AuditOptions) -> Result<String> {
    let points: Vec<&str> = study.points.ids().iter().flatten().collect();
    let text = serde_json::to_vec(&(
        env!("CARGO_PKG_VERSION"),
        &row.recipe,
        row.dataset.as_str(),
        loaded.row.version,
        loaded.row.commitment.as_ref().map(|committing| committing.root.to_string()),
        points,
        (options.n_points, options.n_canaries, options.seed),
    ));
    Ok(Digest::of(&text.map_err(|source| Error::Metadata { name: row.name.to_string(), source })?).to_string())
}

/// How many worlds fit into a budget, by the time that one training takes: an even number, since each point is in half of them.
fn affordable(study: &Study<'_>, budget: Duration) -> Result<usize> {
    let timer = Instant::now();
    (study.learner)(study.seed_of(0, Role::Second))?.fit(&study.data)?;
    let seconds = TRAININGS_A_WORLD * timer.elapsed().as_secs_f64().max(1e-6);
    let n = (budget.as_secs_f64() / seconds) as usize;
    Ok((n / 2 * 2).clamp(MIN_WORLDS, MOST_WORLDS))
}

/// The worlds, those that were kept and the rest.
fn trained(study: &Study<'_>, n_worlds: usize, kept: &Kept, progress: &(dyn Fn(AuditProgress) + Sync)) -> Result<Vec<World>> {
    let (done, reused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    in_worlds(n_worlds, |world| {
        let content = if let Some(content) = kept.read(world) {
            reused.fetch_add(1, Ordering::Relaxed);
            content
        } else {
            let content = study.world(world)?;
            // An audit goes on without what it could not keep.
            let _ = kept.write(world, &content);
            content
        };
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        progress(AuditProgress { done, planned: n_worlds, kept: reused.load(Ordering::Relaxed) });
        Ok(content)
    })
}

/// What follows: that bytes differ outweighs what attacks do not see.
fn verdict(audit: &Audit, claim: &Guarantee, worlds: &[World]) -> AuditVerdict {
    let differs = worlds.iter().any(|world| world.replayed == Some(false));
    match (&audit.judgement.overall, &audit.refutation) {
        _ if *claim == Guarantee::Exact && differs => AuditVerdict::OtherBytes,
        (Verdict::Fails, _) => AuditVerdict::Told,
        (_, Some(Refutation::Refuted { .. })) => AuditVerdict::Refuted,
        (Verdict::Passes, _) => AuditVerdict::Passes,
        (Verdict::None { .. }, _) => AuditVerdict::Undecided,
    }
}

/// The lower bound on ε from all points in one world, for the candidate and its controls. A quarter of the points is guessed, half of
/// these in: fixed before anybody saw a score.
fn one_run(study: &Study<'_>, worlds: &[World], claim: &Guarantee, level: f64) -> Result<Option<OneRunReport>> {
    let (Some(world), m) = (worlds.first(), study.points.len()) else { return Ok(None) };
    let guesses = Guesses { n_in: m / 8, n_out: m / 8 };
    if m < 40 {
        return Ok(None);
    }
    let delta = if let Guarantee::Certified { delta, .. } = claim { *delta } else { 0.0 };
    let floor = untrain_audit::Options::default().margin_floor;
    let calibrated = |role: Role| -> Result<f64> {
        let margins = |role: Role| Ok::<_, Error>(world.said[role as usize][0].outputs()?.margins(floor));
        let (own, reference) = (margins(role)?, margins(Role::Second)?);
        let scores = Scores::from_rows(vec![own])?.minus(&Scores::from_rows(vec![reference])?)?;
        Ok(one_run::audit(scores.row(0), study.bits.row(0), &Choice::Fixed(guesses), delta, level)?.epsilon)
    };
    Ok(Some(OneRunReport {
        epsilon: calibrated(Role::Candidate)?,
        null: calibrated(Role::Retrained)?,
        positive_control: calibrated(Role::Original)?,
        guesses: 2 * (m / 8) as u64,
        points: m as u64,
    }))
}

/// How fast models relearn, over the worlds where that was looked at.
fn relearning(worlds: &[World]) -> Result<Option<RelearnReport>> {
    let relearnt: Vec<_> = worlds.iter().filter_map(|world| world.relearnt.as_ref()).collect();
    let Some(steps) = relearnt.first().map(|relearnt| relearnt.curves[0].len() as u64 - 1) else { return Ok(None) };
    let mut indices = [Vec::new(), Vec::new(), Vec::new()];
    for relearnt in &relearnt {
        let time = |curve: &[f64]| relearn::time(curve, relearnt.original, RELEARNT_TO);
        let [candidate, retrained, second] = &relearnt.curves;
        let scratch = time(retrained)?;
        for (found, time) in indices.iter_mut().zip([time(candidate)?, time(second)?, Some(0)]) {
            found.extend(relearn::ain(time, scratch));
        }
    }
    let [ain, null, positive_control] = indices.map(|found| (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64));
    Ok(Some(RelearnReport { ain, null, positive_control, worlds: relearnt.len() as u64, steps }))
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

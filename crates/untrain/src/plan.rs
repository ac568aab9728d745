//! What sharding would cost and save, before anything is trained.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;
use serde_json::{Map, Value};
use untrain_core::{Dataset, Forget as _, Holdout, Learner as _, Model as _};
use untrain_exact::{ShardSizes, SisaParams};

use crate::{Engine, Recipe, Result, Scores};

const SHARDS: [u32; 4] = [4, 8, 16, 32];
const SLICES: [u32; 3] = [1, 4, 16];

/// Deletions are timed on so many records at most, and so often.
const SAMPLE: usize = 10_000;
const DELETIONS: usize = 5;

/// What is to be planned.
#[derive(Debug, Clone)]
pub struct PlanOptions {
    /// How many requests to forget are expected.
    pub requests: u64,
    /// Train every entry, score it and time it.
    pub measure: bool,
}

/// What sharding would cost and save.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The dataset.
    pub dataset: String,
    /// How many records models would learn.
    pub records: u64,
    /// The learner of each shard, or alone.
    pub learner: String,
    /// Whether it forgets by revision, so that it needs no shards.
    pub is_native: bool,
    /// Whether slices have an effect, since it goes on from checkpoints.
    pub is_sliced: bool,
    /// How many requests are expected.
    pub requests: u64,
    /// For a learner that forgets by revision, what that takes.
    pub revision: Option<Revision>,
    /// Shards and slices to choose from; none where no shards are needed.
    pub entries: Vec<PlanEntry>,
    /// What the scores were measured on, if they were.
    pub scored_on: Option<String>,
    /// How good one model of all records is.
    pub single: Option<Scores>,
}

/// What forgetting by revision takes, measured on a sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Revision {
    /// How many records the sample has.
    pub records: u64,
    /// Seconds that training on it takes.
    pub retrain_seconds: f64,
    /// Seconds that forgetting one record takes, the mean of a few.
    pub forget_seconds: f64,
}

/// A number of shards and slices, and what they cost. Costs count the records that training goes over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanEntry {
    /// How many shards.
    pub n_shards: u32,
    /// How many slices each.
    pub n_slices: u32,
    /// Whether the recipe says so.
    pub given: bool,
    /// How many records the smallest shard holds.
    pub smallest: u64,
    /// How many records the largest shard holds.
    pub largest: u64,
    /// How many records training goes over: more than there are where a shard is trained in slices, each step on all so far.
    pub training: f64,
    /// How many records one request is expected to go over, for the shards of these records.
    pub retrained: f64,
    /// That, as a share of training.
    pub one_request: f64,
    /// The same by the paper's formula, for equal shards and slices.
    pub paper: f64,
    /// The expected cost of all requests, one after another, as a share of training as often.
    pub one_by_one: f64,
    /// The expected cost of all requests in one batch, as a share of training once.
    pub batch: f64,
    /// How many models are kept: the shards' and their checkpoints.
    pub models: u64,
    /// About how many bytes they take: so many states as that of a shard.
    pub state_bytes: u64,
    /// How good the predictions are, if that was measured.
    pub scores: Option<Scores>,
    /// Seconds that training took, if that was measured.
    pub train_seconds: Option<f64>,
    /// Seconds that forgetting one record took, the mean of a few, if that was measured.
    pub forget_seconds: Option<f64>,
}

impl Engine {
    /// Tells what sharding a learner would cost and save on the training records of a dataset. Nothing is stored.
    ///
    /// # Errors
    ///
    /// An unknown dataset; a recipe that does not suit the records.
    pub fn plan(&self, dataset: &str, recipe: &Recipe, options: &PlanOptions) -> Result<Plan> {
        let data = self.dataset(dataset)?;
        let training = data.training();
        let recipe = recipe.resolve(&training)?;
        let sharded = sharded(&recipe)?;
        let base = sharded.sisa()?.base;
        let mut plan = Plan {
            dataset: dataset.to_owned(),
            records: training.len() as u64,
            learner: sharded.sisa()?.params.base,
            is_native: base.is_native(),
            is_sliced: base.is_incremental() && !base.is_native(),
            requests: options.requests,
            revision: None,
            entries: Vec::new(),
            scored_on: None,
            single: None,
        };
        if plan.is_native {
            plan.revision = Some(time_revision(&base, &training)?);
            return Ok(plan);
        }
        let given = (recipe == sharded).then_some(&sharded);
        let mut state_bytes = BTreeMap::new();
        for (n_shards, n_slices) in grid(given, plan.is_sliced) {
            let chosen = with_shards(&sharded, n_shards, n_slices, given)?;
            plan.entries.push(entry(&chosen, &training, options.requests, &mut state_bytes, is_of(given, n_shards, n_slices))?);
        }
        if options.measure {
            measure(&mut plan, &sharded, given, &data)?;
        }
        Ok(plan)
    }
}

/// The recipe, or one that shards the learner that it names.
fn sharded(recipe: &Recipe) -> Result<Recipe> {
    if recipe.base().is_some() {
        return Ok(recipe.clone());
    }
    let params = SisaParams { base: recipe.learner.clone(), base_params: recipe.params.clone(), ..SisaParams::default() };
    Ok(Recipe::with_params("sisa", &params, recipe.task, recipe.seed)?)
}

fn number(recipe: &Recipe, name: &str) -> u32 {
    recipe.params.get(name).and_then(Value::as_u64).unwrap_or_default() as u32
}

fn is_of(given: Option<&Recipe>, n_shards: u32, n_slices: u32) -> bool {
    given.is_some_and(|given| number(given, "n_shards") == n_shards && number(given, "n_slices") == n_slices)
}

/// The entries to look at, rising: a grid, and what the recipe says.
fn grid(given: Option<&Recipe>, is_sliced: bool) -> Vec<(u32, u32)> {
    let mut grid: Vec<(u32, u32)> = SHARDS
        .iter()
        .flat_map(|n_shards| SLICES.iter().filter(|n_slices| is_sliced || **n_slices == 1).map(|n_slices| (*n_shards, *n_slices)))
        // The grid would not suit shards that the recipe gives out by hand.
        .filter(|(n_shards, n_slices)| given.is_none_or(|given| with_shards(given, *n_shards, *n_slices, None).is_ok()))
        .collect();
    if let Some(given) = given {
        grid.push((number(given, "n_shards"), number(given, "n_slices")));
    }
    grid.sort_unstable();
    grid.dedup();
    grid
}

/// The recipe with other numbers of shards and slices.
fn with_shards(recipe: &Recipe, n_shards: u32, n_slices: u32, given: Option<&Recipe>) -> Result<Recipe> {
    if is_of(given, n_shards, n_slices) {
        return Ok(recipe.clone());
    }
    let mut params: Map<String, Value> = recipe.params.clone();
    params.insert("n_shards".to_owned(), n_shards.into());
    params.insert("n_slices".to_owned(), n_slices.into());
    Ok(Recipe { task: recipe.task, ..Recipe::of(&recipe.learner, params, recipe.seed)? })
}

fn entry(recipe: &Recipe, training: &Dataset, requests: u64, state_bytes: &mut BTreeMap<u32, u64>, given: bool) -> Result<PlanEntry> {
    let sisa = recipe.sisa()?;
    let sizes = sisa.sizes(training)?;
    let n_shards = sisa.params.n_shards;
    let n_slices = if sisa.is_sliced() { sisa.params.n_slices } else { 1 };
    let of_shard = match state_bytes.get(&n_shards) {
        Some(bytes) => *bytes,
        None => sisa.base.fit(&sisa.shard(training, 0)?)?.state().len() as u64,
    };
    state_bytes.insert(n_shards, of_shard);
    let (smallest, largest) = sizes.range();
    let whole = sizes.training().max(1.0);
    Ok(PlanEntry {
        n_shards,
        n_slices: sisa.params.n_slices,
        given,
        smallest,
        largest,
        training: sizes.training(),
        retrained: sizes.batch(1),
        one_request: sizes.batch(1) / whole,
        paper: ShardSizes::paper(n_shards, n_slices),
        one_by_one: sizes.sequential(requests) / (whole * requests.max(1) as f64),
        batch: sizes.batch(requests) / whole,
        models: sizes.models(),
        state_bytes: sizes.models() * of_shard,
        scores: None,
        train_seconds: None,
        forget_seconds: None,
    })
}

/// Trains every entry and one model of all, and scores them on the holdout or, without one, on a fifth chosen by hash.
fn measure(plan: &mut Plan, sharded: &Recipe, given: Option<&Recipe>, data: &Dataset) -> Result<()> {
    const FIFTH: f64 = 0.2;
    let (mut seen, mut unseen, mut on) = (data.training(), data.holdout(), "the holdout".to_owned());
    if unseen.is_empty() {
        let mask: Vec<bool> = data.ids().iter().flatten().map(|id| Holdout::holds(FIFTH, id)).collect();
        unseen = data.filter(&mask)?;
        seen = data.filter(&mask.iter().map(|held| !held).collect::<Vec<_>>())?;
        "a fifth of the records, chosen by hash".clone_into(&mut on);
    }
    let Some((target, _)) = unseen.schema().target() else { return Ok(()) };
    plan.single = Some(Scores::of(&sharded.sisa()?.base.fit(&seen)?.predict(&unseen)?, &unseen.values(target)));
    for entry in &mut plan.entries {
        let learner = with_shards(sharded, entry.n_shards, entry.n_slices, given)?.learner()?;
        let timer = Instant::now();
        let mut model = learner.fit(&seen)?;
        entry.train_seconds = Some(timer.elapsed().as_secs_f64());
        entry.scores = Some(Scores::of(&model.predict(&unseen)?, &unseen.values(target)));
        entry.forget_seconds = time_deletions(&learner, &mut model, &seen)?;
    }
    plan.scored_on = Some(on);
    Ok(())
}

fn time_revision(learner: &untrain_core::AnyLearner, training: &Dataset) -> Result<Revision> {
    let share = SAMPLE as f64 / training.len().max(1) as f64;
    let sample = training.filter(&training.ids().iter().flatten().map(|id| Holdout::holds(share, id)).collect::<Vec<_>>())?;
    let timer = Instant::now();
    let mut model = learner.fit(&sample)?;
    let retrain_seconds = timer.elapsed().as_secs_f64();
    let forget_seconds = time_deletions(learner, &mut model, &sample)?.unwrap_or_default();
    Ok(Revision { records: sample.len() as u64, retrain_seconds, forget_seconds })
}

/// Seconds that forgetting one record takes, the mean of a few spread over the ids; `None` without records.
fn time_deletions(learner: &untrain_core::AnyLearner, model: &mut untrain_core::AnyModel, data: &Dataset) -> Result<Option<f64>> {
    let n = DELETIONS.min(data.len());
    let (mut left, mut seconds) = (data.clone(), 0.0);
    for i in 0..n {
        let id = vec![data.id(i * data.len() / n).to_owned()];
        left = left.without(&id)?;
        let timer = Instant::now();
        learner.forget(model, &id, &left)?;
        seconds += timer.elapsed().as_secs_f64();
    }
    Ok((n > 0).then(|| seconds / n as f64))
}

//! Measures one forest on one dataset: everything in memory, the data made outside the timed parts.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context as _, Result};
use untrain::Scores;
use untrain_core::{Artefact, Dataset, Forget, Learner, Model, Predictions, Seed, Task};
use untrain_exact::{Forest, ForestArtefact, ForestModel, Params};

/// Records are forgotten one by one for so many seconds at most, what is between two requests included.
const MOST_SECONDS: f64 = 10.0;

/// A dataset of which models see one side.
pub(super) struct Split {
    pub(super) name: String,
    pub(super) train: Dataset,
    pub(super) test: Dataset,
}

/// What is measured with one seed. Times are in seconds.
pub(super) struct Run {
    pub(super) train: f64,
    /// Training once more without the records that were forgotten.
    pub(super) retrain: f64,
    pub(super) accuracy: f64,
    /// For two classes.
    pub(super) auc: Option<f64>,
    pub(super) forget: Times,
    pub(super) learn: Times,
    /// Forgetting 1 % of the records in one request.
    pub(super) batch: f64,
    pub(super) rows_per_second: f64,
    /// Bytes a record: records, trees, bins.
    pub(super) memory: [f64; 3],
    pub(super) checks: Checks,
}

/// The times of many operations of one kind, in seconds.
pub(super) struct Times {
    pub(super) mean: f64,
    pub(super) median: f64,
    pub(super) p99: f64,
}

/// A model trained, corrected one request at a time, and compared with its retraining. Times are in seconds.
pub(super) struct Corrected<M, T> {
    /// What was asked of the model before the first request.
    pub(super) trained: T,
    /// The model after the last.
    pub(super) model: M,
    /// The records that are left.
    pub(super) retained: Dataset,
    /// The median of several trainings.
    pub(super) train: f64,
    pub(super) requests: usize,
    pub(super) forget: Times,
    pub(super) retrain: f64,
    /// Whether the corrected model has the bytes of the retrained one.
    pub(super) equal: bool,
}

impl<M: Model, T> Corrected<M, T> {
    /// Trains `n_trainings` times, asks what is to be known of the model, and takes out each of `requests`.
    pub(super) fn of<L: Learner<Model = M> + Forget<M>>(
        learner: &L,
        train: &Dataset,
        n_trainings: usize,
        requests: &[impl AsRef<[String]>],
        ask: impl FnOnce(&M) -> Result<T>,
    ) -> Result<Self> {
        let (first, mut model) = timed(|| learner.fit(train))?;
        let mut trainings = vec![first];
        for _ in 1..n_trainings {
            trainings.push(timed(|| learner.fit(train))?.0);
        }
        let trained = ask(&model)?;
        let (mut retained, mut seconds, started) = (train.clone(), Vec::new(), Instant::now());
        for ids in requests {
            // A learner that makes itself anew reads the set that is left: it must be this one.
            retained = retained.without(ids.as_ref())?;
            seconds.push(timed(|| learner.forget(&mut model, ids.as_ref(), &retained))?.0);
            if started.elapsed().as_secs_f64() > MOST_SECONDS {
                break;
            }
        }
        let (retrain, retrained) = timed(|| learner.fit(&retained))?;
        let (train, requests) = (median(trainings.into_iter()), seconds.len());
        let equal = equal(&model, &retrained);
        Ok(Self { trained, model, retained, train, requests, forget: Times::of(seconds), retrain, equal })
    }
}

/// Whether two models have the same bytes.
pub(super) fn equal<M: Model>(a: &M, b: &M) -> bool {
    a.digest() == b.digest() && a.state_digest() == b.state_digest()
}

/// Comparisons of both digests with those of a retrain.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Checks {
    pub(super) passed: usize,
    pub(super) done: usize,
}

impl Times {
    pub(super) fn of(mut seconds: Vec<f64>) -> Self {
        if seconds.is_empty() {
            return Self { mean: f64::NAN, median: f64::NAN, p99: f64::NAN };
        }
        seconds.sort_by(f64::total_cmp);
        let n = seconds.len();
        Self { mean: seconds.iter().sum::<f64>() / n as f64, median: seconds[n / 2], p99: seconds[n * 99 / 100] }
    }
}

impl Checks {
    fn compare(&mut self, model: &ForestModel, with: &ForestModel) {
        self.done += 1;
        self.passed += usize::from(equal(model, with));
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, done: self.done + other.done }
    }
}

/// Measures a forest with `params`, forgetting and learning again `n` records one by one.
pub(super) fn run(params: &Params, seed: u64, data: &Split, n: usize) -> Result<Run> {
    let forest = Forest { params: params.clone(), task: Task::Classification, seed: Seed(seed) };
    let Split { train, test, .. } = data;
    let (train_seconds, trained) = timed(|| forest.fit(train))?;
    let artefact = ForestArtefact::read(&trained.artefact())?;
    let predictions = artefact.predict(test)?;
    let memory = trained.memory();
    let mut checks = Checks::default();

    let ids = drawn(train, seed);
    let (singles, batch) = (&ids[..n.min(train.len() / 2)], &ids[..train.len().div_ceil(100)]);
    // The learner looks at the kinds of the retained columns only, which the whole series leaves as they are: the set left
    // at its end serves each step, and no copy of the data is made between two of them.
    let rest = train.without(singles)?;
    let mut model = trained.clone();
    let forget = each(singles, |id| forest.forget(&mut model, id, &rest).map(|_| ()))?;
    let (retrain_seconds, retrained) = timed(|| forest.fit(&rest))?;
    checks.compare(&model, &retrained);
    let learn = each(singles, |id| forest.learn(&mut model, id, train).map(|_| ()))?;
    checks.compare(&model, &trained);

    let rest = train.without(batch)?;
    let mut model = trained;
    let (batch_seconds, _) = timed(|| forest.forget(&mut model, batch, &rest))?;
    checks.compare(&model, &forest.fit(&rest)?);

    let scores = scores(&predictions, test)?;
    let per_record = |bytes: usize| bytes as f64 / train.len() as f64;
    Ok(Run {
        train: train_seconds,
        retrain: retrain_seconds,
        accuracy: scores.accuracy.context("the model predicts no classes")?,
        auc: scores.auc,
        forget,
        learn,
        batch: batch_seconds,
        rows_per_second: rate(&artefact, test)?,
        memory: [memory.records, memory.trees, memory.bins].map(per_record),
        checks,
    })
}

/// The first `n` ids in the order that `seed` draws, each a request of its own, but no more than half of all.
pub(super) fn singles(data: &Dataset, seed: u64, n: usize) -> Vec<[String; 1]> {
    drawn(data, seed).into_iter().take(n.min(data.len() / 2)).map(|id| [id]).collect()
}

/// The ids in an order that `seed` draws.
pub(super) fn drawn(data: &Dataset, seed: u64) -> Vec<String> {
    const PURPOSE: u64 = 0x0062_656e_6368_0000; // "bench"
    let mut ids: Vec<(u64, &str)> = data.ids().iter().flatten().map(|id| (Seed(seed).hash(PURPOSE, id.as_bytes()), id)).collect();
    ids.sort_unstable();
    ids.into_iter().map(|(_, id)| id.to_owned()).collect()
}

/// The middle of `values`; of an even number, the upper one of the two.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    Times::of(values.collect()).median
}

pub(super) fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<(f64, T), E> {
    let start = Instant::now();
    let result = work()?;
    Ok((start.elapsed().as_secs_f64(), result))
}

pub(super) fn each(ids: &[String], mut work: impl FnMut(&[String]) -> untrain_core::Result<()>) -> Result<Times> {
    let times = ids.chunks(1).map(|id| Ok(timed(|| work(id))?.0)).collect::<Result<Vec<_>>>()?;
    Ok(Times::of(times))
}

/// How many rows a second are predicted, over at least half a second.
pub(super) fn rate(artefact: &impl Artefact, test: &Dataset) -> Result<f64> {
    let start = Instant::now();
    let mut rows = 0;
    loop {
        rows += black_box(artefact.predict(test)?).len();
        let seconds = start.elapsed().as_secs_f64();
        if seconds >= 0.5 {
            return Ok(rows as f64 / seconds);
        }
    }
}

/// How good the predictions of classes are.
pub(super) fn scores(predictions: &Predictions, test: &Dataset) -> Result<Scores> {
    let (place, _) = test.schema().target().context("no column is the target")?;
    Ok(Scores::of(predictions, &test.values(place)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, StringArray};
    use untrain_core::{Column, Kind, Role, Schema};

    use super::*;

    #[test]
    fn ties_count_half_in_the_area_under_the_curve() -> Result<()> {
        let column = |name: &str, kind, role| Column { name: name.into(), kind, role, declared: true };
        let columns = vec![column("x", Kind::Numeric, Role::Feature), column("y", Kind::Categorical, Role::Target)];
        let x: ArrayRef = Arc::new(Float64Array::from(vec![0.0; 4]));
        let y: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "a", "b"]));
        let schema = Schema { id: Some("id".into()), columns, holdout: None };
        let test = Dataset::new(schema, &StringArray::from(vec!["1", "2", "3", "4"]), vec![x, y])?;
        let positive = [0.1, 0.4, 0.4, 0.8];
        let probabilities = positive.iter().flat_map(|p| [1.0 - p, *p]).collect();
        let predictions = Predictions::Classes { classes: vec!["a".into(), "b".into()], probabilities, n: 4 };
        // Of the four pairs of an "a" and a "b", three are in order and one is tied.
        let scores = scores(&predictions, &test)?;
        assert_eq!(scores.auc, Some(0.875));
        assert_eq!(scores.accuracy, Some(0.75));
        Ok(())
    }
}

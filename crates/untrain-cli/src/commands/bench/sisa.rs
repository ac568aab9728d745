//! What does one deletion cost shards and slices beside what the paper expects, and what do they cost in accuracy?

use anyhow::{Context as _, Result};
use serde::Serialize;
use untrain_core::{AnyLearner, Learner as _, Model, Seed, Task};
use untrain_exact::{Retrain, Sgd, SgdParams, ShardSizes, Sisa, SisaModel, SisaParams};

use super::Plan;
use super::markdown::Table;
use super::measure::{Corrected, Split, scores, singles};
use crate::table::{count, duration};

/// Shards and slices.
const SHAPES: [(u32, u32); 2] = [(16, 8), (16, 1)];
const N_TRAININGS: usize = 3;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    base: &'static str,
    rows: Vec<Measured>,
}

/// A learner that is sharded, and how much of it is measured.
pub(super) struct Base {
    pub(super) name: &'static str,
    pub(super) learner: AnyLearner,
    pub(super) shapes: &'static [(u32, u32)],
    pub(super) n_trainings: usize,
    pub(super) deletions: usize,
}

/// Times are in seconds.
#[derive(Debug, Serialize)]
struct Measured {
    name: String,
    records: usize,
    n_shards: u32,
    n_slices: u32,
    train_seconds: f64,
    deletions: usize,
    forget_mean_seconds: f64,
    /// One deletion as a share of training: measured, as the paper has it for equal shards, and for the sizes at hand.
    share: f64,
    paper_share: f64,
    expected_share: f64,
    accuracy: f64,
    log_loss: f64,
    /// What one model of all records has.
    whole_accuracy: f64,
    whole_log_loss: f64,
    equal: bool,
}

/// Measures shards of a linear model by stochastic gradient descent.
pub(super) fn run(plan: &Plan<'_>, tables: &[Split]) -> Result<Report> {
    let learner = AnyLearner::new(Retrain(Sgd { params: SgdParams::default(), task: Task::Classification, seed: Seed(0) }));
    let whole = learner.clone();
    of(plan, &Base { name: "sgd", learner, shapes: &SHAPES, n_trainings: N_TRAININGS, deletions: plan.deletions }, &whole, tables)
}

/// Measures shards of a learner, beside a model of all records by `whole`.
pub(super) fn of(plan: &Plan<'_>, base: &Base, whole: &AnyLearner, tables: &[Split]) -> Result<Report> {
    let mut rows = Vec::new();
    for data in tables {
        plan.say(&format!("one model of {}", data.name));
        let whole = quality(&whole.fit(&data.train)?, data)?;
        for (n_shards, n_slices) in base.shapes {
            plan.say(&format!("{n_shards} shards × {n_slices} slices of {}", data.name));
            rows.push(measured(base, data, (*n_shards, *n_slices), whole)?);
        }
    }
    Ok(Report { base: base.name, rows })
}

/// Accuracy and log loss.
fn quality(model: &impl Model, data: &Split) -> Result<(f64, f64)> {
    let scores = scores(&model.predict(&data.test)?, &data.test)?;
    scores.accuracy.zip(scores.log_loss).context("the model predicts no classes")
}

fn measured(base: &Base, data: &Split, (n_shards, n_slices): (u32, u32), whole: (f64, f64)) -> Result<Measured> {
    let params = SisaParams { base: base.name.to_owned(), n_shards, n_slices, ..SisaParams::default() };
    let learner = Sisa { base: base.learner.clone(), params, task: Task::Classification, seed: Seed(0) };
    let sizes = learner.sizes(&data.train)?;
    let ask = |model: &SisaModel| quality(model, data);
    let done = Corrected::of(&learner, &data.train, base.n_trainings, &singles(&data.train, 0, base.deletions), ask)?;
    let (accuracy, log_loss) = done.trained;
    Ok(Measured {
        name: data.name.clone(),
        records: data.train.len(),
        n_shards,
        n_slices,
        train_seconds: done.train,
        deletions: done.requests,
        forget_mean_seconds: done.forget.mean,
        share: done.forget.mean / done.train,
        paper_share: ShardSizes::paper(n_shards, n_slices),
        expected_share: sizes.batch(1) / sizes.training(),
        accuracy,
        log_loss,
        whole_accuracy: whole.0,
        whole_log_loss: whole.1,
        equal: done.equal,
    })
}

impl Report {
    pub(super) fn is_exact(&self) -> bool {
        self.rows.iter().all(|row| row.equal)
    }

    pub(super) fn markdown(&self) -> String {
        let first = format!("sisa of {}", self.base);
        let titles = [
            first.as_str(),
            "records",
            "shards × slices",
            "training",
            "forget one, mean",
            "share of training",
            "by the paper",
            "for these sizes",
            "accuracy, loss of it",
            "log loss, more of it",
            "bytes equal",
        ];
        let mut table = Table::new(titles.map(str::to_owned));
        let percent = |share: f64| format!("{:.2} %", share * 100.0);
        for row in &self.rows {
            table.row([
                row.name.clone(),
                count(row.records as u64),
                format!("{} × {}", row.n_shards, row.n_slices),
                duration(row.train_seconds),
                duration(row.forget_mean_seconds),
                percent(row.share),
                percent(row.paper_share),
                percent(row.expected_share),
                format!("{:.4}, {:+.4}", row.accuracy, row.whole_accuracy - row.accuracy),
                format!("{:.4}, {:+.4}", row.log_loss, row.log_loss - row.whole_log_loss),
                if row.equal { "yes" } else { "**no**" }.to_owned(),
            ]);
        }
        table.text()
    }
}

//! What a request costs on its way through the store, beside the same work in memory.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use untrain::import::Roles;
use untrain::{Access, Engine, ForgetOptions, ImportOptions, OpenOptions, Recipe, Task, TrainOptions};
use untrain_exact::Params;

use super::markdown::Table;
use super::measure::{Split, drawn, median};
use crate::table::{count, duration};

const DATASET: &str = "records";
const MODEL: &str = "model";
const N_SINGLES: usize = 20;
const BATCH: usize = 100;
const N_BATCHES: usize = 5;
const N_COLD: usize = 3;

/// Medians, in seconds.
#[derive(Debug, Serialize)]
pub(super) struct Durable {
    records: usize,
    /// Requests of one record, in a process that holds the store open.
    one: Request,
    /// Requests of 100 records, likewise.
    hundred: Request,
    /// Requests of one record, each in a store opened for it: what one call of the command line costs.
    cold_one: Request,
    /// Whether the stored model equals a retrain at the end.
    pub(super) equal: bool,
}

#[derive(Debug, Serialize)]
struct Request {
    /// On the model in memory.
    seconds: f64,
    /// Until it is durable, and what was forgotten erased.
    total_seconds: f64,
}

/// Forgets through a store in a temporary folder.
pub(super) fn run(params: &Params, seed: u64, data: &Split) -> Result<Durable> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let open = || Engine::open(&folder.path().join("store"), Access::Write, OpenOptions::default(), &mut || ());
    let recipe = Recipe::with_params("forest", params, Some(Task::Classification), seed).map_err(untrain::Error::from)?;
    let ids = drawn(&data.train, seed);
    ensure!(ids.len() >= 2 * N_BATCHES * BATCH, "{} has too few records for requests through the store", data.name);
    let (singles, rest) = ids.split_at(N_SINGLES);
    let (cold, rest) = rest.split_at(N_COLD);

    let mut engine = open()?;
    engine.import(DATASET, &data.train, &Roles::default(), ImportOptions::default())?;
    engine.train(DATASET, MODEL, &recipe, TrainOptions::default())?;
    let one = requests(singles.chunks(1), |ids| forget(&mut engine, ids))?;
    let hundred = requests(rest.chunks(BATCH).take(N_BATCHES), |ids| forget(&mut engine, ids))?;
    drop(engine);
    let cold_one = requests(cold.chunks(1), |ids| {
        let start = Instant::now();
        let request = forget(&mut open()?, ids)?;
        Ok(Request { total_seconds: start.elapsed().as_secs_f64(), ..request })
    })?;
    let equal = open()?.verify(MODEL)?.equal;
    Ok(Durable { records: data.train.len(), one, hundred, cold_one, equal })
}

impl Durable {
    pub(super) fn markdown(&self) -> String {
        let titles = ["a request through the store, median", "in memory", "durable and erased", "records a second"];
        let mut table = Table::new(titles.map(str::to_owned));
        let rows = [
            ("1 record, store open", &self.one, 1),
            ("100 records, store open", &self.hundred, BATCH),
            ("1 record, store opened for it", &self.cold_one, 1),
        ];
        for (title, Request { seconds, total_seconds }, n) in rows {
            let rate = n as f64 / total_seconds;
            table.row([title.to_owned(), duration(*seconds), duration(*total_seconds), format!("{rate:.1}")]);
        }
        let verdict = if self.equal { "equal to" } else { "**not** equal to" };
        let records = count(self.records as u64);
        format!("{}\nA dataset of {records} records with one model; in the end its bytes are {verdict} a retrain's.\n", table.text())
    }
}

fn forget(engine: &mut Engine, ids: &[String]) -> Result<Request> {
    let report = engine.forget(DATASET, ids, &ForgetOptions::default())?;
    ensure!(report.unfinished.is_none(), "the request could not be finished: {}", report.unfinished.unwrap_or_default());
    Ok(Request { seconds: report.seconds, total_seconds: report.total_seconds })
}

fn requests<'a>(batches: impl Iterator<Item = &'a [String]>, work: impl FnMut(&'a [String]) -> Result<Request>) -> Result<Request> {
    let all = batches.map(work).collect::<Result<Vec<_>>>()?;
    let over = |figure: fn(&Request) -> f64| median(all.iter().map(figure));
    Ok(Request { seconds: over(|request| request.seconds), total_seconds: over(|request| request.total_seconds) })
}

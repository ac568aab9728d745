//! How much faster does naive Bayes forget than it is retrained, and what does it cost beside scikit-learn's?

use std::ops::Range;

use anyhow::{Context as _, Result};
use serde::Serialize;
use untrain_core::{Dataset, Model as _, Role, mix, unit};
use untrain_exact::{NaiveBayes, NaiveBayesModel, NaiveBayesParams};

use super::Plan;
use super::forests::times;
use super::generated::{Generated, testing, training};
use super::markdown::Table;
use super::measure::{Corrected, Split, median, scores, singles};
use super::peers::{Peer, Peers};
use crate::table::{count, duration, factor};

const N_COLUMNS: u64 = 50;
const N_RECORDS: u64 = 100_000;
const N_TEST: u64 = 10_000;
const SEED: u64 = 0x6261_7965_7300_0000; // "bayes"

/// Naive Bayes on several datasets.
#[derive(Debug, Serialize)]
pub(super) struct NaiveBayesTable {
    rows: Vec<Measured>,
    versions: Option<String>,
}

/// Medians; times are in seconds.
#[derive(Debug, Serialize)]
struct Measured {
    name: String,
    records: usize,
    train_seconds: f64,
    forget_mean_seconds: f64,
    forget_speedup: f64,
    artefact_bytes: usize,
    accuracy: f64,
    log_loss: f64,
    peers: Vec<Peer>,
    equal: bool,
}

impl NaiveBayesTable {
    pub(super) fn is_exact(&self) -> bool {
        self.rows.iter().all(|row| row.equal)
    }

    pub(super) fn markdown(&self) -> String {
        let titles = [
            "naive Bayes",
            "records",
            "training",
            "forget one",
            "retraining ÷ forgetting",
            "artefact",
            "accuracy / log loss",
            "scikit-learn's training",
            "our training ÷ its",
            "its accuracy / log loss",
        ];
        let mut table = Table::new(titles.map(str::to_owned));
        for row in &self.rows {
            let of_peer = |figure: &dyn Fn(&Peer) -> String| row.peers.first().map_or_else(|| "–".to_owned(), figure);
            table.row([
                row.name.clone(),
                count(row.records as u64),
                duration(row.train_seconds),
                duration(row.forget_mean_seconds),
                factor(row.forget_speedup),
                format!("{} B", count(row.artefact_bytes as u64)),
                format!("{:.4} / {:.4}", row.accuracy, row.log_loss),
                of_peer(&|peer| duration(peer.train_seconds)),
                of_peer(&|peer| times(row.train_seconds / peer.train_seconds)),
                of_peer(&|peer| format!("{:.4} / {:.4}", peer.accuracy, peer.log_loss.unwrap_or(f64::NAN))),
            ]);
        }
        let versions = self.versions.as_ref().map_or_else(String::new, |versions| format!("\nThe peers' versions: {versions}.\n"));
        format!("{}{versions}", table.text())
    }
}

/// Measures naive Bayes on `adult` and on a generated table.
pub(super) fn run(plan: &Plan<'_>, adult: &Split) -> Result<NaiveBayesTable> {
    let generated = Split { name: "100k × 50".to_owned(), train: table(training(N_RECORDS))?, test: table(testing(N_TEST))? };
    let mut versions = None;
    let mut rows = Vec::new();
    for data in [adult, &generated] {
        let peers: Option<Peers> = plan.peers("naive_bayes.py", data, &[])?;
        versions = peers.as_ref().map(Peers::versions);
        rows.push(measured(plan, data, peers.map(|peers| peers.models).unwrap_or_default())?);
    }
    Ok(NaiveBayesTable { rows, versions })
}

fn measured(plan: &Plan<'_>, data: &Split, peers: Vec<Peer>) -> Result<Measured> {
    let learner = NaiveBayes::new(NaiveBayesParams::default());
    let ask = |model: &NaiveBayesModel| Ok((scores(&model.predict(&data.test)?, &data.test)?, model.artefact().len()));
    let run = |seed| Corrected::of(&learner, &data.train, 1, &singles(&data.train, seed, plan.deletions), ask);
    let runs = (0..plan.seeds).map(run).collect::<Result<Vec<_>>>()?;
    let (scores, artefact_bytes) = runs.first().context("there is no seed")?.trained.clone();
    let train_seconds = median(runs.iter().map(|run| run.train));
    let forget_mean_seconds = median(runs.iter().map(|run| run.forget.mean));
    Ok(Measured {
        name: data.name.clone(),
        records: data.train.len(),
        train_seconds,
        forget_mean_seconds,
        forget_speedup: train_seconds / forget_mean_seconds,
        artefact_bytes,
        accuracy: scores.accuracy.context("the model predicts no classes")?,
        log_loss: scores.log_loss.context("the model predicts no classes")?,
        peers,
        equal: runs.iter().all(|run| run.equal),
    })
}

/// Numbers of three classes whose means differ a little.
fn table(records: Range<u64>) -> Result<Dataset> {
    let class = |record: u64| mix(mix(SEED, record), 1) % 3;
    let number = |record: u64, column: u64| {
        let noise: f64 = (2..6).map(|purpose| unit(mix(mix(SEED ^ record, column + 1), purpose))).sum();
        noise * 3.0 + unit(mix(class(record), column)) * 0.3
    };
    let mut table = Generated::new(records);
    (0..N_COLUMNS).for_each(|column| table.numbers(format!("x{column:02}"), Role::Feature, |record| number(record, column)));
    table.texts("y".to_owned(), Role::Target, |record| format!("class {}", class(record)));
    table.dataset(None)
}

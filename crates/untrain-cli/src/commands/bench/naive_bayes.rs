//! How much faster does naive Bayes forget than it is retrained, and what does it cost beside scikit-learn's?

use std::sync::Arc;

use anyhow::{Context as _, Result};
use arrow_array::{ArrayRef, Float64Array, StringArray};
use serde::Serialize;
use untrain::Scores;
use untrain_core::{Column, Dataset, Forget as _, Kind, Learner as _, Model as _, Role, Schema, mix, unit};
use untrain_exact::{NaiveBayes, NaiveBayesModel, NaiveBayesParams};

use super::forests::times;
use super::markdown::Table;
use super::measure::{Split, Times, drawn, each, median, timed};
use super::peers::{Peers, Script};
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
    peers: Vec<super::peers::Peer>,
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
            let of_peer = |figure: &dyn Fn(&super::peers::Peer) -> String| row.peers.first().map_or_else(|| "–".to_owned(), figure);
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
        let versions = self.versions.as_ref().map(|versions| format!("\nThe peers' versions: {versions}.\n")).unwrap_or_default();
        format!("{}{versions}", table.text())
    }
}

/// Measures naive Bayes on `adult` and on a generated table.
pub(super) fn run(adult: &Split, deletions: usize, seeds: u64, script: Option<&Script<'_>>) -> Result<NaiveBayesTable> {
    let generated = Split { name: "100k × 50".to_owned(), train: table(0, N_RECORDS)?, test: table(1 << 40, N_TEST)? };
    let mut versions = None;
    let mut rows = Vec::new();
    for data in [adult, &generated] {
        let peers = script.map(|script| script.run(data)).transpose()?;
        if let Some(Peers { versions: found, .. }) = &peers {
            versions = Some(found.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>().join(", "));
        }
        rows.push(measured(data, deletions, seeds, peers.map(|peers| peers.models).unwrap_or_default())?);
    }
    Ok(NaiveBayesTable { rows, versions })
}

fn measured(data: &Split, deletions: usize, seeds: u64, peers: Vec<super::peers::Peer>) -> Result<Measured> {
    let learner = NaiveBayes::new(NaiveBayesParams::default());
    let Split { name, train, test } = data;
    let mut trainings = Vec::new();
    let mut forgetting: Vec<Times> = Vec::new();
    let mut equal = true;
    let mut first: Option<NaiveBayesModel> = None;
    for seed in 0..seeds {
        let (seconds, mut model) = timed(|| learner.fit(train))?;
        trainings.push(seconds);
        first.get_or_insert_with(|| model.clone());
        let ids = drawn(train, seed);
        let singles = &ids[..deletions.min(train.len() / 2)];
        // The learner looks at the kinds of the retained columns, which the whole series leaves as they are.
        let rest = train.without(singles)?;
        forgetting.push(each(singles, |id| learner.forget(&mut model, id, &rest).map(|_| ()))?);
        let retrained = learner.fit(&rest)?;
        equal &= model.digest() == retrained.digest() && model.state_digest() == retrained.state_digest();
    }
    let model = first.context("there is no seed")?;
    let (place, _) = test.schema().target().context("no column is the target")?;
    let scores = Scores::of(&model.predict(test)?, &test.values(place));
    let train_seconds = median(trainings.into_iter());
    let forget_mean_seconds = median(forgetting.iter().map(|times| times.mean));
    Ok(Measured {
        name: name.clone(),
        records: train.len(),
        train_seconds,
        forget_mean_seconds,
        forget_speedup: train_seconds / forget_mean_seconds,
        artefact_bytes: model.artefact().len(),
        accuracy: scores.accuracy.context("the model predicts no classes")?,
        log_loss: scores.log_loss.context("the model predicts no classes")?,
        peers,
        equal,
    })
}

/// Numbers of three classes whose means differ a little.
fn table(from: u64, n: u64) -> Result<Dataset> {
    let class = |record: u64| mix(mix(SEED, record), 1) % 3;
    let number = |record: u64, column: u64| {
        let noise: f64 = (2..6).map(|purpose| unit(mix(mix(SEED ^ record, column + 1), purpose))).sum();
        noise * 3.0 + unit(mix(class(record), column)) * 0.3
    };
    let described = |name: String, kind, role| Column { name, kind, role, declared: true };
    let mut columns: Vec<Column> = (0..N_COLUMNS).map(|i| described(format!("x{i:02}"), Kind::Numeric, Role::Feature)).collect();
    let numbers = |column| Arc::new((from..from + n).map(|record| Some(number(record, column))).collect::<Float64Array>()) as ArrayRef;
    let mut arrays: Vec<ArrayRef> = (0..N_COLUMNS).map(numbers).collect();
    columns.push(described("y".to_owned(), Kind::Categorical, Role::Target));
    arrays.push(Arc::new((from..from + n).map(|record| Some(format!("class {}", class(record)))).collect::<StringArray>()));
    let ids: StringArray = (from..from + n).map(|record| Some(format!("{record:013}"))).collect();
    Ok(Dataset::new(Schema { id: Some("id".to_owned()), columns, holdout: None }, &ids, arrays)?)
}

//! What does a deletion cost logistic regression beside its own training and beside scikit-learn's, at the same penalty?

use anyhow::{Context as _, Result};
use serde::Serialize;
use untrain_core::{Model as _, Seed};
use untrain_exact::{Logistic, LogisticModel, LogisticParams, Work};

use super::Plan;
use super::forests::times;
use super::markdown::Table;
use super::measure::{Corrected, Split, Times, scores, singles};
use super::peers::{Peers, listed};
use crate::table::{count, duration, factor};

/// Of scikit-learn's solvers the one whose optimum is taken for the true one: its tolerance is far below its default.
const TIGHT: &str = "newton-cholesky, tolerance 1e-10";
const N_TRAININGS: usize = 3;

/// Logistic regression on several datasets.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    rows: Vec<Measured>,
}

/// Times are in seconds.
#[derive(Debug, Serialize)]
struct Measured {
    name: String,
    records: usize,
    features: usize,
    train_seconds: f64,
    forget_mean_seconds: f64,
    forget_median_seconds: f64,
    deletions: usize,
    /// Of the training.
    passes: u64,
    factorisations: u64,
    /// Of one deletion.
    mean_passes: f64,
    mean_double_passes: f64,
    mean_factorisations: f64,
    /// The share of deletions that were answered without a pass.
    without_pass: f64,
    accuracy: f64,
    log_loss: f64,
    peers: Option<Peers>,
    equal: bool,
}

/// Measures logistic regression on each table of two classes.
pub(super) fn run(plan: &Plan<'_>, tables: &[Split]) -> Result<Report> {
    Ok(Report { rows: tables.iter().map(|data| measured(plan, data)).collect::<Result<_>>()? })
}

fn measured(plan: &Plan<'_>, data: &Split) -> Result<Measured> {
    plan.say(&format!("logistic on {}", data.name));
    let params = LogisticParams::default();
    let alpha = params.alpha.to_string();
    let learner = Logistic { params, seed: Seed(0) };
    let ask = |model: &LogisticModel| Ok((scores(&model.predict(&data.test)?, &data.test)?, model.work()));
    let done = Corrected::of(&learner, &data.train, N_TRAININGS, &singles(&data.train, 0, plan.deletions), ask)?;
    let (scores, Work { passes, double_passes, precise: _, factorisations, products: _, without_pass }) = done.trained;
    let work = done.model.work();
    let each = |after: u64, before: u64| (after - before) as f64 / done.requests as f64;
    let Times { mean, median, .. } = done.forget;
    Ok(Measured {
        name: data.name.clone(),
        records: data.train.len(),
        features: data.train.schema().features().count(),
        train_seconds: done.train,
        forget_mean_seconds: mean,
        forget_median_seconds: median,
        deletions: done.requests,
        passes,
        factorisations,
        mean_passes: each(work.passes, passes),
        mean_double_passes: each(work.double_passes, double_passes),
        mean_factorisations: each(work.factorisations, factorisations),
        without_pass: each(work.without_pass, without_pass),
        accuracy: scores.accuracy.context("the model predicts no classes")?,
        log_loss: scores.log_loss.context("the model predicts no classes")?,
        peers: plan.peers("logistic.py", data, &["--alpha", &alpha])?,
        equal: done.equal,
    })
}

impl Report {
    pub(super) fn is_exact(&self) -> bool {
        self.rows.iter().all(|row| row.equal)
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = format!("{}\n{}", self.deletions_table(), self.work_table());
        if self.rows.iter().any(|row| row.peers.is_some()) {
            text = format!("{text}\n{}", self.peers_table());
        }
        match self.rows.iter().find_map(|row| row.peers.as_ref()) {
            Some(peers) => format!("{text}\nThe peers' versions: {}.\n", listed(&peers.versions)),
            None => text,
        }
    }

    fn deletions_table(&self) -> String {
        let titles =
            ["logistic", "records", "features", "training", "forget one, mean", "median", "training ÷ mean", "÷ median", "bytes equal"];
        let mut table = Table::new(titles.map(str::to_owned));
        for row in &self.rows {
            table.row([
                row.name.clone(),
                count(row.records as u64),
                count(row.features as u64),
                duration(row.train_seconds),
                duration(row.forget_mean_seconds),
                duration(row.forget_median_seconds),
                factor(row.train_seconds / row.forget_mean_seconds),
                factor(row.train_seconds / row.forget_median_seconds),
                if row.equal { "yes" } else { "**no**" }.to_owned(),
            ]);
        }
        table.text()
    }

    fn work_table(&self) -> String {
        let titles = ["work", "training: passes", "Hessians", "a deletion: passes", "in double-double", "Hessians", "without a pass"];
        let mut table = Table::new(titles.map(str::to_owned));
        for row in &self.rows {
            table.row([
                row.name.clone(),
                row.passes.to_string(),
                row.factorisations.to_string(),
                format!("{:.2}", row.mean_passes),
                format!("{:.2}", row.mean_double_passes),
                format!("{:.3}", row.mean_factorisations),
                format!("{:.0} %", row.without_pass * 100.0),
            ]);
        }
        table.text()
    }

    fn peers_table(&self) -> String {
        let titles = [
            "scikit-learn",
            "its training",
            "our training ÷ its",
            "its training ÷ our forgetting one",
            "accuracy, ours − its",
            "log loss, ours − its",
        ];
        let mut table = Table::new(titles.map(str::to_owned));
        for row in &self.rows {
            for peer in row.peers.iter().flat_map(|peers| &peers.models) {
                let mut differences = [row.accuracy - peer.accuracy, row.log_loss - peer.log_loss.unwrap_or(f64::NAN)];
                if peer.name != TIGHT {
                    differences = [f64::NAN; 2];
                }
                let shown = |difference: f64| if difference.is_nan() { "–".to_owned() } else { format!("{difference:+.1e}") };
                table.row([
                    format!("{}, {}", row.name, peer.name),
                    duration(peer.train_seconds),
                    times(row.train_seconds / peer.train_seconds),
                    factor(peer.train_seconds / row.forget_mean_seconds),
                    shown(differences[0]),
                    shown(differences[1]),
                ]);
            }
        }
        table.text()
    }
}

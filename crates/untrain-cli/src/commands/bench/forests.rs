//! The table of one group of datasets: what a forest costs to train, to correct and to ask, beside its retraining and the peers.

use serde::Serialize;
use untrain_exact::Params;

use super::markdown::Table;
use super::measure::{Checks, Run, Split, median};
use super::peers::Peers;
use crate::table::{count, duration, factor};

/// Datasets that are shown in one table.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    /// What its table is called in the documentation.
    pub(super) name: String,
    pub(super) forests: Vec<Measured>,
    pub(super) peers: Vec<Beside>,
}

/// The medians over the seeds of one forest on one dataset. Times are in seconds.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    /// What its column is headed.
    pub(super) name: String,
    pub(super) records: usize,
    pub(super) params: Params,
    pub(super) train_seconds: f64,
    pub(super) retrain_seconds: f64,
    pub(super) accuracy: f64,
    pub(super) auc: Option<f64>,
    pub(super) forget_mean_seconds: f64,
    pub(super) forget_median_seconds: f64,
    pub(super) forget_p99_seconds: f64,
    /// Retraining over forgetting one record, means.
    pub(super) forget_speedup: f64,
    pub(super) learn_mean_seconds: f64,
    pub(super) learn_median_seconds: f64,
    pub(super) batch_seconds: f64,
    pub(super) batch_speedup: f64,
    pub(super) rows_per_second: f64,
    pub(super) record_bytes: f64,
    pub(super) tree_bytes: f64,
    pub(super) bin_bytes: f64,
    pub(super) checks_passed: usize,
    pub(super) checks_done: usize,
}

/// The peers on one dataset.
#[derive(Debug, Serialize)]
pub(super) struct Beside {
    /// The dataset.
    pub(super) name: String,
    pub(super) peers: Peers,
}

impl Measured {
    /// Takes the median of each figure.
    pub(super) fn of(name: String, data: &Split, params: Params, runs: &[Run]) -> Self {
        let over = |figure: fn(&Run) -> f64| median(runs.iter().map(figure));
        let checks = runs.iter().fold(Checks::default(), |all, run| all.and(run.checks));
        Self {
            name,
            records: data.train.len(),
            params,
            train_seconds: over(|run| run.train),
            retrain_seconds: over(|run| run.retrain),
            accuracy: over(|run| run.accuracy),
            auc: Some(over(|run| run.auc.unwrap_or(f64::NAN))).filter(|auc| !auc.is_nan()),
            forget_mean_seconds: over(|run| run.forget.mean),
            forget_median_seconds: over(|run| run.forget.median),
            forget_p99_seconds: over(|run| run.forget.p99),
            forget_speedup: over(|run| run.retrain / run.forget.mean),
            learn_mean_seconds: over(|run| run.learn.mean),
            learn_median_seconds: over(|run| run.learn.median),
            batch_seconds: over(|run| run.batch),
            batch_speedup: over(|run| run.retrain / run.batch),
            rows_per_second: over(|run| run.rows_per_second),
            record_bytes: over(|run| run.memory[0]),
            tree_bytes: over(|run| run.memory[1]),
            bin_bytes: over(|run| run.memory[2]),
            checks_passed: checks.passed,
            checks_done: checks.done,
        }
    }

    /// Bytes of memory a record.
    pub(super) fn memory(&self) -> f64 {
        self.record_bytes + self.tree_bytes + self.bin_bytes
    }
}

impl Group {
    /// The forests in columns, then the peers in rows.
    pub(super) fn markdown(&self) -> String {
        let mut text = self.forests_table();
        if !self.peers.is_empty() {
            text += "\n";
            text += &self.peers_table();
        }
        text
    }

    fn forests_table(&self) -> String {
        let forests = &self.forests;
        let mut table = Table::new([""].into_iter().map(str::to_owned).chain(forests.iter().map(|forest| forest.name.clone())));
        let mut row = |title: &str, cell: &dyn Fn(&Measured) -> String| {
            table.row([title.to_owned()].into_iter().chain(forests.iter().map(cell)));
        };
        row("records to train on", &|it| count(it.records as u64));
        row("training", &|it| duration(it.train_seconds));
        row("accuracy / AUC", &|it| quality(it.accuracy, it.auc));
        row("forget one record, mean / median / p99", &|it| {
            let [mean, median, p99] = [it.forget_mean_seconds, it.forget_median_seconds, it.forget_p99_seconds].map(duration);
            format!("{mean} / {median} / {p99}")
        });
        row("retraining ÷ forgetting one", &|it| factor(it.forget_speedup));
        row("learn one record, mean / median", &|it| {
            format!("{} / {}", duration(it.learn_mean_seconds), duration(it.learn_median_seconds))
        });
        row("forget 1 % in one batch", &|it| duration(it.batch_seconds));
        row("retraining ÷ that batch", &|it| factor(it.batch_speedup));
        row("prediction, rows a second", &|it| count(it.rows_per_second as u64));
        row("bytes a record: records + trees + bins", &|it| {
            format!("{:.0} + {:.0} + {:.0} = {:.0}", it.record_bytes, it.tree_bytes, it.bin_bytes, it.memory())
        });
        row("byte identity, checks passed / done", &|it| format!("{} / {}", it.checks_passed, it.checks_done));
        table.text()
    }

    /// A deletion costs a peer a training; the forest that it is compared with is the first on the same dataset.
    fn peers_table(&self) -> String {
        let titles = ["peer", "training", "÷ our training", "÷ our forgetting one", "accuracy / AUC", "rows a second", "our rate ÷ its"];
        let mut table = Table::new(titles.map(str::to_owned));
        for Beside { name, peers } in &self.peers {
            let Some(ours) = self.forests.iter().find(|forest| forest.name.starts_with(name.as_str())) else { continue };
            for peer in &peers.models {
                table.row([
                    if self.peers.len() > 1 { format!("{}, {name}", peer.name) } else { peer.name.clone() },
                    duration(peer.train_seconds),
                    times(peer.train_seconds / ours.train_seconds),
                    factor(peer.train_seconds / ours.forget_mean_seconds),
                    quality(peer.accuracy, peer.auc),
                    count(peer.rows_per_second as u64),
                    times(ours.rows_per_second / peer.rows_per_second),
                ]);
            }
        }
        let mut text = table.text();
        if let Some(Beside { peers, .. }) = self.peers.first() {
            text.extend(["\nThe peers' versions: ", &peers.versions(), ".\n"]);
        }
        text
    }
}

/// A ratio that may be under one.
pub(super) fn times(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2} ×") } else { factor(ratio) }
}

pub(super) fn quality(accuracy: f64, auc: Option<f64>) -> String {
    match auc {
        Some(auc) => format!("{accuracy:.4} / {auc:.4}"),
        None => format!("{accuracy:.4} / –"),
    }
}

//! What do nearest neighbours and k-means cost to train, to correct and to ask, beside retraining and scikit-learn?

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use arrow_array::{ArrayRef, Float64Array, StringArray};
use serde::{Deserialize, Serialize};
use untrain::Scores;
use untrain_core::{Artefact, Column, Dataset, Forget, Holdout, Kind, Learner, Model, Predictions, Role, Schema, Seed, Task, mix, unit};
use untrain_exact::{KMeans, KMeansArtefact, KMeansParams, Knn, KnnArtefact, KnnParams, NeighbourIndex};

use super::markdown::Table;
use super::measure::{Split, Times, drawn, median, timed};
use super::peers::Script;
use crate::table::{count, duration, factor};

const N_RECORDS: u64 = 100_000;
const QUICK_RECORDS: u64 = 5_000;
const N_TEST: u64 = 2_000;
const N_NUMBERS: u64 = 20;
const N_BLOBS: u64 = 8;
const SEED: u64 = 0x626c_6f62_7300_0000; // "blobs"
/// How far records lie about the middle of their blob, where middles lie 1 apart or so: blobs apart, and blobs in one another.
const SPREADS: [(&str, f64); 2] = [("blobs", 0.1), ("blobs that overlap", 0.6)];
const N_LEAVES: [u32; 3] = [16, 64, 256];

/// Which learner is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Near {
    /// Nearest neighbours
    Knn,
    /// k-means
    Kmeans,
}

impl Near {
    /// What the script of the peers calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Knn => "knn",
            Self::Kmeans => "kmeans",
        }
    }
}

/// How the learners are measured.
pub(super) struct Plan<'a> {
    pub(super) seeds: u64,
    pub(super) deletions: usize,
    pub(super) quick: bool,
    pub(super) peers: Option<Script<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) exact: bool,
    kmeans: Vec<Clustered>,
    knn: Vec<Asked>,
    peers: BTreeMap<String, Peers>,
}

/// Medians over the seeds of one k-means. Times are in seconds.
#[derive(Debug, Serialize)]
struct Clustered {
    data: String,
    records: usize,
    n_leaves: u32,
    train_seconds: f64,
    forget_mean_seconds: f64,
    forget_median_seconds: f64,
    forget_p99_seconds: f64,
    retrain_seconds: f64,
    /// Within-cluster sum of squares a record, of columns that are exactly standardised.
    inertia: f64,
}

/// Medians over the seeds of one k-NN. Times are in seconds.
#[derive(Debug, Serialize)]
struct Asked {
    data: String,
    records: usize,
    index: NeighbourIndex,
    train_seconds: f64,
    forget_mean_seconds: f64,
    artefact_seconds: f64,
    artefact_bytes_per_record: f64,
    first_prediction_seconds: f64,
    rows_per_second: f64,
    accuracy: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Peers {
    versions: BTreeMap<String, String>,
    kmeans: Vec<KMeansPeer>,
    knn: Vec<KnnPeer>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KMeansPeer {
    name: String,
    train_seconds: f64,
    inertia: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct KnnPeer {
    name: String,
    rows_per_second: f64,
    accuracy: f64,
}

impl Plan<'_> {
    /// Measures `near` on generated blobs and on `adult`.
    pub(super) fn run(&self, near: Near, adult: Split, say: impl Fn(&str)) -> Result<Report> {
        let n = if self.quick { QUICK_RECORDS } else { N_RECORDS };
        let mut sets = SPREADS.iter().map(|(name, spread)| blobs(name, n, *spread)).collect::<Result<Vec<_>>>()?;
        sets.push(adult);
        let mut report = Report { exact: true, kmeans: Vec::new(), knn: Vec::new(), peers: BTreeMap::new() };
        for data in &sets {
            match near {
                Near::Kmeans => {
                    for n_leaves in N_LEAVES {
                        say(&format!("k-means on {}, {n_leaves} leaves …", data.name));
                        let (measured, exact) = self.kmeans(data, n_leaves)?;
                        report.kmeans.push(measured);
                        report.exact &= exact;
                    }
                }
                Near::Knn => {
                    for index in [NeighbourIndex::Brute, NeighbourIndex::Tree] {
                        say(&format!("nearest neighbours on {}, {index:?} …", data.name));
                        let (measured, exact) = self.knn(data, index)?;
                        report.knn.push(measured);
                        report.exact &= exact;
                    }
                }
            }
            if let Some(script) = &self.peers {
                say(&format!("peers on {} …", data.name));
                report.peers.insert(data.name.clone(), script.run(data)?);
            }
        }
        Ok(report)
    }

    fn kmeans(&self, data: &Split, n_leaves: u32) -> Result<(Clustered, bool)> {
        let (mut runs, mut inertias, mut exact) = (Vec::new(), Vec::new(), true);
        for seed in 0..self.seeds {
            let learner = KMeans { params: KMeansParams { n_leaves, ..KMeansParams::default() }, seed: Seed(seed) };
            let run = Run::of(&learner, &data.train, seed, self.deletions)?;
            let Predictions::Clusters { clusters, .. } = KMeansArtefact::read(&run.artefact)?.predict(&data.train)? else {
                anyhow::bail!("the model predicts no clusters");
            };
            inertias.push(inertia(&data.train, &clusters));
            exact &= run.exact;
            runs.push(run);
        }
        let of = |value: fn(&Run) -> f64| median(runs.iter().map(value));
        let measured = Clustered {
            data: data.name.clone(),
            records: data.train.len(),
            n_leaves,
            train_seconds: of(|run| run.train),
            forget_mean_seconds: of(|run| run.forget.mean),
            forget_median_seconds: of(|run| run.forget.median),
            forget_p99_seconds: of(|run| run.forget.p99),
            retrain_seconds: of(|run| run.retrain),
            inertia: median(inertias.into_iter()),
        };
        Ok((measured, exact))
    }

    fn knn(&self, data: &Split, index: NeighbourIndex) -> Result<(Asked, bool)> {
        let learner = Knn { params: KnnParams { index, ..KnnParams::default() }, task: Task::Classification, seed: Seed(0) };
        let run = Run::of(&learner, &data.train, 0, self.deletions)?;
        let artefact = KnnArtefact::read(&run.artefact)?;
        let one = data.test.filter(&(0..data.test.len()).map(|i| i == 0).collect::<Vec<_>>())?;
        let (first_prediction_seconds, _) = timed(|| artefact.predict(&one))?;
        let test = data.test.filter(&(0..data.test.len()).map(|i| i < N_TEST as usize).collect::<Vec<_>>())?;
        let (place, _) = test.schema().target().context("no column is the target")?;
        let (start, mut rows) = (Instant::now(), 0);
        let predictions = loop {
            let predictions = black_box(artefact.predict(&test)?);
            rows += predictions.len();
            if start.elapsed().as_secs_f64() >= 0.5 {
                break predictions;
            }
        };
        let measured = Asked {
            data: data.name.clone(),
            records: data.train.len(),
            index,
            train_seconds: run.train,
            forget_mean_seconds: run.forget.mean,
            artefact_seconds: run.write,
            artefact_bytes_per_record: run.artefact.len() as f64 / data.train.len() as f64,
            first_prediction_seconds,
            rows_per_second: rows as f64 / start.elapsed().as_secs_f64(),
            accuracy: Scores::of(&predictions, &test.values(place)).accuracy.context("the model predicts no classes")?,
        };
        Ok((measured, run.exact))
    }
}

/// One model trained, corrected and compared with its retraining.
struct Run {
    train: f64,
    forget: Times,
    retrain: f64,
    write: f64,
    artefact: Vec<u8>,
    exact: bool,
}

impl Run {
    fn of<L: Learner + Forget<L::Model>>(learner: &L, train: &Dataset, seed: u64, deletions: usize) -> Result<Self> {
        let (seconds, mut model) = timed(|| learner.fit(train))?;
        let (write, artefact) = timed(|| Ok::<_, anyhow::Error>(model.artefact()))?;
        let ids = drawn(train, seed);
        let gone = &ids[..deletions.min(train.len() / 2)];
        let rest = train.without(gone)?;
        let mut times = Vec::new();
        for (i, id) in gone.chunks(1).enumerate() {
            // A learner that makes itself anew reads the set that is left: it must be this one.
            let left = train.without(&gone[..=i])?;
            times.push(timed(|| learner.forget(&mut model, id, &left))?.0);
        }
        let (retrain, retrained) = timed(|| learner.fit(&rest))?;
        let exact = model.digest() == retrained.digest() && model.state_digest() == retrained.state_digest();
        Ok(Self { train: seconds, forget: Times::of(times), retrain, write, artefact, exact })
    }
}

impl Report {
    pub(super) fn markdown(&self) -> String {
        let mut text = String::new();
        if !self.kmeans.is_empty() {
            text += &self.kmeans_table();
        }
        if !self.knn.is_empty() {
            text += &self.knn_table();
        }
        text
    }

    fn kmeans_table(&self) -> String {
        let titles = ["data", "records", "model", "training", "forgetting, mean", "p99", "retraining / forgetting", "inertia a record"];
        let mut table = Table::new(titles.map(str::to_owned));
        for measured in &self.kmeans {
            table.row([
                measured.data.clone(),
                count(measured.records as u64),
                format!("{} leaves", measured.n_leaves),
                duration(measured.train_seconds),
                duration(measured.forget_mean_seconds),
                duration(measured.forget_p99_seconds),
                factor(measured.retrain_seconds / measured.forget_mean_seconds),
                format!("{:.4}", measured.inertia),
            ]);
        }
        for (data, peers) in &self.peers {
            for KMeansPeer { name, train_seconds, inertia } in &peers.kmeans {
                let dash = || "–".to_owned();
                let inertia = format!("{inertia:.4}");
                table.row([data.clone(), dash(), name.clone(), duration(*train_seconds), dash(), dash(), dash(), inertia]);
            }
        }
        table.text()
    }

    fn knn_table(&self) -> String {
        let titles =
            ["data", "records", "model", "training", "forgetting", "artefact", "bytes a record", "first answer", "rows/s", "accuracy"];
        let mut table = Table::new(titles.map(str::to_owned));
        for measured in &self.knn {
            table.row([
                measured.data.clone(),
                count(measured.records as u64),
                format!("{:?}", measured.index).to_lowercase(),
                duration(measured.train_seconds),
                duration(measured.forget_mean_seconds),
                duration(measured.artefact_seconds),
                format!("{:.0}", measured.artefact_bytes_per_record),
                duration(measured.first_prediction_seconds),
                count(measured.rows_per_second as u64),
                format!("{:.4}", measured.accuracy),
            ]);
        }
        for (data, peers) in &self.peers {
            for KnnPeer { name, rows_per_second, accuracy } in &peers.knn {
                let head = [data.clone(), "–".to_owned(), name.clone()];
                let dashes = std::iter::repeat_n("–".to_owned(), 5);
                table.row(head.into_iter().chain(dashes).chain([count(*rows_per_second as u64), format!("{accuracy:.4}")]));
            }
        }
        table.text()
    }
}

/// Blobs about random middles; the class of a record is its blob. Every value is a hash of its record's number and column.
fn blobs(name: &str, n: u64, spread: f64) -> Result<Split> {
    let table = |from: u64, n: u64| -> Result<Dataset> {
        let records = || from..from + n;
        let draw = |record: u64, purpose: u64| unit(mix(mix(SEED, record), purpose));
        let blob = |record: u64| (draw(record, 0) * N_BLOBS as f64) as u64;
        let value = |record: u64, column: u64| {
            let noise: f64 = (0..4).map(|i| draw(record, 1 + 4 * column + i) - 0.5).sum();
            unit(mix(mix(SEED, !blob(record)), column)) + spread * noise * 3.0_f64.sqrt()
        };
        let mut columns = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for column in 0..N_NUMBERS {
            columns.push(Column { name: format!("x{column:02}"), kind: Kind::Numeric, role: Role::Feature, declared: true });
            arrays.push(Arc::new(Float64Array::from_iter_values(records().map(|record| value(record, column)))));
        }
        columns.push(Column { name: "y".to_owned(), kind: Kind::Categorical, role: Role::Target, declared: true });
        arrays.push(Arc::new(StringArray::from_iter_values(records().map(|record| format!("b{}", blob(record))))));
        let ids = StringArray::from_iter_values(records().map(|record| format!("{record:013}")));
        Ok(Dataset::new(Schema { id: Some("id".to_owned()), columns, holdout: None::<Holdout> }, &ids, arrays)?)
    };
    Ok(Split { name: name.to_owned(), train: table(0, n)?, test: table(1 << 40, N_TEST)? })
}

/// The within-cluster sum of squares a record: numbers standardised, categories as columns of zeros and ones.
fn inertia(data: &Dataset, clusters: &[Option<u32>]) -> f64 {
    let mut total = 0.0;
    for (place, column) in data.schema().features() {
        let values = data.values(place);
        if column.kind == Kind::Categorical {
            let mut counts: BTreeMap<(u32, Option<String>), f64> = BTreeMap::new();
            let mut sizes: BTreeMap<u32, f64> = BTreeMap::new();
            for (i, cluster) in clusters.iter().enumerate() {
                let cluster = cluster.unwrap_or_default();
                *counts.entry((cluster, values.text(i))).or_default() += 1.0;
                *sizes.entry(cluster).or_default() += 1.0;
            }
            total += counts.iter().map(|((cluster, _), n)| n * (1.0 - n / sizes[cluster])).sum::<f64>();
        } else {
            let known = || clusters.iter().enumerate().filter_map(|(i, cluster)| Some((cluster.unwrap_or_default(), values.number(i)?)));
            let n = known().count() as f64;
            let mean = known().map(|(_, x)| x).sum::<f64>() / n;
            let variance = known().map(|(_, x)| (x - mean) * (x - mean)).sum::<f64>() / n;
            let mut sums: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
            for (cluster, x) in known() {
                let (n, sum) = sums.entry(cluster).or_default();
                *n += 1.0;
                *sum += x - mean;
            }
            let between: f64 = sums.values().map(|(n, sum)| sum * sum / n).sum();
            total += if variance > 0.0 { n - between / variance } else { 0.0 };
        }
    }
    total / data.len() as f64
}

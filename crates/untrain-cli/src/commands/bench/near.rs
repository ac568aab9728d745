//! What do nearest neighbours and k-means cost to train, to correct and to ask, beside retraining and scikit-learn?

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use untrain_core::{Artefact as _, Dataset, Kind, Model as _, Predictions, Role, Seed, Task, mix, unit};
use untrain_exact::{KMeans, KMeansArtefact, KMeansParams, Knn, KnnArtefact, KnnModel, KnnParams, NeighbourIndex};

use super::Plan;
use super::generated::{Generated, testing, training};
use super::markdown::Table;
use super::measure::{Corrected, Split, median, rate, scores, singles, timed};
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

#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    exact: bool,
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
    equal: bool,
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
    equal: bool,
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

/// Measures k-means with so many leaves, on generated blobs and on `adult`.
pub(super) fn kmeans(plan: &Plan<'_>, adult: Split) -> Result<Report> {
    let mut report = Report::default();
    for data in sets(plan, adult)? {
        for n_leaves in N_LEAVES {
            plan.say(&format!("k-means on {}, {n_leaves} leaves", data.name));
            report.kmeans.push(clustered(plan, &data, n_leaves)?);
        }
        report.ask_peers(plan, &data, "kmeans")?;
    }
    report.exact = report.kmeans.iter().all(|measured| measured.equal);
    Ok(report)
}

/// Measures nearest neighbours with both indices, on generated blobs and on `adult`.
pub(super) fn knn(plan: &Plan<'_>, adult: Split) -> Result<Report> {
    let mut report = Report::default();
    for data in sets(plan, adult)? {
        for index in [NeighbourIndex::Brute, NeighbourIndex::Tree] {
            plan.say(&format!("nearest neighbours on {}, {index:?}", data.name));
            report.knn.push(asked(plan, &data, index)?);
        }
        report.ask_peers(plan, &data, "knn")?;
    }
    report.exact = report.knn.iter().all(|measured| measured.equal);
    Ok(report)
}

fn sets(plan: &Plan<'_>, adult: Split) -> Result<Vec<Split>> {
    let n = if plan.quick { QUICK_RECORDS } else { N_RECORDS };
    let mut sets = SPREADS.iter().map(|(name, spread)| blobs(name, n, *spread)).collect::<Result<Vec<_>>>()?;
    sets.push(adult);
    Ok(sets)
}

fn clustered(plan: &Plan<'_>, data: &Split, n_leaves: u32) -> Result<Clustered> {
    let run = |seed| {
        let learner = KMeans { params: KMeansParams { n_leaves, ..KMeansParams::default() }, seed: Seed(seed) };
        Corrected::of(&learner, &data.train, 1, &singles(&data.train, seed, plan.deletions), |model| {
            match KMeansArtefact::read(&model.artefact())?.predict(&data.train)? {
                Predictions::Clusters { clusters, .. } => Ok(inertia(&data.train, &clusters)),
                _ => anyhow::bail!("the model predicts no clusters"),
            }
        })
    };
    let runs = (0..plan.seeds).map(run).collect::<Result<Vec<_>>>()?;
    let of = |figure: &dyn Fn(&Corrected<_, f64>) -> f64| median(runs.iter().map(figure));
    Ok(Clustered {
        data: data.name.clone(),
        records: data.train.len(),
        n_leaves,
        train_seconds: of(&|run| run.train),
        forget_mean_seconds: of(&|run| run.forget.mean),
        forget_median_seconds: of(&|run| run.forget.median),
        forget_p99_seconds: of(&|run| run.forget.p99),
        retrain_seconds: of(&|run| run.retrain),
        inertia: of(&|run| run.trained),
        equal: runs.iter().all(|run| run.equal),
    })
}

fn asked(plan: &Plan<'_>, data: &Split, index: NeighbourIndex) -> Result<Asked> {
    let learner = Knn { params: KnnParams { index, ..KnnParams::default() }, task: Task::Classification, seed: Seed(0) };
    let write = |model: &KnnModel| timed(|| Ok::<_, anyhow::Error>(model.artefact()));
    let run = Corrected::of(&learner, &data.train, 1, &singles(&data.train, 0, plan.deletions), write)?;
    let (artefact_seconds, bytes) = run.trained;
    let artefact = KnnArtefact::read(&bytes)?;
    let first = |n: usize| data.test.filter(&(0..data.test.len()).map(|i| i < n).collect::<Vec<_>>());
    let (one, test) = (first(1)?, first(N_TEST as usize)?);
    let (first_prediction_seconds, _) = timed(|| artefact.predict(&one))?;
    Ok(Asked {
        data: data.name.clone(),
        records: data.train.len(),
        index,
        train_seconds: run.train,
        forget_mean_seconds: run.forget.mean,
        artefact_seconds,
        artefact_bytes_per_record: bytes.len() as f64 / data.train.len() as f64,
        first_prediction_seconds,
        rows_per_second: rate(&artefact, &test)?,
        accuracy: scores(&artefact.predict(&test)?, &test)?.accuracy.context("the model predicts no classes")?,
        equal: run.equal,
    })
}

impl Report {
    pub(super) fn is_exact(&self) -> bool {
        self.exact
    }

    fn ask_peers(&mut self, plan: &Plan<'_>, data: &Split, learner: &str) -> Result<()> {
        self.peers.extend(plan.peers("near.py", data, &[learner])?.map(|peers| (data.name.clone(), peers)));
        Ok(())
    }

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

/// Blobs about random middles; the class of a record is its blob.
fn blobs(name: &str, n: u64, spread: f64) -> Result<Split> {
    let draw = |record: u64, purpose: u64| unit(mix(mix(SEED, record), purpose));
    let blob = |record: u64| (draw(record, 0) * N_BLOBS as f64) as u64;
    let value = |record: u64, column: u64| {
        let noise: f64 = (0..4).map(|i| draw(record, 1 + 4 * column + i) - 0.5).sum();
        unit(mix(mix(SEED, !blob(record)), column)) + spread * noise * 3.0_f64.sqrt()
    };
    let table = |records| {
        let mut table = Generated::new(records);
        (0..N_NUMBERS).for_each(|column| table.numbers(format!("x{column:02}"), Role::Feature, |record| value(record, column)));
        table.texts("y".to_owned(), Role::Target, |record| format!("b{}", blob(record)));
        table.dataset(None)
    };
    Ok(Split { name: name.to_owned(), train: table(training(n))?, test: table(testing(N_TEST))? })
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

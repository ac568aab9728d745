//! What does a training step of a network cost beside PyTorch's, and one deletion from its shards beside what the plan expects?

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use untrain::import::{self, Roles};
use untrain_core::{AnyLearner, Dataset, Digest, Seed, mix, unit};
use untrain_exact::Retrain;
use untrain_neural::{
    Architecture, Batch, Layered, MlpParams, Network as _, Neural, Optimiser, Rule, Shape, Statistics, TrainingParams, loss::cross_entropy,
    remember,
};

use super::markdown::Table;
use super::measure::Split;
use super::peers::listed;
use super::{Plan, sisa};
use crate::table::duration;

const BATCH: usize = 128;
const SHARDS: (u32, u32) = (8, 8);
/// Trainings of shards take long; this many deletions say enough of their mean.
const MOST_DELETIONS: usize = 40;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    versions: BTreeMap<String, String>,
    steps: Vec<Step>,
    /// None without MNIST.
    shards: Option<sisa::Report>,
}

/// Times are in seconds, the median of a step.
#[derive(Debug, Serialize)]
struct Step {
    name: &'static str,
    n_threads: usize,
    seconds: f64,
    peer_seconds: Option<f64>,
    /// Whether the parameters after all steps have the bytes that they have with one thread.
    equal: bool,
}

#[derive(Debug, Deserialize)]
struct Peer {
    versions: BTreeMap<String, String>,
    seconds: BTreeMap<String, f64>,
}

pub(super) fn run(plan: &Plan<'_>, mnist: Option<&Path>) -> Result<Report> {
    let (mut versions, mut steps) = (BTreeMap::new(), Vec::new());
    let mut first: Vec<Digest> = Vec::new();
    for n_threads in [1, 2] {
        let peer = peer(plan, n_threads)?;
        for (place, (name, architecture, shape, chunk, n)) in networks().into_iter().enumerate() {
            plan.say(&format!("{name}, {n_threads} threads"));
            let (seconds, digest) = stepped(architecture, shape, chunk, if plan.quick { 3 } else { n }, n_threads)?;
            if n_threads == 1 {
                first.push(digest);
            }
            let peer_seconds = peer.as_ref().and_then(|peer| peer.seconds.get(name)).copied();
            steps.push(Step { name, n_threads, seconds, peer_seconds, equal: digest == first[place] });
        }
        versions.extend(peer.map(|peer| peer.versions).unwrap_or_default());
    }
    let shards = mnist.map(|folder| sharded(plan, images(folder, plan.quick)?)).transpose()?;
    if shards.is_none() {
        plan.say("MNIST is passed over: --mnist names no folder with it");
    }
    Ok(Report { versions, steps, shards })
}

fn networks() -> [(&'static str, Architecture, Shape, usize, usize); 3] {
    let grey = Shape { channels: 1, height: 28, width: 28 };
    [
        ("MLP", Architecture::Mlp { hidden: vec![256] }, grey, 64, 200),
        ("CNN", Architecture::Cnn { channels: vec![32, 64], hidden: 128 }, grey, 16, 20),
        ("ResNet-20", Architecture::Resnet { depth: 20, width: 16 }, Shape { channels: 3, height: 32, width: 32 }, 16, 12),
    ]
}

/// The median seconds of a step, and the parameters after all of them.
fn stepped(architecture: Architecture, shape: Shape, chunk: usize, n: usize, n_threads: usize) -> Result<(f64, Digest)> {
    let mut network = Layered::new(architecture, shape, 10, chunk, Seed(1))?;
    let values = (0..BATCH * shape.len()).map(|i| unit(mix(3, i as u64)) as f32 - 0.5).collect();
    let batch = Batch::new(shape, values, (0..BATCH).map(|i| (i % 10) as u32).collect());
    let mut optimiser = Optimiser::new(Rule::Adam, 0.9, 0.0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().context("cannot start threads")?;
    let mut seconds: Vec<f64> = (0..n)
        .map(|_| {
            let timer = Instant::now();
            pool.install(|| {
                let found = network.gradient(&batch, Statistics::Chunk, &mut |logits| cross_entropy(logits, &batch.labels), false);
                optimiser.step(network.parameters_mut(), &found.parameters, 1e-3, None);
                remember(&mut network, &found.statistics);
            });
            timer.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_unstable_by(f64::total_cmp);
    let bytes: Vec<u8> = network.parameters().iter().chain(network.buffers()).flat_map(|value| value.to_le_bytes()).collect();
    Ok((seconds[n / 2], Digest::of(&bytes)))
}

fn peer(plan: &Plan<'_>, n_threads: usize) -> Result<Option<Peer>> {
    let Some(scripts) = &plan.scripts else { return Ok(None) };
    plan.say(&format!("PyTorch, {n_threads} threads"));
    let path = scripts.folder.join("networks.py");
    let output = Command::new(scripts.python)
        .arg(&path)
        .args(["--threads", &n_threads.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", scripts.python))?;
    ensure!(output.status.success(), "{} {} failed; it needs torch", scripts.python, path.display());
    let found =
        serde_json::from_slice(&output.stdout).with_context(|| format!("{} printed something else than its report", path.display()))?;
    Ok(Some(found))
}

/// MNIST's images, of a folder with its four files.
fn images(folder: &Path, quick: bool) -> Result<Split> {
    let read = |part: &str| -> Result<Dataset> {
        let data = import::dataset(&folder.join(format!("{part}-images-idx3-ubyte.gz")), &Roles::default())?;
        let mask: Vec<bool> = (0..data.len()).map(|i| !quick || i < 2000).collect();
        Ok(data.filter(&mask)?)
    };
    Ok(Split { name: "MNIST".to_owned(), train: read("train")?, test: read("t10k")? })
}

fn sharded(plan: &Plan<'_>, data: Split) -> Result<sisa::Report> {
    let network = |n_epochs| {
        let training = TrainingParams { n_epochs, ..TrainingParams::default() };
        AnyLearner::new(Retrain(Neural::new(&MlpParams { hidden: vec![64], training }, Seed(1))))
    };
    let deletions = plan.deletions.min(MOST_DELETIONS);
    let base = sisa::Base { name: "mlp", learner: network(2), shapes: &[SHARDS], n_trainings: 1, deletions };
    sisa::of(plan, &base, &network(5), &[data])
}

impl Report {
    pub(super) fn is_exact(&self) -> bool {
        self.steps.iter().all(|step| step.equal) && self.shards.as_ref().is_none_or(sisa::Report::is_exact)
    }

    pub(super) fn markdown(&self) -> String {
        let titles = ["a step of 128", "threads", "here", "PyTorch", "ratio", "bytes of one thread"];
        let mut table = Table::new(titles.map(str::to_owned));
        let equal = |equal| if equal { "yes" } else { "**no**" }.to_owned();
        for step in &self.steps {
            table.row([
                step.name.to_owned(),
                step.n_threads.to_string(),
                duration(step.seconds),
                step.peer_seconds.map_or_else(String::new, duration),
                step.peer_seconds.map_or_else(String::new, |peer| format!("{:.2} ×", step.seconds / peer)),
                equal(step.equal),
            ]);
        }
        let mut text = table.text();
        if !self.versions.is_empty() {
            let _ = writeln!(text, "\n{}", listed(&self.versions));
        }
        if let Some(shards) = &self.shards {
            text.push('\n');
            text += &shards.markdown();
        }
        text
    }
}

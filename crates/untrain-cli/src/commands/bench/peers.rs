//! Runs the peers, libraries of Python, on the same records and the same thread.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use untrain_core::{Column, Dataset, Kind, Role};

use super::measure::Split;

/// What the script printed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Peers {
    /// The versions of Python and of the libraries.
    pub(super) versions: BTreeMap<String, String>,
    pub(super) models: Vec<Peer>,
}

/// One peer: medians over the seeds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) train_seconds: f64,
    pub(super) accuracy: f64,
    pub(super) auc: Option<f64>,
    /// Where the script measures it.
    #[serde(default)]
    pub(super) log_loss: Option<f64>,
    pub(super) rows_per_second: f64,
}

/// How to run the scripts.
pub(super) struct Scripts<'a> {
    pub(super) python: &'a str,
    pub(super) folder: &'a Path,
    pub(super) n_threads: usize,
    pub(super) n_seeds: u64,
}

#[derive(Serialize)]
struct Layout<'a> {
    target: Option<&'a str>,
    categorical: Vec<&'a str>,
}

impl Peers {
    pub(super) fn find(&self, name: &str) -> Option<&Peer> {
        self.models.iter().find(|peer| peer.name == name)
    }

    pub(super) fn versions(&self) -> String {
        listed(&self.versions)
    }
}

/// The versions of libraries, in words.
pub(super) fn listed(versions: &BTreeMap<String, String>) -> String {
    versions.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>().join(", ")
}

impl Scripts<'_> {
    /// Runs the script of that name on the data, told `also` what stands there.
    pub(super) fn run<T: DeserializeOwned>(&self, script: &str, data: &Split, also: &[&str]) -> Result<T> {
        let path = self.folder.join(script);
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        export(&data.train, &folder.path().join("train.csv"))?;
        export(&data.test, &folder.path().join("test.csv"))?;
        let layout = folder.path().join("layout.json");
        std::fs::write(&layout, serde_json::to_vec(&layout_of(&data.train))?)
            .with_context(|| format!("cannot write {}", layout.display()))?;
        let n_threads = self.n_threads.to_string();
        let output = Command::new(self.python)
            .arg(&path)
            .arg(folder.path())
            .args(["--threads", &n_threads, "--seeds", &self.n_seeds.to_string()])
            .args(also)
            .envs(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"].map(|name| (name, &n_threads)))
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot run {}", self.python))?;
        if !output.status.success() {
            bail!("{} {} failed ({}); its libraries are in requirements.txt beside it", self.python, path.display(), output.status);
        }
        serde_json::from_slice(&output.stdout).with_context(|| format!("{} printed something else than its report", path.display()))
    }
}

fn used(data: &Dataset) -> impl Iterator<Item = (usize, &Column)> {
    let wanted = |column: &Column| matches!(column.role, Role::Feature | Role::Target | Role::Subject);
    data.schema().columns.iter().enumerate().filter(move |(_, column)| wanted(column))
}

fn layout_of(data: &Dataset) -> Layout<'_> {
    let target = data.schema().target().map(|(_, column)| column.name.as_str());
    let is_text = |column: &&Column| column.role != Role::Target && column.kind == Kind::Categorical;
    let categorical = used(data).map(|(_, column)| column).filter(is_text).map(|column| column.name.as_str()).collect();
    Layout { target, categorical }
}

/// Writes features and target as CSV; a missing value is empty, a truth value 1 or 0.
fn export(data: &Dataset, path: &Path) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        let header: Vec<_> = used(data).map(|(_, column)| quoted(&column.name)).collect();
        writeln!(out, "{}", header.join(","))?;
        let columns: Vec<_> = used(data).map(|(place, column)| (column.kind, data.values(place))).collect();
        for i in 0..data.len() {
            for (j, (kind, values)) in columns.iter().enumerate() {
                let comma = if j == 0 { "" } else { "," };
                match (kind, values.text(i)) {
                    (_, None) => write!(out, "{comma}")?,
                    (Kind::Categorical, Some(text)) => write!(out, "{comma}{}", quoted(&text))?,
                    _ => write!(out, "{comma}{}", values.number(i).unwrap_or_default())?,
                }
            }
            writeln!(out)?;
        }
        out.flush()
    };
    write().with_context(|| format!("cannot write {}", PathBuf::from(path).display()))
}

fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")).into() } else { text.into() }
}

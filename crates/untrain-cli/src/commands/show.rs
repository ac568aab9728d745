//! `show`: what there is to say of a dataset, a model, a request, or the store.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use untrain::{DatasetReport, Importance, ModelReport, RequestReport, VersionReport};

use crate::app::{App, Outcome};
use crate::failure::Usage;
use crate::table::{count, counted, duration, facts, moment, render, short, table};

/// How many features a model's text lists; its JSON has them all.
const TOP: usize = 10;

/// Show a dataset, a model, a request, or the store
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A dataset, a model, or the number of a request; the store if not given
    name: Option<String>,
    /// What the name is of, where it could be of more than one
    #[arg(long, value_enum, requires = "name")]
    kind: Option<Kind>,
}

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// A dataset
    Dataset,
    /// A model
    Model,
    /// A request
    Request,
}

/// What a store holds, in numbers.
#[derive(Debug, Serialize)]
struct Summary {
    store: String,
    datasets: u64,
    models: u64,
    records: u64,
    requests: u64,
}

/// A model with what its artefact and its past tell.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    model: ModelReport,
    artefact: BTreeMap<&'static str, String>,
    importances: Vec<Importance>,
    history: Vec<VersionReport>,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let engine = app.read()?;
    let Some(name) = &args.name else {
        let listing = engine.list()?;
        let (models, records) = listing.datasets.iter().fold((0, 0), |(m, r), line| (m + line.models.len() as u64, r + line.records));
        let datasets = listing.datasets.len() as u64;
        app.result(&Summary { store: listing.store, datasets, models, records, requests: listing.requests }, summary)?;
        return Ok(Outcome::Done);
    };
    match args.kind.map_or_else(|| kind_of(&engine, name), Ok)? {
        Kind::Dataset => app.result(&engine.show_dataset(name)?, dataset)?,
        Kind::Model => {
            let artefact = engine.artefact(name)?;
            let (facts, importances) = (artefact.facts().into_iter().collect(), artefact.importances());
            app.result(&Shown { model: engine.show_model(name)?, artefact: facts, importances, history: engine.history(name)? }, shown)?;
        }
        Kind::Request => {
            let number = name.parse().map_err(|_| Usage::new(format!("\"{name}\" is not the number of a request")))?;
            app.result(&engine.show_request(number)?, request_text)?;
        }
    }
    Ok(Outcome::Done)
}

/// What the name is of.
fn kind_of(engine: &untrain::Engine, name: &str) -> anyhow::Result<Kind> {
    let listing = engine.list()?;
    let is_dataset = listing.datasets.iter().any(|line| line.dataset == name);
    let is_model = listing.datasets.iter().flat_map(|line| &line.models).any(|model| model.model == name);
    match (is_dataset, is_model) {
        (true, true) => Err(Usage::with_hint(format!("\"{name}\" is a dataset and a model"), "add --kind dataset or --kind model").into()),
        (true, false) => Ok(Kind::Dataset),
        (false, true) => Ok(Kind::Model),
        (false, false) if name.parse::<u64>().is_ok() => Ok(Kind::Request),
        (false, false) => {
            let names = listing
                .datasets
                .iter()
                .flat_map(|line| std::iter::once(line.dataset.as_str()).chain(line.models.iter().map(|model| model.model.as_str())));
            let hint = untrain_core::nearest(name, names)
                .map_or_else(|| "`untrain list` shows what there is".to_owned(), |nearest| format!("did you mean \"{nearest}\"?"));
            Err(Usage::with_hint(format!("there is no dataset and no model \"{name}\""), hint).into())
        }
    }
}

fn summary(report: &Summary) -> String {
    facts([
        ("store", report.store.clone()),
        ("datasets", count(report.datasets)),
        ("records", count(report.records)),
        ("models", count(report.models)),
        ("requests", count(report.requests)),
    ])
}

/// A dataset in words.
pub(crate) fn dataset(report: &DatasetReport) -> String {
    let mut columns = table(["column", "kind", "role", "", "missing", "distinct"]);
    let id = report.id.as_deref().unwrap_or("(from content)");
    columns.add_row([id, "text", "id", "", "0", &count(report.records)]);
    for column in &report.columns {
        let origin = if column.declared { "declared" } else { "inferred" };
        let role = match serde_json::to_value(column.role) {
            Ok(Value::String(role)) => role,
            _ => String::new(),
        };
        let kind = column.shape.map_or_else(|| column.kind.to_owned(), |shape| format!("{} {shape}", column.kind));
        columns.add_row([&column.name, &kind, &role, origin, &count(column.missing), &count(column.distinct)]);
    }
    let mut text = render(columns, &[4, 5]);
    text += &facts([
        ("dataset", format!("{} (version {})", report.dataset, report.version)),
        ("records", count(report.records)),
        ("held out", count(report.held_out)),
        ("models", if report.models.is_empty() { "none yet".to_owned() } else { report.models.join(", ") }),
    ]);
    if !report.dropped.is_empty() {
        let _ = writeln!(text, "gone with the dataset that was replaced: {}", report.dropped.join(", "));
    }
    text
}

/// A model in words.
pub(crate) fn model(report: &ModelReport) -> String {
    let recipe = serde_json::to_value(&report.recipe).unwrap_or_default();
    facts([
        ("model", format!("{} (version {}) of {}", report.model, report.version, report.dataset)),
        ("recipe", settings(&recipe)),
        ("records", count(report.records)),
        ("digest", report.digest.to_string()),
        ("state digest", report.state_digest.to_string()),
        ("guarantee", guarantee(&report.guarantee)),
        ("forgets by", report.forgets_by.clone()),
        ("last operation", format!("{} in memory, {} with the store", duration(report.seconds), duration(report.total_seconds))),
    ])
}

fn shown(report: &Shown) -> String {
    let mut text = model(&report.model) + &facts(report.artefact.iter().map(|(name, value)| (*name, value.clone())));
    if !report.importances.is_empty() {
        let mut features = table(["feature", "importance"]);
        for Importance { feature, importance } in report.importances.iter().take(TOP) {
            features.add_row([feature.as_str(), &format!("{:.1} %", importance * 100.0)]);
        }
        text += &render(features, &[1]);
        if let Some(more @ 1..) = report.importances.len().checked_sub(TOP) {
            let _ = writeln!(text, "and {}", counted(more as u64, "more feature"));
        }
    }
    let mut history = table(["version", "made by", "request", "records", "digest", "when"]);
    for version in &report.history {
        let request = version.request.map_or_else(String::new, |number| number.to_string());
        let digest = short(&version.digest.to_string());
        history.add_row([
            &version.version.to_string(),
            version.event,
            &request,
            &count(version.records),
            &digest,
            &moment(version.created_ms),
        ]);
    }
    text + &render(history, &[0, 2, 3])
}

/// Whether a setting says nothing: null, or an empty list or table.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(table) => table.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The settings of a recipe, on one line.
fn settings(recipe: &Value) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut parts = vec![plain(&recipe["learner"]), format!("seed={}", recipe["seed"]), format!("task={}", plain(&recipe["task"]))];
    if let Value::Object(params) = &recipe["params"] {
        parts.extend(params.iter().filter(|(_, value)| !is_empty(value)).map(|(key, value)| format!("{key}={}", plain(value))));
    }
    parts.join(" ")
}

pub(super) fn guarantee(guarantee: &untrain::Guarantee) -> String {
    match guarantee {
        untrain::Guarantee::Exact => "exact: byte for byte a model that never saw what was forgotten".to_owned(),
        untrain::Guarantee::Certified { epsilon, delta } => format!("certified: epsilon {epsilon}, delta {delta}"),
        untrain::Guarantee::Empirical => "empirical: none beyond what an audit measured".to_owned(),
    }
}

/// A request as its report keeps it.
#[derive(Debug, Deserialize)]
struct Request {
    #[serde(rename = "request")]
    number: Option<u64>,
    operation: String,
    dataset: String,
    forgotten: u64,
    learnt: u64,
    unknown: Vec<String>,
    records: u64,
    models: Vec<RequestModel>,
    seconds: f64,
    total_seconds: f64,
    created_ms: Option<i64>,
    #[serde(default)]
    state: String,
    #[serde(default)]
    already: u64,
    #[serde(default)]
    repeated: bool,
    #[serde(default)]
    due_ms: Option<i64>,
}

/// What a request did to a model.
#[derive(Debug, Deserialize)]
struct RequestModel {
    model: String,
    version: u64,
    digest: String,
    records: u64,
    seconds: f64,
}

/// Says so if a request is done but its old bytes are still there.
pub(crate) fn tell_unfinished(app: &App, report: &RequestReport) {
    if let Some(reason) = &report.unfinished {
        app.words.warn(&format!("the old bytes could not be erased yet ({reason}); the next command that writes tries again"));
    }
}

/// A request in words.
pub(crate) fn request(report: &RequestReport) -> String {
    serde_json::to_value(report).map_or_else(|error| format!("{error}\n"), |report| request_text(&report))
}

fn request_text(report: &Value) -> String {
    match Request::deserialize(report) {
        Ok(request) => request.text(),
        // Written by another version: all of it is there, if not as prettily.
        Err(_) => format!("{report:#}\n"),
    }
}

impl Request {
    fn text(&self) -> String {
        let mut text = self.sentence();
        if !self.unknown.is_empty() {
            let _ =
                writeln!(text, "passed over {} that no record has: {}", counted(self.unknown.len() as u64, "id"), listed(&self.unknown));
        }
        if self.already > 0 {
            let _ = writeln!(text, "{} of what was named had been forgotten before", count(self.already));
        }
        if self.repeated {
            text += "this was answered before, as above\n";
        }
        if self.state == "held" {
            text += "a legal hold keeps the records; the models do not know them\n";
        }
        if let Some(created) = self.created_ms {
            let _ = writeln!(text, "done on {}", moment(created));
        }
        if self.models.is_empty() {
            return text + "no model was trained on it\n";
        }
        let changed = self.number.is_some();
        let mut models = if changed {
            table(["model", "version", "records", "digest", "in memory"])
        } else {
            table(["model", "version", "records", "digest", ""])
        };
        for model in &self.models {
            let seconds = if changed { duration(model.seconds) } else { String::new() };
            models.add_row([&model.model, &model.version.to_string(), &count(model.records), &short(&model.digest), &seconds]);
        }
        text += &render(models, &[1, 2, 4]);
        if changed {
            let _ = writeln!(
                text,
                "{} on the models in memory, {} with the durable path",
                duration(self.seconds),
                duration(self.total_seconds)
            );
        }
        text
    }

    fn sentence(&self) -> String {
        let Self { dataset, operation, .. } = self;
        let (done, n, way) = if operation == "learn" { ("learnt", self.learnt, "into") } else { ("forgot", self.forgotten, "from") };
        let (records, left) = (counted(n, "record"), counted(self.records, "record"));
        let due = self.due_ms.map_or_else(String::new, |ms| format!(", due on {}", untrain::clock::day(ms)));
        match self.number {
            Some(number) if ["scoped", "cancelled", "refused"].contains(&self.state.as_str()) => {
                let state = if self.state == "scoped" { "not carried out yet" } else { &self.state };
                format!("request {number}: {state}{due}; it asks for {records} of {dataset}\n")
            }
            Some(number) => format!("request {number}: {done} {records} {way} {dataset}, which has {left} now\n"),
            None if n == 0 => format!("nothing to {operation}: no record of {dataset} was selected; it has {left}\n"),
            None => format!("a dry run: would have {} {records} {way} {dataset}, which would have {left} then\n", self.past()),
        }
    }

    fn past(&self) -> &'static str {
        if self.operation == "learn" { "learnt" } else { "forgotten" }
    }
}

fn listed(ids: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = ids.iter().take(SHOWN).map(|id| format!("\"{id}\"")).collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

//! A store and the verbs of the command line: each opens the store, does what it says, and lets go of it.
//!
//! A verb and its arguments come as JSON, and what the engine reports goes back as JSON, which is the command line's own. Python knows
//! the names and the defaults (`untrain/store.py`) and the types of the reports (`untrain/reports.py`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use arrow_array::RecordBatch;
use arrow_schema::DataType;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use serde::{Deserialize, Serialize};
use untrain::clock::{self, Regime};
use untrain::import::{self, Roles, Source};
use untrain::{
    Access, AuditOptions, AuditProgress, Chosen, CompareOptions, Digest, Engine, Error, ExposureOptions, ForgetOptions, ImportOptions,
    Importance, ModelReport, OpenOptions, PlanOptions, Recipe, Result, Returning, Scope, TrainOptions, VersionReport, verifier_key,
};
use untrain_ledger::keys::{Role, SecretKey};
use untrain_ledger::policy::Policy;
use untrain_ledger::receipt::{Checked, Level, Receipt};
use untrain_ledger::{Refusal, receipt};
use untrain_neural::methods::Goal;

use crate::errors::told;
use crate::predictions;
use crate::records::Records;
use crate::table;

/// A store in a directory.
#[pyclass(frozen, module = "untrain._native")]
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    wait: Duration,
    passphrase: Option<String>,
}

/// A verb and what it is asked.
#[derive(Debug, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::large_enum_variant, reason = "one lives at a time")]
enum Ask {
    Import { dataset: String, roles: Roles, replace: bool, forgotten: Forgotten },
    Train { dataset: String, model: String, recipe: RecipeOf, replace: bool },
    Evaluate { model: String },
    Forget { dataset: String, ids: Vec<String>, condition: Option<String>, options: Box<Forget> },
    ForgetDeferred { dataset: String, verify: bool },
    Learn { dataset: String, forgotten: Forgotten },
    Verify { model: String, shard: Option<u64>, any_shard: bool, span: Option<(u64, u64)>, key: Option<PathBuf> },
    Audit { model: String, options: Box<Audit>, out: Option<PathBuf> },
    Compare { model: String, options: Box<Compare>, out: Option<PathBuf> },
    Exposures { model: String, ids: Option<Vec<String>>, points: usize, shadows: usize, seed: u64 },
    Mark { model: String, planted: String, kept: f64, level: f64 },
    Plan { dataset: String, recipe: RecipeOf, requests: u64, measure: bool },
    List,
    ShowDataset { dataset: String },
    ShowModel { model: String },
    ShowRequest { request: String },
    Requests,
    Confirm { request: String },
    Extend { request: String, reason: String },
    Cancel { request: String, reason: String },
    Refuse { request: String, reason: String },
    Hold { request: String, reason: String },
    Release { request: String },
    DestroySuppressionList,
    Log { first: Option<u64>, limit: u64 },
    AuditLog,
    Cosign { text: String },
    Keys,
    Trust { key: String, name: Option<String> },
    Quorum { witnesses: usize },
    Rotate { role: Own },
    Backup { to: PathBuf },
    Backups,
    DestroyBackup { epoch: u64 },
}

/// What becomes of records that were forgotten.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Forgotten {
    Refuse,
    Skip,
    Accept,
}

/// A recipe: a file, or a learner with its settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecipeOf {
    file: Option<PathBuf>,
    learner: String,
    settings: Vec<(String, String)>,
    seed: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing, as in the engine")]
struct Forget {
    subjects: Vec<String>,
    models: Vec<String>,
    ignore_unknown: bool,
    dry_run: bool,
    request: Option<String>,
    regime: Regime,
    received: Option<String>,
    defer: bool,
    hold: Option<String>,
    verify: bool,
    /// A method of unlearning and its hyperparameters, in place of exact forgetting.
    method: Option<Chosen>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Audit {
    forget: Option<Vec<String>>,
    attacks: Vec<String>,
    budget: f64,
    worlds: Option<usize>,
    points: usize,
    canaries: usize,
    level: f64,
    seed: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Compare {
    forget: Option<Vec<String>>,
    methods: Vec<Chosen>,
    goal: Option<Goal>,
    search: bool,
    budget: f64,
    worlds: Option<usize>,
    points: usize,
    canaries: usize,
    seed: u64,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Own {
    Log,
    Issuer,
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

/// How far a long verb is, for Python.
type Progress = Option<Py<PyAny>>;

#[pymethods]
impl Store {
    #[new]
    fn new(path: PathBuf, wait: f64, passphrase: Option<String>) -> PyResult<Self> {
        let wait = Duration::try_from_secs_f64(wait).map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
        Ok(Self { path, wait, passphrase })
    }

    /// Makes the store if there is none; else finds out whether it can be read.
    fn touch(&self, py: Python<'_>) -> PyResult<()> {
        let access = if self.path.exists() { Access::Read } else { Access::Write };
        Self::detached(py, || self.open(access).map(drop))
    }

    /// Does what a verb says, with `records` (a path, or what exports an Arrow stream) where it takes some; returns the report as JSON.
    fn ask(&self, py: Python<'_>, request: &str, records: Option<Bound<'_, PyAny>>, progress: Progress) -> PyResult<String> {
        let ask: Ask = serde_json::from_str(request).map_err(|error| pyo3::exceptions::PyTypeError::new_err(error.to_string()))?;
        let records = records.map(|records| Given::of(&records)).transpose()?;
        Self::detached(py, || self.answer(ask, records.as_ref(), &progress))
    }

    /// The ids and the predictions of the rows of `records`.
    fn predict<'py>(&self, py: Python<'py>, model: &str, records: Bound<'py, PyAny>) -> PyResult<(Vec<String>, Bound<'py, PyAny>)> {
        let records = Given::of(&records)?;
        let table = Self::detached(py, || self.open(Access::Read)?.predict(model, records.source()))?;
        Ok((table.ids, predictions::arrays(py, table.predictions)?))
    }

    /// The records of a dataset.
    fn records(&self, py: Python<'_>, dataset: &str) -> PyResult<Records> {
        Self::detached(py, || Ok(Records::new(&self.open(Access::Read)?.dataset(dataset)?)?))
    }

    /// The canonical bytes of a model's artefact.
    fn artefact<'py>(&self, py: Python<'py>, model: &str) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &Self::detached(py, || self.open(Access::Read)?.artefact_bytes(model))?))
    }

    /// A network as a safetensors file.
    fn safetensors<'py>(&self, py: Python<'py>, model: &str) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &Self::detached(py, || self.open(Access::Read)?.safetensors(model))?))
    }

    /// What a model's artefact holds, as JSON.
    fn artefact_json(&self, py: Python<'_>, model: &str) -> PyResult<String> {
        Self::detached(py, || Ok(self.open(Access::Read)?.artefact(model)?.json()))
    }

    /// The number of a request, and its receipts as ZIP files.
    fn receipts<'py>(&self, py: Python<'py>, request: &str) -> PyResult<(u64, Vec<Bound<'py, PyBytes>>)> {
        let (number, receipts) = Self::detached(py, || {
            let engine = self.open(Access::Read)?;
            let number = engine.request_number(request)?;
            let zip = |receipt: &Receipt| Ok(receipt.to_zip().map_err(untrain_ledger::Error::from)?);
            Ok((number, engine.receipts(number)?.iter().map(zip).collect::<Result<Vec<_>>>()?))
        })?;
        Ok((number, receipts.iter().map(|bytes| PyBytes::new(py, bytes)).collect()))
    }

    /// Makes a store at this path of a backup; returns the report as JSON.
    fn restore(&self, py: Python<'_>, source: PathBuf, keys: PathBuf, trail: PathBuf) -> PyResult<String> {
        Self::detached(py, || json(&Engine::restore(&source, &keys, &trail, &self.path, self.options())?))
    }
}

/// Checks a receipt, offline; returns the outcome as the command line's JSON.
#[pyfunction]
pub(crate) fn check(
    py: Python<'_>,
    receipt: &[u8],
    policy: Option<&str>,
    level: u8,
    request: Option<&str>,
    artefact: Option<&[u8]>,
) -> PyResult<String> {
    #[derive(Serialize)]
    struct Outcome {
        accepted: bool,
        error: Option<String>,
        artefact: Option<String>,
        checked: Option<Checked>,
        report: Option<String>,
    }
    let checked = || -> std::result::Result<(Checked, Option<String>), Refusal> {
        let policy = policy.map(str::parse::<Policy>).transpose()?;
        let checked = Receipt::from_zip(receipt)?.check(policy.as_ref())?;
        request.iter().try_for_each(|request| checked.require_request(request))?;
        checked.require(Level::from_number(level).unwrap_or(Level::Chain))?;
        let artefact = artefact.map(|bytes| checked.artefact(&Digest::of(bytes))).transpose()?;
        Ok((checked, artefact))
    };
    let outcome = match py.detach(checked) {
        Ok((checked, artefact)) => {
            let report = Some(receipt::report(&checked));
            Outcome { accepted: true, error: None, artefact, checked: Some(checked), report }
        }
        Err(refusal) => Outcome { accepted: false, error: Some(refusal.to_string()), artefact: None, checked: None, report: None },
    };
    json(&outcome).map_err(|error| told(py, error))
}

impl Store {
    fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
        py.detach(work).map_err(|error| told(py, error))
    }

    fn options(&self) -> OpenOptions<'_> {
        OpenOptions { wait: self.wait, passphrase: self.passphrase.as_deref(), ..OpenOptions::default() }
    }

    fn open(&self, access: Access) -> Result<Engine> {
        Engine::open(&self.path, access, self.options(), &mut || ())
    }

    #[expect(clippy::too_many_lines, reason = "an arm a verb, and each is a line or two")]
    fn answer(&self, ask: Ask, records: Option<&Given>, progress: &Progress) -> Result<String> {
        let (read, write) = (|| self.open(Access::Read), || self.open(Access::Write));
        let source = || records.map_or(Source::File(Path::new("")), Given::source);
        match ask {
            Ask::Import { dataset, mut roles, replace, forgotten } => {
                if let Some(given) = records {
                    given.declare(&mut roles);
                }
                let data = import::dataset(source(), &roles)?;
                json(&write()?.import(&dataset, &data, &roles, ImportOptions { replace, returning: forgotten.returning() })?)
            }
            Ask::Train { dataset, model, recipe, replace } => {
                let (recipe, has_seed) = recipe.read()?;
                json(&write()?.train(&dataset, &model, &recipe, TrainOptions { replace, seed_of_log: !has_seed })?)
            }
            Ask::Evaluate { model } => json(&read()?.evaluate(&model, records.map(Given::source))?),
            Ask::Forget { dataset, ids, condition, options } => {
                let options = options.read()?;
                let mut engine = if options.dry_run { read() } else { write() }?;
                let mut ids: BTreeSet<String> = ids.into_iter().collect();
                ids.extend(condition.map(|condition| engine.select(&dataset, &condition)).transpose()?.unwrap_or_default());
                json(&engine.forget(&dataset, &Vec::from_iter(ids), &options)?)
            }
            Ask::ForgetDeferred { dataset, verify } => json(&write()?.forget_deferred(&dataset, verify)?),
            Ask::Learn { dataset, forgotten } => json(&write()?.learn(&dataset, source(), forgotten.returning())?),
            Ask::Verify { model, shard, any_shard, span, key } => {
                let scope = |engine: &Engine| match (shard, span) {
                    _ if any_shard => engine.any_shard(&model),
                    (Some(index), _) => Ok(Scope::Shard { index }),
                    (None, Some((from, to))) => Ok(Scope::Span { from, to }),
                    (None, None) => Ok(Scope::Full),
                };
                let Some(key) = key else {
                    let engine = read()?;
                    return json(&engine.verify_part(&model, &scope(&engine)?)?);
                };
                let key = SecretKey::load(&key, self.passphrase.as_deref())?;
                let mut engine = write()?;
                let scope = scope(&engine)?;
                json(&engine.verify_part_signed(&model, &scope, &key)?)
            }
            Ask::Audit { model, options, out } => {
                let engine = read()?;
                let copies = records.map(|given| engine.copies(&model, given.source())).transpose()?;
                let Audit { forget, attacks, budget, worlds, points, canaries, level, seed } = *options;
                let options = AuditOptions {
                    forget,
                    records: copies,
                    metrics: attacks,
                    n_points: points,
                    n_canaries: canaries,
                    n_worlds: worlds,
                    budget: Duration::try_from_secs_f64(budget).unwrap_or_default(),
                    seed,
                    level,
                };
                let report = engine.audit(&model, &options, &|at| tell(progress, at))?;
                write_page(out, || report.page())?;
                json(&report)
            }
            Ask::Compare { model, options, out } => {
                let Compare { forget, methods, goal, search, budget, worlds, points, canaries, seed } = *options;
                let audit = AuditOptions {
                    forget,
                    n_points: points,
                    n_canaries: canaries,
                    n_worlds: worlds,
                    budget: Duration::try_from_secs_f64(budget).unwrap_or_default(),
                    seed,
                    ..AuditOptions::default()
                };
                let report = read()?.compare(&model, &CompareOptions { audit, methods, goal, search }, &|at| tell(progress, at))?;
                write_page(out, || report.page())?;
                json(&report)
            }
            Ask::Exposures { model, ids, points, shadows, seed } => {
                let options = ExposureOptions { ids, n_points: points, n_shadows: shadows, seed };
                json(&read()?.exposures(&model, &options, &|at| tell(progress, at))?)
            }
            Ask::Mark { model, planted, kept, level } => json(&read()?.mark(&model, source(), &planted, kept, level)?),
            Ask::Plan { dataset, recipe, requests, measure } => {
                json(&read()?.plan(&dataset, &recipe.read()?.0, &PlanOptions { requests, measure })?)
            }
            Ask::List => json(&read()?.list()?),
            Ask::ShowDataset { dataset } => json(&read()?.show_dataset(&dataset)?),
            Ask::ShowModel { model } => {
                let engine = read()?;
                let artefact = engine.artefact(&model)?;
                let (facts, importances) = (artefact.facts().into_iter().collect(), artefact.importances());
                json(&Shown { model: engine.show_model(&model)?, artefact: facts, importances, history: engine.history(&model)? })
            }
            Ask::ShowRequest { request } => {
                let engine = read()?;
                json(&engine.show_request(engine.request_number(&request)?)?)
            }
            Ask::Requests => json(&read()?.requests(now_ms())?),
            Ask::Confirm { request } => self.amend(&request, untrain::Engine::confirm),
            Ask::Extend { request, reason } => self.amend(&request, |engine, number| engine.extend(number, &reason)),
            Ask::Cancel { request, reason } => self.amend(&request, |engine, number| engine.cancel(number, &reason)),
            Ask::Refuse { request, reason } => self.amend(&request, |engine, number| engine.refuse(number, &reason)),
            Ask::Hold { request, reason } => self.amend(&request, |engine, number| engine.hold(number, &reason)),
            Ask::Release { request } => self.amend(&request, untrain::Engine::release),
            Ask::DestroySuppressionList => json(&write()?.destroy_suppression_list()?),
            Ask::Log { first, limit } => {
                let engine = read()?;
                let size = engine.log(0, 0)?.size;
                json(&engine.log(first.unwrap_or(size.saturating_sub(limit)), limit)?)
            }
            Ask::AuditLog => json(&read()?.audit_log()?),
            Ask::Cosign { text } => json(&write()?.cosign(&text)?),
            Ask::Keys => json(&read()?.keys()?),
            Ask::Trust { key, name } => json(&write()?.trust(&verifier_key(&key)?, name.as_deref())?),
            Ask::Quorum { witnesses } => json(&write()?.require_witnesses(witnesses)?),
            Ask::Rotate { role } => {
                let role = if matches!(role, Own::Log) { Role::Log } else { Role::Issuer };
                json(&write()?.rotate(role, self.passphrase.as_deref())?)
            }
            Ask::Backup { to } => json(&write()?.backup(&to)?),
            Ask::Backups => json(&read()?.backups()?),
            Ask::DestroyBackup { epoch } => json(&write()?.destroy_backup(epoch)?),
        }
    }

    fn amend<T: Serialize>(&self, request: &str, amend: impl FnOnce(&mut Engine, u64) -> Result<T>) -> Result<String> {
        let mut engine = self.open(Access::Write)?;
        let number = engine.request_number(request)?;
        json(&amend(&mut engine, number)?)
    }
}

/// Records that were handed over.
enum Given {
    File(PathBuf),
    Table(RecordBatch),
}

impl Given {
    fn of(records: &Bound<'_, PyAny>) -> PyResult<Self> {
        match records.cast::<PyString>() {
            Ok(path) => Ok(Self::File(path.to_str()?.into())),
            Err(_) => table::batch(records).map(Self::Table),
        }
    }

    fn source(&self) -> Source<'_> {
        match self {
            Self::File(path) => path.into(),
            Self::Table(table) => table.into(),
        }
    }

    /// A column of categories is declared to be one, unless it has a use that says what it is.
    fn declare(&self, roles: &mut Roles) {
        let Self::Table(table) = self else { return };
        for field in table.schema_ref().fields() {
            let name = field.name();
            let used = [&roles.numeric, &roles.boolean, &roles.categorical, &roles.drop].into_iter().any(|names| names.contains(name));
            if matches!(field.data_type(), DataType::Dictionary(..)) && !used && roles.id.as_ref() != Some(name) {
                roles.categorical.push(name.clone());
            }
        }
    }
}

impl Forgotten {
    fn returning(self) -> Returning {
        match self {
            Self::Refuse => Returning::Refused,
            Self::Skip => Returning::LeftOut,
            Self::Accept => Returning::Accepted,
        }
    }
}

impl RecipeOf {
    /// The recipe, and whether somebody chose its seed.
    fn read(self) -> Result<(Recipe, bool)> {
        let Some(path) = self.file else { return Ok((Recipe::new(&self.learner, &self.settings, self.seed)?, self.seed.is_some())) };
        let text = std::fs::read_to_string(&path).map_err(|source| import::Error::Io { path, source })?;
        let mut recipe = Recipe::from_toml(&text)?;
        recipe.seed = self.seed.unwrap_or(recipe.seed);
        Ok((recipe, self.seed.is_some() || Recipe::has_seed(&text)))
    }
}

impl Forget {
    fn read(self) -> Result<ForgetOptions> {
        let Self { subjects, models, ignore_unknown, dry_run, request, regime, received, defer, hold, verify, method } = self;
        let received_ms = received.as_deref().map(clock::moment).transpose()?;
        Ok(ForgetOptions { subjects, ignore_unknown, dry_run, models, key: request, regime, received_ms, defer, hold, verify, method })
    }
}

/// Tells Python how far the work is. What it raises cannot stop the work, and is passed over.
fn tell(progress: &Progress, at: AuditProgress) {
    if let Some(progress) = progress {
        Python::attach(|py| {
            if let Err(error) = progress.call1(py, (at.done, at.planned)) {
                error.write_unraisable(py, None);
            }
        });
    }
}

fn write_page(out: Option<PathBuf>, page: impl FnOnce() -> String) -> Result<()> {
    let Some(path) = out else { return Ok(()) };
    std::fs::write(&path, page()).map_err(|source| import::Error::Io { path, source }.into())
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn json<T: Serialize>(report: &T) -> Result<String> {
    serde_json::to_string(report).map_err(|source| Error::Metadata { name: "the report".to_owned(), source })
}

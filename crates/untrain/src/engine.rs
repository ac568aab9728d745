//! The engine: datasets, models and requests over a store.
//!
//! A request is all or nothing: the ids are validated, the records leave copies of every affected model, and one commit of
//! the store publishes the new versions and drops the old records, states and artefacts. A crash leaves the state before the
//! request or the state after it.

mod auditing;
mod audits;
mod comparing;
mod docket;
mod exposures;
mod receipts;
mod requests;
mod restoring;
mod stating;
mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rayon::prelude::*;
use untrain_core::{
    AnyModel, Artefact, Choices, Column, Dataset, Digest, Forget as _, Guarantee, Kind, Learner as _, Model as _, Predictions, Role, Values,
};
use untrain_ledger::keys::Signer;
use untrain_ledger::receipt::Opened;
use untrain_ledger::statement::SeedOrigin;
use untrain_ledger::{Access, Change, DatasetRow, Event, ModelRow, Name, Part, Store, Version};

pub use self::audits::{AuditOptions, AuditProgress};
pub use self::comparing::{Chosen, CompareOptions};
pub use self::exposures::ExposureOptions;
pub use self::requests::{ForgetOptions, ImportOptions, Returning};
pub use self::trust::verifier_key;
use crate::commitments::{self, Salts};
use crate::import::{self, Roles, Source};
use crate::records::{Metadata, part_bits, part_of, read_parts, write_part};
use crate::report::{ColumnReport, DatasetLine, DatasetReport, Evaluation, Listing, ModelReport, PredictedTable, VersionReport};
use crate::trail::Trail;
use crate::unfinished::Unfinished;
use crate::{Error, Recipe, Result, Scores, select};

/// A store, and what was read from it.
#[derive(Debug)]
pub struct Engine {
    store: Store,
    /// Open for those who write.
    trail: Option<Trail>,
    /// Statements that went to the log since the last commit, and where they are in it.
    logged: Vec<(u64, u64)>,
    /// The latest time that was stated.
    latest_ms: i64,
    /// What opens the commitments of requests that were carried out just now.
    opened: BTreeMap<u64, Vec<Opened>>,
    /// Datasets and models as the store has them; a writer is alone, so they stay true.
    datasets: BTreeMap<String, Loaded>,
    models: BTreeMap<String, AnyModel>,
}

/// A dataset in memory.
#[derive(Debug, Clone)]
struct Loaded {
    row: DatasetRow,
    metadata: Metadata,
    data: Dataset,
    /// The salts of the records' commitments, in the order of the records.
    salts: Arc<Salts>,
}

/// How a store is to be opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenOptions<'a> {
    /// How long to wait for others who use the store.
    pub wait: Duration,
    /// What the private keys of a new store are encrypted with, and those of an old one opened with.
    pub passphrase: Option<&'a str>,
    /// Who signs as the log and as the issuer, if their keys are not to be files of the store but in hardware or in a service.
    pub signers: &'a [Arc<dyn Signer>],
}

/// How a model is to be trained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrainOptions {
    /// Whether a model of the same name gives way.
    pub replace: bool,
    /// Whether the seed follows from what the log was when the model was registered, in place of the recipe's: then the trail shows
    /// that nobody picked it by hand.
    pub seed_of_log: bool,
}

impl Engine {
    /// Opens the store in `dir`; a writer makes it if it is not there, with keys and a log, and finishes what a process that was
    /// killed left unfinished. While another process holds it, waits, calling `on_wait` once.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]; [`Error::TrailBehind`] and [`Error::TrailAhead`] if the log is not this store's; [`Error::OtherSigner`]
    /// for a key that its policy does not have.
    pub fn open(dir: &Path, access: Access, options: OpenOptions<'_>, on_wait: &mut dyn FnMut()) -> Result<Self> {
        let store = Store::open(dir, access, options.wait, on_wait)?;
        let trail = (access == Access::Write).then(|| Trail::open(dir, options)).transpose()?;
        let mut engine = Self {
            store,
            trail,
            logged: Vec::new(),
            latest_ms: 0,
            opened: BTreeMap::new(),
            datasets: BTreeMap::new(),
            models: BTreeMap::new(),
        };
        if engine.trail.is_some() {
            engine.recover()?;
        }
        Ok(engine)
    }

    /// Stores `data` as a dataset; `reading` tells how its file was read. With `replace`, a dataset of that name and its models
    /// give way.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the name is taken or invalid, or the store fails; [`Error::Returning`] if records were forgotten from a
    /// dataset of this name, unless `returning` says what is to become of them.
    pub fn import(&mut self, name: &str, data: &Dataset, reading: &Roles, options: ImportOptions) -> Result<DatasetReport> {
        let started = Instant::now();
        let ImportOptions { replace, returning } = options;
        let name: Name = name.parse().map_err(Error::Store)?;
        let (data, welcome) = self.sift(name.as_str(), data, returning)?;
        let data = &data;
        let old = self.store.datasets()?.into_iter().find(|row| row.name == name);
        let metadata = Metadata { schema: data.schema().clone(), reading: reading.clone(), part_bits: part_bits(data.len()) };
        let salts = commitments::draw(data.len())?;
        let row = DatasetRow {
            version: old.as_ref().map_or(1, |row| row.version + 1),
            schema: to_json(name.as_str(), &metadata)?,
            records: data.len() as u64,
            parts: self.put_parts(name.as_str(), data, &salts, metadata.part_bits, None)?,
            commitment: Some(commitments::store(&self.store, &commitments::all(name.as_str(), data, &salts))?),
            created_ms: now_ms(),
            name,
        };
        let models = match &old {
            Some(row) if replace => self.store.models_of(row.name.as_str())?,
            _ => Vec::new(),
        };
        let dropped: Vec<Name> = models.iter().map(|model| model.name.clone()).collect();
        let parts = old.iter().flat_map(|row| &row.parts).map(|part| part.digest);
        let statements = self.replaced_by(parts.collect(), &models)?;
        if replace {
            crate::shadow::erase(self.store.path())?;
            crate::unfinished::erase(self.store.path())?;
        }
        let change =
            Change { replace, drop_models: dropped.clone(), datasets: vec![row.clone()], welcome, statements, ..Change::default() };
        self.commit(change)?;
        let loaded = Loaded { row, metadata, data: data.clone(), salts: Arc::new(salts) };
        let mut report = self.describe(&loaded)?;
        report.dropped = dropped.iter().map(ToString::to_string).collect();
        report.total_seconds = started.elapsed().as_secs_f64();
        self.datasets.insert(report.dataset.clone(), loaded);
        Ok(report)
    }

    /// Trains a model on the records of a dataset that are not held out.
    ///
    /// # Errors
    ///
    /// An unknown dataset, a name that is taken (unless `replace`) or invalid, a recipe that does not suit the records.
    pub fn train(&mut self, dataset: &str, model: &str, recipe: &Recipe, options: TrainOptions) -> Result<ModelReport> {
        let started = Instant::now();
        let name: Name = model.parse().map_err(Error::Store)?;
        let loaded = self.load_sealed(dataset)?;
        let training = loaded.data.training();
        let (mut recipe, mut origin) = (recipe.clone(), SeedOrigin::Chosen);
        if options.seed_of_log {
            let (seed, from) = self.trail()?.seed()?;
            (recipe.seed, origin) = (seed.0, from);
        }
        let recipe = recipe.resolve(&training)?;
        let old = self.store.models()?.into_iter().find(|row| row.name == name);
        if old.is_some() && !options.replace {
            return Err(Error::Store(untrain_ledger::Error::AlreadyExists { what: "model", name: model.to_owned() }));
        }
        let timer = Instant::now();
        let trained = recipe.learner_keeping(Arc::new(Unfinished::of(self.store.path())))?.fit(&training)?;
        let seconds = timer.elapsed().as_secs_f64();
        let row = ModelRow {
            dataset: loaded.row.name.clone(),
            version: old.as_ref().map_or(1, |row| row.version + 1),
            recipe: to_json(model, &recipe)?,
            artefact: self.store.put(&trained.artefact())?,
            state: self.store.put(&trained.state())?,
            records: trained.records(),
            guarantee: to_json(model, &Guarantee::Exact)?,
            seconds,
            total_seconds: started.elapsed().as_secs_f64(),
            created_ms: now_ms(),
            name,
        };
        let now = self.now();
        let mut statements = self.trained(&loaded, &row, &trained.checkpoints(), origin, now)?;
        if let Some(old) = old.filter(|old| (old.artefact, old.state) != (row.artefact, row.state)) {
            statements.extend(self.replaced_by(Vec::new(), &[old])?);
        }
        let versions = vec![Version { model: row.clone(), event: Event::Train }];
        self.commit(Change { replace: options.replace, models: versions, statements, ..Change::default() })?;
        self.models.insert(model.to_owned(), trained);
        let mut report = model_report(&row)?;
        report.total_seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Predicts the rows of a file or a table, in its order.
    ///
    /// # Errors
    ///
    /// An unknown model; [`Error::Import`] if the source lacks a feature or holds a value of another kind.
    pub fn predict<'a>(&self, model: &str, source: impl Into<Source<'a>>) -> Result<PredictedTable> {
        let optional = |(name, kind): (String, Kind)| Column { name, kind, role: Role::Feature, declared: true };
        let also: Vec<Column> = self.artefact(model)?.optional_inputs().into_iter().map(optional).collect();
        let (table, artefact) = self.table_for(model, source.into(), &also)?;
        Ok(PredictedTable { ids: table.ids, predictions: artefact.predict(&table.data)? })
    }

    /// Evaluates a model on a file or a table, or on the records held out. A model that ranks items is given the training records of
    /// each user, and looked at for the items of these records.
    ///
    /// # Errors
    ///
    /// [`Error::NoHoldout`]; [`Error::NoTarget`] if the source has no target; [`Error::NotScored`] for a model that
    /// transforms records; else as [`Engine::predict`].
    pub fn evaluate(&self, model: &str, source: Option<Source<'_>>) -> Result<Evaluation> {
        let row = self.store.model(model)?;
        let metadata: Metadata = from_json(model, &self.store.dataset(row.dataset.as_str())?.schema)?;
        let needs_target = from_json::<Recipe>(model, &row.recipe)?.task.is_some();
        let target = metadata.schema.target().map(|(_, column)| column.clone()).filter(|_| needs_target);
        let (data, artefact, on) = if let Some(source) = source {
            let (table, artefact) = self.table_for(model, source, &target.clone().into_iter().collect::<Vec<_>>())?;
            (table.data, artefact, source.path().display().to_string())
        } else {
            let holdout = self.read(row.dataset.as_str())?.data.holdout();
            if holdout.is_empty() {
                return Err(Error::NoHoldout { dataset: row.dataset.to_string() });
            }
            (holdout, self.artefact(model)?, "holdout".to_owned())
        };
        if let Some(truth) = artefact.choices(&data)? {
            let training = self.read(row.dataset.as_str())?.data.training();
            let evaluation = ranked(artefact.as_ref(), truth, &training)?;
            return Ok(Evaluation { model: model.to_owned(), on, records: data.len() as u64, ..evaluation });
        }
        let predictions = artefact.predict(&data)?;
        let scores = match (&predictions, data.schema().target()) {
            (Predictions::Vectors { .. }, _) => return Err(Error::NotScored { model: model.to_owned() }),
            (Predictions::Clusters { .. }, _) => Scores::of_clusters(&predictions),
            (_, Some((place, _))) => Scores::of(&predictions, &data.values(place)),
            (_, None) => return Err(Error::NoTarget { target: target.map(|column| column.name).unwrap_or_default() }),
        };
        Ok(Evaluation { model: model.to_owned(), on, records: data.len() as u64, users: None, users_passed_over: None, scores })
    }

    /// The records of a dataset.
    ///
    /// # Errors
    ///
    /// An unknown dataset; [`Error::Store`] and [`Error::Records`] if stored bytes are damaged.
    pub fn dataset(&self, name: &str) -> Result<Dataset> {
        Ok(self.read(name)?.data)
    }

    /// The ids of a dataset's records that meet a condition, in order.
    ///
    /// # Errors
    ///
    /// As [`Engine::dataset`]; [`Error::Select`].
    pub fn select(&mut self, dataset: &str, condition: &str) -> Result<Vec<String>> {
        Ok(select::by_expression(&self.load(dataset)?.data, condition)?)
    }

    /// The canonical bytes of a model's artefact.
    ///
    /// # Errors
    ///
    /// An unknown model; [`Error::Store`] if stored bytes are damaged.
    pub fn artefact_bytes(&self, model: &str) -> Result<Vec<u8>> {
        Ok(self.store.blob(&self.store.model(model)?.artefact)?)
    }

    /// A model's artefact.
    ///
    /// # Errors
    ///
    /// As [`Engine::artefact_bytes`].
    pub fn artefact(&self, model: &str) -> Result<Box<dyn Artefact>> {
        Ok(untrain_exact::artefact(&self.artefact_bytes(model)?)?)
    }

    /// The numbers of a network as a safetensors file, under PyTorch's names.
    ///
    /// # Errors
    ///
    /// As [`Engine::artefact_bytes`]; [`Error::NoNetwork`] for another learner, and for a network of no record.
    pub fn safetensors(&self, model: &str) -> Result<Vec<u8>> {
        let recipe: Recipe = from_json(model, &self.store.model(model)?.recipe)?;
        let none = || Error::NoNetwork { model: model.to_owned(), learner: recipe.learner.clone() };
        if recipe.neural()?.is_none() {
            return Err(none());
        }
        let served = untrain_neural::NeuralArtefact::read(&self.artefact_bytes(model)?)?;
        Ok(served.network.ok_or_else(none)?.to_safetensors()?)
    }

    /// What there is to say of a dataset.
    ///
    /// # Errors
    ///
    /// As [`Engine::dataset`].
    pub fn show_dataset(&self, name: &str) -> Result<DatasetReport> {
        self.describe(&self.read(name)?)
    }

    /// What there is to say of a model.
    ///
    /// # Errors
    ///
    /// An unknown model.
    pub fn show_model(&self, name: &str) -> Result<ModelReport> {
        model_report(&self.store.model(name)?)
    }

    /// The versions of a model, oldest first.
    ///
    /// # Errors
    ///
    /// An unknown model.
    pub fn history(&self, model: &str) -> Result<Vec<VersionReport>> {
        let report = |publication: untrain_ledger::Publication| VersionReport {
            version: publication.version,
            event: publication.event.as_str(),
            request: publication.request,
            digest: publication.artefact,
            state_digest: publication.state,
            records: publication.records,
            created_ms: publication.created_ms,
        };
        Ok(self.store.history(model)?.into_iter().map(report).collect())
    }

    /// What the store holds.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn list(&self) -> Result<Listing> {
        let models = self.store.models()?.iter().map(model_report).collect::<Result<Vec<_>>>()?;
        let line = |row: DatasetRow| DatasetLine {
            models: models.iter().filter(|model| model.dataset == row.name.as_str()).cloned().collect(),
            dataset: row.name.to_string(),
            version: row.version,
            records: row.records,
        };
        Ok(Listing {
            store: self.store.path().display().to_string(),
            datasets: self.store.datasets()?.into_iter().map(line).collect(),
            requests: self.store.requests()?.len() as u64,
        })
    }
}

impl Engine {
    /// Stores the parts of a dataset that hold records, all of them or those in `touched`.
    fn put_parts(&self, name: &str, data: &Dataset, salts: &Salts, bits: u32, touched: Option<&BTreeSet<u32>>) -> Result<Vec<Part>> {
        let mut places: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (place, id) in data.ids().iter().flatten().enumerate() {
            let part = part_of(id, bits);
            if touched.is_none_or(|touched| touched.contains(&part)) {
                places.entry(part).or_default().push(place as u32);
            }
        }
        let write = |(part, places): (u32, Vec<u32>)| Ok((part, places.len() as u64, write_part(data, salts, &places)?));
        let written = places.into_par_iter().map(write).collect::<Result<Vec<_>, _>>();
        let written = written.map_err(|source| self.records_error(name, source))?;
        let put = |(index, records, bytes): (u32, u64, Vec<u8>)| Ok(Part { index, digest: self.store.put(&bytes)?, records });
        written.into_iter().map(put).collect()
    }

    /// Commits a change after which nothing in memory is known to be true but what the caller puts there.
    fn commit(&mut self, change: Change) -> Result<()> {
        self.datasets.clear();
        self.models.clear();
        // What could not be erased or sent yet is by the next commit or opening; the change itself is durable.
        let _committed = self.commit_and_state(change)?;
        Ok(())
    }

    fn load(&mut self, name: &str) -> Result<Loaded> {
        if let Some(loaded) = self.datasets.get(name) {
            return Ok(loaded.clone());
        }
        let loaded = self.read(name)?;
        self.datasets.insert(name.to_owned(), loaded.clone());
        Ok(loaded)
    }

    /// A dataset with commitments; one that was stored before there were any is given them.
    fn load_sealed(&mut self, name: &str) -> Result<Loaded> {
        let loaded = self.load(name)?;
        if loaded.row.commitment.is_some() {
            return Ok(loaded);
        }
        let salts = commitments::draw(loaded.data.len())?;
        let row = DatasetRow {
            version: loaded.row.version + 1,
            parts: self.put_parts(name, &loaded.data, &salts, loaded.metadata.part_bits, None)?,
            commitment: Some(commitments::store(&self.store, &commitments::all(name, &loaded.data, &salts))?),
            ..loaded.row
        };
        self.commit(Change { replace: true, datasets: vec![row.clone()], ..Change::default() })?;
        let sealed = Loaded { row, salts: Arc::new(salts), ..loaded };
        self.datasets.insert(name.to_owned(), sealed.clone());
        Ok(sealed)
    }

    fn read(&self, name: &str) -> Result<Loaded> {
        if let Some(loaded) = self.datasets.get(name) {
            return Ok(loaded.clone());
        }
        let row = self.store.dataset(name)?;
        let metadata: Metadata = from_json(name, &row.schema)?;
        let parts: Vec<Digest> = row.parts.iter().map(|part| part.digest).collect();
        let parts = self.store.blobs(&parts)?;
        let (data, salts) = read_parts(&metadata.schema, &parts).map_err(|source| self.records_error(name, source))?;
        Ok(Loaded { row, metadata, data, salts: Arc::new(salts.unwrap_or_default()) })
    }

    fn records_error(&self, dataset: &str, source: arrow_schema::ArrowError) -> Error {
        Error::Records { dataset: dataset.to_owned(), path: self.store.path().to_owned(), source }
    }

    /// The rows of a source as a model needs them, and the model's artefact.
    fn table_for(&self, model: &str, source: Source<'_>, also: &[Column]) -> Result<(import::PredictionTable, Box<dyn Artefact>)> {
        let row = self.store.model(model)?;
        let metadata: Metadata = from_json(model, &self.store.dataset(row.dataset.as_str())?.schema)?;
        let artefact = self.artefact(model)?;
        let kind_of = |name: &str, fallback: Kind| {
            let column = metadata.schema.columns.iter().find(|column| column.name == name);
            column.map_or(fallback, |column| if fallback == Kind::Categorical { fallback } else { column.kind })
        };
        let features: Vec<(String, Kind)> =
            artefact.inputs().into_iter().map(|(name, kind)| (name.clone(), kind_of(&name, kind))).collect();
        let roles = Roles { id: metadata.schema.id.clone(), ..metadata.reading };
        Ok((import::for_prediction(source, &features, also, &roles)?, artefact))
    }

    fn describe(&self, loaded: &Loaded) -> Result<DatasetReport> {
        let data = &loaded.data;
        let column = |(place, column): (usize, &Column)| {
            let values = data.values(place);
            let distinct = match values {
                Values::Images(images) => images.iter().flatten().collect::<BTreeSet<_>>().len(),
                Values::Numbers(_) | Values::Flags(_) | Values::Texts(_) => {
                    (0..data.len()).filter_map(|i| values.text(i)).collect::<BTreeSet<_>>().len()
                }
            };
            ColumnReport {
                name: column.name.clone(),
                kind: column.kind.name(),
                shape: values.image_shape(),
                role: column.role,
                declared: column.declared,
                missing: data.columns()[place].null_count() as u64,
                distinct: distinct as u64,
            }
        };
        Ok(DatasetReport {
            dataset: dataset_name(loaded),
            version: loaded.row.version,
            records: data.len() as u64,
            held_out: (0..data.len()).filter(|i| data.is_held_out(*i)).count() as u64,
            id: data.schema().id.clone(),
            columns: data.schema().columns.iter().enumerate().map(column).collect(),
            models: self.store.models_of(loaded.row.name.as_str())?.iter().map(|row| row.name.to_string()).collect(),
            dropped: Vec::new(),
            total_seconds: 0.0,
        })
    }
}

/// Scores the lists for the users of `truth`, whose histories are in `training`; what a user has there needs no finding.
fn ranked(artefact: &dyn Artefact, mut truth: Choices, training: &Dataset) -> Result<Evaluation> {
    let asked = truth.len();
    for (user, had) in artefact.choices(training)?.unwrap_or_default() {
        if let Some(chosen) = truth.get_mut(&user) {
            chosen.retain(|item| !had.contains(item));
        }
    }
    truth.retain(|_, chosen| !chosen.is_empty());
    let Predictions::Lists { subjects, lists, .. } = artefact.predict(training)? else { return Ok(Evaluation::default()) };
    let known = subjects.into_iter().zip(lists).filter(|(user, list)| !list.is_empty() && truth.contains_key(user));
    let (subjects, lists): (Vec<String>, Vec<_>) = known.unzip();
    let k = artefact.list_length().unwrap_or_default();
    let (users, passed_over) = (subjects.len() as u64, (asked - subjects.len()) as u64);
    let scores = Scores::of_lists(&subjects, &lists, &truth, k);
    Ok(Evaluation { users: Some(users), users_passed_over: Some(passed_over), scores, ..Evaluation::default() })
}

fn dataset_name(loaded: &Loaded) -> String {
    loaded.row.name.to_string()
}

fn model_report(row: &ModelRow) -> Result<ModelReport> {
    let name = row.name.to_string();
    let recipe: Recipe = from_json(&name, &row.recipe)?;
    Ok(ModelReport {
        dataset: row.dataset.to_string(),
        version: row.version,
        digest: row.artefact,
        state_digest: row.state,
        records: row.records,
        guarantee: from_json(&name, &row.guarantee)?,
        seconds: row.seconds,
        total_seconds: row.total_seconds,
        forgets_by: if recipe.learner()?.is_native() { "revision" } else { "retraining" }.to_owned(),
        recipe,
        model: name,
    })
}

fn to_json<T: serde::Serialize>(name: &str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|source| Error::Metadata { name: name.to_owned(), source })
}

fn from_json<T: serde::de::DeserializeOwned>(name: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|source| Error::Metadata { name: name.to_owned(), source })
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

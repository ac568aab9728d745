//! The engine: datasets, models and requests over a store.
//!
//! A request is all or nothing: the ids are validated, the records leave copies of every affected model, and one commit of
//! the store publishes the new versions and drops the old records, states and artefacts. A crash leaves the state before the
//! request or the state after it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use untrain_core::{
    AnyModel, Artefact, Choices, Column, Dataset, Digest, Error as CoreError, Forget as _, Guarantee, Kind, Learner as _, Model as _,
    Predictions, Role,
};
use untrain_ledger::{Access, Change, DatasetRow, Event, ModelRow, Name, NewRequest, Operation, Part, RequestRow, Store, Version};

use crate::import::{self, Roles};
use crate::records::{Metadata, part_bits, part_of, read_parts, write_part};
use crate::report::{
    ColumnReport, DatasetLine, DatasetReport, Evaluation, Listing, ModelReport, PredictedTable, RequestReport, Verification, VersionReport,
};
use crate::{Error, Recipe, Result, Scores};

/// A store, and what was read from it.
#[derive(Debug)]
pub struct Engine {
    store: Store,
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
}

/// How a request to forget is to be carried out.
#[derive(Debug, Clone, Default)]
pub struct ForgetOptions {
    /// Pass over ids that no record has.
    pub ignore_unknown: bool,
    /// Tell what would happen, and change nothing.
    pub dry_run: bool,
    /// The models that the requester knows of; all of the dataset's, or none named.
    pub models: Vec<String>,
}

impl Engine {
    /// Opens the store in `dir`; a writer makes it if it is not there. While another process holds it, waits up to `wait`,
    /// calling `on_wait` once.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn open(dir: &Path, access: Access, wait: Duration, on_wait: &mut dyn FnMut()) -> Result<Self> {
        let store = Store::open(dir, access, wait, on_wait)?;
        Ok(Self { store, datasets: BTreeMap::new(), models: BTreeMap::new() })
    }

    /// Stores `data` as a dataset; `reading` tells how its file was read. With `replace`, a dataset of that name and its models
    /// give way.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the name is taken or invalid, or the store fails.
    pub fn import(&mut self, name: &str, data: &Dataset, reading: &Roles, replace: bool) -> Result<DatasetReport> {
        let started = Instant::now();
        let name: Name = name.parse().map_err(Error::Store)?;
        let old = self.store.datasets()?.into_iter().find(|row| row.name == name);
        let metadata = Metadata { schema: data.schema().clone(), reading: reading.clone(), part_bits: part_bits(data.len()) };
        let row = DatasetRow {
            version: old.as_ref().map_or(1, |row| row.version + 1),
            schema: to_json(name.as_str(), &metadata)?,
            records: data.len() as u64,
            parts: self.put_parts(name.as_str(), data, metadata.part_bits, None)?,
            created_ms: now_ms(),
            name,
        };
        let dropped: Vec<Name> = match &old {
            Some(row) if replace => self.store.models_of(row.name.as_str())?.into_iter().map(|model| model.name).collect(),
            _ => Vec::new(),
        };
        let change = Change { replace, drop_models: dropped.clone(), datasets: vec![row.clone()], ..Change::default() };
        self.commit(&change)?;
        let loaded = Loaded { row, metadata, data: data.clone() };
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
    pub fn train(&mut self, dataset: &str, model: &str, recipe: &Recipe, replace: bool) -> Result<ModelReport> {
        let started = Instant::now();
        let name: Name = model.parse().map_err(Error::Store)?;
        let loaded = self.load(dataset)?;
        let training = loaded.data.training();
        let recipe = recipe.resolve(&training)?;
        let old = self.store.models()?.into_iter().find(|row| row.name == name);
        if old.is_some() && !replace {
            return Err(Error::Store(untrain_ledger::Error::AlreadyExists { what: "model", name: model.to_owned() }));
        }
        let timer = Instant::now();
        let trained = recipe.learner()?.fit(&training)?;
        let seconds = timer.elapsed().as_secs_f64();
        let row = ModelRow {
            dataset: loaded.row.name.clone(),
            version: old.map_or(1, |row| row.version + 1),
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
        let versions = vec![Version { model: row.clone(), event: Event::Train }];
        self.commit(&Change { replace, models: versions, ..Change::default() })?;
        self.models.insert(model.to_owned(), trained);
        let mut report = model_report(&row)?;
        report.total_seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Forgets records: they leave the dataset, every model trained on it, and the store.
    ///
    /// Repeated ids count once. If no id is left to forget, nothing happens and the report has no request number.
    ///
    /// # Errors
    ///
    /// [`CoreError::UnknownIds`] unless they are to be ignored; [`Error::ModelsLeft`] if `options` names some models of the
    /// dataset and not others; [`Error::Store`].
    pub fn forget(&mut self, dataset: &str, ids: &[String], options: &ForgetOptions) -> Result<RequestReport> {
        let started = Instant::now();
        let loaded = self.load(dataset)?;
        self.check_models(dataset, &options.models)?;
        let ids: BTreeSet<&String> = ids.iter().collect();
        let (known, unknown): (Vec<String>, Vec<String>) = ids.into_iter().cloned().partition(|id| loaded.data.position(id).is_some());
        if !unknown.is_empty() && !options.ignore_unknown {
            return Err(CoreError::UnknownIds { ids: unknown }.into());
        }
        let step = Step { operation: Operation::Forget, retained: loaded.data.without(&known)?, ids: known, unknown };
        self.carry_out(&loaded, &step, options.dry_run, started)
    }

    /// Learns the records of a file, which has the columns of the dataset.
    ///
    /// # Errors
    ///
    /// [`Error::Import`]; [`CoreError::AlreadyPresent`] naming ids that the dataset has; [`Error::Store`].
    pub fn learn(&mut self, dataset: &str, file: &Path) -> Result<RequestReport> {
        let started = Instant::now();
        let loaded = self.load(dataset)?;
        let joining = import::like(file, &loaded.metadata.schema, &loaded.metadata.reading)?;
        let ids = joining.ids().iter().flatten().map(str::to_owned).collect();
        let step = Step { operation: Operation::Learn, retained: loaded.data.union(&joining)?, ids, unknown: Vec::new() };
        self.carry_out(&loaded, &step, false, started)
    }

    /// Retrains a model from the retained records and compares the bytes.
    ///
    /// # Errors
    ///
    /// An unknown model; [`Error::Store`] if stored bytes are damaged.
    pub fn verify(&self, model: &str) -> Result<Verification> {
        let row = self.store.model(model)?;
        let recipe: Recipe = from_json(model, &row.recipe)?;
        let training = self.read(row.dataset.as_str())?.data.training();
        let timer = Instant::now();
        let retrained = recipe.learner()?.fit(&training)?;
        let retrain_seconds = timer.elapsed().as_secs_f64();
        // The blobs are read too, so that damage to them does not pass.
        let digest = Digest::of(&self.store.blob(&row.artefact)?);
        let state_digest = Digest::of(&self.store.blob(&row.state)?);
        let (retrained_digest, retrained_state_digest) = (retrained.digest(), retrained.state_digest());
        let last = self.store.history(model)?.into_iter().max_by_key(|publication| publication.version);
        let forget_seconds = last.filter(|publication| publication.event == Event::Forget).map(|_| row.seconds);
        Ok(Verification {
            model: model.to_owned(),
            equal: digest == retrained_digest && state_digest == retrained_state_digest,
            records: retrained.records(),
            digest,
            retrained_digest,
            state_digest,
            retrained_state_digest,
            forget_seconds,
            retrain_seconds,
            speedup: forget_seconds.filter(|seconds| *seconds > 0.0).map(|seconds| retrain_seconds / seconds),
        })
    }

    /// Predicts the rows of a file, in its order.
    ///
    /// # Errors
    ///
    /// An unknown model; [`Error::Import`] if the file lacks a feature or holds a value of another kind.
    pub fn predict(&self, model: &str, file: &Path) -> Result<PredictedTable> {
        let optional = |(name, kind): (String, Kind)| Column { name, kind, role: Role::Feature, declared: true };
        let also: Vec<Column> = self.artefact(model)?.optional_inputs().into_iter().map(optional).collect();
        let (table, artefact) = self.table_for(model, file, &also)?;
        Ok(PredictedTable { ids: table.ids, predictions: artefact.predict(&table.data)? })
    }

    /// Evaluates a model on a file, or on the records held out. A model that ranks items is given the training records of
    /// each user, and looked at for the items of these records.
    ///
    /// # Errors
    ///
    /// [`Error::NoHoldout`]; [`Error::NoTarget`] if the file has no target; [`Error::NotScored`] for a model that
    /// transforms records; else as [`Engine::predict`].
    pub fn evaluate(&self, model: &str, file: Option<&Path>) -> Result<Evaluation> {
        let row = self.store.model(model)?;
        let metadata: Metadata = from_json(model, &self.store.dataset(row.dataset.as_str())?.schema)?;
        let needs_target = from_json::<Recipe>(model, &row.recipe)?.task.is_some();
        let target = metadata.schema.target().map(|(_, column)| column.clone()).filter(|_| needs_target);
        let (data, artefact, on) = if let Some(file) = file {
            let (table, artefact) = self.table_for(model, file, &target.clone().into_iter().collect::<Vec<_>>())?;
            (table.data, artefact, file.display().to_string())
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

    /// A request that was carried out: its report as it was given, without ids.
    ///
    /// # Errors
    ///
    /// An unknown request.
    pub fn show_request(&self, number: u64) -> Result<serde_json::Value> {
        let RequestRow { report, created_ms, .. } = self.store.request(number)?;
        let mut report: serde_json::Value = from_json(&number.to_string(), &report)?;
        report["request"] = number.into();
        report["created_ms"] = created_ms.into();
        Ok(report)
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

/// What a request does to a dataset.
struct Step {
    operation: Operation,
    /// The records that leave or join.
    ids: Vec<String>,
    /// The records afterwards.
    retained: Dataset,
    unknown: Vec<String>,
}

impl Engine {
    /// Carries a request out on every model of the dataset and commits it.
    fn carry_out(&mut self, loaded: &Loaded, step: &Step, dry_run: bool, started: Instant) -> Result<RequestReport> {
        let dataset = loaded.row.name.as_str();
        let rows = self.store.models_of(dataset)?;
        let n = step.ids.len() as u64;
        let mut report = RequestReport {
            request: None,
            operation: step.operation.as_str(),
            dataset: dataset.to_owned(),
            forgotten: if step.operation == Operation::Forget { n } else { 0 },
            learnt: if step.operation == Operation::Learn { n } else { 0 },
            unknown: step.unknown.clone(),
            records: step.retained.len() as u64,
            models: rows.iter().map(model_report).collect::<Result<_>>()?,
            guarantee: Guarantee::Exact,
            dry_run,
            seconds: 0.0,
            total_seconds: 0.0,
            unfinished: None,
        };
        if dry_run || step.ids.is_empty() {
            report.total_seconds = started.elapsed().as_secs_f64();
            return Ok(report);
        }
        // If anything fails from here on, models in memory may be ahead of the store: they are read again.
        let mut models = std::mem::take(&mut self.models);
        let versions: Vec<Version> = self.revise(&mut models, loaded, step, rows, started)?;
        report.models = versions.iter().map(|version| model_report(&version.model)).collect::<Result<_>>()?;
        report.guarantee = report.models.iter().fold(Guarantee::Exact, |all, model| all.and(model.guarantee));
        report.seconds = report.models.iter().map(|model| model.seconds).sum();
        report.total_seconds = started.elapsed().as_secs_f64();
        let loaded = self.replaced(loaded, step)?;
        let request = NewRequest {
            operation: step.operation,
            dataset: loaded.row.name.clone(),
            records: n,
            report: to_json(dataset, &RequestReport { unknown: Vec::new(), ..report.clone() })?,
            created_ms: now_ms(),
        };
        let change =
            Change { replace: true, datasets: vec![loaded.row.clone()], request: Some(request), models: versions, ..Change::default() };
        self.datasets.clear();
        let committed = self.store.commit(&change)?;
        report.request = committed.request;
        report.unfinished = committed.unfinished.map(|error| error.to_string());
        self.datasets.insert(dataset_name(&loaded), loaded);
        self.models = models;
        report.total_seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Revises every model, and stores the bytes of the new versions.
    fn revise(
        &self,
        models: &mut BTreeMap<String, AnyModel>,
        loaded: &Loaded,
        step: &Step,
        rows: Vec<ModelRow>,
        started: Instant,
    ) -> Result<Vec<Version>> {
        let training = step.retained.training();
        let before = loaded.data.training();
        let seen_in = if step.operation == Operation::Forget { &before } else { &training };
        let ids: Vec<String> = step.ids.iter().filter(|id| seen_in.position(id).is_some()).cloned().collect();
        let mut versions = Vec::with_capacity(rows.len());
        for mut row in rows {
            let name = row.name.to_string();
            let recipe: Recipe = from_json(&name, &row.recipe)?;
            let learner = recipe.learner()?;
            let mut model = match models.remove(&name) {
                Some(model) => model,
                None => learner.load(&self.store.blob(&row.state)?, &before)?,
            };
            let timer = Instant::now();
            let guarantee = match step.operation {
                Operation::Forget => learner.forget(&mut model, &ids, &training)?,
                Operation::Learn => learner.learn(&mut model, &ids, &training)?,
            };
            row.seconds = timer.elapsed().as_secs_f64();
            row.artefact = self.store.put(&model.artefact())?;
            row.state = self.store.put(&model.state())?;
            row.records = model.records();
            row.guarantee = to_json(&name, &guarantee)?;
            row.version += 1;
            row.total_seconds = started.elapsed().as_secs_f64();
            row.created_ms = now_ms();
            models.insert(name, model);
            let event = if step.operation == Operation::Forget { Event::Forget } else { Event::Learn };
            versions.push(Version { model: row, event });
        }
        Ok(versions)
    }

    /// The dataset after a step, with the parts stored that it changes.
    fn replaced(&self, loaded: &Loaded, step: &Step) -> Result<Loaded> {
        let Metadata { schema, reading, part_bits } = &loaded.metadata;
        let touched: BTreeSet<u32> = step.ids.iter().map(|id| part_of(id, *part_bits)).collect();
        let touched = (step.retained.schema() == schema).then_some(&touched);
        let mut parts = self.put_parts(loaded.row.name.as_str(), &step.retained, *part_bits, touched)?;
        if let Some(touched) = touched {
            parts.extend(loaded.row.parts.iter().filter(|part| !touched.contains(&part.index)).copied());
            parts.sort_by_key(|part| part.index);
        }
        let metadata = Metadata { schema: step.retained.schema().clone(), reading: reading.clone(), part_bits: *part_bits };
        let row = DatasetRow {
            name: loaded.row.name.clone(),
            version: loaded.row.version + 1,
            schema: to_json(loaded.row.name.as_str(), &metadata)?,
            records: step.retained.len() as u64,
            parts,
            created_ms: loaded.row.created_ms,
        };
        Ok(Loaded { row, metadata, data: step.retained.clone() })
    }

    /// Stores the parts of a dataset that hold records, all of them or those in `touched`.
    fn put_parts(&self, name: &str, data: &Dataset, bits: u32, touched: Option<&BTreeSet<u32>>) -> Result<Vec<Part>> {
        let places: Vec<u32> = data.ids().iter().flatten().map(|id| part_of(id, bits)).collect();
        let present: BTreeSet<u32> = places.iter().copied().collect();
        let mut parts = Vec::new();
        for index in present {
            if touched.is_none_or(|touched| touched.contains(&index)) {
                let (bytes, records) = write_part(data, &places, index).map_err(|source| self.records_error(name, source))?;
                parts.push(Part { index, digest: self.store.put(&bytes)?, records });
            }
        }
        Ok(parts)
    }

    /// Commits a change after which nothing in memory is known to be true but what the caller puts there.
    fn commit(&mut self, change: &Change) -> Result<()> {
        self.datasets.clear();
        self.models.clear();
        // What could not be erased yet is erased by the next commit or opening; the change itself is durable.
        let _committed = self.store.commit(change)?;
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

    fn read(&self, name: &str) -> Result<Loaded> {
        if let Some(loaded) = self.datasets.get(name) {
            return Ok(loaded.clone());
        }
        let row = self.store.dataset(name)?;
        let metadata: Metadata = from_json(name, &row.schema)?;
        let parts = row.parts.iter().map(|part| self.store.blob(&part.digest)).collect::<Result<Vec<_>, _>>()?;
        let data = read_parts(&metadata.schema, &parts).map_err(|source| self.records_error(name, source))?;
        Ok(Loaded { row, metadata, data })
    }

    fn records_error(&self, dataset: &str, source: arrow_schema::ArrowError) -> Error {
        Error::Records { dataset: dataset.to_owned(), path: self.store.path().to_owned(), source }
    }

    /// A request reaches all models of a dataset; naming some of them must not leave others out.
    fn check_models(&self, dataset: &str, named: &[String]) -> Result<()> {
        for name in named {
            self.store.model(name)?;
        }
        let left: Vec<String> = self
            .store
            .models_of(dataset)?
            .iter()
            .map(|row| row.name.to_string())
            .filter(|name| !named.is_empty() && !named.contains(name))
            .collect();
        if left.is_empty() { Ok(()) } else { Err(Error::ModelsLeft { left }) }
    }

    /// The rows of a file as a model needs them, and the model's artefact.
    fn table_for(&self, model: &str, file: &Path, also: &[Column]) -> Result<(import::PredictionTable, Box<dyn Artefact>)> {
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
        Ok((import::for_prediction(file, &features, also, &roles)?, artefact))
    }

    fn describe(&self, loaded: &Loaded) -> Result<DatasetReport> {
        let data = &loaded.data;
        let column = |(place, column): (usize, &Column)| {
            let values = data.values(place);
            let texts: Vec<Option<String>> = (0..data.len()).map(|i| values.text(i)).collect();
            ColumnReport {
                name: column.name.clone(),
                kind: column.kind.name(),
                role: column.role,
                declared: column.declared,
                missing: texts.iter().filter(|text| text.is_none()).count() as u64,
                distinct: texts.iter().flatten().collect::<BTreeSet<_>>().len() as u64,
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
        forgets_by: if recipe.learner()?.is_native() { "revision" } else { "retraining" },
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

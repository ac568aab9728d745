//! Requests: to forget, now or later, and to learn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use untrain_core::{AnyModel, Dataset, Digest, Error as CoreError, Forget as _, Guarantee, Learner as _, Model as _};
use untrain_ledger::commitment::Salt;
use untrain_ledger::statement::RequestRef;
use untrain_ledger::{Change, Event, Hash, ModelRow, Name, NewStatement, OfRequest, Operation, Request, RequestRow, State, Version};
use untrain_neural::methods::Method;
use untrain_neural::{Neural, NeuralModel};

use super::comparing::Chosen;
use super::receipts::openings;
use super::stating::{Outcome, Shrunk};
use super::{Engine, Loaded, from_json, model_report, now_ms, to_json};
use crate::clock::{Clocks, Regime};
use crate::commitments::{self, Revised};
use crate::evidence::Evidence;
use crate::import::{self, Source};
use crate::records::{Metadata, part_of, write_part};
use crate::report::RequestReport;
use crate::trail::{Tagged, suppression_key, tag};
use crate::unfinished::Unfinished;
use crate::{Error, Recipe, Result, select};

/// How a request to forget is to be carried out.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing, and any of them go together")]
pub struct ForgetOptions {
    /// People whose records are to be forgotten, all of them, besides the records named by id.
    pub subjects: Vec<String>,
    /// Pass over ids that no record has and that were never forgotten.
    pub ignore_unknown: bool,
    /// Tell what would happen, and change nothing.
    pub dry_run: bool,
    /// The models that the requester knows of; all of the dataset's, or none named.
    pub models: Vec<String>,
    /// What the requester calls the request: asked again by the same name, it is answered as it was.
    pub key: Option<String>,
    /// The law whose clocks run.
    pub regime: Regime,
    /// When the request arrived, in Unix milliseconds; now if not given.
    pub received_ms: Option<i64>,
    /// Register the request, and carry it out later.
    pub defer: bool,
    /// A legal hold: the records are kept, and why.
    pub hold: Option<String>,
    /// Retrain every model and compare before anything is published.
    pub verify: bool,
    /// A method of unlearning, by which networks forget, and its settings; without one they forget exactly, by retraining.
    pub method: Option<Chosen>,
}

/// What becomes of records that were forgotten and come back in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Returning {
    /// The file is refused.
    #[default]
    Refused,
    /// They are left out.
    LeftOut,
    /// They are taken in, and are no longer known as forgotten.
    Accepted,
}

/// How a dataset is to be imported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Whether a dataset of the same name gives way, with its models.
    pub replace: bool,
    /// What becomes of records that were forgotten.
    pub returning: Returning,
}

/// What the store keeps of a request besides its report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) clocks: Clocks,
    /// Why a legal hold keeps the records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hold: Option<String>,
    /// Why it was refused, cancelled or extended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// The digest of the request's statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) statement: Option<Digest>,
}

/// What a request does to a dataset.
pub(super) struct Step {
    pub(super) operation: Operation,
    /// The records that leave or join.
    pub(super) ids: Vec<String>,
    /// The records afterwards.
    pub(super) retained: Dataset,
    pub(super) unknown: Vec<String>,
    pub(super) already: u64,
}

/// What carrying requests out did, before it is committed.
struct Done<'a> {
    replaced: &'a Loaded,
    outcomes: &'a [Outcome],
    revised: &'a Revised,
    now_ms: i64,
}

/// A request to forget that is carried out.
pub(super) struct Carried {
    number: OfRequest,
    id: Name,
    ids: Vec<String>,
    own: Vec<Hash>,
    facts: Facts,
}

impl Engine {
    /// Forgets records: they leave the dataset, every model trained on it, and the store; the trail says so.
    ///
    /// Repeated ids count once. If there is nothing to forget that was not forgotten before, the report is that of the request that
    /// forgot it. A request that is not carried out yet and asks for some of the same records is carried out with this one.
    ///
    /// # Errors
    ///
    /// [`CoreError::UnknownIds`] unless they are to be ignored; [`Error::ModelsLeft`] if `options` names some models of the
    /// dataset and not others; [`Error::Select`] for subjects that nobody knows; [`Error::Unequal`] if a model was to be verified
    /// and is not what retraining gives; [`Error::Store`].
    pub fn forget(&mut self, dataset: &str, ids: &[String], options: &ForgetOptions) -> Result<RequestReport> {
        let started = Instant::now();
        if let Some(row) = options.key.as_deref().map(|key| self.store.request_called(key)).transpose()?.flatten() {
            return repeated(&row, dataset);
        }
        let loaded = if options.dry_run { self.load(dataset)? } else { self.load_sealed(dataset)? };
        self.check_models(dataset, &options.models)?;
        if let Some((method, settings)) = &options.method {
            Method::named(method)?.complete(settings.clone())?;
            let mut any = false;
            for row in self.store.models_of(dataset)? {
                any |= from_json::<Recipe>(dataset, &row.recipe)?.neural()?.is_some();
            }
            if !any {
                return Err(Error::NoNetworks { dataset: dataset.to_owned() });
            }
        }
        let (step, first) = self.scope(&loaded, ids, options)?;
        if let Some(first) = first.filter(|_| step.ids.is_empty()) {
            return repeated(&self.store.request(first)?, dataset);
        }
        if options.dry_run || step.ids.is_empty() {
            return self.report(&loaded, &step, options.dry_run, started);
        }
        let now = self.now();
        if options.received_ms.is_some_and(|received| received > now) {
            return Err(Error::FromTheFuture);
        }
        let facts =
            Facts { clocks: options.regime.clocks(options.received_ms.unwrap_or(now))?, hold: options.hold.clone(), ..Facts::default() };
        let own = commitments::of(dataset, &loaded.data, &loaded.salts, &step.ids);
        let carried = Carried { number: OfRequest::New, id: random_id()?, ids: step.ids.clone(), own, facts };
        let asked = self.asked(&carried.id, &loaded.row.name, &carried.own, &carried.facts.clocks, OfRequest::New)?;
        let carried = Carried { facts: Facts { statement: Some(Digest::of(&asked.entry)), ..carried.facts.clone() }, ..carried };
        if options.defer {
            return self.defer(&loaded, &step, carried, options.key.clone(), asked, started);
        }
        let mut batch = vec![carried];
        let wanted: BTreeSet<&String> = step.ids.iter().collect();
        for row in self.store.requests_in(dataset, State::Scoped)? {
            let other = self.carried(&loaded, &row)?;
            if other.ids.iter().any(|id| wanted.contains(id)) {
                batch.push(other);
            }
        }
        let step = if batch.len() > 1 { widened(&loaded, step, &batch)? } else { step };
        let made = New { key: options.key.clone(), asked: Some(asked), verify: options.verify, method: options.method.clone() };
        self.erase(&loaded, &step, &batch, made, started)
    }

    /// Carries out every request on a dataset that was registered for later, all at once.
    ///
    /// # Errors
    ///
    /// As [`Engine::forget`]; [`Error::NothingDeferred`].
    pub fn forget_deferred(&mut self, dataset: &str, verify: bool) -> Result<RequestReport> {
        let started = Instant::now();
        let loaded = self.load_sealed(dataset)?;
        let rows = self.store.requests_in(dataset, State::Scoped)?;
        let batch = rows.iter().map(|row| self.carried(&loaded, row)).collect::<Result<Vec<_>>>()?;
        if batch.is_empty() {
            return Err(Error::NothingDeferred { dataset: dataset.to_owned() });
        }
        let empty = Step { operation: Operation::Forget, ids: Vec::new(), retained: loaded.data.clone(), unknown: Vec::new(), already: 0 };
        let step = widened(&loaded, empty, &batch)?;
        self.erase(&loaded, &step, &batch, New { key: None, asked: None, verify, method: None }, started)
    }

    /// Learns the records of a file or a table, which has the columns of the dataset.
    ///
    /// # Errors
    ///
    /// [`Error::Import`]; [`CoreError::AlreadyPresent`] naming ids that the dataset has; [`Error::Returning`] for records that were
    /// forgotten, unless `returning` says what is to become of them; [`Error::Store`].
    pub fn learn<'a>(&mut self, dataset: &str, source: impl Into<Source<'a>>, returning: Returning) -> Result<RequestReport> {
        let started = Instant::now();
        let loaded = self.load_sealed(dataset)?;
        let joining = import::like(source, &loaded.metadata.schema, &loaded.metadata.reading)?;
        let (joining, welcome) = self.sift(dataset, &joining, returning)?;
        let ids = joining.ids().iter().flatten().map(str::to_owned).collect();
        let retained = loaded.data.union(&joining)?;
        let step = Step { operation: Operation::Learn, retained, ids, unknown: Vec::new(), already: 0 };
        let mut report = self.report(&loaded, &step, false, started)?;
        if step.ids.is_empty() {
            return Ok(report);
        }
        let mut models = std::mem::take(&mut self.models);
        let outcomes = self.revise(&mut models, &loaded, &step, None, started)?;
        let (loaded, revised) = self.replaced(&loaded, &step, Vec::new())?;
        let now = self.now();
        let statements = self.learnt(&loaded, revised.after, &outcomes, now)?;
        let versions = versions(&outcomes, Event::Learn);
        tell(&mut report, &outcomes, started)?;
        State::Closed.as_str().clone_into(&mut report.state);
        let request = Request {
            id: random_id()?,
            key: None,
            operation: Operation::Learn,
            dataset: loaded.row.name.clone(),
            state: State::Closed,
            records: step.ids.len() as u64,
            facts: to_json(dataset, &Facts { clocks: Regime::None.clocks(now_ms())?, ..Facts::default() })?,
            report: to_json(dataset, &report)?,
            created_ms: now_ms(),
        };
        let change = Change {
            replace: true,
            datasets: vec![loaded.row.clone()],
            request: Some(request),
            models: versions,
            statements,
            welcome,
            ..Change::default()
        };
        self.finish(change, loaded, models, report, started)
    }

    /// Registers a request, and does nothing else yet.
    fn defer(
        &mut self,
        loaded: &Loaded,
        step: &Step,
        carried: Carried,
        key: Option<String>,
        asked: NewStatement,
        started: Instant,
    ) -> Result<RequestReport> {
        let dataset = loaded.row.name.as_str();
        let mut report = self.report(loaded, step, false, started)?;
        let state = State::Scoped;
        state.as_str().clone_into(&mut report.state);
        report.due_ms = carried.facts.clocks.due_ms;
        let request = Request {
            id: carried.id,
            key,
            operation: Operation::Forget,
            dataset: loaded.row.name.clone(),
            state,
            records: step.ids.len() as u64,
            facts: to_json(dataset, &carried.facts)?,
            report: to_json(dataset, &RequestReport { unknown: Vec::new(), ..report.clone() })?,
            created_ms: now_ms(),
        };
        let evidence = self.store.put(&Evidence { own: carried.own, ..Evidence::default() }.to_bytes())?;
        let change = Change {
            request: Some(request),
            scope: step.ids.clone(),
            statements: vec![asked],
            evidence: vec![(OfRequest::New, evidence)],
            ..Change::default()
        };
        let committed = self.commit_and_state(change)?;
        report.request = committed.request;
        report.unfinished = committed.unfinished.map(|error| error.to_string());
        report.total_seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Which records a request to forget is about, and the request that forgot some of them before, if one did.
    fn scope(&self, loaded: &Loaded, ids: &[String], options: &ForgetOptions) -> Result<(Step, Option<u64>)> {
        let (data, dataset) = (&loaded.data, loaded.row.name.as_str());
        let key = suppression_key(self.store.path(), false)?;
        let earlier = |what, text: &str| match &key {
            Some(key) => Ok(self.store.forgotten_by(dataset, &tag(key, dataset, what, text))?),
            None => Ok::<_, Error>(None),
        };
        let mut wanted: BTreeSet<String> = ids.iter().cloned().collect();
        let (mut first, mut already) = (None::<u64>, 0);
        let mut subjects = options.subjects.clone();
        if let Err(select::Error::UnknownSubjects { subjects: absent, .. }) = select::by_subject(data, &subjects) {
            for subject in absent {
                if let Some(number) = earlier(Tagged::Subject, &subject)? {
                    already += 1;
                    first = first.or(Some(number));
                    subjects.retain(|other| other.trim() != subject);
                }
            }
        }
        if !subjects.is_empty() {
            wanted.extend(select::by_subject(data, &subjects)?);
        }
        let (known, absent): (Vec<String>, Vec<String>) = wanted.into_iter().partition(|id| data.position(id).is_some());
        let mut unknown = Vec::new();
        for id in absent {
            if let Some(number) = earlier(Tagged::Record, &id)? {
                already += 1;
                first = first.or(Some(number));
            } else {
                unknown.push(id);
            }
        }
        if !unknown.is_empty() && !options.ignore_unknown {
            return Err(CoreError::UnknownIds { ids: unknown }.into());
        }
        let retained = data.without(&known)?;
        Ok((Step { operation: Operation::Forget, retained, ids: known, unknown, already }, first))
    }

    /// A registered request, as it is carried out now: with those of its records that are still there.
    fn carried(&self, loaded: &Loaded, row: &RequestRow) -> Result<Carried> {
        let ids = self.store.scope(row.number)?.into_iter().filter(|id| loaded.data.position(id).is_some()).collect();
        let evidence = self.evidence(row.number)?.unwrap_or_default();
        let facts = from_json(&row.number.to_string(), &row.request.facts)?;
        Ok(Carried { number: OfRequest::Number(row.number), id: row.request.id.clone(), ids, own: evidence.own, facts })
    }

    /// The commitments that the receipt of a request shows.
    pub(super) fn evidence(&self, number: u64) -> Result<Option<Evidence>> {
        let Some(digest) = self.store.evidence(number)? else { return Ok(None) };
        Ok(Some(Evidence::from_bytes(&self.store.blob(&digest)?)?))
    }

    /// Carries out requests to forget: all of them, or nothing.
    fn erase(&mut self, loaded: &Loaded, step: &Step, batch: &[Carried], new: New, started: Instant) -> Result<RequestReport> {
        let mut report = self.report(loaded, step, false, started)?;
        crate::shadow::erase(self.store.path())?;
        // If anything fails from here on, models in memory may be ahead of the store: they are read again.
        let mut models = std::mem::take(&mut self.models);
        let outcomes = self.revise(&mut models, loaded, step, new.method.as_ref(), started)?;
        // Only now: a retraining that was killed goes on when the request is made again.
        crate::unfinished::erase(self.store.path())?;
        if new.verify {
            verify_outcomes(step, &outcomes)?;
        }
        let (replaced, revised) = self.replaced(loaded, step, leaving(loaded, step, batch))?;
        tell(&mut report, &outcomes, started)?;
        let held = batch.iter().any(|carried| carried.facts.hold.is_some());
        if held { State::Held } else { State::Closed }.as_str().clone_into(&mut report.state);
        report.due_ms = batch.first().and_then(|carried| carried.facts.clocks.due_ms);
        let opened: Vec<_> = batch.iter().map(|carried| (carried.number, openings(loaded, &carried.ids))).collect();
        let now = self.now();
        let mut change =
            self.erasure(loaded, step, batch, &Done { replaced: &replaced, outcomes: &outcomes, revised: &revised, now_ms: now })?;
        if let Some(asked) = new.asked {
            change.statements.insert(0, asked);
        }
        self.record(&mut change, batch, new.key, &report, loaded)?;
        let report = self.finish(change, replaced, models, report, started)?;
        for (number, opened) in opened {
            let number = if let OfRequest::Number(number) = number { Some(number) } else { report.request };
            self.opened.extend(number.map(|number| (number, opened)));
        }
        Ok(report)
    }

    /// What carrying requests out does to rows, blobs and the trail, but for the requests' own rows.
    fn erasure(&self, loaded: &Loaded, step: &Step, batch: &[Carried], done: &Done<'_>) -> Result<Change> {
        let Done { replaced, outcomes, revised, now_ms: now } = *done;
        let name = &loaded.row.name;
        let forgotten = &revised.left;
        let shrunk = Shrunk { dataset: replaced, before: revised.before, after: revised.after, forgotten };
        let reference = |carried: &Carried| {
            let statement = carried.facts.statement.unwrap_or_else(|| Digest::of(b""));
            (RequestRef { request: carried.id.clone(), statement }, carried.number)
        };
        let all: Vec<_> = batch.iter().map(reference).collect();
        let held = batch.iter().any(|carried| carried.facts.hold.is_some());
        let method = if held { format!("{PURGE_METHOD}; a legal hold keeps records of these requests") } else { PURGE_METHOD.to_owned() };
        let mut statements = self.erased(&all, &shrunk, outcomes, now)?;
        crate::trail::publish_forgotten(self.store.path(), forgotten)?;
        let destroyed = self.given_up(loaded, replaced, outcomes)?;
        statements.extend(self.purged(&all, &destroyed, &method, now)?);
        let (mut evidence, mut holds) = (Vec::new(), Vec::new());
        for (place, carried) in batch.iter().enumerate() {
            let shared = (place == 0).then(|| (revised.excerpt.to_bytes(), forgotten.clone()));
            let (before, forgotten) = shared.unzip();
            let bytes = Evidence { own: carried.own.clone(), forgotten: forgotten.unwrap_or_default(), before }.to_bytes();
            evidence.push((carried.number, self.store.put(&bytes)?));
            if carried.facts.hold.is_some() {
                holds.push((carried.number, self.keep(loaded, &carried.ids)?));
            }
        }
        let tags = self.tags(loaded, step)?;
        Ok(Change {
            replace: true,
            datasets: vec![replaced.row.clone()],
            models: versions(outcomes, Event::Forget),
            statements,
            evidence,
            holds,
            forgotten: tags.into_iter().map(|tag| (name.clone(), tag)).collect(),
            ..Change::default()
        })
    }

    /// Stores the records of a request by themselves, for a legal hold.
    pub(super) fn keep(&self, loaded: &Loaded, ids: &[String]) -> Result<Digest> {
        let data = loaded.data.select(ids)?;
        let salts = commitments::follow(&loaded.data, &loaded.salts, &data)?;
        let places: Vec<u32> = (0..data.len() as u32).collect();
        let bytes = write_part(&data, &salts, &places).map_err(|source| self.records_error(loaded.row.name.as_str(), source))?;
        Ok(self.store.put(&bytes)?)
    }

    /// The digests of what nothing refers to any longer after a request: states and artefacts of models, and parts of the dataset.
    fn given_up(&self, loaded: &Loaded, replaced: &Loaded, outcomes: &[Outcome]) -> Result<Vec<Digest>> {
        let kept: BTreeSet<Digest> = outcomes.iter().flat_map(|outcome| [outcome.after.artefact, outcome.after.state]).collect();
        let others = self.store.models()?.into_iter().filter(|row| row.dataset != loaded.row.name);
        let others: BTreeSet<Digest> = others.flat_map(|row| [row.artefact, row.state]).collect();
        let parts: BTreeSet<Digest> = replaced.row.parts.iter().map(|part| part.digest).collect();
        let old = outcomes.iter().flat_map(|outcome| [outcome.before.artefact, outcome.before.state]);
        let old: BTreeSet<Digest> = old.filter(|digest| !kept.contains(digest) && !others.contains(digest)).collect();
        let gone = loaded.row.parts.iter().map(|part| part.digest).filter(|digest| !parts.contains(digest));
        Ok(old.into_iter().chain(gone).collect())
    }

    /// The keyed hashes of the records that leave, and of the people that none is left of.
    pub(super) fn tags(&self, loaded: &Loaded, step: &Step) -> Result<Vec<Hash>> {
        let dataset = loaded.row.name.as_str();
        let Some(key) = suppression_key(self.store.path(), true)? else { return Ok(Vec::new()) };
        let mut tags: Vec<Hash> = step.ids.iter().map(|id| tag(&key, dataset, Tagged::Record, id)).collect();
        for subject in gone_subjects(loaded, step) {
            tags.push(tag(&key, dataset, Tagged::Subject, &subject));
        }
        Ok(tags)
    }

    /// Puts the rows of the requests that are carried out into the change.
    fn record(&self, change: &mut Change, batch: &[Carried], key: Option<String>, report: &RequestReport, loaded: &Loaded) -> Result<()> {
        let dataset = loaded.row.name.as_str();
        let first = match batch.first().map(|carried| carried.number) {
            Some(OfRequest::Number(number)) => number,
            _ => self.store.next_request()?,
        };
        change.answers = batch.iter().all(|carried| carried.number != OfRequest::New).then_some(first);
        let mut key = key;
        for carried in batch {
            let state = if carried.facts.hold.is_some() { State::Held } else { State::Closed };
            let own = RequestReport {
                unknown: Vec::new(),
                forgotten: carried.ids.len() as u64,
                state: state.as_str().to_owned(),
                due_ms: carried.facts.clocks.due_ms,
                ..report.clone()
            };
            let request = Request {
                id: carried.id.clone(),
                key: None,
                operation: Operation::Forget,
                dataset: loaded.row.name.clone(),
                state,
                records: carried.ids.len() as u64,
                facts: to_json(dataset, &carried.facts)?,
                report: to_json(dataset, &own)?,
                created_ms: now_ms(),
            };
            match carried.number {
                OfRequest::New => change.request = Some(Request { key: key.take(), ..request }),
                OfRequest::Number(number) => {
                    let key = self.store.request(number)?.request.key;
                    let carried_with = (number != first).then_some(first);
                    change.requests.push(RequestRow { number, carried_with, request: Request { key, ..request } });
                }
            }
        }
        Ok(())
    }

    /// Commits a request, and keeps what it made in memory.
    fn finish(
        &mut self,
        change: Change,
        loaded: Loaded,
        models: BTreeMap<String, AnyModel>,
        mut report: RequestReport,
        started: Instant,
    ) -> Result<RequestReport> {
        self.datasets.clear();
        let answered = change.answers;
        let committed = self.commit_and_state(change)?;
        report.request = committed.request.or(answered);
        report.unfinished = committed.unfinished.map(|error| error.to_string());
        self.datasets.insert(loaded.row.name.to_string(), loaded);
        self.models = models;
        report.total_seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }
}

impl Engine {
    /// Revises every model, and stores the bytes of the new versions.
    pub(super) fn revise(
        &self,
        models: &mut BTreeMap<String, AnyModel>,
        loaded: &Loaded,
        step: &Step,
        method: Option<&Chosen>,
        started: Instant,
    ) -> Result<Vec<Outcome>> {
        let training = step.retained.training();
        let before = loaded.data.training();
        let seen_in = if step.operation == Operation::Forget { &before } else { &training };
        let ids: Vec<String> = step.ids.iter().filter(|id| seen_in.position(id).is_some()).cloned().collect();
        let rows = self.store.models_of(loaded.row.name.as_str())?;
        let mut outcomes = Vec::with_capacity(rows.len());
        for row in rows {
            let name = row.name.to_string();
            let recipe: Recipe = from_json(&name, &row.recipe)?;
            let learner = recipe.learner_keeping(Arc::new(Unfinished::of(self.store.path())))?;
            let unaffected = step.operation == Operation::Forget && ids.is_empty();
            if unaffected && learner.n_shards() == 0 {
                // It had not learnt any of the records.
                outcomes.push(Outcome { before: row.clone(), after: row, affected: false, checkpoints: Vec::new() });
                continue;
            }
            let mut model = match models.remove(&name) {
                Some(model) => model,
                None => learner.load(&self.store.blob(&row.state)?, &before)?,
            };
            if unaffected {
                // What is stated of its checkpoints changes with the records of the dataset, learnt or not.
                outcomes.push(Outcome { before: row.clone(), after: row, affected: false, checkpoints: model.checkpoints() });
                models.insert(name, model);
                continue;
            }
            let timer = Instant::now();
            let neural = if method.is_some() { recipe.neural()? } else { None };
            let guarantee = match (step.operation, neural.zip(method)) {
                (Operation::Forget, Some((neural, method))) => {
                    let spent = from_json::<Guarantee>(&name, &row.guarantee)?;
                    let (moved, promised) = unlearn((&name, &neural, spent), method, &model.state(), (&before, &ids, &training))?;
                    model = learner.load(&moved.state(), &training)?;
                    spent.and(promised)
                }
                (Operation::Forget, None) => learner.forget(&mut model, &ids, &training)?,
                (Operation::Learn, _) => learner.learn(&mut model, &ids, &training)?,
            };
            let after = ModelRow {
                seconds: timer.elapsed().as_secs_f64(),
                artefact: self.store.put(&model.artefact())?,
                state: self.store.put(&model.state())?,
                records: model.records(),
                guarantee: to_json(&name, &guarantee)?,
                version: row.version + 1,
                total_seconds: started.elapsed().as_secs_f64(),
                created_ms: now_ms(),
                ..row.clone()
            };
            outcomes.push(Outcome { before: row, after, affected: true, checkpoints: model.checkpoints() });
            models.insert(name, model);
        }
        Ok(outcomes)
    }

    /// The dataset after a step, with the parts and the commitments stored that it changes; the commitments that leave are given.
    pub(super) fn replaced(&self, loaded: &Loaded, step: &Step, leaving: Vec<Hash>) -> Result<(Loaded, Revised)> {
        let Metadata { schema, reading, part_bits } = &loaded.metadata;
        let name = loaded.row.name.as_str();
        let salts = commitments::follow(&loaded.data, &loaded.salts, &step.retained)?;
        let touched: BTreeSet<u32> = step.ids.iter().map(|id| part_of(id, *part_bits)).collect();
        let touched = (step.retained.schema() == schema).then_some(&touched);
        let mut parts = self.put_parts(name, &step.retained, &salts, *part_bits, touched)?;
        if let Some(touched) = touched {
            parts.extend(loaded.row.parts.iter().filter(|part| !touched.contains(&part.index)).copied());
            parts.sort_by_key(|part| part.index);
        }
        let committing = loaded.row.commitment.as_ref().ok_or_else(|| Error::NoCommitment { dataset: name.to_owned() })?;
        let joining = commitments::of(name, &step.retained, &salts, &step.ids);
        let revised = commitments::revise(&self.store, committing, loaded.row.records, leaving, &joining)?;
        let metadata = Metadata { schema: step.retained.schema().clone(), reading: reading.clone(), part_bits: *part_bits };
        let row = untrain_ledger::DatasetRow {
            name: loaded.row.name.clone(),
            version: loaded.row.version + 1,
            schema: to_json(name, &metadata)?,
            records: step.retained.len() as u64,
            parts,
            commitment: Some(revised.committing.clone()),
            created_ms: loaded.row.created_ms,
        };
        Ok((Loaded { row, metadata, data: step.retained.clone(), salts: std::sync::Arc::new(salts) }, revised))
    }

    /// The report of a step that was not taken, or not yet.
    pub(super) fn report(&self, loaded: &Loaded, step: &Step, dry_run: bool, started: Instant) -> Result<RequestReport> {
        let dataset = loaded.row.name.as_str();
        let n = step.ids.len() as u64;
        Ok(RequestReport {
            request: None,
            operation: step.operation.as_str().to_owned(),
            dataset: dataset.to_owned(),
            state: String::new(),
            forgotten: if step.operation == Operation::Forget { n } else { 0 },
            learnt: if step.operation == Operation::Learn { n } else { 0 },
            already: step.already,
            repeated: false,
            due_ms: None,
            unknown: step.unknown.clone(),
            records: step.retained.len() as u64,
            models: self.store.models_of(dataset)?.iter().map(model_report).collect::<Result<_>>()?,
            guarantee: Guarantee::Exact,
            dry_run,
            seconds: 0.0,
            total_seconds: started.elapsed().as_secs_f64(),
            unfinished: None,
        })
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

    /// The records of a file but for those that were forgotten and are to be left out, and the keyed hashes that are to be known no
    /// longer.
    pub(super) fn sift(&self, dataset: &str, data: &Dataset, returning: Returning) -> Result<(Dataset, Vec<(Name, Hash)>)> {
        let known: BTreeSet<Hash> = self.store.forgotten(dataset)?.into_iter().collect();
        let key = if known.is_empty() { None } else { suppression_key(self.store.path(), false)? };
        let Some(key) = key else { return Ok((data.clone(), Vec::new())) };
        let subjects = data.schema().subject().map(|(place, _)| data.values(place));
        let (mut found, mut tags) = (Vec::new(), BTreeSet::new());
        for i in 0..data.len() {
            let record = Some(tag(&key, dataset, Tagged::Record, data.id(i)));
            let subject = subjects.and_then(|values| values.text(i)).map(|text| tag(&key, dataset, Tagged::Subject, text.trim()));
            let hits: Vec<Hash> = [record, subject].into_iter().flatten().filter(|tag| known.contains(tag)).collect();
            if !hits.is_empty() {
                found.push(data.id(i).to_owned());
                tags.extend(hits);
            }
        }
        match returning {
            _ if found.is_empty() => Ok((data.clone(), Vec::new())),
            Returning::Refused => {
                let request = tags.first().map(|tag| self.store.forgotten_by(dataset, tag)).transpose()?.flatten();
                Err(Error::Returning { ids: found, request: request.unwrap_or_default() })
            }
            Returning::LeftOut => Ok((data.without(&found)?, Vec::new())),
            Returning::Accepted => {
                let name: Name = dataset.parse().map_err(Error::Store)?;
                Ok((data.clone(), tags.into_iter().map(|tag| (name.clone(), tag)).collect()))
            }
        }
    }
}

/// Retrains every model from the retained records, and errs if one is not what a request made of it.
fn verify_outcomes(step: &Step, outcomes: &[Outcome]) -> Result<()> {
    let training = step.retained.training();
    for Outcome { after, .. } in outcomes {
        let recipe: Recipe = from_json(after.name.as_str(), &after.recipe)?;
        let retrained = recipe.learner()?.fit(&training)?;
        if (retrained.digest(), retrained.state_digest()) != (after.artefact, after.state) {
            return Err(Error::Unequal { model: after.name.to_string(), found: after.artefact, retrained: retrained.digest() });
        }
    }
    Ok(())
}

/// What a request that is stored with what it does comes with.
struct New {
    key: Option<String>,
    /// Its statement.
    asked: Option<NewStatement>,
    verify: bool,
    method: Option<Chosen>,
}

/// Has a network forget by a method: the guarantee is the method's. `before` are the records that the model knows, and `spent` is what
/// it promises already.
fn unlearn(
    (model, neural, spent): (&str, &Neural, Guarantee),
    (name, settings): &Chosen,
    state: &[u8],
    (before, ids, retain): (&Dataset, &[String], &Dataset),
) -> Result<(NeuralModel, Guarantee)> {
    let method = Method::named(name)?.with(settings.clone())?;
    if let (Guarantee::Certified { epsilon: spent, .. }, Some((asked, limit))) = (spent, method.epsilons())
        && spent + asked > limit
    {
        return Err(Error::EpsilonSpent { model: model.to_owned(), spent, asked, limit });
    }
    let known = neural.load(state, before)?;
    let Some(network) = known.served().network.as_ref().filter(|_| !retain.is_empty()) else { return Err(Error::NothingRetained) };
    let asked = neural.unlearning(known.served(), &before.select(ids)?, retain, neural.seed)?;
    let mut moved = network.clone();
    let done = method.unlearn(&mut moved, &asked.request()).map_err(CoreError::from)?;
    Ok((known.with_network(moved, retain), done.guarantee))
}

const PURGE_METHOD: &str = "files unlinked, database rewritten, write-ahead log emptied";

fn random_id() -> Result<Name> {
    let hex = Hash(*Salt::generate()?.as_bytes()).to_string();
    format!("r-{}", &hex[..20]).parse().map_err(Error::Store)
}

/// The report that a request was answered with.
fn repeated(row: &RequestRow, dataset: &str) -> Result<RequestReport> {
    if row.request.dataset.as_str() != dataset {
        return Err(Error::OtherDataset { request: row.number, dataset: row.request.dataset.to_string() });
    }
    let report: RequestReport = from_json(&row.number.to_string(), &row.request.report)?;
    Ok(RequestReport { request: Some(row.number), repeated: true, state: row.request.state.as_str().to_owned(), ..report })
}

/// The commitments to the records that leave.
fn leaving(loaded: &Loaded, step: &Step, batch: &[Carried]) -> Vec<Hash> {
    match batch {
        // A request that is carried out at once has just been given those of its records.
        [Carried { number: OfRequest::New, ids, own, .. }] if *ids == step.ids => own.clone(),
        _ => commitments::of(loaded.row.name.as_str(), &loaded.data, &loaded.salts, &step.ids),
    }
}

/// A step that is about all records of a batch.
fn widened(loaded: &Loaded, step: Step, batch: &[Carried]) -> Result<Step> {
    let ids: BTreeSet<String> = step.ids.into_iter().chain(batch.iter().flat_map(|carried| carried.ids.iter().cloned())).collect();
    let ids: Vec<String> = ids.into_iter().collect();
    Ok(Step { retained: loaded.data.without(&ids)?, ids, ..step })
}

pub(super) fn versions(outcomes: &[Outcome], event: Event) -> Vec<Version> {
    let affected = outcomes.iter().filter(|outcome| outcome.affected);
    affected.map(|outcome| Version { model: outcome.after.clone(), event }).collect()
}

/// Puts what became of the models into a report.
pub(super) fn tell(report: &mut RequestReport, outcomes: &[Outcome], started: Instant) -> Result<()> {
    report.models = outcomes.iter().map(|outcome| model_report(&outcome.after)).collect::<Result<_>>()?;
    report.guarantee = report.models.iter().fold(Guarantee::Exact, |all, model| all.and(model.guarantee));
    report.seconds = report.models.iter().map(|model| model.seconds).sum();
    report.total_seconds = started.elapsed().as_secs_f64();
    Ok(())
}

/// The people whose last record leaves.
fn gone_subjects(loaded: &Loaded, step: &Step) -> BTreeSet<String> {
    let Some((place, _)) = loaded.data.schema().subject() else { return BTreeSet::new() };
    let values = loaded.data.values(place);
    let leaving = step.ids.iter().filter_map(|id| loaded.data.position(id));
    let mut gone: BTreeSet<String> = leaving.filter_map(|i| values.text(i)).map(|text| text.trim().to_owned()).collect();
    let (left, place) = (&step.retained, step.retained.schema().subject().map_or(place, |(place, _)| place));
    let values = left.values(place);
    for i in 0..left.len() {
        if let Some(text) = values.text(i) {
            gone.remove(text.trim());
        }
    }
    gone
}

//! Backups, and what it takes to restore one: all that was forgotten since is forgotten again before anything can be read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use untrain_core::Guarantee;
use untrain_ledger::commitment::SetHead;
use untrain_ledger::log::Log;
use untrain_ledger::statement::{Erasure, ModelDigests, Statement};
use untrain_ledger::{Access, Change, Event, Hash, Name, NewStatement, OfRequest, Operation, Request, RequestRow, State, Store};

use super::requests::{Facts, Step, tell, versions};
use super::stating::{digests, envelope, head};
use super::{Engine, OpenOptions, from_json, now_ms, to_json};
use crate::clock::Regime;
use crate::report::{BackupLine, BackupReport, RequestReport, Restoration};
use crate::trail;
use crate::{Error, Result, commitments};

impl Engine {
    /// Copies the store, without its keys, into an absent or empty directory. One key of the store's opens the copy, and destroying
    /// that key makes the copy unreadable.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn backup(&mut self, to: &Path) -> Result<BackupReport> {
        self.trail()?;
        // What the log has is in the database of the copy too.
        self.commit_and_state(Change::default()).map(drop)?;
        let made = self.store.backup(to, now_ms())?;
        let unfinished = made.unfinished.map(|error| error.to_string());
        Ok(BackupReport {
            to: to.display().to_string(),
            files: made.files,
            bytes: made.bytes,
            backup: line(&made.backup, false),
            unfinished,
        })
    }

    /// The backups that were made of the store.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn backups(&self) -> Result<Vec<BackupLine>> {
        let epochs = self.store.epochs()?.into_iter();
        Ok(epochs.filter_map(|epoch| epoch.backup.map(|backup| line(&backup, epoch.destroyed))).collect())
    }

    /// Destroys the key of a backup: nobody can read it from then on.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] for an epoch without a backup.
    pub fn destroy_backup(&mut self, epoch: u64) -> Result<Vec<BackupLine>> {
        self.store.destroy_epoch(epoch)?;
        self.backups()
    }

    /// Makes a store in `to` of a backup, with the keys in `keys` and the log as it is now, in `log`.
    ///
    /// What the log says was forgotten after the backup is forgotten again, in the same steps, and each step has to give the models
    /// that the log states, or an exact one where the log states no exact one. Nobody can read the store before.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] for a backup, a key or a log that is damaged or another's; [`Error::NotContinued`] for a log that does not
    /// continue the backup's; [`Error::OldLog`] for one that is older than what its key has signed; [`Error::Unrestored`] if a step does not give what the log states.
    pub fn restore(from: &Path, keys: &Path, log: &Path, to: &Path, options: OpenOptions<'_>) -> Result<Restoration> {
        let started = Instant::now();
        let key = trail::log_key_in(keys)?;
        let newest = Log::open(log, Access::Read, &key, options.wait)?;
        let signed = trail::signed(keys);
        if newest.head().size < signed {
            return Err(Error::OldLog { found: newest.head().size, signed });
        }
        let backup = Store::restore(from, keys, to)?;
        let size = backup.trail.unwrap_or(0);
        let old = Log::open(&from.join("trail"), Access::Read, &key, options.wait)?;
        if newest.head().size < size || newest.root_at(size)? != old.head().root {
            return Err(Error::NotContinued { backup: size, log: newest.head().size });
        }
        trail::take_over(keys, log, to)?;
        let store = Store::open_restoring(to, options.wait, &mut || ())?;
        let mut engine = Self {
            store,
            trail: None,
            logged: Vec::new(),
            latest_ms: 0,
            opened: BTreeMap::new(),
            datasets: BTreeMap::new(),
            models: BTreeMap::new(),
        };
        let mut restoration = Restoration { from: from.display().to_string(), ..Restoration::default() };
        for place in engine.store.logged()?..newest.head().size {
            let entry = newest.entry(place)?;
            let statement = envelope(&entry)?.statement().clone();
            let change = engine.again(&statement, log, &mut restoration)?;
            let adopted = NewStatement {
                kind: statement.kind(),
                entry,
                request: engine.request_of(&statement, &change)?,
                model: about(&statement),
                after_erasing: false,
            };
            let change = Change { adopted: vec![(adopted, place)], ..change };
            engine.datasets.clear();
            drop(engine.store.commit(&change)?);
        }
        let open = engine.store.requests()?.into_iter().filter(|row| row.number > backup.requests && row.request.state == State::Cancelled);
        restoration.lost.extend(open.map(|row| format!("request {}, which has to be made again", row.request.id)));
        drop(engine.store.finish_restore(&Change::default())?);
        restoration.seconds = started.elapsed().as_secs_f64();
        Ok(restoration)
    }

    /// What has to be done because the log says so: records are forgotten again; what was trained or learnt since is lost.
    fn again(&mut self, statement: &Statement, log: &Path, restoration: &mut Restoration) -> Result<Change> {
        match statement {
            Statement::Erasure(erasure) if self.store.datasets()?.iter().any(|row| row.name == erasure.dataset) => {
                self.erase_again(erasure, log, restoration)
            }
            Statement::Train(train) => {
                restoration.lost.push(format!("{} (version {})", train.model, train.version));
                Ok(Change::default())
            }
            Statement::Request(request) => Ok(Change { request: Some(asked(request)?), ..Change::default() }),
            _ => Ok(Change::default()),
        }
    }

    fn erase_again(&mut self, erasure: &Erasure, log: &Path, restoration: &mut Restoration) -> Result<Change> {
        let (dataset, started) = (erasure.dataset.as_str(), Instant::now());
        let loaded = self.load(dataset)?;
        if head(&loaded)? == erasure.after {
            // Another statement of the same requests, about more models, took the records out already.
            self.held_against(erasure, restoration)?;
            let nothing =
                Step { operation: Operation::Forget, ids: Vec::new(), retained: loaded.data.clone(), unknown: Vec::new(), already: 0 };
            let requests = self.carried_out(erasure, &self.report(&loaded, &nothing, false, started)?)?;
            return Ok(Change { requests, ..Change::default() });
        }
        let gone: BTreeSet<Hash> = trail::forgotten(log, &erasure.forgotten)?.into_iter().collect();
        let all = commitments::all(dataset, &loaded.data, &loaded.salts);
        let ids = all.iter().enumerate().filter(|(_, commitment)| gone.contains(commitment));
        let ids: Vec<String> = ids.map(|(place, _)| loaded.data.id(place).to_owned()).collect();
        let step = Step { operation: Operation::Forget, retained: loaded.data.without(&ids)?, ids, unknown: Vec::new(), already: 0 };
        let mut leaving: Vec<Hash> = all.into_iter().filter(|commitment| gone.contains(commitment)).collect();
        leaving.sort_unstable();
        let mut models = BTreeMap::new();
        let outcomes = self.revise(&mut models, &loaded, &step, None, started)?;
        let (replaced, revised) = self.replaced(&loaded, &step, leaving)?;
        restoration.forgotten += step.ids.len() as u64;
        if revised.before == erasure.before {
            let found: BTreeMap<&Name, ModelDigests> =
                outcomes.iter().map(|outcome| (&outcome.after.name, digests(&outcome.after))).collect();
            agree(erasure, revised.after, &found, restoration)?;
        } else {
            restoration.lost.push(format!("records of {dataset} that were learnt"));
        }
        let tags = self.tags(&loaded, &step)?;
        let name = erasure.dataset.clone();
        let mut report = self.report(&loaded, &step, false, started)?;
        tell(&mut report, &outcomes, started)?;
        let requests = self.carried_out(erasure, &report)?;
        let mut holds = Vec::new();
        for row in requests.iter().filter(|row| row.request.state == State::Held) {
            let ids: Vec<String> = self.store.scope(row.number)?.into_iter().filter(|id| loaded.data.position(id).is_some()).collect();
            holds.push((OfRequest::Number(row.number), self.keep(&loaded, &ids)?));
        }
        Ok(Change {
            requests,
            holds,
            replace: true,
            datasets: vec![replaced.row],
            models: versions(&outcomes, Event::Forget),
            answers: self.number_of(erasure)?,
            forgotten: tags.into_iter().map(|tag| (name.clone(), tag)).collect(),
            ..Change::default()
        })
    }

    /// The requests that an erasure carries out, as they are afterwards.
    fn carried_out(&self, erasure: &Erasure, report: &RequestReport) -> Result<Vec<RequestRow>> {
        let first = self.number_of(erasure)?;
        let mut rows = Vec::new();
        for request in &erasure.requests {
            let Some(row) = self.store.request_called(request.request.as_str())? else { continue };
            let mut facts: Facts = from_json(&row.number.to_string(), &row.request.facts)?;
            facts.reason = None;
            let state = if facts.hold.is_some() { State::Held } else { State::Closed };
            let report = RequestReport {
                forgotten: row.request.records,
                state: state.as_str().to_owned(),
                due_ms: facts.clocks.due_ms,
                ..report.clone()
            };
            let name = erasure.dataset.as_str();
            let request = Request { state, facts: to_json(name, &facts)?, report: to_json(name, &report)?, ..row.request };
            rows.push(RequestRow { carried_with: first.filter(|first| *first != row.number), request, ..row });
        }
        Ok(rows)
    }

    /// Compares models that a step before has revised.
    fn held_against(&self, erasure: &Erasure, restoration: &mut Restoration) -> Result<()> {
        let rows = self.store.models_of(erasure.dataset.as_str())?;
        let found: BTreeMap<&Name, ModelDigests> = rows.iter().map(|row| (&row.name, digests(row))).collect();
        agree(erasure, erasure.after, &found, restoration)
    }

    /// The number of the first request that an erasure carries out.
    fn number_of(&self, erasure: &Erasure) -> Result<Option<u64>> {
        let Some(request) = erasure.requests.first() else { return Ok(None) };
        Ok(self.store.request_called(request.request.as_str())?.map(|row| row.number))
    }

    /// The request that a statement is about.
    fn request_of(&self, statement: &Statement, change: &Change) -> Result<Option<OfRequest>> {
        let first = match statement {
            Statement::Request(_) if change.request.is_some() => return Ok(Some(OfRequest::New)),
            Statement::Erasure(erasure) => erasure.requests.first(),
            Statement::Purge(purge) => purge.requests.first(),
            _ => None,
        };
        let Some(request) = first else { return Ok(None) };
        Ok(self.store.request_called(request.request.as_str())?.map(|row| OfRequest::Number(row.number)))
    }
}

/// Errs unless the models that a step gives are those that the log states. Where it states less than an exact model, because a method of
/// unlearning moved a network, that is not repeated: the exact model takes its place, which is more than was promised.
fn agree(erasure: &Erasure, after: SetHead, found: &BTreeMap<&Name, ModelDigests>, restoration: &mut Restoration) -> Result<()> {
    if after != erasure.after {
        let (found, stated) = (after.root, erasure.after.root);
        return Err(Error::Unrestored { what: format!("the dataset {}", erasure.dataset), found, stated });
    }
    for model in &erasure.models {
        let (Some(found), Some(stated)) = (found.get(&model.model), &model.after) else { continue };
        let name = model.model.to_string();
        restoration.exact_instead.retain(|other| *other != name);
        if found == stated {
            continue;
        }
        if model.guarantee.is_none_or(|guarantee| guarantee == Guarantee::Exact) {
            let what = format!("the model {name}");
            return Err(Error::Unrestored { what, found: Hash::from(&found.artefact), stated: Hash::from(&stated.artefact) });
        }
        restoration.exact_instead.push(name);
    }
    restoration.agreed += 1;
    Ok(())
}

/// A request as the log knows it, without its records: until an erasure that carries it out follows, it cannot be carried out here.
fn asked(stated: &untrain_ledger::statement::Request) -> Result<Request> {
    let regime = Regime::ALL.into_iter().find(|regime| regime.name() == stated.regime).unwrap_or_default();
    let reason = "it was registered after the backup, so its records are not known here: it has to be made again".to_owned();
    let facts = Facts { clocks: regime.clocks(stated.received_ms as i64)?, reason: Some(reason), ..Facts::default() };
    Ok(Request {
        id: stated.request.clone(),
        key: None,
        operation: Operation::Forget,
        dataset: stated.dataset.clone(),
        state: State::Cancelled,
        records: stated.records.size,
        facts: to_json(stated.dataset.as_str(), &facts)?,
        report: "{}".to_owned(),
        created_ms: stated.received_ms as i64,
    })
}

/// The model and the version that a statement is about.
fn about(statement: &Statement) -> Option<(Name, u64)> {
    match statement {
        Statement::Train(train) => Some((train.model.clone(), train.version)),
        Statement::Publish(publish) => Some((publish.model.clone(), publish.version)),
        Statement::Replay(replay) => Some((replay.model.clone(), replay.version)),
        Statement::Request(_) | Statement::Erasure(_) | Statement::Purge(_) => None,
    }
}

fn line(backup: &untrain_ledger::Backup, destroyed: bool) -> BackupLine {
    BackupLine {
        epoch: backup.epoch,
        made_ms: backup.made_ms,
        records: backup.records,
        requests: backup.requests,
        entries: backup.trail,
        destroyed,
    }
}

#[cfg(test)]
mod tests {
    use untrain_core::Digest;
    use untrain_ledger::statement::{Affected, Fate, Program};

    use super::*;

    fn named(name: &str) -> Name {
        name.parse().unwrap()
    }

    fn bytes(of: &str) -> ModelDigests {
        ModelDigests { artefact: Digest::of(of.as_bytes()), state: Digest::of(of.as_bytes()) }
    }

    fn stated(guarantee: Option<Guarantee>, after: SetHead) -> Erasure {
        let model = Affected {
            model: named("network"),
            recipe: Digest::of(b"recipe"),
            version: 2,
            before: bytes("before"),
            after: Some(bytes("stated")),
            checkpoints: None,
            guarantee,
            fate: Fate::Retrained,
        };
        let program = Program { version: "0".into(), lock: Digest::of(b"lock"), target: "here".into(), floats: "none".into() };
        Erasure {
            requests: Vec::new(),
            dataset: named("people"),
            before: after,
            after,
            forgotten: after,
            models: vec![model],
            program,
            at_ms: 0,
        }
    }

    #[test]
    fn other_bytes_than_an_exact_model_was_stated_to_have_are_refused() {
        let head = SetHead { root: Hash([1; 32]), size: 3 };
        let other = SetHead { root: Hash([2; 32]), size: 3 };
        let agreed = |guarantee, after, found: &str| {
            let mut restoration = Restoration::default();
            let name = named("network");
            let found = BTreeMap::from([(&name, bytes(found))]);
            agree(&stated(guarantee, head), after, &found, &mut restoration).map(|()| (restoration.agreed, restoration.exact_instead.len()))
        };
        assert_eq!(agreed(Some(Guarantee::Exact), head, "stated").unwrap(), (1, 0));
        assert_eq!(agreed(Some(Guarantee::Empirical), head, "other").unwrap(), (1, 1));
        for guarantee in [Some(Guarantee::Exact), None] {
            let error = agreed(guarantee, head, "other").unwrap_err();
            assert!(matches!(&error, Error::Unrestored { what, .. } if what == "the model network"), "{error}");
        }
        let error = agreed(Some(Guarantee::Exact), other, "stated").unwrap_err();
        assert!(matches!(&error, Error::Unrestored { what, .. } if what == "the dataset people"), "{error}");
    }
}

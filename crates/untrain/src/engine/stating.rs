//! What the engine states in the trail, and how statements reach the log.

use untrain_core::{Digest, Forget as _, Guarantee, Schema, Seed};
use untrain_ledger::checkpoint::Checkpoint;
use untrain_ledger::commitment::{CommitmentSet, SetHead};
use untrain_ledger::log::Log;
use untrain_ledger::merkle::TreeHead;
use untrain_ledger::statement::{
    Affected, Erasure, Fate, File, Kind, ModelDigests, Publish, Purge, Request as RequestStatement, RequestRef, SeedOrigin, Statement,
    Train,
};
use untrain_ledger::{Change, Committed, Hash, ModelRow, Name, NewStatement, OfRequest, Place, StatementRow};

use super::{Engine, Loaded, from_json, now_ms};
use crate::checkpoints::trail;
use crate::clock::Clocks;
use crate::trail::{Trail, program, recipe_digest};
use crate::{Error, Recipe, Result};

/// How many requests, models and digests one statement holds at the most, so that none has more than 16 KiB.
const REQUESTS_A_STATEMENT: usize = 24;
const MODELS_A_STATEMENT: usize = 10;
const DIGESTS_A_STATEMENT: usize = 48;

/// How what gave way to something else was destroyed.
const REPLACED: &str = "replaced by others; files unlinked, database rewritten, write-ahead log emptied";

/// The end of 9999, for what has no end that is known.
const NO_END_MS: u64 = 253_402_300_799_000;

/// What happened to a model in a request.
pub(super) struct Outcome {
    pub(super) before: ModelRow,
    pub(super) after: ModelRow,
    /// Whether the model had learnt a record that leaves.
    pub(super) affected: bool,
    /// The digests of the checkpoints of the training that gives the model after.
    pub(super) checkpoints: Vec<Digest>,
}

/// What an erasure says of the dataset.
pub(super) struct Shrunk<'a> {
    /// As it is afterwards.
    pub(super) dataset: &'a Loaded,
    pub(super) before: SetHead,
    pub(super) after: SetHead,
    pub(super) forgotten: &'a [Hash],
}

impl Engine {
    /// Reads the log: the one that is open for stating, or else the store's, opened for this.
    pub(super) fn with_log<T>(&self, read: impl FnOnce(&Log) -> Result<T>) -> Result<T> {
        match &self.trail {
            Some(trail) => read(trail.log()),
            None => read(&crate::trail::read_log(self.store.path())?),
        }
    }

    /// The trail, for those who opened the store for writing.
    pub(super) fn trail(&self) -> Result<&Trail> {
        let refuse = || untrain_ledger::Error::OpenedForReading { path: self.store.path().to_owned() };
        Ok(self.trail.as_ref().ok_or_else(refuse)?)
    }

    /// The time, which does not run backwards in the trail, whatever the machine's clock does.
    pub(super) fn now(&mut self) -> i64 {
        self.latest_ms = self.latest_ms.max(now_ms());
        self.latest_ms
    }

    /// Finds out what went to the log before the process that sent it was killed, and sends what waits.
    pub(super) fn recover(&mut self) -> Result<()> {
        let (known, mut waiting) = (self.store.logged()?, self.store.waiting()?);
        let log = self.trail()?.log();
        let (size, path) = (log.head().size, log.path().to_owned());
        if size < known {
            return Err(Error::TrailBehind { path, found: size, expected: known });
        }
        let mut logged = Vec::new();
        for place in known..size {
            let entry = log.entry(place)?;
            let found = waiting.iter().position(|row| matches!(&row.place, Place::Waiting(bytes) if *bytes == entry));
            let Some(found) = found else { return Err(Error::TrailAhead { path, place }) };
            logged.push((waiting.remove(found).number, place));
        }
        let mut latest = 0;
        for place in (0..size).rev() {
            let statement = envelope(&log.entry(place)?)?.statement().clone();
            // A request may have arrived long before it was stated.
            if statement.kind() != Kind::Request {
                latest = statement.at_ms();
                break;
            }
        }
        for row in &waiting {
            if let Place::Waiting(entry) = &row.place {
                latest = latest.max(envelope(entry)?.statement().at_ms());
            }
        }
        self.latest_ms = latest as i64;
        self.logged = logged;
        self.send(true)
    }

    /// Commits a change and sends its statements. That sending fails does not undo the change: it is told in
    /// [`Committed::unfinished`], and tried again later.
    pub(super) fn commit_and_state(&mut self, change: Change) -> Result<Committed> {
        let logged = std::mem::take(&mut self.logged);
        let change = Change { logged: logged.clone(), ..change };
        let mut committed = match self.store.commit(&change) {
            Ok(committed) => committed,
            Err(error) => {
                self.logged = logged;
                return Err(error.into());
            }
        };
        if let Err(error) = self.send(committed.unfinished.is_none()) {
            match error {
                Error::Store(error) => committed.unfinished = committed.unfinished.or(Some(error)),
                error => return Err(error),
            }
        }
        Ok(committed)
    }

    /// Sends the statements that wait to the log; those that wait for an erasing only if it is done.
    fn send(&mut self, erased: bool) -> Result<()> {
        let (mut numbers, mut entries) = (Vec::new(), Vec::new());
        for row in self.store.waiting()? {
            let sent = self.logged.iter().any(|(number, _)| *number == row.number);
            if let Place::Waiting(entry) = row.place
                && !sent
                && (erased || !row.after_erasing)
            {
                numbers.push(row.number);
                entries.push(entry);
            }
        }
        let Some(trail) = self.trail.as_mut().filter(|_| !entries.is_empty()) else { return Ok(()) };
        let first = trail.append(&entries)?;
        self.logged.extend(numbers.into_iter().zip(first..));
        Ok(())
    }

    /// Says that a model was trained, and that it is what is served.
    pub(super) fn trained(
        &self,
        loaded: &Loaded,
        row: &ModelRow,
        checkpoints: &[Digest],
        seed: SeedOrigin,
        at_ms: i64,
    ) -> Result<Vec<NewStatement>> {
        let checkpoints = trail(checkpoints, &loaded.salts).map(|trail| trail.head());
        let train = self.train_statement(&loaded.metadata.schema, head(loaded)?, row, checkpoints, seed, at_ms)?;
        Ok(vec![train, self.publish_statement(row, None, at_ms)?])
    }

    fn train_statement(
        &self,
        schema: &Schema,
        records: SetHead,
        row: &ModelRow,
        checkpoints: Option<TreeHead>,
        seed: SeedOrigin,
        at_ms: i64,
    ) -> Result<NewStatement> {
        let recipe: Recipe = from_json(row.name.as_str(), &row.recipe)?;
        let train = Train {
            model: row.name.clone(),
            version: row.version,
            dataset: row.dataset.clone(),
            records,
            recipe: recipe_digest(&recipe, schema)?,
            digests: digests(row),
            checkpoints,
            seed,
            program: program(),
            at_ms: time(at_ms),
        };
        self.statement(&Statement::Train(train), None, Some(row), false)
    }

    /// Says that models learnt more records.
    pub(super) fn learnt(&self, dataset: &Loaded, after: SetHead, outcomes: &[Outcome], at_ms: i64) -> Result<Vec<NewStatement>> {
        let mut statements = Vec::new();
        for outcome in outcomes {
            // Where the seed came from was stated when the model was registered, and it has not changed.
            let origin = self.seed_origin(&outcome.after)?;
            let checkpoints = trail(&outcome.checkpoints, &dataset.salts).map(|trail| trail.head());
            statements.push(self.train_statement(&dataset.metadata.schema, after, &outcome.after, checkpoints, origin, at_ms)?);
            statements.push(self.publish_statement(&outcome.after, Some(OfRequest::New), at_ms)?);
        }
        Ok(statements)
    }

    /// Whether the seed of a recipe is the one that follows from the log, where that was stated.
    pub(super) fn seed_follows(&self, row: &ModelRow, recipe: &Recipe) -> Result<Option<bool>> {
        let origin = self.seed_origin(row)?;
        let SeedOrigin::Log { origin: name, size, root } = &origin else { return Ok(None) };
        let was_there = self.with_log(|log| {
            let checkpoint: Checkpoint = log.checkpoint().text().parse().map_err(untrain_ledger::Error::from)?;
            Ok(checkpoint.origin == *name && *size <= checkpoint.head.size && log.root_at(*size)? == *root)
        })?;
        Ok(Some(was_there && origin.seed() == Some(Seed(recipe.seed))))
    }

    /// Where the seed of a model came from, by the statement of its registration.
    fn seed_origin(&self, row: &ModelRow) -> Result<SeedOrigin> {
        for version in (1..=row.version).rev() {
            let mut rows = self.store.statements_of_model(row.name.as_str(), version)?;
            rows.retain(|row| row.kind == Kind::Train);
            for (_, entry) in self.entries_of(&rows)? {
                if let Statement::Train(train) = envelope(&entry)?.statement() {
                    return Ok(train.seed.clone());
                }
            }
        }
        Ok(SeedOrigin::Chosen)
    }

    /// Says that somebody asked for records to be forgotten.
    pub(super) fn asked(&self, id: &Name, dataset: &Name, own: &[Hash], clocks: &Clocks, number: OfRequest) -> Result<NewStatement> {
        let request = RequestStatement {
            request: id.clone(),
            dataset: dataset.clone(),
            regime: clocks.regime.name().to_owned(),
            records: CommitmentSet::new(own.iter().copied()).head(),
            received_ms: time(clocks.received_ms),
            confirm_due_ms: clocks.confirm_due_ms.map(time),
            due_ms: clocks.due_ms.map(time),
        };
        self.statement(&Statement::Request(request), Some(number), None, false)
    }

    /// Says that records were forgotten, what became of the models, and what is served now.
    ///
    /// A statement holds some of the requests and some of the models; together they hold all, each request with each model.
    pub(super) fn erased(
        &self,
        requests: &[(RequestRef, OfRequest)],
        shrunk: &Shrunk<'_>,
        outcomes: &[Outcome],
        at_ms: i64,
    ) -> Result<Vec<NewStatement>> {
        let models = outcomes.iter().map(|outcome| affected(outcome, shrunk.dataset)).collect::<Result<Vec<_>>>()?;
        let forgotten = CommitmentSet::new(shrunk.forgotten.iter().copied()).head();
        let number = requests.first().map(|(_, number)| *number);
        let mut statements = Vec::new();
        for requests in requests.chunks(REQUESTS_A_STATEMENT) {
            // Without a model there is a statement too: of the dataset.
            let groups = models.chunks(MODELS_A_STATEMENT).map(<[_]>::to_vec);
            let groups: Vec<Vec<Affected>> = if models.is_empty() { vec![Vec::new()] } else { groups.collect() };
            for models in groups {
                let erasure = Erasure {
                    requests: requests.iter().map(|(request, _)| request.clone()).collect(),
                    dataset: shrunk.dataset.row.name.clone(),
                    before: shrunk.before,
                    after: shrunk.after,
                    forgotten,
                    models,
                    program: program(),
                    at_ms: time(at_ms),
                };
                statements.push(self.statement(&Statement::Erasure(erasure), number, None, false)?);
            }
        }
        for outcome in outcomes.iter().filter(|outcome| outcome.affected) {
            statements.push(self.publish_statement(&outcome.after, number, at_ms)?);
        }
        Ok(statements)
    }

    /// Says, once it is so, that old bytes are gone.
    pub(super) fn purged(
        &self,
        requests: &[(RequestRef, OfRequest)],
        destroyed: &[Digest],
        method: &str,
        at_ms: i64,
    ) -> Result<Vec<NewStatement>> {
        let number = requests.first().map(|(_, number)| *number);
        let backups = self.backups()?.into_iter().filter(|backup| !backup.destroyed).map(|backup| backup.epoch.to_string());
        let backups: Vec<String> = backups.collect();
        let (method, until) = if backups.is_empty() {
            (method.to_owned(), None)
        } else {
            let epochs = backups.join(", ");
            (format!("{method}; backups that the keys of epoch {epochs} open may hold it until those are destroyed"), Some(NO_END_MS))
        };
        let mut statements = Vec::new();
        // What gave way to something else is purged without a request.
        let groups = if requests.is_empty() { vec![requests] } else { requests.chunks(REQUESTS_A_STATEMENT).collect() };
        for requests in groups {
            for destroyed in destroyed.chunks(DIGESTS_A_STATEMENT) {
                let purge = Purge {
                    requests: requests.iter().map(|(request, _)| request.clone()).collect(),
                    destroyed: destroyed.to_vec(),
                    method: method.clone(),
                    backups_until_ms: until,
                    at_ms: time(at_ms),
                };
                statements.push(self.statement(&Statement::Purge(purge), number, None, true)?);
            }
        }
        Ok(statements)
    }

    /// Says, once it is so, that models and parts of a dataset are gone that gave way to others, without a request.
    pub(super) fn replaced_by(&mut self, parts: Vec<Digest>, models: &[ModelRow]) -> Result<Vec<NewStatement>> {
        let stays = |row: &ModelRow| models.iter().all(|model| model.name != row.name);
        let others: Vec<ModelRow> = self.store.models()?.into_iter().filter(stays).collect();
        let kept = |digest: &Digest| others.iter().any(|row| row.artefact == *digest || row.state == *digest);
        let mut gone: Vec<Digest> = models.iter().flat_map(|row| [row.artefact, row.state]).filter(|digest| !kept(digest)).collect();
        gone.extend(parts);
        gone.sort_unstable();
        gone.dedup();
        let now = self.now();
        self.purged(&[], &gone, REPLACED, now)
    }

    /// Statements with their bytes, wherever these are.
    pub(super) fn entries_of(&self, rows: &[StatementRow]) -> Result<Vec<(StatementRow, Vec<u8>)>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        self.with_log(|log| {
            let entry = |row: &StatementRow| match &row.place {
                Place::Waiting(entry) => Ok(entry.clone()),
                Place::Logged(place) => log.entry(*place),
            };
            rows.iter().map(|row| Ok((row.clone(), entry(row)?))).collect()
        })
    }

    fn publish_statement(&self, row: &ModelRow, request: Option<OfRequest>, at_ms: i64) -> Result<NewStatement> {
        let publish = Publish {
            model: row.name.clone(),
            version: row.version,
            artefact: row.artefact,
            files: vec![File { name: row.name.to_string(), digest: row.artefact }],
            floor: row.version,
            at_ms: time(at_ms),
        };
        self.statement(&Statement::Publish(publish), request, Some(row), false)
    }

    fn statement(
        &self,
        statement: &Statement,
        request: Option<OfRequest>,
        model: Option<&ModelRow>,
        after_erasing: bool,
    ) -> Result<NewStatement> {
        let model = model.map(|row| (row.name.clone(), row.version));
        Ok(NewStatement { kind: statement.kind(), entry: self.trail()?.sign(statement)?, request, model, after_erasing })
    }
}

/// The commitment to a dataset's records.
pub(super) fn head(loaded: &Loaded) -> Result<SetHead> {
    let root = loaded.row.commitment.as_ref().map(|commitment| commitment.root);
    let root = root.ok_or_else(|| Error::NoCommitment { dataset: loaded.row.name.to_string() })?;
    Ok(SetHead { root, size: loaded.row.records })
}

pub(super) fn envelope(entry: &[u8]) -> Result<untrain_ledger::envelope::Envelope> {
    Ok(untrain_ledger::envelope::Envelope::from_json(entry).map_err(untrain_ledger::Error::from)?)
}

pub(super) fn digests(row: &ModelRow) -> ModelDigests {
    ModelDigests { artefact: row.artefact, state: row.state }
}

/// What became of a model.
fn affected(outcome: &Outcome, dataset: &Loaded) -> Result<Affected> {
    let Outcome { before, after, affected, checkpoints } = outcome;
    let recipe: Recipe = from_json(after.name.as_str(), &after.recipe)?;
    let guarantee: Guarantee = from_json(after.name.as_str(), &after.guarantee)?;
    // A network that a method moved was not trained anew, though its learner forgets by training anew.
    let fate = match affected {
        false => Fate::Unaffected,
        true if guarantee == Guarantee::Exact && !recipe.learner()?.is_native() => Fate::Retrained,
        true => Fate::Updated,
    };
    Ok(Affected {
        model: after.name.clone(),
        recipe: recipe_digest(&recipe, &dataset.metadata.schema)?,
        version: after.version,
        before: digests(before),
        after: Some(digests(after)),
        checkpoints: trail(checkpoints, &dataset.salts).map(|trail| trail.head()),
        guarantee: Some(guarantee),
        fate,
    })
}

/// A time of the trail; no clock of ours is before 1970.
pub(super) fn time(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}

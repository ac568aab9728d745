//! The receipt of a request: everything that it takes to check, elsewhere and offline, what was done.

use std::collections::BTreeMap;

use untrain_core::Digest;
use untrain_ledger::commitment::{CommitmentSet, Salt, SetHead};
use untrain_ledger::log::Log;
use untrain_ledger::receipt::{Entry, Opened, Openings, Parts, Receipt};
use untrain_ledger::statement::{Erasure, Kind, ModelDigests, Statement};
use untrain_ledger::{Hash, Name, Place, RequestRow, StatementRow};

use super::stating::envelope;
use super::{Engine, Loaded};
use crate::commitments::row_digest;
use crate::{Error, Result};

/// What is still to be found of how things stood before an erasure.
struct Before {
    dataset: Option<SetHead>,
    models: BTreeMap<Name, ModelDigests>,
}

impl Engine {
    /// The receipts of a request that was carried out: one, or more where one statement could not hold all of the dataset's models.
    ///
    /// The receipt shows which records it is about only if this engine carried the request out itself, just now: the salts that it
    /// takes are erased with the records.
    ///
    /// # Errors
    ///
    /// An unknown request; [`Error::WrongState`] for one that was not carried out; [`Error::StillWaiting`] if its statements are not
    /// in the log yet.
    pub fn receipts(&self, number: u64) -> Result<Vec<Receipt>> {
        let row = self.store.request(number)?;
        let first = row.carried_with.unwrap_or(number);
        let evidence = self.evidence(number)?.zip(self.evidence(first)?);
        let Some((own, shared)) = evidence else { return Err(not_carried_out(&row)) };
        let Some(before) = shared.before else { return Err(not_carried_out(&row)) };
        let before = CommitmentSet::from_bytes(&before).map_err(untrain_ledger::Error::from)?;
        self.with_log(|log| self.drawn_up(log, &row, &before, (&own.own, &shared.forgotten)))
    }

    /// The receipts of a request that was carried out: of its own commitments, and of those that were forgotten with them.
    fn drawn_up(&self, log: &Log, row: &RequestRow, before: &CommitmentSet, (own, forgotten): (&[Hash], &[Hash])) -> Result<Vec<Receipt>> {
        let number = row.number;
        let first = row.carried_with.unwrap_or(number);
        let recent = self.recent(log)?;
        let mut rows = self.store.statements_of_request(number)?;
        if first != number {
            rows.extend(self.store.statements_of_request(first)?);
        }
        let mut told = Vec::new();
        for row in &rows {
            let entry = placed(log, &recent, row)?;
            told.push((row, envelope(&entry.bytes)?.statement().clone(), entry));
        }
        let id = &row.request.id;
        let policy = self.policy()?.text().to_owned();
        let mut receipts = Vec::new();
        for (erased, statement, _) in &told {
            let Statement::Erasure(erasure) = statement else { continue };
            if !erasure.requests.iter().any(|request| request.request == *id) {
                continue;
            }
            let mine = |statement: &Statement| match statement {
                Statement::Request(request) => request.request == *id,
                Statement::Erasure(other) => other == erasure,
                Statement::Purge(purge) => purge.requests.iter().any(|request| request.request == *id),
                Statement::Publish(publish) => erasure.models.iter().any(|model| model.model == publish.model),
                Statement::Train(_) | Statement::Replay(_) => false,
            };
            let mut entries: Vec<Entry> = told.iter().filter(|(_, other, _)| mine(other)).map(|(_, _, entry)| entry.clone()).collect();
            entries.extend(self.earlier(log, &recent, erased.number, erasure)?);
            entries.extend(self.replays(log, &recent, &erased.digest, erasure)?);
            let parts = Parts {
                request: id.clone(),
                entries,
                steps: Vec::new(),
                before: before.clone(),
                forgotten: forgotten.to_vec(),
                own: own.to_vec(),
                openings: self.opened.get(&number).cloned().map(|records| Openings { tenant: String::new(), records }),
                policy: policy.clone(),
            };
            receipts.push(Receipt::new(parts).map_err(untrain_ledger::Error::from)?);
        }
        if receipts.is_empty() { Err(not_carried_out(row)) } else { Ok(receipts) }
    }

    /// Where the entries are that the log has and the database does not know of.
    fn recent(&self, log: &Log) -> Result<BTreeMap<Digest, u64>> {
        (self.store.logged()?..log.head().size).map(|place| Ok((Digest::of(&log.entry(place)?), place))).collect()
    }

    /// The statements that left the dataset and the models as an erasure found them.
    fn earlier(&self, log: &Log, recent: &BTreeMap<Digest, u64>, number: u64, erasure: &Erasure) -> Result<Vec<Entry>> {
        let models = erasure.models.iter().map(|model| (model.model.clone(), model.before.clone())).collect();
        let mut before = Before { dataset: Some(erasure.before), models };
        let mut entries = Vec::new();
        let mut upto = number;
        while before.dataset.is_some() || !before.models.is_empty() {
            let Some(row) = self.store.statement_before(upto)? else { break };
            upto = row.number;
            let entry = placed(log, recent, &row)?;
            let says_it = match envelope(&entry.bytes)?.statement() {
                Statement::Train(train) if train.dataset == erasure.dataset => {
                    before.found(train.records, [(&train.model, Some(&train.digests))])
                }
                Statement::Erasure(other) if other.dataset == erasure.dataset && other.before != erasure.before => {
                    before.found(other.after, other.models.iter().map(|model| (&model.model, model.after.as_ref())))
                }
                _ => false,
            };
            if says_it {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// The replays of what an erasure left.
    fn replays(&self, log: &Log, recent: &BTreeMap<Digest, u64>, statement: &Digest, erasure: &Erasure) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for model in &erasure.models {
            for row in self.store.statements_of_model(model.model.as_str(), model.version)? {
                if row.kind != Kind::Replay {
                    continue;
                }
                let entry = placed(log, recent, &row)?;
                if matches!(envelope(&entry.bytes)?.statement(), Statement::Replay(replay) if replay.statement == *statement) {
                    entries.push(entry);
                }
            }
        }
        Ok(entries)
    }
}

impl Before {
    /// Whether a statement, the latest that was not looked at yet, says something that is still to be found.
    fn found<'a>(&mut self, dataset: SetHead, models: impl IntoIterator<Item = (&'a Name, Option<&'a ModelDigests>)>) -> bool {
        // Without models, records may have been learnt since, which nothing states: then there is nothing to be shown.
        let mut says_it = self.dataset.take().is_some_and(|before| before == dataset || !self.models.is_empty());
        for (name, digests) in models {
            if self.models.get(name).is_some_and(|before| Some(before) == digests) {
                self.models.remove(name);
                says_it = true;
            }
        }
        says_it
    }
}

/// A statement with the proof that it is in the log.
fn placed(log: &Log, recent: &BTreeMap<Digest, u64>, row: &StatementRow) -> Result<Entry> {
    let place = match &row.place {
        Place::Logged(place) => *place,
        Place::Waiting(_) => *recent.get(&row.digest).ok_or(Error::StillWaiting)?,
    };
    Ok(Entry { bytes: log.entry(place)?, proof: log.prove(place)? })
}

/// What opens the commitments of some records, before their salts are erased.
pub(super) fn openings(loaded: &Loaded, ids: &[String]) -> Vec<Opened> {
    let places = ids.iter().filter_map(|id| loaded.data.position(id));
    let open = |place: usize| Opened {
        record: loaded.data.id(place).to_owned(),
        row: row_digest(&loaded.data, place),
        salt: Salt::from_bytes(loaded.salts[place]),
    };
    places.map(open).collect()
}

fn not_carried_out(row: &RequestRow) -> Error {
    Error::WrongState { request: row.number, state: row.request.state.as_str(), verb: "shown in a receipt" }
}

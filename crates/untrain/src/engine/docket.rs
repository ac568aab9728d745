//! The docket: what becomes of requests beside being carried out. They are listed, held, released, extended, refused and cancelled.

use std::collections::BTreeSet;

use untrain_core::Digest;
use untrain_ledger::statement::RequestRef;
use untrain_ledger::{Change, Name, OfRequest, Operation, Request, RequestRow, State};

use super::requests::Facts;
use super::{Engine, from_json, now_ms, to_json};
use crate::report::RequestLine;
use crate::{Error, Result};

const RELEASE_METHOD: &str = "the legal hold was lifted; files unlinked, database rewritten, write-ahead log emptied";

impl Engine {
    /// A request: its report as it was given, without ids, with its state and its clocks.
    ///
    /// # Errors
    ///
    /// An unknown request.
    pub fn show_request(&self, number: u64) -> Result<serde_json::Value> {
        let RequestRow { carried_with, request, .. } = self.store.request(number)?;
        let name = number.to_string();
        let mut report: serde_json::Value = from_json(&name, &request.report)?;
        let facts: serde_json::Value = from_json(&name, &request.facts)?;
        report["request"] = number.into();
        report["id"] = request.id.as_str().into();
        report["state"] = request.state.as_str().into();
        report["carried_out_with"] = carried_with.into();
        report["facts"] = facts;
        report["created_ms"] = request.created_ms.into();
        Ok(report)
    }

    /// The number of the request with this number, random id or name of its requester's.
    ///
    /// # Errors
    ///
    /// [`Error::NoRequest`].
    pub fn request_number(&self, name: &str) -> Result<u64> {
        if let Ok(number) = name.parse() {
            return Ok(self.store.request(number)?.number);
        }
        let row = self.store.request_called(name)?;
        row.map(|row| row.number).ok_or_else(|| Error::NoRequest { name: name.to_owned() })
    }

    /// All requests to forget, those that are due first; `now_ms` tells which are late.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn requests(&self, now_ms: i64) -> Result<Vec<RequestLine>> {
        let mut lines = Vec::new();
        for RequestRow { number, request, .. } in self.store.requests()? {
            if request.operation == Operation::Forget {
                let facts: Facts = from_json(&number.to_string(), &request.facts)?;
                lines.push(line(number, &request, facts, now_ms));
            }
        }
        lines.sort_by_key(|line| (!line.open, line.due_ms.unwrap_or(i64::MAX), line.request));
        Ok(lines)
    }

    /// Puts a legal hold on a request that is not carried out yet: when it is, the models forget, and the records are kept.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`] for a request that was carried out, since its records are gone.
    pub fn hold(&mut self, number: u64, reason: &str) -> Result<RequestLine> {
        self.amend(number, "held", &[State::Scoped], |request, facts| {
            facts.hold = Some(reason.to_owned());
            request.state = State::Scoped;
            Ok(())
        })
    }

    /// Lifts a legal hold. The records that it kept are erased, and the trail says so.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`] for a request that no hold is on.
    pub fn release(&mut self, number: u64) -> Result<RequestLine> {
        let row = self.store.request(number)?;
        let facts: Facts = from_json(&number.to_string(), &row.request.facts)?;
        if facts.hold.is_none() {
            return Err(Error::WrongState { request: number, state: "not held", verb: "released" });
        }
        if row.request.state == State::Scoped {
            return self.amend(number, "released", &[State::Scoped], |_, facts| {
                facts.hold = None;
                Ok(())
            });
        }
        let held = self.store.held(number)?;
        let statement = facts.statement.unwrap_or_else(|| Digest::of(b""));
        let reference = (RequestRef { request: row.request.id.clone(), statement }, OfRequest::Number(number));
        let now = self.now();
        let statements = self.purged(&[reference], &held, RELEASE_METHOD, now)?;
        let facts = Facts { hold: None, ..facts };
        let request = Request { state: State::Closed, facts: to_json(&number.to_string(), &facts)?, ..row.request };
        let line = line(number, &request, facts, now_ms());
        let change = Change { requests: vec![RequestRow { request, ..row }], releases: vec![number], statements, ..Change::default() };
        let committed = self.commit_and_state(change)?;
        committed.unfinished.map_or(Ok(line), |error| Err(error.into()))
    }

    /// Takes a request back before it is carried out.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`] for a request that was carried out or closed otherwise.
    pub fn cancel(&mut self, number: u64, reason: &str) -> Result<RequestLine> {
        self.close(number, "cancelled", State::Cancelled, reason)
    }

    /// Refuses a request, with the reason that the requester has to be told.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`] for a request that was carried out or closed otherwise.
    pub fn refuse(&mut self, number: u64, reason: &str) -> Result<RequestLine> {
        self.close(number, "refused", State::Refused, reason)
    }

    fn close(&mut self, number: u64, verb: &'static str, state: State, reason: &str) -> Result<RequestLine> {
        self.amend(number, verb, &[State::Scoped], |request, facts| {
            request.state = state;
            facts.reason = Some(reason.to_owned());
            Ok(())
        })
    }

    /// Notes that the requester was told that the request has arrived.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn confirm(&mut self, number: u64) -> Result<RequestLine> {
        let any = [State::Scoped, State::Published, State::Held, State::Closed];
        self.amend(number, "confirmed", &any, |_, facts| {
            facts.clocks.confirmed_ms = facts.clocks.confirmed_ms.or(Some(now_ms()));
            Ok(())
        })
    }

    /// Notes that the requester was told that the request takes longer, and why: the law gives more time once.
    ///
    /// # Errors
    ///
    /// [`Error::NoExtension`]; [`Error::WrongState`].
    pub fn extend(&mut self, number: u64, reason: &str) -> Result<RequestLine> {
        self.amend(number, "extended", &[State::Scoped], |_, facts| {
            facts.clocks = facts.clocks.extended(now_ms())?;
            facts.reason = Some(reason.to_owned());
            Ok(())
        })
    }

    /// Destroys the key of the keyed hashes: from then on nobody can tell what was forgotten, and it can come back unnoticed.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn destroy_suppression_list(&mut self) -> Result<u64> {
        self.trail()?;
        let names: BTreeSet<Name> = self.store.requests()?.into_iter().map(|row| row.request.dataset).collect();
        let mut welcome = Vec::new();
        for name in names {
            welcome.extend(self.store.forgotten(name.as_str())?.into_iter().map(|tag| (name.clone(), tag)));
        }
        let n = welcome.len() as u64;
        crate::trail::destroy_suppression_key(self.store.path())?;
        let committed = self.commit_and_state(Change { welcome, ..Change::default() })?;
        committed.unfinished.map_or(Ok(n), |error| Err(error.into()))
    }

    fn amend(
        &mut self,
        number: u64,
        verb: &'static str,
        from: &[State],
        amend: impl FnOnce(&mut Request, &mut Facts) -> Result<()>,
    ) -> Result<RequestLine> {
        let RequestRow { carried_with, mut request, .. } = self.store.request(number)?;
        if !from.contains(&request.state) {
            return Err(Error::WrongState { request: number, state: request.state.as_str(), verb });
        }
        let mut facts: Facts = from_json(&number.to_string(), &request.facts)?;
        amend(&mut request, &mut facts)?;
        request.facts = to_json(&number.to_string(), &facts)?;
        let line = line(number, &request, facts, now_ms());
        let change = Change { requests: vec![RequestRow { number, carried_with, request }], ..Change::default() };
        let committed = self.commit_and_state(change)?;
        committed.unfinished.map_or(Ok(line), |error| Err(error.into()))
    }
}

fn line(number: u64, request: &Request, facts: Facts, now_ms: i64) -> RequestLine {
    let open = request.state == State::Scoped;
    let late = open && facts.clocks.due_ms.is_some_and(|due| due < now_ms);
    let unconfirmed = facts.clocks.confirmed_ms.is_none() && facts.clocks.confirm_due_ms.is_some_and(|due| due < now_ms);
    RequestLine {
        request: number,
        id: request.id.to_string(),
        key: request.key.clone(),
        dataset: request.dataset.to_string(),
        state: request.state.as_str(),
        open,
        late: late || (open && unconfirmed),
        records: request.records,
        regime: facts.clocks.regime,
        received_ms: facts.clocks.received_ms,
        confirm_due_ms: facts.clocks.confirm_due_ms,
        confirmed_ms: facts.clocks.confirmed_ms,
        due_ms: facts.clocks.due_ms,
        extended_ms: facts.clocks.extended_ms,
        hold: facts.hold,
        reason: facts.reason,
    }
}

//! The SQL of requests: their rows, their scope, what they forgot and what a legal hold keeps.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use untrain_core::Digest;

use super::rows::{Operation, Request, RequestRow, State};
use super::tables::{Result, digest, name, parsed, rows, unsigned, word};
use crate::{Hash, Name};

const COLUMNS: &str = "number, carried_with, id, key, operation, dataset, state, records, facts, report, created_ms";

pub(super) fn all(connection: &Connection) -> Result<Vec<RequestRow>> {
    rows(connection, &format!("SELECT {COLUMNS} FROM request ORDER BY number"), [], request)
}

/// The requests on a dataset that have come so far and no further.
pub(super) fn in_state(connection: &Connection, dataset: &str, state: State) -> Result<Vec<RequestRow>> {
    let sql = format!("SELECT {COLUMNS} FROM request WHERE state = ?1 AND dataset = ?2 ORDER BY number");
    rows(connection, &sql, [state.as_str(), dataset], request)
}

pub(super) fn numbered(connection: &Connection, number: u64) -> Result<Option<RequestRow>> {
    let sql = format!("SELECT {COLUMNS} FROM request WHERE number = ?1");
    connection.query_row(&sql, [number as i64], request).optional()
}

/// The request with this random id, or that the requester calls so.
pub(super) fn called(connection: &Connection, name: &str) -> Result<Option<RequestRow>> {
    let sql = format!("SELECT {COLUMNS} FROM request WHERE id = ?1 OR key = ?1 ORDER BY key = ?1 DESC LIMIT 1");
    connection.query_row(&sql, [name], request).optional()
}

/// The number that the next request gets.
pub(super) fn next(connection: &Connection) -> Result<u64> {
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'request'";
    Ok(connection.query_row(sql, [], |row| unsigned(row, 0)).optional()?.unwrap_or(0) + 1)
}

pub(super) fn store(transaction: &Transaction<'_>, row: &Request, scope: &[String]) -> Result<u64> {
    let Request { id, key, operation, dataset, state, records, facts, report, created_ms } = row;
    let (operation, state) = (operation.as_str(), state.as_str());
    transaction.execute(
        "INSERT INTO request (id, key, operation, dataset, state, records, facts, report, created_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![id.as_str(), key, operation, dataset.as_str(), state, *records as i64, facts, report, created_ms],
    )?;
    let number = transaction.last_insert_rowid();
    let mut insert = transaction.prepare("INSERT INTO scope (request, id) VALUES (?1, ?2)")?;
    scope.iter().try_for_each(|id| insert.execute(params![number, id]).map(|_| ()))?;
    Ok(number as u64)
}

/// Stores how far a request has come.
pub(super) fn revise(transaction: &Transaction<'_>, row: &RequestRow) -> Result<()> {
    let RequestRow { number, carried_with, request } = row;
    let Request { id: _, key, operation: _, dataset: _, state, records, facts, report, created_ms } = request;
    let (number, with) = (*number as i64, carried_with.map(|number| number as i64));
    transaction.execute(
        "UPDATE request SET carried_with = ?2, key = ?3, state = ?4, records = ?5, facts = ?6, report = ?7, created_ms = ?8
         WHERE number = ?1",
        params![number, with, key, state.as_str(), *records as i64, facts, report, created_ms],
    )?;
    if *state != State::Scoped {
        transaction.execute("DELETE FROM scope WHERE request = ?1", [number])?;
    }
    Ok(())
}

pub(super) fn scope(connection: &Connection, number: u64) -> Result<Vec<String>> {
    rows(connection, "SELECT id FROM scope WHERE request = ?1 ORDER BY id", [number as i64], |row| row.get(0))
}

pub(super) fn hold(transaction: &Transaction<'_>, number: u64, digest: &Digest) -> Result<()> {
    let sql = "INSERT INTO hold (request, digest) VALUES (?1, ?2)";
    transaction.execute(sql, params![number as i64, digest.to_string()]).map(|_| ())
}

pub(super) fn show(transaction: &Transaction<'_>, number: u64, digest: &Digest) -> Result<()> {
    let sql = "INSERT INTO evidence (request, digest) VALUES (?1, ?2) ON CONFLICT (request) DO UPDATE SET digest = excluded.digest";
    transaction.execute(sql, params![number as i64, digest.to_string()]).map(|_| ())
}

pub(super) fn evidence(connection: &Connection, number: u64) -> Result<Option<Digest>> {
    let sql = "SELECT digest FROM evidence WHERE request = ?1";
    connection.query_row(sql, [number as i64], |row| digest(row, 0)).optional()
}

pub(super) fn release(transaction: &Transaction<'_>, number: u64) -> Result<()> {
    transaction.execute("DELETE FROM hold WHERE request = ?1", [number as i64]).map(|_| ())
}

pub(super) fn held(connection: &Connection, number: u64) -> Result<Vec<Digest>> {
    rows(connection, "SELECT digest FROM hold WHERE request = ?1 ORDER BY digest", [number as i64], |row| digest(row, 0))
}

/// Notes what a request forgot; what was noted before stays with the request that forgot it first.
pub(super) fn forget(transaction: &Transaction<'_>, dataset: &Name, tag: &Hash, number: u64) -> Result<()> {
    let sql = "INSERT INTO forgotten (dataset, tag, request) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    transaction.prepare_cached(sql)?.execute(params![dataset.as_str(), tag.to_string(), number as i64]).map(|_| ())
}

pub(super) fn welcome(transaction: &Transaction<'_>, dataset: &Name, tag: &Hash) -> Result<()> {
    let sql = "DELETE FROM forgotten WHERE dataset = ?1 AND tag = ?2";
    transaction.prepare_cached(sql)?.execute([dataset.as_str(), &tag.to_string()]).map(|_| ())
}

pub(super) fn forgotten(connection: &Connection, dataset: &str, tag: &Hash) -> Result<Option<u64>> {
    let sql = "SELECT request FROM forgotten WHERE dataset = ?1 AND tag = ?2";
    connection.prepare_cached(sql)?.query_row([dataset, &tag.to_string()], |row| unsigned(row, 0)).optional()
}

/// All keyed hashes of a dataset.
pub(super) fn tags(connection: &Connection, dataset: &str) -> Result<Vec<Hash>> {
    rows(connection, "SELECT tag FROM forgotten WHERE dataset = ?1 ORDER BY tag", [dataset], |row| parsed(row, 0))
}

fn request(row: &Row<'_>) -> Result<RequestRow> {
    // A request of the first format has no random id; its number is as good.
    let id: Option<String> = row.get(2)?;
    let id = if id.is_some() { name(row, 2)? } else { fallback(unsigned(row, 0)?)? };
    let request = Request {
        id,
        key: row.get(3)?,
        operation: word(row, 4, &Operation::ALL, Operation::as_str)?,
        dataset: name(row, 5)?,
        state: word(row, 6, &State::ALL, State::as_str)?,
        records: unsigned(row, 7)?,
        facts: row.get(8)?,
        report: row.get(9)?,
        created_ms: row.get(10)?,
    };
    Ok(RequestRow { number: unsigned(row, 0)?, carried_with: row.get::<_, Option<i64>>(1)?.map(|number| number as u64), request })
}

fn fallback(number: u64) -> Result<Name> {
    format!("request-{number}").parse().map_err(|_| rusqlite::Error::InvalidQuery)
}

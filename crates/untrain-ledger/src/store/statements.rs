//! The SQL of statements on their way to the log.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use untrain_core::Digest;

use super::rows::{NewStatement, OfRequest, Place, StatementRow};
use super::tables::{Result, digest, name, rows, unsigned, word};
use crate::statement::Kind;

const COLUMNS: &str = "number, kind, digest, request, model, version, after_erasing, entry, place";

pub(super) fn store(transaction: &Transaction<'_>, row: &NewStatement, new: Option<u64>) -> Result<()> {
    let NewStatement { kind, entry, request, model, after_erasing } = row;
    let request = request.and_then(|request| of(request, new)).map(|number| number as i64);
    let (model, version) = model.as_ref().map(|(name, version)| (name.as_str(), *version as i64)).unzip();
    transaction.execute(
        "INSERT INTO statement (kind, digest, request, model, version, after_erasing, entry) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![kind.name(), Digest::of(entry).to_string(), request, model, version, after_erasing, entry],
    )?;
    Ok(())
}

/// Stores a statement that is in the log already.
pub(super) fn adopt(transaction: &Transaction<'_>, row: &NewStatement, place: u64, new: Option<u64>) -> Result<()> {
    store(transaction, row, new)?;
    log(transaction, transaction.last_insert_rowid() as u64, place)
}

pub(super) fn of(request: OfRequest, new: Option<u64>) -> Option<u64> {
    match request {
        OfRequest::New => new,
        OfRequest::Number(number) => Some(number),
    }
}

pub(super) fn log(transaction: &Transaction<'_>, number: u64, place: u64) -> Result<()> {
    let sql = "UPDATE statement SET entry = NULL, place = ?2 WHERE number = ?1";
    transaction.execute(sql, [number as i64, place as i64]).map(|_| ())
}

/// What waits for the log, the oldest first.
pub(super) fn waiting(connection: &Connection) -> Result<Vec<StatementRow>> {
    rows(connection, &format!("SELECT {COLUMNS} FROM statement WHERE entry IS NOT NULL ORDER BY number"), [], statement)
}

pub(super) fn of_request(connection: &Connection, request: u64) -> Result<Vec<StatementRow>> {
    rows(connection, &format!("SELECT {COLUMNS} FROM statement WHERE request = ?1 ORDER BY number"), [request as i64], statement)
}

pub(super) fn of_model(connection: &Connection, model: &str, version: u64) -> Result<Vec<StatementRow>> {
    let sql = format!("SELECT {COLUMNS} FROM statement WHERE model = ?1 AND version = ?2 ORDER BY number");
    rows(connection, &sql, params![model, version as i64], statement)
}

/// The last statement before another that says how a model or a dataset stands.
pub(super) fn before(connection: &Connection, number: u64) -> Result<Option<StatementRow>> {
    let sql = format!("SELECT {COLUMNS} FROM statement WHERE number < ?1 AND kind IN ('train', 'erasure') ORDER BY number DESC LIMIT 1");
    connection.query_row(&sql, [number as i64], statement).optional()
}

/// How many entries of the log are statements of this store, as far as the database knows.
pub(super) fn logged(connection: &Connection) -> Result<u64> {
    connection.query_row("SELECT coalesce(max(place) + 1, 0) FROM statement", [], |row| unsigned(row, 0))
}

fn statement(row: &Row<'_>) -> Result<StatementRow> {
    let entry: Option<Vec<u8>> = row.get(7)?;
    let model: Option<String> = row.get(4)?;
    Ok(StatementRow {
        number: unsigned(row, 0)?,
        kind: word(row, 1, &Kind::ALL, Kind::name)?,
        digest: digest(row, 2)?,
        request: row.get::<_, Option<i64>>(3)?.map(|number| number as u64),
        model: if model.is_some() { Some((name(row, 4)?, unsigned(row, 5)?)) } else { None },
        after_erasing: row.get(6)?,
        place: match entry {
            Some(entry) => Place::Waiting(entry),
            None => Place::Logged(unsigned(row, 8)?),
        },
    })
}

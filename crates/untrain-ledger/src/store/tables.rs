//! The SQL of the rows.

use std::collections::BTreeSet;

use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, Transaction, params};
use untrain_core::Digest;

use super::rows::{BucketRow, Committing, DatasetRow, Event, ModelRow, Part, Publication, Version};
use crate::Name;

pub(super) type Result<T> = rusqlite::Result<T>;

pub(super) fn datasets(connection: &Connection) -> Result<Vec<DatasetRow>> {
    let sql = "SELECT name, version, schema, records, created_ms, bucket_bits, commitment FROM dataset ORDER BY name";
    let mut rows = rows(connection, sql, [], dataset)?;
    for row in &mut rows {
        if let Some(commitment) = &mut row.commitment {
            let sql = "SELECT prefix, digest, root FROM bucket WHERE dataset = ?1 ORDER BY prefix";
            commitment.buckets = self::rows(connection, sql, [row.name.as_str()], bucket)?;
        }
        let sql = "SELECT position, digest, records FROM part WHERE dataset = ?1 ORDER BY position";
        row.parts = self::rows(connection, sql, [row.name.as_str()], part)?;
    }
    Ok(rows)
}

pub(super) fn models(connection: &Connection) -> Result<Vec<ModelRow>> {
    let sql = "SELECT name, dataset, version, recipe, artefact, state, records, guarantee, seconds, total_seconds, created_ms
               FROM model ORDER BY name";
    rows(connection, sql, [], model)
}

pub(super) fn publications(connection: &Connection, model: &str) -> Result<Vec<Publication>> {
    let sql = "SELECT version, event, request, artefact, state, records, guarantee, created_ms
               FROM publication WHERE model = ?1 ORDER BY version";
    rows(connection, sql, [model], publication)
}

/// The digests that any row refers to in order to read its bytes.
pub(super) fn referenced(connection: &Connection) -> Result<BTreeSet<Digest>> {
    let sql = "SELECT digest FROM part UNION SELECT digest FROM bucket UNION SELECT digest FROM hold UNION SELECT digest FROM evidence
               UNION SELECT artefact FROM model UNION SELECT state FROM model";
    Ok(rows(connection, sql, [], |row| digest(row, 0))?.into_iter().collect())
}

pub(super) fn names(connection: &Connection, table: Table) -> Result<Vec<String>> {
    rows(connection, table.pick("SELECT name FROM dataset", "SELECT name FROM model"), [], |row| row.get(0))
}

/// The version that is stored under this name, or 0.
pub(super) fn stored_version(connection: &Connection, table: Table, name: &Name) -> Result<u64> {
    let sql = table.pick("SELECT version FROM dataset WHERE name = ?1", "SELECT version FROM model WHERE name = ?1");
    Ok(connection.query_row(sql, [name.as_str()], |row| unsigned(row, 0)).optional()?.unwrap_or(0))
}

pub(super) fn drop_row(transaction: &Transaction<'_>, table: Table, name: &Name) -> Result<()> {
    let sql = table.pick("DELETE FROM dataset WHERE name = ?1", "DELETE FROM model WHERE name = ?1");
    transaction.execute(sql, [name.as_str()]).map(|_| ())
}

pub(super) fn store_dataset(transaction: &Transaction<'_>, row: &DatasetRow) -> Result<()> {
    let DatasetRow { name, version, schema, records, parts, commitment, created_ms } = row;
    let (bits, root) = (commitment.as_ref().map(|c| c.bits), commitment.as_ref().map(|c| c.root.to_string()));
    transaction.execute(
        "INSERT INTO dataset (name, version, schema, records, created_ms, bucket_bits, commitment) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (name) DO UPDATE SET version = excluded.version, schema = excluded.schema, records = excluded.records,
                                          created_ms = excluded.created_ms, bucket_bits = excluded.bucket_bits,
                                          commitment = excluded.commitment",
        params![name.as_str(), *version as i64, schema, *records as i64, created_ms, bits, root],
    )?;
    transaction.execute("DELETE FROM bucket WHERE dataset = ?1", [name.as_str()])?;
    let mut insert = transaction.prepare("INSERT INTO bucket (dataset, prefix, digest, root) VALUES (?1, ?2, ?3, ?4)")?;
    for BucketRow { prefix, digest, root } in commitment.iter().flat_map(|commitment| &commitment.buckets) {
        insert.execute(params![name.as_str(), prefix, digest.to_string(), root.to_string()])?;
    }
    transaction.execute("DELETE FROM part WHERE dataset = ?1", [name.as_str()])?;
    let mut insert = transaction.prepare("INSERT INTO part (dataset, position, digest, records) VALUES (?1, ?2, ?3, ?4)")?;
    for Part { index, digest, records } in parts {
        insert.execute(params![name.as_str(), index, digest.to_string(), *records as i64])?;
    }
    Ok(())
}

pub(super) fn store_model(transaction: &Transaction<'_>, row: &Version, request: Option<u64>) -> Result<()> {
    let Version { model, event } = row;
    let ModelRow { name, dataset, version, recipe, artefact, state, records, guarantee, seconds, total_seconds, created_ms } = model;
    let (artefact, state, version, records) = (artefact.to_string(), state.to_string(), *version as i64, *records as i64);
    transaction.execute(
        "INSERT INTO model (name, dataset, version, recipe, artefact, state, records, guarantee, seconds, total_seconds, created_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (name) DO UPDATE SET
             dataset = excluded.dataset, version = excluded.version, recipe = excluded.recipe, artefact = excluded.artefact,
             state = excluded.state, records = excluded.records, guarantee = excluded.guarantee, seconds = excluded.seconds,
             total_seconds = excluded.total_seconds, created_ms = excluded.created_ms",
        params![name.as_str(), dataset.as_str(), version, recipe, artefact, state, records, guarantee, seconds, total_seconds, created_ms],
    )?;
    transaction.execute(
        "INSERT INTO publication (model, version, event, request, artefact, state, records, guarantee, created_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            name.as_str(),
            version,
            event.as_str(),
            request.map(|number| number as i64),
            artefact,
            state,
            records,
            guarantee,
            created_ms
        ],
    )?;
    Ok(())
}

/// One of the two tables whose rows have names and versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Dataset,
    Model,
}

impl Table {
    /// What a row of the table is called.
    pub(super) fn word(self) -> &'static str {
        self.pick("dataset", "model")
    }

    fn pick<T>(self, dataset: T, model: T) -> T {
        match self {
            Self::Dataset => dataset,
            Self::Model => model,
        }
    }
}

fn dataset(row: &Row<'_>) -> Result<DatasetRow> {
    Ok(DatasetRow {
        name: name(row, 0)?,
        version: unsigned(row, 1)?,
        schema: row.get(2)?,
        records: unsigned(row, 3)?,
        parts: Vec::new(),
        commitment: committing(row)?,
        created_ms: row.get(4)?,
    })
}

/// The commitment of a dataset, without its buckets.
fn committing(row: &Row<'_>) -> Result<Option<Committing>> {
    let bits: Option<u8> = row.get(5)?;
    bits.map(|bits| Ok(Committing { root: parsed(row, 6)?, bits, buckets: Vec::new() })).transpose()
}

fn bucket(row: &Row<'_>) -> Result<BucketRow> {
    Ok(BucketRow { prefix: row.get(0)?, digest: digest(row, 1)?, root: parsed(row, 2)? })
}

fn part(row: &Row<'_>) -> Result<Part> {
    Ok(Part { index: row.get(0)?, digest: digest(row, 1)?, records: unsigned(row, 2)? })
}

fn model(row: &Row<'_>) -> Result<ModelRow> {
    Ok(ModelRow {
        name: name(row, 0)?,
        dataset: name(row, 1)?,
        version: unsigned(row, 2)?,
        recipe: row.get(3)?,
        artefact: digest(row, 4)?,
        state: digest(row, 5)?,
        records: unsigned(row, 6)?,
        guarantee: row.get(7)?,
        seconds: row.get(8)?,
        total_seconds: row.get(9)?,
        created_ms: row.get(10)?,
    })
}

fn publication(row: &Row<'_>) -> Result<Publication> {
    Ok(Publication {
        version: unsigned(row, 0)?,
        event: word(row, 1, &Event::ALL, Event::as_str)?,
        request: row.get::<_, Option<i64>>(2)?.map(|number| number as u64),
        artefact: digest(row, 3)?,
        state: digest(row, 4)?,
        records: unsigned(row, 5)?,
        guarantee: row.get(6)?,
        created_ms: row.get(7)?,
    })
}

pub(super) fn rows<T>(connection: &Connection, sql: &str, given: impl Params, read: fn(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
    connection.prepare(sql)?.query_map(given, read)?.collect()
}

/// SQLite's integers are signed; the same 64 bits come back as went in.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get::<_, i64>(column).map(|number| number as u64)
}

pub(super) fn digest(row: &Row<'_>, column: usize) -> Result<Digest> {
    parsed(row, column)
}

pub(super) fn name(row: &Row<'_>, column: usize) -> Result<Name> {
    parsed(row, column)
}

pub(super) fn parsed<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(row: &Row<'_>, column: usize) -> Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// The value whose word stands in the column.
pub(super) fn word<T: Copy>(row: &Row<'_>, column: usize, all: &[T], as_str: fn(T) -> &'static str) -> Result<T> {
    let found: String = row.get(column)?;
    let value = all.iter().copied().find(|value| as_str(*value) == found);
    value.ok_or_else(|| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(FromSqlError::InvalidType)))
}

//! Epochs: which there were, which key is current, and how keys are left behind and destroyed.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior, params};

use super::Store;
use super::epoch::{self, EpochKey, KEYS};
use crate::{Error, Hash, Result};

/// A time during which all keys of blobs were wrapped under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// Its number; numbers grow and are never used twice.
    pub number: u64,
    /// Whether it is the store's own epoch. There is one, and its key cannot be destroyed.
    pub current: bool,
    /// Whether its key is destroyed, or will be by the next writer.
    pub destroyed: bool,
    /// The backup that its key opens, or opened.
    pub backup: Option<Backup>,
}

/// What is in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// The epoch whose key opens it.
    pub epoch: u64,
    /// When it was made, in Unix milliseconds.
    pub made_ms: i64,
    /// How many datasets it has.
    pub datasets: u64,
    /// How many models it has.
    pub models: u64,
    /// How many records its datasets have together.
    pub records: u64,
    /// The number of the last request that it knows; those after it have to be carried out again when it is restored.
    pub requests: u64,
    /// How many entries the log in `trail/` has in it, if there is a log.
    pub trail: Option<u64>,
}

/// What a rotation did. The new epoch itself is durable.
#[derive(Debug)]
#[must_use = "`unfinished` tells whether the old key is gone"]
pub struct Rotated {
    /// The new epoch.
    pub epoch: u64,
    /// Why the old key, or old content of the database, is still there, if it is. The next opening for writing tries again.
    pub unfinished: Option<Error>,
}

impl Store {
    /// All epochs, the first one first.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn epochs(&self) -> Result<Vec<Epoch>> {
        all(&self.connection).map_err(Error::database(&self.database))
    }

    /// Begins an epoch: wraps the keys of all blobs under a new key, and destroys the old one unless a backup needs it.
    ///
    /// # Guarantee
    ///
    /// Whoever has an old copy of the directory without `keys/`, made by whatever program, cannot read its blobs once this
    /// has returned with nothing unfinished, unless a backup made by [`backup`](Self::backup) keeps that epoch's key.
    ///
    /// # Errors
    ///
    /// [`Error::OpenedForReading`]; [`Error::Io`]; [`Error::Randomness`]; [`Error::Database`].
    pub fn rotate(&mut self) -> Result<Rotated> {
        self.rotate_for(None)
    }

    /// As [`rotate`](Self::rotate), but keeps the old key for a backup.
    pub(super) fn rotate_for(&mut self, backup: Option<&Backup>) -> Result<Rotated> {
        self.require_write()?;
        let (keys, old) = (self.dir.join(KEYS), self.vault.epoch().number());
        // The key is durable before anything is wrapped under it, and the old one is there until nothing is.
        let next = EpochKey::make(&keys, old + 1)?;
        let file = &self.database;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(Error::database(file))?;
        self.vault.rewrap(&transaction, &next)?;
        let kept = leave(&transaction, old, backup).and_then(|kept| begin(&transaction, &next).map(|()| kept));
        let kept = kept.map_err(Error::database(file))?;
        transaction.commit().map_err(Error::database(file))?;
        let epoch = next.number();
        self.vault.enter(next);
        // Keys that are wrapped under the old epoch's key stay in the room between rows otherwise.
        let pages = self.erase_old_pages(true);
        let destroyed = if kept { Ok(()) } else { epoch::destroy(&keys, old) };
        Ok(Rotated { epoch, unfinished: pages.and(destroyed).err() })
    }

    /// Destroys the key of an epoch that is over, and with it for ever the means to read the backup that it served.
    ///
    /// Copies of the key elsewhere, of which this program makes one where it [restores](Self::restore), are the caller's to
    /// destroy. What a disk keeps of the key's blocks is out of this program's reach.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEpoch`]; [`Error::EpochInUse`] for the store's own; [`Error::MissingEpochKey`] for a key that is not
    /// there although nobody destroyed it; [`Error::OpenedForReading`]; [`Error::Database`]. After an [`Error::Io`] the epoch
    /// counts as destroyed, and the next opening for writing tries to erase the key again.
    pub fn destroy_epoch(&mut self, number: u64) -> Result<()> {
        self.require_write()?;
        let keys = self.dir.join(KEYS);
        let found = self.epochs()?.into_iter().find(|epoch| epoch.number == number).ok_or(Error::UnknownEpoch { epoch: number })?;
        if found.current {
            return Err(Error::EpochInUse { epoch: number });
        }
        if !found.destroyed {
            let path = epoch::path(&keys, number);
            if !path.is_file() {
                return Err(Error::MissingEpochKey { epoch: number, path });
            }
            let sql = "UPDATE epoch SET destroyed = 1 WHERE number = ?1";
            self.connection.execute(sql, [number as i64]).map_err(Error::database(&self.database))?;
            self.erase_old_pages(false)?;
        }
        epoch::destroy(&keys, number)
    }
}

/// The first epoch of a store that is being made, or of one that has no epochs yet.
pub(super) fn found(transaction: &Transaction<'_>, database: &Path, keys: &Path) -> Result<EpochKey> {
    let key = EpochKey::make(keys, 1)?;
    begin(transaction, &key).map_err(Error::database(database))?;
    Ok(key)
}

/// The key of the current epoch.
pub(super) fn current(connection: &Connection, database: &Path, keys: &Path) -> Result<EpochKey> {
    let sql = "SELECT number, fingerprint FROM epoch ORDER BY number DESC LIMIT 1";
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)? as u64, parsed(row, 1)?));
    let (number, fingerprint) = connection.query_row(sql, [], read).map_err(Error::database(database))?;
    EpochKey::load_known(keys, number, &fingerprint)
}

/// Destroys the keys whose epochs count as destroyed, and what killed writers of keys left.
pub(super) fn finish_destroying(connection: &Connection, database: &Path, keys: &Path) -> Result<()> {
    let destroyed: BTreeSet<u64> =
        all(connection).map_err(Error::database(database))?.into_iter().filter(|epoch| epoch.destroyed).map(|epoch| epoch.number).collect();
    let stored = epoch::stored(keys)?;
    stored.into_iter().filter(|number| destroyed.contains(number)).try_for_each(|number| epoch::destroy(keys, number))?;
    epoch::erase_unfinished(keys)
}

/// Notes that the store has moved on; tells whether the key is kept for a backup.
fn leave(transaction: &Transaction<'_>, number: u64, backup: Option<&Backup>) -> rusqlite::Result<bool> {
    if let Some(backup) = backup {
        serve(transaction, backup)?;
    }
    let sql = "UPDATE epoch SET destroyed = made_ms IS NULL WHERE number = ?1 RETURNING NOT destroyed";
    transaction.query_row(sql, [number as i64], |row| row.get(0))
}

/// Notes that a backup needs the key of its epoch.
pub(super) fn serve(connection: &Connection, backup: &Backup) -> rusqlite::Result<()> {
    let Backup { epoch, made_ms, datasets, models, records, requests, trail } = *backup;
    let sql = "UPDATE epoch SET made_ms = ?2, datasets = ?3, models = ?4, records = ?5, requests = ?6, trail = ?7 WHERE number = ?1";
    let trail = trail.map(|size| size as i64);
    let numbers = params![epoch as i64, made_ms, datasets as i64, models as i64, records as i64, requests as i64, trail];
    connection.execute(sql, numbers).map(|_| ())
}

fn begin(transaction: &Transaction<'_>, key: &EpochKey) -> rusqlite::Result<()> {
    let sql = "INSERT INTO epoch (number, fingerprint) VALUES (?1, ?2)";
    transaction.execute(sql, params![key.number() as i64, key.fingerprint().to_string()]).map(|_| ())
}

fn all(connection: &Connection) -> rusqlite::Result<Vec<Epoch>> {
    let sql = "SELECT number, destroyed, made_ms, datasets, models, records, requests, trail,
                      number = (SELECT max(number) FROM epoch) FROM epoch ORDER BY number";
    connection.prepare(sql)?.query_map([], row)?.collect()
}

fn row(row: &Row<'_>) -> rusqlite::Result<Epoch> {
    let count = |column| row.get::<_, Option<i64>>(column).map(|count| count.map(|count| count as u64));
    let number = row.get::<_, i64>(0)? as u64;
    let backup = match row.get(2)? {
        None => None,
        Some(made_ms) => Some(Backup {
            epoch: number,
            made_ms,
            datasets: count(3)?.unwrap_or(0),
            models: count(4)?.unwrap_or(0),
            records: count(5)?.unwrap_or(0),
            requests: count(6)?.unwrap_or(0),
            trail: count(7)?,
        }),
    };
    Ok(Epoch { number, current: row.get(8)?, destroyed: row.get(1)?, backup })
}

fn parsed(row: &Row<'_>, column: usize) -> rusqlite::Result<Hash> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// Whether the store was restored and what was forgotten since is not forgotten again yet.
pub(super) fn is_restoring(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(connection.query_row("SELECT one FROM restoring", [], |_| Ok(())).optional()?.is_some())
}

/// Errs unless the store is being restored, or is not, as the caller wants it.
pub(super) fn require_restoring(connection: &Connection, database: &Path, dir: &Path, wanted: bool) -> Result<()> {
    let path = dir.to_owned();
    match is_restoring(connection).map_err(Error::database(database))? {
        true if !wanted => Err(Error::Restoring { path }),
        false if wanted => Err(Error::NotRestoring { path }),
        _ => Ok(()),
    }
}

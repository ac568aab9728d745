//! Which key opens which blob.
//!
//! A blob's key is drawn when the blob is put and lives in memory until the commit that first refers to the blob. The commit
//! wraps it under the key of the epoch, in a row that leaves with the last reference to the blob.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;

use rayon::prelude::*;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use untrain_core::Digest;

use super::blobs::{BlobName, Blobs};
use super::epoch::EpochKey;
use super::seal::{Key, NONCE};
use super::tables;
use crate::{Error, Result};

/// A blob's key encrypts one text and no other, so its nonce need not vary.
const ONLY_NONCE: [u8; NONCE] = [0; NONCE];

/// The blobs of a store and the keys to them.
#[derive(Debug)]
pub(super) struct Vault {
    blobs: Blobs,
    database: PathBuf,
    epoch: EpochKey,
    /// What was put and is not committed.
    pending: RefCell<BTreeMap<Digest, Sealed>>,
    /// Files that were written and may not have reached the disk.
    unsynced: RefCell<BTreeSet<BlobName>>,
    /// Whose a file is, or was, as far as this process has seen.
    owners: RefCell<BTreeMap<BlobName, Digest>>,
}

/// Where the encrypted bytes are, and the key to them.
#[derive(Debug, Clone)]
pub(super) struct Sealed {
    pub(super) name: BlobName,
    pub(super) key: Key,
}

/// A row of the table of keys.
pub(super) struct Entry {
    pub(super) digest: Digest,
    pub(super) name: BlobName,
    wrapped: Vec<u8>,
}

impl Vault {
    pub(super) fn new(blobs: PathBuf, database: PathBuf, epoch: EpochKey) -> Self {
        let (pending, unsynced, owners) = Default::default();
        Self { blobs: Blobs::new(blobs), database, epoch, pending, unsynced, owners }
    }

    pub(super) fn epoch(&self) -> &EpochKey {
        &self.epoch
    }

    /// From now on keys are wrapped under this one.
    pub(super) fn enter(&mut self, epoch: EpochKey) {
        self.epoch = epoch;
    }

    /// Encrypts the bytes and writes them, to be made durable by [`flush`](Self::flush). Bytes that are there already are not
    /// written again, unless their file was damaged since.
    pub(super) fn put(&self, connection: &Connection, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        let known = match self.sealed(connection, &digest) {
            // What is under a key that is lost is written anew, under another.
            Err(Error::DamagedBlobKey { .. }) => None,
            known => known?,
        };
        let sealed = match known {
            Some(sealed) => sealed,
            None => Sealed { name: BlobName::random()?, key: Key::generate()? },
        };
        let encrypted = sealed.key.seal(ONLY_NONCE, digest.as_bytes(), bytes);
        if self.blobs.read(&sealed.name).is_ok_and(|there| there.is_some_and(|there| there == encrypted)) {
            return Ok(digest);
        }
        self.blobs.write(&sealed.name, &encrypted)?;
        self.unsynced.borrow_mut().insert(sealed.name.clone());
        self.owners.borrow_mut().insert(sealed.name.clone(), digest);
        self.pending.borrow_mut().insert(digest, sealed);
        Ok(digest)
    }

    /// The bytes with this digest, verified.
    pub(super) fn blob(&self, connection: &Connection, digest: &Digest) -> Result<Vec<u8>> {
        unsealed(&self.blobs, digest, &self.require_key(connection, digest)?)
    }

    /// The bytes with each of these digests, verified.
    pub(super) fn blobs(&self, connection: &Connection, digests: &[Digest]) -> Result<Vec<Vec<u8>>> {
        let sealed = digests.iter().map(|digest| Ok((*digest, self.require_key(connection, digest)?))).collect::<Result<Vec<_>>>()?;
        let blobs = &self.blobs;
        sealed.par_iter().map(|(digest, sealed)| unsealed(blobs, digest, sealed)).collect()
    }

    /// Errs unless there are bytes with this digest.
    pub(super) fn require(&self, connection: &Connection, digest: &Digest) -> Result<()> {
        let path = self.blobs.path(&self.require_key(connection, digest)?.name);
        if path.is_file() { Ok(()) } else { Err(Error::MissingBlob { digest: *digest, path }) }
    }

    /// Makes what was put durable.
    pub(super) fn flush(&self) -> Result<()> {
        self.blobs.sync(&*self.unsynced.borrow())?;
        self.unsynced.borrow_mut().clear();
        Ok(())
    }

    /// Makes the keys in the transaction those of the blobs that its rows refer to, of all of them and of no others.
    pub(super) fn settle(&self, transaction: &Transaction<'_>) -> Result<()> {
        let mut unreferenced: BTreeMap<Digest, BlobName> =
            self.read(entries(transaction))?.into_iter().map(|entry| (entry.digest, entry.name)).collect();
        let pending = self.pending.borrow();
        for digest in self.read(tables::referenced(transaction))? {
            unreferenced.remove(&digest);
            if let Some(Sealed { name, key }) = pending.get(&digest) {
                let wrapped = self.epoch.wrap(&digest, name, key)?;
                self.read(store(transaction, &digest, name, &wrapped))?;
            }
        }
        for (digest, name) in unreferenced {
            self.read(transaction.execute("DELETE FROM blob_key WHERE digest = ?1", [digest.to_string()]))?;
            self.owners.borrow_mut().insert(name, digest);
        }
        Ok(())
    }

    /// Erases every file without a key in the database, and tells whose they were, as far as this process knows.
    pub(super) fn sweep(&self, connection: &Connection, erased: &mut Vec<Digest>) -> Result<()> {
        self.pending.borrow_mut().clear();
        self.unsynced.borrow_mut().clear();
        let kept: BTreeSet<BlobName> = self.read(entries(connection))?.into_iter().map(|entry| entry.name).collect();
        let mut names = Vec::new();
        let swept = self.blobs.sweep(&kept, &mut names);
        let mut owners = self.owners.borrow_mut();
        erased.extend(names.iter().filter_map(|name| owners.remove(name)));
        owners.retain(|name, _| !kept.contains(name));
        swept
    }

    /// Wraps all keys in the transaction under the key of another epoch.
    pub(super) fn rewrap(&self, transaction: &Transaction<'_>, epoch: &EpochKey) -> Result<()> {
        for Entry { digest, name, wrapped } in self.read(entries(transaction))? {
            // A key that is damaged opens under no epoch; its blob is reported when it is read.
            if let Some(key) = self.epoch.unwrap(&digest, &name, &wrapped) {
                let wrapped = epoch.wrap(&digest, &name, &key)?;
                self.read(store(transaction, &digest, &name, &wrapped))?;
            }
        }
        Ok(())
    }

    /// The encrypted bytes of every blob in turn, found to be what they should.
    pub(super) fn export(&self, connection: &Connection, mut write: impl FnMut(&BlobName, &[u8]) -> Result<()>) -> Result<()> {
        for entry in self.read(entries(connection))? {
            let (path, sealed) = (self.blobs.path(&entry.name), self.unwrapped(&entry)?);
            let digest = entry.digest;
            let encrypted = self.blobs.read(&entry.name)?.ok_or(Error::MissingBlob { digest, path })?;
            opened(&self.blobs, &digest, &sealed, &encrypted)?;
            write(&entry.name, &encrypted)?;
        }
        Ok(())
    }

    /// Encrypts the plain blobs of an older format, in the transaction that makes the current format of it.
    ///
    /// Bytes that are damaged stay damaged, and are reported when they are read. The plain files are left to the sweep.
    pub(super) fn encrypt_plain(&self, transaction: &Transaction<'_>) -> Result<()> {
        let mut names = Vec::new();
        for digest in self.read(tables::referenced(transaction))? {
            let path = self.blobs.plain_path(&digest.to_string());
            let bytes = match fs::read(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                bytes => bytes.map_err(Error::io("read", &path))?,
            };
            let (name, key) = (BlobName::random()?, Key::generate()?);
            self.blobs.write(&name, &key.seal(ONLY_NONCE, digest.as_bytes(), &bytes))?;
            self.read(store(transaction, &digest, &name, &self.epoch.wrap(&digest, &name, &key)?))?;
            names.push(name);
        }
        self.blobs.sync(&names)
    }

    fn require_key(&self, connection: &Connection, digest: &Digest) -> Result<Sealed> {
        let missing = || Error::MissingBlob { digest: *digest, path: self.blobs.dir().to_owned() };
        self.sealed(connection, digest)?.ok_or_else(missing)
    }

    fn sealed(&self, connection: &Connection, digest: &Digest) -> Result<Option<Sealed>> {
        if let Some(sealed) = self.pending.borrow().get(digest) {
            return Ok(Some(sealed.clone()));
        }
        let sql = "SELECT digest, file, wrapped FROM blob_key WHERE digest = ?1";
        let found = connection.prepare_cached(sql).and_then(|mut sql| sql.query_row([digest.to_string()], entry).optional());
        self.read(found)?.map(|entry| self.unwrapped(&entry)).transpose()
    }

    fn unwrapped(&self, entry: &Entry) -> Result<Sealed> {
        let Entry { digest, name, wrapped } = entry;
        let key = self.epoch.unwrap(digest, name, wrapped);
        let key = key.ok_or_else(|| Error::DamagedBlobKey { digest: *digest, path: self.database.clone() })?;
        Ok(Sealed { name: name.clone(), key })
    }

    fn read<T>(&self, outcome: rusqlite::Result<T>) -> Result<T> {
        outcome.map_err(Error::database(&self.database))
    }
}

/// The bytes of a blob, verified.
fn unsealed(blobs: &Blobs, digest: &Digest, sealed: &Sealed) -> Result<Vec<u8>> {
    let path = blobs.path(&sealed.name);
    let Some(bytes) = blobs.read(&sealed.name)? else { return Err(Error::MissingBlob { digest: *digest, path }) };
    opened(blobs, digest, sealed, &bytes)
}

/// What encrypted bytes are, if they are those that were stored.
fn opened(blobs: &Blobs, digest: &Digest, sealed: &Sealed, encrypted: &[u8]) -> Result<Vec<u8>> {
    let opened = sealed.key.open(ONLY_NONCE, digest.as_bytes(), encrypted.to_vec());
    // What was damaged before it was encrypted, by an upgrade from format 2, is found by its digest.
    let opened = opened.filter(|opened| Digest::of(opened) == *digest);
    opened.ok_or_else(|| Error::DamagedBlob {
        digest: *digest,
        path: blobs.path(&sealed.name),
        found: Digest::of(encrypted),
        bytes: encrypted.len() as u64,
    })
}

/// The files that the rows have keys to.
pub(super) fn entries(connection: &Connection) -> rusqlite::Result<Vec<Entry>> {
    connection.prepare("SELECT digest, file, wrapped FROM blob_key ORDER BY digest")?.query_map([], entry)?.collect()
}

fn store(transaction: &Transaction<'_>, digest: &Digest, name: &BlobName, wrapped: &[u8]) -> rusqlite::Result<()> {
    let sql = "INSERT INTO blob_key (digest, file, wrapped) VALUES (?1, ?2, ?3)
               ON CONFLICT (digest) DO UPDATE SET file = excluded.file, wrapped = excluded.wrapped";
    transaction.prepare_cached(sql)?.execute(params![digest.to_string(), name.as_str(), wrapped]).map(|_| ())
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let (digest, name): (String, String) = (row.get(0)?, row.get(1)?);
    Ok(Entry {
        digest: digest.parse().map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))?,
        name: name.parse().map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, Box::new(error)))?,
        wrapped: row.get(2)?,
    })
}

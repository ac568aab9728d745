//! Restoring: a backup becomes a store again, which stays closed until what was forgotten since is forgotten again.

use std::fs;
use std::io::{self, Cursor};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Transaction};

use super::backup::about_database;
use super::epoch::{self, EpochKey, KEYS};
use super::epochs::{self, Backup};
use super::filling::{Filling, publish, require_vacant};
use super::manifest::{Manifest, SEALED};
use super::{Change, Committed, DATABASE, Store};
use crate::files::{erase, sync_dir};
use crate::lock::{Access, Lock};
use crate::{Error, Result};

/// The file that tells, until the database is there, that the directory is being filled from a backup, and from which.
const MARKER: &str = "restoring";
/// What a restoring that was killed may leave beside the marker.
const BEGUN: [&str; 2] = ["lock", "restoring.next"];
const LOG: [&str; 2] = ["untrain.db-wal", "untrain.db-shm"];
/// The bytes of a database's header that say whether it has a write-ahead log.
const JOURNAL_MODE: std::ops::Range<usize> = 18..20;

impl Store {
    /// Makes a store of a backup in an absent or empty directory, with the epoch's key from the directory `keys`.
    ///
    /// The store is closed: [`open`](Self::open) refuses it with [`Error::Restoring`] until
    /// [`finish_restore`](Self::finish_restore), through [`open_restoring`](Self::open_restoring), says that what was forgotten
    /// after the backup was forgotten again. The key is copied: to make the backup unreadable afterwards, destroy both copies.
    ///
    /// # Guarantee
    ///
    /// Nothing is written before every file of the backup is found to be as it was written. A process that is killed leaves no
    /// store, or the whole one, closed; what it leaves is no obstacle to restoring the same backup again.
    ///
    /// # Errors
    ///
    /// [`Error::NotABackup`]; [`Error::NewerBackup`] and [`Error::NewerFormat`]; [`Error::DamagedBackup`] with the file;
    /// [`Error::MissingEpochKey`], [`Error::WrongEpochKey`] and [`Error::Exposed`]; [`Error::NotVacant`]; [`Error::Busy`];
    /// [`Error::Io`]; [`Error::Database`].
    pub fn restore(from: &Path, keys: &Path, to: &Path) -> Result<Backup> {
        let manifest = Manifest::read(from)?;
        let backup = manifest.backup();
        let key = EpochKey::load_known(keys, backup.epoch, manifest.fingerprint())?;
        let sealed = manifest.verify(from)?;
        let damaged = || Error::DamagedBackup { path: from.join(SEALED), reason: "it does not open under the epoch's key".to_owned() };
        let database = key.open(&about_database(&backup), &sealed).ok_or_else(damaged)?;
        let database = closed(database, &backup).map_err(Error::database(&from.join(SEALED)))?;

        let marker = format!("{}\n", manifest.digest());
        require_vacant_for(to, &marker)?;
        let mut filling = Filling::begin(to)?;
        let _lock = Lock::acquire(to, Access::Write, Duration::ZERO, &mut || ())?;
        if let Err(error) = fill(&mut filling, &manifest, &key, &database, from, to, &marker) {
            undo(filling, to, backup.epoch);
            return Err(error);
        }
        Ok(backup)
    }

    /// Opens for writing a store that was restored and is closed for everything else.
    ///
    /// # Errors
    ///
    /// [`Error::NotRestoring`] for a store that is in use; those of [`open`](Self::open).
    pub fn open_restoring(dir: &Path, wait: Duration, on_wait: &mut dyn FnMut()) -> Result<Self> {
        if Self::exists(dir) {
            // Once the store was opened, the backup is not to be put in its place again.
            erase(&dir.join(MARKER))?;
        }
        Self::enter(dir, Access::Write, wait, on_wait, true)
    }

    /// Makes the change and opens the store for use, durably and both at once; see [`commit`](Self::commit).
    ///
    /// # Errors
    ///
    /// [`Error::NotRestoring`]; those of [`commit`](Self::commit).
    pub fn finish_restore(&mut self, change: &Change) -> Result<Committed> {
        self.require_write()?;
        if !epochs::is_restoring(&self.connection).map_err(Error::database(&self.database))? {
            return Err(Error::NotRestoring { path: self.dir.clone() });
        }
        self.commit_and(change, lift)
    }
}

fn lift(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM restoring", []).map(|_| ())
}

/// Errs if the directory is one whose restoring was killed before there was a store.
pub(super) fn require_whole(dir: &Path) -> Result<()> {
    let half = dir.join(MARKER).is_file() && !Store::exists(dir);
    if half { Err(Error::HalfRestored { path: dir.to_owned() }) } else { Ok(()) }
}

/// The database with a row that says that the store is restored and not in use.
fn closed(mut database: Vec<u8>, backup: &Backup) -> rusqlite::Result<Vec<u8>> {
    // A database in memory cannot have a write-ahead log; the next writer gives it one again.
    if let Some(mode) = database.get_mut(JOURNAL_MODE) {
        mode.fill(1);
    }
    let mut connection = Connection::open_in_memory()?;
    connection.deserialize_read_exact("main", Cursor::new(&database), database.len(), false)?;
    let transaction = connection.transaction()?;
    transaction.execute("INSERT INTO restoring (one, made_ms) VALUES (1, ?1)", [backup.made_ms])?;
    epochs::serve(&transaction, backup)?;
    transaction.commit()?;
    Ok(connection.serialize("main")?.to_vec())
}

/// Errs unless a store can be made at `dir`, or the restoring of the same backup was killed there.
fn require_vacant_for(dir: &Path, marker: &str) -> Result<()> {
    let path = dir.join(MARKER);
    match fs::read_to_string(&path) {
        Ok(found) if found == marker => Ok(()),
        Ok(_) => Err(Error::NotVacant { path: dir.to_owned() }),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => require_vacant(dir, &BEGUN),
        Err(error) => Err(Error::io("read", &path)(error)),
    }
}

/// Fills the directory: the database comes last, so that there is no store before everything is there.
fn fill(filling: &mut Filling, manifest: &Manifest, key: &EpochKey, database: &[u8], from: &Path, to: &Path, marker: &str) -> Result<()> {
    publish(to, MARKER, marker.as_bytes())?;
    for file in manifest.copied() {
        filling.add(file.path().to_owned(), &file.read(from)?)?;
    }
    filling.sync()?;
    key.save(&to.join(KEYS))?;
    // Whoever opened a store that an earlier attempt had finished may have left a log, which is not of this database.
    LOG.iter().try_for_each(|name| erase(&to.join(name)))?;
    publish(to, DATABASE, database)?;
    erase(&to.join(MARKER))?;
    sync_dir(to)
}

/// Takes away what a failed attempt put there, as far as it goes; the marker goes last.
fn undo(filling: Filling, to: &Path, epoch: u64) {
    let keys = to.join(KEYS);
    let _ = epoch::destroy(&keys, epoch).and_then(|()| epoch::erase_unfinished(&keys));
    let _ = fs::remove_dir(keys);
    for name in [DATABASE, "untrain.db.next", "restoring.next", "lock", MARKER] {
        let _ = fs::remove_file(to.join(name));
    }
    filling.undo();
}

//! The store: one directory that keeps datasets, models and requests.

mod backup;
mod blobs;
mod epoch;
mod epochs;
mod filling;
mod manifest;
mod requests;
mod restore;
mod rows;
mod schema;
mod seal;
mod statements;
mod tables;
mod vault;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use untrain_core::{Digest, nearest};

pub use self::backup::BackedUp;
use self::epoch::KEYS;
pub use self::epochs::{Backup, Epoch, Rotated};
pub use self::rows::{
    BucketRow, Change, Committed, Committing, DatasetRow, Event, ModelRow, NewStatement, OfRequest, Operation, Part, Place, Publication,
    Request, RequestRow, State, StatementRow, Version,
};
use self::tables::Table;
use self::vault::Vault;
use crate::files;
use crate::lock::{Access, Lock};
use crate::{Error, Hash, Name, Result};

const DATABASE: &str = "untrain.db";
const BLOBS: &str = "blobs";
/// What a process that is killed while it makes a store may leave before there is a database.
const BEGUN: [&str; 3] = ["lock", BLOBS, KEYS];

/// An open store. As long as it lives, nobody else writes the directory, and nobody reads it while this one may write.
///
/// # Guarantee
///
/// A process that is killed at any moment leaves the state before a commit or the state after it. What was put and not
/// committed, and what was committed away and not yet erased, is erased when the store is next opened for writing.
///
/// Erased means that the bytes are in no file of the directory. What a disk keeps of freed blocks is out of its reach.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use untrain_ledger::{Access, Change, DatasetRow, Part, Store};
///
/// # let place = tempfile::tempdir()?;
/// # let dir = place.path().join("store");
/// let mut store = Store::open(&dir, Access::Write, Duration::ZERO, &mut || ())?;
/// let digest = store.put(b"two records")?;
/// let dataset = DatasetRow {
///     name: "adults".parse()?,
///     version: 1,
///     schema: "{}".to_owned(),
///     records: 2,
///     parts: vec![Part { index: 0, digest, records: 2 }],
///     commitment: None,
///     created_ms: 1_700_000_000_000,
/// };
/// let committed = store.commit(&Change { datasets: vec![dataset.clone()], ..Change::default() })?;
/// assert!(committed.unfinished.is_none());
/// assert_eq!(store.dataset("adults")?, dataset);
/// assert_eq!(store.blob(&digest)?, b"two records");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Store {
    // The lock comes last: fields are dropped in this order, and the database has to be closed under the lock.
    connection: Connection,
    vault: Vault,
    dir: PathBuf,
    database: PathBuf,
    access: Access,
    _lock: Lock,
}

impl Store {
    /// Whether there is a store in the directory, of whatever format.
    pub fn exists(dir: &Path) -> bool {
        dir.join(DATABASE).is_file()
    }

    /// Opens the store in `dir`. For writing, an absent store is made, in an absent or empty directory, and what an
    /// interrupted process left is erased.
    ///
    /// If others are using the store, calls `on_wait` once and waits for up to `wait`.
    ///
    /// # Errors
    ///
    /// [`Error::NoStore`] for reading where there is none; [`Error::NotAStore`] where something else is;
    /// [`Error::Busy`] after waiting; [`Error::ReadOnly`] for writing what this user may only read;
    /// [`Error::MissingEpochKey`], [`Error::WrongEpochKey`] and [`Error::Exposed`] for the key; [`Error::Restoring`] and
    /// [`Error::HalfRestored`]; [`Error::NewerFormat`]; [`Error::Io`] and [`Error::Database`].
    pub fn open(dir: &Path, access: Access, wait: Duration, on_wait: &mut dyn FnMut()) -> Result<Self> {
        Self::enter(dir, access, wait, on_wait, false)
    }

    fn enter(dir: &Path, access: Access, wait: Duration, on_wait: &mut dyn FnMut(), restoring: bool) -> Result<Self> {
        restore::require_whole(dir)?;
        if !Self::exists(dir) {
            let empty = is_vacant(dir)?;
            match access {
                Access::Read if empty => return Err(Error::NoStore { path: dir.to_owned() }),
                Access::Write if empty => files::create_dir(dir)?,
                _ => return Err(Error::NotAStore { path: dir.to_owned() }),
            }
        }
        let lock = Lock::acquire(dir, access, wait, on_wait)?;
        let database = dir.join(DATABASE);
        let connection = match access {
            Access::Read => schema::open_for_reading(dir, &database)?,
            Access::Write => schema::open_for_writing(dir, &database, &mut |transaction| encrypt(transaction, dir, &database))?,
        };
        epochs::require_restoring(&connection, &database, dir, restoring)?;
        let keys = dir.join(KEYS);
        let vault = Vault::new(dir.join(BLOBS), database.clone(), epochs::current(&connection, &database, &keys)?);
        let store = Self { connection, vault, dir: dir.to_owned(), database, access, _lock: lock };
        if access == Access::Write {
            // The entry of a database that was made just now has to be durable before anything is acknowledged.
            files::sync_dir(dir)?;
            store.erase_unreferenced(&mut Vec::new())?;
            store.erase_old_pages(!schema::log_is_empty(&store.database)?)?;
            epochs::finish_destroying(&store.connection, &store.database, &keys)?;
        }
        Ok(store)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Stores bytes for a change to come, encrypted under a key of their own; they are durable when a change that refers to
    /// them is committed. Bytes that are stored already are not stored twice.
    ///
    /// Every [`commit`](Self::commit) erases the blobs that no row refers to after it, so put what a change needs
    /// after the commit before it.
    ///
    /// # Errors
    ///
    /// [`Error::OpenedForReading`]; [`Error::Io`] and [`Error::ReadOnly`] with the path, for example when the disk is full;
    /// [`Error::Randomness`]; [`Error::Database`].
    pub fn put(&self, bytes: &[u8]) -> Result<Digest> {
        self.require_write()?;
        self.vault.put(&self.connection, bytes)
    }

    /// The bytes with this digest, verified.
    ///
    /// # Errors
    ///
    /// [`Error::MissingBlob`]; [`Error::DamagedBlob`] if the file holds other bytes, or not all of them;
    /// [`Error::DamagedBlobKey`]; [`Error::Io`]; [`Error::Database`].
    pub fn blob(&self, digest: &Digest) -> Result<Vec<u8>> {
        self.vault.blob(&self.connection, digest)
    }

    /// The bytes with each of these digests, verified; read side by side.
    ///
    /// # Errors
    ///
    /// Those of [`blob`](Self::blob).
    pub fn blobs(&self, digests: &[Digest]) -> Result<Vec<Vec<u8>>> {
        self.vault.blobs(&self.connection, digests)
    }

    /// All datasets, by name.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn datasets(&self) -> Result<Vec<DatasetRow>> {
        tables::datasets(&self.connection).map_err(Error::database(&self.database))
    }

    /// The dataset with this name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDataset`]; [`Error::Database`].
    pub fn dataset(&self, name: &str) -> Result<DatasetRow> {
        let row = self.datasets()?.into_iter().find(|row| &*row.name == name);
        row.map_or_else(|| Err(unknown(&self.connection, &self.database, Table::Dataset, name)), Ok)
    }

    /// All models, by name.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn models(&self) -> Result<Vec<ModelRow>> {
        tables::models(&self.connection).map_err(Error::database(&self.database))
    }

    /// The model with this name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownModel`]; [`Error::Database`].
    pub fn model(&self, name: &str) -> Result<ModelRow> {
        let row = self.models()?.into_iter().find(|row| &*row.name == name);
        row.map_or_else(|| Err(unknown(&self.connection, &self.database, Table::Model, name)), Ok)
    }

    /// The models that were trained on this dataset, by name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDataset`]; [`Error::Database`].
    pub fn models_of(&self, dataset: &str) -> Result<Vec<ModelRow>> {
        self.dataset(dataset)?;
        Ok(self.models()?.into_iter().filter(|row| &*row.dataset == dataset).collect())
    }

    /// Every version of a model that was published, the first one first.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownModel`]; [`Error::Database`].
    pub fn history(&self, model: &str) -> Result<Vec<Publication>> {
        self.model(model)?;
        tables::publications(&self.connection, model).map_err(Error::database(&self.database))
    }

    /// All requests, the first one first.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn requests(&self) -> Result<Vec<RequestRow>> {
        requests::all(&self.connection).map_err(Error::database(&self.database))
    }

    /// The requests on a dataset that have come so far and no further, the first one first.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn requests_in(&self, dataset: &str, state: State) -> Result<Vec<RequestRow>> {
        requests::in_state(&self.connection, dataset, state).map_err(Error::database(&self.database))
    }

    /// The request with this number.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRequest`]; [`Error::Database`].
    pub fn request(&self, number: u64) -> Result<RequestRow> {
        let row = requests::numbered(&self.connection, number).map_err(Error::database(&self.database))?;
        row.ok_or(Error::UnknownRequest { number })
    }

    /// The request with this random id, or that its requester calls so, if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn request_called(&self, name: &str) -> Result<Option<RequestRow>> {
        requests::called(&self.connection, name).map_err(Error::database(&self.database))
    }

    /// The number that the next request gets, if this store commits it.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn next_request(&self) -> Result<u64> {
        requests::next(&self.connection).map_err(Error::database(&self.database))
    }

    /// The ids of the records of a request that is not carried out yet.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn scope(&self, request: u64) -> Result<Vec<String>> {
        requests::scope(&self.connection, request).map_err(Error::database(&self.database))
    }

    /// The blob with what the receipt of a request shows, if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn evidence(&self, request: u64) -> Result<Option<Digest>> {
        requests::evidence(&self.connection, request).map_err(Error::database(&self.database))
    }

    /// The blobs that a legal hold keeps of a request.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn held(&self, request: u64) -> Result<Vec<Digest>> {
        requests::held(&self.connection, request).map_err(Error::database(&self.database))
    }

    /// The request that forgot what has this keyed hash, if one did.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn forgotten_by(&self, dataset: &str, tag: &Hash) -> Result<Option<u64>> {
        requests::forgotten(&self.connection, dataset, tag).map_err(Error::database(&self.database))
    }

    /// The keyed hashes of all that was forgotten from a dataset.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn forgotten(&self, dataset: &str) -> Result<Vec<Hash>> {
        requests::tags(&self.connection, dataset).map_err(Error::database(&self.database))
    }

    /// The statements that wait for the log, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn waiting(&self) -> Result<Vec<StatementRow>> {
        statements::waiting(&self.connection).map_err(Error::database(&self.database))
    }

    /// How many entries the log has that the database knows of.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn logged(&self) -> Result<u64> {
        statements::logged(&self.connection).map_err(Error::database(&self.database))
    }

    /// The statements about a request, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn statements_of_request(&self, request: u64) -> Result<Vec<StatementRow>> {
        statements::of_request(&self.connection, request).map_err(Error::database(&self.database))
    }

    /// The last statement with a lower number that says how a model or a dataset stands: of a training or an erasure.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn statement_before(&self, number: u64) -> Result<Option<StatementRow>> {
        statements::before(&self.connection, number).map_err(Error::database(&self.database))
    }

    /// The statements about a version of a model, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn statements_of_model(&self, model: &str, version: u64) -> Result<Vec<StatementRow>> {
        statements::of_model(&self.connection, model, version).map_err(Error::database(&self.database))
    }

    /// Makes the whole change, durably, or nothing of it; then erases what no row refers to any longer: blobs, and the old
    /// content of the database.
    ///
    /// That the erasing fails does not undo the change: it is told in [`Committed::unfinished`] and tried again by the next
    /// commit and the next opening for writing.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`] unless the change replaces; [`Error::WrongVersion`]; [`Error::UnknownDataset`],
    /// [`Error::UnknownModel`] and [`Error::InUse`] for what is dropped or referred to; [`Error::MissingBlob`] for bytes that
    /// were not put; [`Error::OpenedForReading`]; [`Error::Database`], for example when the disk is full.
    pub fn commit(&mut self, change: &Change) -> Result<Committed> {
        self.commit_and(change, |_| Ok(()))
    }

    /// As [`commit`](Self::commit), with something else in the same transaction.
    fn commit_and(&mut self, change: &Change, also: fn(&Transaction<'_>) -> rusqlite::Result<()>) -> Result<Committed> {
        self.require_write()?;
        for digest in change.digests() {
            self.vault.require(&self.connection, digest)?;
        }
        self.vault.flush()?;
        // A log with content before the change is an erasing that failed before.
        let rebuild = change.takes_away() || !schema::log_is_empty(&self.database)?;
        let request = match self.apply(change, also) {
            Ok(request) => request,
            Err(error) => {
                // What the transaction wrote into the log before it failed goes with it, or with the next commit.
                let _ = schema::empty_log(&self.connection);
                return Err(error);
            }
        };
        let mut erased = Vec::new();
        let blobs = self.erase_unreferenced(&mut erased);
        let pages = self.erase_old_pages(rebuild);
        Ok(Committed { request, erased, unfinished: blobs.and(pages).err() })
    }

    fn apply(&mut self, change: &Change, also: fn(&Transaction<'_>) -> rusqlite::Result<()>) -> Result<Option<u64>> {
        let file = &self.database;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(Error::database(file))?;
        for name in &change.drop_models {
            require(&transaction, file, Table::Model, name)?;
            tables::drop_row(&transaction, Table::Model, name).map_err(Error::database(file))?;
        }
        for name in &change.drop_datasets {
            require(&transaction, file, Table::Dataset, name)?;
            require_unused(&transaction, file, name)?;
            tables::drop_row(&transaction, Table::Dataset, name).map_err(Error::database(file))?;
        }
        for row in &change.datasets {
            require_next(&transaction, file, Table::Dataset, &row.name, row.version, change.replace)?;
            tables::store_dataset(&transaction, row).map_err(Error::database(file))?;
        }
        let stored = change.request.as_ref().map(|row| requests::store(&transaction, row, &change.scope));
        let number = stored.transpose().map_err(Error::database(file))?;
        for row in &change.models {
            require(&transaction, file, Table::Dataset, &row.model.dataset)?;
            require_next(&transaction, file, Table::Model, &row.model.name, row.model.version, change.replace)?;
            tables::store_model(&transaction, row, number.or(change.answers)).map_err(Error::database(file))?;
        }
        apply_trail(&transaction, change, number).map_err(Error::database(file))?;
        also(&transaction).map_err(Error::database(file))?;
        self.vault.settle(&transaction)?;
        transaction.commit().map_err(Error::database(file))?;
        Ok(number)
    }

    fn require_write(&self) -> Result<()> {
        match self.access {
            Access::Write => Ok(()),
            Access::Read => Err(Error::OpenedForReading { path: self.dir.clone() }),
        }
    }

    fn erase_unreferenced(&self, erased: &mut Vec<Digest>) -> Result<()> {
        self.vault.sweep(&self.connection, erased)
    }

    /// Empties the log, and with `rebuild` first writes the database anew from its rows.
    ///
    /// Deleting rows is not enough, not even with `secure_delete`: where SQLite moves rows between pages, copies of them stay
    /// behind in the unused room of the old page, and nothing overwrites them when the rows themselves are deleted.
    fn erase_old_pages(&self, rebuild: bool) -> Result<()> {
        let rebuilt = if rebuild { self.connection.execute_batch("VACUUM") } else { Ok(()) };
        rebuilt.and_then(|()| schema::empty_log(&self.connection)).map_err(Error::database(&self.database))
    }
}

/// Gives a store that is being made, or one of a format without keys, its first epoch, and encrypts the blobs that it has.
fn encrypt(transaction: &Transaction<'_>, dir: &Path, database: &Path) -> Result<()> {
    let key = epochs::found(transaction, database, &dir.join(KEYS))?;
    Vault::new(dir.join(BLOBS), database.to_owned(), key).encrypt_plain(transaction)
}

/// Whether a store could be made at `dir`: nothing is there, or nothing but the beginnings of a store.
fn is_vacant(dir: &Path) -> Result<bool> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(false),
        Err(error) => return Err(Error::io("read", dir)(error)),
    };
    for entry in entries {
        let name = entry.map_err(Error::io("read", dir))?.file_name();
        if !BEGUN.iter().any(|begun| name == *begun) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a change does to requests and statements.
fn apply_trail(transaction: &Transaction<'_>, change: &Change, new: Option<u64>) -> rusqlite::Result<()> {
    change.requests.iter().try_for_each(|row| requests::revise(transaction, row))?;
    change.statements.iter().try_for_each(|row| statements::store(transaction, row, new))?;
    change.adopted.iter().try_for_each(|(row, place)| statements::adopt(transaction, row, *place, new))?;
    change.logged.iter().try_for_each(|(number, place)| statements::log(transaction, *number, *place))?;
    if let Some(number) = new.or(change.answers) {
        change.forgotten.iter().try_for_each(|(dataset, tag)| requests::forget(transaction, dataset, tag, number))?;
    }
    change.welcome.iter().try_for_each(|(dataset, tag)| requests::welcome(transaction, dataset, tag))?;
    change.releases.iter().try_for_each(|number| requests::release(transaction, *number))?;
    let mut evidence = change.evidence.iter().filter_map(|(request, digest)| Some((statements::of(*request, new)?, digest)));
    evidence.try_for_each(|(number, digest)| requests::show(transaction, number, digest))?;
    let mut holds = change.holds.iter().filter_map(|(request, digest)| Some((statements::of(*request, new)?, digest)));
    holds.try_for_each(|(number, digest)| requests::hold(transaction, number, digest))
}

fn unknown(connection: &Connection, file: &Path, table: Table, name: &str) -> Error {
    let names = match tables::names(connection, table) {
        Ok(names) => names,
        Err(error) => return Error::database(file)(error),
    };
    let (name, nearest) = (name.to_owned(), nearest(name, names.iter().map(String::as_str)));
    match table {
        Table::Dataset => Error::UnknownDataset { name, nearest },
        Table::Model => Error::UnknownModel { name, nearest },
    }
}

fn require(transaction: &Transaction<'_>, file: &Path, table: Table, name: &Name) -> Result<()> {
    match tables::stored_version(transaction, table, name).map_err(Error::database(file))? {
        0 => Err(unknown(transaction, file, table, name)),
        _ => Ok(()),
    }
}

fn require_unused(transaction: &Transaction<'_>, file: &Path, dataset: &Name) -> Result<()> {
    let models = tables::models(transaction).map_err(Error::database(file))?;
    let models: Vec<_> = models.into_iter().filter(|row| row.dataset == *dataset).map(|row| row.name.into()).collect();
    if models.is_empty() { Ok(()) } else { Err(Error::InUse { name: dataset.to_string(), models }) }
}

fn require_next(transaction: &Transaction<'_>, file: &Path, table: Table, name: &Name, version: u64, replace: bool) -> Result<()> {
    let stored = tables::stored_version(transaction, table, name).map_err(Error::database(file))?;
    if stored > 0 && !replace {
        return Err(Error::AlreadyExists { what: table.word(), name: name.to_string() });
    }
    if version != stored + 1 {
        return Err(Error::WrongVersion { what: table.word(), name: name.to_string(), found: version, expected: stored + 1 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_cannot_grow_is_an_error_that_names_it_and_changes_nothing() {
        let place = tempfile::tempdir().unwrap();
        let mut store = Store::open(place.path(), Access::Write, Duration::ZERO, &mut || ()).unwrap();
        let row = |version, schema| DatasetRow {
            name: "adults".parse().unwrap(),
            version,
            schema,
            records: 0,
            parts: Vec::new(),
            commitment: None,
            created_ms: 0,
        };
        let small = Change { datasets: vec![row(1, "{}".to_owned())], ..Change::default() };
        assert!(store.commit(&small).unwrap().unfinished.is_none());
        let pages: u32 = store.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let limit = |store: &Store, pages: u32| {
            store.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
        };
        limit(&store, pages);
        let marker = "too much ";
        let big = Change { replace: true, datasets: vec![row(2, marker.repeat(1_000_000))], ..Change::default() };
        let error = store.commit(&big).unwrap_err();
        assert!(matches!(&error, Error::Database { path, .. } if path.ends_with(DATABASE)));
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("full"));
        assert_eq!(store.datasets().unwrap(), small.datasets);
        assert!(schema::log_is_empty(&store.database).unwrap(), "what was written before it failed is gone");

        limit(&store, 1_000_000);
        assert!(store.commit(&big).unwrap().unfinished.is_none());
        assert_eq!(store.datasets().unwrap(), big.datasets);
    }
}

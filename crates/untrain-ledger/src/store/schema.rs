//! Opening the database: its settings, its format and how older formats become newer ones.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction};

use crate::{Error, Result};

/// "untr", so that `file` and the store itself can tell the database from any other.
const APPLICATION_ID: i32 = 0x756e_7472;

/// The n-th script makes format n of format n - 1. A script that was released is never edited.
const MIGRATIONS: &[&str] = &[include_str!("schema/1.sql"), include_str!("schema/2.sql"), include_str!("schema/3.sql")];

/// The format since which blobs are encrypted.
const ENCRYPTED: u32 = 3;

/// The format that this build writes.
pub(super) const FORMAT: u32 = MIGRATIONS.len() as u32;

/// Opens the database for reading; makes and changes no file where the write-ahead log is empty.
pub(super) fn open_for_reading(dir: &Path, file: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = if log_is_empty(file)? {
        // Nobody writes while this process holds the lock, so the file is immutable indeed. Without this promise SQLite would
        // have to make its shared-memory file, which it cannot in a directory that is read-only.
        let uri = immutable_uri(file).map_err(Error::io("read", file))?;
        Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
    } else {
        Connection::open_with_flags(file, flags)
    };
    let connection = opened.map_err(Error::database(file))?;
    keep_log(&connection).map_err(Error::database(file))?;
    match identify(&connection, dir, file)? {
        None => Err(Error::NoStore { path: dir.to_owned() }),
        Some(found) => check(found, FORMAT, dir).map(|()| connection),
    }
}

/// Opens the database for writing, makes it if it is absent and brings it to the current format.
///
/// Calls `encrypt` in the transaction that does so if the blobs of the found format are plain.
pub(super) fn open_for_writing(dir: &Path, file: &Path, encrypt: &mut dyn FnMut(&Transaction<'_>) -> Result<()>) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(Error::database(file))?;
    if connection.is_readonly("main").map_err(Error::database(file))? {
        return Err(Error::ReadOnly { path: file.to_owned(), source: io::ErrorKind::PermissionDenied.into() });
    }
    let found = identify(&connection, dir, file)?.unwrap_or(0);
    match check(found, FORMAT, dir) {
        Ok(()) | Err(Error::OlderFormat { .. }) => {}
        Err(error) => return Err(error),
    }
    configure(&connection).map_err(Error::database(file))?;
    if found < FORMAT {
        let transaction = connection.unchecked_transaction().map_err(Error::database(file))?;
        migrate(&transaction, found).map_err(Error::database(file))?;
        if found < ENCRYPTED {
            encrypt(&transaction)?;
        }
        transaction.commit().map_err(Error::database(file))?;
    }
    Ok(connection)
}

/// Whether the write-ahead log holds nothing. It does after every finished commit; what it holds otherwise may be old content.
pub(super) fn log_is_empty(file: &Path) -> Result<bool> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let log = PathBuf::from(log);
    match fs::metadata(&log) {
        Ok(metadata) => Ok(metadata.len() == 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Error::io("read", &log)(error)),
    }
}

/// Moves the write-ahead log into the database and leaves an empty file.
pub(super) fn empty_log(connection: &Connection) -> rusqlite::Result<()> {
    let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy {
        // Only a program that does not know the store's lock can be in the way.
        return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None));
    }
    Ok(())
}

fn check(found: u32, supported: u32, dir: &Path) -> Result<()> {
    let path = dir.to_owned();
    match found {
        found if found > supported => Err(Error::NewerFormat { path, found, supported }),
        found if found < supported => Err(Error::OlderFormat { path, found, supported }),
        _ => Ok(()),
    }
}

/// The format of the database; none if it is empty, as a process killed while it made the store leaves it.
fn identify(connection: &Connection, dir: &Path, file: &Path) -> Result<Option<u32>> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i32>(0)).map_err(Error::database(file));
    let application = number("PRAGMA application_id")?;
    let format = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    match (application, format, tables) {
        (0, 0, 0) => Ok(None),
        (APPLICATION_ID, format, _) => Ok(Some(format.unsigned_abs())),
        _ => Err(Error::NotAStore { path: dir.to_owned() }),
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.query_row("PRAGMA secure_delete = ON", [], |_| Ok(()))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Nothing of the database goes to a directory for temporary files.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // The log is emptied after every commit, when the old content is out of the database.
    connection.query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))?;
    keep_log(connection)
}

/// Keeps SQLite from emptying the log when the database is closed: a log with content is the sign that the old content is
/// not erased yet.
fn keep_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(|_| ())
}

fn migrate(transaction: &Transaction<'_>, found: u32) -> rusqlite::Result<()> {
    for script in &MIGRATIONS[found as usize..] {
        transaction.execute_batch(script)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)
}

fn immutable_uri(file: &Path) -> io::Result<String> {
    let mut uri = "file://".to_owned();
    for byte in std::path::absolute(file)?.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => uri.push(char::from(*byte)),
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri.push_str("?immutable=1");
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_current_format_is_read() {
        let dir = Path::new("store");
        assert!(check(2, 2, dir).is_ok());
        assert!(matches!(check(1, 2, dir), Err(Error::OlderFormat { found: 1, supported: 2, .. })));
        assert!(matches!(check(3, 2, dir), Err(Error::NewerFormat { found: 3, supported: 2, .. })));
    }

    #[test]
    fn a_path_with_the_signs_of_a_uri_stays_a_path() {
        assert_eq!(immutable_uri(Path::new("/a b/%?#.db")).unwrap(), "file:///a%20b/%25%3F%23.db?immutable=1");
    }
}

//! Who may use a directory at one time: one writer, or any number of readers.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// What a store or a log is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// For reading, beside other readers.
    Read,
    /// For reading and writing, alone.
    Write,
}

const FILE: &str = "lock";
const POLL: Duration = Duration::from_millis(20);

/// A held lock; dropping it, or the end of the process, sets the store free.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Absent where a reader may not make the file and nobody has made it before.
    _file: Option<File>,
}

impl Lock {
    /// Waits up to `wait` for the store in `dir`; calls `on_wait` once if it has to wait at all.
    pub(crate) fn acquire(dir: &Path, access: Access, wait: Duration, on_wait: &mut dyn FnMut()) -> Result<Self> {
        let path = dir.join(FILE);
        let Some(file) = open(&path, access)? else { return Ok(Self { _file: None }) };
        let started = Instant::now();
        let mut told = false;
        loop {
            let attempt = match access {
                Access::Read => file.try_lock_shared(),
                Access::Write => file.try_lock(),
            };
            match attempt {
                Ok(()) => return Ok(Self { _file: Some(file) }),
                Err(TryLockError::Error(source)) => return Err(Error::Io { action: "lock", path, source }),
                Err(TryLockError::WouldBlock) => {}
            }
            let Some(left) = wait.checked_sub(started.elapsed()).filter(|left| !left.is_zero()) else {
                return Err(Error::Busy { path: dir.to_owned(), waited: started.elapsed() });
            };
            if !told {
                on_wait();
                told = true;
            }
            thread::sleep(left.min(POLL));
        }
    }
}

/// Opens the lock's file; a reader needs no right to write it, and none at all where it cannot be made.
fn open(path: &Path, access: Access) -> Result<Option<File>> {
    if access == Access::Read {
        match File::open(path) {
            Ok(file) => return Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("read", path)(error)),
        }
    }
    match OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(Error::io("open", path)) {
        Ok(file) => Ok(Some(file)),
        Err(Error::ReadOnly { .. }) if access == Access::Read => Ok(None),
        Err(error) => Err(error),
    }
}

//! Training that takes long, kept on the disk until it is done, so that a process that is killed goes on where it was.
//!
//! What is kept are the numbers of networks, which were made of records. It lives in the store until the training is done, and is
//! erased whenever records are forgotten.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use untrain_core::Digest;
use untrain_neural::Keep;

use crate::{Error, Result};

const FOLDER: &str = "unfinished";
/// No more than so much work is lost.
const OFTEN: Duration = Duration::from_secs(5);
const DIGEST: usize = 32;

/// The unfinished training of a store.
#[derive(Debug)]
pub(crate) struct Unfinished {
    folder: PathBuf,
    last: Mutex<Instant>,
}

impl Unfinished {
    /// That of a store.
    pub(crate) fn of(store: &Path) -> Self {
        Self { folder: store.join(FOLDER), last: Mutex::new(Instant::now()) }
    }

    fn path(&self, training: &Digest) -> PathBuf {
        self.folder.join(training.to_string())
    }
}

impl Keep for Unfinished {
    fn wants(&self, _: usize) -> bool {
        let Ok(mut last) = self.last.lock() else { return false };
        let due = last.elapsed() >= OFTEN;
        if due {
            *last = Instant::now();
        }
        due
    }

    fn find(&self, training: &Digest) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.path(training)).ok()?;
        let digest = bytes.split_off(bytes.len().checked_sub(DIGEST)?);
        (Digest::of(&bytes).as_bytes()[..] == digest).then_some(bytes)
    }

    fn put(&self, training: &Digest, bytes: &[u8]) {
        // A training that cannot be kept can still be finished.
        let next = self.folder.join(format!("{training}.next"));
        let _ = fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&next, [bytes, &Digest::of(bytes).as_bytes()[..]].concat()))
            .and_then(|()| fs::rename(&next, self.path(training)));
    }

    fn remove(&self, training: &Digest) {
        let _ = fs::remove_file(self.path(training));
    }
}

/// Erases the unfinished training of a store.
///
/// # Errors
///
/// [`Error::Store`].
pub(crate) fn erase(store: &Path) -> Result<()> {
    let folder = store.join(FOLDER);
    match fs::remove_dir_all(&folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Error::Store(untrain_ledger::Error::Io { action: "erase", path: folder, source }))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_in_part_is_not_found() -> std::io::Result<()> {
        let place = tempfile::tempdir()?;
        let unfinished = Unfinished::of(place.path());
        let training = Digest::of(b"a training");
        assert_eq!(unfinished.find(&training), None);
        unfinished.put(&training, b"numbers");
        assert_eq!(unfinished.find(&training).as_deref(), Some(&b"numbers"[..]));
        fs::write(unfinished.path(&training), b"numb")?;
        assert_eq!(unfinished.find(&training), None);
        unfinished.remove(&training);
        unfinished.put(&training, b"numbers");
        assert!(erase(place.path()).is_ok() && erase(place.path()).is_ok());
        assert_eq!(unfinished.find(&training), None);
        Ok(())
    }
}

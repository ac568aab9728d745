//! Training that takes long, kept on the disk until it is done, so that a process that is killed goes on where it was.
//!
//! What is kept are the numbers of networks, which were made of records. It lives in the store until the training is done, and is
//! erased whenever records are forgotten.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use untrain_core::Digest;
use untrain_neural::Keep;

use crate::{Result, whole_file};

const FOLDER: &str = "unfinished";
/// No more than so much work is lost.
const OFTEN: Duration = Duration::from_secs(5);

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
        whole_file::read(&self.path(training))
    }

    fn put(&self, training: &Digest, bytes: &[u8]) {
        // A training that cannot be kept can still be finished.
        let _ = fs::create_dir_all(&self.folder).and_then(|()| whole_file::write(&self.path(training), bytes.to_vec()));
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
    whole_file::erase(&store.join(FOLDER))
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

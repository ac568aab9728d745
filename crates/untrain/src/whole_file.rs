//! Files of a store that are there as a whole or not at all, and that nothing depends on: what is kept of work that is not done.

use std::fs;
use std::io;
use std::path::Path;

use untrain_core::Digest;

use crate::{Error, Result};

const DIGEST: usize = 32;

/// What was written; nothing if it was written in part, or is damaged.
pub(crate) fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = fs::read(path).ok()?;
    let digest = bytes.split_off(bytes.len().checked_sub(DIGEST)?);
    (Digest::of(&bytes).as_bytes()[..] == digest).then_some(bytes)
}

/// Writes a file of a folder that is there, in place of what the file held.
pub(crate) fn write(path: &Path, mut bytes: Vec<u8>) -> io::Result<()> {
    let next = path.with_extension("next");
    bytes.extend(Digest::of(&bytes).as_bytes());
    fs::write(&next, bytes)?;
    fs::rename(&next, path)
}

/// Erases a folder and all that is in it, if it is there.
///
/// # Errors
///
/// [`Error::Store`].
pub(crate) fn erase(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Error::Store(untrain_ledger::Error::Io { action: "erase", path: folder.to_owned(), source }))
        }
        _ => Ok(()),
    }
}

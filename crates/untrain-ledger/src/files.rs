//! Files and directories that survive a crash of the machine.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;

use crate::{Error, Result};

/// How many threads wait for the disk at once.
const WAITING: usize = 8;

/// Makes a directory, with its parents, so that it survives a crash of the machine.
pub(crate) fn create_dir(dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    create_dir(parent(dir))?;
    match fs::create_dir(dir) {
        // Another process may be making the same directory.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
        made => made.map_err(Error::io("create", dir))?,
    }
    sync_dir(parent(dir))
}

/// Makes the entries of a directory durable, where the system has such a call.
pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    if cfg!(unix) {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", dir))?;
    }
    Ok(())
}

/// The names and paths in a directory; none if it is absent, and none for a file in its place.
pub(crate) fn entries(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let read = match fs::read_dir(dir) {
        Ok(read) => read,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", dir)(error)),
    };
    read.map(|entry| entry.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())))
        .collect::<io::Result<_>>()
        .map_err(Error::io("read", dir))
}

/// Overwrites a file with zeros and erases it, each durably; an absent file is none.
pub(crate) fn overwrite_and_erase(path: &Path) -> Result<()> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file.map_err(Error::io("overwrite", path))?,
    };
    let length = file.metadata().map_err(Error::io("read", path))?.len();
    io::copy(&mut io::repeat(0).take(length), &mut file).and_then(|_| file.sync_all()).map_err(Error::io("overwrite", path))?;
    drop(file);
    fs::remove_file(path).map_err(Error::io("erase", path))?;
    sync_dir(parent(path))
}

pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str() != OsStr::new("") => parent,
        _ => Path::new("."),
    }
}

pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create(path).map_err(Error::io("create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::io("write", path))
}

/// Writes files and makes them durable, waiting for the disk for many at once: it takes their flushes together.
pub(crate) fn write_all_synced(files: &[(PathBuf, &[u8])]) -> Result<()> {
    for (path, bytes) in files {
        fs::write(path, bytes).map_err(Error::io("write", path))?;
    }
    at_once(files, |(path, _)| sync_file(path))
}

/// Makes files that were written before durable, as [`write_all_synced`] does.
#[cfg(feature = "store")]
pub(crate) fn sync_files(paths: &[PathBuf]) -> Result<()> {
    at_once(paths, |path| sync_file(path))
}

fn sync_file(path: &Path) -> Result<()> {
    let file = OpenOptions::new().write(true).open(path).map_err(Error::io("open", path))?;
    file.sync_all().map_err(Error::io("sync", path))
}

/// As [`sync_dir`], for many at once.
pub(crate) fn sync_dirs(dirs: &[&Path]) -> Result<()> {
    at_once(dirs, |dir| sync_dir(dir))
}

/// Does the work for every item, in a few threads, which do nothing but wait for the disk.
fn at_once<T: Sync>(items: &[T], work: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
    let (work, share) = (&work, items.len().div_ceil(WAITING).max(1));
    thread::scope(|scope| {
        let mut chunks = items.chunks(share);
        // This thread takes a share, and those for which the system gives no thread.
        let own = chunks.next().unwrap_or_default();
        let mut left = Vec::new();
        let mut threads = Vec::new();
        for chunk in chunks {
            match thread::Builder::new().spawn_scoped(scope, move || chunk.iter().try_for_each(work)) {
                Ok(thread) => threads.push(thread),
                Err(_) => left.push(chunk),
            }
        }
        let mut outcome = own.iter().chain(left.into_iter().flatten()).try_for_each(work);
        for thread in threads {
            outcome = outcome.and(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        outcome
    })
}

pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(Error::io("create", to))
}

pub(crate) fn erase(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("erase", path)(error)),
        _ => Ok(()),
    }
}

//! Backups: copies of a store that can be made to forget by destroying one key.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::epochs::{self, Backup};
use super::filling::{Filling, require_vacant};
use super::manifest::{Listed, MANIFEST, Manifest, SEALED, TRAIL};
use super::{BLOBS, Store};
use crate::checkpoint::Checkpoint;
use crate::files::{self, entries, rename, sync_dir, write_synced};
use crate::note::Note;
use crate::{Error, Result};

/// What the log is locked with and what it writes before it publishes; neither is part of it.
const NOT_TRAIL: [&str; 2] = ["lock", "tmp"];
/// The manifest before the backup is complete.
const NEXT: &str = "backup.json.next";

/// What a backup did. The backup itself is durable.
#[derive(Debug)]
#[must_use = "`unfinished` tells whether old content of the database is gone"]
pub struct BackedUp {
    /// What is in the backup, and which epoch's key opens it.
    pub backup: Backup,
    /// How many files it has, without the manifest.
    pub files: u64,
    /// How many bytes they have together.
    pub bytes: u64,
    /// Why old content of the store's database is still there, if it is. The next opening for writing tries again.
    pub unfinished: Option<Error>,
}

impl Store {
    /// Copies the store, without its keys, into an absent or empty directory, and begins an epoch.
    ///
    /// Blobs and the database are encrypted in the backup; the public log in `trail/` is copied as it is. The key of the epoch
    /// that ends here is kept in `keys/` and opens this backup and nothing else, until [`destroy_epoch`](Self::destroy_epoch)
    /// makes the backup unreadable for ever. Nobody may append to the log meanwhile.
    ///
    /// # Guarantee
    ///
    /// The backup is complete, durable and found to be readable when this returns. A process that is killed leaves the store
    /// as it was, or in a new epoch, with the old key kept; and a directory that is no backup, since the manifest comes last.
    ///
    /// # Errors
    ///
    /// [`Error::NotVacant`]; [`Error::InsideStore`]; [`Error::MissingBlob`], [`Error::DamagedBlob`] and
    /// [`Error::DamagedBlobKey`] for a store that could not be restored; [`Error::Restoring`]; [`Error::OpenedForReading`];
    /// [`Error::Io`]; [`Error::Database`].
    pub fn backup(&mut self, to: &Path, made_ms: i64) -> Result<BackedUp> {
        self.require_write()?;
        if epochs::is_restoring(&self.connection).map_err(Error::database(&self.database))? {
            return Err(Error::Restoring { path: self.dir.clone() });
        }
        require_vacant(to, &[])?;
        require_outside(to, &self.dir)?;
        let mut filling = Filling::begin(to)?;
        match self.back_up(&mut filling, to, made_ms) {
            Ok(made) => Ok(made),
            Err(error) => {
                [MANIFEST, NEXT].iter().for_each(|name| drop(fs::remove_file(to.join(name))));
                filling.undo();
                Err(error)
            }
        }
    }

    fn back_up(&mut self, filling: &mut Filling, to: &Path, made_ms: i64) -> Result<BackedUp> {
        let trail = self.copy_trail(filling)?;
        let backup = self.describe(made_ms, trail)?;
        self.vault.export(&self.connection, |name, bytes| filling.add(blob_path(name.as_str()), bytes))?;
        filling.add(SEALED.to_owned(), &self.sealed_database(&backup)?)?;
        filling.sync()?;
        let manifest = Manifest::new(&backup, self.vault.epoch().fingerprint(), filling.files().to_vec());
        write_synced(&to.join(NEXT), &manifest.to_json())?;
        // From here on the key is kept, so that no complete backup is ever without one.
        let rotated = self.rotate_for(Some(&backup))?;
        if let Err(error) = rename(&to.join(NEXT), &to.join(MANIFEST)).and_then(|()| sync_dir(to)) {
            // There is no backup, so its key serves nothing. That it stays then is no worse than a kill here.
            let _ = self.destroy_epoch(backup.epoch);
            return Err(error);
        }
        let (files, bytes) = (filling.files().len() as u64, filling.files().iter().map(Listed::bytes).sum());
        Ok(BackedUp { backup, files, bytes, unfinished: rotated.unfinished })
    }

    fn describe(&self, made_ms: i64, trail: Option<u64>) -> Result<Backup> {
        let datasets = self.datasets()?;
        Ok(Backup {
            epoch: self.vault.epoch().number(),
            made_ms,
            datasets: datasets.len() as u64,
            models: self.models()?.len() as u64,
            records: datasets.iter().map(|row| row.records).sum(),
            requests: self.next_request()? - 1,
            trail,
        })
    }

    /// The database as it is, under the key of the epoch.
    fn sealed_database(&mut self, backup: &Backup) -> Result<Vec<u8>> {
        let database = self.connection.serialize("main").map_err(Error::database(&self.database))?;
        self.vault.epoch().seal(&about_database(backup), &database)
    }

    /// Copies the log, if there is one, and gives its size.
    fn copy_trail(&self, filling: &mut Filling) -> Result<Option<u64>> {
        let trail = self.dir.join(TRAIL);
        // The checkpoint first: what a log appends later does not take away from what this one covers.
        let checkpoint = trail.join("checkpoint");
        let size = match fs::read(&checkpoint) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            text => {
                let text = text.map_err(Error::io("read", &checkpoint))?;
                let note: Note = String::from_utf8_lossy(&text).parse()?;
                filling.add(format!("{TRAIL}/checkpoint"), &text)?;
                Some(note.text().parse::<Checkpoint>()?.head.size)
            }
        };
        copy_below(&trail, TRAIL, &["checkpoint", NOT_TRAIL[0], NOT_TRAIL[1]], filling)?;
        Ok(size)
    }
}

/// Copies a directory, but for some entries at its top.
fn copy_below(dir: &Path, path: &str, without: &[&str], filling: &mut Filling) -> Result<()> {
    for (name, place) in entries(dir)? {
        if without.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{path}/{name}");
        if place.is_dir() {
            copy_below(&place, &path, &[], filling)?;
        } else {
            filling.add(path, &fs::read(&place).map_err(Error::io("read", &place))?)?;
        }
    }
    Ok(())
}

fn blob_path(name: &str) -> String {
    let (shard, rest) = name.split_at(2);
    format!("{BLOBS}/{shard}/{rest}")
}

/// What the database of a backup is sealed together with, so that it opens for no other time and epoch.
pub(super) fn about_database(backup: &Backup) -> Vec<u8> {
    let Backup { epoch, made_ms, .. } = backup;
    [b"untrain backup database\n".as_slice(), &epoch.to_be_bytes(), &made_ms.to_be_bytes()].concat()
}

/// Errs if the directory, which need not exist, would be in the store.
fn require_outside(to: &Path, store: &Path) -> Result<()> {
    let real = |path: &Path| path.canonicalize().map_err(Error::io("read", path));
    let to_real = match existing(to) {
        Some(above) => real(&above)?,
        None => return Ok(()),
    };
    let inside = to_real.starts_with(real(store)?);
    if inside { Err(Error::InsideStore { path: to.to_owned(), store: store.to_owned() }) } else { Ok(()) }
}

/// The path, or what of it exists.
fn existing(path: &Path) -> Option<PathBuf> {
    std::iter::successors(Some(path), |path| Some(files::parent(path)).filter(|above| above != path))
        .find(|path| path.exists())
        .map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exists_of_a_path_is_found() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(existing(&place.path().join("a/b/c")).unwrap(), place.path());
        assert_eq!(existing(Path::new("no-such-directory/below")).unwrap(), Path::new("."));
    }
}

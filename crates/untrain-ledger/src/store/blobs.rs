//! Bytes in files that are named by their digest.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use untrain_core::Digest;

use crate::files::{create_dir, entries, erase, parent, rename, sync_dir, write_synced};
use crate::{Error, Result};

const TEMPORARY: &str = "tmp-";

/// The directory of blobs.
#[derive(Debug)]
pub(super) struct Blobs {
    dir: PathBuf,
}

impl Blobs {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Where the bytes with this digest are, or would be.
    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_string();
        let (shard, rest) = hex.split_at(2);
        self.dir.join(shard).join(rest)
    }

    /// Stores the bytes so that they survive a crash of the machine; bytes that are there already are not written again.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        let path = self.path(&digest);
        let shard = parent(&path);
        create_dir(shard)?;
        // A file that was damaged since is written anew. The directory is synced in any case: an earlier attempt may have
        // failed between the renaming and the syncing.
        if !fs::read(&path).is_ok_and(|there| there == bytes) {
            let temporary = self.dir.join(format!("{TEMPORARY}{digest}"));
            if let Err(error) = write_synced(&temporary, bytes).and_then(|()| rename(&temporary, &path)) {
                // Failing to tidy up is no news: the next sweep finds the file.
                let _ = fs::remove_file(&temporary);
                return Err(error);
            }
        }
        sync_dir(shard)?;
        Ok(digest)
    }

    /// The bytes with this digest, verified.
    pub(super) fn read(&self, digest: &Digest) -> Result<Vec<u8>> {
        let path = self.path(digest);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::MissingBlob { digest: *digest, path }),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        let found = Digest::of(&bytes);
        if found == *digest { Ok(bytes) } else { Err(Error::DamagedBlob { digest: *digest, path, found, bytes: bytes.len() as u64 }) }
    }

    /// Errs if there is no file for this digest.
    pub(super) fn require(&self, digest: &Digest) -> Result<()> {
        let path = self.path(digest);
        if path.is_file() { Ok(()) } else { Err(Error::MissingBlob { digest: *digest, path }) }
    }

    /// Erases every blob that is not in `kept` and every file that an interrupted write left, and notes what it erased.
    ///
    /// Files that are not named like a blob are somebody else's and stay.
    pub(super) fn sweep(&self, kept: &BTreeSet<Digest>, erased: &mut Vec<Digest>) -> Result<()> {
        let mut left_over = false;
        for (name, path) in entries(&self.dir)? {
            if name.starts_with(TEMPORARY) {
                erase(&path)?;
                left_over = true;
            } else if name.len() == 2 {
                self.sweep_shard(&name, &path, kept, erased)?;
            }
        }
        if left_over { sync_dir(&self.dir) } else { Ok(()) }
    }

    fn sweep_shard(&self, shard: &str, dir: &Path, kept: &BTreeSet<Digest>, erased: &mut Vec<Digest>) -> Result<()> {
        let before = erased.len();
        for (name, path) in entries(dir)? {
            let Ok(digest) = format!("{shard}{name}").parse::<Digest>() else { continue };
            if !kept.contains(&digest) && self.path(&digest) == path {
                erase(&path)?;
                erased.push(digest);
            }
        }
        if erased.len() > before { sync_dir(dir) } else { Ok(()) }
    }
}

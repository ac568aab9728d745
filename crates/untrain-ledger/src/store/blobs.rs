//! Encrypted bytes in files with random names.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::seal::random;
use crate::files::{create_dir, entries, erase, sync_dir, sync_dirs, sync_files};
use crate::{Error, Refusal, Result};

/// The name of a blob's file: 32 random hexadecimal digits.
///
/// The digest of the content would be a worse name. It outlives the content in backups, and it tells whoever guesses the
/// content, which is easy when all records but one are known, that the guess is right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BlobName(String);

impl BlobName {
    pub(super) fn random() -> Result<Self> {
        let mut bytes = [0; 16];
        random(&mut bytes)?;
        Ok(Self(format!("{:032x}", u128::from_be_bytes(bytes))))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the file is in a directory of blobs.
    pub(super) fn within(&self, blobs: &Path) -> PathBuf {
        place(blobs, &self.0)
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BlobName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text.len() == SHORT && is_hex(text) { Ok(Self(text.to_owned())) } else { Err(Refusal::malformed("blob's name", text)) }
    }
}

const SHORT: usize = 32;
/// The length of a digest, which names were up to format 2, when blobs were not encrypted.
const LONG: usize = 64;
/// What files were called up to format 2 while they were written.
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

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn path(&self, name: &BlobName) -> PathBuf {
        name.within(&self.dir)
    }

    /// Where the plain bytes with this digest were up to format 2.
    pub(super) fn plain_path(&self, digest: &str) -> PathBuf {
        place(&self.dir, digest)
    }

    /// Writes a file, which [`sync`](Self::sync) makes durable. Nothing refers to it before, so no half of it is ever read.
    pub(super) fn write(&self, name: &BlobName, bytes: &[u8]) -> Result<()> {
        create_dir(&self.dir)?;
        let path = self.path(name);
        let shard = crate::files::parent(&path);
        match fs::create_dir(shard) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(Error::io("create", shard)(error)),
            _ => {}
        }
        fs::write(&path, bytes).map_err(|error| {
            // Failing to tidy up is no news: the next sweep finds the file.
            let _ = fs::remove_file(&path);
            Error::io("write", &path)(error)
        })
    }

    /// Makes files that were written durable, waiting for the disk for many at once.
    pub(super) fn sync<'a>(&self, names: impl IntoIterator<Item = &'a BlobName>) -> Result<()> {
        let paths: Vec<PathBuf> = names.into_iter().map(|name| self.path(name)).collect();
        if paths.is_empty() {
            return Ok(());
        }
        let shards: BTreeSet<&Path> = paths.iter().map(|path| crate::files::parent(path)).collect();
        sync_files(&paths)?;
        let dirs: Vec<&Path> = shards.into_iter().chain([self.dir.as_path()]).collect();
        sync_dirs(&dirs)
    }

    /// The bytes of a file; none if there is no such file.
    pub(super) fn read(&self, name: &BlobName) -> Result<Option<Vec<u8>>> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    /// Erases every blob that is not in `kept` and every file that older formats left, and tells the names of the blobs.
    ///
    /// Files that are not named like a blob are somebody else's and stay.
    pub(super) fn sweep(&self, kept: &BTreeSet<BlobName>, erased: &mut Vec<BlobName>) -> Result<()> {
        let mut left_over = false;
        for (name, path) in entries(&self.dir)? {
            if name.starts_with(TEMPORARY) {
                erase(&path)?;
                left_over = true;
            } else if name.len() == 2 {
                sweep_shard(&name, &path, kept, erased)?;
            }
        }
        if left_over { sync_dir(&self.dir) } else { Ok(()) }
    }
}

fn sweep_shard(shard: &str, dir: &Path, kept: &BTreeSet<BlobName>, erased: &mut Vec<BlobName>) -> Result<()> {
    let mut left_over = false;
    for (rest, path) in entries(dir)? {
        let name = format!("{shard}{rest}");
        if !is_hex(&name) || !matches!(name.len(), SHORT | LONG) || kept.contains(&BlobName(name.clone())) {
            continue;
        }
        erase(&path)?;
        left_over = true;
        if name.len() == SHORT {
            erased.push(BlobName(name));
        }
    }
    if left_over { sync_dir(dir) } else { Ok(()) }
}

fn place(dir: &Path, name: &str) -> PathBuf {
    let (shard, rest) = name.split_at(2);
    dir.join(shard).join(rest)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

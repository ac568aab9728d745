//! What a backup consists of: a list of its files, written last, so that a backup without one is half a backup.

use std::fs;
use std::io;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::epochs::Backup;
use super::schema;
use crate::{Error, Hash, Result};

/// The name of the manifest in a backup.
pub(super) const MANIFEST: &str = "backup.json";
/// The encrypted database of a backup.
pub(super) const SEALED: &str = "untrain.db.sealed";
/// The directory of the public log, in a store and in a backup.
pub(super) const TRAIL: &str = "trail";

const FORMAT: u32 = 1;

/// The manifest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: u32,
    store_format: u32,
    epoch: u64,
    fingerprint: Hash,
    made_ms: i64,
    datasets: u64,
    models: u64,
    records: u64,
    requests: u64,
    trail: Option<u64>,
    files: Vec<Listed>,
}

/// A file of a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    /// Where it is, with `/` between names.
    path: String,
    bytes: u64,
    sha256: Hash,
}

/// The part of every manifest, present and future, that tells whether the rest is understood.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

impl Manifest {
    pub(super) fn new(backup: &Backup, fingerprint: Hash, files: Vec<Listed>) -> Self {
        let Backup { epoch, made_ms, datasets, models, records, requests, trail } = *backup;
        let store_format = schema::FORMAT;
        Self { format: FORMAT, store_format, epoch, fingerprint, made_ms, datasets, models, records, requests, trail, files }
    }

    /// Reads the manifest of the backup in a directory.
    pub(super) fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(MANIFEST);
        let bytes = match fs::read(&path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(Error::NotABackup { path: dir.to_owned() });
            }
            bytes => bytes.map_err(Error::io("read", &path))?,
        };
        let damaged = |error: serde_json::Error| Error::DamagedBackup { path: path.clone(), reason: error.to_string() };
        let Version { format } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if format > FORMAT {
            return Err(Error::NewerBackup { path: dir.to_owned(), found: format, supported: FORMAT });
        }
        let manifest: Self = serde_json::from_slice(&bytes).map_err(damaged)?;
        if manifest.store_format > schema::FORMAT {
            return Err(Error::NewerFormat { path: dir.to_owned(), found: manifest.store_format, supported: schema::FORMAT });
        }
        match manifest.files.iter().find(|file| !file.is_within()) {
            Some(file) => Err(Error::DamagedBackup { path, reason: format!("\"{}\" is no path of a file in a backup", file.path) }),
            None => Ok(manifest),
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        let json = serde_json::to_vec_pretty(self);
        [json.unwrap_or_else(|_| unreachable!("text and numbers become JSON")).as_slice(), b"\n"].concat()
    }

    pub(super) fn backup(&self) -> Backup {
        let Self { epoch, made_ms, datasets, models, records, requests, trail, .. } = *self;
        Backup { epoch, made_ms, datasets, models, records, requests, trail }
    }

    pub(super) fn fingerprint(&self) -> &Hash {
        &self.fingerprint
    }

    /// The files, the database excepted.
    pub(super) fn copied(&self) -> impl Iterator<Item = &Listed> {
        self.files.iter().filter(|file| file.path != SEALED)
    }

    /// Errs unless every file of the backup at `dir` is as it was written; gives the encrypted database.
    pub(super) fn verify(&self, dir: &Path) -> Result<Vec<u8>> {
        self.copied().try_for_each(|file| file.read(dir).map(drop))?;
        let database = self.files.iter().find(|file| file.path == SEALED);
        let unlisted = || Error::DamagedBackup { path: dir.join(MANIFEST), reason: format!("it does not list {SEALED}") };
        database.ok_or_else(unlisted)?.read(dir)
    }

    /// What tells the backup from any other.
    pub(super) fn digest(&self) -> Hash {
        Hash::of(&[&self.to_json()])
    }
}

impl Listed {
    pub(super) fn new(path: String, bytes: &[u8]) -> Self {
        Self { path, bytes: bytes.len() as u64, sha256: Hash::of(&[bytes]) }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The bytes of the file in the backup at `dir`, if they are those that were written.
    pub(super) fn read(&self, dir: &Path) -> Result<Vec<u8>> {
        let path = dir.join(&self.path);
        let damaged = |reason: String| Error::DamagedBackup { path: path.clone(), reason };
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(damaged("it is missing".to_owned())),
            bytes => bytes.map_err(Error::io("read", &path))?,
        };
        if bytes.len() as u64 != self.bytes {
            return Err(damaged(format!("it has {} bytes, and {} were written", bytes.len(), self.bytes)));
        }
        let found = Hash::of(&[&bytes]);
        if found == self.sha256 { Ok(bytes) } else { Err(damaged(format!("its SHA-256 is {found}, and {} was written", self.sha256))) }
    }

    /// Whether the file is where files of a backup are, and nowhere else.
    fn is_within(&self) -> bool {
        let mut components = Path::new(&self.path).components();
        let top = components.clone().next();
        let known = [SEALED, "blobs", TRAIL].iter().any(|name| top == Some(Component::Normal(name.as_ref())));
        known && components.all(|component| matches!(component, Component::Normal(_)))
    }
}

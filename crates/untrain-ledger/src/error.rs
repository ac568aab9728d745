//! What can go wrong, as data.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use untrain_core::Digest;

use crate::Refusal;

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the store, of a log, or of a key. An `Err` means that nothing changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that cannot name a dataset or a model.
    #[error(
        "\"{name}\" cannot be a name: a name has 1 to 64 characters out of a-z, A-Z, 0-9, '.', '_' and '-', \
         and starts with neither '.' nor '-'"
    )]
    InvalidName {
        /// The text.
        name: String,
    },
    /// A dataset that the store does not have.
    #[error("there is no dataset \"{name}\"")]
    UnknownDataset {
        /// The name asked for.
        name: String,
        /// The closest name that exists.
        nearest: Option<String>,
    },
    /// A model that the store does not have.
    #[error("there is no model \"{name}\"")]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The closest name that exists.
        nearest: Option<String>,
    },
    /// A request that the store does not have.
    #[error("there is no request {number}")]
    UnknownRequest {
        /// The number asked for.
        number: u64,
    },
    /// A name that is taken, in a change that does not replace.
    #[error("there is a {what} \"{name}\" already")]
    AlreadyExists {
        /// "dataset" or "model".
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A dataset to be dropped that models were trained on.
    #[error("the dataset \"{name}\" has models: {}", models.join(", "))]
    InUse {
        /// The dataset.
        name: String,
        /// Its models.
        models: Vec<String>,
    },
    /// There is no store at the path.
    #[error("there is no store at {}", path.display())]
    NoStore {
        /// The directory asked for.
        path: PathBuf,
    },
    /// Something else is at the path.
    #[error("{} is not a store, and not an empty directory where one could be made", path.display())]
    NotAStore {
        /// The path asked for.
        path: PathBuf,
    },
    /// Something that is not a log is at the path, or nothing is.
    #[error("{} is not a log, and not an empty directory where one could be made", path.display())]
    NotALog {
        /// The path asked for.
        path: PathBuf,
    },
    /// A version that does not follow the stored one: somebody changed the row since it was read.
    #[error("version {found} of the {what} \"{name}\" cannot be stored: the next version is {expected}")]
    WrongVersion {
        /// "dataset" or "model".
        what: &'static str,
        /// The name.
        name: String,
        /// The version to be stored.
        found: u64,
        /// The version that would follow.
        expected: u64,
    },
    /// Others hold the store for longer than the caller wants to wait.
    #[error("another process is using the store {} (waited {:.1} s)", path.display(), waited.as_secs_f64())]
    Busy {
        /// The store.
        path: PathBuf,
        /// How long this process waited.
        waited: Duration,
    },
    /// The store may be read but not written.
    #[error("the store cannot be written: {} is read-only", path.display())]
    ReadOnly {
        /// The file or directory that cannot be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A write through a store that was opened with [`Access::Read`](crate::Access::Read).
    #[error("the store {} was opened for reading", path.display())]
    OpenedForReading {
        /// The store.
        path: PathBuf,
    },
    /// A store written by a newer build.
    #[error("the store {} has format {found}, newer than format {supported}, the newest that this build knows", path.display())]
    NewerFormat {
        /// The store.
        path: PathBuf,
        /// The format of the store.
        found: u32,
        /// The newest format that this build reads.
        supported: u32,
    },
    /// A store written by an older build, opened for reading only; opening it for writing brings it up to date.
    #[error("the store {} has format {found} and has to be opened for writing once, to become format {supported}", path.display())]
    OlderFormat {
        /// The store.
        path: PathBuf,
        /// The format of the store.
        found: u32,
        /// The format that this build reads.
        supported: u32,
    },
    /// A blob that is referred to and is not there.
    #[error("the blob {digest} is missing from {}", path.display())]
    MissingBlob {
        /// The digest of the blob.
        digest: Digest,
        /// Where its file should be, or the directory of blobs where no file is known.
        path: PathBuf,
    },
    /// A blob whose bytes are not those that were stored.
    #[error("the blob {digest} is damaged: the {bytes} bytes in {} are not those that were stored", path.display())]
    DamagedBlob {
        /// The digest of the blob.
        digest: Digest,
        /// Its file.
        path: PathBuf,
        /// The digest of what the file holds.
        found: Digest,
        /// The length of what the file holds.
        bytes: u64,
    },
    /// The key of a blob that does not open under the key of the epoch, although that is the right one.
    #[error("the blob {digest} cannot be read: its key in {} is damaged", path.display())]
    DamagedBlobKey {
        /// The digest of the blob.
        digest: Digest,
        /// The database.
        path: PathBuf,
    },
    /// An epoch's key that is needed and is not there.
    #[error("the key of epoch {epoch} is missing: there is no file {}", path.display())]
    MissingEpochKey {
        /// The epoch.
        epoch: u64,
        /// Where the key should be.
        path: PathBuf,
    },
    /// A file that does not hold the key that it should.
    #[error("{} does not hold the key of epoch {epoch}", path.display())]
    WrongEpochKey {
        /// The epoch.
        epoch: u64,
        /// The file.
        path: PathBuf,
    },
    /// An epoch that the store never had.
    #[error("there is no epoch {epoch}")]
    UnknownEpoch {
        /// The number asked for.
        epoch: u64,
    },
    /// The key of the store's own epoch, which is not destroyed.
    #[error("epoch {epoch} is the store's own: without its key nothing in the store could be read")]
    EpochInUse {
        /// The epoch.
        epoch: u64,
    },
    /// Something is where a backup or a restored store should go.
    #[error("{} is neither absent nor an empty directory", path.display())]
    NotVacant {
        /// The path asked for.
        path: PathBuf,
    },
    /// A backup that would be made in the store itself.
    #[error("the backup {} would lie in the store {}", path.display(), store.display())]
    InsideStore {
        /// Where the backup should go.
        path: PathBuf,
        /// The store.
        store: PathBuf,
    },
    /// Something that is not a backup, or half of one.
    #[error("{} is not a finished backup: there is no file backup.json", path.display())]
    NotABackup {
        /// The path asked for.
        path: PathBuf,
    },
    /// A file of a backup that is not as it was written.
    #[error("the backup is damaged: {}: {reason}", path.display())]
    DamagedBackup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A backup made by a newer build.
    #[error("the backup {} has format {found}, newer than format {supported}, the newest that this build knows", path.display())]
    NewerBackup {
        /// The backup.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this build reads.
        supported: u32,
    },
    /// A store that was restored and may not be used before what was forgotten since the backup is forgotten again.
    #[error("the store {} was restored, and what was forgotten since the backup is not forgotten again yet", path.display())]
    Restoring {
        /// The store.
        path: PathBuf,
    },
    /// A directory in which the restoring of a store was interrupted.
    #[error("{} is half a store: restoring it was interrupted", path.display())]
    HalfRestored {
        /// The directory.
        path: PathBuf,
    },
    /// A store that is in use, where one that is being restored was asked for.
    #[error("the store {} is not being restored", path.display())]
    NotRestoring {
        /// The store.
        path: PathBuf,
    },
    /// The file system failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A piece of evidence that is not accepted.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The file of a private key that others than its owner may use.
    #[error("others can read or change the private key {} (mode {mode:04o}, and 0600 is needed)", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A device or a service that should sign and did not.
    #[error("the key {key} cannot sign: {reason}")]
    Signer {
        /// The key, as name and id.
        key: String,
        /// What the device or the service said.
        reason: String,
    },
    /// The system's randomness failed.
    #[error("the system gives no random bytes: {reason}")]
    Randomness {
        /// What the system said.
        reason: String,
    },
    /// The database failed.
    #[cfg(feature = "store")]
    #[error("cannot use the database {}", path.display())]
    Database {
        /// The database's file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl Error {
    /// Whether the caller asked for something that cannot be, rather than the store or the system having failed.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::InvalidName { .. }
            | Self::UnknownDataset { .. }
            | Self::UnknownModel { .. }
            | Self::UnknownRequest { .. }
            | Self::AlreadyExists { .. }
            | Self::InUse { .. }
            | Self::NoStore { .. }
            | Self::NotAStore { .. }
            | Self::NotALog { .. }
            | Self::UnknownEpoch { .. }
            | Self::EpochInUse { .. }
            | Self::NotVacant { .. }
            | Self::InsideStore { .. }
            | Self::NotABackup { .. }
            | Self::NotRestoring { .. } => true,
            Self::WrongVersion { .. }
            | Self::Busy { .. }
            | Self::ReadOnly { .. }
            | Self::OpenedForReading { .. }
            | Self::NewerFormat { .. }
            | Self::OlderFormat { .. }
            | Self::MissingBlob { .. }
            | Self::DamagedBlob { .. }
            | Self::DamagedBlobKey { .. }
            | Self::MissingEpochKey { .. }
            | Self::WrongEpochKey { .. }
            | Self::DamagedBackup { .. }
            | Self::NewerBackup { .. }
            | Self::Restoring { .. }
            | Self::HalfRestored { .. }
            | Self::Io { .. }
            | Self::Refused(_)
            | Self::Exposed { .. }
            | Self::Signer { .. }
            | Self::Randomness { .. } => false,
            #[cfg(feature = "store")]
            Self::Database { .. } => false,
        }
    }

    /// The closest existing name, where a name was unknown.
    pub fn nearest(&self) -> Option<&str> {
        match self {
            Self::UnknownDataset { nearest, .. } | Self::UnknownModel { nearest, .. } => nearest.as_deref(),
            _ => None,
        }
    }

    /// Makes an error of what the system said when `action` was tried on `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem if !action.starts_with("read") => {
                    Self::ReadOnly { path, source }
                }
                _ => Self::Io { action, path, source },
            }
        }
    }

    /// Makes an error of what SQLite said about the database at `path`.
    #[cfg(feature = "store")]
    pub(crate) fn database(path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Database { path: path.to_owned(), source }
    }
}

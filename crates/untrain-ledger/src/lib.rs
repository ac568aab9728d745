//! Where datasets, models and requests live, and stop living.
//!
//! A [`Store`] is one directory:
//!
//! ```text
//! untrain.db        SQLite: which datasets, models and requests there are, and the digests of their bytes
//! blobs/ab/cdef…    the bytes, each file named by its SHA-256
//! lock              held exclusively by a writer, shared by readers
//! ```
//!
//! Everything that changes at once changes in one [`Store::commit`]; a process killed at any moment leaves the state before it
//! or the state after it. What no row refers to any longer is erased: the blob files, and the old pages of the database with its
//! write-ahead log.
//!
//! This crate reads no clock and does not know what the blobs and the JSON texts mean; it depends on `untrain-core` for
//! digests alone.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use untrain_ledger::{Access, Change, DatasetRow, Part, Store};
//!
//! # let place = tempfile::tempdir()?;
//! # let dir = place.path().join("store");
//! let mut store = Store::open(&dir, Access::Write, Duration::ZERO, &mut || ())?;
//! let digest = store.put(b"two records")?;
//! let dataset = DatasetRow {
//!     name: "adults".parse()?,
//!     version: 1,
//!     schema: "{}".to_owned(),
//!     records: 2,
//!     parts: vec![Part { index: 0, digest, records: 2 }],
//!     created_ms: 1_700_000_000_000,
//! };
//! let committed = store.commit(&Change { datasets: vec![dataset.clone()], ..Change::default() })?;
//! assert!(committed.unfinished.is_none());
//! assert_eq!(store.dataset("adults")?, dataset);
//! assert_eq!(store.blob(&digest)?, b"two records");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod checkpoint;
pub mod commitment;
pub mod envelope;
mod error;
mod files;
mod hash;
pub mod keys;
mod lock;
pub mod log;
pub mod merkle;
mod name;
pub mod note;
pub mod policy;
mod refusal;
pub mod statement;
#[cfg(feature = "store")]
mod store;
pub mod witness;

pub use error::{Error, Result};
pub use hash::Hash;
pub use lock::Access;
pub use name::Name;
pub use refusal::Refusal;
#[cfg(feature = "store")]
pub use store::{Change, Committed, DatasetRow, Event, ModelRow, NewRequest, Operation, Part, Publication, RequestRow, Store, Version};

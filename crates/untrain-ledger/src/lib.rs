//! Where datasets, models and requests live and stop living, and the evidence of what was done with them.
//!
//! # The store (feature `store`, on by default)
//!
//! A `Store` is one directory:
//!
//! ```text
//! untrain.db        SQLite: which datasets, models and requests there are, and the digests of their bytes
//! blobs/ab/cdef…    the bytes, each file encrypted under a key of its own
//! keys/epoch-1      the key under which the database has those keys; belongs in no copy of the directory
//! lock              held exclusively by a writer, shared by readers
//! ```
//!
//! Everything that changes at once changes in one `Store::commit`; a process killed at any moment leaves the state before it
//! or the state after it. What no row refers to any longer is erased: the blob files, and the old pages of the database with its
//! write-ahead log.
//!
//! # The evidence
//!
//! | module | question |
//! | --- | --- |
//! | [`statement`], [`envelope`] | What is stated, and who signed it? |
//! | [`commitment`] | How does one speak of records in public without naming them? |
//! | [`log`], [`merkle`] | How do statements become a log that nobody can rewrite unnoticed? |
//! | [`checkpoint`], [`note`] | How does a log say what it is, and how is an entry proved to be in it? |
//! | [`bisect`] | Where do two runs of one training part? |
//! | [`witness`] | Who notices that a log shows different things to different people? |
//! | [`policy`] | Whom does a verifier trust? |
//! | [`receipt`] | How does all this get to the person who asked, and how is it checked? |
//! | [`keys`] | Who signs, and where are the keys? |
//!
//! Whoever checks evidence needs [`receipt::Receipt::check`], or [`policy::Policy::verify`] for single statements, without the
//! store: `default-features = false`.
//!
//! This crate reads no clock and does not know what the blobs and the JSON texts mean; of `untrain-core` it uses digests, seeds
//! and guarantees.
//!
//! # Examples
//!
//! From a statement to a verdict:
//!
//! ```
//! use untrain_core::Digest;
//! use untrain_ledger::envelope::Envelope;
//! use untrain_ledger::keys::{Role, SecretKey, Signer as _};
//! use untrain_ledger::log::Log;
//! use untrain_ledger::policy::Policy;
//! use untrain_ledger::statement::{Purge, Statement};
//!
//! # let place = tempfile::tempdir()?;
//! # let dir = place.path().join("log");
//! let log_key = SecretKey::generate("example.com/log", Role::Log)?;
//! let issuer = SecretKey::generate("example.com/issuer", Role::Issuer)?;
//! let statement = Statement::Purge(Purge {
//!     requests: Vec::new(),
//!     destroyed: vec![Digest::of(b"an old artefact")],
//!     method: "erased".to_owned(),
//!     backups_until_ms: None,
//!     at_ms: 1_700_000_000_000,
//! });
//! let mut log = Log::create(&dir, &log_key)?;
//! log.append(&[Envelope::sign(&statement, &issuer)?.to_json()?], &log_key)?;
//! let (entry, proof) = (log.entry(0)?, log.prove(0)?.to_string());
//!
//! // Elsewhere, offline, with the entry, the proof and the policy alone:
//! let policy: Policy = format!("log {}\nissuer {}\nquorum none\n", log_key.verifier(), issuer.verifier()).parse()?;
//! let verified = policy.verify(&entry, &proof.parse()?)?;
//! assert_eq!(verified.statement(), &statement);
//! assert!(verified.statement().kind().does_not_prove()[0].starts_with("It does not prove that the bytes are gone"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod bisect;
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
pub mod receipt;
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
pub use store::{
    BackedUp, Backup, BucketRow, Change, Committed, Committing, DatasetRow, Epoch, Event, ModelRow, NewStatement, OfRequest, Operation,
    Part, Place, Publication, Request, RequestRow, Rotated, State, StatementRow, Store, Version,
};

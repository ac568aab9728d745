//! The trail of a store: its keys, its log, and what the engine states there.
//!
//! ```text
//! trail/                  the log, which a file server can publish
//! trail/forgotten/        the commitments that each erasure is about
//! keys/log.key            signs its checkpoints
//! keys/issuer.key         signs statements
//! keys/suppression.key    hides what was forgotten, so that it can be recognised when it comes back
//! keys/policy.txt         whom to trust: given to whoever checks receipts
//! keys/signed             how many entries the log had when its key signed last
//! ```
//!
//! What is stated stands in the database first, in the same commit as what it is about, and goes to the log after it. A process
//! that is killed in between leaves statements that wait; whoever opens the store for writing next sends them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use untrain_core::{Digest, Schema, Seed};
use untrain_ledger::checkpoint::Checkpoint;
use untrain_ledger::commitment::{CommitmentSet, SALT_BYTES, Salt, SetHead};
use untrain_ledger::envelope::Envelope;
use untrain_ledger::keys::{Role, SecretKey, Signer, VerifierKey};
use untrain_ledger::log::Log;
use untrain_ledger::note::{Note, NoteSignature};
use untrain_ledger::policy::Policy;
use untrain_ledger::statement::{Program, SeedOrigin, Statement};
use untrain_ledger::{Access, Hash};

use crate::{Error, OpenOptions, Recipe, Result};

const LOG: &str = "trail";
const KEYS: &str = "keys";
const FORGOTTEN: &str = "forgotten";
/// How many entries the log had when its key signed last.
const SIGNED: &str = "signed";

/// What a keyed hash is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tagged {
    Record,
    Subject,
}

/// The trail, open for stating.
#[derive(Debug)]
pub(crate) struct Trail {
    keys: PathBuf,
    log: Log,
    log_key: Arc<dyn Signer>,
    issuer: Arc<dyn Signer>,
}

impl Trail {
    /// Opens the trail of the store in `dir`, and makes it if there is none.
    pub(crate) fn open(dir: &Path, options: OpenOptions<'_>) -> Result<Self> {
        let OpenOptions { wait, passphrase, signers } = options;
        let (keys, log) = (dir.join(KEYS), dir.join(LOG));
        fs::create_dir_all(&keys).map_err(|source| io_error("create", &keys, source))?;
        let name = match public_key(&keys, Role::Log) {
            Ok(key) => key.name().to_owned(),
            Err(_) => format!("untrain.local/{}", &Hash(*Salt::generate()?.as_bytes()).to_string()[..8]),
        };
        let log_key = signer(&keys, &name, Role::Log, passphrase, signers)?;
        let name = log_key.verifier().name().to_owned();
        let issuer = signer(&keys, &format!("{name}/issuer"), Role::Issuer, passphrase, signers)?;
        let policy = keys.join("policy.txt");
        if !policy.is_file() {
            let text = format!("log {}\nissuer {}\nquorum none\n", log_key.verifier(), issuer.verifier());
            write_new(&policy, text.as_bytes())?;
        }
        let log = if Log::exists(&log) { Log::open(&log, Access::Write, log_key.verifier(), wait)? } else { Log::create(&log, &*log_key)? };
        Ok(Self { keys, log, log_key, issuer })
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// The current checkpoint, without signatures.
    pub(crate) fn checkpoint(&self) -> Result<Checkpoint> {
        Ok(self.log.checkpoint().text().parse().map_err(untrain_ledger::Error::from)?)
    }

    /// The seed of a model that is registered now.
    pub(crate) fn seed(&self) -> Result<(Seed, SeedOrigin)> {
        Ok(SeedOrigin::of(&self.checkpoint()?))
    }

    /// The signed bytes of a statement.
    pub(crate) fn sign(&self, statement: &Statement) -> Result<Vec<u8>> {
        Ok(Envelope::sign(statement, &*self.issuer)?.to_json().map_err(untrain_ledger::Error::from)?)
    }

    /// Appends entries, and gives the index of the first.
    pub(crate) fn append(&mut self, entries: &[Vec<u8>]) -> Result<u64> {
        let appended = self.log.append(entries, &*self.log_key)?;
        // It need not be durable: that it lags behind is no harm, and a restoring that is given an older log is noticed by it.
        let path = self.keys.join(SIGNED);
        fs::write(&path, format!("{}\n", appended.end)).map_err(|source| io_error("write", &path, source))?;
        Ok(appended.start)
    }

    /// Adds cosignatures of a checkpoint to the current one, if it is the same.
    pub(crate) fn add_cosignatures(&mut self, text: &str, cosignatures: &[NoteSignature]) -> Result<()> {
        if text != self.log.checkpoint().text() {
            return Err(Error::OtherCheckpoint);
        }
        Ok(self.log.add_cosignatures(cosignatures)?)
    }

    pub(crate) fn log_key(&self) -> &VerifierKey {
        self.log_key.verifier()
    }

    pub(crate) fn issuer_key(&self) -> &VerifierKey {
        self.issuer.verifier()
    }

    /// Takes a new key of the log or of the issuer into use and destroys the old one's file, if it has one; the old key signs
    /// nothing from this size on.
    pub(crate) fn rotate(&mut self, dir: &Path, new: NewKey<'_>, old: &VerifierKey) -> Result<()> {
        let (role, size) = (old.role(), self.log.head().size);
        let path = self.keys.join(format!("{}.key", word(role)));
        let (next, gone) = (path.with_extension("next"), path.with_extension("old"));
        untrain_ledger::keys::destroy(&next)?;
        let new: Arc<dyn Signer> = match new {
            NewKey::File(key, passphrase) => {
                key.save(&next, passphrase)?;
                Arc::new(*key)
            }
            NewKey::Elsewhere(signer) => signer,
        };
        if role == Role::Log {
            // The checkpoint has both keys' signatures before the new key is the log's.
            let note = Note::sign(self.log.checkpoint().text(), &*new)?;
            self.log.add_cosignatures(note.signatures())?;
        }
        // From here on the policy has to know the new key: it is written before the key is in its place.
        let mut lines: Vec<String> = read_policy(&self.keys)?.text().lines().map(str::to_owned).collect();
        let place = lines.iter().rposition(|line| line.starts_with(word(role))).map_or(0, |place| place + 1);
        lines.insert(place, format!("{} {}", word(role), new.verifier()));
        lines.push(format!("retired {old} {size}"));
        replace_policy(dir, &(lines.join("\n") + "\n"))?;
        for (from, to) in [(&path, &gone), (&next, &path)] {
            if from.is_file() {
                fs::rename(from, to).map_err(|source| io_error("rename", from, source))?;
            }
        }
        untrain_ledger::keys::destroy(&gone)?;
        if role == Role::Log {
            self.log.take_key(new.verifier())?;
            self.log_key = new;
        } else {
            self.issuer = new;
        }
        Ok(())
    }
}

/// A key that is taken into use.
pub(crate) enum NewKey<'a> {
    /// In a file of the store, encrypted if there is a passphrase.
    File(Box<SecretKey>, Option<&'a str>),
    /// Where the store does not have it.
    Elsewhere(Arc<dyn Signer>),
}

/// Opens the log of the store in `dir` for reading.
pub(crate) fn read_log(dir: &Path) -> Result<Log> {
    let log = dir.join(LOG);
    if !Log::exists(&log) {
        return Err(Error::NoTrail { path: log });
    }
    Ok(Log::open(&log, Access::Read, &public_key(&dir.join(KEYS), Role::Log)?, Duration::ZERO)?)
}

/// The policy of the store in `dir`.
pub(crate) fn policy(dir: &Path) -> Result<Policy> {
    read_policy(&dir.join(KEYS))
}

fn read_policy(keys: &Path) -> Result<Policy> {
    let path = keys.join("policy.txt");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::NoTrail { path }),
        Err(source) => return Err(io_error("read", &path, source)),
    };
    Ok(text.parse().map_err(untrain_ledger::Error::from)?)
}

/// Where the policy of the store in `dir` is.
pub(crate) fn policy_path(dir: &Path) -> PathBuf {
    dir.join(KEYS).join("policy.txt")
}

/// Puts a new policy in the place of the old one.
pub(crate) fn replace_policy(dir: &Path, text: &str) -> Result<()> {
    let (path, next) = (policy_path(dir), dir.join(KEYS).join("policy.next"));
    untrain_ledger::keys::destroy(&next)?;
    write_new(&next, text.as_bytes())?;
    fs::rename(&next, &path).map_err(|source| io_error("rename", &path, source))
}

/// The key of a role that is in use: the last one named.
fn public_key(keys: &Path, role: Role) -> Result<VerifierKey> {
    let policy = read_policy(keys)?;
    policy.keys(role).last().cloned().ok_or_else(|| Error::NoTrail { path: keys.join("policy.txt") })
}

/// A role as one word, as it stands in a policy.
pub(crate) fn word(role: Role) -> &'static str {
    match role {
        Role::Log => "log",
        Role::Issuer => "issuer",
        Role::Witness => "witness",
        Role::Auditor => "auditor",
    }
}

/// The signer of a role: one of those that are given, or the key in the store's file, which a new store makes.
fn signer(keys: &Path, name: &str, role: Role, passphrase: Option<&str>, given: &[Arc<dyn Signer>]) -> Result<Arc<dyn Signer>> {
    let known = public_key(keys, role).ok();
    let path = keys.join(format!("{}.key", word(role)));
    let given = given.iter().find(|signer| signer.verifier().role() == role);
    let found: Arc<dyn Signer> = match given {
        Some(signer) => Arc::clone(signer),
        // A lost key is not made anew under the policy of the old one: what it signed would not be told from what a stranger signs.
        None if known.is_some() && !path.is_file() && !path.with_extension("next").is_file() => {
            return Err(io_error("read", &path, io::ErrorKind::NotFound.into()));
        }
        None => Arc::new(key(&path, name, role, passphrase)?),
    };
    match known {
        Some(known) if known != *found.verifier() => {
            Err(Error::OtherSigner { role: word(role), key: found.verifier().to_string(), known: known.to_string() })
        }
        _ => Ok(found),
    }
}

/// The key in a file, or a new one.
fn key(path: &Path, name: &str, role: Role, passphrase: Option<&str>) -> Result<SecretKey> {
    let next = path.with_extension("next");
    if next.is_file() {
        // A rotation that was killed: it is finished if the policy has the new key, and else was never begun.
        let new = SecretKey::load(&next, passphrase)?;
        let known = path.parent().map(|keys| public_key(keys, role)).transpose()?;
        if known.as_ref() == Some(new.verifier()) {
            untrain_ledger::keys::destroy(path)?;
            fs::rename(&next, path).map_err(|source| io_error("rename", path, source))?;
        } else {
            untrain_ledger::keys::destroy(&next)?;
        }
    }
    untrain_ledger::keys::destroy(&path.with_extension("old"))?;
    if !path.exists() {
        SecretKey::generate(name, role)?.save(path, passphrase)?;
    }
    Ok(SecretKey::load(path, passphrase)?)
}

/// The key of the keyed hashes of the store in `dir`; `make` makes one if there is none.
pub(crate) fn suppression_key(dir: &Path, make: bool) -> Result<Option<Salt>> {
    let path = dir.join(KEYS).join("suppression.key");
    match fs::read(&path) {
        Ok(bytes) => {
            let bytes: [u8; SALT_BYTES] = bytes
                .try_into()
                .map_err(|_| io_error("read", &path, io::Error::new(io::ErrorKind::InvalidData, "a suppression key has 32 bytes")))?;
            Ok(Some(Salt::from_bytes(bytes)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && make => {
            let key = Salt::generate()?;
            write_new(&path, key.as_bytes())?;
            Ok(Some(key))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(io_error("read", &path, source)),
    }
}

/// Destroys that key, after which nobody can tell what was forgotten.
pub(crate) fn destroy_suppression_key(dir: &Path) -> Result<()> {
    let path = dir.join(KEYS).join("suppression.key");
    Ok(untrain_ledger::keys::destroy(&path)?)
}

/// The keyed hash of an id or of a subject.
pub(crate) fn tag(key: &Salt, dataset: &str, what: Tagged, text: &str) -> Hash {
    let kind = match what {
        Tagged::Record => "untrain-forgotten-record-v1",
        Tagged::Subject => "untrain-forgotten-subject-v1",
    };
    let row = Digest::of(kind.as_bytes());
    untrain_ledger::commitment::Opening { tenant: "", dataset, record: text.as_bytes(), row: &row }.commit(key)
}

/// The program that this is.
pub(crate) fn program() -> Program {
    Program {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        lock: Digest::of(include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock"))),
        target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        floats: format!("IEEE 754 binary64 in a fixed order; libm in Rust; networks {}", untrain_neural::FLOAT_PROFILE),
    }
}

/// The digest of a recipe and of what the columns are for: canonical JSON of `recipe`, `columns` (name, role and whether its kind
/// was declared, in order) and `holdout`.
pub(crate) fn recipe_digest(recipe: &Recipe, schema: &Schema) -> Result<Digest> {
    let columns: Vec<_> = schema.columns.iter().map(|column| (&column.name, column.role, column.declared)).collect();
    let value = serde_json::json!({ "recipe": recipe, "columns": columns, "holdout": schema.holdout });
    let bytes = serde_json_canonicalizer::to_vec(&value).map_err(|source| Error::Metadata { name: recipe.learner.clone(), source })?;
    Ok(Digest::of(&bytes))
}

/// Writes a file that is not there yet: all of it, or nothing.
fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(untrain_ledger::keys::write_private(path, bytes)?)
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Store(untrain_ledger::Error::Io { action, path: path.to_owned(), source })
}

/// The public key of the log, as the policy in a directory of keys has it.
pub(crate) fn log_key_in(keys: &Path) -> Result<VerifierKey> {
    public_key(keys, Role::Log)
}

/// How many entries the log at least has that these keys sign; 0 where that is not known.
pub(crate) fn signed(keys: &Path) -> u64 {
    fs::read_to_string(keys.join(SIGNED)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Publishes the commitments that an erasure is about, in a file that is named by the root of their set. Whoever restores a backup
/// that still has the records finds them by these; without the salts they are random bytes.
pub(crate) fn publish_forgotten(dir: &Path, forgotten: &[Hash]) -> Result<()> {
    let folder = dir.join(LOG).join(FORGOTTEN);
    fs::create_dir_all(&folder).map_err(|source| io_error("create", &folder, source))?;
    let root = CommitmentSet::new(forgotten.iter().copied()).head().root;
    let path = folder.join(root.to_string());
    if path.is_file() {
        return Ok(());
    }
    let bytes: Vec<u8> = forgotten.iter().flat_map(|commitment| commitment.0).collect();
    write_new(&path, &bytes)
}

/// The commitments that an erasure is about, from the directory of the log that states it.
pub(crate) fn forgotten(log: &Path, stated: &SetHead) -> Result<Vec<Hash>> {
    let path = log.join(FORGOTTEN).join(stated.root.to_string());
    let bytes = fs::read(&path).map_err(|source| io_error("read", &path, source))?;
    let found: Vec<Hash> = bytes.chunks_exact(SALT_BYTES).filter_map(|chunk| chunk.try_into().ok()).map(Hash).collect();
    let head = CommitmentSet::new(found.iter().copied()).head();
    if head == *stated && found.len() * SALT_BYTES == bytes.len() {
        return Ok(found);
    }
    Err(Error::Unrestored { what: format!("the list {}", path.display()), found: head.root, stated: stated.root })
}

/// Puts the keys and the log as they are now beside a store that was restored, in the place of the backup's log.
pub(crate) fn take_over(keys: &Path, log: &Path, to: &Path) -> Result<()> {
    for name in ["log.key", "issuer.key", "suppression.key", "policy.txt", SIGNED] {
        let (from, to) = (keys.join(name), to.join(KEYS).join(name));
        if from.is_file() && !to.is_file() {
            let bytes = fs::read(&from).map_err(|source| io_error("read", &from, source))?;
            write_new(&to, &bytes)?;
        }
    }
    copy(log, &to.join(LOG))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(|source| io_error("create", to, source))?;
    for entry in fs::read_dir(from).map_err(|source| io_error("read", from, source))? {
        let entry = entry.map_err(|source| io_error("read", from, source))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target)?;
        } else if entry.file_name() != "lock" {
            fs::copy(&path, &target).map_err(|source| io_error("write", &target, source))?;
        }
    }
    Ok(())
}

/// Where the trail's files are, for those who publish them.
pub(crate) fn place(dir: &Path) -> PathBuf {
    dir.join(LOG)
}

//! A witness: cosigns the checkpoints of a log as long as each continues the last one, and remembers it.
//!
//! What it remembers of a log is one file in its directory, the last checkpoint that it cosigned with its cosignature, named by
//! the SHA-256 of the log's name. Whoever takes the directory away from a witness, or puts an old one back, makes it forget what
//! it saw: keep it where the operator of the log has no access, and out of backups.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::checkpoint::{Checkpoint, decimal};
use crate::files::{create_dir, rename, sync_dir, write_synced};
use crate::keys::{Role, Signer, VerifierKey};
use crate::lock::Lock;
use crate::log::Log;
use crate::merkle::{TreeHead, verify_consistency};
use crate::note::{Note, NoteSignature};
use crate::{Access, Error, Hash, Refusal, Result};

const CHECKPOINT: &str = "checkpoint";
const LONGEST_PROOF: usize = 63;

/// What a log asks a witness to cosign: the body of C2SP tlog-witness's `add-checkpoint`.
///
/// # References
///
/// \[@c2sp-tlog-witness].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The size of the checkpoint that the witness cosigned last, 0 for the first.
    pub old: u64,
    /// The proof that the new tree continues the old one.
    pub proof: Vec<Hash>,
    /// The new checkpoint.
    pub checkpoint: Note,
}

/// A witness of some logs.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use untrain_ledger::keys::{Role, SecretKey, Signer as _};
/// use untrain_ledger::log::Log;
/// use untrain_ledger::witness::{Submission, Witness};
///
/// let (log_key, key) = (SecretKey::generate("example.com/log", Role::Log)?, SecretKey::generate("w", Role::Witness)?);
/// # let place = tempfile::tempdir()?;
/// # let (log_dir, dir) = (place.path().join("log"), place.path().join("witness"));
/// let mut log = Log::create(&log_dir, &log_key)?;
/// log.append(&[b"an entry"], &log_key)?;
///
/// let mut witness = Witness::open(&dir, key.verifier(), vec![log_key.verifier().clone()], Duration::ZERO)?;
/// let old = witness.last("example.com/log")?.map_or(0, |last| last.head.size);
/// let submission = Submission { old, proof: log.consistency(old)?, checkpoint: log.checkpoint().clone() };
/// let cosignature = witness.cosign(&submission, &key, 1_700_000_000)?;
/// log.add_cosignatures(&[cosignature])?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Witness {
    dir: PathBuf,
    key: VerifierKey,
    logs: Vec<VerifierKey>,
    _lock: Lock,
}

/// What a witness remembers of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Last {
    /// The head that it cosigned last.
    pub head: TreeHead,
    /// When, in seconds since 1970.
    pub seconds: u64,
}

impl Witness {
    /// Opens the directory of the witness with this key, which knows these logs; makes it if it is absent.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongRole`] for keys of other roles; [`Error::Busy`] if another process is the witness; [`Error::Io`].
    pub fn open(dir: &Path, key: &VerifierKey, logs: Vec<VerifierKey>, wait: Duration) -> Result<Self> {
        key.require(Role::Witness)?;
        logs.iter().try_for_each(|log| log.require(Role::Log))?;
        create_dir(dir)?;
        let lock = Lock::acquire(dir, Access::Write, wait, &mut || ())?;
        Ok(Self { dir: dir.to_owned(), key: key.clone(), logs, _lock: lock })
    }

    /// What the witness cosigned last of a log, if anything.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadSignature`], [`Refusal::Untrusted`] and [`Refusal::Malformed`] if what it remembers was changed; [`Error::Io`].
    pub fn last(&self, origin: &str) -> Result<Option<Last>> {
        let path = self.path(origin);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        let note: Note = text.parse()?;
        let checkpoint: Checkpoint = note.text().parse()?;
        let seconds = note.cosigned_at("witness's last checkpoint", &self.key)?;
        let seconds = seconds.ok_or_else(|| Refusal::Untrusted { what: "witness's last checkpoint", found: note.signers() })?;
        if checkpoint.origin != origin {
            return Err(Refusal::WrongLog { expected: origin.to_owned(), found: checkpoint.origin }.into());
        }
        Ok(Some(Last { head: checkpoint.head, seconds }))
    }

    /// Cosigns a checkpoint if it continues the last one, at a time in seconds since 1970; remembers it before it answers.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongLog`] for a log that the witness does not know; [`Refusal::Untrusted`] and [`Refusal::BadSignature`] for a
    /// missing and a wrong signature of the log; [`Refusal::Rollback`] for an older checkpoint; [`Refusal::Forked`];
    /// [`Refusal::WrongStart`] for a proof from another size than the last; [`Refusal::NotConsistent`];
    /// [`Refusal::ClockBackwards`] if `now` is before the last cosignature; those of the signer; [`Error::Io`].
    pub fn cosign(&mut self, submission: &Submission, signer: &dyn Signer, now: u64) -> Result<NoteSignature> {
        if signer.verifier() != &self.key {
            return Err(Refusal::Untrusted { what: "cosignature", found: signer.verifier().label() }.into());
        }
        let note = &submission.checkpoint;
        let Checkpoint { origin, head, .. } = note.text().parse()?;
        let mut known = false;
        for log in self.logs.iter().filter(|log| log.name() == origin) {
            known |= note.verify(CHECKPOINT, log)?;
        }
        if self.logs.iter().all(|log| log.name() != origin) {
            let expected = self.logs.iter().map(VerifierKey::name).collect::<Vec<_>>().join(", ");
            return Err(Refusal::WrongLog { expected, found: origin }.into());
        }
        if !known {
            return Err(Refusal::Untrusted { what: CHECKPOINT, found: note.signers() }.into());
        }
        let last = self.last(&origin)?;
        let old = last.map_or(TreeHead { size: 0, root: crate::merkle::empty_root() }, |last| last.head);
        if head.size < old.size {
            return Err(Refusal::Rollback { last: old.size, offered: head.size }.into());
        }
        if head.size == old.size && head.root != old.root {
            return Err(Refusal::Forked { size: old.size, first: old.root, second: head.root }.into());
        }
        if submission.old != old.size {
            return Err(Refusal::WrongStart { expected: old.size, found: submission.old }.into());
        }
        verify_consistency(&old, &head, &submission.proof)?;
        if let Some(last) = last.filter(|last| now < last.seconds) {
            return Err(Refusal::ClockBackwards { name: self.key.label(), last: last.seconds, now }.into());
        }
        let cosignature = note.cosign(signer, now)?;
        let mut remembered = note.clone();
        remembered.add(cosignature.clone());
        self.remember(&origin, &remembered)?;
        Ok(cosignature)
    }

    /// Cosigns the checkpoint of a log that lies here, as a copy or a mount, from its tiles alone; gives the checkpoint with the
    /// cosignature.
    ///
    /// # Errors
    ///
    /// As [`cosign`](Self::cosign), without [`Refusal::WrongStart`]; [`Refusal::DamagedLog`] for tiles that do not lead to the
    /// checkpoint, as in a copy that was made while the log grew; [`Error::Io`] for tiles that are missing.
    pub fn cosign_log(&mut self, log: &Log, signer: &dyn Signer, now: u64) -> Result<Note> {
        let Checkpoint { origin, head, .. } = log.checkpoint().text().parse()?;
        let last = self.last(&origin)?.map(|last| last.head);
        let old = last.map_or(0, |last| last.size);
        let proof = log.consistency(old)?;
        if log.root_at(head.size)? != head.root {
            return Err(Refusal::DamagedLog { what: "a tile".to_owned(), size: head.size }.into());
        }
        // Two roots of one size say more than a proof that fails, and they are what others can be shown.
        if let Some(last) = last {
            let found = log.root_at(last.size)?;
            if found != last.root {
                return Err(Refusal::Forked { size: last.size, first: last.root, second: found }.into());
            }
        }
        let mut note = log.checkpoint().clone();
        note.add(self.cosign(&Submission { old, proof, checkpoint: note.clone() }, signer, now)?);
        Ok(note)
    }

    fn remember(&self, origin: &str, note: &Note) -> Result<()> {
        let path = self.path(origin);
        let temporary = path.with_extension("tmp");
        write_synced(&temporary, note.to_string().as_bytes())?;
        rename(&temporary, &path)?;
        sync_dir(&self.dir)
    }

    fn path(&self, origin: &str) -> PathBuf {
        self.dir.join(Hash::of(&[origin.as_bytes()]).to_string())
    }
}

/// The HTTP status with which C2SP tlog-witness answers a submission that is refused.
pub fn http_status(refusal: &Refusal) -> u16 {
    match refusal {
        Refusal::Untrusted { .. } | Refusal::BadSignature { .. } => 403,
        Refusal::WrongLog { .. } => 404,
        Refusal::Rollback { .. } | Refusal::Forked { .. } | Refusal::WrongStart { .. } => 409,
        Refusal::NotConsistent { .. } => 422,
        Refusal::ClockBackwards { .. } => 503,
        _ => 400,
    }
}

impl fmt::Display for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", hash.to_base64()))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for Submission {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refuse = |reason: &str| Refusal::malformed("submission", reason);
        let (head, checkpoint) = text.split_once("\n\n").ok_or_else(|| refuse("there is no empty line before the checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old = old.ok_or_else(|| refuse("its first line is not the old size"))?;
        let proof = lines.map(|line| Hash::from_base64(line, "submission")).collect::<Result<Vec<_>, _>>()?;
        if proof.len() > LONGEST_PROOF {
            return Err(refuse("its proof is longer than any tree is high"));
        }
        Ok(Self { old, proof, checkpoint: checkpoint.parse()? })
    }
}

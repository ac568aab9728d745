//! An append-only log in a directory that any file server can publish, in the layout of C2SP tlog-tiles.
//!
//! ```text
//! checkpoint                 the signed head of the tree
//! tile/<L>/<N>[.p/<W>]       hashes, 256 a file, or <W> in the last file of a row
//! tile/entries/<N>[.p/<W>]   the entries, each behind its length in two bytes, most significant first
//! checkpoint.next            the head that is about to be published
//! tmp/, lock                 files being written; held by the one who appends
//! ```
//!
//! # How an append survives a crash
//!
//! 1. The new tiles are written to `tmp/`, synced, renamed to their places, and the directories are synced. No file that the
//!    published checkpoint needs is touched: a partial tile has a file for each width.
//! 2. The new checkpoint becomes `checkpoint.next` in the same way. From here on the append has happened.
//! 3. `checkpoint.next` is renamed to `checkpoint`. If that does not reach the disk, the next writer does it again.
//!
//! Whoever opens the log for appending after a crash finishes step 3, or erases what step 1 left. A checkpoint that anybody
//! can have read is on the disk before, so a lost rename cannot become a fork.

mod edge;
mod tiles;

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::edge::{Edge, Write};
use self::tiles::{Row, Tiles, WIDTH};
use crate::checkpoint::{Checkpoint, LogProof};
use crate::files::{create_dir, entries, erase, parent, rename, sync_dir, sync_dirs, write_all_synced};
use crate::keys::{Role, Signer, VerifierKey};
use crate::lock::Lock;
use crate::merkle::{self, MemoryTree, TreeHead};
use crate::note::{Note, NoteSignature};
use crate::{Access, Error, Hash, Refusal, Result};

const CHECKPOINT: &str = "checkpoint";
const NEXT: &str = "checkpoint.next";
const TEMPORARY: &str = "tmp";

/// An open log. One process appends at a time; readers need no lock, since what a checkpoint covers never changes.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use untrain_ledger::keys::{Role, SecretKey, Signer as _};
/// use untrain_ledger::log::Log;
///
/// let key = SecretKey::generate("example.com/log", Role::Log)?;
/// # let place = tempfile::tempdir()?;
/// # let dir = place.path().join("log");
/// let mut log = Log::create(&dir, &key)?;
/// log.append(&[b"first", b"other"], &key)?;
/// let proof = log.prove(1)?;
/// proof.verify(b"other", &log.head())?;
/// assert!(proof.verify(b"another", &log.head()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// \[@c2sp-tlog-tiles].
#[derive(Debug)]
pub struct Log {
    dir: PathBuf,
    key: VerifierKey,
    checkpoint: Note,
    head: TreeHead,
    /// Absent in a log that is read only, and after a failed append until the log was read anew.
    edge: Option<Edge>,
    lock: Option<Lock>,
}

impl Log {
    /// Whether there is a log in the directory.
    pub fn exists(dir: &Path) -> bool {
        [CHECKPOINT, NEXT].iter().any(|name| dir.join(name).is_file())
    }

    /// Makes a log without entries, in an absent or empty directory, and opens it for appending.
    ///
    /// # Errors
    ///
    /// [`Error::NotALog`] if there is something in the directory; [`Error::Busy`]; those of the signer; [`Error::Io`].
    pub fn create(dir: &Path, signer: &dyn Signer) -> Result<Self> {
        create_dir(dir)?;
        let lock = Lock::acquire(dir, Access::Write, Duration::ZERO, &mut || ())?;
        // What an interrupted creation leaves is a lock and a temporary file.
        if entries(dir)?.iter().any(|(name, _)| name != "lock" && name != TEMPORARY) {
            return Err(Error::NotALog { path: dir.to_owned() });
        }
        let edge = Edge::default();
        let checkpoint = Checkpoint::sign(edge.head(), signer)?;
        publish(dir, &[], &checkpoint)?;
        let key = signer.verifier().clone();
        Ok(Self { dir: dir.to_owned(), key, checkpoint, head: edge.head(), edge: Some(edge), lock: Some(lock) })
    }

    /// Opens the log of a key. For appending, waits up to `wait` for others who do, finishes what they left, and checks that
    /// the last tiles fit the checkpoint.
    ///
    /// # Errors
    ///
    /// [`Error::NotALog`] if there is none; [`Error::Busy`] after waiting; [`Refusal::Untrusted`], [`Refusal::BadSignature`]
    /// and [`Refusal::WrongLog`] for a checkpoint of another key or log; [`Refusal::DamagedLog`]; [`Error::Io`].
    pub fn open(dir: &Path, access: Access, key: &VerifierKey, wait: Duration) -> Result<Self> {
        key.require(Role::Log)?;
        if !Self::exists(dir) {
            return Err(Error::NotALog { path: dir.to_owned() });
        }
        if access == Access::Read {
            let (checkpoint, head) = read_checkpoint(&dir.join(CHECKPOINT), key)?;
            return Ok(Self { dir: dir.to_owned(), key: key.clone(), checkpoint, head, edge: None, lock: None });
        }
        let lock = Lock::acquire(dir, Access::Write, wait, &mut || ())?;
        let (checkpoint, head, edge) = recover(dir, key)?;
        Ok(Self { dir: dir.to_owned(), key: key.clone(), checkpoint, head, edge: Some(edge), lock: Some(lock) })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The signed checkpoint, with the cosignatures that it has.
    pub fn checkpoint(&self) -> &Note {
        &self.checkpoint
    }

    /// The head of the tree.
    pub fn head(&self) -> TreeHead {
        self.head
    }

    /// Appends entries of at most 65,535 bytes, signs the new checkpoint and publishes it; gives the indices of the entries.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooLarge`]; [`Refusal::WrongRole`] and [`Refusal::WrongLog`] for another key; those of the signer;
    /// [`Error::OpenedForReading`]; [`Error::Io`]. After an [`Error::Io`] in the last step, the publishing of a checkpoint that
    /// is on the disk already, the entries are in the log; the next append finds out.
    ///
    /// # Complexity
    ///
    /// One file for each 256 entries and for each 256 hashes; waits for the disk three times, whatever the number of files.
    pub fn append(&mut self, entries: &[impl AsRef<[u8]>], signer: &dyn Signer) -> Result<Range<u64>> {
        self.require_write()?;
        if signer.verifier() != &self.key {
            return Err(Refusal::WrongLog { expected: self.key.label(), found: signer.verifier().label() }.into());
        }
        let edge = match self.edge.take() {
            Some(edge) => edge,
            None => self.recover()?,
        };
        if entries.is_empty() {
            self.edge = Some(edge);
            return Ok(self.head.size..self.head.size);
        }
        let mut next = edge.clone();
        let staged = next.append(&self.dir, entries).and_then(|writes| Ok((writes, Checkpoint::sign(next.head(), signer)?)));
        let (writes, checkpoint) = match staged {
            Ok(staged) => staged,
            Err(error) => {
                self.edge = Some(edge);
                return Err(error);
            }
        };
        publish(&self.dir, &writes, &checkpoint)?;
        let old = self.head;
        (self.checkpoint, self.head, self.edge) = (checkpoint, next.head(), Some(next));
        // Partial tiles beside a full one cost space and nothing else.
        let _ = erase_replaced(&self.dir, old.size, self.head.size);
        Ok(old.size..self.head.size)
    }

    /// Adds cosignatures of witnesses over [`checkpoint`](Self::checkpoint) to it. What they are worth is for a policy to say.
    ///
    /// # Errors
    ///
    /// [`Refusal::OutdatedCosignature`] if an append that failed before had happened after all, so that the log's checkpoint is
    /// another than the one that this type showed: it shows the new one from then on. [`Error::OpenedForReading`]; [`Error::Io`].
    pub fn add_cosignatures(&mut self, signatures: &[NoteSignature]) -> Result<()> {
        self.require_write()?;
        // An append that failed in its last step left a checkpoint that is durable. The old one must not be published over it.
        if self.edge.is_none() {
            let cosigned = (self.checkpoint.text().to_owned(), self.head.size);
            self.edge = Some(self.recover()?);
            if self.checkpoint.text() != cosigned.0 {
                return Err(Refusal::OutdatedCosignature { cosigned: cosigned.1, now: self.head.size }.into());
            }
        }
        let mut checkpoint = self.checkpoint.clone();
        // The log's own signature is not for others to replace.
        for signature in signatures.iter().filter(|signature| (signature.name.as_str(), signature.id) != (self.key.name(), self.key.id())) {
            checkpoint.add(signature.clone());
        }
        // Read anew, so that a checkpoint that nobody could read is never published.
        let checkpoint: Note = checkpoint.to_string().parse()?;
        publish(&self.dir, &[], &checkpoint)?;
        self.checkpoint = checkpoint;
        Ok(())
    }

    /// Has another key of the same name sign from now on; the checkpoint has its signature already, among the added ones.
    ///
    /// # Errors
    ///
    /// [`Error::OpenedForReading`]; [`Refusal::Untrusted`] if it has not; [`Refusal::WrongLog`] for a key of another name.
    pub fn take_key(&mut self, key: &VerifierKey) -> Result<()> {
        self.require_write()?;
        key.require(Role::Log)?;
        read_checkpoint(&self.dir.join(CHECKPOINT), key)?;
        self.key = key.clone();
        Ok(())
    }

    /// The entry at an index.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotIncluded`] beyond the log's size; [`Refusal::DamagedLog`]; [`Error::Io`].
    pub fn entry(&self, index: u64) -> Result<Vec<u8>> {
        if index >= self.head.size {
            return Err(Refusal::NotIncluded { index, size: self.head.size, reason: "the tree has not so many entries" }.into());
        }
        let mut bundle = Tiles::new(&self.dir, self.head.size).entries(index / WIDTH)?;
        Ok(bundle.swap_remove((index % WIDTH) as usize))
    }

    /// The proof that the entry at an index is in the log, with the current checkpoint; it is made from tiles alone.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotIncluded`] beyond the log's size; [`Refusal::DamagedLog`] if the tiles do not lead to the checkpoint's
    /// root; [`Error::Io`].
    ///
    /// # Complexity
    ///
    /// Reads one tile for each factor of 256 in the size.
    pub fn prove(&self, index: u64) -> Result<LogProof> {
        let tiles = Tiles::new(&self.dir, self.head.size);
        let path = merkle::inclusion_proof(&tiles, index, self.head.size)?;
        if index < self.head.size {
            let leaf = tiles.hashes(0, index / WIDTH)?[(index % WIDTH) as usize];
            merkle::verify_inclusion(leaf, index, &self.head, &path).map_err(|_| self.damaged("a tile on the way to an entry"))?;
            return Ok(LogProof { extra: None, index, path, checkpoint: self.checkpoint.clone() });
        }
        Err(Refusal::NotIncluded { index, size: self.head.size, reason: "the tree has not so many entries" }.into())
    }

    /// The proof that the log continues its first `old` entries, from tiles alone.
    ///
    /// # Errors
    ///
    /// [`Refusal::Rollback`] if the log is smaller; [`Refusal::DamagedLog`]; [`Error::Io`].
    pub fn consistency(&self, old: u64) -> Result<Vec<Hash>> {
        if old > self.head.size {
            return Err(Refusal::Rollback { last: old, offered: self.head.size }.into());
        }
        merkle::consistency_proof(&Tiles::new(&self.dir, self.head.size), old, self.head.size)
    }

    /// The root of the log's first `size` entries, from tiles alone.
    ///
    /// # Errors
    ///
    /// As [`consistency`](Self::consistency).
    pub fn root_at(&self, size: u64) -> Result<Hash> {
        if size > self.head.size {
            return Err(Refusal::Rollback { last: size, offered: self.head.size }.into());
        }
        merkle::root(&Tiles::new(&self.dir, self.head.size), size)
    }

    /// Reads every entry and every tile, and checks that they fit each other and the checkpoint.
    ///
    /// # Errors
    ///
    /// [`Refusal::DamagedLog`], which names the file; [`Error::Io`].
    ///
    /// # Complexity
    ///
    /// All bytes of the log are read once.
    pub fn audit(&self) -> Result<()> {
        let tiles = Tiles::new(&self.dir, self.head.size);
        let mut hashes = Vec::new();
        for n in 0..self.head.size.div_ceil(WIDTH) {
            hashes.extend(tiles.entries(n)?.iter().map(|entry| merkle::leaf_hash(entry)));
        }
        let mut tree = MemoryTree::default();
        hashes.iter().for_each(|hash| tree.push(*hash));
        if tree.head() != self.head {
            return Err(self.damaged("the entries"));
        }
        for row in Row::all(self.head.size) {
            let Row::Level(level) = row else { continue };
            for (n, expected) in hashes.chunks(WIDTH as usize).enumerate() {
                if tiles.hashes(level, n as u64)?[..] != *expected {
                    return Err(self.damaged(&row.path(&self.dir, n as u64, expected.len() as u64).display().to_string()));
                }
            }
            hashes = hashes.chunks_exact(WIDTH as usize).map(tiles::root).collect();
        }
        Ok(())
    }

    fn recover(&mut self) -> Result<Edge> {
        let (checkpoint, head, edge) = recover(&self.dir, &self.key)?;
        (self.checkpoint, self.head) = (checkpoint, head);
        Ok(edge)
    }

    fn require_write(&self) -> Result<()> {
        if self.lock.is_some() { Ok(()) } else { Err(Error::OpenedForReading { path: self.dir.clone() }) }
    }

    fn damaged(&self, what: &str) -> Error {
        Refusal::DamagedLog { what: what.to_owned(), size: self.head.size }.into()
    }
}

/// Reads a checkpoint and checks that the log's key signed it.
fn read_checkpoint(path: &Path, key: &VerifierKey) -> Result<(Note, TreeHead)> {
    let text = fs::read(path).map_err(Error::io("read", path))?;
    let note: Note = String::from_utf8(text).map_err(|_| Refusal::malformed("checkpoint", "it is not text"))?.parse()?;
    let checkpoint: Checkpoint = note.text().parse()?;
    if checkpoint.origin != key.name() {
        return Err(Refusal::WrongLog { expected: key.name().to_owned(), found: checkpoint.origin }.into());
    }
    if !note.verify(CHECKPOINT, key)? {
        return Err(Refusal::Untrusted { what: CHECKPOINT, found: note.signers() }.into());
    }
    Ok((note, checkpoint.head))
}

/// Finishes an append that was about to be published, and erases what one left that was not.
fn recover(dir: &Path, key: &VerifierKey) -> Result<(Note, TreeHead, Edge)> {
    let (current, next) = (dir.join(CHECKPOINT), dir.join(NEXT));
    for (_, path) in entries(&dir.join(TEMPORARY))? {
        erase(&path)?;
    }
    let mut old = None;
    if next.is_file() {
        if current.is_file() {
            old = Some(read_checkpoint(&current, key)?.1.size);
        }
        let (_, head) = read_checkpoint(&next, key)?;
        Edge::read(dir, &head)?;
        rename(&next, &current)?;
    }
    // The rename may have been done before and not have reached the disk.
    sync_dir(dir)?;
    let (checkpoint, head) = read_checkpoint(&current, key)?;
    let edge = Edge::read(dir, &head)?;
    erase_replaced(dir, old.unwrap_or(head.size), head.size)?;
    erase_beyond(dir, head.size)?;
    Ok((checkpoint, head, edge))
}

/// Makes tiles durable, then the checkpoint, then publishes it.
fn publish(dir: &Path, writes: &[Write], checkpoint: &Note) -> Result<()> {
    let temporary = dir.join(TEMPORARY);
    create_dir(&temporary)?;
    let text = checkpoint.to_string();
    let mut staged: Vec<(PathBuf, &[u8])> =
        writes.iter().enumerate().map(|(i, (_, bytes))| (temporary.join(i.to_string()), bytes.as_slice())).collect();
    staged.push((temporary.join(CHECKPOINT), text.as_bytes()));
    write_all_synced(&staged)?;
    let mut folders: Vec<&Path> = writes.iter().map(|(path, _)| parent(path)).collect();
    folders.sort_unstable();
    folders.dedup();
    folders.iter().try_for_each(|folder| create_dir(folder))?;
    for ((path, _), (staged, _)) in writes.iter().zip(&staged) {
        rename(staged, path)?;
    }
    sync_dirs(&folders)?;
    let next = dir.join(NEXT);
    rename(&temporary.join(CHECKPOINT), &next)?;
    sync_dir(dir)?;
    // This renaming need not have reached the disk: whoever finds the next checkpoint there publishes it.
    rename(&next, &dir.join(CHECKPOINT))
}

/// Erases the partial tiles that have become full ones between two sizes.
fn erase_replaced(dir: &Path, old: u64, new: u64) -> Result<()> {
    for row in Row::all(old) {
        let n = row.items(old) / WIDTH;
        if row.items(old) % WIDTH > 0 && row.items(new) / WIDTH > n {
            erase_partials(&row.partials(dir, n), 0)?;
        }
    }
    Ok(())
}

/// Erases the tiles that an append beyond this size left.
fn erase_beyond(dir: &Path, size: u64) -> Result<()> {
    for row in (0..8).map(Row::Level).chain([Row::Entries]) {
        let (mut n, width) = (row.items(size) / WIDTH, row.items(size) % WIDTH);
        erase_partials(&row.partials(dir, n), width)?;
        // Tiles are renamed to their places from left to right, so the first that is missing ends the search.
        while row.path(dir, n, WIDTH).exists() {
            erase(&row.path(dir, n, WIDTH))?;
            n += 1;
            erase_partials(&row.partials(dir, n), 0)?;
        }
    }
    Ok(())
}

/// Erases the versions of a partial tile that are wider than `width`, and with 0 the directory too.
fn erase_partials(partials: &Path, width: u64) -> Result<()> {
    for (name, path) in entries(partials)? {
        if name.parse().is_ok_and(|found: u64| found > width) {
            erase(&path)?;
        }
    }
    match fs::remove_dir(partials) {
        Err(error) if width == 0 && !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {
            Err(Error::io("erase", partials)(error))
        }
        _ => Ok(()),
    }
}

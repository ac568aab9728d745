//! Receipts: all that it takes to check, offline and without any machine learning, what was done about a request.
//!
//! A receipt tells one story. The *request* named records by their commitments; the *erasure* that covers it took them out of the
//! dataset and out of every model; *earlier* statements say how dataset and models stood before; statements that came later say
//! what was published and destroyed, and what auditors got who replayed it. A [`Receipt`] that exists tells such a story; whether
//! the story is true, as far as it can be known, is for [`Receipt::check`] to say.
//!
//! The file is a zip file, described in `docs/format.md`. Equal receipts have equal bytes, and a reader accepts no others.

mod chain;
mod check;
mod members;
mod page;
mod replay;
mod report;
mod story;
mod words;
mod zip;

use untrain_core::Digest;

pub use self::check::{Checked, CheckpointSeen, Finding, Level, ModelChecked, PolicyFrom, Stated};
pub use self::page::{escaped, page};
pub use self::report::report;
use self::story::Story;
pub use self::words::plain;
use crate::checkpoint::LogProof;
use crate::commitment::{CommitmentSet, Salt};
use crate::envelope::Envelope;
use crate::policy::Policy;
use crate::statement::{Kind, reference};
use crate::{Hash, Name, Refusal};

/// More statements than any receipt needs: one for each model before, and a few about the request.
const MOST_ENTRIES: usize = 1024;

/// The largest file of a receipt, in bytes.
pub const LARGEST: usize = zip::LARGEST;

/// What a receipt is made of, in any order.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The request.
    pub request: Name,
    /// The signed statements with their proofs.
    pub entries: Vec<Entry>,
    /// Where the proofs lead to more than one checkpoint: that the largest continues each of the others.
    pub steps: Vec<Step>,
    /// The dataset's commitments before the erasure, or an excerpt that shows the forgotten ones.
    pub before: CommitmentSet,
    /// The commitments that the erasure took out, those of other requests included.
    pub forgotten: Vec<Hash>,
    /// The commitments of this request.
    pub own: Vec<Hash>,
    /// What opens them, as long as the salts have not been destroyed.
    pub openings: Option<Openings>,
    /// The operator's policy.
    pub policy: String,
}

/// A signed statement and the proof that it is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The statement in its envelope: the bytes in the log.
    pub bytes: Vec<u8>,
    /// Its place in the log, with a checkpoint.
    pub proof: LogProof,
}

/// The proof that the largest checkpoint of a receipt continues another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// The size of the smaller checkpoint.
    pub size: u64,
    /// The hashes of the consistency proof.
    pub proof: Vec<Hash>,
}

/// What shows which records the commitments of the request are to. Only the person and the operator should have it.
#[derive(Debug, Clone)]
pub struct Openings {
    /// Whose store, empty where there is one.
    pub tenant: String,
    /// The records.
    pub records: Vec<Opened>,
}

/// What opens one commitment.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The record's id.
    pub record: String,
    /// The digest of the record's canonical bytes.
    pub row: Digest,
    /// The salt.
    pub salt: Salt,
}

/// A receipt: statements that tell the story of one request, with what it takes to check them.
///
/// # Guarantee
///
/// Equal receipts have equal bytes. Neither this type nor its file knows the time or the machine it was made on.
///
/// # Examples
///
/// ```
/// use untrain_ledger::receipt::{Level, Receipt, report};
///
/// let file = include_bytes!("../tests/data/receipt-v1.zip");
/// let policy = include_str!("../tests/data/receipt-v1.policy").parse()?;
/// let checked = Receipt::from_zip(file)?.check(Some(&policy))?;
/// checked.require(Level::Replay)?;
/// assert!(report(&checked).contains("What is gone is exactly 3 records"));
///
/// let mut changed = file.to_vec();
/// changed[20_000] ^= 1;
/// assert!(Receipt::from_zip(&changed).is_err());
/// # Ok::<(), untrain_ledger::Refusal>(())
/// ```
#[derive(Debug, Clone)]
pub struct Receipt {
    request: Name,
    /// In the order of the log.
    entries: Vec<Held>,
    steps: Vec<Step>,
    before: CommitmentSet,
    forgotten: Vec<Hash>,
    own: Vec<Hash>,
    openings: Option<Openings>,
    policy: Policy,
}

/// An entry that has been read.
#[derive(Debug, Clone)]
struct Held {
    entry: Entry,
    envelope: Envelope,
    reference: Digest,
}

impl Receipt {
    /// Makes a receipt of its parts; `before` is cut down to what shows the forgotten commitments.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`] and [`Refusal::TooLarge`] for what is not a statement or a policy, and for what comes twice;
    /// [`Refusal::Missing`] without the request or the erasure; [`Refusal::Foreign`] for a statement that is not part of
    /// the story.
    pub fn new(parts: Parts) -> Result<Self, Refusal> {
        let Parts { request, entries, mut steps, before, mut forgotten, mut own, openings, policy } = parts;
        let refuse = |reason: &str| Refusal::malformed("receipt", reason);
        if entries.len() > MOST_ENTRIES {
            return Err(refuse("it has more than 1,024 statements"));
        }
        let mut entries = entries.into_iter().map(Held::new).collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(|held| held.entry.proof.index);
        steps.sort_unstable();
        forgotten.sort_unstable();
        own.sort_unstable();
        let twice = |hashes: &[Hash]| hashes.windows(2).any(|pair| pair[0] == pair[1]);
        if entries.windows(2).any(|pair| pair[0].index() == pair[1].index()) || steps.windows(2).any(|pair| pair[0].size == pair[1].size) {
            return Err(refuse("two of its statements or steps have one place in the log"));
        }
        if twice(&forgotten) || twice(&own) {
            return Err(refuse("a commitment comes twice"));
        }
        let before = before.excerpt(&forgotten);
        let policy = policy.parse()?;
        let mut receipt = Self { request, entries, steps, before, forgotten, own, openings, policy };
        let dataset = Story::of(&receipt)?.request.says.dataset.clone();
        if let Some(openings) = &mut receipt.openings {
            openings.sort(&dataset);
        }
        Ok(receipt)
    }

    /// The request.
    pub fn request(&self) -> &Name {
        &self.request
    }

    /// The signed statements with their proofs, in the order of the log.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(|held| &held.entry)
    }

    /// The operator's policy, as it came with the receipt: its keys are the operator's own word.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The excerpt of the dataset's commitments before.
    pub fn before(&self) -> &CommitmentSet {
        &self.before
    }

    /// The commitments that the erasure took out, sorted.
    pub fn forgotten(&self) -> &[Hash] {
        &self.forgotten
    }

    /// The commitments of this request, sorted.
    pub fn own(&self) -> &[Hash] {
        &self.own
    }

    /// What opens the commitments of this request, if the receipt was written before the salts were destroyed.
    pub fn openings(&self) -> Option<&Openings> {
        self.openings.as_ref()
    }

    /// The parts: what a receipt with more statements can be made of.
    pub fn into_parts(self) -> Parts {
        let Self { request, entries, steps, before, forgotten, own, openings, policy } = self;
        let entries = entries.into_iter().map(|held| held.entry).collect();
        Parts { request, entries, steps, before, forgotten, own, openings, policy: policy.text().to_owned() }
    }

    /// The bytes of the file.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooLarge`] beyond 64 MiB.
    pub fn to_zip(&self) -> Result<Vec<u8>, Refusal> {
        zip::write(&members::all(self)?)
    }

    /// Reads the bytes of a file from anybody.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooLarge`]; [`Refusal::Malformed`] for whatever is not in the one form that [`to_zip`](Self::to_zip) writes;
    /// [`Refusal::OtherPage`] if the page for people is not made from the data; those of [`new`](Self::new).
    pub fn from_zip(bytes: &[u8]) -> Result<Self, Refusal> {
        let found = zip::read(bytes)?;
        let receipt = Self::new(members::read(&found)?)?;
        // The members are as they should be, so their file is: reading it has compared it with the one that they make.
        members::compare(&found, &members::all(&receipt)?)?;
        Ok(receipt)
    }
}

impl Held {
    fn new(entry: Entry) -> Result<Self, Refusal> {
        if entry.proof.extra.is_some() {
            return Err(Refusal::malformed("proof", "it has extra data, which nothing vouches for"));
        }
        Ok(Self { envelope: Envelope::from_json(&entry.bytes)?, reference: reference(&entry.bytes), entry })
    }

    fn index(&self) -> u64 {
        self.entry.proof.index
    }

    fn kind(&self) -> Kind {
        self.envelope.statement().kind()
    }
}

impl Openings {
    fn sort(&mut self, dataset: &Name) {
        let tenant = &self.tenant;
        self.records.sort_by_cached_key(|opened| opened.commitment(tenant, dataset));
    }
}

impl Opened {
    /// The commitment that this opens.
    pub fn commitment(&self, tenant: &str, dataset: &str) -> Hash {
        crate::commitment::Opening { tenant, dataset, record: self.record.as_bytes(), row: &self.row }.commit(&self.salt)
    }
}

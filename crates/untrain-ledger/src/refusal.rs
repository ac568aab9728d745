//! Why a piece of evidence is not accepted, as data.

use crate::Hash;

/// Why a statement, a note, a proof, a log or a key is not accepted.
///
/// Every message says what is wrong with the evidence, for a reader who wants to know whether to trust it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Bytes that are not in the format they should be in.
    #[error("the {what} is malformed: {reason}")]
    Malformed {
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that is larger than its format allows.
    #[error("the {what} has {bytes} bytes, and at most {limit} are allowed")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The largest size.
        limit: u64,
    },
    /// A key that may not do what it is used for.
    #[error("the key {key} is the key of {found}, and {expected} is needed")]
    WrongRole {
        /// The key, as name and id.
        key: String,
        /// The role of the key.
        found: String,
        /// The role that is needed.
        expected: String,
    },
    /// One public key in two places of a policy.
    #[error("the keys {first} and {second} are the same public key: every role needs a key of its own")]
    SharedKey {
        /// One place.
        first: String,
        /// The other.
        second: String,
    },
    /// A key that the policy does not know, or no longer knows for an entry or a size this high.
    #[error("the {what} is not signed by a key that the policy trusts: {found}")]
    Untrusted {
        /// What should be signed.
        what: &'static str,
        /// The signatures that there are.
        found: String,
    },
    /// A key that was retired before what it signs.
    #[error("the key {key} was retired at size {until} of the log, and it signs the {what} at {at}")]
    Retired {
        /// The key, as name and id.
        key: String,
        /// The size of the log at which it was retired.
        until: u64,
        /// What it signs.
        what: &'static str,
        /// The index of the entry, or the size of the checkpoint.
        at: u64,
    },
    /// A signature that does not fit the bytes.
    #[error("the signature of {key} does not fit the {what}: one of them was changed, or another key signed")]
    BadSignature {
        /// What is signed.
        what: &'static str,
        /// The key, as name and id.
        key: String,
    },
    /// A checkpoint of another log.
    #[error("this is a checkpoint of the log \"{found}\", not of \"{expected}\"")]
    WrongLog {
        /// The log that is expected.
        expected: String,
        /// The log that the checkpoint names.
        found: String,
    },
    /// An entry that the proof does not lead to.
    #[error("the entry is not at index {index} of the log's tree of {size} entries: {reason}")]
    NotIncluded {
        /// The index that the proof claims.
        index: u64,
        /// The size of the tree.
        size: u64,
        /// What is wrong with the proof.
        reason: &'static str,
    },
    /// A tree that is not a continuation of an earlier one.
    #[error("the tree of {new} entries does not continue the tree of {old} entries: {reason}")]
    NotConsistent {
        /// The size of the earlier tree.
        old: u64,
        /// The size of the later tree.
        new: u64,
        /// What is wrong with the proof.
        reason: &'static str,
    },
    /// Two trees of one size.
    #[error("the log is forked: it has two trees of {size} entries, with the roots {first} and {second}")]
    Forked {
        /// The size of both.
        size: u64,
        /// The root of one.
        first: Hash,
        /// The root of the other.
        second: Hash,
    },
    /// A checkpoint that is older than the last one seen.
    #[error("the checkpoint is an old one: it has {offered} entries, and {last} were seen before")]
    Rollback {
        /// The size seen before.
        last: u64,
        /// The size offered.
        offered: u64,
    },
    /// A proof that starts from another size than the one last seen.
    #[error("the proof starts from {found} entries, and the last checkpoint seen has {expected}")]
    WrongStart {
        /// The size of the last checkpoint seen.
        expected: u64,
        /// The size that the proof starts from.
        found: u64,
    },
    /// A time before the last one.
    #[error("the clock runs backwards: it says {now}, and {name} cosigned at {last} before")]
    ClockBackwards {
        /// Whose clock.
        name: String,
        /// The time of the last cosignature, in seconds since 1970.
        last: u64,
        /// The time now.
        now: u64,
    },
    /// Too few witnesses.
    #[error("the checkpoint lacks cosignatures: the policy needs {needed}, and the witnesses that cosigned are {}", list(.found))]
    Quorum {
        /// What the policy needs, in words.
        needed: String,
        /// The witnesses that cosigned.
        found: Vec<String>,
    },
    /// Cosignatures of a checkpoint that is not the log's any more.
    #[error("the cosignatures are of the checkpoint of {cosigned} entries, and the log's checkpoint has {now} by now")]
    OutdatedCosignature {
        /// The size of the checkpoint that was cosigned.
        cosigned: u64,
        /// The size of the log's checkpoint.
        now: u64,
    },
    /// Stored tiles that do not fit the checkpoint beside them.
    #[error("the log is damaged: {what} does not fit the checkpoint of {size} entries")]
    DamagedLog {
        /// What does not fit.
        what: String,
        /// The size of the checkpoint.
        size: u64,
    },
    /// An excerpt that does not show the part of the set that is asked for.
    #[error("the excerpt does not reach the commitment {commitment}")]
    OutOfReach {
        /// The commitment asked for.
        commitment: Hash,
    },
    /// A commitment to be removed from a set that does not hold it.
    #[error("the commitment {commitment} is not in the set")]
    NotInSet {
        /// The commitment.
        commitment: Hash,
    },
    /// A commitment to be added to a set that holds it.
    #[error("the commitment {commitment} is in the set already")]
    AlreadyInSet {
        /// The commitment.
        commitment: Hash,
    },
    /// A set that is not the committed one.
    #[error("the {what} has the commitment {found}, and {expected} is stated")]
    WrongCommitment {
        /// What is committed to.
        what: &'static str,
        /// What is stated.
        expected: String,
        /// What was found.
        found: String,
    },
    /// Something that a receipt should hold.
    #[error("the receipt lacks {what}")]
    Missing {
        /// What is missing.
        what: String,
    },
    /// A statement that has nothing to do with the request.
    #[error("{statement} does not belong in the receipt of the request {request}: {reason}")]
    Foreign {
        /// The request.
        request: String,
        /// The statement.
        statement: String,
        /// Why it does not belong there.
        reason: String,
    },
    /// The receipt of another request.
    #[error("this is the receipt of the request {found}, not of {expected}")]
    WrongRequest {
        /// The request that is asked about.
        expected: String,
        /// The request of the receipt.
        found: String,
    },
    /// Two statements of which the later one does not take up where the earlier one left off.
    #[error("the chain is broken: {later} says that {what} was {stated} before, and {earlier} left {found}")]
    BrokenChain {
        /// What should go on.
        what: String,
        /// The later statement.
        later: String,
        /// What it says.
        stated: String,
        /// The earlier statement.
        earlier: String,
        /// What that says.
        found: String,
    },
    /// A statement that contradicts itself or what it refers to.
    #[error("{statement} contradicts itself: {reason}")]
    Contradiction {
        /// The statement.
        statement: String,
        /// How.
        reason: String,
    },
    /// Statements in the wrong order.
    #[error("the clock runs backwards: {later} comes before {earlier}, by {by}")]
    OutOfOrder {
        /// What should come first.
        earlier: String,
        /// What should come after it.
        later: String,
        /// By what the order was seen: the times that are stated, or the places in the log.
        by: String,
    },
    /// A replay that gave something else than what was stated.
    #[error("the auditor {auditor} replayed the model {model} and got {obtained}, and {expected} is stated")]
    ReplayDiffers {
        /// The auditor's key, as name and id.
        auditor: String,
        /// The model.
        model: String,
        /// What is stated.
        expected: String,
        /// What the replay gave.
        obtained: String,
    },
    /// A model that no auditor has replayed as far as is asked for.
    #[error("no auditor whom the policy trusts has replayed {part} of the model {model}")]
    NotReplayed {
        /// The model.
        model: String,
        /// What would be enough.
        part: &'static str,
    },
    /// A file of a model that is not what the receipt's statements are about.
    #[error("the file has the digest {found}, and {}", list_stated(.stated))]
    WrongArtefact {
        /// The digest of the file.
        found: String,
        /// What is stated instead, in words.
        stated: Vec<String>,
    },
    /// A page for people that is not made from the data beside it.
    #[error("the page receipt.html does not say what the receipt's data say: one of them was changed")]
    OtherPage,
    /// A passphrase that does not open a key, or a key file that was changed.
    #[error("the passphrase does not open the key, or the key's file was changed")]
    WrongPassphrase,
    /// An encrypted key and no passphrase.
    #[error("the key is encrypted, and no passphrase was given")]
    NoPassphrase,
}

impl Refusal {
    /// Says that `what` is malformed.
    pub(crate) fn malformed(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Malformed { what, reason: reason.into() }
    }
}

fn list_stated(stated: &[String]) -> String {
    if stated.is_empty() { "no artefact is stated".to_owned() } else { stated.join("; ") }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

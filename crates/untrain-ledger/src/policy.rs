//! What a verifier trusts: the keys of logs, witnesses, issuers and auditors, and how many witnesses are enough.
//!
//! A policy is a text in the format of C2SP tlog-policy with three more kinds of lines:
//!
//! ```text
//! log <vkey> [<url>]                     signs checkpoints; its name is the log's
//! witness <name> <vkey> [<url>]          cosigns them
//! group <name> all|any|<k> <member>…     so many of the members
//! quorum none|<name>                     what a checkpoint needs
//! issuer <vkey>                          signs statements                             (ours)
//! auditor <vkey>                         signs replays                                (ours)
//! retired <vkey> <size>                  the key signs nothing from this size on      (ours)
//! ```
//!
//! A key that is replaced stays, with a `retired` line: what it signed before still verifies, and a thief who has it cannot sign
//! what comes later. The line counts entries of the log, which nobody can set back, rather than hours. The lines of ours can be
//! left out for other programs with [`Policy::tlog_policy`].

mod rule;

use std::fmt::Write as _;
use std::str::FromStr;

use self::rule::{Names, Rule};
use crate::checkpoint::{Checkpoint, LogProof, decimal};
use crate::envelope::{Envelope, role};
use crate::keys::{Role, VerifierKey};
use crate::merkle::{TreeHead, verify_consistency};
use crate::note::Note;
use crate::statement::Statement;
use crate::{Hash, Refusal};

const CHECKPOINT: &str = "checkpoint";
const STATEMENT: &str = "statement";
const LARGEST: usize = 256 * 1024;

/// Which keys may do what. Every role has keys of its own: a public key stands in a policy once.
///
/// # Examples
///
/// ```
/// use untrain_ledger::keys::{Role, SecretKey, Signer as _};
/// use untrain_ledger::policy::Policy;
///
/// let log = SecretKey::generate("example.com/log", Role::Log)?;
/// let witness = SecretKey::generate("example.org/witness", Role::Witness)?;
/// let issuer = SecretKey::generate("example.com/issuer", Role::Issuer)?;
/// let policy: Policy = format!(
///     "log {}\nwitness w {}\nquorum w\nissuer {}\n",
///     log.verifier(), witness.verifier(), issuer.verifier(),
/// ).parse()?;
/// assert_eq!(policy.keys(Role::Issuer).count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// \[@c2sp-tlog-policy].
#[derive(Debug, Clone)]
pub struct Policy {
    text: String,
    keys: Vec<Trusted>,
    quorum: Rule,
}

#[derive(Debug, Clone)]
struct Trusted {
    key: VerifierKey,
    /// The size from which on the key signs nothing.
    retired: Option<u64>,
}

/// A checkpoint that satisfies a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    origin: String,
    head: TreeHead,
    log: VerifierKey,
    witnesses: Vec<(VerifierKey, u64)>,
}

/// A statement whose signature and place in a log satisfy a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedStatement {
    statement: Statement,
    signer: VerifierKey,
    index: u64,
    checkpoint: VerifiedCheckpoint,
}

impl Policy {
    /// The text that the policy was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The keys of a role, the retired ones included.
    pub fn keys(&self, role: Role) -> impl Iterator<Item = &VerifierKey> {
        self.keys.iter().map(|trusted| &trusted.key).filter(move |key| key.role() == role)
    }

    /// The policy for programs that know C2SP tlog-policy alone: without the lines of ours.
    ///
    /// Such programs cannot know that a key was retired, so a retired log is left out, and with it what it alone signed. A retired
    /// witness stays, since groups name it.
    pub fn tlog_policy(&self) -> String {
        let mut text = String::new();
        for line in self.text.lines() {
            let mut words = words(line);
            let ours = match words.next() {
                Some("issuer" | "auditor" | "retired") => true,
                Some("log") => {
                    words.next().is_some_and(|key| self.keys.iter().any(|known| known.retired.is_some() && known.key.to_string() == key))
                }
                _ => false,
            };
            if !ours {
                let _ = writeln!(text, "{line}");
            }
        }
        text
    }

    /// Checks a checkpoint: a log's signature, and as many cosignatures as the quorum asks for.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`]; [`Refusal::Untrusted`] if no key of a log with the checkpoint's origin signed it;
    /// [`Refusal::BadSignature`], also of a witness that is not needed; [`Refusal::Retired`]; [`Refusal::Quorum`].
    pub fn verify_checkpoint(&self, note: &Note) -> Result<VerifiedCheckpoint, Refusal> {
        let Checkpoint { origin, head, .. } = note.text().parse()?;
        let mut log = None;
        for trusted in self.trusted(Role::Log).filter(|trusted| trusted.key.name() == origin) {
            if note.verify(CHECKPOINT, &trusted.key)? {
                log = log.or(Some(trusted));
            }
        }
        let log = log.ok_or_else(|| Refusal::Untrusted { what: CHECKPOINT, found: note.signers() })?;
        // A checkpoint of exactly the size at which its key was retired is the last that the key may sign.
        log.require_active(CHECKPOINT, head.size, head.size.saturating_sub(1))?;
        let mut witnesses = Vec::new();
        for trusted in self.trusted(Role::Witness) {
            if let Some(seconds) = note.cosigned_at(CHECKPOINT, &trusted.key)?
                && trusted.require_active(CHECKPOINT, head.size, head.size.saturating_sub(1)).is_ok()
            {
                witnesses.push((trusted.key.clone(), seconds));
            }
        }
        if !self.quorum.is_met(&|key| witnesses.iter().any(|(witness, _)| witness.public() == key)) {
            let found = witnesses.iter().map(|(key, _)| key.label()).collect();
            return Err(Refusal::Quorum { needed: self.quorum.to_string(), found });
        }
        Ok(VerifiedCheckpoint { origin, head, log: log.key.clone(), witnesses })
    }

    /// Checks a statement with its proof, offline: the checkpoint, that the statement is in the log, and who signed it.
    ///
    /// # Errors
    ///
    /// Those of [`verify_checkpoint`](Self::verify_checkpoint); [`Refusal::NotIncluded`], for a statement of another log as for one
    /// that was changed; [`Refusal::Untrusted`], [`Refusal::BadSignature`] and [`Refusal::Retired`] for the statement's key.
    ///
    /// # Complexity
    ///
    /// One signature of the log, one of each witness and one of the issuer, and a hash for each level of the tree.
    pub fn verify(&self, entry: &[u8], proof: &LogProof) -> Result<VerifiedStatement, Refusal> {
        let checkpoint = self.verify_checkpoint(&proof.checkpoint)?;
        // A statement of another log is told to be that, whatever it says.
        proof.verify(entry, &checkpoint.head)?;
        self.verify_under(checkpoint, entry, &Envelope::from_json(entry)?, proof)
    }

    /// As [`verify`](Self::verify), for an entry that has been read, under its proof's checkpoint that has been verified.
    pub(crate) fn verify_under(
        &self,
        checkpoint: VerifiedCheckpoint,
        entry: &[u8],
        envelope: &Envelope,
        proof: &LogProof,
    ) -> Result<VerifiedStatement, Refusal> {
        proof.verify(entry, &checkpoint.head)?;
        let role = role(envelope.statement().kind());
        let signers: Vec<&str> = envelope.signers().collect();
        let trusted = self.trusted(role).find(|trusted| signers.contains(&trusted.key.label().as_str()));
        let trusted = trusted.ok_or_else(|| Refusal::Untrusted { what: STATEMENT, found: signers.join(", ") })?;
        envelope.verify(&trusted.key)?;
        trusted.require_active(STATEMENT, proof.index, proof.index)?;
        Ok(VerifiedStatement { statement: envelope.statement().clone(), signer: trusted.key.clone(), index: proof.index, checkpoint })
    }

    fn trusted(&self, role: Role) -> impl Iterator<Item = &Trusted> {
        self.keys.iter().filter(move |trusted| trusted.key.role() == role)
    }

    fn add(&mut self, key: VerifierKey) -> Result<(), Refusal> {
        if let Some(other) = self.keys.iter().find(|other| other.key.public() == key.public()) {
            return Err(Refusal::SharedKey { first: other.key.to_string(), second: key.to_string() });
        }
        self.keys.push(Trusted { key, retired: None });
        Ok(())
    }

    fn retire(&mut self, key: &VerifierKey, size: u64) -> Result<(), Refusal> {
        match self.keys.iter_mut().find(|trusted| trusted.key == *key) {
            Some(Trusted { retired: retired @ None, .. }) => *retired = Some(size),
            Some(_) => return Err(Refusal::malformed("policy", format!("{} is retired twice", key.label()))),
            None => return Err(Refusal::malformed("policy", format!("{} is retired before it is named", key.label()))),
        }
        Ok(())
    }
}

impl FromStr for Policy {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text.len() > LARGEST {
            return Err(Refusal::TooLarge { what: "policy", bytes: text.len() as u64, limit: LARGEST as u64 });
        }
        if text.chars().any(|c| c != '\t' && c != '\n' && (c < ' ' || c == '\u{7f}')) {
            return Err(Refusal::malformed("policy", "it has a control character"));
        }
        let mut policy = Self { text: text.to_owned(), keys: Vec::new(), quorum: Rule::None };
        let mut names = Names::default();
        let mut quorum = None;
        for (i, line) in text.lines().enumerate().filter(|(_, line)| words(line).next().is_some_and(|word| !word.starts_with('#'))) {
            let refuse = |reason: &str| Refusal::malformed("policy", format!("line {}: {reason}", i + 1));
            let words: Vec<&str> = words(line).collect();
            match words[..] {
                ["log", key] | ["log", key, _] => policy.add(read_key(key, Role::Log)?)?,
                ["witness", name, key] | ["witness", name, key, _] => {
                    let key = read_key(key, Role::Witness)?;
                    names.define(name, Rule::Witness { name: name.to_owned(), public: *key.public() }).map_err(refuse)?;
                    policy.add(key)?;
                }
                ["group", name, count, ref members @ ..] => names.define_group(name, count, members).map_err(refuse)?,
                ["quorum", _] if quorum.is_some() => return Err(refuse("there is a quorum already")),
                ["quorum", "none"] => quorum = Some(Rule::None),
                ["quorum", name] => quorum = Some(names.rule(name).ok_or_else(|| refuse("the quorum has not been defined"))?),
                ["issuer", key] => policy.add(read_key(key, Role::Issuer)?)?,
                ["auditor", key] => policy.add(read_key(key, Role::Auditor)?)?,
                ["retired", key, size] => policy.retire(&key.parse()?, decimal(size).ok_or_else(|| refuse("the size is not a number"))?)?,
                _ => return Err(refuse("it is not a line of a policy")),
            }
        }
        policy.quorum = quorum.ok_or_else(|| Refusal::malformed("policy", "it has no quorum line; \"quorum none\" asks for no witness"))?;
        Ok(policy)
    }
}

impl Trusted {
    /// Errs if the key was retired at or before the last entry that it vouches for.
    fn require_active(&self, what: &'static str, at: u64, last: u64) -> Result<(), Refusal> {
        match self.retired {
            Some(until) if last >= until => Err(Refusal::Retired { key: self.key.label(), until, what, at }),
            _ => Ok(()),
        }
    }
}

impl VerifiedCheckpoint {
    /// The log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The head of its tree.
    pub fn head(&self) -> TreeHead {
        self.head
    }

    /// The key that signed it.
    pub fn log(&self) -> &VerifierKey {
        &self.log
    }

    /// The trusted witnesses that cosigned it, and when, in seconds since 1970.
    pub fn witnesses(&self) -> &[(VerifierKey, u64)] {
        &self.witnesses
    }

    /// Checks that this checkpoint continues an earlier one of the same log.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongLog`]; [`Refusal::Rollback`], [`Refusal::Forked`] and [`Refusal::NotConsistent`];
    /// [`Refusal::ClockBackwards`] if a witness cosigned this one before it cosigned the earlier one.
    pub fn continues(&self, earlier: &Self, proof: &[Hash]) -> Result<(), Refusal> {
        if self.origin != earlier.origin {
            return Err(Refusal::WrongLog { expected: earlier.origin.clone(), found: self.origin.clone() });
        }
        verify_consistency(&earlier.head, &self.head, proof)?;
        for (key, now) in &self.witnesses {
            let before = earlier.witnesses.iter().find(|(other, _)| other == key);
            if let Some((_, last)) = before.filter(|(_, last)| last > now) {
                return Err(Refusal::ClockBackwards { name: key.label(), last: *last, now: *now });
            }
        }
        Ok(())
    }
}

impl VerifiedStatement {
    /// What is stated.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The key that signed it.
    pub fn signer(&self) -> &VerifierKey {
        &self.signer
    }

    /// Its index in the log.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The checkpoint that it was proved under.
    pub fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split([' ', '\t']).filter(|word| !word.is_empty())
}

fn read_key(text: &str, role: Role) -> Result<VerifierKey, Refusal> {
    let key: VerifierKey = text.parse()?;
    key.require(role)?;
    Ok(key)
}

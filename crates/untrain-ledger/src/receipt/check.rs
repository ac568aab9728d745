//! What a check finds: signatures and places in the log first, then the chain, then replays.

use serde::Serialize;
use untrain_core::{Digest, Guarantee};

use super::story::Story;
use super::{Receipt, chain, replay, words};
use crate::keys::{Role, VerifierKey};
use crate::merkle::verify_consistency;
use crate::note::Note;
use crate::policy::{Policy, VerifiedCheckpoint, VerifiedStatement};
use crate::statement::{Fate, File, Kind, ModelDigests, Scope};
use crate::{Hash, Name, Refusal};

/// How deep a check goes. The first two are always done; the others depend on what auditors have signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "u8")]
pub enum Level {
    /// 1: every statement is signed by a trusted key and in the log, whose checkpoint has the signatures that the policy asks for.
    Signatures,
    /// 2: what each statement says was so before is what an earlier one left; exactly the request's records are gone.
    Chain,
    /// 3: an auditor has replayed every changed model as a whole and got the stated digests.
    Replay,
    /// 4: an auditor has replayed at least a part of every changed model: a shard, or a span between checkpoints.
    PartialReplay,
}

/// A receipt that has been checked, and what was found. Nothing that does not hold gets here: that is a [`Refusal`].
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    /// The request.
    pub request: Name,
    /// The dataset.
    pub dataset: Name,
    /// Whose keys were trusted.
    pub policy: PolicyFrom,
    /// The levels that are reached.
    pub levels: Vec<Level>,
    /// The largest checkpoint: what to compare with others of the same log.
    pub checkpoint: CheckpointSeen,
    /// The statements, in the order of the log.
    pub statements: Vec<Stated>,
    /// What became of every model.
    pub models: Vec<ModelChecked>,
    /// What was found, in sentences.
    pub findings: Vec<Finding>,
    /// What all this does not prove, in sentences.
    pub does_not_prove: Vec<&'static str>,
    #[serde(skip)]
    verified: VerifiedCheckpoint,
}

/// Where the trusted keys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyFrom {
    /// From whoever checks.
    Verifier,
    /// From the receipt itself: the operator's own word.
    Receipt,
}

/// A checkpoint in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckpointSeen {
    /// The log.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
    /// The trusted witnesses that cosigned it, and when, in seconds since 1970.
    pub witnesses: Vec<(String, u64)>,
}

/// A statement that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stated {
    /// Which kind, as it stands in the predicate's type.
    pub kind: &'static str,
    /// Its index in the log.
    pub index: u64,
    /// The key that signed it, as name and id.
    pub signer: String,
    /// The digest of the signed statement.
    pub digest: Digest,
}

/// What became of a model, and what is known about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelChecked {
    /// The model.
    pub model: Name,
    /// Its version after.
    pub version: u64,
    /// What was done.
    pub fate: Fate,
    /// How it stands to a retrain without the records.
    pub guarantee: Option<Guarantee>,
    /// Its digests before.
    pub before: ModelDigests,
    /// Its digests after; none if it is gone.
    pub after: Option<ModelDigests>,
    /// What auditors have replayed of it, with the results that are stated.
    pub replayed: Vec<Scope>,
    /// The files of this version that were published.
    pub published: Vec<File>,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// At which level.
    pub level: Level,
    /// A sentence.
    pub text: String,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Signatures, Self::Chain, Self::Replay, Self::PartialReplay];

    /// Its number, from 1.
    pub fn number(self) -> u8 {
        match self {
            Self::Signatures => 1,
            Self::Chain => 2,
            Self::Replay => 3,
            Self::PartialReplay => 4,
        }
    }

    /// The level of a number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.number() == number)
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level.number()
    }
}

impl Receipt {
    /// Checks everything that can be checked offline: levels 1 and 2, and the replays that auditors signed.
    ///
    /// Without a policy, the one in the receipt is used; then the keys are the operator's own word, and the findings say so.
    ///
    /// # Errors
    ///
    /// Those of [`Policy::verify`] and of [`VerifiedCheckpoint::continues`]; [`Refusal::OutOfReach`], [`Refusal::NotInSet`] and
    /// [`Refusal::WrongCommitment`] if the records that are gone are not exactly the stated ones; [`Refusal::BrokenChain`],
    /// [`Refusal::Contradiction`], [`Refusal::OutOfOrder`] and [`Refusal::Missing`] for statements that do not fit each other;
    /// [`Refusal::ReplayDiffers`].
    ///
    /// # Complexity
    ///
    /// A signature for each statement and for each signer of a checkpoint, a hash for each level of the log and of the
    /// dataset's tree.
    pub fn check(&self, policy: Option<&Policy>) -> Result<Checked, Refusal> {
        let story = Story::of(self)?;
        let (verified, statements) = self.verify(policy.unwrap_or(&self.policy))?;
        let mut checked = Checked {
            request: self.request.clone(),
            dataset: story.request.says.dataset.clone(),
            policy: if policy.is_some() { PolicyFrom::Verifier } else { PolicyFrom::Receipt },
            levels: vec![Level::Signatures, Level::Chain],
            checkpoint: CheckpointSeen::of(&verified),
            statements: statements.iter().filter_map(|verified| Stated::of(verified, self)).collect(),
            models: story.erasure.says.models.iter().map(ModelChecked::of).collect(),
            findings: Vec::new(),
            does_not_prove: self.does_not_prove(),
            verified,
        };
        checked.tell_signatures(&statements);
        chain::check(self, &story, &mut checked)?;
        replay::check(&story, &statements, &mut checked)?;
        Ok(checked)
    }

    /// What the statements of this receipt do not prove, in sentences.
    pub fn does_not_prove(&self) -> Vec<&'static str> {
        let kinds = Kind::ALL.into_iter().filter(|kind| self.entries.iter().any(|held| held.kind() == *kind));
        kinds.flat_map(|kind| kind.does_not_prove().iter().copied()).collect()
    }

    /// Level 1: the largest checkpoint, and the statements in the order of the log, without the replays of strangers.
    fn verify(&self, policy: &Policy) -> Result<(VerifiedCheckpoint, Vec<VerifiedStatement>), Refusal> {
        let mut seen: Vec<(&Note, VerifiedCheckpoint)> = Vec::new();
        let mut statements = Vec::new();
        for held in &self.entries {
            let note = &held.entry.proof.checkpoint;
            let known = seen.iter().find(|(other, _)| *other == note).map(|(_, checkpoint)| checkpoint.clone());
            let checkpoint = if let Some(known) = known {
                known
            } else {
                let checkpoint = policy.verify_checkpoint(note)?;
                seen.push((note, checkpoint.clone()));
                checkpoint
            };
            match policy.verify_under(checkpoint, &held.entry.bytes, &held.envelope, &held.entry.proof) {
                Ok(verified) => statements.push(verified),
                // Others may trust this auditor. Without it the replay proves nothing, and the rest is as good as before.
                Err(Refusal::Untrusted { .. }) if held.kind() == Kind::Replay => {}
                Err(refusal) => return Err(refusal),
            }
        }
        let checkpoints: Vec<VerifiedCheckpoint> = seen.into_iter().map(|(_, checkpoint)| checkpoint).collect();
        Ok((self.largest(&checkpoints)?, statements))
    }

    /// The largest checkpoint, which has to continue all others.
    fn largest(&self, checkpoints: &[VerifiedCheckpoint]) -> Result<VerifiedCheckpoint, Refusal> {
        let largest = checkpoints.iter().max_by_key(|checkpoint| checkpoint.head().size);
        let largest = largest.ok_or_else(|| Refusal::Missing { what: "statements".to_owned() })?;
        for other in checkpoints.iter().filter(|other| other.head().size < largest.head().size) {
            let size = other.head().size;
            let step = self.steps.iter().find(|step| step.size == size);
            let missing = || Refusal::Missing {
                what: format!("the proof that the checkpoint of {} entries continues that of {size}", largest.head().size),
            };
            largest.continues(other, &step.ok_or_else(missing)?.proof)?;
        }
        for other in checkpoints.iter().filter(|other| other.head().size == largest.head().size) {
            if other.origin() != largest.origin() {
                return Err(Refusal::WrongLog { expected: largest.origin().to_owned(), found: other.origin().to_owned() });
            }
            verify_consistency(&other.head(), &largest.head(), &[])?;
        }
        if let Some(step) = self
            .steps
            .iter()
            .find(|step| checkpoints.iter().all(|other| other.head().size != step.size || other.head().size == largest.head().size))
        {
            return Err(Refusal::malformed(
                "receipt",
                format!("it has a consistency proof from {} entries and no checkpoint of that size", step.size),
            ));
        }
        Ok(largest.clone())
    }
}

impl Checked {
    /// The checkpoint that all statements were proved under, to be compared with others of the log.
    pub fn verified_checkpoint(&self) -> &VerifiedCheckpoint {
        &self.verified
    }

    /// Errs unless this is the receipt of a request.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongRequest`].
    pub fn require_request(&self, request: &str) -> Result<(), Refusal> {
        if &*self.request == request {
            return Ok(());
        }
        Err(Refusal::WrongRequest { expected: request.to_owned(), found: self.request.to_string() })
    }

    /// Errs unless a level is reached.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotReplayed`], which names the first model that lacks a replay.
    pub fn require(&self, level: Level) -> Result<(), Refusal> {
        let (part, enough): (_, fn(&ModelChecked) -> bool) = match level {
            Level::Signatures | Level::Chain => return Ok(()),
            Level::Replay => ("the whole training", ModelChecked::is_replayed),
            Level::PartialReplay => ("any part of the training", |model| !model.replayed.is_empty()),
        };
        let lacking = self.models.iter().find(|model| model.is_changed() && !enough(model));
        lacking.map_or(Ok(()), |model| Err(Refusal::NotReplayed { model: model.model.to_string(), part }))
    }

    /// Compares a file that is served with what is stated; gives a sentence that says which it is.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongArtefact`] if it is neither the artefact of a model after the erasure nor a published file of it.
    pub fn artefact(&self, digest: &Digest) -> Result<String, Refusal> {
        for model in &self.models {
            let ModelChecked { model: name, version, after, published, .. } = model;
            if after.as_ref().is_some_and(|after| after.artefact == *digest) {
                return Ok(format!("The file is the artefact of the model {name}, version {version}, as it is stated after the erasure."));
            }
            if let Some(file) = published.iter().find(|file| file.digest == *digest) {
                let file = words::plain(&file.name);
                return Ok(format!(
                    "The file is \"{file}\" of the model {name}, version {version}, as it was published after the erasure."
                ));
            }
        }
        let stated = self.models.iter().flat_map(|model| {
            let old = (model.before.artefact == *digest).then(|| format!("it is the model {} as it was before the erasure", model.model));
            let new =
                model.after.as_ref().map(|after| format!("the artefact of the model {} is stated to be {}", model.model, after.artefact));
            old.into_iter().chain(new)
        });
        Err(Refusal::WrongArtefact { found: digest.to_string(), stated: stated.collect() })
    }

    pub(super) fn find(&mut self, level: Level, text: impl Into<String>) {
        self.findings.push(Finding { level, text: text.into() });
    }

    fn tell_signatures(&mut self, statements: &[VerifiedStatement]) {
        let level = Level::Signatures;
        if self.policy == PolicyFrom::Receipt {
            self.find(level, "The keys come from the receipt itself: they are what the operator says its keys are. To be sure, get the policy from somebody else and check again with it.");
        }
        for role in [Role::Issuer, Role::Auditor] {
            let signers = statements.iter().map(VerifiedStatement::signer).filter(|key| key.role() == role);
            let mut keys: Vec<String> = signers.map(VerifierKey::label).collect();
            let n = keys.len();
            keys.sort_unstable();
            keys.dedup();
            if n > 0 {
                let word = if role == Role::Issuer { "The operator" } else { "An auditor" };
                self.find(
                    level,
                    format!("{word} signed {}, with the key {}.", words::counted(n as u64, "statement"), words::plain(&keys.join(", "))),
                );
            }
        }
        let CheckpointSeen { origin, size, witnesses, .. } = self.checkpoint.clone();
        let entries = words::entries(size);
        self.find(
            level,
            format!("All of them are in the log \"{}\" of {entries}, whose checkpoint the log signed.", words::plain(&origin)),
        );
        if witnesses.is_empty() {
            self.find(level, "No trusted witness has seen the log: that it shows everybody the same is the operator's word.");
        }
        for (name, seconds) in witnesses {
            let moment = words::moment(seconds.saturating_mul(1000));
            self.find(
                level,
                format!("The witness {} has seen the log up to this checkpoint, on {moment} by its clock.", words::plain(&name)),
            );
        }
    }
}

impl CheckpointSeen {
    fn of(verified: &VerifiedCheckpoint) -> Self {
        let witnesses = verified.witnesses().iter().map(|(key, seconds)| (key.label(), *seconds)).collect();
        Self { origin: verified.origin().to_owned(), size: verified.head().size, root: verified.head().root, witnesses }
    }
}

impl Stated {
    fn of(verified: &VerifiedStatement, receipt: &Receipt) -> Option<Self> {
        let index = verified.index();
        let digest = receipt.entries.iter().find(|held| held.index() == index)?.reference;
        Some(Self { kind: verified.statement().kind().name(), index, signer: verified.signer().label(), digest })
    }
}

impl ModelChecked {
    fn of(affected: &crate::statement::Affected) -> Self {
        let crate::statement::Affected { model, recipe: _, version, before, after, checkpoints: _, guarantee, fate } = affected.clone();
        Self { model, version, fate, guarantee, before, after, replayed: Vec::new(), published: Vec::new() }
    }

    /// Whether there is something to be replayed.
    pub fn is_changed(&self) -> bool {
        matches!(self.fate, Fate::Updated | Fate::Retrained)
    }

    /// Whether an auditor has replayed the whole training.
    pub fn is_replayed(&self) -> bool {
        self.replayed.contains(&Scope::Full)
    }
}

//! Whom the trail's readers trust: the policy of a store, its keys, and what the log says.

use std::fs;
use std::sync::Arc;

use untrain_core::Digest;
use untrain_ledger::keys::{Role, SecretKey, Signer, VerifierKey};
use untrain_ledger::log::Log;
use untrain_ledger::policy::Policy;
use untrain_ledger::statement::{Scope, Statement};
use untrain_ledger::witness::Submission;

use super::Engine;
use super::stating::envelope;
use crate::report::{KeyLine, KeysReport, LogLine, LogReport};
use crate::trail::{self, NewKey, word};
use crate::{Error, Result};

/// The roles that a policy names keys of, in the order in which they are shown.
const ROLES: [Role; 4] = [Role::Log, Role::Issuer, Role::Witness, Role::Auditor];

impl Engine {
    /// The policy: what somebody who checks receipts of this store needs, and should get from another place than the receipt.
    ///
    /// # Errors
    ///
    /// [`Error::NoTrail`].
    pub fn policy(&self) -> Result<Policy> {
        trail::policy(self.store.path())
    }

    /// The public keys of the store, and where its log and its policy are.
    ///
    /// # Errors
    ///
    /// [`Error::NoTrail`].
    pub fn keys(&self) -> Result<KeysReport> {
        let policy = self.policy()?;
        let retired = |key: &VerifierKey| {
            let line = format!("retired {key} ");
            policy.text().lines().find_map(|text| text.strip_prefix(&line).and_then(|size| size.trim().parse().ok()))
        };
        let keys = ROLES.into_iter().flat_map(|role| policy.keys(role).map(move |key| (role, key)));
        let line = |(role, key): (Role, &VerifierKey)| KeyLine { role: word(role), key: key.to_string(), retired: retired(key) };
        let quorum = policy.text().lines().find_map(|line| line.strip_prefix("quorum ")).unwrap_or("none").trim().to_owned();
        Ok(KeysReport {
            keys: keys.map(line).collect(),
            quorum,
            policy: trail::policy_path(self.store.path()).display().to_string(),
            log: trail::place(self.store.path()).display().to_string(),
        })
    }

    /// Has the policy trust a witness or an auditor; a witness also has a name there.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] for a key that the policy has already, or of another role.
    pub fn trust(&mut self, key: &VerifierKey, name: Option<&str>) -> Result<KeysReport> {
        self.trail()?;
        let line = match key.role() {
            Role::Auditor => format!("auditor {key}"),
            Role::Witness => format!("witness {} {key}", name.map_or_else(|| key.name().replace(['/', '.'], "-"), str::to_owned)),
            Role::Log | Role::Issuer => return Err(Error::OwnKey { role: word(key.role()) }),
        };
        // Before the quorum, which can only name what stands above it.
        let mut lines: Vec<String> = self.policy()?.text().lines().map(str::to_owned).collect();
        let place = lines.iter().position(|line| line.starts_with("group ") || line.starts_with("quorum ")).unwrap_or(lines.len());
        lines.insert(place, line);
        self.replace_policy(&lines)
    }

    /// Has the policy ask for so many cosignatures: of `n` of the witnesses, or none.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] for more than there are witnesses.
    pub fn require_witnesses(&mut self, n: usize) -> Result<KeysReport> {
        self.trail()?;
        let policy = self.policy()?;
        let lines = policy.text().lines().filter(|line| !line.starts_with("group witnesses ") && !line.starts_with("quorum "));
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        let names: Vec<&str> =
            policy.text().lines().filter_map(|line| line.strip_prefix("witness ")).filter_map(|rest| rest.split(' ').next()).collect();
        let place = lines.iter().position(|line| line.starts_with("retired ")).unwrap_or(lines.len());
        let quorum = if n == 0 { "quorum none" } else { "quorum witnesses" };
        lines.insert(place, quorum.to_owned());
        if n > 0 {
            lines.insert(place, format!("group witnesses {n} {}", names.join(" ")));
        }
        self.replace_policy(&lines)
    }

    /// Replaces the log's or the issuer's key by a new one. The old public key stays in the policy, for what it signed before; its
    /// private key is destroyed.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn rotate(&mut self, role: Role, passphrase: Option<&str>) -> Result<KeysReport> {
        let old = self.own_key(role)?;
        let new = SecretKey::generate(old.name(), role)?;
        self.replace_key(NewKey::File(Box::new(new), passphrase), &old)
    }

    /// As [`rotate`](Self::rotate), to a key that the store has not: from now on [`OpenOptions`](crate::OpenOptions) have to bring
    /// the signer. Its name has to be that of the old key.
    ///
    /// # Errors
    ///
    /// [`Error::OtherSigner`] for another name; [`Error::OwnKey`] for a signer that is neither the log's nor the issuer's;
    /// [`Error::Store`].
    pub fn rotate_to(&mut self, signer: Arc<dyn Signer>) -> Result<KeysReport> {
        let old = self.own_key(signer.verifier().role())?;
        if old.name() != signer.verifier().name() {
            let (role, key) = (word(old.role()), signer.verifier().to_string());
            return Err(Error::OtherSigner { role, key, known: old.to_string() });
        }
        self.replace_key(NewKey::Elsewhere(signer), &old)
    }

    fn own_key(&self, role: Role) -> Result<VerifierKey> {
        match role {
            Role::Log => Ok(self.trail()?.log_key().clone()),
            Role::Issuer => Ok(self.trail()?.issuer_key().clone()),
            Role::Witness | Role::Auditor => Err(Error::OwnKey { role: word(role) }),
        }
    }

    fn replace_key(&mut self, new: NewKey<'_>, old: &VerifierKey) -> Result<KeysReport> {
        let dir = self.store.path().to_owned();
        let trail = self.trail.as_mut().ok_or_else(|| Error::NoTrail { path: trail::place(&dir) })?;
        trail.rotate(&dir, new, old)?;
        self.keys()
    }

    fn replace_policy(&self, lines: &[String]) -> Result<KeysReport> {
        let text = lines.join("\n") + "\n";
        let _: Policy = text.parse().map_err(untrain_ledger::Error::from)?;
        trail::replace_policy(self.store.path(), &text)?;
        self.keys()
    }

    /// The entries of the log from `first` on, at most `n`; every signature and every proof is checked by the policy.
    ///
    /// # Errors
    ///
    /// [`Error::NoTrail`]; [`Error::Store`] for an entry that the policy refuses.
    pub fn log(&self, first: u64, n: u64) -> Result<LogReport> {
        self.with_log(|log| {
            let size = log.head().size;
            let entries = (first..size.min(first.saturating_add(n))).map(|place| line(log, place)).collect::<Result<Vec<_>>>()?;
            Ok(LogReport {
                origin: log.checkpoint().text().lines().next().unwrap_or_default().to_owned(),
                size,
                root: log.head().root,
                waiting: (self.store.waiting()?.len() as u64).saturating_sub(size.saturating_sub(self.store.logged()?)),
                entries,
                audited: false,
            })
        })
    }

    /// Reads the whole log: every entry fits the tiles and the checkpoint, and every statement is signed by a key of the policy.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] with what does not fit.
    pub fn audit_log(&self) -> Result<LogReport> {
        let log = trail::read_log(self.store.path())?;
        log.audit()?;
        let policy = self.policy()?;
        for place in 0..log.head().size {
            policy.verify(&log.entry(place)?, &log.prove(place)?).map_err(untrain_ledger::Error::from)?;
        }
        Ok(LogReport { audited: true, ..self.log(log.head().size, 0)? })
    }

    /// Adds cosignatures of witnesses, as `untrain witness` prints them, to the log's checkpoint.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the policy does not trust the witness, or if the checkpoint is another by now.
    pub fn cosign(&mut self, text: &str) -> Result<LogReport> {
        let note: untrain_ledger::note::Note = text.parse().map_err(untrain_ledger::Error::from)?;
        let policy = self.policy()?;
        let mut trusted = Vec::new();
        for key in policy.keys(Role::Witness) {
            if note.cosigned_at("checkpoint", key).map_err(untrain_ledger::Error::from)?.is_some() {
                trusted.push((key.name(), key.id()));
            }
        }
        if trusted.is_empty() {
            return Err(Error::NoWitness);
        }
        // What others may have put beside them would take up the room that a checkpoint has for signatures.
        let ours = note.signatures().iter().filter(|line| trusted.contains(&(line.name.as_str(), line.id)));
        let cosignatures: Vec<_> = ours.cloned().collect();
        let dir = self.store.path().to_owned();
        let trail = self.trail.as_mut().ok_or_else(|| Error::NoTrail { path: trail::place(&dir) })?;
        trail.add_cosignatures(note.text(), &cosignatures)?;
        self.log(0, 0)
    }

    /// What a witness is asked that cosigned `old` entries last: the checkpoint, and the proof that it continues them.
    ///
    /// # Errors
    ///
    /// [`Error::NoTrail`]; [`Error::Store`] if the log has fewer entries.
    pub fn submission(&self, old: u64) -> Result<Submission> {
        let log = trail::read_log(self.store.path())?;
        Ok(Submission { old, proof: log.consistency(old)?, checkpoint: log.checkpoint().clone() })
    }
}

fn counted(n: u64, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

fn line(log: &Log, place: u64) -> Result<LogLine> {
    let entry = log.entry(place)?;
    let envelope = envelope(&entry)?;
    let statement = envelope.statement();
    let about = match statement {
        Statement::Train(train) => format!("{} (version {}) of {}", train.model, train.version, train.dataset),
        Statement::Request(request) => {
            format!("{}: {} of {}", request.request, counted(request.records.size, "record"), request.dataset)
        }
        Statement::Erasure(erasure) => {
            let (gone, models) = (counted(erasure.forgotten.size, "record"), counted(erasure.models.len() as u64, "model"));
            format!("{gone} out of {}, {} left, {models}", erasure.dataset, erasure.after.size)
        }
        Statement::Publish(publish) => format!("{} (version {})", publish.model, publish.version),
        Statement::Purge(purge) => counted(purge.destroyed.len() as u64, "blob"),
        Statement::Replay(replay) => {
            let verdict = if replay.expected == replay.obtained { "equal" } else { "NOT equal" };
            let part = match replay.scope {
                Scope::Full => String::new(),
                Scope::Shard { index } => format!(", shard {index}"),
                Scope::Span { from, to } => format!(", spans {from} to {}", to.saturating_sub(1)),
            };
            format!("{} (version {}){part}: {verdict}", replay.model, replay.version)
        }
    };
    let at_ms = statement.at_ms();
    let signer = envelope.signers().next().unwrap_or_default().to_owned();
    Ok(LogLine { place, kind: statement.kind().name(), about, at_ms, signer, digest: Digest::of(&entry) })
}

/// Reads a public key, or the file that holds one.
///
/// # Errors
///
/// [`Error::Store`].
pub fn verifier_key(text: &str) -> Result<VerifierKey> {
    let text = fs::read_to_string(text).unwrap_or_else(|_| text.to_owned());
    Ok(text.trim().parse::<VerifierKey>().map_err(untrain_ledger::Error::from)?)
}

//! A log with two statements, its keys and its policy.

use std::time::Duration;

use tempfile::TempDir;
use untrain_core::{Digest, Guarantee};
use untrain_ledger::checkpoint::LogProof;
use untrain_ledger::commitment::{CommitmentSet, SetHead};
use untrain_ledger::envelope::Envelope;
use untrain_ledger::keys::{Role, SecretKey, Signer as _};
use untrain_ledger::log::Log;
use untrain_ledger::policy::Policy;
use untrain_ledger::statement::{Affected, Erasure, Fate, ModelDigests, Program, Purge, RequestRef, Statement};
use untrain_ledger::witness::{Submission, Witness};
use untrain_ledger::{Error, Hash, Refusal, Result};

/// Five parties and what they keep.
pub(crate) struct World {
    pub(crate) log_key: SecretKey,
    pub(crate) witness_key: SecretKey,
    pub(crate) issuer: SecretKey,
    pub(crate) auditor: SecretKey,
    pub(crate) log: Log,
    pub(crate) witness: Witness,
    pub(crate) place: TempDir,
}

pub(crate) const NOW: u64 = 1_700_000_000;

impl World {
    /// A log with a purge and an erasure in it, cosigned.
    pub(crate) fn new() -> Self {
        let mut world = Self::empty("example.com/log", 1);
        world.append(&[purge(), erasure()]);
        world.cosign(NOW).unwrap();
        world
    }

    pub(crate) fn empty(origin: &str, seed: u8) -> Self {
        let place = tempfile::tempdir().unwrap();
        let log_key = key(origin, Role::Log, seed);
        let witness_key = key("example.org/witness", Role::Witness, 2);
        let log = Log::create(&place.path().join("log"), &log_key).unwrap();
        let logs = vec![log_key.verifier().clone()];
        let witness = Witness::open(&place.path().join("witness"), witness_key.verifier(), logs, Duration::ZERO).unwrap();
        let (issuer, auditor) = (key("example.com/issuer", Role::Issuer, 3), key("example.net/auditor", Role::Auditor, 4));
        Self { log_key, witness_key, issuer, auditor, log, witness, place }
    }

    pub(crate) fn append(&mut self, statements: &[Statement]) {
        let entries: Vec<Vec<u8>> = statements.iter().map(|statement| self.signed(statement)).collect();
        self.log.append(&entries, &self.log_key).unwrap();
    }

    pub(crate) fn signed(&self, statement: &Statement) -> Vec<u8> {
        let signer = if matches!(statement, Statement::Replay(_)) { &self.auditor } else { &self.issuer };
        Envelope::sign(statement, signer).unwrap().to_json().unwrap()
    }

    /// Has the witness cosign what the log published.
    pub(crate) fn cosign(&mut self, now: u64) -> Result<()> {
        let cosignature = self.witness.cosign(&self.submission()?, &self.witness_key, now)?;
        self.log.add_cosignatures(&[cosignature])
    }

    pub(crate) fn submission(&self) -> Result<Submission> {
        let old = self.witness.last(self.log_key.verifier().name())?.map_or(0, |last| last.head.size);
        let proof = if old > self.log.head().size { Vec::new() } else { self.log.consistency(old)? };
        Ok(Submission { old, proof, checkpoint: self.log.checkpoint().clone() })
    }

    pub(crate) fn policy_text(&self) -> String {
        format!(
            "log {}\nwitness w {}\nquorum w\nissuer {}\nauditor {}\n",
            self.log_key.verifier(),
            self.witness_key.verifier(),
            self.issuer.verifier(),
            self.auditor.verifier(),
        )
    }

    pub(crate) fn policy(&self) -> Policy {
        self.policy_text().parse().unwrap()
    }

    pub(crate) fn evidence(&self, index: u64) -> (Vec<u8>, LogProof) {
        (self.log.entry(index).unwrap(), self.log.prove(index).unwrap())
    }
}

pub(crate) fn key(name: &str, role: Role, seed: u8) -> SecretKey {
    SecretKey::from_seed(name, role, &[seed; 32]).unwrap()
}

pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T>) -> Refusal {
    match result.unwrap_err() {
        Error::Refused(refusal) => refusal,
        other => panic!("not a refusal: {other}"),
    }
}

pub(crate) fn purge() -> Statement {
    Statement::Purge(Purge {
        requests: vec![request("r-1")],
        destroyed: vec![Digest::of(b"old artefact")],
        method: "erased".to_owned(),
        backups_until_ms: Some(1_710_000_000_000),
        at_ms: 1_700_000_000_000,
    })
}

pub(crate) fn erasure() -> Statement {
    let digests = |text: &[u8]| ModelDigests { artefact: Digest::of(text), state: Digest::of(&text[1..]) };
    Statement::Erasure(Erasure {
        requests: vec![request("r-1"), request("r-2")],
        dataset: "adults".parse().unwrap(),
        before: head(0..10),
        after: head(0..8),
        forgotten: head(8..10),
        models: vec![
            Affected {
                model: "forest".parse().unwrap(),
                recipe: Digest::of(b"recipe"),
                version: 2,
                before: digests(b"before"),
                after: Some(digests(b"after")),
                checkpoints: None,
                guarantee: Some(Guarantee::Exact),
                fate: Fate::Updated,
            },
            Affected {
                model: "network".parse().unwrap(),
                recipe: Digest::of(b"recipe"),
                version: 5,
                before: digests(b"before"),
                after: Some(digests(b"later")),
                checkpoints: None,
                guarantee: Some(Guarantee::Certified { epsilon: 0.25, delta: 1e-7 }),
                fate: Fate::Waived { reason: "a trial, \u{20ac} 0".to_owned() },
            },
        ],
        program: program(),
        at_ms: 1_700_000_000_000,
    })
}

pub(crate) fn program() -> Program {
    Program {
        version: "0.1.0".to_owned(),
        lock: Digest::of(b"Cargo.lock"),
        target: "x86_64-unknown-linux-gnu".to_owned(),
        floats: "ieee-754 binary64".to_owned(),
    }
}

pub(crate) fn head(numbers: std::ops::Range<u8>) -> SetHead {
    CommitmentSet::new(numbers.map(|n| Hash::of(&[&[n]]))).head()
}

fn request(id: &str) -> RequestRef {
    RequestRef { request: id.parse().unwrap(), statement: Digest::of(id.as_bytes()) }
}

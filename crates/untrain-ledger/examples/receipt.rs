//! What does a receipt cost on a log of a million entries, about one of a million records: its size, and the time to check it?
//!
//! `cargo run --release -p untrain-ledger --example receipt [-- DIR]` works in DIR or in a temporary directory, needs some 200 MB
//! there, and leaves `receipt.zip` and `policy.txt` in DIR.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Instant;

use untrain_core::{Digest, Guarantee};
use untrain_ledger::Hash;
use untrain_ledger::commitment::{CommitmentSet, Salt};
use untrain_ledger::envelope::Envelope;
use untrain_ledger::keys::{Role, SecretKey, Signer as _};
use untrain_ledger::log::Log;
use untrain_ledger::policy::Policy;
use untrain_ledger::receipt::{Entry, Opened, Openings, Parts, Receipt};
use untrain_ledger::statement::{
    Affected, Erasure, Fate, File, ModelDigests, Program, Publish, Purge, Request, RequestRef, SeedOrigin, Statement, Train, reference,
};

const RECORDS: u32 = 1_000_000;
const LOG: u64 = 1_000_000;
const MODELS: [&str; 2] = ["forest", "logistic"];
const NOW_MS: u64 = 1_700_000_000_000;
const DAY_MS: u64 = 86_400_000;
const REPEATS: usize = 200;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let temporary = tempfile::tempdir()?;
    let dir = std::env::args().nth(1).map_or_else(|| temporary.path().to_owned(), Into::into);
    let keys = Keys::new()?;
    let (parts, policy) = story(&dir, &keys)?;
    let receipt = Receipt::new(parts)?;
    let bytes = receipt.to_zip()?;
    fs::write(dir.join("receipt.zip"), &bytes)?;
    fs::write(dir.join("policy.txt"), policy.text())?;
    let proofs: usize = receipt.entries().map(|entry| entry.proof.to_string().len()).sum();
    let statements: usize = receipt.entries().map(|entry| entry.bytes.len()).sum();
    say(&format!(
        "receipt: {} statements of {statements} bytes, proofs of {proofs} bytes, excerpt of {} bytes, page of {} bytes, {} bytes in all",
        receipt.entries().count(),
        receipt.before().to_bytes().len(),
        untrain_ledger::receipt::page(&receipt)?.len(),
        bytes.len(),
    ))?;
    let read = median(|| Receipt::from_zip(&bytes).map(drop).map_err(Into::into))?;
    let both = median(|| Receipt::from_zip(&bytes)?.check(Some(&policy)).map(drop).map_err(Into::into))?;
    say(&format!("receipt: read in {read:.3} ms, read and checked in {both:.3} ms"))
}

struct Keys {
    log: SecretKey,
    witness: SecretKey,
    issuer: SecretKey,
}

impl Keys {
    fn new() -> Outcome<Self> {
        Ok(Self {
            log: SecretKey::generate("example.com/log", Role::Log)?,
            witness: SecretKey::generate("example.org/witness", Role::Witness)?,
            issuer: SecretKey::generate("example.com/issuer", Role::Issuer)?,
        })
    }

    fn sign(&self, statement: &Statement) -> Outcome<Vec<u8>> {
        Ok(Envelope::sign(statement, &self.issuer)?.to_json()?)
    }
}

/// A log in which trainings come early, the deletion in the middle and other entries everywhere else.
fn story(dir: &Path, keys: &Keys) -> Outcome<(Parts, Policy)> {
    let all: Vec<(Opened, Hash)> = (0..RECORDS).map(opened).collect();
    let set = CommitmentSet::new(all.iter().map(|(_, commitment)| *commitment));
    let (opened, own) = all[77].clone();
    let mut log = Log::create(&dir.join("log"), &keys.log)?;
    let trains: Vec<Vec<u8>> = MODELS.iter().map(|model| keys.sign(&train(model, &set)?)).collect::<Outcome<_>>()?;
    log.append(&trains, &keys.log)?;
    fill(&mut log, keys, LOG / 2)?;
    let mut told: Vec<u64> = (0..trains.len() as u64).chain(LOG / 2..LOG / 2 + 4).collect();
    let request = keys.sign(&request(own)?)?;
    let named = RequestRef { request: "0198c0de-0000-7000-8000-000000000000".parse()?, statement: reference(&request) };
    let erasure = keys.sign(&erasure(&named, &set, own)?)?;
    let publish = keys.sign(&publish(MODELS[0])?)?;
    let purge = keys.sign(&purge(&named))?;
    log.append(&[request, erasure, publish, purge], &keys.log)?;
    fill(&mut log, keys, LOG)?;
    let cosignature = log.checkpoint().cosign(&keys.witness, 1_700_100_000)?;
    log.add_cosignatures(&[cosignature])?;
    told.sort_unstable();
    let entry = |index: &u64| Ok(Entry { bytes: log.entry(*index)?, proof: log.prove(*index)? });
    let (log_key, witness, issuer) = (keys.log.verifier(), keys.witness.verifier(), keys.issuer.verifier());
    let policy = format!("log {log_key}\nwitness w {witness}\nquorum w\nissuer {issuer}\n");
    let parts = Parts {
        request: named.request,
        entries: told.iter().map(entry).collect::<Outcome<_>>()?,
        steps: Vec::new(),
        before: set,
        forgotten: vec![own],
        own: vec![own],
        openings: Some(Openings { tenant: String::new(), records: vec![opened] }),
        policy: policy.clone(),
    };
    Ok((parts, policy.parse()?))
}

/// Appends small entries, which proofs do not depend on, up to a size.
fn fill(log: &mut Log, keys: &Keys, size: u64) -> Outcome<()> {
    while log.head().size < size {
        let until = (log.head().size + 10_000).min(size);
        let entries: Vec<[u8; 8]> = (log.head().size..until).map(u64::to_be_bytes).collect();
        log.append(&entries, &keys.log)?;
    }
    Ok(())
}

fn opened(i: u32) -> (Opened, Hash) {
    let salt = Salt::from_bytes(Hash::of(&[b"salt", &i.to_be_bytes()]).0);
    let opened = Opened { record: i.to_string(), row: Digest::of(&i.to_be_bytes()), salt };
    let commitment = opened.commitment("", "adults");
    (opened, commitment)
}

fn digests(model: &str, version: u64) -> ModelDigests {
    let digest = |what: &str| Digest::of(format!("{model} {what} {version}").as_bytes());
    ModelDigests { artefact: digest("artefact"), state: digest("state") }
}

fn program() -> Program {
    let (version, target, floats) = ("0.1.0".to_owned(), "x86_64-unknown-linux-gnu".to_owned(), "ieee-754 binary64".to_owned());
    Program { version, lock: Digest::of(b"lock"), target, floats }
}

fn train(model: &str, set: &CommitmentSet) -> Outcome<Statement> {
    Ok(Statement::Train(Train {
        model: model.parse()?,
        version: 1,
        dataset: "adults".parse()?,
        records: set.head(),
        recipe: Digest::of(model.as_bytes()),
        digests: digests(model, 1),
        checkpoints: None,
        seed: SeedOrigin::Chosen,
        program: program(),
        at_ms: NOW_MS,
    }))
}

fn request(own: Hash) -> Outcome<Statement> {
    Ok(Statement::Request(Request {
        request: "0198c0de-0000-7000-8000-000000000000".parse()?,
        dataset: "adults".parse()?,
        regime: "GDPR".to_owned(),
        records: CommitmentSet::new([own]).head(),
        received_ms: NOW_MS + DAY_MS,
        confirm_due_ms: None,
        due_ms: Some(NOW_MS + 32 * DAY_MS),
    }))
}

fn erasure(named: &RequestRef, set: &CommitmentSet, own: Hash) -> Outcome<Statement> {
    let mut after = set.clone();
    after.remove(&[own])?;
    let affected = |model: &&str| {
        Ok(Affected {
            model: model.parse()?,
            recipe: Digest::of(model.as_bytes()),
            version: 2,
            before: digests(model, 1),
            after: Some(digests(model, 2)),
            checkpoints: None,
            guarantee: Some(Guarantee::Exact),
            fate: Fate::Updated,
        })
    };
    Ok(Statement::Erasure(Erasure {
        requests: vec![named.clone()],
        dataset: "adults".parse()?,
        before: set.head(),
        after: after.head(),
        forgotten: CommitmentSet::new([own]).head(),
        models: MODELS.iter().map(affected).collect::<Outcome<_>>()?,
        program: program(),
        at_ms: NOW_MS + 2 * DAY_MS,
    }))
}

fn publish(model: &str) -> Outcome<Statement> {
    Ok(Statement::Publish(Publish {
        model: model.parse()?,
        version: 2,
        artefact: digests(model, 2).artefact,
        files: vec![File { name: format!("{model}.json"), digest: Digest::of(b"json") }],
        floor: 2,
        at_ms: NOW_MS + 2 * DAY_MS,
    }))
}

fn purge(named: &RequestRef) -> Statement {
    let destroyed = MODELS.iter().flat_map(|model| [digests(model, 1).artefact, digests(model, 1).state]).collect();
    let (requests, method) = (vec![named.clone()], "erased; database compacted".to_owned());
    Statement::Purge(Purge { requests, destroyed, method, backups_until_ms: None, at_ms: NOW_MS + 3 * DAY_MS })
}

/// The median of some runs, in milliseconds.
fn median(mut run: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    let mut times = Vec::new();
    for _ in 0..REPEATS {
        let started = Instant::now();
        run()?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64() * 1e3)
}

fn say(line: &str) -> Outcome<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}

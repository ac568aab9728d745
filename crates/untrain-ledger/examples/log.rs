//! What does evidence cost: appending to a log, verifying a receipt's proofs, and committing to a set of a million records?
//!
//! `cargo run --release -p untrain-ledger --example log [-- DIR]` works in DIR or in a temporary directory, and needs some
//! 200 MB there.

use std::error::Error;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use untrain_core::{Digest, Guarantee};
use untrain_ledger::commitment::{Bucket, CommitmentSet, Opening, Salt, bucket_root};
use untrain_ledger::envelope::Envelope;
use untrain_ledger::keys::{Role, SecretKey, Signer as _};
use untrain_ledger::log::Log;
use untrain_ledger::policy::Policy;
use untrain_ledger::statement::{Affected, Erasure, Fate, ModelDigests, Program, RequestRef, Statement};
use untrain_ledger::{Access, Hash};

const LARGE: u64 = 1_000_000;
const REPEATS: u32 = 200;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let temporary = tempfile::tempdir()?;
    let dir = std::env::args().nth(1).map_or_else(|| temporary.path().to_owned(), Into::into);
    let keys = Keys::new()?;
    append(&dir.join("small"), &keys)?;
    verify(&dir.join("large"), &keys)?;
    commitments()
}

struct Keys {
    log: SecretKey,
    witness: SecretKey,
    issuer: SecretKey,
}

impl Keys {
    fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            log: SecretKey::generate("example.com/log", Role::Log)?,
            witness: SecretKey::generate("example.org/witness", Role::Witness)?,
            issuer: SecretKey::generate("example.com/issuer", Role::Issuer)?,
        })
    }
}

/// Signed erasure statements, appended in batches of three sizes; signing them is outside the time.
fn append(dir: &Path, keys: &Keys) -> Outcome {
    let mut log = Log::create(dir, &keys.log)?;
    for (batch, batches) in [(1, 300), (100, 50), (10_000, 5)] {
        let started = Instant::now();
        let entries: Vec<Vec<u8>> = (0..batch * batches).map(|i| erasure(i as u64, &keys.issuer)).collect::<Result<_, _>>()?;
        let signing = started.elapsed();
        let started = Instant::now();
        for entries in entries.chunks(batch) {
            log.append(entries, &keys.log)?;
        }
        let rate = entries.len() as f64 / started.elapsed().as_secs_f64();
        say(&format!(
            "append: batches of {batch}: {rate:.0} statements/s of {} bytes, {:.2} ms a batch; signing {:.0} us a statement",
            entries[0].len(),
            ms(started.elapsed()) / batches as f64,
            signing.as_secs_f64() * 1e6 / entries.len() as f64,
        ))?;
    }
    log.audit()?;
    Ok(())
}

/// The proofs of one erasure statement in a log of a million entries; the others are small, which proofs do not depend on.
fn verify(dir: &Path, keys: &Keys) -> Outcome {
    let mut log = Log::create(dir, &keys.log)?;
    let started = Instant::now();
    let index = LARGE / 3;
    for from in (0..LARGE).step_by(10_000) {
        let entry = |i: u64| if i == index { Ok(erasure(i, &keys.issuer)?) } else { Ok(i.to_be_bytes().to_vec()) };
        let entries: Vec<Vec<u8>> = (from..from + 10_000).map(entry).collect::<Result<_, Box<dyn Error>>>()?;
        log.append(&entries, &keys.log)?;
    }
    say(&format!("large log: {LARGE} entries appended in {:.1} s", started.elapsed().as_secs_f64()))?;
    let cosignature = log.checkpoint().cosign(&keys.witness, 1_700_000_000)?;
    log.add_cosignatures(&[cosignature])?;
    drop(log);
    let started = Instant::now();
    drop(Log::open(dir, Access::Write, keys.log.verifier(), Duration::ZERO)?);
    say(&format!("large log: opening for appending {:.2} ms", ms(started.elapsed())))?;
    let log = Log::open(dir, Access::Read, keys.log.verifier(), Duration::ZERO)?;
    let policy: Policy =
        format!("log {}\nwitness w {}\nquorum w\nissuer {}\n", keys.log.verifier(), keys.witness.verifier(), keys.issuer.verifier())
            .parse()?;
    let (entry, proof) = (log.entry(index)?, log.prove(index)?.to_string());
    let prove = median(|| log.prove(index).map(drop).map_err(Into::into))?;
    let consistency = median(|| log.consistency(index).map(drop).map_err(Into::into))?;
    // From text to verdict: parsing, three signatures, twenty hashes, the statement's JSON.
    let verify = median(|| policy.verify(&entry, &proof.parse()?).map(drop).map_err(Into::into))?;
    say(&format!("large log: making an inclusion proof {prove:.3} ms, a consistency proof {consistency:.3} ms"))?;
    say(&format!(
        "large log: verifying checkpoint, cosignature, inclusion and statement {verify:.3} ms; proof {} bytes, statement {} bytes",
        proof.len(),
        entry.len()
    ))
}

/// Commitments to a million records, and what a deletion changes.
fn commitments() -> Outcome {
    let row = Digest::of(b"row");
    let started = Instant::now();
    let commitments: Vec<Hash> = (0..LARGE)
        .map(|i| {
            let salt = Salt::from_bytes(Hash::of(&[&i.to_be_bytes()]).0);
            Opening { tenant: "", dataset: "adults", record: &i.to_be_bytes(), row: &row }.commit(&salt)
        })
        .collect();
    say(&format!("commitments: {LARGE} records committed to in {:.2} s", started.elapsed().as_secs_f64()))?;
    let started = Instant::now();
    let mut set = CommitmentSet::new(commitments.iter().copied());
    say(&format!("commitments: set of {LARGE} made in {:.2} s", started.elapsed().as_secs_f64()))?;
    for n in [1, 1000, 100_000] {
        let gone = &commitments[..n];
        let excerpt = set.excerpt(gone).to_bytes();
        let before = set.head();
        let started = Instant::now();
        set.remove(gone)?;
        let removing = ms(started.elapsed());
        let after = set.head();
        let started = Instant::now();
        let mut shown = CommitmentSet::from_bytes(&excerpt)?;
        let same = shown.head() == before && shown.remove(gone).is_ok() && shown.head() == after;
        let checking = ms(started.elapsed());
        let started = Instant::now();
        set.insert(gone)?;
        say(&format!(
            "commitments: {n} removed in {removing:.3} ms and put back in {:.3} ms; excerpt {} bytes, checked in {checking:.3} ms: {}",
            ms(started.elapsed()),
            excerpt.len(),
            if same { "it shows the change" } else { "WRONG" },
        ))?;
    }
    in_buckets(&commitments, &set)
}

/// The same set in 1,024 buckets of which one is loaded: what a store has to read for one deletion.
fn in_buckets(commitments: &[Hash], set: &CommitmentSet) -> Outcome {
    let bucket = |c: &Hash| usize::from(u16::from_be_bytes([c.0[0], c.0[1]]) >> 6);
    let mut buckets = vec![Vec::new(); 1024];
    commitments.iter().for_each(|c| buckets[bucket(c)].push(*c));
    let roots: Vec<Option<Hash>> = buckets.iter().map(|bucket| bucket_root(bucket)).collect();
    let gone = commitments[7];
    let time = median(|| {
        let parts = roots.iter().enumerate().filter_map(|(i, root)| {
            let part = if i == bucket(&gone) { Bucket::Loaded(&buckets[i]) } else { Bucket::Known((*root)?) };
            Some((i as u32, part))
        });
        let mut partly = CommitmentSet::from_buckets(10, parts, set.size())?;
        if partly.head() != set.head() {
            return Err("the set in buckets is another".into());
        }
        partly.remove(&[gone])?;
        let _ = partly.head();
        Ok(())
    })?;
    say(&format!("commitments: with one of 1,024 buckets loaded, one removed in {time:.3} ms, reading included"))
}

fn erasure(i: u64, issuer: &SecretKey) -> untrain_ledger::Result<Vec<u8>> {
    let digests = |n: u64| ModelDigests { artefact: Digest::of(&n.to_be_bytes()), state: Digest::of(&n.to_le_bytes()) };
    let head = |n: u64| CommitmentSet::new([Hash::of(&[&n.to_be_bytes()])]).head();
    let statement = Statement::Erasure(Erasure {
        requests: vec![RequestRef { request: format!("request-{i}").parse()?, statement: Digest::of(&i.to_be_bytes()) }],
        dataset: "adults".parse()?,
        before: head(i),
        after: head(i + 1),
        forgotten: head(i + 2),
        models: vec![Affected {
            model: "forest".parse()?,
            recipe: Digest::of(b"recipe"),
            version: i + 2,
            before: digests(i),
            after: Some(digests(i + 1)),
            checkpoints: None,
            guarantee: Some(Guarantee::Exact),
            fate: Fate::Updated,
        }],
        program: Program {
            version: "0.1.0".to_owned(),
            lock: Digest::of(b"lock"),
            target: "x86_64-unknown-linux-gnu".to_owned(),
            floats: "ieee-754 binary64".to_owned(),
        },
        at_ms: 1_700_000_000_000 + i,
    });
    Ok(Envelope::sign(&statement, issuer)?.to_json()?)
}

/// The median of some runs, in milliseconds.
fn median(mut run: impl FnMut() -> Outcome) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..REPEATS {
        let started = Instant::now();
        run()?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok(ms(times[times.len() / 2]))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn say(line: &str) -> Outcome {
    Ok(writeln!(io::stdout(), "{line}")?)
}

//! Do other programs read our logs, and do we read theirs? The Rust half of `interop/tlog.py`, which says how to run it.
//!
//! `interop make DIR` writes a log with everything that can be checked from outside, and `interop check DIR` checks what the other
//! program wrote into `DIR/theirs`.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use untrain_core::Digest;
use untrain_ledger::Access;
use untrain_ledger::checkpoint::{Checkpoint, LogProof};
use untrain_ledger::envelope::Envelope;
use untrain_ledger::keys::{Role, SecretKey, Signer as _, VerifierKey};
use untrain_ledger::log::Log;
use untrain_ledger::policy::Policy;
use untrain_ledger::statement::{Purge, Statement};
use untrain_ledger::witness::{Submission, Witness};

const NOW: u64 = 1_700_000_000;
const PASSPHRASE: &str = "interop";
/// The sizes at which the log has a checkpoint, around the widths of tiles.
const SIZES: [u64; 8] = [1, 2, 7, 255, 256, 257, 700, 66_000];
/// The entries whose proofs are compared.
const INDICES: [u64; 7] = [0, 1, 255, 256, 699, 65_535, 65_999];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", dir] => make(Path::new(dir)),
        ["check", dir] => check(&Path::new(dir).join("theirs")),
        _ => Err("usage: interop make DIR, or interop check DIR".into()),
    }
}

fn make(dir: &Path) -> Result<(), Box<dyn Error>> {
    let log_key = SecretKey::generate("untrain.example/log", Role::Log)?;
    let witness_key = SecretKey::generate("witness.example/w1", Role::Witness)?;
    let issuer = SecretKey::generate("untrain.example/issuer", Role::Issuer)?;
    fs::create_dir_all(dir.join("checkpoints"))?;
    let mut log = Log::create(&dir.join("log"), &log_key)?;
    let logs = vec![log_key.verifier().clone()];
    let mut witness = Witness::open(&dir.join("witness"), witness_key.verifier(), logs, Duration::ZERO)?;
    for (i, size) in SIZES.iter().enumerate() {
        let entries: Vec<Vec<u8>> = (log.head().size..*size).map(|i| statement(i, &issuer)).collect::<Result<_, _>>()?;
        log.append(&entries, &log_key)?;
        let old = if i == 0 { 0 } else { SIZES[i - 1] };
        let submission = Submission { old, proof: log.consistency(old)?, checkpoint: log.checkpoint().clone() };
        let cosignature = witness.cosign(&submission.to_string().parse()?, &witness_key, NOW + i as u64)?;
        log.add_cosignatures(&[cosignature])?;
        fs::write(dir.join("checkpoints").join(size.to_string()), log.checkpoint().to_string())?;
        fs::write(dir.join("checkpoints").join(format!("{old}-{size}")), submission.to_string())?;
    }
    for index in INDICES {
        fs::write(dir.join(format!("{index}.tlog-proof")), log.prove(index)?.to_string())?;
    }
    fs::write(dir.join("log.vkey"), format!("{}\n", log_key.verifier()))?;
    fs::write(dir.join("witness.vkey"), format!("{}\n", witness_key.verifier()))?;
    fs::write(dir.join("issuer.public"), issuer.verifier().public())?;
    issuer.save(&dir.join("issuer.key"), None)?;
    issuer.save(&dir.join("issuer.key.age"), Some(PASSPHRASE))?;
    say(&format!("made a log of {} entries with {} checkpoints", log.head().size, SIZES.len()))
}

fn statement(i: u64, issuer: &SecretKey) -> Result<Vec<u8>, untrain_ledger::Error> {
    let statement = Statement::Purge(Purge {
        requests: Vec::new(),
        destroyed: vec![Digest::of(&i.to_be_bytes())],
        method: "erased \u{20ac}\u{1f5d1} \"quoted\" \\ \n \u{7f}".to_owned(),
        backups_until_ms: None,
        at_ms: 1_700_000_000_000 + i,
    });
    Ok(Envelope::sign(&statement, issuer)?.to_json()?)
}

fn check(theirs: &Path) -> Result<(), Box<dyn Error>> {
    let read = |name: &str| fs::read_to_string(theirs.join(name));
    let (log_key, witness_key): (VerifierKey, VerifierKey) = (read("log.vkey")?.trim().parse()?, read("witness.vkey")?.trim().parse()?);
    let policy: Policy = format!("log {log_key}\nwitness w {witness_key}\nquorum w\n").parse()?;
    let log = Log::open(&theirs.join("log"), Access::Read, &log_key, Duration::ZERO)?;
    log.audit()?;
    let verified = policy.verify_checkpoint(log.checkpoint())?;
    say(&format!("their log of {} entries fits their checkpoint, which {} witness cosigned", log.head().size, verified.witnesses().len()))?;
    let mut proofs = 0;
    for line in read("proofs")?.split("\n---\n").filter(|proof| !proof.is_empty()) {
        let proof: LogProof = line.parse()?;
        proof.verify(&log.entry(proof.index)?, &policy.verify_checkpoint(&proof.checkpoint)?.head())?;
        if log.prove(proof.index)?.path != proof.path {
            return Err(format!("our proof of {} is another", proof.index).into());
        }
        proofs += 1;
    }
    say(&format!("{proofs} of their inclusion proofs verify and are ours"))?;
    let mut steps = 0;
    for part in read("consistency")?.split("\n---\n").filter(|part| !part.is_empty()) {
        let submission: Submission = part.parse()?;
        let checkpoint: Checkpoint = submission.checkpoint.text().parse()?;
        let old = untrain_ledger::merkle::TreeHead { size: submission.old, root: log.root_at(submission.old)? };
        untrain_ledger::merkle::verify_consistency(&old, &checkpoint.head, &submission.proof)?;
        steps += 1;
    }
    say(&format!("{steps} of their consistency proofs verify"))?;
    let key = SecretKey::load(&theirs.join("key.age"), Some(PASSPHRASE))?;
    say(&format!("their age file opens, and has the key {}", key.verifier().label()))
}

fn say(line: &str) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(io::stdout(), "{line}")?)
}

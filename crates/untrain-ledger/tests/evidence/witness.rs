//! Witnesses: what they remember, and that they remember it through crashes.

use std::fs;
use std::time::Duration;

use untrain_ledger::keys::{Role, Signer as _};
use untrain_ledger::witness::{Submission, Witness, http_status};
use untrain_ledger::{Error, Refusal};

use crate::support::{NOW, World, key, purge, refusal};

#[test]
fn a_submission_comes_back_from_its_text() {
    let mut world = World::new();
    world.append(&[purge(), purge(), purge()]);
    let submission = world.submission().unwrap();
    assert!(!submission.proof.is_empty() && submission.to_string().starts_with("old 2\n"));
    assert_eq!(submission.to_string().parse::<Submission>().unwrap(), submission);
    for bad in ["", "old 2\n", "old 02\n\nx", "old 2\nAA==\n\nx", "new 2\n\nx"] {
        assert!(bad.parse::<Submission>().is_err(), "{bad}");
    }
}

#[test]
fn a_witness_remembers_after_a_restart_and_a_crash_in_between() {
    let mut world = World::new();
    let dir = world.place.path().join("witness");
    let key = world.witness_key.verifier().clone();
    let before = world.submission().unwrap();
    let other = World::empty("unused", 9);
    drop(std::mem::replace(&mut world.witness, other.witness));
    let open = || Witness::open(&dir, &key, vec![world.log_key.verifier().clone()], Duration::ZERO).unwrap();
    // A crash while it wrote leaves a temporary file.
    fs::write(dir.join(format!("{}.tmp", "0".repeat(64))), b"half a note").unwrap();
    let witness = open();
    let last = witness.last("example.com/log").unwrap().unwrap();
    assert_eq!((last.head, last.seconds), (world.log.head(), NOW));
    assert_eq!(witness.last("example.com/unknown").unwrap(), None);
    assert!(matches!(Witness::open(&dir, &key, Vec::new(), Duration::ZERO), Err(Error::Busy { .. })));
    drop(witness);
    // The same checkpoint again, with a later time, is cosigned again.
    open().cosign(&before, &world.witness_key, NOW + 9).unwrap();
    assert_eq!(open().last("example.com/log").unwrap().unwrap().seconds, NOW + 9);
}

#[test]
fn a_changed_memory_is_noticed() {
    let mut world = World::new();
    world.append(&[purge()]);
    let dir = world.place.path().join("witness");
    let path = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.file_name().unwrap() != "lock").unwrap();
    let good = fs::read_to_string(&path).unwrap();
    for bad in [good.replace("\n2\n", "\n1\n"), good[..good.len() - 9].to_owned(), String::new(), good.lines().take(5).collect()] {
        assert_ne!(bad, good);
        fs::write(&path, bad).unwrap();
        let _ = refusal(world.cosign(NOW + 1));
    }
    fs::write(&path, good).unwrap();
    world.cosign(NOW + 1).unwrap();
}

#[test]
fn logs_proofs_and_starts_that_do_not_fit_are_refused_with_their_status() {
    let mut world = World::new();
    world.append(&[purge()]);
    let good = world.submission().unwrap();
    let mut other = World::empty("example.com/another-log", 9);
    other.append(&[purge()]);
    let imposter = {
        let mut imposter = World::empty("example.com/log", 9);
        imposter.append(&[purge(), purge(), purge()]);
        imposter.submission().unwrap().checkpoint
    };
    for (submission, status) in [
        (Submission { checkpoint: other.log.checkpoint().clone(), ..good.clone() }, 404),
        (Submission { checkpoint: imposter, ..good.clone() }, 403),
        (Submission { old: 1, ..good.clone() }, 409),
        (Submission { old: 0, proof: Vec::new(), ..good.clone() }, 409),
        (Submission { proof: Vec::new(), ..good.clone() }, 422),
        (Submission { proof: [&good.proof[..], &good.proof[..]].concat(), ..good.clone() }, 422),
    ] {
        let error = refusal(world.witness.cosign(&submission, &world.witness_key, NOW + 1));
        assert_eq!(http_status(&error), status, "{error}");
    }
    let stranger = key("example.org/witness", Role::Witness, 60);
    assert!(matches!(refusal(world.witness.cosign(&good, &stranger, NOW + 1)), Refusal::Untrusted { .. }));
    world.witness.cosign(&good, &world.witness_key, NOW + 1).unwrap();
}

//! Logs in directories: what they hold after any append and any crash, and what damage is noticed.

#![expect(clippy::unwrap_used, reason = "a test may panic; the helpers outside the test functions are part of the tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use untrain_ledger::checkpoint::{Checkpoint, LogProof};
use untrain_ledger::keys::{Role, SecretKey, Signer as _, VerifierKey};
use untrain_ledger::log::Log;
use untrain_ledger::merkle::{self, MemoryTree};
use untrain_ledger::{Access, Error, Refusal, Result};

#[test]
fn a_log_is_the_tree_over_its_entries_however_they_were_appended() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let dir = place.path().join("log");
    let mut log = Log::create(&dir, &key).unwrap();
    assert_eq!(log.head(), MemoryTree::default().head());
    let mut tree = MemoryTree::default();
    for batch in [1, 0, 1, 254, 1, 255, 2, 300, 1000, 65_536 - 1814, 1] {
        let from = tree.size();
        let entries: Vec<Vec<u8>> = (from..from + batch).map(entry).collect();
        assert_eq!(log.append(&entries, &key).unwrap(), from..from + batch);
        entries.iter().for_each(|entry| tree.push(merkle::leaf_hash(entry)));
        assert_eq!(log.head(), tree.head());
    }
    log.audit().unwrap();
    drop(log);
    let log = open(&dir, Access::Read).unwrap();
    log.audit().unwrap();
    assert_eq!(log.head(), tree.head());
    for index in [0, 1, 255, 256, 1814, 65_534, 65_535, 65_536] {
        let proof: LogProof = log.prove(index).unwrap().to_string().parse().unwrap();
        assert_eq!(proof.path, tree.inclusion_proof(index), "{index}");
        proof.verify(&log.entry(index).unwrap(), &log.head()).unwrap();
        assert_eq!(log.entry(index).unwrap(), entry(index));
        assert_eq!(log.consistency(index).unwrap(), tree.consistency_proof(index));
        assert_eq!(log.root_at(index).unwrap(), merkle::root(&tree, index).unwrap());
    }
    assert!(matches!(log.prove(65_537), Err(Error::Refused(Refusal::NotIncluded { .. }))));
    assert!(matches!(log.consistency(65_538), Err(Error::Refused(Refusal::Rollback { .. }))));
}

#[test]
fn files_are_where_the_specification_says() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let mut log = Log::create(place.path(), &key).unwrap();
    let entries: Vec<Vec<u8>> = (0..70_000).map(entry).collect();
    log.append(&entries, &key).unwrap();
    // The example of tlog-tiles: 273 full tiles and one of width 112 at level 0, a full one and one of 17 at level 1, one of 1.
    for (file, length) in [
        ("tile/0/000", 8192),
        ("tile/0/272", 8192),
        ("tile/0/273.p/112", 112 * 32),
        ("tile/1/000", 8192),
        ("tile/1/001.p/17", 17 * 32),
        ("tile/2/000.p/1", 32),
    ] {
        assert_eq!(fs::metadata(place.path().join(file)).unwrap().len(), length, "{file}");
    }
    assert!(place.path().join("tile/entries/273.p/112").is_file() && !place.path().join("tile/0/273").exists());
    let bundle = fs::read(place.path().join("tile/entries/000")).unwrap();
    assert_eq!(bundle[..2], [0, entry(0).len() as u8]);
    let checkpoint = fs::read_to_string(place.path().join("checkpoint")).unwrap();
    assert!(checkpoint.starts_with("example.com/log\n70000\n"));
}

#[test]
fn large_indices_have_directories_of_a_thousand_tiles() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let mut log = Log::create(place.path(), &key).unwrap();
    let entries = vec![b"x"; 1001 * 256 + 1];
    log.append(&entries, &key).unwrap();
    assert!(place.path().join("tile/0/x001/000").is_file() && place.path().join("tile/entries/x001/001.p/1").is_file());
    log.audit().unwrap();
}

#[test]
fn partial_tiles_of_every_published_checkpoint_stay_until_the_tile_is_full() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let mut log = Log::create(place.path(), &key).unwrap();
    for i in 0..255 {
        log.append(&[entry(i)], &key).unwrap();
    }
    let old = open(place.path(), Access::Read).unwrap();
    assert_eq!(files(&place.path().join("tile/0/000.p")).len(), 255);
    log.append(&[entry(255), entry(256)], &key).unwrap();
    assert!(!place.path().join("tile/0/000.p").exists() && !place.path().join("tile/entries/000.p").exists());
    // Whoever holds the old checkpoint finds its hashes and entries in the full tile.
    old.audit().unwrap();
    old.prove(7).unwrap().verify(&entry(7), &old.head()).unwrap();
}

#[test]
fn cosignatures_after_a_failed_append_do_not_take_back_what_it_made_durable() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let witness = SecretKey::from_seed("example.org/witness", Role::Witness, &[2; 32]).unwrap();
    let mut log = Log::create(place.path(), &key).unwrap();
    log.append(&[entry(0)], &key).unwrap();
    let old = log.checkpoint().clone();
    let late = old.cosign(&witness, 1_700_000_000).unwrap();
    // The last step of the append fails: the next checkpoint is durable, and cannot take the place of a directory.
    let checkpoint = place.path().join("checkpoint");
    let kept = fs::read(&checkpoint).unwrap();
    fs::remove_file(&checkpoint).unwrap();
    fs::create_dir(&checkpoint).unwrap();
    fs::write(checkpoint.join("in the way"), "").unwrap();
    assert!(matches!(log.append(&[entry(1), entry(2)], &key), Err(Error::Io { .. })));
    fs::remove_dir_all(&checkpoint).unwrap();
    fs::write(&checkpoint, kept).unwrap();
    // The cosignature is for the checkpoint before, which is no longer the log's.
    let error = log.add_cosignatures(std::slice::from_ref(&late)).unwrap_err();
    assert!(matches!(error, Error::Refused(Refusal::OutdatedCosignature { cosigned: 1, now: 3 })), "{error}");
    assert_eq!(log.head().size, 3);
    let cosignature = log.checkpoint().cosign(&witness, 1_700_000_001).unwrap();
    log.add_cosignatures(&[cosignature]).unwrap();
    drop(log);
    let log = open(place.path(), Access::Write).unwrap();
    assert_eq!((log.head().size, log.checkpoint().signatures().len()), (3, 2));
    assert_eq!(log.entry(2).unwrap(), entry(2));
    log.audit().unwrap();
}

#[test]
fn a_crash_at_any_point_of_an_append_leaves_the_old_log_or_the_new_one() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let (before, after) = (place.path().join("before"), place.path().join("after"));
    Log::create(&before, &key).unwrap().append(&(0..250).map(entry).collect::<Vec<_>>(), &key).unwrap();
    copy(&before, &after);
    let appended: Vec<Vec<u8>> = (250..800).map(entry).collect();
    open(&after, Access::Write).unwrap().append(&appended, &key).unwrap();
    let (old, new) = (open(&before, Access::Read).unwrap().head(), open(&after, Access::Read).unwrap().head());
    let old_checkpoint = fs::read(before.join("checkpoint")).unwrap();
    let mut fresh: Vec<PathBuf> = files(&after).into_iter().filter(|file| !before.join(file).exists()).collect();
    fresh.sort();
    let crashed = place.path().join("crashed");
    // After each number of new tiles: the old log. After the next checkpoint, and after its renaming: the new one.
    for n in 0..=fresh.len() + 2 {
        let _ = fs::remove_dir_all(&crashed);
        copy(&before, &crashed);
        for file in fresh.iter().take(n) {
            fs::create_dir_all(crashed.join(file).parent().unwrap()).unwrap();
            fs::copy(after.join(file), crashed.join(file)).unwrap();
        }
        fs::create_dir_all(crashed.join("tmp")).unwrap();
        fs::write(crashed.join("tmp/3"), b"half a ti").unwrap();
        if n > fresh.len() {
            fs::copy(after.join("checkpoint"), crashed.join("checkpoint.next")).unwrap();
        }
        if n > fresh.len() + 1 {
            fs::rename(crashed.join("checkpoint.next"), crashed.join("checkpoint")).unwrap();
        }
        // A reader beside the crashed writer sees what was published.
        let seen = open(&crashed, Access::Read).unwrap();
        seen.audit().unwrap();
        assert_eq!(seen.head(), if n > fresh.len() + 1 { new } else { old }, "{n} steps");
        let mut log = open(&crashed, Access::Write).unwrap();
        let expected = if n > fresh.len() { new } else { old };
        assert_eq!(log.head(), expected, "{n} steps");
        log.audit().unwrap();
        assert!(files(&crashed.join("tmp")).is_empty() && !crashed.join("checkpoint.next").exists());
        if expected == old {
            assert_eq!(fs::read(crashed.join("checkpoint")).unwrap(), old_checkpoint);
            assert_eq!(tiles(&crashed), tiles(&before), "{n} steps: an entry that is in no log was left");
        }
        // The log goes on, with other entries than the lost ones.
        log.append(&(0..300).map(|i| entry(10_000 + i)).collect::<Vec<_>>(), &key).unwrap();
        log.audit().unwrap();
    }
}

#[test]
fn a_failing_disk_leaves_the_log_as_it_was_and_usable() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let mut log = Log::create(place.path(), &key).unwrap();
    log.append(&[entry(0)], &key).unwrap();
    let head = log.head();
    // A directory in the place of the next tile: renaming fails.
    let obstacle = place.path().join("tile/0/000.p/2");
    fs::create_dir(&obstacle).unwrap();
    assert!(matches!(log.append(&[entry(1)], &key), Err(Error::Io { .. })));
    assert_eq!(log.head(), head);
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(log.append(&[entry(1)], &key).unwrap(), 1..2);
    log.audit().unwrap();
}

#[test]
fn entries_that_are_too_long_change_nothing() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let mut log = Log::create(place.path(), &key).unwrap();
    let error = log.append(&[vec![1; 10], vec![2; 65_536]], &key).unwrap_err();
    assert!(matches!(error, Error::Refused(Refusal::TooLarge { bytes: 65_536, limit: 65_535, .. })));
    assert_eq!(log.append(&[vec![2; 65_535]], &key).unwrap(), 0..1);
    log.audit().unwrap();
}

#[test]
fn damage_anywhere_is_found_by_an_audit_and_at_the_edge_by_opening() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let mut log = Log::create(place.path(), &key).unwrap();
    log.append(&(0..600).map(entry).collect::<Vec<_>>(), &key).unwrap();
    drop(log);
    for file in files(place.path()).into_iter().filter(|file| file.starts_with("tile")) {
        let path = place.path().join(&file);
        let good = fs::read(&path).unwrap();
        for (bad, what) in
            [(flip(&good, good.len() / 2), "a flipped bit"), (good[..good.len() - 1].to_vec(), "a missing byte"), (Vec::new(), "no bytes")]
        {
            fs::write(&path, bad).unwrap();
            let error = open(place.path(), Access::Read).unwrap().audit().unwrap_err();
            assert!(matches!(error, Error::Refused(Refusal::DamagedLog { .. })), "{what} in {}: {error}", file.display());
            let edge = file.to_string_lossy().contains(".p/");
            assert_eq!(open(place.path(), Access::Write).is_err(), edge, "{what} in {}", file.display());
        }
        fs::remove_file(&path).unwrap();
        assert!(open(place.path(), Access::Read).unwrap().audit().is_err(), "{} is missing", file.display());
        fs::write(&path, good).unwrap();
    }
    open(place.path(), Access::Write).unwrap().audit().unwrap();
}

#[test]
fn a_truncated_log_does_not_fit_its_checkpoint() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let (short, long) = (place.path().join("short"), place.path().join("long"));
    Log::create(&short, &key).unwrap().append(&(0..20).map(entry).collect::<Vec<_>>(), &key).unwrap();
    copy(&short, &long);
    open(&long, Access::Write).unwrap().append(&[entry(20)], &key).unwrap();
    fs::copy(long.join("checkpoint"), short.join("checkpoint")).unwrap();
    let error = open(&short, Access::Write).unwrap_err();
    assert!(error.to_string().contains("does not fit the checkpoint of 21 entries"), "{error}");
    assert!(open(&short, Access::Read).unwrap().audit().is_err());
}

#[test]
fn a_checkpoint_of_another_key_or_log_is_refused() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let mut log = Log::create(place.path(), &key).unwrap();
    log.append(&[entry(0)], &key).unwrap();
    let other = SecretKey::from_seed("example.com/log", Role::Log, &[9; 32]).unwrap();
    let renamed = SecretKey::from_seed("example.com/other", Role::Log, &[1; 32]).unwrap();
    assert!(matches!(log.append(&[entry(1)], &other), Err(Error::Refused(Refusal::WrongLog { .. }))));
    drop(log);
    let with = |key: &VerifierKey| Log::open(place.path(), Access::Write, key, Duration::ZERO).unwrap_err();
    assert!(matches!(with(other.verifier()), Error::Refused(Refusal::Untrusted { .. })));
    assert!(matches!(with(renamed.verifier()), Error::Refused(Refusal::WrongLog { .. })));
    let checkpoint = Checkpoint::sign(open(place.path(), Access::Read).unwrap().head(), &other).unwrap();
    fs::write(place.path().join("checkpoint"), checkpoint.to_string()).unwrap();
    assert!(open(place.path(), Access::Read).is_err());
}

#[test]
fn one_process_appends_at_a_time_and_readers_do_not_wait() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let log = Log::create(place.path(), &key).unwrap();
    assert!(matches!(open(place.path(), Access::Write), Err(Error::Busy { .. })));
    let mut reader = open(place.path(), Access::Read).unwrap();
    assert!(matches!(reader.append(&[entry(0)], &key), Err(Error::OpenedForReading { .. })));
    drop(log);
    open(place.path(), Access::Write).unwrap();
}

#[test]
fn a_directory_with_something_else_in_it_is_left_alone() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    assert!(matches!(open(place.path(), Access::Read), Err(Error::NotALog { .. })));
    fs::write(place.path().join("notes.txt"), b"mine").unwrap();
    assert!(matches!(Log::create(place.path(), &key), Err(Error::NotALog { .. })));
    assert!(!Log::exists(place.path()));
}

#[test]
fn cosignatures_are_published_with_the_checkpoint_and_go_with_the_next() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let witness = SecretKey::from_seed("example.org/witness", Role::Witness, &[2; 32]).unwrap();
    let mut log = Log::create(place.path(), &key).unwrap();
    log.append(&[entry(0)], &key).unwrap();
    let cosignature = log.checkpoint().cosign(&witness, 1_700_000_000).unwrap();
    log.add_cosignatures(&[cosignature]).unwrap();
    let published = open(place.path(), Access::Read).unwrap();
    assert_eq!(published.checkpoint().cosigned_at("checkpoint", witness.verifier()).unwrap(), Some(1_700_000_000));
    assert_eq!(published.prove(0).unwrap().checkpoint.signatures().len(), 2);
    log.append(&[entry(1)], &key).unwrap();
    assert_eq!(log.checkpoint().signatures().len(), 1);
}

fn key() -> SecretKey {
    SecretKey::from_seed("example.com/log", Role::Log, &[1; 32]).unwrap()
}

fn open(dir: &Path, access: Access) -> Result<Log> {
    Log::open(dir, access, key().verifier(), Duration::ZERO)
}

fn entry(i: u64) -> Vec<u8> {
    format!("entry {i}").into_bytes()
}

fn flip(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[at] ^= 1;
    flipped
}

/// The files below a directory, relative to it.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = PathBuf::from(path.file_name().unwrap());
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|file| name.join(file)));
        } else {
            found.push(name);
        }
    }
    found.sort();
    found
}

fn tiles(dir: &Path) -> Vec<PathBuf> {
    files(&dir.join("tile"))
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        fs::create_dir_all(to.join(&file).parent().unwrap()).unwrap();
        fs::copy(from.join(&file), to.join(&file)).unwrap();
    }
}

//! A backup is a store again with one key, and nothing without it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use untrain_ledger::keys::{Role, SecretKey};
use untrain_ledger::log::Log;
use untrain_ledger::{Access, Backup, Change, Error, Event, Operation, Store};

use crate::support::{commit, dataset, decrypted_holding, files, holding, model, open, referenced, request, with_database};
use crate::vault::{MARKER, copy_all, forms};

const MADE_MS: i64 = 1_700_000_000_003;

/// A store with the marker in blobs and in rows, and the places of its backup and of what is restored from it.
struct Place {
    _dir: tempfile::TempDir,
    store: PathBuf,
    backup: PathBuf,
    restored: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [store, backup, restored] = ["store", "backup", "restored"].map(|name| dir.path().join(name));
        let mut open = open(&store, Access::Write).unwrap();
        let mut row = dataset(&open, "adults", 1, &["somebody else", MARKER]);
        row.schema = format!(r#"{{"categories":["{MARKER}"]}}"#);
        let mut trained = model(&open, "forest", "adults", 1, Event::Train);
        trained.model.state = open.put(&forms().concat()).unwrap();
        let change = Change { datasets: vec![row], models: vec![trained], ..Change::default() };
        commit(&mut open, &Change { request: Some(request("adults", Operation::Learn)), ..change }).unwrap();
        Self { _dir: dir, store, backup, restored }
    }

    fn open(&self) -> Store {
        open(&self.store, Access::Write).unwrap()
    }

    fn back_up(&self) -> Backup {
        let made = self.open().backup(&self.backup, MADE_MS).unwrap();
        assert!(made.unfinished.is_none(), "{:?}", made.unfinished);
        assert_eq!(made.files, files(&self.backup).len() as u64 - 1);
        made.backup
    }

    fn restore(&self) -> Result<Backup, Error> {
        Store::restore(&self.backup, &self.store.join("keys"), &self.restored)
    }

    /// Forgets the marker.
    fn forget(store: &mut Store) {
        let change = Change {
            replace: true,
            datasets: vec![dataset(store, "adults", 2, &["somebody else"])],
            models: vec![model(store, "forest", "adults", 2, Event::Forget)],
            request: Some(request("adults", Operation::Forget)),
            ..Change::default()
        };
        commit(store, &change).unwrap();
    }
}

fn open_restoring(dir: &Path) -> Result<Store, Error> {
    Store::open_restoring(dir, Duration::ZERO, &mut || ())
}

#[test]
fn a_restored_store_is_the_one_that_was_backed_up_and_is_closed_until_it_has_forgotten() {
    let place = Place::new();
    let log_key = SecretKey::from_seed("example.com/log", Role::Log, &[1; 32]).unwrap();
    let mut log = Log::create(&place.store.join("trail"), &log_key).unwrap();
    log.append(&(0..300).map(|i| i.to_string()).collect::<Vec<_>>(), &log_key).unwrap();
    drop(log);
    let made = place.back_up();
    let expected = Backup { epoch: 1, made_ms: MADE_MS, datasets: 1, models: 1, records: 20, requests: 1, trail: Some(300) };
    assert_eq!(made, expected);
    let mut live = place.open();
    let (datasets, models) = (live.datasets().unwrap(), live.models().unwrap());
    Place::forget(&mut live);
    drop(live);

    assert_eq!(place.restore().unwrap(), expected);
    for access in [Access::Read, Access::Write] {
        assert!(matches!(open(&place.restored, access), Err(Error::Restoring { path }) if path == place.restored));
    }
    let mut store = open_restoring(&place.restored).unwrap();
    assert_eq!((store.datasets().unwrap(), store.models().unwrap()), (datasets, models));
    assert!(referenced(&store).len() == 4 && decrypted_holding(&store, MARKER) == 2);
    assert!(matches!(store.backup(&place.restored.with_file_name("another"), 0), Err(Error::Restoring { .. })));
    Place::forget(&mut store);
    drop(store);
    assert!(matches!(open(&place.restored, Access::Read), Err(Error::Restoring { .. })), "a commit alone does not open it");
    let mut store = open_restoring(&place.restored).unwrap();
    assert!(store.finish_restore(&Change::default()).unwrap().unfinished.is_none());
    assert!(matches!(store.finish_restore(&Change::default()), Err(Error::NotRestoring { .. })));
    assert_eq!(store.rotate().unwrap().epoch, 2);
    drop(store);
    assert!(matches!(open_restoring(&place.restored), Err(Error::NotRestoring { .. })));
    assert!(holding(&place.restored, MARKER).is_empty());
    assert_eq!(decrypted_holding(&open(&place.restored, Access::Read).unwrap(), MARKER), 0);
    let log = Log::open(&place.restored.join("trail"), Access::Write, &public(&log_key), Duration::ZERO).unwrap();
    log.audit().unwrap();
    assert_eq!(log.head().size, 300);
}

fn public(key: &SecretKey) -> untrain_ledger::keys::VerifierKey {
    use untrain_ledger::keys::Signer as _;
    key.verifier().clone()
}

#[test]
fn a_backup_holds_nothing_in_the_open_and_is_unreadable_once_its_epoch_is_destroyed() {
    let place = Place::new();
    let digests: Vec<String> = referenced(&place.open()).iter().map(ToString::to_string).collect();
    let key = fs::read(place.store.join("keys/epoch-1")).unwrap();
    place.back_up();
    let mut live = place.open();
    assert_eq!(files(&place.store.join("keys")).len(), 2);
    let names = live.epochs().unwrap().iter().map(|at| (at.number, at.current, at.destroyed, at.backup.is_some())).collect::<Vec<_>>();
    assert_eq!(names, [(1, false, false, true), (2, true, false, false)]);
    for form in forms().iter().map(Vec::as_slice).chain([&key[..], b"categories"]).chain(digests.iter().map(String::as_bytes)) {
        assert!(holding(&place.backup, form).is_empty());
    }
    Place::forget(&mut live);
    assert!(live.rotate().unwrap().unfinished.is_none());
    assert_eq!(files(&place.store.join("keys")), [place.store.join("keys/epoch-1"), place.store.join("keys/epoch-3")]);

    place.restore().unwrap();
    assert_eq!(decrypted_holding(&open_restoring(&place.restored).unwrap(), MARKER), 2, "the backup remembers");
    fs::remove_dir_all(&place.restored).unwrap();
    live.destroy_epoch(1).unwrap();
    live.destroy_epoch(1).unwrap();
    assert!(live.epochs().unwrap()[0].destroyed && live.epochs().unwrap()[0].backup.is_some());
    assert!(holding(&place.store, &key).is_empty());
    let error = place.restore().unwrap_err();
    assert!(matches!(error, Error::MissingEpochKey { epoch: 1, .. }), "{error}");
    fs::copy(place.store.join("keys/epoch-3"), place.store.join("keys/epoch-1")).unwrap();
    let error = place.restore().unwrap_err();
    assert!(matches!(error, Error::WrongEpochKey { epoch: 1, .. }), "{error}");
    assert!(!place.restored.exists());
    assert_eq!(decrypted_holding(&live, "somebody else"), 1, "the store itself goes on");
}

#[test]
fn a_key_that_somebody_took_away_is_not_reported_as_destroyed() {
    let place = Place::new();
    place.back_up();
    fs::remove_file(place.store.join("keys/epoch-1")).unwrap();
    let mut live = place.open();
    assert!(matches!(live.destroy_epoch(1), Err(Error::MissingEpochKey { epoch: 1, .. })));
    assert!(!live.epochs().unwrap()[0].destroyed);
}

#[test]
fn whatever_is_damaged_in_a_backup_is_named_and_nothing_is_restored() {
    let place = Place::new();
    fs::create_dir(place.store.join("trail")).unwrap();
    fs::write(place.store.join("trail/policy.txt"), "log …").unwrap();
    place.back_up();
    let listed: Vec<PathBuf> = files(&place.backup).into_iter().filter(|path| !path.ends_with("backup.json")).collect();
    assert_eq!(listed.len(), 5 + 1 + 1);
    for path in &listed {
        let bytes = fs::read(path).unwrap();
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        for (damaged, reason) in [(Some(&flipped[..]), "SHA-256"), (Some(&bytes[1..]), "bytes, and"), (None, "missing")] {
            fs::remove_file(path).unwrap();
            damaged.into_iter().for_each(|bytes| fs::write(path, bytes).unwrap());
            let error = place.restore().unwrap_err();
            assert!(matches!(&error, Error::DamagedBackup { path: named, .. } if named == path), "{error}");
            assert!(error.to_string().contains(reason) && !place.restored.exists(), "{error}");
            fs::write(path, &bytes).unwrap();
        }
    }
    place.restore().unwrap();
}

#[test]
fn half_a_manifest_a_newer_one_and_one_that_points_elsewhere_are_refused() {
    let place = Place::new();
    place.back_up();
    let path = place.backup.join("backup.json");
    let text = fs::read_to_string(&path).unwrap();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replace(from, to)).unwrap();
        let error = place.restore().unwrap_err();
        assert!(!place.restored.exists());
        error
    };
    let error = with("\"format\": 1", "\"format\": 9, \"more\": 1");
    assert!(matches!(error, Error::NewerBackup { found: 9, supported: 1, .. }), "{error}");
    assert!(error.to_string().contains("has format 9, newer than format 1"), "{error}");
    assert!(matches!(with("\"store_format\": 3", "\"store_format\": 999"), Error::NewerFormat { found: 999, .. }));
    for elsewhere in ["../blobs/x", "/etc/passwd", "keys/epoch-1", "blobs/../../x", ""] {
        let error = with("untrain.db.sealed", elsewhere);
        assert!(matches!(&error, Error::DamagedBackup { path: named, .. } if *named == path), "{error}");
    }
    let error = with(&MADE_MS.to_string(), "5");
    assert!(matches!(&error, Error::DamagedBackup { path, .. } if path.ends_with("untrain.db.sealed")), "{error}");

    fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(matches!(place.restore(), Err(Error::DamagedBackup { path: named, .. }) if named == path));
    fs::rename(&path, place.backup.join("backup.json.next")).unwrap();
    let error = place.restore().unwrap_err();
    assert!(error.is_usage() && matches!(&error, Error::NotABackup { path } if *path == place.backup), "{error}");
    assert!(!place.restored.exists());
}

#[test]
fn places_that_are_taken_or_wrong_are_refused_and_left_alone() {
    let place = Place::new();
    let mut live = place.open();
    for inside in ["backup", "trail/backup", "blobs"] {
        let error = live.backup(&place.store.join(inside), 0).unwrap_err();
        assert!(error.is_usage() && matches!(error, Error::InsideStore { .. } | Error::NotVacant { .. }), "{error}");
    }
    fs::create_dir(&place.backup).unwrap();
    fs::write(place.backup.join("thesis.tex"), "words").unwrap();
    for taken in [place.backup.clone(), place.backup.join("thesis.tex")] {
        let error = live.backup(&taken, 0).unwrap_err();
        assert!(error.is_usage() && matches!(&error, Error::NotVacant { path } if *path == taken), "{error}");
    }
    assert_eq!(live.epochs().unwrap().len(), 1);
    fs::remove_file(place.backup.join("thesis.tex")).unwrap();
    drop(live);
    place.back_up();
    fs::create_dir(&place.restored).unwrap();
    fs::write(place.restored.join("thesis.tex"), "words").unwrap();
    assert!(matches!(place.restore(), Err(Error::NotVacant { path }) if path == place.restored));
    assert!(matches!(Store::restore(&place.backup, &place.store.join("keys"), &place.store), Err(Error::NotVacant { .. })));
    assert_eq!(files(&place.restored), [place.restored.join("thesis.tex")]);
}

#[test]
fn a_backup_waits_for_readers_and_is_not_made_through_one() {
    let place = Place::new();
    let mut reader = open(&place.store, Access::Read).unwrap();
    assert!(matches!(open(&place.store, Access::Write), Err(Error::Busy { .. })));
    assert!(matches!(reader.backup(&place.backup, 0), Err(Error::OpenedForReading { .. })));
    assert!(matches!(reader.destroy_epoch(1), Err(Error::OpenedForReading { .. })));
    drop(reader);
    place.back_up();
}

#[test]
fn a_backup_that_fails_is_taken_away_and_changes_nothing() {
    let place = Place::new();
    let mut live = place.open();
    let trail = place.store.join("trail");
    fs::create_dir(&trail).unwrap();
    fs::write(trail.join("checkpoint"), "no note").unwrap();
    assert!(matches!(live.backup(&place.backup, 0), Err(Error::Refused(_))));
    fs::remove_dir_all(&trail).unwrap();

    let next = place.store.join("keys/epoch-2");
    fs::create_dir(&next).unwrap();
    let error = live.backup(&place.backup, 0).unwrap_err();
    assert!(error.to_string().contains(next.to_str().unwrap()), "{error}");
    fs::remove_dir(&next).unwrap();

    let blob = files(&place.store.join("blobs")).remove(0);
    let bytes = fs::read(&blob).unwrap();
    fs::write(&blob, &bytes[1..]).unwrap();
    let error = live.backup(&place.backup, 0).unwrap_err();
    assert!(matches!(&error, Error::DamagedBlob { path, .. } if *path == blob), "{error}");
    fs::write(&blob, bytes).unwrap();
    assert!(!place.backup.exists() && live.epochs().unwrap().len() == 1);
    drop(live);
    place.back_up();
    place.restore().unwrap();
}

#[test]
fn a_restoring_that_was_killed_leaves_no_store_and_is_done_again() {
    let place = Place::new();
    place.back_up();
    place.restore().unwrap();
    // As if it had been killed at the end, in the middle and at the beginning.
    let manifest = fs::read(place.backup.join("backup.json")).unwrap();
    let marker = format!("{}\n", untrain_ledger::Hash::of(&[&manifest]));
    fs::write(place.restored.join("restoring"), &marker).unwrap();
    place.restore().unwrap();
    for left in ["untrain.db", "blobs"] {
        fs::write(place.restored.join("restoring"), &marker).unwrap();
        let _ = fs::remove_dir_all(place.restored.join(left));
        let _ = fs::remove_file(place.restored.join("untrain.db"));
        for access in [Access::Read, Access::Write] {
            assert!(matches!(open(&place.restored, access), Err(Error::HalfRestored { path }) if path == place.restored));
        }
        assert!(matches!(open_restoring(&place.restored), Err(Error::HalfRestored { .. })));
        place.restore().unwrap();
        assert_eq!(decrypted_holding(&open_restoring(&place.restored).unwrap(), MARKER), 2);
    }
    assert!(matches!(place.restore(), Err(Error::NotVacant { .. })), "what is restored is not replaced");

    fs::write(place.restored.join("restoring"), "another backup's").unwrap();
    assert!(matches!(place.restore(), Err(Error::NotVacant { .. })));
}

#[test]
fn a_backup_of_a_store_that_was_changed_meanwhile_is_still_the_old_store() {
    let place = Place::new();
    place.back_up();
    let copy = place.backup.with_file_name("copy");
    copy_all(&place.backup, &copy);
    with_database(&place.store, "UPDATE dataset SET schema = '{}'");
    let mut live = place.open();
    let second = place.backup.with_file_name("second");
    assert_eq!(live.backup(&second, MADE_MS + 1).unwrap().backup.epoch, 2);
    live.destroy_epoch(1).unwrap();
    assert!(Store::restore(&copy, &place.store.join("keys"), &place.restored).is_err());
    Store::restore(&second, &place.store.join("keys"), &place.restored).unwrap();
    assert_eq!(open_restoring(&place.restored).unwrap().dataset("adults").unwrap().schema, "{}");
}

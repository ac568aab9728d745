//! A process that is killed while it encrypts an old store, backs a store up or restores one leaves nothing that is half true.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use untrain_ledger::{Access, Change, Error, Store};

use crate::kill::{acknowledge, run_and_kill};
use crate::support::{blob_path, commit, dataset, decrypted_holding, files, holding, open};
use crate::vault::{MARKER, old_store};

const CYCLES: &str = "UNTRAIN_LEDGER_KILL_TEST_BACKUPS";
const CYCLES_TEST: &str = "kill_backup::a_backup_or_a_restoring_killed_at_any_moment_is_whole_or_is_seen_not_to_be";
const CYCLES_KILLS: u64 = 14;
const UPGRADE: &str = "UNTRAIN_LEDGER_KILL_TEST_UPGRADE";
const UPGRADE_TEST: &str = "kill_backup::an_encryption_of_an_old_store_killed_at_any_moment_is_finished_by_the_next_writer";
const UPGRADE_KILLS: u64 = 10;

#[test]
fn an_encryption_of_an_old_store_killed_at_any_moment_is_finished_by_the_next_writer() {
    if let Some(dir) = env::var_os(UPGRADE) {
        let _store = open(Path::new(&dir), Access::Write).unwrap();
        acknowledge(1);
        thread::sleep(Duration::from_mins(5));
    }
    let place = tempfile::tempdir().unwrap();
    for kill in 0..UPGRADE_KILLS {
        let dir = place.path().join(kill.to_string());
        let digests = old_store(&dir);
        let lock = dir.join("lock");
        run_and_kill(UPGRADE_TEST, (UPGRADE, &dir), &lock, Duration::from_micros(kill * 3_700));
        let store = open(&dir, Access::Write).unwrap();
        assert!(digests.iter().all(|digest| store.blob(digest).is_ok()));
        assert_eq!(decrypted_holding(&store, MARKER), 2);
        assert!(holding(&dir, MARKER).is_empty());
        assert_eq!((files(&dir.join("blobs")).len(), files(&dir.join("keys")).len()), (3, 1));
        assert!(digests.iter().all(|digest| blob_path(&dir, digest).is_file()));
    }
}

#[test]
fn a_backup_or_a_restoring_killed_at_any_moment_is_whole_or_is_seen_not_to_be() {
    if let Some(dir) = env::var_os(CYCLES) {
        back_up_and_restore_for_ever(Path::new(&dir));
    }
    let place = tempfile::tempdir().unwrap();
    drop(open(&place.path().join("store"), Access::Write).unwrap());
    let (mut checked, mut acknowledged) = (1, 0);
    for kill in 0..CYCLES_KILLS {
        let delay = Duration::from_micros((kill * 48_611) % 300_000);
        let lock = place.path().join("store/lock");
        acknowledged = run_and_kill(CYCLES_TEST, (CYCLES, place.path()), &lock, delay).max(acknowledged);
        let live = open(&place.path().join("store"), Access::Write).unwrap();
        check_keys(&live);
        let last = next(place.path());
        for number in checked..last {
            check_backup(place.path(), &live, number);
            check_restored(place.path(), &live, number);
            [backup(place.path(), number), restored(place.path(), number)].iter().for_each(|dir| drop(fs::remove_dir_all(dir)));
        }
        // Numbers are counted by what is there, so the last ones stay as empty places.
        checked = last;
        fs::create_dir_all(backup(place.path(), last - 1)).unwrap();
        assert!(last > acknowledged);
    }
    assert!(acknowledged > 3, "the children got nowhere: {acknowledged} cycles");
}

fn backup(place: &Path, number: u64) -> PathBuf {
    place.join(format!("backup-{number}"))
}

fn restored(place: &Path, number: u64) -> PathBuf {
    place.join(format!("restored-{number}"))
}

/// The first number that no backup has had.
fn next(place: &Path) -> u64 {
    let names = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    1 + names.filter_map(|name| name.strip_prefix("backup-")?.parse().ok()).max().unwrap_or(0)
}

/// The child: commits, backs up, restores, and destroys the key of the last backup but one.
fn back_up_and_restore_for_ever(place: &Path) -> ! {
    let dir = place.join("store");
    loop {
        let number = next(place);
        let mut store = Store::open(&dir, Access::Write, Duration::from_secs(30), &mut || ()).unwrap();
        let version = 1 + store.datasets().unwrap().first().map_or(0, |row| row.version);
        let row = dataset(&store, "adults", version, &["the same in every version", &format!("version {version}")]);
        commit(&mut store, &Change { replace: true, datasets: vec![row], ..Change::default() }).unwrap();
        let made = store.backup(&backup(place, number), number as i64).unwrap();
        if let Some(older) = store.epochs().unwrap().iter().find(|at| at.number < made.backup.epoch && !at.destroyed) {
            store.destroy_epoch(older.number).unwrap();
        }
        drop(store);
        let to = restored(place, number);
        assert_eq!(Store::restore(&backup(place, number), &dir.join("keys"), &to).unwrap().made_ms, number as i64);
        let mut store = Store::open_restoring(&to, Duration::ZERO, &mut || ()).unwrap();
        assert!(store.finish_restore(&Change::default()).unwrap().unfinished.is_none());
        acknowledge(number);
    }
}

/// Keys are there for the current epoch and for epochs with backups, and for no other.
fn check_keys(live: &Store) {
    let keys = live.path().join("keys");
    let epochs = live.epochs().unwrap();
    for epoch in &epochs {
        let kept = epoch.current || epoch.backup.is_some() && !epoch.destroyed;
        assert_eq!(keys.join(format!("epoch-{}", epoch.number)).is_file(), kept, "{epoch:?}");
    }
    let unused = format!("epoch-{}", epochs.len() + 1);
    let count = files(&keys).iter().filter(|path| !path.ends_with(&unused)).count();
    assert_eq!(count, epochs.iter().filter(|epoch| !epoch.destroyed).count());
}

/// A backup is whole and readable, or its key was destroyed, or there is no manifest.
fn check_backup(place: &Path, live: &Store, number: u64) {
    let (from, to) = (backup(place, number), place.join("probe"));
    match Store::restore(&from, &live.path().join("keys"), &to) {
        Ok(made) => {
            assert_eq!(made.made_ms, number as i64);
            check_content(&Store::open_restoring(&to, Duration::ZERO, &mut || ()).unwrap());
            fs::remove_dir_all(&to).unwrap();
        }
        Err(Error::MissingEpochKey { epoch, .. }) => {
            assert!(live.epochs().unwrap().iter().any(|at| at.number == epoch && at.destroyed), "the key of backup {number} is lost");
        }
        Err(Error::NotABackup { .. }) => assert!(!from.join("backup.json").exists()),
        Err(error) => panic!("{error}"),
    }
}

/// What is restored is in use, or closed, or can be restored once more.
fn check_restored(place: &Path, live: &Store, number: u64) {
    let (from, to) = (backup(place, number), restored(place, number));
    let again = |to: &Path| match Store::restore(&from, &live.path().join("keys"), to) {
        Ok(_) => check_content(&Store::open_restoring(to, Duration::ZERO, &mut || ()).unwrap()),
        Err(Error::MissingEpochKey { .. } | Error::NotABackup { .. }) => {}
        Err(error) => panic!("{error}"),
    };
    match open(&to, Access::Read) {
        Ok(store) => check_content(&store),
        Err(Error::Restoring { .. }) => check_content(&Store::open_restoring(&to, Duration::ZERO, &mut || ()).unwrap()),
        Err(Error::HalfRestored { .. } | Error::NoStore { .. } | Error::NotAStore { .. }) => again(&to),
        Err(error) => panic!("{error}"),
    }
}

fn check_content(store: &Store) {
    let row = store.dataset("adults").unwrap();
    assert_eq!(store.blob(&row.parts[0].digest).unwrap(), b"the same in every version");
    assert_eq!(store.blob(&row.parts[1].digest).unwrap(), format!("version {}", row.version).as_bytes());
}

//! What the store does when the world is against it: others at work, wrong places, old programs, failing disks.

use std::fs;
use std::path::Path;
use std::slice;
use std::thread;
use std::time::{Duration, Instant};

use untrain_ledger::{Access, Change, DatasetRow, Error, Event, Operation, Store};

use crate::support::{blob_path, commit, dataset, files, model, open, request, with_database};

#[test]
fn a_second_writer_waits_and_then_gives_up() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path(), Access::Write).unwrap();
    for access in [Access::Read, Access::Write] {
        let mut told = 0;
        let started = Instant::now();
        let wait = Duration::from_millis(150);
        let error = Store::open(place.path(), access, wait, &mut || told += 1).unwrap_err();
        assert!(started.elapsed() >= wait);
        assert_eq!(told, 1);
        assert!(matches!(&error, Error::Busy { path, .. } if path == place.path()));
        assert!(error.to_string().starts_with("another process is using the store "), "{error}");
        assert!(!error.is_usage());

        let mut told = 0;
        assert!(matches!(Store::open(place.path(), access, Duration::ZERO, &mut || told += 1), Err(Error::Busy { .. })));
        assert_eq!(told, 0, "who does not want to wait is not told that he waits");
    }
    drop(store);
    open(place.path(), Access::Write).unwrap();
}

#[test]
fn who_waits_goes_on_as_soon_as_the_store_is_free() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path(), Access::Write).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| Store::open(place.path(), Access::Write, Duration::from_mins(1), &mut || ()).map(drop));
        thread::sleep(Duration::from_millis(100));
        assert!(!waiting.is_finished());
        drop(store);
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn readers_share_the_store_and_keep_the_writer_out() {
    let place = tempfile::tempdir().unwrap();
    drop(open(place.path(), Access::Write).unwrap());
    let readers = [open(place.path(), Access::Read).unwrap(), open(place.path(), Access::Read).unwrap()];
    assert!(matches!(open(place.path(), Access::Write), Err(Error::Busy { .. })));
    drop(readers);
    open(place.path(), Access::Write).unwrap();
}

#[test]
fn there_is_nothing_to_read_where_there_is_no_store() {
    let place = tempfile::tempdir().unwrap();
    let absent = place.path().join("absent");
    for path in [absent.as_path(), place.path()] {
        let error = open(path, Access::Read).unwrap_err();
        assert!(error.is_usage() && matches!(&error, Error::NoStore { path: named } if named == path));
        assert!(!Store::exists(path));
    }
    assert!(!absent.exists() && files(place.path()).is_empty(), "asking makes nothing");
}

#[test]
fn no_store_is_made_among_other_files_or_in_place_of_one() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("thesis.tex");
    fs::write(&file, "words").unwrap();
    for path in [place.path(), file.as_path()] {
        for access in [Access::Read, Access::Write] {
            let error = open(path, access).unwrap_err();
            assert!(error.is_usage() && matches!(&error, Error::NotAStore { path: named } if named == path), "{error}");
        }
    }
    let error = open(&file.join("below"), Access::Write).unwrap_err();
    assert!(error.to_string().contains("thesis.tex"), "{error}");
    assert_eq!(files(place.path()), [file]);
}

#[test]
fn a_store_that_was_begun_and_not_finished_is_finished() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("lock"), "").unwrap();
    assert!(matches!(open(place.path(), Access::Read), Err(Error::NoStore { .. })));
    fs::write(place.path().join("untrain.db"), "").unwrap();
    assert!(matches!(open(place.path(), Access::Read), Err(Error::NoStore { .. })));
    drop(open(place.path(), Access::Write).unwrap());
    assert_eq!(open(place.path(), Access::Read).unwrap().datasets().unwrap(), []);
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let place = tempfile::tempdir().unwrap();
    drop(open(place.path(), Access::Write).unwrap());
    with_database(place.path(), "PRAGMA user_version = 999");
    let before = fs::read(place.path().join("untrain.db")).unwrap();
    for access in [Access::Read, Access::Write] {
        let error = open(place.path(), access).unwrap_err();
        assert!(matches!(error, Error::NewerFormat { found: 999, supported: 3, .. }));
        assert!(error.to_string().contains("has format 999, newer than format 3"), "{error}");
    }
    assert_eq!(fs::read(place.path().join("untrain.db")).unwrap(), before);
}

#[test]
fn a_database_of_another_program_is_refused() {
    let place = tempfile::tempdir().unwrap();
    with_database(place.path(), "CREATE TABLE bookmark (url TEXT)");
    for access in [Access::Read, Access::Write] {
        assert!(matches!(open(place.path(), access), Err(Error::NotAStore { .. })));
    }
}

/// Whoever may do everything, as root may, can only show that reading needs no right to write.
#[test]
#[cfg(unix)]
fn a_read_only_directory_is_read_and_not_written() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = tempfile::tempdir().unwrap();
    let (_, row) = store_with_a_dataset(place.path());
    let shut = |mode: u32, file_mode: u32| {
        for path in files(place.path()) {
            let private = path.starts_with(place.path().join("keys"));
            fs::set_permissions(path, fs::Permissions::from_mode(if private { file_mode & 0o600 } else { file_mode })).unwrap();
        }
        fs::set_permissions(place.path(), fs::Permissions::from_mode(mode)).unwrap();
    };
    for extra in ["untrain.db-wal", "untrain.db-shm"] {
        let _ = fs::remove_file(place.path().join(extra));
    }
    shut(0o555, 0o444);
    let store = open(place.path(), Access::Read).unwrap();
    assert_eq!(store.datasets().unwrap(), slice::from_ref(&row));
    assert_eq!(store.blob(&row.parts[0].digest).unwrap(), b"one");
    drop(store);
    if fs::write(place.path().join("probe"), "").is_err() {
        let error = open(place.path(), Access::Write).unwrap_err();
        assert!(matches!(&error, Error::ReadOnly { path, .. } if path.starts_with(place.path())), "{error:?}");
        assert!(!error.is_usage());

        shut(0o755, 0o444);
        fs::set_permissions(place.path().join("lock"), fs::Permissions::from_mode(0o644)).unwrap();
        let error = open(place.path(), Access::Write).unwrap_err();
        assert!(matches!(&error, Error::ReadOnly { path, .. } if path.ends_with("untrain.db")), "{error:?}");

        fs::remove_file(place.path().join("lock")).unwrap();
        shut(0o555, 0o444);
        assert_eq!(open(place.path(), Access::Read).unwrap().datasets().unwrap(), [row]);
    }
    shut(0o755, 0o644);
}

#[test]
fn a_blob_that_cannot_be_written_is_an_error_that_names_the_path_and_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let (mut store, row) = store_with_a_dataset(place.path());
    let (blobs, aside) = (place.path().join("blobs"), place.path().join("aside"));
    fs::rename(&blobs, &aside).unwrap();
    fs::write(&blobs, "").unwrap();
    let error = store.put(b"two").unwrap_err();
    assert!(error.to_string().contains(blobs.to_str().unwrap()), "{error}");
    let mut change = Change { replace: true, datasets: vec![row.clone()], ..Change::default() };
    change.datasets[0].version = 2;
    assert!(matches!(store.commit(&change), Err(Error::MissingBlob { .. })));
    fs::remove_file(&blobs).unwrap();
    fs::rename(&aside, &blobs).unwrap();
    assert_eq!(store.datasets().unwrap(), slice::from_ref(&row));
    assert_eq!(store.blob(&row.parts[0].digest).unwrap(), b"one");
    commit(&mut store, &change).unwrap();
}

#[test]
fn an_old_blob_that_cannot_be_erased_is_told_and_erased_by_the_next_commit() {
    let place = tempfile::tempdir().unwrap();
    let (mut store, row) = store_with_a_dataset(place.path());
    let old = blob_path(place.path(), &row.parts[0].digest);
    let next = dataset(&store, "adults", 2, &["two"]);
    // A directory in the blob's place is what no user, root included, can erase as a file.
    fs::remove_file(&old).unwrap();
    fs::create_dir(&old).unwrap();
    let committed = store.commit(&Change { replace: true, datasets: vec![next.clone()], ..Change::default() }).unwrap();
    let unfinished = committed.unfinished.unwrap();
    assert!(unfinished.to_string().contains(old.to_str().unwrap()), "{unfinished}");
    assert_eq!(store.datasets().unwrap(), [next], "the change itself is made");

    fs::remove_dir(&old).unwrap();
    fs::write(&old, "one").unwrap();
    assert!(commit(&mut store, &Change::default()).unwrap().contains(&row.parts[0].digest));
    assert!(!old.exists());
}

fn store_with_a_dataset(dir: &Path) -> (Store, DatasetRow) {
    let mut store = open(dir, Access::Write).unwrap();
    let row = dataset(&store, "adults", 1, &["one"]);
    let trained = model(&store, "forest", "adults", 1, Event::Train);
    let change = Change {
        datasets: vec![row.clone()],
        models: vec![trained],
        request: Some(request("adults", Operation::Learn)),
        ..Change::default()
    };
    commit(&mut store, &change).unwrap();
    (store, row)
}

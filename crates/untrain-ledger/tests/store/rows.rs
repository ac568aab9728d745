//! What the store promises to one process that uses it well.

use std::error::Error as _;
use std::fs;
use std::slice::from_ref;

use untrain_core::Digest;
use untrain_ledger::{Access, Change, Error, Event, Operation, RequestRow, Store};

use crate::support::{blob_path, commit, dataset, files, model, open, request};

#[test]
fn what_is_committed_is_read_back() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("new").join("store");
    let mut store = open(&dir, Access::Write).unwrap();
    let stored = dataset(&store, "adults", 1, &["part one", "part two"]);
    let trained = model(&store, "forest", "adults", 1, Event::Train);
    let asked = request("adults", Operation::Learn);
    assert_eq!(store.next_request().unwrap(), 1);
    let change =
        Change { datasets: vec![stored.clone()], models: vec![trained.clone()], request: Some(asked.clone()), ..Change::default() };
    assert_eq!(store.commit(&change).unwrap().request, Some(1));
    drop(store);

    for access in [Access::Read, Access::Write] {
        let store = open(&dir, access).unwrap();
        assert!(Store::exists(&dir));
        assert_eq!(store.path(), dir);
        assert_eq!(store.datasets().unwrap(), from_ref(&stored));
        assert_eq!(store.dataset("adults").unwrap(), stored);
        assert_eq!(store.models().unwrap(), from_ref(&trained.model));
        assert_eq!(store.model("forest").unwrap(), trained.model);
        assert_eq!(store.models_of("adults").unwrap(), from_ref(&trained.model));
        assert_eq!(store.blob(&stored.parts[1].digest).unwrap(), b"part two");
        let answer = RequestRow { number: 1, carried_with: None, request: asked.clone() };
        assert_eq!(store.requests().unwrap(), from_ref(&answer));
        assert_eq!(store.request(1).unwrap(), answer);
        assert_eq!(store.next_request().unwrap(), 2);
        let history = store.history("forest").unwrap();
        assert_eq!((history[0].version, history[0].event, history[0].request), (1, Event::Train, Some(1)));
        assert_eq!((history[0].artefact, history[0].state), (trained.model.artefact, trained.model.state));
    }
}

#[test]
fn a_new_version_replaces_the_old_one_and_its_bytes_but_not_its_history() {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path(), Access::Write).unwrap();
    let first = dataset(&store, "adults", 1, &["kept", "rewritten"]);
    let trained = model(&store, "forest", "adults", 1, Event::Train);
    commit(&mut store, &Change { datasets: vec![first.clone()], models: vec![trained.clone()], ..Change::default() }).unwrap();

    let second = dataset(&store, "adults", 2, &["kept", "rewritten, shorter"]);
    let forgotten = model(&store, "forest", "adults", 2, Event::Forget);
    let change = Change {
        replace: true,
        datasets: vec![second.clone()],
        models: vec![forgotten.clone()],
        request: Some(request("adults", Operation::Forget)),
        ..Change::default()
    };
    let bucket = first.commitment.as_ref().unwrap().buckets[0].digest;
    let mut expected = vec![first.parts[1].digest, bucket, trained.model.artefact, trained.model.state];
    expected.sort();
    let mut erased = commit(&mut store, &change).unwrap();
    erased.sort();
    assert_eq!(erased, expected);

    assert_eq!(store.dataset("adults").unwrap(), second);
    assert_eq!(store.blob(&first.parts[0].digest).unwrap(), b"kept");
    assert!(matches!(store.blob(&trained.model.state), Err(Error::MissingBlob { .. })));
    let history = store.history("forest").unwrap();
    assert_eq!(
        history.iter().map(|at| (at.version, at.event, at.request)).collect::<Vec<_>>(),
        [(1, Event::Train, None), (2, Event::Forget, Some(1))]
    );
    assert_eq!(history[0].artefact, trained.model.artefact);
}

#[test]
fn a_taken_name_is_refused_unless_the_change_replaces() {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path(), Access::Write).unwrap();
    let first = dataset(&store, "adults", 1, &["one"]);
    let trained = model(&store, "forest", "adults", 1, Event::Train);
    commit(&mut store, &Change { datasets: vec![first.clone()], models: vec![trained.clone()], ..Change::default() }).unwrap();

    let again = Change { datasets: vec![dataset(&store, "adults", 2, &["two"])], ..Change::default() };
    let error = store.commit(&again).unwrap_err();
    assert!(error.is_usage() && matches!(error, Error::AlreadyExists { what: "dataset", .. }));
    let again = Change { models: vec![model(&store, "forest", "adults", 2, Event::Train)], ..Change::default() };
    assert!(matches!(store.commit(&again), Err(Error::AlreadyExists { what: "model", .. })));
    assert_eq!(store.datasets().unwrap(), [first]);
    assert_eq!(store.models().unwrap(), [trained.model]);
}

#[test]
fn a_version_that_does_not_follow_is_refused_with_the_whole_change() {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path(), Access::Write).unwrap();
    let first = dataset(&store, "adults", 1, &["one"]);
    commit(&mut store, &Change { datasets: vec![first.clone()], ..Change::default() }).unwrap();

    let change = Change {
        replace: true,
        datasets: vec![dataset(&store, "adults", 2, &["two"])],
        models: vec![model(&store, "forest", "adults", 5, Event::Train)],
        request: Some(request("adults", Operation::Forget)),
        ..Change::default()
    };
    assert!(matches!(store.commit(&change), Err(Error::WrongVersion { what: "model", found: 5, expected: 1, .. })));
    assert_eq!(store.datasets().unwrap(), from_ref(&first));
    assert_eq!(store.requests().unwrap(), []);
    assert_eq!(store.next_request().unwrap(), 1);
    assert_eq!(store.blob(&first.parts[0].digest).unwrap(), b"one");
}

#[test]
fn a_dataset_with_models_is_dropped_only_together_with_them() {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path(), Access::Write).unwrap();
    let first = dataset(&store, "adults", 1, &["one"]);
    let trained = model(&store, "forest", "adults", 1, Event::Train);
    let name = first.name.clone();
    commit(&mut store, &Change { datasets: vec![first], models: vec![trained], ..Change::default() }).unwrap();

    let alone = Change { drop_datasets: vec![name.clone()], ..Change::default() };
    let error = store.commit(&alone).unwrap_err();
    assert_eq!(error.to_string(), "the dataset \"adults\" has models: forest");
    let both = Change { drop_models: vec!["forest".parse().unwrap()], drop_datasets: vec![name], ..Change::default() };
    assert_eq!(commit(&mut store, &both).unwrap().len(), 4);
    assert_eq!((store.datasets().unwrap(), store.models().unwrap()), (vec![], vec![]));
    assert!(files(&place.path().join("blobs")).is_empty());
}

#[test]
fn request_numbers_are_never_used_twice() {
    let place = tempfile::tempdir().unwrap();
    for number in 1..=3 {
        let mut store = open(place.path(), Access::Write).unwrap();
        assert_eq!(store.next_request().unwrap(), number);
        let change = Change { request: Some(request("adults", Operation::Forget)), ..Change::default() };
        assert_eq!(store.commit(&change).unwrap().request, Some(number));
    }
}

#[test]
fn unknown_names_come_with_the_nearest_that_exists() {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path(), Access::Write).unwrap();
    let first = dataset(&store, "adults", 1, &["one"]);
    let trained = model(&store, "forest", "adults", 1, Event::Train);
    commit(&mut store, &Change { datasets: vec![first], models: vec![trained], ..Change::default() }).unwrap();

    let wrong = model(&store, "other", "adult", 1, Event::Train);
    let drop = Change { drop_models: vec!["forset".parse().unwrap()], ..Change::default() };
    for (error, nearest) in [
        (store.dataset("adlts").unwrap_err(), Some("adults")),
        (store.models_of("adlts").unwrap_err(), Some("adults")),
        (store.model("Forest").unwrap_err(), Some("forest")),
        (store.history("zebra").unwrap_err(), None),
        (store.commit(&Change { models: vec![wrong], ..Change::default() }).unwrap_err(), Some("adults")),
        (store.commit(&drop).unwrap_err(), Some("forest")),
    ] {
        assert!(error.is_usage());
        assert_eq!(error.nearest(), nearest, "{error}");
    }
    assert!(matches!(store.request(9), Err(Error::UnknownRequest { number: 9 })));
}

#[test]
fn a_change_that_refers_to_bytes_that_were_not_put_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path(), Access::Write).unwrap();
    let mut row = dataset(&store, "adults", 1, &["one"]);
    row.parts[0].digest = Digest::of(b"never put");
    let error = store.commit(&Change { datasets: vec![row], ..Change::default() }).unwrap_err();
    assert!(matches!(&error, Error::MissingBlob { digest, .. } if *digest == Digest::of(b"never put")));
    assert_eq!(store.datasets().unwrap(), []);
}

#[test]
fn the_same_bytes_are_stored_once() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path(), Access::Write).unwrap();
    let digest = store.put(b"same").unwrap();
    let path = blob_path(place.path(), &digest);
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(store.put(b"same").unwrap(), digest);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
    assert_eq!(files(&place.path().join("blobs")), from_ref(&path));

    fs::write(&path, b"damaged").unwrap();
    assert_eq!(store.put(b"same").unwrap(), digest);
    assert_eq!(store.blob(&digest).unwrap(), b"same");
}

#[test]
fn a_flipped_bit_a_missing_byte_and_a_missing_file_are_named() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path(), Access::Write).unwrap();
    let bytes = b"bytes that matter";
    let digest = store.put(bytes).unwrap();
    let path = blob_path(place.path(), &digest);
    let named = |error: &Error| {
        let text = error.to_string();
        assert!(text.contains(&digest.to_string()) && text.contains(path.to_str().unwrap()), "{text}");
        assert!(!error.is_usage());
    };

    let mut flipped = *bytes;
    flipped[5] ^= 1;
    fs::write(&path, flipped).unwrap();
    let error = store.blob(&digest).unwrap_err();
    named(&error);
    assert!(matches!(error, Error::DamagedBlob { found, bytes: 17, .. } if found == Digest::of(&flipped)));

    fs::write(&path, &bytes[..16]).unwrap();
    let error = store.blob(&digest).unwrap_err();
    named(&error);
    assert!(matches!(error, Error::DamagedBlob { bytes: 16, .. }));

    fs::remove_file(&path).unwrap();
    let error = store.blob(&digest).unwrap_err();
    named(&error);
    assert!(matches!(error, Error::MissingBlob { .. }));
}

#[test]
fn a_store_opened_for_reading_refuses_writes() {
    let place = tempfile::tempdir().unwrap();
    drop(open(place.path(), Access::Write).unwrap());
    let mut store = open(place.path(), Access::Read).unwrap();
    for error in [store.put(b"x").unwrap_err(), store.commit(&Change::default()).unwrap_err()] {
        assert!(matches!(&error, Error::OpenedForReading { path } if path == place.path()));
    }
}

#[test]
fn reading_makes_no_file() {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path(), Access::Write).unwrap();
    let row = dataset(&store, "adults", 1, &["one"]);
    commit(&mut store, &Change { datasets: vec![row], ..Change::default() }).unwrap();
    drop(store);
    for extra in ["untrain.db-wal", "untrain.db-shm"] {
        let _ = fs::remove_file(place.path().join(extra));
    }
    let before = files(place.path());
    let store = open(place.path(), Access::Read).unwrap();
    assert_eq!(store.datasets().unwrap().len(), 1);
    assert_eq!(files(place.path()), before);
}

#[test]
fn a_directory_with_the_signs_of_a_uri_in_its_name_is_read() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("a b%20?mode=rw#é");
    drop(open(&dir, Access::Write).unwrap());
    assert_eq!(open(&dir, Access::Read).unwrap().datasets().unwrap(), []);
}

#[test]
fn the_cause_of_an_error_is_chained_and_its_path_named() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("untrain.db"), "this is no database, and long enough to be one".repeat(99)).unwrap();
    for access in [Access::Read, Access::Write] {
        let error = open(place.path(), access).unwrap_err();
        assert!(error.to_string().contains("untrain.db") && error.source().is_some(), "{error}");
        assert!(!error.is_usage());
    }
}

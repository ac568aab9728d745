//! Blobs are encrypted, and without its key a blob is gone.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use rusqlite::Connection;
use untrain_core::Digest;
use untrain_ledger::{Access, Change, DatasetRow, Error, Event, Operation, Store};

use crate::support::{
    blob_path, commit, contains, dataset, decrypted_holding, files, holding, model, open, query, referenced, request, with_database,
};

pub(crate) const MARKER: &str = "Grace Brewster Murray Hopper, 85, Arlington";

/// The marker as it may stand in a file: as it is, in hexadecimal, in base64 at any offset, and compressed.
pub(crate) fn forms() -> Vec<Vec<u8>> {
    let mut forms = vec![MARKER.as_bytes().to_vec(), MARKER.bytes().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()];
    for before in 0..3 {
        let text = STANDARD_NO_PAD.encode([&b"..."[..before], MARKER.as_bytes()].concat());
        // The digits at both ends depend on what stands beside the marker.
        forms.push(text.as_bytes()[4..text.len() - 4].to_vec());
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(MARKER.as_bytes()).unwrap();
    forms.push(encoder.finish().unwrap());
    forms
}

#[test]
fn what_a_blob_holds_is_in_no_file_in_any_form_and_after_forgetting_neither_are_its_key_and_its_encrypted_bytes() {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path(), Access::Write).unwrap();
    let forms = forms();
    let mut row = dataset(&store, "adults", 1, &["somebody else"]);
    row.parts[0].digest = store.put(&forms.concat()).unwrap();
    row.commitment = None;
    let digest = row.parts[0].digest;
    commit(&mut store, &Change { datasets: vec![row], ..Change::default() }).unwrap();
    let encrypted = fs::read(blob_path(place.path(), &digest)).unwrap();
    let wrapped = query(place.path(), "SELECT wrapped FROM blob_key", |row| row.get::<_, Vec<u8>>(0).unwrap());
    assert_eq!(encrypted.len(), forms.concat().len() + 16);
    for form in &forms {
        assert_eq!(decrypted_holding(&store, form), 1, "the search finds what is there");
        assert!(holding(place.path(), form).is_empty());
    }
    assert_eq!((holding(place.path(), &encrypted).len(), holding(place.path(), &wrapped[0]).len()), (1, 1));

    let change = Change {
        replace: true,
        datasets: vec![DatasetRow { commitment: None, ..dataset(&store, "adults", 2, &["somebody else"]) }],
        request: Some(request("adults", Operation::Forget)),
        ..Change::default()
    };
    assert!(commit(&mut store, &change).unwrap().contains(&digest));
    for form in &forms {
        assert_eq!(decrypted_holding(&store, form), 0);
        assert!(holding(place.path(), form).is_empty());
    }
    for trace in [&encrypted[..32], &encrypted[encrypted.len() - 32..], &wrapped[0][..], &wrapped[0][40..], digest.to_string().as_bytes()] {
        assert!(holding(place.path(), trace).is_empty());
    }
    assert!(matches!(store.blob(&digest), Err(Error::MissingBlob { .. })));
}

#[test]
fn equal_bytes_in_two_stores_look_different_and_a_file_under_another_name_does_not_open() {
    let place = tempfile::tempdir().unwrap();
    let mut stores = ["a", "b"].map(|name| open(&place.path().join(name), Access::Write).unwrap());
    let mut written = Vec::new();
    for store in &mut stores {
        let row = dataset(store, "adults", 1, &["the same", "as long."]);
        commit(store, &Change { datasets: vec![row.clone()], ..Change::default() }).unwrap();
        written.push(row.parts.iter().map(|part| blob_path(store.path(), &part.digest)).collect::<Vec<_>>());
    }
    assert_ne!(fs::read(&written[0][0]).unwrap(), fs::read(&written[1][0]).unwrap());
    assert_ne!(written[0][0].file_name(), written[1][0].file_name());
    fs::copy(&written[0][1], &written[0][0]).unwrap();
    assert!(matches!(stores[0].blob(&Digest::of(b"the same")), Err(Error::DamagedBlob { bytes: 24, .. })));
    assert_eq!(stores[0].put(b"the same").unwrap(), Digest::of(b"the same"), "what is put again is written anew");
    assert_eq!(stores[0].blob(&Digest::of(b"the same")).unwrap(), b"the same");
}

#[test]
fn a_missing_a_wrong_and_a_public_key_are_told_apart_and_nothing_is_made_in_their_place() {
    let place = tempfile::tempdir().unwrap();
    let (dir, other) = (place.path().join("store"), place.path().join("other"));
    drop((open(&dir, Access::Write).unwrap(), open(&other, Access::Write).unwrap()));
    let (key, aside) = (dir.join("keys/epoch-1"), place.path().join("aside"));
    fs::rename(&key, &aside).unwrap();
    for access in [Access::Read, Access::Write] {
        let error = open(&dir, access).unwrap_err();
        assert!(matches!(&error, Error::MissingEpochKey { epoch: 1, path } if *path == key) && !error.is_usage());
        assert!(error.to_string().starts_with("the key of epoch 1 is missing: there is no file "), "{error}");
        assert!(!key.exists());
    }
    fs::copy(other.join("keys/epoch-1"), &key).unwrap();
    for access in [Access::Read, Access::Write] {
        let error = open(&dir, access).unwrap_err();
        assert!(matches!(&error, Error::WrongEpochKey { epoch: 1, path } if *path == key), "{error}");
    }
    fs::copy(&aside, &key).unwrap();
    open(&dir, Access::Read).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(open(&dir, Access::Read), Err(Error::Exposed { mode: 0o644, .. })));
    }
}

#[test]
fn a_damaged_key_of_a_blob_is_named_and_what_is_put_again_gets_another() {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path(), Access::Write).unwrap();
    let row = dataset(&store, "adults", 1, &["one", "two"]);
    commit(&mut store, &Change { datasets: vec![row.clone()], ..Change::default() }).unwrap();
    let [one, two] = [row.parts[0].digest, row.parts[1].digest];
    drop(store);
    with_database(place.path(), &format!("UPDATE blob_key SET wrapped = zeroblob(72) WHERE digest = '{one}'"));
    let mut store = open(place.path(), Access::Write).unwrap();
    let error = store.blob(&one).unwrap_err();
    assert!(matches!(&error, Error::DamagedBlobKey { digest, path } if *digest == one && path.ends_with("untrain.db")), "{error}");
    assert_eq!(store.blob(&two).unwrap(), b"two");

    assert!(store.rotate().unwrap().unfinished.is_none());
    assert_eq!(store.put(b"one").unwrap(), one);
    let change = Change { replace: true, datasets: vec![dataset(&store, "adults", 2, &["one", "two"])], ..Change::default() };
    commit(&mut store, &change).unwrap();
    drop(store);
    assert_eq!(open(place.path(), Access::Read).unwrap().blob(&one).unwrap(), b"one");
}

/// A store as format 1 had it: plain blobs, named by their digest. Gives those digests.
pub(crate) fn old_store(dir: &Path) -> [Digest; 3] {
    fs::create_dir_all(dir).unwrap();
    let put = |text: &str| {
        let digest = Digest::of(text.as_bytes());
        let path = dir.join("blobs").join(&digest.to_string()[..2]).join(&digest.to_string()[2..]);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        digest
    };
    let digests = [put(&format!("a part: {MARKER}")), put("an artefact"), put(&format!("a state: {MARKER}"))];
    let [part, artefact, state] = digests;
    let database = Connection::open(dir.join("untrain.db")).unwrap();
    database.execute_batch(include_str!("../../src/store/schema/1.sql")).unwrap();
    let rows = format!(
        r#"INSERT INTO dataset VALUES ('adults', 1, '{{}}', 2, 0);
           INSERT INTO part VALUES ('adults', 0, '{part}', 2);
           INSERT INTO model VALUES ('forest', 'adults', 1, '{{}}', '{artefact}', '{state}', 2, '{{"kind":"exact"}}', 0, 0, 0);
           PRAGMA application_id = 0x756e7472; PRAGMA user_version = 1;"#
    );
    database.execute_batch(&rows).unwrap();
    digests
}

#[test]
fn a_store_of_format_1_is_encrypted_when_it_is_opened_for_writing() {
    let place = tempfile::tempdir().unwrap();
    let [part, artefact, state] = old_store(place.path());
    assert!(matches!(open(place.path(), Access::Read), Err(Error::OlderFormat { found: 1, .. })));
    assert_eq!(holding(place.path(), MARKER).len(), 2);

    let mut store = open(place.path(), Access::Write).unwrap();
    assert!(holding(place.path(), MARKER).is_empty());
    assert_eq!(files(&place.path().join("blobs")).len(), 3);
    assert_eq!(referenced(&store), [part, artefact, state].into());
    assert_eq!(decrypted_holding(&store, MARKER), 2);
    let change = Change { replace: true, models: vec![model(&store, "forest", "adults", 2, Event::Forget)], ..Change::default() };
    assert_eq!(commit(&mut store, &change).unwrap().len(), 2);
    drop(store);
    assert_eq!(open(place.path(), Access::Read).unwrap().blob(&part).unwrap(), format!("a part: {MARKER}").as_bytes());
}

#[test]
fn what_was_damaged_or_missing_before_the_encryption_is_so_after_it() {
    let place = tempfile::tempdir().unwrap();
    let [part, artefact, state] = old_store(place.path());
    let plain = |digest: &Digest| place.path().join("blobs").join(&digest.to_string()[..2]).join(&digest.to_string()[2..]);
    fs::write(plain(&part), "a part: ").unwrap();
    fs::remove_file(plain(&state)).unwrap();
    let store = open(place.path(), Access::Write).unwrap();
    assert!(matches!(store.blob(&part), Err(Error::DamagedBlob { digest, .. }) if digest == part));
    assert!(matches!(store.blob(&state), Err(Error::MissingBlob { digest, .. }) if digest == state));
    assert_eq!(store.blob(&artefact).unwrap(), b"an artefact");
}

#[test]
fn an_encryption_that_fails_leaves_the_old_store_and_is_done_by_the_next_writer() {
    let place = tempfile::tempdir().unwrap();
    let [part, ..] = old_store(place.path());
    let keys = place.path().join("keys");
    fs::write(&keys, "in the way").unwrap();
    let error = open(place.path(), Access::Write).unwrap_err();
    assert!(error.to_string().contains(keys.to_str().unwrap()), "{error}");
    assert!(matches!(open(place.path(), Access::Read), Err(Error::OlderFormat { found: 1, .. })));
    assert_eq!(holding(place.path(), MARKER).len(), 2);
    fs::remove_file(&keys).unwrap();

    // What another killed writer may have left: a key that is not used, and encrypted blobs without keys.
    drop(open(&place.path().join("other"), Access::Write).unwrap());
    fs::create_dir(&keys).unwrap();
    fs::copy(place.path().join("other/keys/epoch-1"), keys.join("epoch-1")).unwrap();
    fs::remove_dir_all(place.path().join("other")).unwrap();
    fs::create_dir_all(place.path().join("blobs/00")).unwrap();
    fs::write(place.path().join("blobs/00/112233445566778899aabbccddeeff"), "sealed").unwrap();
    let store = open(place.path(), Access::Write).unwrap();
    assert_eq!(files(&place.path().join("blobs")).len(), 3);
    assert!(contains(&store.blob(&part).unwrap(), MARKER.as_bytes()));
}

#[test]
fn rotating_changes_no_content_and_destroys_the_old_key() {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path(), Access::Write).unwrap();
    let row = dataset(&store, "adults", 1, &["one", "two"]);
    commit(&mut store, &Change { datasets: vec![row.clone()], ..Change::default() }).unwrap();
    let keys = place.path().join("keys");
    let foreign = keys.join("log.key");
    fs::write(&foreign, "not an epoch's").unwrap();
    let old = fs::read(keys.join("epoch-1")).unwrap();
    let wrapped = query(place.path(), "SELECT wrapped FROM blob_key", |row| row.get::<_, Vec<u8>>(0).unwrap());
    let pending = store.put(b"put before, committed after").unwrap();

    let rotated = store.rotate().unwrap();
    assert!(rotated.unfinished.is_none() && rotated.epoch == 2);
    assert_eq!(files(&keys), [keys.join("epoch-2"), foreign.clone()]);
    assert!(wrapped.iter().all(|wrapped| holding(place.path(), wrapped).is_empty()) && holding(place.path(), &old).is_empty());
    let mut next = dataset(&store, "adults", 2, &["one", "two"]);
    next.parts[1].digest = pending;
    commit(&mut store, &Change { replace: true, datasets: vec![next], ..Change::default() }).unwrap();
    drop(store);

    let mut store = open(place.path(), Access::Write).unwrap();
    assert_eq!(store.blob(&row.parts[0].digest).unwrap(), b"one");
    assert_eq!(store.blob(&pending).unwrap(), b"put before, committed after");
    let epochs = store.epochs().unwrap();
    assert_eq!(
        epochs.iter().map(|at| (at.number, at.current, at.destroyed, at.backup)).collect::<Vec<_>>(),
        [(1, false, true, None), (2, true, false, None)]
    );
    assert!(matches!(store.destroy_epoch(2), Err(Error::EpochInUse { epoch: 2 })));
    assert!(matches!(store.destroy_epoch(3), Err(Error::UnknownEpoch { epoch: 3 })));
    store.destroy_epoch(1).unwrap();
    drop(store);
    assert!(matches!(open(place.path(), Access::Read).unwrap().rotate(), Err(Error::OpenedForReading { .. })));
}

/// A copy of the directory that somebody made with another program, without the keys.
#[test]
fn a_copy_without_keys_is_unreadable_once_the_store_has_rotated() {
    let place = tempfile::tempdir().unwrap();
    let (dir, copy) = (place.path().join("store"), place.path().join("copy"));
    let mut store = open(&dir, Access::Write).unwrap();
    let row = dataset(&store, "adults", 1, &[MARKER]);
    let digest = row.parts[0].digest;
    commit(&mut store, &Change { datasets: vec![row], ..Change::default() }).unwrap();
    copy_all(&dir, &copy);
    assert_eq!(open(&copy, Access::Read).unwrap().blob(&digest).unwrap(), MARKER.as_bytes());
    fs::remove_dir_all(copy.join("keys")).unwrap();
    assert!(store.rotate().unwrap().unfinished.is_none());
    assert!(matches!(open(&copy, Access::Read), Err(Error::MissingEpochKey { epoch: 1, .. })));
    fs::create_dir(copy.join("keys")).unwrap();
    fs::copy(dir.join("keys/epoch-2"), copy.join("keys/epoch-1")).unwrap();
    assert!(matches!(open(&copy, Access::Read), Err(Error::WrongEpochKey { epoch: 1, .. })));
}

#[test]
fn an_old_key_that_cannot_be_erased_is_told_and_erased_by_the_next_writer() {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path(), Access::Write).unwrap();
    let key = place.path().join("keys/epoch-1");
    // A directory in the key's place is what no user, root included, can overwrite.
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    let unfinished = store.rotate().unwrap().unfinished.unwrap();
    assert!(unfinished.to_string().contains(key.to_str().unwrap()), "{unfinished}");
    fs::remove_dir(&key).unwrap();
    fs::write(&key, "secret").unwrap();
    drop(store);
    drop(open(place.path(), Access::Write).unwrap());
    assert!(!key.exists());
}

#[test]
fn a_rotation_that_fails_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path(), Access::Write).unwrap();
    let row = dataset(&store, "adults", 1, &["one"]);
    commit(&mut store, &Change { datasets: vec![row.clone()], ..Change::default() }).unwrap();
    let next = place.path().join("keys/epoch-2");
    fs::create_dir(&next).unwrap();
    let error = store.rotate().unwrap_err();
    assert!(error.to_string().contains(next.to_str().unwrap()), "{error}");
    assert_eq!(store.epochs().unwrap().len(), 1);
    assert_eq!(store.blob(&row.parts[0].digest).unwrap(), b"one");
    fs::remove_dir(&next).unwrap();
    assert_eq!(store.rotate().unwrap().epoch, 2);
    drop(store);
    assert_eq!(open(place.path(), Access::Read).unwrap().blob(&row.parts[0].digest).unwrap(), b"one");
}

pub(crate) fn copy_all(from: &Path, to: &Path) {
    for path in files(from) {
        let copy = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(&path, &copy).unwrap();
    }
}

#[test]
fn a_store_is_made_beside_keys_of_others() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("keys")).unwrap();
    fs::write(place.path().join("keys/log.key"), "a key").unwrap();
    drop(Store::open(place.path(), Access::Write, std::time::Duration::ZERO, &mut || ()).unwrap());
    assert_eq!(fs::read(place.path().join("keys/log.key")).unwrap(), b"a key");
}

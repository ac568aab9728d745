//! The store: who uses it, and what is damaged.

use std::fs;
use std::path::{Path, PathBuf};

use untrain::{Access, Engine, OpenOptions};

use crate::place::{Place, digests};

#[test]
fn another_process_is_waited_for_and_then_named() {
    let place = Place::trained();
    let engine = Engine::open(&place.path("store"), Access::Write, OpenOptions::default(), &mut || ()).unwrap();
    let ran = place.run(&["--wait", "0.1", "forget", "people", "--id", "r7"]);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    assert!(ran.err.contains("another process is using the store store; waiting up to 0.1 s"), "{}", ran.err);
    assert!(ran.err.contains("hint: --wait SECONDS waits for longer"), "{}", ran.err);
    drop(engine);
    place.done(&["--wait", "0", "forget", "people", "--id", "r7"]);
}

#[test]
fn a_truncated_blob_is_named_by_its_digest() {
    let place = Place::trained();
    let digest = digests(&place.json(&["show", "income"])).0;
    // Files do not tell whose they are.
    for blob in files(&place.path("store/blobs")) {
        let bytes = fs::read(&blob).unwrap();
        fs::write(&blob, &bytes[..bytes.len() / 2]).unwrap();
    }
    let err = place.refused(3, &["predict", "income", "people.csv"]);
    assert!(err.contains(&format!("the blob {digest} is damaged")), "{err}");
}

/// All files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn a_store_has_to_be_there_to_be_read() {
    let place = Place::new();
    insta::assert_snapshot!(place.refused(2, &["list"]), @r#"
    error: there is no store at store
    hint: `untrain import` makes a store; --store DIR or UNTRAIN_STORE tells where there is one
    "#);
    place.write("store", "a file");
    insta::assert_snapshot!(place.refused(2, &["list"]), @"error: store is not a store, and not an empty directory where one could be made");
}

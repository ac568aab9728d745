//! `export`: bytes and files.

use std::fs;

use serde_json::Value;

use crate::place::{Place, digests, text};

#[test]
fn the_exported_bytes_have_the_digest_of_the_model() {
    let place = Place::trained();
    let report = place.json(&["export", "income", "--format", "bytes", "--out", "model.bin"]);
    let digest = untrain_core::Digest::of(&fs::read(place.path("model.bin")).unwrap()).to_string();
    assert_eq!(text(&report, "digest"), digest);
    assert_eq!(digests(&place.json(&["show", "income"])).0, digest);
    let artefact: Value = serde_json::from_str(&place.done(&["export", "income", "--format", "json", "--out", "-"])).unwrap();
    assert_eq!(artefact["records"], 300);
    assert!(!artefact.to_string().contains("r250"));
}

#[test]
fn a_file_that_cannot_be_written_leaves_nothing() {
    let place = Place::trained();
    insta::assert_snapshot!(place.refused(2, &["export", "income", "--format", "json", "--out", "nowhere/model.json"]), @"error: cannot write nowhere/model.json: there is no directory nowhere");
    insta::assert_snapshot!(place.refused(2, &["--json", "export", "income", "--format", "json", "--out", "-"]), @r#"
    error: with --json, standard output holds the report and nothing else
    hint: write to a file, or leave --json out
    "#);
}

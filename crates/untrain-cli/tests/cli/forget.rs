//! `forget` and `learn`: what is named leaves, and nothing tells that it was there.

use std::fs;

use crate::place::{IMPORT, Place, digests, forgets, people};

#[test]
fn forgetting_by_id_equals_never_having_known_them() {
    forgets(&["--id", "r7", "--id", "r250"], |i| i == 7 || i == 250);
}

#[test]
fn forgetting_by_a_file_of_ids_equals_never_having_known_them() {
    let ids = tempfile::NamedTempFile::new().unwrap();
    fs::write(ids.path(), "r1\n\nr2\r\nr3\n").unwrap();
    forgets(&["--ids", ids.path().to_str().unwrap()], |i| (1..=3).contains(&i));
}

#[test]
fn forgetting_a_subject_equals_never_having_known_them() {
    forgets(&["--subject", "p5"], |i| i % 100 == 5);
}

#[test]
fn forgetting_by_a_condition_equals_never_having_known_them() {
    forgets(&["--where", "country = 'FR'"], |i| i / 3 % 3 == 0);
}

#[test]
fn selectors_add_up() {
    forgets(&["--id", "r5", "--subject", "p5", "--where", "id = 'r6'"], |i| i % 100 == 5 || i == 6);
}

#[test]
fn forgetting_everybody_leaves_a_model_that_predicts_nothing_and_says_so() {
    let place = Place::trained();
    place.done(&["forget", "people", "--where", "1"]);
    assert_eq!(place.json(&["verify", "income"])["equal"], true);
    let ran = place.run(&["predict", "income", "people.csv"]);
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("warning: the model \"income\" has learnt from no record"), "{}", ran.err);
    assert!(ran.out.starts_with("id,prediction\nr0,\n"), "{}", ran.out);
}

#[test]
fn learning_them_again_gives_the_first_model_back() {
    let place = Place::trained();
    let first = digests(&place.json(&["show", "income"]));
    place.done(&["forget", "people", "--id", "r7"]);
    place.write("more.csv", &people(|i| i == 7));
    place.json(&["learn", "people", "more.csv", "--accept-forgotten"]);
    assert_eq!(digests(&place.json(&["show", "income"])), first);
    assert_eq!(place.json(&["verify", "income"])["equal"], true);
}

#[test]
fn a_dry_run_changes_nothing() {
    let place = Place::trained();
    let first = place.json(&["show", "income"]);
    place.json(&["forget", "people", "--id", "r7", "--dry-run"]);
    assert_eq!(place.json(&["show", "income"]), first);
}

#[test]
fn unknown_ids_can_be_passed_over() {
    let place = Place::trained();
    let report = place.json(&["forget", "people", "--id", "r7", "--id", "nobody", "--ignore-unknown"]);
    assert_eq!(report["forgotten"], 1);
    assert_eq!(report["unknown"][0], "nobody");
}

#[test]
fn a_request_is_told_in_words() {
    let place = Place::new();
    place.write("people.csv", &people(|_| true));
    place.done(IMPORT);
    insta::assert_snapshot!(place.done(&["forget", "people", "--id", "r7", "--dry-run"]), @r#"
    a dry run: would have forgotten 1 record from people, which would have 299 records then
    no model was trained on it
    "#);
    insta::assert_snapshot!(place.done(&["forget", "people", "--where", "age < 0"]), @r#"
    nothing to forget: no record of people was selected; it has 300 records
    no model was trained on it
    "#);
    insta::assert_snapshot!(place.done(&["forget", "people", "--id", "r7", "--id", "x", "--ignore-unknown"]), @r#"
    request 1: forgot 1 record from people, which has 299 records now
    passed over 1 id that no record has: "x"
    no model was trained on it
    "#);
}

#[test]
fn ids_that_nobody_has_are_refused_and_change_nothing() {
    let place = Place::trained();
    let first = place.json(&["show", "income"]);
    insta::assert_snapshot!(place.refused(2, &["forget", "people", "--id", "nobody", "--id", "r7"]), @r#"
    error: no record has the id "nobody"
    hint: --ignore-unknown passes over such ids
    "#);
    assert_eq!(place.json(&["show", "income"]), first);
    insta::assert_snapshot!(place.refused(2, &["forget", "people"]), @r#"
    error: the following required arguments were not provided:
      <--deferred|--id <ID>|--ids <FILE>|--subject <S>|--where <EXPR>>

    Usage: untrain forget <--deferred|--id <ID>|--ids <FILE>|--subject <S>|--where <EXPR>> <DATASET>

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(place.refused(2, &["forget", "people", "--ids", "no-such-file"]), @"error: no-such-file: No such file or directory (os error 2)");
}

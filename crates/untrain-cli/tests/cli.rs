//! The command line from outside: what it prints, what it leaves, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use untrain::{Access, Engine};

/// A directory to run in; the store is `store` in it.
struct Place(TempDir);

/// How a run ended and what it said.
#[derive(Debug, PartialEq)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A place where `people` has been imported and the model `income` trained.
    fn trained() -> Self {
        let place = Self::new();
        place.write("people.csv", &people(|_| true));
        place.done(IMPORT);
        place.done(TRAIN);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_untrain"));
        command.current_dir(self.0.path()).env_remove("UNTRAIN_STORE").env_remove("COLUMNS").args(["--store", "store"]).args(line);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, line: &[&str]) -> Ran {
        let output = self.command(line).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs what has to succeed; returns what it printed.
    fn done(&self, line: &[&str]) -> String {
        let ran = self.run(line);
        assert_eq!(ran.code, 0, "{line:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// Runs what has to succeed with `--json`; all that it prints is one object.
    fn json(&self, line: &[&str]) -> Value {
        let out = self.done(&[&["--json"], line].concat());
        let value: Value = serde_json::from_str(&out).unwrap();
        assert!(value.is_object(), "{out}");
        value
    }

    /// Runs what has to fail with this code; returns what it said.
    fn refused(&self, code: i32, line: &[&str]) -> String {
        let ran = self.run(line);
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{line:?}: {}", ran.err);
        assert!(ran.err.starts_with("error: "), "{}", ran.err);
        ran.err
    }
}

const IMPORT: &[&str] = &["import", "people.csv", "--as", "people", "--id", "id", "--subject", "person", "--target", "income"];
const TRAIN: &[&str] =
    &["train", "people", "--as", "income", "--learner", "forest", "--set", "n_trees=10", "--set", "subsample=0.3", "--seed", "3"];

/// A file of 300 records of 100 persons, without those that `keep` leaves out.
fn people(keep: impl Fn(u32) -> bool) -> String {
    let mut text = String::from("id,person,age,country,income\n");
    for i in (0..300_u32).filter(|i| keep(*i)) {
        let age = if i % 17 == 0 { String::new() } else { (18 + i * 7 % 60).to_string() };
        let country = ["FR", "DE", "PL"][(i / 3 % 3) as usize];
        let income = if (i * 7 % 60 > 25) == (i % 5 != 0) { "high" } else { "low" };
        writeln!(text, "r{i},p{},{age},{country},{income}", i % 100).unwrap();
    }
    text
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text \"{key}\" in {value}"))
}

fn digests(value: &Value) -> (String, String) {
    (text(value, "digest").to_owned(), text(value, "state_digest").to_owned())
}

/// What training in a new store says, on the records that `keep` leaves.
fn retrained(keep: impl Fn(u32) -> bool) -> (String, String) {
    let place = Place::new();
    place.write("people.csv", &people(keep));
    place.done(IMPORT);
    digests(&place.json(TRAIN))
}

/// Forgets by `selectors` and compares with a store that never held what `gone` says.
fn forgets(selectors: &[&str], gone: impl Fn(u32) -> bool) {
    let place = Place::trained();
    let n = (0..300).filter(|i| gone(*i)).count();
    let report = place.json(&[&["forget", "people"], selectors].concat());
    assert_eq!(report["forgotten"], n, "{report}");
    let verified = place.json(&["verify", "income"]);
    assert_eq!(verified["equal"], true);
    assert_eq!(verified["digest"], verified["retrained_digest"]);
    let shown = place.json(&["show", "income"]);
    assert_eq!(shown["records"], 300 - n);
    assert_eq!(digests(&shown), digests(&report["models"][0]));
    assert_eq!(digests(&shown), retrained(|i| !gone(i)));
}

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
    place.json(&["learn", "people", "more.csv"]);
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
fn every_verb_prints_one_json_object() {
    let place = Place::new();
    place.write("people.csv", &people(|_| true));
    place.json(&[IMPORT, &["--holdout", "0.2"]].concat());
    place.json(TRAIN);
    let lines: [&[&str]; 12] = [
        &["show"],
        &["show", "people"],
        &["show", "income"],
        &["list"],
        &["predict", "income", "people.csv"],
        &["predict", "income", "people.csv", "--out", "p.csv"],
        &["evaluate", "income"],
        &["evaluate", "income", "people.csv"],
        &["verify", "income"],
        &["export", "income", "--format", "json", "--out", "income.json"],
        &["forget", "people", "--subject", "p9"],
        &["show", "1"],
    ];
    for line in lines {
        place.json(line);
    }
    assert!(place.json(&["evaluate", "income"])["accuracy"].is_number());
}

#[test]
fn errors_leave_standard_output_alone() {
    let place = Place::trained();
    for line in [&["--json", "show", "nothing"] as &[&str], &["--json", "forget", "people", "--id", "nobody"], &["--json", "nonsense"]] {
        let ran = place.run(line);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{line:?}");
        assert!(ran.err.starts_with("error: "), "{}", ran.err);
    }
}

#[test]
fn predictions_are_csv_with_a_column_a_class() {
    let place = Place::trained();
    let out = place.done(&["predict", "income", "people.csv"]);
    let mut lines = out.lines();
    assert_eq!(lines.next(), Some("id,prediction,p_high,p_low"));
    assert_eq!(lines.clone().count(), 300);
    let first: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(first[0], "r0");
    let sum = first[2].parse::<f64>().unwrap() + first[3].parse::<f64>().unwrap();
    assert!((sum - 1.0).abs() < 1e-12);
    let said = place.done(&["predict", "income", "people.csv", "--out", "p.csv"]);
    assert_eq!(said, "wrote 300 predictions to p.csv\n");
    assert_eq!(fs::read_to_string(place.path("p.csv")).unwrap(), out);
}

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

#[test]
fn the_demo_proves_its_point_and_can_be_repeated() {
    let place = Place::new();
    let report = place.json(&["demo"]);
    assert_eq!((&report["verification"]["equal"], &report["single"]["equal"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(report["before"]["records"], 32_561);
    assert_eq!(report["after"]["records"], 32_461);
    assert_ne!(report["before"]["person"], report["after"]["person"]);
    let out = place.done(&["demo"]);
    assert!(out.contains("Equal, byte for byte: the model is the one that never saw them.\n"), "{out}");
    assert!(out.contains("  untrain --store store verify income\n"), "{out}");
}

#[test]
fn a_dataset_is_shown_with_the_kinds_and_roles_of_its_columns() {
    let place = Place::new();
    place.write("people.csv", &people(|_| true));
    insta::assert_snapshot!(place.done(&[IMPORT, &["--holdout", "0.2"]].concat()), @r#"
     column    kind          role                 missing   distinct
    ─────────────────────────────────────────────────────────────────
     id        text          id                         0        300
     age       numeric       feature   inferred        18         60
     country   categorical   feature   inferred         0          3
     income    categorical   target    inferred         0          2
     person    categorical   subject   declared         0        100
    ─────────────────────────────────────────────────────────────────
    dataset   people (version 1)
    records   300
    held out  59
    models    none yet
    "#);
    assert_eq!(
        place.done(&["show", "people"]),
        place.done(&[IMPORT, &["--holdout", "0.2", "--replace"]].concat()).replace("version 2", "version 1")
    );
    insta::assert_snapshot!(place.done(&["show"]), @r#"
    store     store
    datasets  1
    records   300
    models    0
    requests  0
    "#);
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
fn a_reader_that_leaves_early_is_no_error() {
    let place = Place::trained();
    let mut child = place.command(&["export", "income", "--format", "json", "--out", "-"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn threads_do_not_change_the_bytes() {
    let digest = retrained(|_| true);
    let place = Place::new();
    place.write("people.csv", &people(|_| true));
    place.done(IMPORT);
    assert_eq!(digests(&place.json(&[&["--threads", "1"], TRAIN].concat())), digest);
}

#[test]
fn a_recipe_file_is_the_flags_in_writing() {
    let place = Place::trained();
    place.write("forest.toml", "learner = \"forest\"\nseed = 3\n[params]\nn_trees = 10\nsubsample = 0.3\n");
    let report = place.json(&["train", "people", "--as", "again", "--recipe", "forest.toml"]);
    assert_eq!(digests(&report), digests(&place.json(&["show", "income"])));
}

#[test]
fn another_process_is_waited_for_and_then_named() {
    let place = Place::trained();
    let engine = Engine::open(&place.path("store"), Access::Write, Duration::ZERO, &mut || ()).unwrap();
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
fn names_that_do_not_exist_come_with_the_nearest() {
    let place = Place::trained();
    insta::assert_snapshot!(place.refused(2, &["train", "poeple", "--as", "m", "--learner", "forest"]), @r#"
    error: there is no dataset "poeple"
    hint: did you mean "people"?
    "#);
    insta::assert_snapshot!(place.refused(2, &["predict", "incom", "people.csv"]), @r#"
    error: there is no model "incom"
    hint: did you mean "income"?
    "#);
    insta::assert_snapshot!(place.refused(2, &["verify", "zebra"]), @r#"
    error: there is no model "zebra"
    hint: `untrain list` shows what there is
    "#);
    insta::assert_snapshot!(place.refused(2, &["show", "7"]), @r#"
    error: there is no request 7
    hint: `untrain list` shows what there is
    "#);
    insta::assert_snapshot!(place.refused(2, &["train", "people", "--as", "m", "--learner", "forest", "--set", "n_tree=5"]), @r#"
    error: hyperparameter "n_tree": there is no such key
    hint: did you mean "n_trees"?
    "#);
    insta::assert_snapshot!(place.refused(2, &["train", "people", "--as", "m", "--learner", "forrest"]), @r#"
    error: hyperparameter "learner": there is no learner "forrest"; there is forest, glm, kmeans, knn, lda, logistic, naive_bayes, pca, qda, recommend, ridge, sgd, sisa, text
    hint: did you mean "forest"?
    "#);
    insta::assert_snapshot!(place.refused(2, &["forget", "people", "--where", "aeg < 18"]), @r#"
    error: there is no column "aeg"
    hint: did you mean "age"?
    "#);
    insta::assert_snapshot!(place.refused(2, &["forget", "people", "--subject", "q1"]), @r#"
    error: no record belongs to "q1"
    hint: did you mean "p1"?
    "#);
    insta::assert_snapshot!(place.refused(2, &["forget", "people", "--id", "r7", "--method", "gradient"]), @r#"
    error: there is no method "gradient" to forget with
    hint: the method is exact; every model in the store has a learner that forgets exactly
    "#);
}

#[test]
fn values_out_of_their_range_are_refused() {
    let place = Place::trained();
    insta::assert_snapshot!(place.refused(2, &["train", "people", "--as", "m", "--learner", "forest", "--set", "subsample=1.5"]), @r#"error: hyperparameter "subsample": 1.5 is not over 0 and at most 1"#);
    insta::assert_snapshot!(place.refused(2, &["train", "people", "--as", "m", "--learner", "forest", "--set", "n_trees=many"]), @r#"error: hyperparameter "n_trees": it cannot be "many""#);
    insta::assert_snapshot!(place.refused(2, &["train", "people", "--as", "m", "--learner", "forest", "--set", "n_trees"]), @r#"
    error: invalid value 'n_trees' for '--set <KEY=VALUE>': a setting is KEY=VALUE, as in n_trees=50

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(place.refused(2, &["--threads", "0", "list"]), @r#"
    error: invalid value '0' for '--threads <N>': 0 is not in 1..=1024

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(place.refused(2, &["train", "people", "--as", ".m", "--learner", "forest"]), @r#"error: ".m" cannot be a name: a name has 1 to 64 characters out of a-z, A-Z, 0-9, '.', '_' and '-', and starts with neither '.' nor '-'"#);
    insta::assert_snapshot!(place.refused(2, TRAIN), @r#"
    error: there is a model "income" already
    hint: --replace takes its place
    "#);
}

#[test]
fn ids_that_nobody_has_are_refused_and_change_nothing() {
    let place = Place::trained();
    let first = place.json(&["show", "income"]);
    insta::assert_snapshot!(place.refused(2, &["forget", "people", "--id", "nobody", "--id", "r7"]), @r#"
    error: no record has the id "nobody"
    hint: an id that was forgotten already is unknown too; --ignore-unknown passes over such ids
    "#);
    assert_eq!(place.json(&["show", "income"]), first);
    place.done(&["forget", "people", "--id", "r7"]);
    insta::assert_snapshot!(place.refused(2, &["forget", "people", "--id", "r7"]), @r#"
    error: no record has the id "r7"
    hint: an id that was forgotten already is unknown too; --ignore-unknown passes over such ids
    "#);
    insta::assert_snapshot!(place.refused(2, &["forget", "people"]), @r#"
    error: the following required arguments were not provided:
      <--id <ID>|--ids <FILE>|--subject <S>|--where <EXPR>>

    Usage: untrain forget <--id <ID>|--ids <FILE>|--subject <S>|--where <EXPR>> <DATASET>

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(place.refused(2, &["forget", "people", "--ids", "no-such-file"]), @"error: no-such-file: No such file or directory (os error 2)");
}

#[test]
fn files_that_hold_no_dataset_are_refused_with_the_place() {
    let place = Place::new();
    let import = |name: &str, text: &str, more: &[&str]| {
        place.write(name, text);
        place.refused(2, &[&["import", name, "--as", "d"], more].concat())
    };
    let id = ["--id", "id"];
    insta::assert_snapshot!(place.refused(2, &["import", "missing.csv", "--as", "d", "--id", "id"]), @"error: missing.csv: No such file or directory (os error 2)");
    insta::assert_snapshot!(import("empty.csv", "", &id), @"error: empty.csv: the file is empty");
    insta::assert_snapshot!(import("header.csv", "id,a\n", &id), @"error: header.csv: no records");
    insta::assert_snapshot!(import("ragged.csv", "id,a\n1,2\n3,4,5\n", &id), @r#"
    error: ragged.csv, line 3: found 3 values, expected 2 as in the header
    hint: a value that holds the delimiter stands in double quotes; --delimiter tells what the delimiter is
    "#);
    insta::assert_snapshot!(import("twice.csv", "id,a\n1,2\n1,4\n", &id), @r#"error: twice.csv: the id "1" occurs twice, on line 2 and on line 3"#);
    insta::assert_snapshot!(import("column.csv", "id,age\n1,2\n", &["--id", "id", "--target", "agee"]), @r#"
    error: there is no column "agee"
    hint: did you mean "age"?
    "#);
    insta::assert_snapshot!(import("number.csv", "id,age\n1,2\n2,?\n", &["--id", "id", "--numeric", "age"]), @r#"
    error: number.csv, line 3, column "age": "?" is not a number
    hint: --missing '?' if it stands for a missing value, or --categorical age
    "#);
    insta::assert_snapshot!(import("noid.csv", "key,a\n1,2\n2,2\n", &[]), @r#"
    error: noid.csv: no column is named as the id
    hint: --id key names it, or --id-from-content makes ids from the records' content
    "#);
    insta::assert_snapshot!(import("file.xls", "key,a\n1,2\n2,2\n", &id), @"error: file.xls: the format is not known; the name ends in .csv, .tsv, .jsonl or .ndjson (each also with .gz) or in .parquet");
    assert!(!place.path("store").exists(), "nothing was made");
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

#[test]
fn help_says_what_there_is() {
    let place = Place::new();
    insta::assert_snapshot!(place.done(&["--help"]), @r#"
    Forget records from trained models, and prove it

    Usage: untrain [OPTIONS] <COMMAND>

    Commands:
      demo         Import a real dataset, train, forget 100 people, and prove it
      import       Import a file of records: csv, tsv, jsonl (each also with .gz) or parquet
      plan         Tell what sharding a learner would cost and save, before training
      train        Train a model on a dataset
      predict      Predict the records of a file
      evaluate     Compare a model's predictions with the truth, on the held-out records or on a file
      forget       Forget records: in the dataset and in every model trained on it
      learn        Add the records of a file to a dataset and to every model trained on it
      verify       Retrain a model from the records that are left, and compare digests
      show         Show a dataset, a model, a request, or the store
      list         List the datasets and their models
      export       Write a model's artefact, which holds no record and no id, to a file
      bench        Measure forgetting beside retraining, and beside other libraries
      completions  Print a shell's completion script
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Options of every verb:
          --store <DIR>     The directory of datasets, models and requests [env: UNTRAIN_STORE]
                            [default: untrain-store]
          --json            Print one JSON object on standard output and nothing else there
      -q, --quiet           Say nothing on standard error but errors
          --threads <N>     How many threads to work with; all cores if not given. The bytes of models
                            do not depend on it
          --wait <SECONDS>  How long to wait for others who use the store [default: 10]
    "#);
    insta::assert_snapshot!(place.done(&["forget", "--help"]), @r#"
    Forget records: in the dataset and in every model trained on it

    Usage: untrain forget [OPTIONS] <--id <ID>|--ids <FILE>|--subject <S>|--where <EXPR>> <DATASET>

    Arguments:
      <DATASET>  The dataset

    Options:
          --id <ID>         The id of a record; may be given many times
          --ids <FILE>      A file of ids, one a line; - is standard input
          --subject <S>     A person, with all records; may be given many times
          --where <EXPR>    A condition on the columns, as in "age < 18 and country = 'FR'"
          --model <MODEL>   A model that has to forget; all of the dataset's models have to, so naming
                            fewer is refused
          --method <NAME>   How to forget [default: exact]
          --dry-run         Tell what would be forgotten, and change nothing
          --ignore-unknown  Pass over ids that the dataset does not have
      -h, --help            Print help

    Options of every verb:
          --store <DIR>     The directory of datasets, models and requests [env: UNTRAIN_STORE]
                            [default: untrain-store]
          --json            Print one JSON object on standard output and nothing else there
      -q, --quiet           Say nothing on standard error but errors
          --threads <N>     How many threads to work with; all cores if not given. The bytes of models
                            do not depend on it
          --wait <SECONDS>  How long to wait for others who use the store [default: 10]
    "#);
}

#[test]
fn shells_can_complete() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(place.done(&["completions", shell]).contains("ignore-unknown"), "{shell}");
    }
}

/// 40 persons with 12 of 20 items each, of which those with numbers near the person's are liked best.
fn interactions(keep: impl Fn(u32) -> bool) -> String {
    let mut text = String::from("id,person,item,stars\n");
    for person in (0..40_u32).filter(|person| keep(*person)) {
        for step in 0..12_u32 {
            let item = (person / 2 + step * (1 + person % 3)) % 20;
            writeln!(text, "{person}-{step},p{person},item {item},{}", 5 - step / 3).unwrap();
        }
    }
    text
}

#[test]
fn a_recommender_forgets_a_person_by_name() {
    const IMPORT: &[&str] =
        &["import", "interactions.csv", "--as", "ratings", "--id", "id", "--subject", "person", "--target", "stars", "--holdout", "0.2"];
    for method in ["method=ease", "method=neighbours"] {
        let train = ["train", "ratings", "--as", "shelf", "--learner", "recommend", "--set", method, "--set", "n_top=3", "--seed", "5"];
        let place = Place::new();
        place.write("interactions.csv", &interactions(|_| true));
        place.done(IMPORT);
        place.done(&train);
        let scores = place.json(&["evaluate", "shelf"]);
        assert!(scores["recall_at_k"].as_f64().unwrap() > 0.0 && scores["ndcg_at_k"].as_f64().unwrap() > 0.0, "{scores}");
        // Two persons have no record held out.
        assert_eq!(scores["users"].as_u64().unwrap() + scores["users_passed_over"].as_u64().unwrap(), 38);
        assert!(place.done(&["evaluate", "shelf"]).contains("recall@k"));

        assert_eq!(place.json(&["forget", "ratings", "--subject", "p7"])["forgotten"], 12);
        assert_eq!(place.json(&["verify", "shelf"])["equal"], true);
        let shown = digests(&place.json(&["show", "shelf"]));
        let fresh = Place::new();
        fresh.write("interactions.csv", &interactions(|person| person != 7));
        fresh.done(IMPORT);
        assert_eq!(shown, digests(&fresh.json(&train)));

        // A table of a person's items, with and without values, and with an item that nobody has had.
        place.write("asked.csv", "person,item,stars\nnew,item 3,5\nnew,item 4,4\n\"a, b\",never seen,5\n");
        let ran = place.run(&["predict", "shelf", "asked.csv"]);
        assert!(ran.out.starts_with("user,rank,item,score\nnew,1,item "), "{}", ran.out);
        assert!(ran.out.lines().count() == 4 && !ran.out.contains("item 3,"), "{}", ran.out);
        assert_eq!(ran.err, "warning: 1 record passed over, whose item the model does not know\n");
        place.write("bare.csv", "person,item\nnew,item 3\n");
        let bare = place.json(&["predict", "shelf", "bare.csv"]);
        assert_eq!((&bare["users"], &bare["predictions"][0]["items"][0]["rank"]), (&1.into(), &1.into()));
        place.write("wrong.csv", "who,item\nnew,item 3\n");
        assert!(place.refused(2, &["predict", "shelf", "wrong.csv"]).contains("person"));
    }
    let place = Place::new();
    place.write("interactions.csv", &interactions(|_| true));
    place.done(&["import", "interactions.csv", "--as", "ratings", "--id", "id", "--target", "stars"]);
    let error = place.refused(2, &["train", "ratings", "--as", "shelf", "--learner", "recommend"]);
    assert!(error.contains("hint: import the file again with --subject COLUMN"), "{error}");
}

#[test]
fn a_plan_tells_what_shards_and_slices_cost_before_anything_is_trained() {
    let place = Place::new();
    place.write("people.csv", &people(|_| true));
    place.done(&[IMPORT, &["--holdout", "0.2"]].concat());
    let sharded = ["plan", "people", "--learner", "sisa", "--set", "base=sgd", "--set", "n_shards=6", "--set", "n_slices=3"];
    let line = [&sharded[..], &["--set", "shard_by=subject", "--requests", "10"]].concat();
    insta::assert_snapshot!(place.done(&line), @r"
    dataset  people, 241 records to train on
    learner  sgd
     shards   slices   a shard   training   one request     share     paper   10 one by one   10 in a batch   models     bytes   score   loss
    ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
          4        1     49–69        241            60   25.01 %   25.00 %         24.54 %         90.41 %        4     3,396   —       —
          4        4     49–69        612           115   18.75 %   18.75 %         18.40 %         80.20 %       16    13,584   —       —
          4       16     49–69      2,088           358   17.16 %   17.19 %         16.83 %         77.44 %       64    54,336   —       —
          6        3     26–53        483            64   13.30 %   12.96 %         13.05 %         69.67 %       18    11,358   —       —      the recipe
          8        1     19–38        241            31   12.76 %   12.50 %         12.52 %         71.07 %        8     4,824   —       —
          8        4     19–38        612            59    9.56 %    9.38 %          9.38 %         58.53 %       32    19,296   —       —
          8       16     19–38      1,834           163    8.90 %    8.59 %          8.74 %         55.94 %      128    77,184   —       —
         16        1      6–27        241            16    6.82 %    6.25 %          6.69 %         47.75 %       16     7,792   —       —
         16        4      6–27        609            32    5.23 %    4.69 %          5.13 %         38.46 %       64    31,168   —       —
         16       16      6–27      1,396            69    4.98 %    4.30 %          4.88 %         37.02 %      256   124,672   —       —
         32        1      0–20        241             9    3.71 %    3.12 %          3.64 %         29.56 %       32     8,928   —       —
         32        4      0–20        567            17    2.92 %    2.34 %          2.87 %         23.88 %      128    35,712   —       —
         32       16      0–20      1,021            30    2.90 %    2.15 %          2.84 %         23.73 %      512   142,848   —       —
    ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    training, one request: how many records they go over; with slices, every step goes over all slices so far
    shares are of that entry's training; `paper` is the share of one request with equal shards and slices
    scores: --measure trains every entry
    ");
    let plan = place.json(&[&sharded[..], &["--measure"]].concat());
    assert_eq!(plan["scored_on"], "the holdout");
    assert!(plan["entries"].as_array().unwrap().iter().all(|entry| entry["scores"]["accuracy"].is_number()), "{plan}");
    // A learner that trains anew has no use for slices, one that revises its model none for shards.
    let native = place.json(&["plan", "people", "--learner", "forest"]);
    assert_eq!((&native["is_native"], native["entries"].as_array().unwrap().len()), (&true.into(), 0));
    assert_eq!(native["revision"]["records"], 241);
    assert_eq!(place.json(&["list"])["datasets"][0]["models"].as_array().unwrap().len(), 0);
    insta::assert_snapshot!(place.refused(2, &["plan", "people", "--learner", "sisa", "--set", "base=sgdd"]), @r#"
    error: hyperparameter "base": there is no learner "sgdd"; there is forest, glm, kmeans, knn, lda, logistic, naive_bayes, pca, qda, recommend, ridge, sgd, sisa, text
    hint: did you mean "sgd"?
    "#);
}

#[test]
fn shards_by_subject_forget_a_person_as_if_they_had_never_been_there() {
    let place = Place::new();
    place.write("people.csv", &people(|_| true));
    place.done(IMPORT);
    let settings = ["--set", "base=sgd", "--set", "n_shards=3", "--set", "shard_by=subject", "--set", "aggregation=stacked"];
    place.done(&[&["train", "people", "--as", "income", "--learner", "sisa"], &settings[..]].concat());
    place.done(&["forget", "people", "--subject", "p5"]);
    assert_eq!(place.json(&["verify", "income"])["equal"], true);
    place.done(&["predict", "income", "people.csv"]);
    place.done(&["export", "income", "--format", "json", "--out", "income.json"]);
    let other = Place::new();
    other.write("people.csv", &people(|_| true));
    other.done(&["import", "people.csv", "--as", "people", "--id", "id", "--target", "income"]);
    let refused = other.refused(2, &[&["train", "people", "--as", "income", "--learner", "sisa"], &settings[..]].concat());
    assert!(refused.contains("no column is the subject"), "{refused}");
}

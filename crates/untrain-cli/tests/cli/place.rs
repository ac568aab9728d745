//! A folder to run the program in, and the file of people that most tests import.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A directory to run in; the store is `store` in it.
pub(super) struct Place(TempDir);

/// How a run ended and what it said.
#[derive(Debug, PartialEq)]
pub(super) struct Ran {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
}

impl Place {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A place where `people` has been imported and the model `income` trained.
    pub(super) fn trained() -> Self {
        let place = Self::new();
        place.write("people.csv", &people(|_| true));
        place.done(IMPORT);
        place.done(TRAIN);
        place
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        self.write_bytes(name, text.as_bytes());
    }

    pub(super) fn write_bytes(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(super) fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_untrain"));
        command.current_dir(self.0.path()).env_remove("UNTRAIN_STORE").env_remove("COLUMNS").args(["--store", "store"]).args(line);
        command.stdin(Stdio::null());
        command
    }

    pub(super) fn run(&self, line: &[&str]) -> Ran {
        let output = self.command(line).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs what has to succeed; returns what it printed.
    pub(super) fn done(&self, line: &[&str]) -> String {
        let ran = self.run(line);
        assert_eq!(ran.code, 0, "{line:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// Runs what has to succeed with `--json`; all that it prints is one object.
    pub(super) fn json(&self, line: &[&str]) -> Value {
        let out = self.done(&[&["--json"], line].concat());
        let value: Value = serde_json::from_str(&out).unwrap();
        assert!(value.is_object(), "{out}");
        value
    }

    /// Runs what has to fail with this code; returns what it said.
    pub(super) fn refused(&self, code: i32, line: &[&str]) -> String {
        let ran = self.run(line);
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{line:?}: {}", ran.err);
        assert!(ran.err.starts_with("error: "), "{}", ran.err);
        ran.err
    }
}

pub(super) const IMPORT: &[&str] = &["import", "people.csv", "--as", "people", "--id", "id", "--subject", "person", "--target", "income"];
pub(super) const TRAIN: &[&str] =
    &["train", "people", "--as", "income", "--learner", "forest", "--set", "n_trees=10", "--set", "subsample=0.3", "--seed", "3"];

/// A file of 300 records of 100 persons, without those that `keep` leaves out.
pub(super) fn people(keep: impl Fn(u32) -> bool) -> String {
    let mut text = String::from("id,person,age,country,income\n");
    for i in (0..300_u32).filter(|i| keep(*i)) {
        let age = if i % 17 == 0 { String::new() } else { (18 + i * 7 % 60).to_string() };
        let country = ["FR", "DE", "PL"][(i / 3 % 3) as usize];
        let income = if (i * 7 % 60 > 25) == (i % 5 != 0) { "high" } else { "low" };
        writeln!(text, "r{i},p{},{age},{country},{income}", i % 100).unwrap();
    }
    text
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text \"{key}\" in {value}"))
}

pub(super) fn digests(value: &Value) -> (String, String) {
    (text(value, "digest").to_owned(), text(value, "state_digest").to_owned())
}

/// What training in a new store says, on the records that `keep` leaves.
pub(super) fn retrained(keep: impl Fn(u32) -> bool) -> (String, String) {
    let place = Place::new();
    place.write("people.csv", &people(keep));
    place.done(IMPORT);
    digests(&place.json(TRAIN))
}

/// Forgets by `selectors` and compares with a store that never held what `gone` says.
pub(super) fn forgets(selectors: &[&str], gone: impl Fn(u32) -> bool) {
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

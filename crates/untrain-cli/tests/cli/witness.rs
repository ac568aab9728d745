//! `witness` and its cosignatures: what is refused before, what is accepted after, and what a witness does not cosign.

use std::fs;
use std::path::Path;
use std::time::Duration;

use untrain_ledger::Access;
use untrain_ledger::keys::{Role, SecretKey, Signer as _, VerifierKey};
use untrain_ledger::log::Log;
use untrain_ledger::witness::Witness;

use crate::place::{Place, text};

/// A store whose policy asks for the cosignature of one witness, and the keys of the witness and of the log.
struct Watched {
    place: Place,
    log: String,
}

const TRAIL: &str = "store/trail";
const CHECK: &[&str] = &["check", "receipt.zip", "--policy", "store/keys/policy.txt"];

impl Watched {
    fn new() -> Self {
        let place = Place::trained();
        place.done(&["forget", "people", "--id", "r7"]);
        let made = place.json(&["keys", "new", "--role", "witness", "--name", "example.org/witness", "--out", "witness.key"]);
        place.done(&["keys", "trust", text(&made, "key"), "--as", "w"]);
        place.done(&["keys", "quorum", "1"]);
        let keys = place.json(&["keys"]);
        let log = keys["keys"].as_array().unwrap().iter().find(|line| line["role"] == "log").unwrap();
        let log = text(log, "key").to_owned();
        Self { place, log }
    }

    fn line<'a>(&'a self, dir: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
        [&["witness", "--key", "witness.key", "--state", "state", "--log", self.log.as_str(), "--log-dir", dir], rest].concat()
    }

    /// Has the witness cosign the store's log into a file.
    fn cosign(&self, out: &str) {
        self.place.done(&self.line(TRAIL, &["--out", out]));
    }

    /// What the witness says that refuses a directory.
    fn refused(&self, dir: &str) -> String {
        self.place.refused(1, &self.line(dir, &[]))
    }

    fn audit(&self, code: i32) {
        let ran = self.place.run(&["log", "--audit"]);
        assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
        assert_eq!(ran.err.contains("lacks cosignatures"), code != 0, "{}", ran.err);
    }

    fn check(&self, code: i32) {
        self.place.done(&["receipt", "1", "--out", "receipt.zip"]);
        let ran = self.place.run(CHECK);
        assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
        assert_eq!(ran.out.contains("lacks cosignatures"), code != 0, "{}", ran.out);
    }

    fn key(&self) -> VerifierKey {
        self.log.parse().unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &to) } else { drop(fs::copy(entry.path(), to).unwrap()) }
    }
}

#[test]
fn what_a_policy_asks_of_witnesses_is_refused_before_they_cosign_and_accepted_after() {
    let watched = Watched::new();
    watched.audit(3);
    watched.check(1);
    watched.cosign("cosigned");
    watched.place.done(&["log", "--cosign", "cosigned"]);
    watched.audit(0);
    watched.check(0);
    // What comes after needs another one; on standard output it is the same note.
    watched.place.done(&["forget", "people", "--id", "r8"]);
    watched.audit(3);
    watched.place.write("cosigned", &watched.place.done(&watched.line(TRAIL, &[])));
    watched.place.done(&["log", "--cosign", "cosigned"]);
    watched.audit(0);
}

#[test]
fn a_log_that_was_set_back_is_not_cosigned() {
    let watched = Watched::new();
    copy(&watched.place.path(TRAIL), &watched.place.path("old"));
    watched.place.done(&["forget", "people", "--id", "r8"]);
    watched.cosign("cosigned");
    let said = watched.refused("old");
    assert!(said.contains("the checkpoint is an old one"), "{said}");
    watched.cosign("cosigned");
}

#[test]
fn a_log_that_was_forked_is_not_cosigned() {
    let watched = Watched::new();
    let key = SecretKey::load(&watched.place.path("store/keys/log.key"), None).unwrap();
    copy(&watched.place.path(TRAIL), &watched.place.path("fork"));
    copy(&watched.place.path(TRAIL), &watched.place.path("longer"));
    let append = |dir: &str, entries: &[&str]| {
        let mut log = Log::open(&watched.place.path(dir), Access::Write, &watched.key(), Duration::ZERO).unwrap();
        log.append(entries, &key).unwrap();
    };
    append("fork", &["one"]);
    append("longer", &["another", "and more"]);
    watched.place.done(&watched.line("fork", &[]));
    let said = watched.refused("longer");
    assert!(said.contains("the log is forked"), "{said}");
    // Of the same size too.
    copy(&watched.place.path(TRAIL), &watched.place.path("equal"));
    append("equal", &["another"]);
    let said = watched.refused("equal");
    assert!(said.contains("the log is forked"), "{said}");
}

#[test]
fn another_key_a_damaged_copy_and_an_early_clock_are_refused() {
    let watched = Watched::new();
    let stranger = SecretKey::generate("example.com/log", Role::Log).unwrap();
    Log::create(&watched.place.path("foreign"), &stranger).unwrap();
    assert!(watched.refused("foreign").contains("this is a checkpoint of the log \"example.com/log\""));
    let namesake = SecretKey::generate(watched.key().name(), Role::Log).unwrap();
    Log::create(&watched.place.path("namesake"), &namesake).unwrap();
    assert!(watched.refused("namesake").contains("is not signed by a key that the policy trusts"));

    copy(&watched.place.path(TRAIL), &watched.place.path("torn"));
    let row = watched.place.path("torn/tile/0/000.p");
    for tile in fs::read_dir(row).unwrap().map(|entry| entry.unwrap().path()) {
        let mut bytes = fs::read(&tile).unwrap();
        bytes[0] ^= 1;
        fs::write(&tile, bytes).unwrap();
    }
    assert!(watched.refused("torn").contains("the log is damaged"));

    let key = SecretKey::load(&watched.place.path("witness.key"), None).unwrap();
    let log = Log::open(&watched.place.path(TRAIL), Access::Read, &watched.key(), Duration::ZERO).unwrap();
    let mut witness = Witness::open(&watched.place.path("state"), key.verifier(), vec![watched.key()], Duration::ZERO).unwrap();
    witness.cosign_log(&log, &key, 1 << 40).unwrap();
    drop(witness);
    assert!(watched.refused(TRAIL).contains("the clock runs backwards"));
}

#[test]
fn a_cosignature_of_an_older_checkpoint_or_of_a_stranger_is_not_added() {
    let watched = Watched::new();
    watched.cosign("old");
    watched.place.done(&["forget", "people", "--id", "r8"]);
    let said = watched.place.refused(2, &["log", "--cosign", "old"]);
    assert!(said.contains("for another checkpoint than the log has now"), "{said}");
    watched.audit(3);
    watched.place.done(&["keys", "new", "--role", "witness", "--name", "example.org/stranger", "--out", "stranger.key"]);
    let line = ["witness", "--key", "stranger.key", "--state", "other", "--log", &watched.log, "--log-dir", TRAIL, "--out", "strange"];
    watched.place.done(&line);
    let said = watched.place.refused(2, &["log", "--cosign", "strange"]);
    assert!(said.contains("no witness that the policy trusts"), "{said}");
}

#[test]
fn a_witness_that_was_killed_goes_on() {
    let watched = Watched::new();
    // After it remembered and before its answer was there.
    assert_eq!(watched.place.run(&watched.line(TRAIL, &["--out", "no/such/directory"])).code, 2);
    // While it wrote what it remembers.
    let state = watched.place.path("state");
    let memory = fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.file_name().unwrap() != "lock").unwrap();
    fs::write(memory.with_extension("tmp"), "half a no").unwrap();
    watched.cosign("cosigned");
    watched.place.done(&["log", "--cosign", "cosigned"]);
    watched.audit(0);
}

#[test]
fn usage_is_told() {
    let watched = Watched::new();
    let line = ["witness", "--key", "witness.key", "--state", "state", "--log", "nonsense", "--log-dir", TRAIL];
    assert!(watched.place.refused(2, &line).contains("nonsense is no public key of a log"));
    assert!(watched.place.refused(2, &line[..7]).contains("--log-dir"));
    assert!(watched.place.refused(2, &watched.line("nowhere", &[])).contains("nowhere is not a log"));
}

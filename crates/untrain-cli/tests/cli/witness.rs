//! `witness` and its cosignatures: what is refused before, what is accepted after, and what a witness does not cosign.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
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

/// A witness that listens; it is killed when it goes.
struct Listener {
    child: Child,
    url: String,
}

impl Listener {
    fn new(watched: &Watched) -> Self {
        let line = ["witness", "--key", "witness.key", "--state", "state", "--log", &watched.log, "--listen", "127.0.0.1:0"];
        let mut child = watched.place.command(&line).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        Self { child, url: said.trim().rsplit(' ').next().unwrap().to_owned() }
    }

    /// Sends bytes as they stand; gives the status, and the answer from there on.
    fn send(&self, request: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap();
        stream.write_all(request).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.strip_prefix("HTTP/1.1 ").map_or(0, |rest| rest[..3].parse().unwrap());
        (status, answer)
    }

    fn post(&self, body: &str) -> (u16, String) {
        self.send(format!("POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
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

#[test]
fn a_witness_that_listens_is_asked_by_the_operator() {
    let watched = Watched::new();
    let listener = Listener::new(&watched);
    let submit = |code: i32, listener: &Listener| {
        let ran = watched.place.run(&["log", "--submit", &listener.url]);
        assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
        ran.err
    };
    watched.audit(3);
    submit(0, &listener);
    watched.audit(0);
    watched.place.done(&["log", "--submit", &format!("{}/", listener.url)]);
    copy(&watched.place.path("store"), &watched.place.path("copy"));
    watched.place.done(&["forget", "people", "--id", "r8"]);
    watched.audit(3);
    drop(listener);
    // Another process goes on where that one was killed.
    let listener = Listener::new(&watched);
    submit(0, &listener);
    watched.audit(0);
    watched.check(0);
    fs::rename(watched.place.path("store"), watched.place.path("later")).unwrap();
    fs::rename(watched.place.path("copy"), watched.place.path("store")).unwrap();
    assert!(submit(1, &listener).contains("it was set back"));
    watched.place.done(&["forget", "people", "--id", "r9"]);
    assert!(submit(1, &listener).contains("the log is forked"));
    let url = listener.url.clone();
    drop(listener);
    assert!(watched.place.refused(3, &["log", "--submit", &url]).contains("cannot ask http://127.0.0.1"));
    assert!(watched.place.refused(2, &["log", "--submit", "https://example.org"]).contains("plain HTTP"));
}

#[test]
fn requests_are_answered_as_the_protocol_says() {
    let watched = Watched::new();
    let listener = Listener::new(&watched);
    let checkpoint = fs::read_to_string(watched.place.path(TRAIL).join("checkpoint")).unwrap();
    let size: u64 = checkpoint.lines().nth(1).unwrap().parse().unwrap();
    let (status, answer) = listener.post(&format!("old 1\n\n{checkpoint}"));
    assert!(status == 409 && answer.contains("Content-Type: text/x.tlog.size\r\n") && answer.ends_with("\r\n\r\n0\n"), "{answer}");
    assert_eq!(listener.post(&format!("old {}\n\n{checkpoint}", size + 1)).0, 400);
    let (status, answer) = listener.post(&format!("old 0\n\n{checkpoint}"));
    assert!(status == 200 && answer.contains("\r\n\r\n\u{2014} example.org/witness "), "{answer}");
    let (status, answer) = listener.post(&format!("old 0\n\n{checkpoint}"));
    assert!(status == 409 && answer.ends_with(&format!("\r\n\r\n{size}\n")), "{answer}");
    assert_eq!(listener.post(&format!("old {size}\n\n{checkpoint}")).0, 200);
    let (origin, rest) = checkpoint.split_once('\n').unwrap();
    assert_eq!(listener.post(&format!("old 0\n\nanother\n{rest}")).0, 404);
    assert_eq!(listener.post(&format!("old 0\n\n{origin}\n{}", rest.replacen(&size.to_string(), "9", 1))).0, 403);
    assert_eq!(listener.post("old 0\n").0, 400);
    for (head, status) in [
        ("GET /add-checkpoint HTTP/1.1\r\n\r\n", 405),
        ("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 404),
        ("POST /add-checkpoint HTTP/1.1\r\n\r\n", 411),
        ("POST /add-checkpoint HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0", 411),
        ("POST /add-checkpoint HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n00", 411),
        ("POST /add-checkpoint HTTP/1.1\r\nContent-Length: +1\r\n\r\n0", 400),
        ("POST /add-checkpoint HTTP/1.1\r\nContent-Length: 1\r\n\r\n0", 400),
        ("POST /add-checkpoint HTTP/1.1\r\nContent-Length: 98305\r\n\r\n", 413),
        ("nonsense\r\n\r\n", 400),
        // A request that breaks off is not answered.
        ("POST /add-checkpoint HTTP/1.1\r\nContent-Length: 9\r\n\r\nold", 0),
    ] {
        assert_eq!(listener.send(head.as_bytes()).0, status, "{head}");
    }
    assert_eq!(listener.send(format!("POST / HTTP/1.1\r\nA: {}", "x".repeat(20_000)).as_bytes()).0, 431);
    assert_eq!(listener.post(&format!("old {size}\n\n{checkpoint}")).0, 200);
}

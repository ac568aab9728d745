//! A process that appends to a log is killed again and again; what it published stays, and the log never forks.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::env;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use untrain_ledger::Access;
use untrain_ledger::keys::{Role, SecretKey, Signer as _};
use untrain_ledger::log::Log;
use untrain_ledger::merkle::{TreeHead, verify_consistency};

const CHILD: &str = "UNTRAIN_TEST_LOG";
const TEST: &str = "a_log_whose_writer_is_killed_at_any_moment_continues_every_checkpoint_that_was_seen";
const KILLS: u64 = 25;

#[test]
fn a_log_whose_writer_is_killed_at_any_moment_continues_every_checkpoint_that_was_seen() {
    if let Ok(dir) = env::var(CHILD) {
        append_for_ever(Path::new(&dir));
    }
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("log");
    let mut seen = Log::create(&dir, &key()).unwrap().head();
    for kill in 0..KILLS {
        let acknowledged = run_and_kill(&dir, Duration::from_micros(5_000 + kill * 48_611 % 90_000));
        // What a reader can see beside the dead writer is never taken back by the next one.
        let published = Log::open(&dir, Access::Read, key().verifier(), Duration::ZERO).unwrap();
        published.audit().unwrap();
        follow(&mut seen, &published);
        let recovered = Log::open(&dir, Access::Write, key().verifier(), Duration::from_secs(10)).unwrap();
        recovered.audit().unwrap();
        follow(&mut seen, &recovered);
        assert!(recovered.head().size >= acknowledged, "{} entries, {acknowledged} acknowledged", recovered.head().size);
        for index in 0..seen.size {
            assert_eq!(recovered.entry(index).unwrap(), index.to_string().as_bytes(), "an entry of a lost append is in the log");
        }
    }
    assert!(seen.size > KILLS, "the writers got nowhere: {} entries", seen.size);
}

fn follow(seen: &mut TreeHead, log: &Log) {
    verify_consistency(seen, &log.head(), &log.consistency(seen.size).unwrap()).unwrap();
    *seen = log.head();
}

/// The child: appends batches of uneven sizes, and says so after each.
fn append_for_ever(dir: &Path) -> ! {
    let mut output = io::stdout();
    let mut log = Log::open(dir, Access::Write, key().verifier(), Duration::from_secs(30)).unwrap();
    loop {
        let from = log.head().size;
        let entries: Vec<String> = (from..from + 1 + from * 7 % 90).map(|i| i.to_string()).collect();
        log.append(&entries, &key()).unwrap();
        // Not `println`, which the harness would catch.
        writeln!(output, "\nacknowledged {}", log.head().size).unwrap();
        output.flush().unwrap();
    }
}

/// Runs a child for a while, kills it, and returns the last size that it acknowledged.
fn run_and_kill(dir: &Path, delay: Duration) -> u64 {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || {
        let sizes = output.lines().map_while(Result::ok).filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
        sizes.last().unwrap_or(0)
    });
    thread::sleep(delay);
    assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

fn key() -> SecretKey {
    SecretKey::from_seed("example.com/log", Role::Log, &[1; 32]).unwrap()
}

//! A writer that is killed at any moment leaves the old state or the new one.

use std::env;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use untrain_ledger::{Access, Change, Event, Operation, Store};

use crate::support::{commit, dataset, files, holding, model, open, request};

const CHILD: &str = "UNTRAIN_LEDGER_KILL_TEST_STORE";
const TEST: &str = "kill::a_writer_killed_at_any_moment_leaves_the_old_state_or_the_new";
const KILLS: u64 = 15;

#[test]
fn a_writer_killed_at_any_moment_leaves_the_old_state_or_the_new() {
    if let Some(dir) = env::var_os(CHILD) {
        write_for_ever(Path::new(&dir));
    }
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("store");
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        // The first kills fall into the making of the store, the others anywhere; steps of a prime spread them.
        let delay = Duration::from_micros(if kill < 4 { kill * 1_500 } else { (kill * 48_611) % 250_000 });
        acknowledged = acknowledged.max(run_and_kill(TEST, (CHILD, &dir), &dir.join("lock"), delay));
        // What was committed and not acknowledged is found by the check, and is the next writer's start.
        acknowledged = check(&dir, acknowledged);
    }
    assert!(acknowledged > KILLS, "the writers got nowhere: {acknowledged} commits");
}

/// The child: opens the store and commits version after version, and says so after each.
fn write_for_ever(dir: &Path) -> ! {
    let mut version = 0;
    loop {
        let mut store = Store::open(dir, Access::Write, Duration::from_secs(30), &mut || ()).unwrap();
        if let Ok(row) = store.dataset("adults") {
            version = row.version;
        }
        for _ in 0..5 {
            version += 1;
            let change = change(&store, version);
            commit(&mut store, &change).unwrap();
            acknowledge(version);
        }
        assert!(store.rotate().unwrap().unfinished.is_none());
    }
}

/// Tells the parent how far the child is.
pub(crate) fn acknowledge(number: u64) {
    let mut output = io::stdout();
    // Not `println`, which the harness would catch.
    writeln!(output, "\nacknowledged {number}").unwrap();
    output.flush().unwrap();
}

fn change(store: &Store, version: u64) -> Change {
    let secret = format!("secret-{version}.");
    let mut row = dataset(store, "adults", version, &["the same in every version", &secret.repeat(5_000)]);
    row.schema = secret.repeat(1 + (version as usize * 29) % 900);
    let mut trained = model(store, "forest", "adults", version, Event::Forget);
    trained.model.recipe = secret.repeat(1 + (version as usize * 53) % 300);
    Change {
        replace: true,
        datasets: vec![row],
        models: vec![trained],
        request: Some(request("adults", Operation::Forget)),
        ..Change::default()
    }
}

/// Runs a test as a child for about `delay` after there is a file at `begun`, kills it, and returns the last number that it
/// acknowledged.
pub(crate) fn run_and_kill(test: &str, (variable, value): (&str, &Path), begun: &Path, delay: Duration) -> u64 {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(variable, value)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || {
        let numbers = output.lines().map_while(Result::ok).filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
        numbers.last().unwrap_or(0)
    });
    let started = Instant::now();
    while !begun.exists() && started.elapsed() < Duration::from_secs(30) {
        thread::sleep(Duration::from_micros(200));
    }
    thread::sleep(delay);
    assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

fn check(dir: &Path, acknowledged: u64) -> u64 {
    if Store::exists(dir)
        && let Ok(store) = open(dir, Access::Read)
    {
        check_state(&store, acknowledged);
    }
    let store = open(dir, Access::Write).unwrap();
    let version = check_state(&store, acknowledged);
    check_keys(&store);
    for old in 0..=version + 1 {
        let found = holding(dir, format!("secret-{old}."));
        assert_eq!(found.is_empty(), old != version || version == 0, "version {version}, secret {old}: {found:?}");
    }
    let blobs = dir.join("blobs");
    let count = if blobs.exists() { files(&blobs).len() } else { 0 };
    assert_eq!(count, if version == 0 { 0 } else { 5 }, "a blob is left over or missing");
    assert_eq!(fs::metadata(dir.join("untrain.db-wal")).unwrap().len(), 0);
    version
}

/// Checks that no key is left but that of the epoch, and one that was made for the next epoch and not used.
fn check_keys(store: &Store) {
    let epochs = store.epochs().unwrap();
    let current = epochs.last().unwrap().number;
    assert!(epochs.iter().all(|epoch| epoch.current == (epoch.number == current) && epoch.destroyed != epoch.current));
    let keys = store.path().join("keys");
    let left: Vec<_> = files(&keys).into_iter().filter(|path| !path.ends_with(format!("epoch-{}", current + 1))).collect();
    assert_eq!(left, [keys.join(format!("epoch-{current}"))]);
}

/// Checks that the state is one version in all its rows, that its bytes are there, and that it is not older than promised.
fn check_state(store: &Store, acknowledged: u64) -> u64 {
    let Ok(row) = store.dataset("adults") else {
        assert_eq!(acknowledged, 0, "acknowledged commits are lost");
        return 0;
    };
    let trained = store.model("forest").unwrap();
    assert!(row.version == acknowledged || row.version == acknowledged + 1, "version {} after {acknowledged}", row.version);
    assert_eq!(trained.version, row.version);
    assert_eq!(store.requests().unwrap().len() as u64, row.version);
    assert_eq!(store.history("forest").unwrap().len() as u64, row.version);
    for digest in row.parts.iter().map(|part| &part.digest).chain([&trained.artefact, &trained.state]) {
        store.blob(digest).unwrap();
    }
    row.version
}

//! What does it cost to put bytes into a store, to commit what refers to them and to have the old ones erased, and to read them?
//!
//! `cargo run --release -p untrain-ledger --example store [-- DIR]` works in DIR or in a temporary directory. For each size it
//! replaces one part of a dataset, the artefact and the state of a model, as a request to forget does, and prints the median
//! times of a round: putting three blobs, committing, reading the three back. The line after it is what the disk alone takes for
//! those blobs: three files, each written, synced and renamed, and its directory synced.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use untrain_core::Digest;
use untrain_ledger::{Access, Change, DatasetRow, Event, ModelRow, Part, Store, Version};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let temporary = tempfile::tempdir()?;
    let dir = std::env::args().nth(1).map_or_else(|| temporary.path().to_owned(), Into::into);
    for (size, word, rounds) in [(10 << 10, "10 KiB", 60), (1 << 20, "1 MiB", 30), (10 << 20, "10 MiB", 12)] {
        let mut store = Store::open(&dir.join(size.to_string()), Access::Write, Duration::ZERO, &mut || ())?;
        let mut times = Times::default();
        for round in 1..=rounds {
            replace(&mut store, size, round, &mut times)?;
            times.plain.push(plain(&dir.join("plain"), size, round)?);
        }
        let Times { put, commit, read, plain } = times;
        let line = format!(
            "{word}: put {:.2} ms, commit {:.2} ms, read {:.2} ms; plain files {:.2} ms\n",
            median(put),
            median(commit),
            median(read),
            median(plain)
        );
        io::stdout().write_all(line.as_bytes())?;
    }
    Ok(())
}

/// Of each round, in milliseconds.
#[derive(Default)]
struct Times {
    put: Vec<f64>,
    commit: Vec<f64>,
    read: Vec<f64>,
    plain: Vec<f64>,
}

fn replace(store: &mut Store, size: usize, round: u64, times: &mut Times) -> Outcome {
    let contents = contents(size, round);
    let started = Instant::now();
    let digests = contents.iter().map(|bytes| store.put(bytes)).collect::<Result<Vec<_>, _>>()?;
    times.put.push(ms(started));
    let change = change(&digests, round)?;
    let started = Instant::now();
    let committed = store.commit(&change)?;
    times.commit.push(ms(started));
    assert!(committed.unfinished.is_none());
    let started = Instant::now();
    for (digest, bytes) in digests.iter().zip(&contents) {
        assert!(store.blob(digest)? == *bytes);
    }
    times.read.push(ms(started));
    Ok(())
}

/// Bytes that differ in every round.
fn contents(size: usize, round: u64) -> [Vec<u8>; 3] {
    std::array::from_fn(|which| {
        let mut state = round * 3 + which as u64 + 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()
        };
        (0..size / 8).flat_map(|_| next()).collect()
    })
}

fn change(digests: &[Digest], version: u64) -> Outcome<Change> {
    let dataset = DatasetRow {
        name: "adults".parse()?,
        version,
        schema: "{}".to_owned(),
        records: 1,
        parts: vec![Part { index: 0, digest: digests[0], records: 1 }],
        commitment: None,
        created_ms: 0,
    };
    let model = ModelRow {
        name: "forest".parse()?,
        dataset: "adults".parse()?,
        version,
        recipe: "{}".to_owned(),
        artefact: digests[1],
        state: digests[2],
        records: 1,
        guarantee: "{}".to_owned(),
        seconds: 0.0,
        total_seconds: 0.0,
        created_ms: 0,
    };
    Ok(Change { replace: true, datasets: vec![dataset], models: vec![Version { model, event: Event::Forget }], ..Change::default() })
}

fn plain(dir: &Path, size: usize, round: u64) -> Outcome<f64> {
    let contents = contents(size, round);
    fs::create_dir_all(dir)?;
    let started = Instant::now();
    for (i, bytes) in contents.iter().enumerate() {
        let mut file = File::create(dir.join("tmp"))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(dir.join("tmp"), dir.join(i.to_string()))?;
        File::open(dir)?.sync_all()?;
    }
    Ok(ms(started))
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

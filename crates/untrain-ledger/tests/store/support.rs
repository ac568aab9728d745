//! What the tests of the store share: rows with something in every field, and a search through every byte of a directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use untrain_core::Digest;
use untrain_ledger::{
    Access, BucketRow, Change, Committing, DatasetRow, Event, Hash, ModelRow, Operation, Part, Request, Result, State, Store, Version,
};

pub(crate) fn open(dir: &Path, access: Access) -> Result<Store> {
    Store::open(dir, access, Duration::ZERO, &mut || ())
}

/// Commits and insists that nothing old is left.
pub(crate) fn commit(store: &mut Store, change: &Change) -> Result<Vec<Digest>> {
    let committed = store.commit(change)?;
    assert!(committed.unfinished.is_none(), "{:?}", committed.unfinished);
    Ok(committed.erased)
}

pub(crate) fn dataset(store: &Store, name: &str, version: u64, parts: &[&str]) -> DatasetRow {
    let part = |(index, text): (usize, &&str)| Part { index: index as u32, digest: store.put(text.as_bytes()).unwrap(), records: 10 };
    DatasetRow {
        name: name.parse().unwrap(),
        version,
        schema: format!(r#"{{"columns":["{name}"]}}"#),
        records: 10 * parts.len() as u64,
        parts: parts.iter().enumerate().map(part).collect(),
        commitment: Some(Committing { root: Hash([7; 32]), bits: 3, buckets: vec![bucket(store, version)] }),
        created_ms: 1_700_000_000_000,
    }
}

fn bucket(store: &Store, version: u64) -> BucketRow {
    BucketRow { prefix: 5, digest: store.put(format!("commitments {version}").as_bytes()).unwrap(), root: Hash([8; 32]) }
}

pub(crate) fn model(store: &Store, name: &str, dataset: &str, version: u64, event: Event) -> Version {
    let model = ModelRow {
        name: name.parse().unwrap(),
        dataset: dataset.parse().unwrap(),
        version,
        recipe: r#"{"learner":"forest","seed":7}"#.to_owned(),
        artefact: store.put(format!("artefact {name} {version}").as_bytes()).unwrap(),
        state: store.put(format!("state {name} {version}").as_bytes()).unwrap(),
        records: 20,
        guarantee: r#"{"kind":"exact"}"#.to_owned(),
        seconds: 0.125,
        total_seconds: 0.5,
        created_ms: 1_700_000_000_001,
    };
    Version { model, event }
}

pub(crate) fn request(dataset: &str, operation: Operation) -> Request {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    Request {
        id: format!("r-{since:x}-{}", MADE.fetch_add(1, Ordering::Relaxed)).parse().unwrap(),
        key: None,
        operation,
        dataset: dataset.parse().unwrap(),
        state: State::Closed,
        records: 3,
        facts: r#"{"regime":"gdpr"}"#.to_owned(),
        report: r#"{"forgotten":3}"#.to_owned(),
        created_ms: 1_700_000_000_002,
    }
}

/// Every file under `dir`.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The files under `dir` that hold `marker`.
pub(crate) fn holding(dir: &Path, marker: &str) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| fs::read(path).unwrap().windows(marker.len()).any(|window| window == marker.as_bytes());
    files(dir).into_iter().filter(holds).collect()
}

pub(crate) fn blob_path(dir: &Path, digest: &Digest) -> PathBuf {
    let hex = digest.to_string();
    dir.join("blobs").join(&hex[..2]).join(&hex[2..])
}

//! What the tests of the store share: rows with something in every field, and a search through every byte of a directory.

use std::collections::BTreeSet;
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
pub(crate) fn holding(dir: &Path, marker: impl AsRef<[u8]>) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| contains(&fs::read(path).unwrap(), marker.as_ref());
    files(dir).into_iter().filter(holds).collect()
}

pub(crate) fn contains(bytes: &[u8], marker: &[u8]) -> bool {
    bytes.windows(marker.len()).any(|window| window == marker)
}

/// The digests of all blobs that rows refer to.
pub(crate) fn referenced(store: &Store) -> BTreeSet<Digest> {
    let parts = store.datasets().unwrap().into_iter().flat_map(|row| row.parts).map(|part| part.digest);
    parts.chain(store.models().unwrap().into_iter().flat_map(|row| [row.artefact, row.state])).collect()
}

/// How many blobs hold `marker` once they are decrypted.
pub(crate) fn decrypted_holding(store: &Store, marker: impl AsRef<[u8]>) -> usize {
    let holds = |digest: &&Digest| contains(&store.blob(digest).unwrap(), marker.as_ref());
    referenced(store).iter().filter(holds).count()
}

/// The file of a blob: that of its row, or else the one file that belongs to no row.
pub(crate) fn blob_path(dir: &Path, digest: &Digest) -> PathBuf {
    let blobs = dir.join("blobs");
    let named = |name: &str| blobs.join(&name[..2]).join(&name[2..]);
    let rows: Vec<(String, String)> = query(dir, "SELECT digest, file FROM blob_key", |row| (row.get(0).unwrap(), row.get(1).unwrap()));
    if let Some((_, file)) = rows.iter().find(|(of, _)| *of == digest.to_string()) {
        return named(file);
    }
    let others: Vec<PathBuf> = files(&blobs).into_iter().filter(|path| !rows.iter().any(|(_, file)| named(file) == *path)).collect();
    assert_eq!(others.len(), 1, "{others:?}");
    others[0].clone()
}

/// What is in the database, read without a lock and without a file being made.
pub(crate) fn query<T>(dir: &Path, sql: &str, read: fn(&rusqlite::Row<'_>) -> T) -> Vec<T> {
    let escaped = dir.join("untrain.db").to_str().unwrap().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_URI;
    let database = rusqlite::Connection::open_with_flags(format!("file://{escaped}?immutable=1"), flags).unwrap();
    let mut statement = database.prepare(sql).unwrap();
    statement.query_map([], |row| Ok(read(row))).unwrap().map(std::result::Result::unwrap).collect()
}

/// Does to the database what this program never would.
pub(crate) fn with_database(dir: &Path, sql: &str) {
    rusqlite::Connection::open(dir.join("untrain.db")).unwrap().execute_batch(sql).unwrap();
}

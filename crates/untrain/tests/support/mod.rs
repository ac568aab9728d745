//! What there is in a store, for tests that look for what there should not be.

use std::fs;
use std::path::Path;
use std::time::Duration;

use untrain::Access;
use untrain_ledger::Store;

/// The bytes of every blob of a store, decrypted.
pub(crate) fn blobs(dir: &Path) -> Vec<Vec<u8>> {
    let store = Store::open(dir, Access::Read, Duration::from_secs(10), &mut || ()).unwrap();
    let mut digests = Vec::new();
    for dataset in store.datasets().unwrap() {
        digests.extend(dataset.parts.iter().map(|part| part.digest));
        digests.extend(dataset.commitment.iter().flat_map(|commitment| &commitment.buckets).map(|bucket| bucket.digest));
    }
    digests.extend(store.models().unwrap().iter().flat_map(|model| [model.artefact, model.state]));
    for row in store.requests().unwrap() {
        digests.extend(store.held(row.number).unwrap());
        digests.extend(store.evidence(row.number).unwrap());
    }
    let count = files(&dir.join("blobs")).len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), count, "a blob that no row refers to");
    digests.iter().map(|digest| store.blob(digest).unwrap()).collect()
}

/// The bytes of every file under a folder.
pub(crate) fn files(dir: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(fs::read(&path).unwrap()) }
    }
    found
}

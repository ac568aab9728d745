//! The commitments to the records of a dataset: what the trail says of records without naming them.
//!
//! Each record has a random salt, which stands beside it in the store and is erased with it. The commitments themselves, which
//! say nothing without the salts, stand in buckets by their first bits, so that to forget a record reads and rewrites few.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::Array as _;
use rayon::prelude::*;
use untrain_core::{Dataset, Digest, Kind, Values};
use untrain_ledger::commitment::{Bucket, CommitmentSet, Opening, SALT_BYTES, Salt, SetHead, bucket_root};
use untrain_ledger::{BucketRow, Committing, Hash, Store};

use crate::Result;

/// About how many commitments a bucket holds when a dataset is imported.
const COMMITMENTS_PER_BUCKET: usize = 4096;

const HASH_BYTES: usize = 32;

/// The salts of a dataset's records, in the order of the records.
pub(crate) type Salts = Vec<[u8; SALT_BYTES]>;

/// Salts for `n` records.
pub(crate) fn draw(n: usize) -> Result<Salts> {
    Ok(Salt::generate_many(n)?)
}

/// The salts of `retained`, which is what is left of `data`, or `data` with others: records that were there keep theirs.
pub(crate) fn follow(data: &Dataset, salts: &Salts, retained: &Dataset) -> Result<Salts> {
    let mut fresh = draw(retained.len().saturating_sub(data.len()))?;
    let (mut followed, mut at) = (Vec::with_capacity(retained.len()), 0);
    // Both are in the order of their ids.
    for id in retained.ids().iter().flatten() {
        while at < data.len() && data.id(at) < id {
            at += 1;
        }
        if at < data.len() && data.id(at) == id {
            followed.push(salts[at]);
        } else {
            followed.push(fresh.pop().map_or_else(|| draw(1).map(|drawn| drawn[0]), Ok)?);
        }
    }
    Ok(followed)
}

/// The digest of a record's values.
///
/// It is over "untrain-row-v1\n" and, for each column that has a value, in the order of their names: the length of the name in
/// eight bytes, the most significant first, the name, and the value. A number is `n` and the eight bytes of its double, the least
/// significant first; truth is `b` and a byte; text is `t`, its length as above and its UTF-8; an image is `i`, its length as above and its canonical
/// bytes. Text in a column whose kind is
/// inferred counts as the number or the truth that it reads as, since it becomes one when the last other text leaves.
pub(crate) fn row_digest(data: &Dataset, i: usize) -> Digest {
    let mut bytes = b"untrain-row-v1\n".to_vec();
    for (place, column) in data.schema().columns.iter().enumerate() {
        if data.columns()[place].is_null(i) {
            continue;
        }
        sized(column.name.as_bytes(), &mut bytes);
        match data.values(place) {
            Values::Numbers(numbers) => number(numbers.value(i), &mut bytes),
            Values::Flags(flags) => bytes.extend([b'b', u8::from(flags.value(i))]),
            Values::Texts(texts) => text(texts.value(i), column.declared, &mut bytes),
            Values::Images(images) => {
                bytes.push(b'i');
                sized(images.value(i), &mut bytes);
            }
        }
    }
    Digest::of(&bytes)
}

fn sized(field: &[u8], out: &mut Vec<u8>) {
    out.extend((field.len() as u64).to_be_bytes());
    out.extend(field);
}

fn number(value: f64, out: &mut Vec<u8>) {
    out.push(b'n');
    // Zero has two signs and is one number.
    out.extend((value + 0.0).to_le_bytes());
}

fn text(value: &str, declared: bool, out: &mut Vec<u8>) {
    if !declared {
        if let Some(truth) = Kind::boolean(value) {
            return out.extend([b'b', u8::from(truth)]);
        }
        if let Some(value) = Kind::number(value).filter(|value| value.is_finite()) {
            return number(value, out);
        }
    }
    out.push(b't');
    sized(value.as_bytes(), out);
}

/// The commitment to a record.
pub(crate) fn commitment(dataset: &str, data: &Dataset, i: usize, salt: &[u8; SALT_BYTES]) -> Hash {
    Opening { tenant: "", dataset, record: data.id(i).as_bytes(), row: &row_digest(data, i) }.commit(&Salt::from_bytes(*salt))
}

/// The commitments to all records, in their order.
pub(crate) fn all(dataset: &str, data: &Dataset, salts: &Salts) -> Vec<Hash> {
    (0..data.len()).into_par_iter().map(|i| commitment(dataset, data, i, &salts[i])).collect()
}

/// The commitments to the records with these ids, in order.
pub(crate) fn of(dataset: &str, data: &Dataset, salts: &Salts, ids: &[String]) -> Vec<Hash> {
    let places: Vec<usize> = ids.iter().filter_map(|id| data.position(id)).collect();
    let mut commitments: Vec<Hash> = places.into_par_iter().map(|i| commitment(dataset, data, i, &salts[i])).collect();
    commitments.sort_unstable();
    commitments
}

/// Stores the commitments of a dataset.
pub(crate) fn store(store: &Store, commitments: &[Hash]) -> Result<Committing> {
    let bits = commitments.len().div_ceil(COMMITMENTS_PER_BUCKET).next_power_of_two().ilog2() as u8;
    let mut buckets: BTreeMap<u32, Vec<Hash>> = BTreeMap::new();
    commitments.iter().for_each(|commitment| buckets.entry(prefix(commitment, bits)).or_default().push(*commitment));
    let buckets = buckets.into_iter().map(|(prefix, bucket)| {
        let root = bucket_root(&bucket);
        put(store, prefix, bucket, root)
    });
    let buckets: Vec<BucketRow> = buckets.filter_map(Result::transpose).collect::<Result<_>>()?;
    let root = CommitmentSet::new(commitments.iter().copied()).head().root;
    Ok(Committing { root, bits, buckets })
}

/// What a change of a dataset does to its commitment.
pub(crate) struct Revised {
    /// The commitments that left, in order.
    pub(crate) left: Vec<Hash>,
    /// The commitment afterwards.
    pub(crate) committing: Committing,
    pub(crate) before: SetHead,
    pub(crate) after: SetHead,
    /// The set before, in which what leaves can be seen.
    pub(crate) excerpt: CommitmentSet,
}

/// Takes commitments out of a set that is stored, and puts others in.
pub(crate) fn revise(store: &Store, old: &Committing, size: u64, left: Vec<Hash>, joining: &[Hash]) -> Result<Revised> {
    let leaving = &left[..];
    let touched: BTreeSet<u32> = leaving.iter().chain(joining).map(|commitment| prefix(commitment, old.bits)).collect();
    let mut loaded: BTreeMap<u32, Vec<Hash>> = BTreeMap::new();
    for row in old.buckets.iter().filter(|row| touched.contains(&row.prefix)) {
        loaded.insert(row.prefix, read(store, row)?);
    }
    let buckets = old.buckets.iter().map(|row| {
        let bucket = loaded.get(&row.prefix).map_or(Bucket::Known(row.root), |commitments| Bucket::Loaded(commitments));
        (row.prefix, bucket)
    });
    let mut set = CommitmentSet::from_buckets(old.bits, buckets, size).map_err(untrain_ledger::Error::from)?;
    let (before, excerpt) = (set.head(), set.excerpt(leaving));
    set.remove(leaving).and_then(|()| set.insert(joining)).map_err(untrain_ledger::Error::from)?;
    let gone: BTreeSet<&Hash> = leaving.iter().collect();
    let mut rows: Vec<BucketRow> = old.buckets.iter().filter(|row| !touched.contains(&row.prefix)).copied().collect();
    for index in touched {
        let stays = loaded.remove(&index).unwrap_or_default().into_iter().filter(|commitment| !gone.contains(commitment));
        let joins = joining.iter().copied().filter(|commitment| prefix(commitment, old.bits) == index);
        let root = set.bucket_root(old.bits, index);
        rows.extend(put(store, index, stays.chain(joins).collect(), root)?);
    }
    rows.sort_unstable_by_key(|row| row.prefix);
    let after = set.head();
    Ok(Revised { committing: Committing { root: after.root, bits: old.bits, buckets: rows }, before, after, excerpt, left })
}

/// Stores a bucket that has this root, if it holds anything.
fn put(store: &Store, prefix: u32, mut bucket: Vec<Hash>, root: Option<Hash>) -> Result<Option<BucketRow>> {
    bucket.sort_unstable();
    let Some(root) = root else { return Ok(None) };
    let bytes: Vec<u8> = bucket.iter().flat_map(|commitment| commitment.0).collect();
    Ok(Some(BucketRow { prefix, digest: store.put(&bytes)?, root }))
}

fn read(store: &Store, row: &BucketRow) -> Result<Vec<Hash>> {
    let bytes = store.blob(&row.digest)?;
    Ok(bytes.chunks_exact(HASH_BYTES).filter_map(|chunk| chunk.try_into().ok()).map(Hash).collect())
}

/// The first bits of a commitment.
fn prefix(commitment: &Hash, bits: u8) -> u32 {
    let first = u64::from(u32::from_be_bytes([commitment.0[0], commitment.0[1], commitment.0[2], commitment.0[3]]));
    (first >> (32 - bits)) as u32
}

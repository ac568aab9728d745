//! Merkle trees of logs, as RFC 6962 has them: tree heads, proofs, and their verification.
//!
//! A proof is made from the hashes of complete subtrees, so whoever has those ([`Subtrees`]) can make any proof without the
//! entries: [`MemoryTree`] keeps them in memory, and a log on a disk reads them from its tiles.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{Hash, Refusal};

/// The hash of a leaf: SHA-256 of the byte 0 and the entry.
///
/// # References
///
/// \[@rfc6962, section 2.1].
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash::of(&[&[0], entry])
}

/// The hash of an inner node: SHA-256 of the byte 1 and both children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash::of(&[&[1], &left.0, &right.0])
}

/// The root of the tree without entries: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Hash::of(&[])
}

/// The head of a tree: how many entries it has, and its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeHead {
    /// The number of entries.
    pub size: u64,
    /// The hash over all of them.
    pub root: Hash,
}

/// The hashes of complete subtrees: what proofs are made of.
pub trait Subtrees {
    /// What reading a hash can fail with.
    type Error;

    /// The hash of the complete subtree over the 2^`level` entries from `index` · 2^`level` on.
    ///
    /// # Errors
    ///
    /// What the source fails with; it is never asked beyond the size that the caller passed to the functions here.
    fn subtree(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// The root of the tree over the first `size` entries.
///
/// # Errors
///
/// Those of `subtrees`.
pub fn root<S: Subtrees + ?Sized>(subtrees: &S, size: u64) -> Result<Hash, S::Error> {
    if size == 0 { Ok(empty_root()) } else { range(subtrees, 0, size) }
}

/// The proof that the entry at `index` is in the tree over the first `size` entries: from the leaf's sibling upwards.
///
/// `index` has to be less than `size`; the proof is empty otherwise and verifies for nothing.
///
/// # Errors
///
/// Those of `subtrees`.
///
/// # References
///
/// \[@rfc6962, section 2.1.1].
pub fn inclusion_proof<S: Subtrees + ?Sized>(subtrees: &S, index: u64, size: u64) -> Result<Vec<Hash>, S::Error> {
    siblings(index, size).into_iter().map(|Range { start, end }| range(subtrees, start, end)).collect()
}

/// The proof that the tree over the first `new` entries continues the tree over the first `old` ones.
///
/// It is empty where one size is 0, where both are equal, and where `old` is more than `new`.
///
/// # Errors
///
/// Those of `subtrees`.
///
/// # References
///
/// \[@rfc6962, section 2.1.2].
pub fn consistency_proof<S: Subtrees + ?Sized>(subtrees: &S, old: u64, new: u64) -> Result<Vec<Hash>, S::Error> {
    let mut proof = Vec::new();
    if old == 0 || old >= new {
        return Ok(proof);
    }
    let (mut low, mut high) = (0, new);
    // The old tree's right edge is followed down to the subtree that ends where it ends.
    while high != old {
        let middle = low + split(high - low);
        if old <= middle {
            proof.push(range(subtrees, middle, high)?);
            high = middle;
        } else {
            proof.push(range(subtrees, low, middle)?);
            low = middle;
        }
    }
    // The verifier knows that subtree where it is the whole old tree.
    if low > 0 {
        proof.push(range(subtrees, low, high)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that a leaf is at `index` in the tree of a head.
///
/// # Errors
///
/// [`Refusal::NotIncluded`].
///
/// # Complexity
///
/// One hash for each of the log₂ `size` levels.
///
/// # References
///
/// The algorithm of \[@rfc9162, section 2.1.3.2].
pub fn verify_inclusion(leaf: Hash, index: u64, head: &TreeHead, proof: &[Hash]) -> Result<(), Refusal> {
    let refuse = |reason| Refusal::NotIncluded { index, size: head.size, reason };
    if index >= head.size {
        return Err(refuse("the tree has not so many entries"));
    }
    let (mut node, mut last, mut hash) = (index, head.size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return Err(refuse("the proof is too long"));
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(refuse("the proof is too short"));
    }
    if hash == head.root { Ok(()) } else { Err(refuse("the proof leads to another root")) }
}

/// The proof that the entries of `entries` are in the tree over the first `size` entries: the hashes of the largest subtrees without
/// any of them, from left to right.
///
/// `entries` has to end by `size`, and to hold one at least; the proof verifies for nothing otherwise.
///
/// # Errors
///
/// Those of `subtrees`.
pub fn range_proof<S: Subtrees + ?Sized>(subtrees: &S, entries: &Range<u64>, size: u64) -> Result<Vec<Hash>, S::Error> {
    let mut proof = Vec::new();
    if !entries.is_empty() && entries.end <= size {
        fold(0..size, entries, &mut |beside| match beside {
            Some(Range { start, end }) => {
                let hash = range(subtrees, start, end)?;
                proof.push(hash);
                Ok(hash)
            }
            None => Ok(empty_root()),
        })?;
    }
    Ok(proof)
}

/// Checks that leaves stand side by side in the tree of a head, from index `first` on.
///
/// # Errors
///
/// [`Refusal::NotIncluded`], also for no leaf.
///
/// # Complexity
///
/// A hash for each leaf, and two for each of the log₂ `size` levels.
pub fn verify_range(leaves: &[Hash], first: u64, head: &TreeHead, proof: &[Hash]) -> Result<(), Refusal> {
    let refuse = |reason| Refusal::NotIncluded { index: first, size: head.size, reason };
    let end = first.checked_add(leaves.len() as u64).filter(|end| *end <= head.size && !leaves.is_empty());
    let end = end.ok_or_else(|| refuse("the tree has not so many entries"))?;
    let (mut leaves, mut rest) = (leaves.iter(), proof.iter());
    let found = fold(0..head.size, &(first..end), &mut |beside| {
        let hash = if beside.is_some() { rest.next() } else { leaves.next() };
        hash.copied().ok_or_else(|| refuse("the proof is too short"))
    })?;
    if rest.next().is_some() {
        return Err(refuse("the proof is too long"));
    }
    if found == head.root { Ok(()) } else { Err(refuse("the proof leads to another root")) }
}

/// Checks that the tree of one head continues the tree of an earlier one.
///
/// # Errors
///
/// [`Refusal::Forked`] for two roots of one size; [`Refusal::Rollback`] if the new tree is smaller;
/// [`Refusal::NotConsistent`].
///
/// # References
///
/// The algorithm of \[@rfc9162, section 2.1.4.2].
pub fn verify_consistency(old: &TreeHead, new: &TreeHead, proof: &[Hash]) -> Result<(), Refusal> {
    let refuse = |reason| Refusal::NotConsistent { old: old.size, new: new.size, reason };
    if new.size < old.size {
        return Err(Refusal::Rollback { last: old.size, offered: new.size });
    }
    if old.size == new.size && old.root != new.root {
        return Err(Refusal::Forked { size: old.size, first: old.root, second: new.root });
    }
    if old.size == 0 && old.root != empty_root() {
        return Err(refuse("the earlier root is not the root of no entries"));
    }
    if old.size == 0 || old.size == new.size {
        return if proof.is_empty() { Ok(()) } else { Err(refuse("the proof should be empty")) };
    }
    // Where the old tree is a complete subtree of the new one, the proof starts from its root.
    let mut rest = proof.iter();
    let seed = if old.size.is_power_of_two() { Some(&old.root) } else { rest.next() };
    let Some(seed) = seed else { return Err(refuse("the proof is too short")) };
    let (mut node, mut last) = (old.size - 1, new.size - 1);
    let shift = node.trailing_ones();
    node >>= shift;
    last >>= shift;
    let (mut old_hash, mut new_hash) = (*seed, *seed);
    for sibling in rest {
        if last == 0 {
            return Err(refuse("the proof is too long"));
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(refuse("the proof is too short"));
    }
    if old_hash != old.root {
        return Err(refuse("the proof does not lead to the earlier root: the log was rewritten"));
    }
    if new_hash == new.root { Ok(()) } else { Err(refuse("the proof leads to another root")) }
}

/// A tree in memory: the hashes of all its complete subtrees.
///
/// # Examples
///
/// ```
/// use untrain_ledger::merkle::{self, MemoryTree};
///
/// let mut tree = MemoryTree::default();
/// for entry in [b"one", b"two", b"six"] {
///     tree.push(merkle::leaf_hash(entry));
/// }
/// let head = tree.head();
/// let proof = tree.inclusion_proof(1);
/// merkle::verify_inclusion(merkle::leaf_hash(b"two"), 1, &head, &proof)?;
/// assert!(merkle::verify_inclusion(merkle::leaf_hash(b"ten"), 1, &head, &proof).is_err());
/// # Ok::<(), untrain_ledger::Refusal>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    /// By level, from the leaves up, the complete subtrees from left to right.
    levels: Vec<Vec<Hash>>,
}

impl MemoryTree {
    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(hash);
            let n = row.len();
            if n % 2 == 1 {
                return;
            }
            hash = node_hash(&row[n - 2], &row[n - 1]);
        }
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// The head over all leaves.
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size(), root: infallible(root(self, self.size())) }
    }

    /// The proof that the leaf at `index` is in the tree.
    pub fn inclusion_proof(&self, index: u64) -> Vec<Hash> {
        infallible(inclusion_proof(self, index, self.size()))
    }

    /// The proof that the leaves of `entries` are in the tree.
    pub fn range_proof(&self, entries: &Range<u64>) -> Vec<Hash> {
        infallible(range_proof(self, entries, self.size()))
    }

    /// The proof that the tree continues its first `old` leaves.
    pub fn consistency_proof(&self, old: u64) -> Vec<Hash> {
        infallible(consistency_proof(self, old, self.size()))
    }
}

impl Subtrees for MemoryTree {
    type Error = std::convert::Infallible;

    fn subtree(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        Ok(self.levels[usize::from(level)][index as usize])
    }
}

/// The ranges of entries that the hashes of an inclusion proof are over, in the order of the proof.
pub(crate) fn siblings(index: u64, size: u64) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let (mut low, mut high) = (0, size);
    while index < size && high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            ranges.push(middle..high);
            high = middle;
        } else {
            ranges.push(low..middle);
            low = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// The hash over the entries of `tree`, by asking for the leaves that lie in `entries`, with nothing, and for the largest subtrees that lie
/// beside them, with their range: in the order in which they stand in the tree.
fn fold<E>(tree: Range<u64>, entries: &Range<u64>, ask: &mut dyn FnMut(Option<Range<u64>>) -> Result<Hash, E>) -> Result<Hash, E> {
    let Range { start, end } = tree;
    if end <= entries.start || start >= entries.end {
        return ask(Some(tree));
    }
    if end - start == 1 {
        return ask(None);
    }
    let middle = start + split(end - start);
    let left = fold(start..middle, entries, ask)?;
    Ok(node_hash(&left, &fold(middle..end, entries, ask)?))
}

/// The hash over the entries from `low` to `high`, where `low` is a multiple of the largest power of two in the range.
fn range<S: Subtrees + ?Sized>(subtrees: &S, low: u64, high: u64) -> Result<Hash, S::Error> {
    let width = high - low;
    if width.is_power_of_two() {
        return subtrees.subtree(width.trailing_zeros() as u8, low >> width.trailing_zeros());
    }
    let middle = low + split(width);
    Ok(node_hash(&range(subtrees, low, middle)?, &range(subtrees, middle, high)?))
}

/// The largest power of two that is less than `width`, which is at least 2.
fn split(width: u64) -> u64 {
    1 << (u64::BITS - 1 - (width - 1).leading_zeros())
}

fn infallible<T>(result: Result<T, std::convert::Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

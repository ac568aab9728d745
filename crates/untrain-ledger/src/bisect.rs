//! Where do two runs of one training part? A tree over its checkpoints, and a search that asks for few of them.
//!
//! A training that keeps checkpoints commits to them: the tree of RFC 6962 ([`merkle`]) whose i-th entry is the 32
//! bytes of the digest of the i-th checkpoint. Its head stands in the `checkpoints` of train and erasure statements. Whoever
//! replays the training and gets another head need not send all checkpoints to show who is wrong: [`first_difference`] finds
//! the first one that differs, with proofs against both heads, and then one span of the training settles the dispute. Span i
//! leads from checkpoint i − 1, or from the start, to checkpoint i.
//!
//! The proof of one checkpoint holds the hashes of all subtrees beside it. So the proofs of the same checkpoint by both parties
//! show the leftmost of these subtrees that differs, and the search goes on in it: its width halves with every question.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use untrain_core::Digest;

use crate::merkle::{self, MemoryTree, TreeHead};
use crate::{Hash, Refusal};

/// The checkpoints of a training that this party has run.
///
/// # Examples
///
/// ```
/// use untrain_core::Digest;
/// use untrain_ledger::bisect::{Party, Trail, first_difference};
///
/// let ours = Trail::new((0..1000_u32).map(|i| Digest::of(&i.to_le_bytes())).collect());
/// let theirs = Trail::new((0..1000_u32).map(|i| Digest::of(&i.min(700).to_le_bytes())).collect());
/// let mut questions = 0;
/// let mut ask = |i| { questions += 1; theirs.show(i) };
/// let parting = first_difference(
///     Party { head: ours.head(), show: &mut |i| ours.show(i) },
///     Party { head: theirs.head(), show: &mut ask },
/// )?;
/// assert_eq!(parting.map(|parting| parting.index), Some(701));
/// assert!(questions <= 12);
/// # Ok::<(), untrain_ledger::Refusal>(())
/// ```
#[derive(Debug, Clone)]
pub struct Trail {
    digests: Vec<Digest>,
    tree: MemoryTree,
}

/// A checkpoint's digest, and the proof that it is in a party's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The digest.
    pub digest: Digest,
    /// The hashes from the leaf's sibling upwards.
    pub path: Vec<Hash>,
}

/// Checkpoints side by side, and the proof that they are in a party's tree: what a replay of a part shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The index of the first one.
    pub first: u64,
    /// Their digests, in order.
    pub digests: Vec<Digest>,
    /// The hashes of the largest subtrees without any of them, from left to right.
    pub proof: Vec<Hash>,
}

/// A party that can be asked for its checkpoints, in memory or far away.
pub struct Party<'a> {
    /// The head that the party has committed to.
    pub head: TreeHead,
    /// Shows the checkpoint at an index.
    pub show: &'a mut dyn FnMut(u64) -> Result<Shown, Refusal>,
}

/// Where two parties part. All that is shown has been verified against their heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parting {
    /// The first checkpoint that differs, which is also the span that leads to it.
    pub index: u64,
    /// The checkpoint before, by both parties; none if the first checkpoint differs.
    pub agreed: Option<[Shown; 2]>,
    /// The checkpoint that differs, by both parties.
    pub parted: [Shown; 2],
}

impl Trail {
    /// The trail of these checkpoints, in the order in which they were taken.
    pub fn new(digests: Vec<Digest>) -> Self {
        let mut tree = MemoryTree::default();
        digests.iter().for_each(|digest| tree.push(merkle::leaf_hash(digest.as_bytes())));
        Self { digests, tree }
    }

    /// What train and erasure statements carry.
    pub fn head(&self) -> TreeHead {
        self.tree.head()
    }

    /// The checkpoint at an index, with its proof.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotIncluded`] beyond the last one.
    pub fn show(&self, index: u64) -> Result<Shown, Refusal> {
        let digest = usize::try_from(index).ok().and_then(|index| self.digests.get(index));
        let beyond = Refusal::NotIncluded { index, size: self.tree.size(), reason: "the tree has not so many entries" };
        Ok(Shown { digest: *digest.ok_or(beyond)?, path: self.tree.inclusion_proof(index) })
    }
}

impl Trail {
    /// The checkpoints of `spans`, with the proof that they are in the tree.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotIncluded`] for no span, and for one beyond the last.
    pub fn part(&self, spans: Range<u64>) -> Result<Part, Refusal> {
        let places = usize::try_from(spans.start).ok().zip(usize::try_from(spans.end).ok());
        let digests = places.and_then(|(start, end)| self.digests.get(start..end)).filter(|digests| !digests.is_empty());
        let beyond = Refusal::NotIncluded { index: spans.start, size: self.tree.size(), reason: "the tree has not so many entries" };
        Ok(Part { first: spans.start, digests: digests.ok_or(beyond)?.to_vec(), proof: self.tree.range_proof(&spans) })
    }
}

impl Part {
    /// Checks that the checkpoints are those of the tree with this head.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotIncluded`].
    pub fn verify(&self, head: &TreeHead) -> Result<(), Refusal> {
        let leaves: Vec<Hash> = self.digests.iter().map(|digest| merkle::leaf_hash(digest.as_bytes())).collect();
        merkle::verify_range(&leaves, self.first, head, &self.proof)
    }

    /// The spans that lead to the checkpoints.
    pub fn spans(&self) -> Range<u64> {
        self.first..self.first.saturating_add(self.digests.len() as u64)
    }
}

impl Shown {
    /// Checks that the checkpoint is at an index of the tree with this head.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotIncluded`].
    pub fn verify(&self, index: u64, head: &TreeHead) -> Result<(), Refusal> {
        merkle::verify_inclusion(merkle::leaf_hash(self.digest.as_bytes()), index, head, &self.path)
    }
}

/// Finds the first checkpoint in which two parties differ; none if their trees are the same.
///
/// # Errors
///
/// [`Refusal::Malformed`] if one has more checkpoints than the other, since their number follows from the recipe;
/// [`Refusal::NotIncluded`] if a party shows what is not in its tree; whatever a party fails with.
///
/// # Complexity
///
/// Asks each party at most log₂ n + 2 times.
///
/// # References
///
/// The dispute of \[@srivastava2024], whose verifier descends level by level.
pub fn first_difference<'a>(first: Party<'a>, second: Party<'a>) -> Result<Option<Parting>, Refusal> {
    let size = first.head.size;
    if size != second.head.size {
        let reason = format!("one party has {size} checkpoints and the other {}", second.head.size);
        return Err(Refusal::malformed("trail of checkpoints", reason));
    }
    if first.head.root == second.head.root {
        return Ok(None);
    }
    let mut parties = [first, second];
    let mut ask = |index: u64| -> Result<[Shown; 2], Refusal> {
        let [first, second] = &mut parties;
        let shown = [(first.show)(index)?, (second.show)(index)?];
        shown[0].verify(index, &first.head)?;
        shown[1].verify(index, &second.head)?;
        Ok(shown)
    };
    // The leftmost difference is at `index` or right of it, and within the subtree that ends before `end`.
    let (mut index, mut end) = (0, size);
    loop {
        let shown = ask(index)?;
        if shown[0].digest != shown[1].digest {
            let agreed = if index == 0 { None } else { Some(ask(index - 1)?) };
            if agreed.as_ref().is_some_and(|agreed| agreed[0].digest != agreed[1].digest) {
                return Err(contradiction());
            }
            return Ok(Some(Parting { index, agreed, parted: shown }));
        }
        let beside = merkle::siblings(index, size);
        let differs = beside.iter().zip(shown[0].path.iter().zip(&shown[1].path)).find(|(range, (a, b))| {
            // From the leaf upwards these lie further and further right.
            range.start > index && range.end <= end && a != b
        });
        let (range, _) = differs.ok_or_else(contradiction)?;
        (index, end) = (range.start, range.end);
    }
}

/// Trees with other roots differ somewhere: only a broken hash function leads here.
fn contradiction() -> Refusal {
    Refusal::malformed("trail of checkpoints", "two trees with other roots have the same entries")
}

impl std::fmt::Debug for Party<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Party").field("head", &self.head).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trail(numbers: impl IntoIterator<Item = u32>) -> Trail {
        Trail::new(numbers.into_iter().map(|n| Digest::of(&n.to_le_bytes())).collect())
    }

    /// The parting, and how often each party was asked.
    fn search(ours: &Trail, theirs: &Trail) -> (Option<Parting>, u32) {
        let (mut asked, mut answered) = (0, 0);
        let mut show_ours = |i| {
            asked += 1;
            ours.show(i)
        };
        let mut show_theirs = |i| {
            answered += 1;
            theirs.show(i)
        };
        let parties = [Party { head: ours.head(), show: &mut show_ours }, Party { head: theirs.head(), show: &mut show_theirs }];
        let [first, second] = parties;
        let found = first_difference(first, second).unwrap();
        assert_eq!(asked, answered);
        (found, asked)
    }

    #[test]
    fn every_first_difference_is_found_with_few_questions() {
        for size in [1_u32, 2, 3, 7, 8, 9, 100, 257] {
            let ours = trail(0..size);
            assert_eq!(search(&ours, &trail(0..size)).0, None);
            for at in 0..size {
                let theirs = trail((0..size).map(|i| if i < at { i } else { i + 1000 }));
                let (found, asked) = search(&ours, &theirs);
                let found = found.unwrap();
                assert_eq!(found.index, u64::from(at), "{size}");
                assert_eq!(found.agreed.is_some(), at > 0);
                assert!(asked <= size.ilog2() + 3, "{asked} questions of {size} for {at}");
            }
        }
    }

    #[test]
    fn a_party_that_shows_what_it_did_not_commit_to_is_refused() {
        let (ours, theirs, others) = (trail(0..20), trail(100..120), trail(200..220));
        let lying = Party { head: theirs.head(), show: &mut |i| others.show(i) };
        let error = first_difference(Party { head: ours.head(), show: &mut |i| ours.show(i) }, lying).unwrap_err();
        assert!(matches!(error, Refusal::NotIncluded { .. }), "{error}");
    }

    #[test]
    fn trails_of_other_lengths_are_not_of_one_training() {
        let (ours, theirs) = (trail(0..20), trail(0..21));
        let party = Party { head: theirs.head(), show: &mut |i| theirs.show(i) };
        let error = first_difference(Party { head: ours.head(), show: &mut |i| ours.show(i) }, party).unwrap_err();
        assert_eq!(error.to_string(), "the trail of checkpoints is malformed: one party has 20 checkpoints and the other 21");
    }

    proptest! {
        #[test]
        fn the_first_of_many_differences_is_found(size in 1_u32..300, changed in prop::collection::btree_set(0_u32..300, 1..6)) {
            let theirs = trail((0..size).map(|i| if changed.contains(&i) { i + 1000 } else { i }));
            let expected = changed.iter().copied().find(|i| *i < size).map(u64::from);
            prop_assert_eq!(search(&trail(0..size), &theirs).0.map(|parting| parting.index), expected);
        }
    }
}

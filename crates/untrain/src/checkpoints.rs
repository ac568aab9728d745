//! What the trail says of the checkpoints of a training.
//!
//! The digest of a checkpoint would give away the records of a small shard to whoever guesses them, as a hash of them would. So the
//! trail has it together with what only those know who hold the retained records with their salts, and that nobody knows any more
//! once one of these records is forgotten. What this hides too is which shards a request left as they were.

use untrain_core::Digest;
use untrain_ledger::Hash;
use untrain_ledger::bisect::Trail;

use crate::commitments::Salts;

/// The checkpoints of a training on records with these salts, as they stand in the trail; none for a training without.
///
/// The i-th entry is SHA-256("untrain-checkpoint-v1\n" ‖ SHA-256("untrain-checkpoints-v1\n" ‖ the salts of all records of the dataset,
/// in the order of their ids) ‖ i in eight bytes, the most significant first ‖ the digest of the checkpoint).
pub(crate) fn trail(digests: &[Digest], salts: &Salts) -> Option<Trail> {
    let blind = Hash::of(&[b"untrain-checkpoints-v1\n", salts.as_flattened()]);
    let entry = |(i, digest): (usize, &Digest)| {
        Digest::of(&[b"untrain-checkpoint-v1\n", &blind.0[..], &(i as u64).to_be_bytes(), digest.as_bytes()].concat())
    };
    (!digests.is_empty()).then(|| Trail::new(digests.iter().enumerate().map(entry).collect()))
}

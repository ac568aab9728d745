//! Randomness as a keyed hash: of a seed, a purpose and an id or a path, never a sequence.
//!
//! A sequential generator would make one deletion move every record after it. Here a record's randomness depends on nothing
//! but the seed and the record's own id.

use std::hash::Hasher as _;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher24;

/// The seed of a recipe: the key of every hash that a learner draws.
///
/// Keep it secret where requesters see the model's output: whoever knows the seed can choose requests that depend on the
/// randomness (Gupta et al. 2021, adaptive machine unlearning).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Seed(pub u64);

impl Seed {
    /// The keyed hash (SipHash-2-4) of `bytes` for one `purpose`; purposes are independent of each other.
    pub fn hash(self, purpose: u64, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.0, purpose);
        hasher.write(bytes);
        hasher.finish()
    }
}

/// Mixes two words into one that looks random: the finaliser of SplitMix64 over a multiply–xor of both.
///
/// This is the inner hash, for tree paths and grid cells; its inputs already carry a [`Seed`] through [`Seed::hash`].
#[inline]
pub fn mix(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xd134_2543_de82_ef95);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Maps a hash to [0, 1), on a grid of 2⁻⁵³.
#[inline]
pub fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// Maps a hash to one of `0..n`.
#[inline]
pub fn one_of(n: u32, hash: u64) -> u32 {
    ((u128::from(hash) * u128::from(n)) >> 64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_pinned() {
        // A change here changes every model ever trained: it needs a new format version.
        assert_eq!(Seed(0).hash(1, b"42"), 7_021_634_555_212_679_536);
        assert_eq!(mix(1, 2), 4_598_221_603_459_033_687);
    }

    #[test]
    fn purposes_are_independent() {
        assert_ne!(Seed(7).hash(1, b"a"), Seed(7).hash(2, b"a"));
        assert_ne!(Seed(7).hash(1, b"a"), Seed(8).hash(1, b"a"));
    }
}

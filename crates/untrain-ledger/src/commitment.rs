//! Commitments to records, and to sets of them: what the log says of a dataset without saying whose it is.
//!
//! A record's commitment is HMAC-SHA-256 under a salt of its own. Whoever has the salt and the record can show that the
//! commitment is the record's; without the salt, which lives where it can be erased, the commitment is 32 random bytes.
//!
//! A dataset's commitment is the root of a [`CommitmentSet`].

mod tree;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use untrain_core::Digest;
use zeroize::Zeroizing;

pub use self::tree::{Bucket, CommitmentSet, bucket_root};
use crate::{Error, Hash, Result};

/// What the HMAC's input starts with, so that it is no other protocol's.
const DOMAIN: &[u8] = b"untrain-commitment-v1\n";

/// How many bytes a salt has.
pub const SALT_BYTES: usize = 32;

/// The secret of one record's commitment; wiped from memory when it is dropped.
#[derive(Clone)]
pub struct Salt(Zeroizing<[u8; SALT_BYTES]>);

impl Salt {
    /// Draws a new salt from the system's randomness.
    ///
    /// # Errors
    ///
    /// [`Error::Randomness`].
    pub fn generate() -> Result<Self> {
        let mut salt = Zeroizing::new([0; SALT_BYTES]);
        getrandom::fill(salt.as_mut()).map_err(|error| Error::Randomness { reason: error.to_string() })?;
        Ok(Self(salt))
    }

    /// Draws the bytes of `n` salts at once.
    ///
    /// # Errors
    ///
    /// [`Error::Randomness`].
    pub fn generate_many(n: usize) -> Result<Vec<[u8; SALT_BYTES]>> {
        let mut salts = vec![[0; SALT_BYTES]; n];
        getrandom::fill(salts.as_flattened_mut()).map_err(|error| Error::Randomness { reason: error.to_string() })?;
        Ok(salts)
    }

    /// The salt with these bytes, as [`as_bytes`](Self::as_bytes) gave them.
    pub fn from_bytes(bytes: [u8; SALT_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the erasable store and for the receipt of the person concerned.
    pub fn as_bytes(&self) -> &[u8; SALT_BYTES] {
        &self.0
    }
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a salt")
    }
}

/// What a commitment is to.
///
/// # Examples
///
/// ```
/// use untrain_core::Digest;
/// use untrain_ledger::commitment::{Opening, Salt};
///
/// let row = Digest::of(b"the canonical bytes of the row");
/// let opening = Opening { tenant: "", dataset: "adults", record: b"42", row: &row };
/// let (salt, other) = (Salt::generate()?, Salt::generate()?);
/// assert_eq!(opening.commit(&salt), opening.commit(&salt));
/// assert_ne!(opening.commit(&salt), opening.commit(&other));
/// # Ok::<(), untrain_ledger::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// Whose store, empty where there is one.
    pub tenant: &'a str,
    /// The dataset's name.
    pub dataset: &'a str,
    /// The bytes of the record's id.
    pub record: &'a [u8],
    /// The digest of the record's canonical bytes.
    pub row: &'a Digest,
}

impl Opening<'_> {
    /// The commitment under a salt: HMAC-SHA-256 over the domain's name and, each behind its length in eight bytes with the most
    /// significant first, the tenant, the dataset, the id and the digest.
    pub fn commit(&self, salt: &Salt) -> Hash {
        // An HMAC takes keys of any length; this one has 32 bytes.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(salt.as_bytes()) else { unreachable!("an HMAC takes keys of any length") };
        mac.update(DOMAIN);
        for field in [self.tenant.as_bytes(), self.dataset.as_bytes(), self.record, self.row.as_bytes()] {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field);
        }
        Hash(mac.finalize().into_bytes().into())
    }
}

/// The commitment to a set: its root and how many commitments it has. The root is over the size too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetHead {
    /// The root of the set's tree.
    pub root: Hash,
    /// The number of commitments.
    pub size: u64,
}

impl std::fmt::Display for SetHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} over {}", self.root, self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commitment_is_the_hmac_that_anybody_can_compute() {
        // import hmac, hashlib, struct
        // f = lambda b: struct.pack(">Q", len(b)) + b
        // row = hashlib.sha256(b"row").digest()
        // text = b"untrain-commitment-v1\n" + f(b"acme") + f(b"adults") + f(b"42") + f(row)
        // print(hmac.new(bytes(range(32)), text, "sha256").hexdigest())
        let salt = Salt::from_bytes(std::array::from_fn(|i| i as u8));
        let opening = Opening { tenant: "acme", dataset: "adults", record: b"42", row: &Digest::of(b"row") };
        assert_eq!(opening.commit(&salt).to_string(), "a3df0f59d680f137394ec7fc46809a95f76cd2f4a30dac756da5f382efe94248");
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let (salt, row) = (Salt::from_bytes([1; 32]), Digest::of(b"row"));
        let one = Opening { tenant: "ab", dataset: "c", record: b"d", row: &row };
        let two = Opening { tenant: "a", dataset: "bc", record: b"d", row: &row };
        assert_ne!(one.commit(&salt), two.commit(&salt));
        assert_eq!(format!("{salt:?}"), "a salt");
    }
}

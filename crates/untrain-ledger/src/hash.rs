//! SHA-256 values as trees and notes use them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use untrain_core::Digest;

use crate::Refusal;

/// The 32 bytes of a node of a Merkle tree, of its root, or of a commitment; 64 lower-case hexadecimal digits as text.
///
/// # Examples
///
/// ```
/// use untrain_ledger::Hash;
///
/// let hash = Hash::of(&[b"ab", b"c"]);
/// assert!(hash.to_string().starts_with("ba7816bf8f01cfea"));
/// assert_eq!(hash.to_string().parse::<Hash>()?, hash);
/// # Ok::<(), untrain_ledger::Refusal>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The SHA-256 of the concatenation of some bytes.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        Self(hasher.finalize().into())
    }

    /// The bytes in base64, as notes and proofs have it.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads base64; `what` names the text in the message.
    pub(crate) fn from_base64(text: &str, what: &'static str) -> Result<Self, Refusal> {
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| Refusal::malformed(what, format!("\"{text}\" is not the base64 of 32 bytes")))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = Refusal;

    fn from_str(hex: &str) -> Result<Self, Refusal> {
        let malformed = || Refusal::malformed("hash", format!("\"{hex}\" is not 64 lower-case hexadecimal digits"));
        if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
            return Err(malformed());
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
            *byte = std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or_else(malformed)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Hash {
    type Error = Refusal;

    fn try_from(hex: String) -> Result<Self, Refusal> {
        hex.parse()
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl From<&Digest> for Hash {
    fn from(digest: &Digest) -> Self {
        Self(*digest.as_bytes())
    }
}

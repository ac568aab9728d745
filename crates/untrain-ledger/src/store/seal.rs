//! How bytes are encrypted: XChaCha20-Poly1305 under keys that are wiped from memory.

use std::fmt;

use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::{Error, Result};

/// How many bytes a nonce has.
pub(super) const NONCE: usize = 24;
/// How many bytes longer sealed bytes are.
const TAG: usize = 16;

/// A key of 32 random bytes.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<[u8; 32]>);

impl Key {
    pub(super) fn generate() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        random(bytes.as_mut())?;
        Ok(Self(bytes))
    }

    pub(super) fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The bytes, encrypted and authenticated together with `about`, which whoever opens them has to know.
    ///
    /// Two texts under one key need two nonces.
    pub(super) fn seal(&self, nonce: [u8; NONCE], about: &[u8], bytes: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(bytes.len() + TAG);
        sealed.extend_from_slice(bytes);
        let tag = self.cipher().encrypt_inout_detached(&XNonce::from(nonce), about, sealed.as_mut_slice().into());
        // What is in memory is shorter than the 256 GiB at which the cipher ends.
        sealed.extend_from_slice(&tag.unwrap_or_else(|_| unreachable!("bytes in memory are not too many to be sealed")));
        sealed
    }

    /// The bytes that were sealed; none if anything about them is not as it was.
    pub(super) fn open(&self, nonce: [u8; NONCE], about: &[u8], mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let end = sealed.len().checked_sub(TAG)?;
        let tag = Tag::try_from(&sealed[end..]).ok()?;
        sealed.truncate(end);
        let opened = self.cipher().decrypt_inout_detached(&XNonce::from(nonce), about, sealed.as_mut_slice().into(), &tag);
        opened.is_ok().then_some(sealed)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.bytes().into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
}

/// Fills the bytes from the system's randomness.
pub(super) fn random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::Randomness { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_and_any_other_length_is_noticed() {
        let key = Key::generate().unwrap();
        let sealed = key.seal([1; NONCE], b"about", b"text");
        assert_eq!(key.open([1; NONCE], b"about", sealed.clone()).unwrap(), b"text");
        assert!(key.open([2; NONCE], b"about", sealed.clone()).is_none());
        assert!(key.open([1; NONCE], b"another", sealed.clone()).is_none());
        assert!(Key::generate().unwrap().open([1; NONCE], b"about", sealed.clone()).is_none());
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open([1; NONCE], b"about", flipped).is_none(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(key.open([1; NONCE], b"about", sealed[..length].to_vec()).is_none(), "{length} bytes");
        }
    }

    /// The vector of appendix A.3.1 of draft-irtf-cfrg-xchacha-03.
    #[test]
    fn the_vector_of_the_draft_is_sealed_as_it_says() {
        let key = Key::new(Zeroizing::new(std::array::from_fn(|i| 0x80 + i as u8)));
        let nonce = std::array::from_fn(|i| 0x40 + i as u8);
        let about = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let sealed = key.seal(nonce, &about, text);
        assert_eq!(sealed[..8], [0xbd, 0x6d, 0x17, 0x9d, 0x3e, 0x83, 0xd4, 0x3b]);
        assert_eq!(sealed[text.len()..][..8], [0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79]);
    }
}

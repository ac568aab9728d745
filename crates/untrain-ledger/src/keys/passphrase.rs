//! Files encrypted with a passphrase, as age does it (`age --passphrase`): age-encryption.org/v1 with one scrypt recipient.
//!
//! The crate `age` brings some 140 others, for recipients, plug-ins and translations that a key file does not use; this is the
//! part that it uses, over the same primitives, and `age --decrypt` opens the files.
//!
//! A file is
//!
//! ```text
//! age-encryption.org/v1
//! -> scrypt <salt: 16 bytes> <log₂ of the work>
//! <file key, 16 bytes, under ChaCha20-Poly1305 with scrypt(passphrase, "age-encryption.org/v1/scrypt" ‖ salt): 32 bytes>
//! --- <HMAC-SHA-256 of the lines above up to "---", under HKDF(file key, "header"): 32 bytes>
//! <nonce: 16 bytes><the text under ChaCha20-Poly1305 with HKDF(file key, salt = nonce, "payload"), in chunks of 64 KiB>
//! ```
//!
//! with base64 without padding. A key fits one chunk, and only files of one chunk are read.
//!
//! # References
//!
//! \[@age, sections Header, Payload and The scrypt recipient type].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit as _, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Error, Refusal, Result};

const VERSION: &str = "age-encryption.org/v1\n";
const LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
/// Two to the 16: 64 MiB and some tenths of a second.
const WORK: u8 = if cfg!(test) { 10 } else { 16 };
/// What age itself refuses to do more than.
const MOST_WORK: u8 = 22;
const NO_NONCE: [u8; 12] = [0; 12];
/// Chunk 0, and it is the last.
const ONLY_CHUNK: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const CHUNK: usize = 64 * 1024;

/// Whether the bytes are an age file.
pub(super) fn is_encrypted(bytes: &[u8]) -> bool {
    bytes.starts_with(b"age-encryption.org/")
}

/// Encrypts up to 64 KiB.
pub(super) fn encrypt(text: &[u8], passphrase: &str) -> Result<Vec<u8>> {
    let mut file_key = Zeroizing::new([0; 16]);
    let (mut salt, mut nonce) = ([0; 16], [0; 16]);
    for bytes in [file_key.as_mut(), &mut salt, &mut nonce] {
        getrandom::fill(bytes).map_err(|error| Error::Randomness { reason: error.to_string() })?;
    }
    debug_assert!(!text.is_empty() && text.len() <= CHUNK);
    let wrapped = seal(&*wrap_key(passphrase, &salt, WORK)?, NO_NONCE, file_key.as_ref())?;
    let header = format!("{VERSION}-> scrypt {} {WORK}\n{}\n---", BASE64.encode(salt), BASE64.encode(wrapped));
    let mac = header_mac(&file_key, header.as_bytes())?.finalize().into_bytes();
    let mut bytes = format!("{header} {}\n", BASE64.encode(mac)).into_bytes();
    bytes.extend(nonce);
    bytes.extend(seal(&*derive(file_key.as_ref(), Some(&nonce), b"payload")?, ONLY_CHUNK, text)?);
    Ok(bytes)
}

/// Decrypts what [`encrypt`] or `age --passphrase` made.
pub(super) fn decrypt(bytes: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>> {
    let parts = parse(bytes)?;
    let file_key = open(&*wrap_key(passphrase, &parts.salt, parts.work)?, NO_NONCE, &parts.wrapped)?;
    let file_key: Zeroizing<[u8; 16]> =
        Zeroizing::new(file_key.as_slice().try_into().map_err(|_| Refusal::malformed("key", "the file key has not 16 bytes"))?);
    header_mac(&file_key, parts.header)?.verify_slice(&parts.mac).map_err(|_| Refusal::WrongPassphrase)?;
    open(&*derive(file_key.as_ref(), Some(&parts.nonce), b"payload")?, ONLY_CHUNK, parts.payload)
}

struct Parts<'a> {
    salt: [u8; 16],
    work: u8,
    wrapped: [u8; 32],
    /// What the MAC is over.
    header: &'a [u8],
    mac: [u8; 32],
    nonce: [u8; 16],
    payload: &'a [u8],
}

fn parse(bytes: &[u8]) -> Result<Parts<'_>, Refusal> {
    let refuse = || Refusal::malformed("encrypted key", "it is not an age file with a passphrase and nothing else");
    // Four lines, then bytes that may be anything.
    let mut ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(i, _)| i + 1);
    let end = ends.nth(3).ok_or_else(refuse)?;
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| refuse())?;
    let lines: Vec<&str> = text.lines().collect();
    let fields: Vec<&str> = lines[1].split(' ').collect();
    let (["->", "scrypt", salt, work], Some(mac)) = (&fields[..], lines[3].strip_prefix("--- ")) else { return Err(refuse()) };
    if !text.starts_with(VERSION) {
        return Err(refuse());
    }
    let work: u8 = work.parse().ok().filter(|n| (1..=MOST_WORK).contains(n) && n.to_string() == *work).ok_or_else(refuse)?;
    let (nonce, payload) = bytes[end..].split_first_chunk().ok_or_else(refuse)?;
    Ok(Parts {
        salt: decode(salt).ok_or_else(refuse)?,
        work,
        wrapped: decode(lines[2]).ok_or_else(refuse)?,
        header: &bytes[..end - lines[3].len() - 1 + "---".len()],
        mac: decode(mac).ok_or_else(refuse)?,
        nonce: *nonce,
        payload,
    })
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64.decode(text).ok()?.try_into().ok()
}

fn wrap_key(passphrase: &str, salt: &[u8; 16], work: u8) -> Result<Zeroizing<[u8; 32]>, Refusal> {
    let refuse = |_| Refusal::malformed("encrypted key", "its work factor cannot be used");
    let params = scrypt::Params::new(work, 8, 1).map_err(refuse)?;
    let mut key = Zeroizing::new([0; 32]);
    let salt = [LABEL, salt].concat();
    scrypt::scrypt(passphrase.as_bytes(), &salt, &params, key.as_mut())
        .map_err(|_| Refusal::malformed("encrypted key", "its work factor cannot be used"))?;
    Ok(key)
}

fn derive(key: &[u8], salt: Option<&[u8]>, info: &[u8]) -> Result<Zeroizing<[u8; 32]>, Refusal> {
    let mut derived = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(salt, key).expand(info, derived.as_mut()).map_err(|_| Refusal::WrongPassphrase)?;
    Ok(derived)
}

fn header_mac(file_key: &[u8; 16], header: &[u8]) -> Result<Hmac<Sha256>, Refusal> {
    let key = derive(file_key, None, b"header")?;
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key.as_ref()).map_err(|_| Refusal::WrongPassphrase)?;
    mac.update(header);
    Ok(mac)
}

fn seal(key: &[u8; 32], nonce: [u8; 12], text: &[u8]) -> Result<Vec<u8>> {
    let cipher = ChaCha20Poly1305::new(&Key::from(*key));
    Ok(cipher.encrypt(&Nonce::from(nonce), text).map_err(|_| Refusal::malformed("key", "it is too long to be encrypted"))?)
}

fn open(key: &[u8; 32], nonce: [u8; 12], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let cipher = ChaCha20Poly1305::new(&Key::from(*key));
    Ok(Zeroizing::new(cipher.decrypt(&Nonce::from(nonce), sealed).map_err(|_| Refusal::WrongPassphrase)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_is_noticed() {
        let sealed = encrypt(b"a secret\n", "passphrase").unwrap();
        assert_eq!(**decrypt(&sealed, "passphrase").unwrap(), *b"a secret\n");
        // The work factor's digits are left out: a higher one is a minute's work before the refusal.
        let work = sealed.windows(4).position(|window| window == b" 10\n").unwrap();
        for bit in (0..sealed.len() * 8).filter(|bit| !(work + 1..work + 3).contains(&(bit / 8))) {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decrypt(&flipped, "passphrase").is_err(), "bit {bit}");
        }
    }

    #[test]
    fn what_the_age_program_wrote_is_read() {
        // The scrypt vector of age's test kit (CCTV, age/testdata/scrypt): passphrase "password", file key "YELLOW SUBMARINE".
        let header = "age-encryption.org/v1\n-> scrypt rF0/NwblUHHTpgQgRpe5CQ 10\ngUjEymFKMVXQEKdMMHL24oYexjE3TIC0O0zGSqJ2aUY\n---";
        let salt = decode("rF0/NwblUHHTpgQgRpe5CQ").unwrap();
        let key = open(
            &wrap_key("password", &salt, 10).unwrap(),
            NO_NONCE,
            &decode::<32>("gUjEymFKMVXQEKdMMHL24oYexjE3TIC0O0zGSqJ2aUY").unwrap(),
        )
        .unwrap();
        assert_eq!(**key, *b"YELLOW SUBMARINE");
        let mac = header_mac(b"YELLOW SUBMARINE", header.as_bytes()).unwrap().finalize().into_bytes();
        assert_eq!(BASE64.encode(mac), "IOXiQYStkoT1mvZW2tFOqZdhRVvj58egABx/sWfZQbc");
    }
}

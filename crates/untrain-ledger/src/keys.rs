//! Keys: what each may do, how they stand in text and in files, and how they sign.

mod passphrase;

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::files::{overwrite_and_erase, parent, sync_dir};
use crate::{Error, Hash, Refusal, Result};

const PRIVATE: &str = "PRIVATE+KEY+";
const LONGEST_NAME: usize = 255;
/// More than any key file has; a file that is longer is something else.
const LONGEST_FILE: u64 = 16 * 1024;

/// What a key is for. A key has one role, and its id and its text depend on it, so it cannot be taken for another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Signs the checkpoints of a log (a C2SP signed note, type 0x01).
    Log,
    /// Cosigns checkpoints that continue those it saw before (a C2SP cosignature, type 0x04).
    Witness,
    /// Signs what the operator states: trainings, requests, erasures, publications, purges.
    Issuer,
    /// Signs what somebody else found who replayed a training.
    Auditor,
}

impl Role {
    pub(crate) const ALL: [Self; 4] = [Self::Log, Self::Witness, Self::Issuer, Self::Auditor];

    /// The bytes before the public key in the key's text and in the preimage of its id.
    fn signature_type(self) -> &'static [u8] {
        match self {
            Self::Log => &[0x01],
            Self::Witness => &[0x04],
            // 0xff and a longer name is what signed notes leave for types of other specifications.
            Self::Issuer => b"\xffuntrain-issuer-v1",
            Self::Auditor => b"\xffuntrain-auditor-v1",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Log => "a log",
            Self::Witness => "a witness",
            Self::Issuer => "an issuer",
            Self::Auditor => "an auditor",
        })
    }
}

/// A public key with its name and role: the C2SP `vkey` text `<name>+<id>+<base64 of type and key>`.
///
/// # Examples
///
/// ```
/// use untrain_ledger::keys::{Role, SecretKey, Signer, VerifierKey};
///
/// let secret = SecretKey::generate("example.com/log", Role::Log)?;
/// let text = secret.verifier().to_string();
/// assert!(text.starts_with("example.com/log+"));
/// assert_eq!(&text.parse::<VerifierKey>()?, secret.verifier());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    role: Role,
    key: VerifyingKey,
}

impl VerifierKey {
    /// Makes a key of its parts.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`] for a name that is empty, longer than 255 bytes or has a space, a control character or a plus,
    /// and for 32 bytes that are not a public key, or a weak one.
    pub fn new(name: &str, role: Role, public: &[u8; 32]) -> Result<Self, Refusal> {
        let refuse = |reason: &str| Refusal::malformed("key", format!("{reason} (the key of {role} \"{name}\")"));
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+') {
            return Err(refuse("a key's name has 1 to 255 bytes without spaces, control characters and plus signs"));
        }
        let key = VerifyingKey::from_bytes(public).map_err(|_| refuse("the 32 bytes are not an Ed25519 public key"))?;
        if key.is_weak() {
            return Err(refuse("the public key is one for which anybody can sign"));
        }
        Ok(Self { name: name.to_owned(), role, key })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The 32 bytes of the public key.
    pub fn public(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The key's id: the first four bytes of SHA-256(name ‖ newline ‖ type ‖ public key).
    pub fn id(&self) -> [u8; 4] {
        let hash = Hash::of(&[self.name.as_bytes(), b"\n", self.role.signature_type(), self.public()]);
        [hash.0[0], hash.0[1], hash.0[2], hash.0[3]]
    }

    /// The name and the id as text, `<name>+<id>`: how messages and envelopes name the key.
    pub fn label(&self) -> String {
        format!("{}+{}", self.name, hex(self.id()))
    }

    /// Checks a signature over `message`, strictly: no weak key, no second encoding of a signature.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadSignature`], with `what` in its message.
    pub fn verify(&self, what: &'static str, message: &[u8], signature: &[u8; 64]) -> Result<(), Refusal> {
        let signature = Signature::from_bytes(signature);
        self.key.verify_strict(message, &signature).map_err(|_| Refusal::BadSignature { what, key: self.label() })
    }

    /// Errs unless the key has this role.
    pub(crate) fn require(&self, role: Role) -> Result<(), Refusal> {
        if self.role == role {
            return Ok(());
        }
        Err(Refusal::WrongRole { key: self.label(), found: self.role.to_string(), expected: role.to_string() })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let material = [self.role.signature_type(), self.public()].concat();
        write!(f, "{}+{}", self.label(), STANDARD.encode(material))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifierKey {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let (name, role, material) = parse_key(text)?;
        let key = Self::new(name, role, &material)?;
        if key.to_string() == text { Ok(key) } else { Err(Refusal::malformed("key", format!("its id is not that of \"{name}\""))) }
    }
}

/// Whoever can sign with a key: the seam for keys in hardware (PKCS#11) and in services (KMS), which never leave it.
///
/// # Contract
///
/// [`sign`](Self::sign) gives the Ed25519 signature of RFC 8032 over exactly the given bytes, under the key that
/// [`verifier`](Self::verifier) has, which stays the same for the signer's life. Callers verify what they get.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The public key.
    fn verifier(&self) -> &VerifierKey;

    /// Signs the bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Signer`] if the device or the service fails.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64]>;
}

/// Signs and checks what came back, so that a failing device is noticed before its signature is published.
pub(crate) fn sign(signer: &dyn Signer, role: Role, message: &[u8]) -> Result<[u8; 64]> {
    signer.verifier().require(role)?;
    let signature = signer.sign(message)?;
    signer.verifier().verify("message to be signed", message, &signature)?;
    Ok(signature)
}

/// A private key in memory, wiped when it is dropped; its file has mode 0600 and may be encrypted.
pub struct SecretKey {
    verifier: VerifierKey,
    key: SigningKey,
}

impl SecretKey {
    /// Makes a new key from the system's randomness.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`] for a name that no key can have; [`Error::Randomness`].
    pub fn generate(name: &str, role: Role) -> Result<Self> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|error| Error::Randomness { reason: error.to_string() })?;
        Ok(Self::from_seed(name, role, &seed)?)
    }

    /// Makes the key that RFC 8032 derives from a seed.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`] for a name that no key can have.
    pub fn from_seed(name: &str, role: Role, seed: &[u8; 32]) -> Result<Self, Refusal> {
        let key = SigningKey::from_bytes(seed);
        Ok(Self { verifier: VerifierKey::new(name, role, key.verifying_key().as_bytes())?, key })
    }

    /// Writes the key to a new file that only its owner can read, encrypted if there is a passphrase.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there is a file at the path already, so that no key is lost, or if it cannot be written.
    pub fn save(&self, path: &Path, passphrase: Option<&str>) -> Result<()> {
        let text = self.to_text();
        let bytes = match passphrase {
            None => Zeroizing::new(text.as_bytes().to_vec()),
            Some(passphrase) => Zeroizing::new(passphrase::encrypt(text.as_bytes(), passphrase)?),
        };
        write_private(path, &bytes)
    }

    /// Reads the key from its file.
    ///
    /// # Errors
    ///
    /// [`Error::Exposed`] if others than the owner can read or write the file; [`Refusal::NoPassphrase`] and
    /// [`Refusal::WrongPassphrase`]; [`Refusal::Malformed`]; [`Error::Io`].
    pub fn load(path: &Path, passphrase: Option<&str>) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("read", path))?;
        require_private(&file, path)?;
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(LONGEST_FILE).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
        if passphrase::is_encrypted(&bytes) {
            bytes = passphrase::decrypt(&bytes, passphrase.ok_or(Refusal::NoPassphrase)?)?;
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| Refusal::malformed("key", "it is not text"))?;
        Ok(Self::from_text(text)?)
    }

    /// The key as a line of text, `PRIVATE+KEY+<name>+<id>+<base64 of type and seed>`.
    fn to_text(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(self.key.to_bytes());
        let material = Zeroizing::new([self.verifier.role.signature_type(), seed.as_ref()].concat());
        Zeroizing::new(format!("{PRIVATE}{}+{}\n", self.verifier.label(), *Zeroizing::new(STANDARD.encode(&*material))))
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let rest = line.strip_prefix(PRIVATE).ok_or_else(|| Refusal::malformed("key", "it is not a private key"))?;
        let (name, role, seed) = parse_key(rest)?;
        let key = Self::from_seed(name, role, &Zeroizing::new(seed))?;
        if key.to_text().strip_suffix('\n') == Some(line) { Ok(key) } else { Err(Refusal::malformed("key", "its id does not fit it")) }
    }
}

impl Signer for SecretKey {
    fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
        Ok(self.key.sign(message).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the private key of {}", self.verifier.label())
    }
}

/// Writes a new file that only its owner can read: all of it, durably, or nothing.
///
/// # Errors
///
/// [`Error::Io`] if there is a file at the path already, so that no key is lost, or if it cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = parent(path).join(format!(".{name}.tmp"));
    // What a process that was killed left there is no key yet.
    let _ = fs::remove_file(&temporary);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary).map_err(Error::io("create", &temporary))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::io("write", &temporary));
    // Unlike a renaming, a link does not take the place of a file.
    let linked = written.and_then(|()| fs::hard_link(&temporary, path).map_err(Error::io("create", path)));
    let removed = fs::remove_file(&temporary).map_err(Error::io("remove", &temporary));
    linked.and(removed)?;
    sync_dir(parent(path))
}

/// Overwrites a file with zeros and removes it, durably. What a disk or a file system keeps of old blocks is out of its reach.
///
/// # Errors
///
/// [`Error::Io`]; an absent file is none.
pub fn destroy(path: &Path) -> Result<()> {
    overwrite_and_erase(path)
}

/// The name, the role and the 32 bytes in `<name>+<id>+<base64 of type and bytes>`; the id is for the caller to check.
fn parse_key(text: &str) -> Result<(&str, Role, [u8; 32]), Refusal> {
    let refuse = |reason: &str| Refusal::malformed("key", reason);
    let mut fields = text.splitn(3, '+');
    let (Some(name), Some(_id), Some(material)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(refuse("it is not <name>+<id>+<base64>"));
    };
    let material = Zeroizing::new(STANDARD.decode(material).map_err(|_| refuse("its last field is not base64"))?);
    for role in Role::ALL {
        if let Some(Ok(bytes)) = material.strip_prefix(role.signature_type()).map(<[u8; 32]>::try_from) {
            return Ok((name, role, bytes));
        }
    }
    Err(refuse("it is of no type that is known here: Ed25519 keys of logs, witnesses, issuers and auditors"))
}

/// Errs if others than the owner may use the file.
#[cfg(unix)]
pub(crate) fn require_private(file: &File, path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata().map_err(Error::io("read", path))?.permissions().mode() & 0o777;
    let others = mode & 0o077;
    if others == 0 { Ok(()) } else { Err(Error::Exposed { path: path.to_owned(), mode }) }
}

/// Other systems keep who may read a file elsewhere.
#[cfg(not(unix))]
pub(crate) fn require_private(_file: &File, _path: &Path) -> Result<()> {
    Ok(())
}

fn hex(bytes: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(role: Role) -> SecretKey {
        SecretKey::from_seed("example.com/k", role, &[7; 32]).unwrap()
    }

    #[test]
    fn the_key_of_the_signed_note_specification_is_read() {
        // PeterNeumann's key of the Go module that the format comes from, golang.org/x/mod/sumdb/note.
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key: VerifierKey = text.parse().unwrap();
        assert_eq!((key.name(), key.role(), key.id()), ("PeterNeumann", Role::Log, [0xc7, 0x4f, 0x20, 0xa3]));
        assert_eq!(key.to_string(), text);
        let secret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n";
        let secret = SecretKey::from_text(secret).unwrap();
        assert_eq!(secret.verifier(), &key);
    }

    #[test]
    fn one_key_has_another_id_in_every_role() {
        let ids: std::collections::BTreeSet<_> = Role::ALL.iter().map(|&role| key(role).verifier().id()).collect();
        assert_eq!(ids.len(), Role::ALL.len());
    }

    #[test]
    fn every_role_comes_back_from_its_text() {
        for role in Role::ALL {
            let key = key(role);
            assert_eq!(&key.verifier().to_string().parse::<VerifierKey>().unwrap(), key.verifier());
            assert_eq!(SecretKey::from_text(&key.to_text()).unwrap().verifier(), key.verifier());
        }
    }

    #[test]
    fn names_ids_and_types_that_do_not_fit_are_refused() {
        let good = key(Role::Log).verifier().to_string();
        for bad in [
            good.replace("example.com/k", "example.com/l"),
            good.replacen('+', "+0", 1),
            good.replace("+A", "+B"),
            good[..good.len() - 4].to_owned(),
            "+00000000+AQ==".to_owned(),
            String::new(),
        ] {
            assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
        }
        for name in ["", "a b", "a+b", "a\u{2003}b", "a\nb", "x".repeat(256).as_str()] {
            assert!(SecretKey::from_seed(name, Role::Log, &[7; 32]).is_err(), "{name}");
        }
    }

    #[test]
    fn a_weak_public_key_is_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let error = VerifierKey::new("a", Role::Log, &identity).unwrap_err();
        assert!(error.to_string().contains("anybody can sign"), "{error}");
    }

    #[test]
    fn the_test_vectors_of_rfc_8032_sign_and_verify() {
        let secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60".parse::<Hash>().unwrap().0;
        let key = SecretKey::from_seed("rfc8032", Role::Log, &secret).unwrap();
        assert_eq!(Hash(*key.verifier().public()).to_string(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let signature = key.sign(b"").unwrap();
        assert_eq!(
            Hash(signature[..32].try_into().unwrap()).to_string(),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        );
    }

    #[test]
    #[cfg(unix)]
    fn a_key_file_is_private_and_refused_when_it_is_not() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log.key");
        let key = key(Role::Log);
        key.save(&path, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(SecretKey::load(&path, None).unwrap().verifier(), key.verifier());
        assert!(matches!(key.save(&path, None), Err(Error::Io { action: "create", .. })), "an existing key would be lost");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = SecretKey::load(&path, None).unwrap_err();
        assert!(matches!(error, Error::Exposed { mode: 0o640, .. }));
        assert!(error.to_string().contains("others can read"), "{error}");
    }

    #[test]
    fn an_encrypted_key_file_opens_with_its_passphrase_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log.key");
        let key = key(Role::Issuer);
        key.save(&path, Some("correct horse")).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(11).any(|window| window == b"PRIVATE+KEY"));
        assert_eq!(SecretKey::load(&path, Some("correct horse")).unwrap().verifier(), key.verifier());
        assert!(matches!(SecretKey::load(&path, Some("wrong")), Err(Error::Refused(Refusal::WrongPassphrase))));
        assert!(matches!(SecretKey::load(&path, None), Err(Error::Refused(Refusal::NoPassphrase))));
    }

    #[test]
    fn a_private_key_is_not_shown() {
        let key = key(Role::Log);
        assert!(!format!("{key:?}").contains(&STANDARD.encode([7; 32])[..20]));
    }
}

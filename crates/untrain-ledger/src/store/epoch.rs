//! The key of an epoch, under which the keys of blobs are wrapped, and its file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use untrain_core::Digest;
use zeroize::Zeroizing;

use super::blobs::BlobName;
use super::seal::{Key, NONCE, random};
use crate::files::{create_dir, entries, overwrite_and_erase, rename, sync_dir};
use crate::keys::require_private;
use crate::{Error, Hash, Result};

/// The directory of keys in a store.
pub(super) const KEYS: &str = "keys";

const FILE: &str = "epoch-";
const TEMPORARY: &str = "tmp-epoch-";
const PREFIX: &str = "UNTRAIN+EPOCH+";
/// Longer than any key file.
const LONGEST: u64 = 256;

/// The key of an epoch.
#[derive(Debug)]
pub(super) struct EpochKey {
    number: u64,
    key: Key,
}

impl EpochKey {
    /// Makes the key of an epoch that nothing is wrapped under yet, durably.
    ///
    /// A key that a killed process made for this number and did not come to use is taken.
    pub(super) fn make(keys: &Path, number: u64) -> Result<Self> {
        let path = path(keys, number);
        let made = match Self::load(keys, number) {
            Err(Error::MissingEpochKey { .. }) => {
                let made = Self { number, key: Key::generate()? };
                made.save(keys)?;
                return Ok(made);
            }
            made => made?,
        };
        File::open(&path).and_then(|file| file.sync_all()).map_err(Error::io("sync", &path))?;
        sync_dir(keys)?;
        Ok(made)
    }

    /// Reads the key of an epoch.
    pub(super) fn load(keys: &Path, number: u64) -> Result<Self> {
        let path = path(keys, number);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::MissingEpochKey { epoch: number, path }),
            file => file.map_err(Error::io("read", &path))?,
        };
        require_private(&file, &path)?;
        let mut text = Zeroizing::new(String::new());
        match file.take(LONGEST).read_to_string(&mut text) {
            Err(error) if error.kind() != io::ErrorKind::InvalidData => return Err(Error::io("read", &path)(error)),
            _ => {}
        }
        let bytes = text.strip_prefix(&format!("{PREFIX}{number}+")).and_then(|rest| decode(rest.trim_end()));
        bytes.map(|bytes| Self { number, key: Key::new(bytes) }).ok_or(Error::WrongEpochKey { epoch: number, path })
    }

    /// As [`load`](Self::load); errs unless it is the key with this fingerprint.
    pub(super) fn load_known(keys: &Path, number: u64, fingerprint: &Hash) -> Result<Self> {
        let key = Self::load(keys, number)?;
        if key.fingerprint() == *fingerprint { Ok(key) } else { Err(Error::WrongEpochKey { epoch: number, path: path(keys, number) }) }
    }

    /// Writes the key to its file, so that the file is there as a whole or not at all.
    pub(super) fn save(&self, keys: &Path) -> Result<()> {
        create_private_dir(keys)?;
        let temporary = keys.join(format!("{TEMPORARY}{}", self.number));
        let text = Zeroizing::new(format!("{PREFIX}{}+{}\n", self.number, *Zeroizing::new(STANDARD.encode(self.key.bytes()))));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&temporary).map_err(Error::io("create", &temporary))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(Error::io("write", &temporary))?;
        rename(&temporary, &path(keys, self.number))?;
        sync_dir(keys)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What tells whether a key is the right one, without telling the key.
    pub(super) fn fingerprint(&self) -> Hash {
        Hash::of(&[b"untrain epoch key\n", &self.number.to_be_bytes(), self.key.bytes()])
    }

    /// Encrypts the key of a blob, for the blob and its file alone.
    pub(super) fn wrap(&self, digest: &Digest, name: &BlobName, key: &Key) -> Result<Vec<u8>> {
        self.seal(&about(digest, name), key.bytes())
    }

    pub(super) fn unwrap(&self, digest: &Digest, name: &BlobName, wrapped: &[u8]) -> Option<Key> {
        let bytes = Zeroizing::new(self.open(&about(digest, name), wrapped)?);
        Some(Key::new(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }

    /// A random nonce, and the bytes under it.
    pub(super) fn seal(&self, about: &[u8], bytes: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE];
        random(&mut nonce)?;
        Ok([nonce.as_slice(), &self.key.seal(nonce, about, bytes)].concat())
    }

    pub(super) fn open(&self, about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk()?;
        self.key.open(*nonce, about, sealed.to_vec())
    }
}

/// The file of an epoch's key.
pub(super) fn path(keys: &Path, number: u64) -> PathBuf {
    keys.join(format!("{FILE}{number}"))
}

/// The epochs whose keys are in the directory.
pub(super) fn stored(keys: &Path) -> Result<Vec<u64>> {
    let number = |name: &str| name.strip_prefix(FILE)?.parse().ok().filter(|number| format!("{FILE}{number}") == name);
    Ok(entries(keys)?.iter().filter_map(|(name, _)| number(name)).collect())
}

/// Destroys the key of an epoch: its file is overwritten before it is unlinked, each durably.
///
/// A disk that writes elsewhere than where it was told to (copy on write, wear levelling) keeps the old blocks until it uses
/// them again.
pub(super) fn destroy(keys: &Path, number: u64) -> Result<()> {
    overwrite_and_erase(&path(keys, number))
}

/// Erases what writers of keys left when they were killed; such keys were never used.
pub(super) fn erase_unfinished(keys: &Path) -> Result<()> {
    entries(keys)?.iter().filter(|(name, _)| name.starts_with(TEMPORARY)).try_for_each(|(_, path)| overwrite_and_erase(path))
}

/// Makes the directory for its owner alone; one that is there is left as it is.
fn create_private_dir(dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    create_dir(dir)?;
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(dir, mode).map_err(Error::io("create", dir))?;
    }
    Ok(())
}

fn about(digest: &Digest, name: &BlobName) -> Vec<u8> {
    [b"untrain blob key\n".as_slice(), digest.as_bytes(), name.as_str().as_bytes()].concat()
}

fn decode(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_made_and_not_used_is_taken_and_a_wrong_file_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let keys = place.path().join(KEYS);
        let made = EpochKey::make(&keys, 3).unwrap();
        assert_eq!(EpochKey::make(&keys, 3).unwrap().fingerprint(), made.fingerprint());
        assert_eq!(stored(&keys).unwrap(), [3]);
        fs::copy(path(&keys, 3), path(&keys, 4)).unwrap();
        for text in [None, Some("UNTRAIN+EPOCH+4+c2hvcnQ=\n"), Some("\u{fffd}")] {
            text.into_iter().for_each(|text| fs::write(path(&keys, 4), text).unwrap());
            assert!(matches!(EpochKey::load(&keys, 4), Err(Error::WrongEpochKey { epoch: 4, .. })));
        }
        assert!(matches!(EpochKey::load(&keys, 5), Err(Error::MissingEpochKey { epoch: 5, .. })));
        destroy(&keys, 3).unwrap();
        destroy(&keys, 3).unwrap();
        assert_eq!(stored(&keys).unwrap(), [4]);
    }

    #[test]
    #[cfg(unix)]
    fn a_key_file_is_private_and_refused_when_it_is_not() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let keys = place.path().join(KEYS);
        EpochKey::make(&keys, 1).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&keys), mode(&path(&keys, 1))), (0o700, 0o600));
        fs::set_permissions(path(&keys, 1), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(EpochKey::load(&keys, 1), Err(Error::Exposed { mode: 0o640, .. })));
    }

    #[test]
    fn a_wrapped_key_opens_for_its_blob_and_its_file_alone() {
        let place = tempfile::tempdir().unwrap();
        let epoch = EpochKey::make(place.path(), 1).unwrap();
        let (digest, name, key) = (Digest::of(b"x"), BlobName::random().unwrap(), Key::generate().unwrap());
        let wrapped = epoch.wrap(&digest, &name, &key).unwrap();
        assert_eq!(wrapped.len(), 72);
        assert_eq!(epoch.unwrap(&digest, &name, &wrapped).unwrap().bytes(), key.bytes());
        assert!(epoch.unwrap(&Digest::of(b"y"), &name, &wrapped).is_none());
        assert!(epoch.unwrap(&digest, &BlobName::random().unwrap(), &wrapped).is_none());
        assert_ne!(epoch.wrap(&digest, &name, &key).unwrap(), wrapped, "no nonce is used twice");
    }
}

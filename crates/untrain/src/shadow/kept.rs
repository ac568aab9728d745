//! Worlds on the disk, so that an audit that was stopped goes on where it was.
//!
//! What is kept are predictions by position, without ids. It lives in the store, is that of one audit at a time, and is erased
//! whenever records are forgotten from a dataset.

use std::fs;
use std::path::{Path, PathBuf};

use untrain_core::{Guarantee, Reader, Writer};

use super::{Relearnt, Role, Said, World};
use crate::{Error, Result, whole_file};

const FOLDER: &str = "audits";
const MAGIC: &[u8; 8] = b"UTWRLD\x00\x01";

/// The worlds of one audit.
pub(crate) struct Kept {
    folder: PathBuf,
    key: String,
}

impl Kept {
    /// Those of the audit of a model with this key, which is a digest of all that the worlds depend on. Worlds of the same model
    /// under another key are erased; whether there were any is told.
    pub(crate) fn open(store: &Path, model: &str, key: &str) -> (Self, bool) {
        let folder = store.join(FOLDER).join(model);
        let other = fs::read_to_string(folder.join("key")).is_ok_and(|there| there.trim() != key);
        if other {
            let _ = fs::remove_dir_all(&folder);
        }
        (Self { folder, key: key.to_owned() }, other)
    }

    /// A world that was finished earlier. One that cannot be read is made again.
    pub(crate) fn read(&self, world: usize) -> Option<World> {
        from_bytes(&whole_file::read(&self.path(world))?).ok()
    }

    /// How many worlds the audit that was stopped had planned.
    pub(crate) fn planned(&self) -> Option<usize> {
        if fs::read_to_string(self.folder.join("key")).ok()?.trim() != self.key {
            return None;
        }
        fs::read_to_string(self.folder.join("worlds")).ok()?.trim().parse().ok()
    }

    /// Notes how many worlds are planned. Without the note an audit that is stopped begins anew, and nothing else is lost.
    pub(crate) fn plan(&self, worlds: usize) {
        let _ = fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(self.folder.join("key"), &self.key))
            .and_then(|()| fs::write(self.folder.join("worlds"), worlds.to_string()));
    }

    /// Keeps a world: all of it, or nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if it cannot be written; the audit can go on without.
    pub(crate) fn write(&self, world: usize, content: &World) -> Result<()> {
        let path = self.path(world);
        let written = whole_file::write(&path, to_bytes(content));
        written.map_err(|source| Error::Store(untrain_ledger::Error::Io { action: "write", path, source }))
    }

    fn path(&self, world: usize) -> PathBuf {
        self.folder.join(format!("{world}.world"))
    }
}

/// Erases what audits kept in a store.
///
/// # Errors
///
/// [`Error::Store`].
pub(crate) fn erase(store: &Path) -> Result<()> {
    whole_file::erase(&store.join(FOLDER))
}

fn to_bytes(world: &World) -> Vec<u8> {
    let World { said, guarantee, train_seconds, forget_seconds, scratch_records, replayed, relearnt } = world;
    let mut writer = Writer::new();
    writer.raw(MAGIC);
    for said in said.iter().flatten() {
        let Said { n_classes, labels, values, targets } = said;
        writer.varint(n_classes.map_or(0, |n| n as u64 + 1));
        writer.varint(labels.len() as u64);
        labels.iter().for_each(|label| writer.varint(label.map_or(0, |label| label as u64 + 1)));
        for numbers in [values, targets] {
            writer.varint(numbers.len() as u64);
            numbers.iter().for_each(|number| writer.f64(*number));
        }
    }
    let (kind, epsilon, delta) = match guarantee {
        Guarantee::Exact => (0, 0.0, 0.0),
        Guarantee::Certified { epsilon, delta } => (1, *epsilon, *delta),
        Guarantee::Empirical => (2, 0.0, 0.0),
    };
    writer.u8(kind);
    [epsilon, delta, *train_seconds, *forget_seconds].into_iter().for_each(|number| writer.f64(number));
    writer.varint(*scratch_records);
    writer.u8(replayed.map_or(0, |equal| 1 + u8::from(equal)));
    writer.flag(relearnt.is_some());
    if let Some(Relearnt { original, curves }) = relearnt {
        writer.f64(*original);
        for curve in curves {
            writer.varint(curve.len() as u64);
            curve.iter().for_each(|value| writer.f64(*value));
        }
    }
    writer.into_bytes()
}

fn from_bytes(bytes: &[u8]) -> Result<World> {
    let mut reader = Reader::new("world", bytes);
    if reader.raw(MAGIC.len())? != MAGIC {
        return Err(reader.malformed("it does not start as a world does").into());
    }
    let mut said = Vec::new();
    for _ in Role::ALL {
        said.push([one(&mut reader)?, one(&mut reader)?, one(&mut reader)?]);
    }
    let kind = reader.u8()?;
    let (epsilon, delta) = (reader.f64()?, reader.f64()?);
    let (train_seconds, forget_seconds) = (reader.f64()?, reader.f64()?);
    let scratch_records = reader.varint()?;
    let replayed = [None, Some(false), Some(true)].get(usize::from(reader.u8()?)).copied().flatten();
    let relearnt = if reader.flag()? {
        let original = reader.f64()?;
        Some(Relearnt { original, curves: [numbers(&mut reader)?, numbers(&mut reader)?, numbers(&mut reader)?] })
    } else {
        None
    };
    reader.end()?;
    let guarantee = match kind {
        0 => Guarantee::Exact,
        1 => Guarantee::Certified { epsilon, delta },
        _ => Guarantee::Empirical,
    };
    Ok(World { said, guarantee, train_seconds, forget_seconds, scratch_records, replayed, relearnt })
}

fn one(reader: &mut Reader<'_>) -> Result<Said> {
    let n_classes = (reader.varint()? as usize).checked_sub(1);
    let n = reader.count()?;
    let labels = (0..n).map(|_| Ok((reader.varint()? as usize).checked_sub(1))).collect::<Result<_>>()?;
    Ok(Said { n_classes, labels, values: numbers(reader)?, targets: numbers(reader)? })
}

fn numbers(reader: &mut Reader<'_>) -> Result<Vec<f64>> {
    let n = reader.count()?;
    (0..n).map(|_| Ok(reader.f64()?)).collect()
}

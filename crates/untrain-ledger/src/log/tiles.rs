//! The files of a log: where they are, how they are read, and how proofs come from them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::merkle::{MemoryTree, Subtrees};
use crate::{Error, Hash, Refusal, Result};

/// How many hashes a full tile has, and how many entries a full bundle.
pub(super) const WIDTH: u64 = 256;
/// The logarithm of [`WIDTH`].
const HEIGHT: u8 = 8;
/// Beyond this many tiles the reader starts to remember anew.
const REMEMBERED: usize = 256;

/// A row of tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    /// The entries themselves.
    Entries,
    /// Hashes: of entries at level 0, of full tiles of the level below at the others.
    Level(u8),
}

impl Row {
    /// How many items the row has in a log of `size` entries.
    pub(super) fn items(self, size: u64) -> u64 {
        match self {
            Self::Entries => size,
            Self::Level(level) => size.checked_shr(u32::from(HEIGHT) * u32::from(level)).unwrap_or(0),
        }
    }

    /// The rows that a log of `size` entries has.
    pub(super) fn all(size: u64) -> impl Iterator<Item = Self> {
        let levels = (0..8).map(Self::Level).take_while(move |row| row.items(size) > 0);
        (size > 0).then_some(Self::Entries).into_iter().chain(levels)
    }

    /// The file of the tile with index `n`, which has `width` items.
    pub(super) fn path(self, dir: &Path, n: u64, width: u64) -> PathBuf {
        let path = self.full_path(dir, n);
        if width == WIDTH { path } else { partial_dir(path).join(width.to_string()) }
    }

    /// The directory of the tile's partial versions.
    pub(super) fn partials(self, dir: &Path, n: u64) -> PathBuf {
        partial_dir(self.full_path(dir, n))
    }

    fn full_path(self, dir: &Path, n: u64) -> PathBuf {
        let mut path = dir.join("tile");
        match self {
            Self::Entries => path.push("entries"),
            Self::Level(level) => path.push(level.to_string()),
        }
        // 1234067 is x001/x234/067, so that no directory has more than 1,000 tiles.
        let mut groups = vec![n % 1000];
        let mut rest = n / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for (i, group) in groups.iter().enumerate().rev() {
            path.push(if i == 0 { format!("{group:03}") } else { format!("x{group:03}") });
        }
        path
    }
}

fn partial_dir(mut path: PathBuf) -> PathBuf {
    path.as_mut_os_string().push(".p");
    path
}

type Tile = Rc<Vec<Hash>>;

/// The tiles of a log of a certain size.
#[derive(Debug)]
pub(super) struct Tiles<'a> {
    dir: &'a Path,
    size: u64,
    read: RefCell<BTreeMap<(u8, u64), Tile>>,
}

impl<'a> Tiles<'a> {
    pub(super) fn new(dir: &'a Path, size: u64) -> Self {
        Self { dir, size, read: RefCell::default() }
    }

    /// The hashes of a tile, as many as the log's size has there.
    pub(super) fn hashes(&self, level: u8, n: u64) -> Result<Tile> {
        if let Some(tile) = self.read.borrow().get(&(level, n)) {
            return Ok(Rc::clone(tile));
        }
        let row = Row::Level(level);
        let (path, bytes, width) = self.bytes(row, n)?;
        let hashes: Vec<Hash> = bytes.as_chunks::<32>().0.iter().take(width as usize).map(|hash| Hash(*hash)).collect();
        if hashes.len() as u64 != width || bytes.len() % 32 != 0 {
            return Err(self.damaged(&path));
        }
        let tile = Rc::new(hashes);
        let mut read = self.read.borrow_mut();
        if read.len() >= REMEMBERED {
            read.clear();
        }
        read.insert((level, n), Rc::clone(&tile));
        Ok(tile)
    }

    /// The entries of a bundle, as many as the log's size has there.
    pub(super) fn entries(&self, n: u64) -> Result<Vec<Vec<u8>>> {
        let (path, bytes, width) = self.bytes(Row::Entries, n)?;
        let mut rest = bytes.as_slice();
        let mut entries = Vec::new();
        for _ in 0..width {
            let entry = rest.split_first_chunk().and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_be_bytes(*length))));
            let (entry, after) = entry.ok_or_else(|| self.damaged(&path))?;
            entries.push(entry.to_vec());
            rest = after;
        }
        Ok(entries)
    }

    /// A tile's file, which is the full one where the partial one has been replaced by it.
    fn bytes(&self, row: Row, n: u64) -> Result<(PathBuf, Vec<u8>, u64)> {
        let width = row.items(self.size).saturating_sub(n * WIDTH).min(WIDTH);
        let path = row.path(self.dir, n, width);
        match fs::read(&path) {
            Ok(bytes) => return Ok((path, bytes, width)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && width < WIDTH => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.damaged(&path)),
            Err(error) => return Err(Error::io("read", &path)(error)),
        }
        let full = row.path(self.dir, n, WIDTH);
        match fs::read(&full) {
            Ok(bytes) => Ok((full, bytes, width)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.damaged(&path)),
            Err(error) => Err(Error::io("read", &full)(error)),
        }
    }

    fn damaged(&self, path: &Path) -> Error {
        Refusal::DamagedLog { what: path.display().to_string(), size: self.size }.into()
    }
}

impl Subtrees for Tiles<'_> {
    type Error = Error;

    fn subtree(&self, level: u8, index: u64) -> Result<Hash> {
        let (row, height) = (level / HEIGHT, level % HEIGHT);
        let first = index << height;
        let tile = self.hashes(row, first / WIDTH)?;
        let start = (first % WIDTH) as usize;
        let hashes =
            tile.get(start..start + (1 << height)).ok_or_else(|| self.damaged(&Row::Level(row).path(self.dir, first / WIDTH, WIDTH)))?;
        Ok(root(hashes))
    }
}

/// The root over hashes that are themselves nodes.
pub(super) fn root(hashes: &[Hash]) -> Hash {
    let mut tree = MemoryTree::default();
    hashes.iter().for_each(|hash| tree.push(*hash));
    tree.head().root
}

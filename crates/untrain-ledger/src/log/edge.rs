//! The right edge of a log: all that appending to it takes.

use std::path::{Path, PathBuf};

use super::tiles::{Row, Tiles, WIDTH, root};
use crate::merkle::{TreeHead, empty_root, leaf_hash, node_hash};
use crate::{Error, Hash, Refusal, Result};

/// The last tile of each row that is not full.
#[derive(Debug, Clone, Default)]
pub(super) struct Edge {
    size: u64,
    /// The entries of the last bundle, as they stand in its file.
    bundle: Vec<u8>,
    /// By level, the hashes of the last tile.
    tiles: Vec<Vec<Hash>>,
}

/// A file to be written, and its content.
pub(super) type Write = (PathBuf, Vec<u8>);

impl Edge {
    /// Reads the edge of the log of a certain head, and checks that it fits the head.
    pub(super) fn read(dir: &Path, head: &TreeHead) -> Result<Self> {
        let tiles = Tiles::new(dir, head.size);
        let mut edge = Self { size: head.size, ..Self::default() };
        for row in Row::all(head.size) {
            let (n, width) = (row.items(head.size) / WIDTH, row.items(head.size) % WIDTH);
            match row {
                Row::Entries if width == 0 => {}
                Row::Entries => tiles.entries(n)?.iter().try_for_each(|entry| push(&mut edge.bundle, entry))?,
                Row::Level(_) if width == 0 => edge.tiles.push(Vec::new()),
                Row::Level(level) => edge.tiles.push(tiles.hashes(level, n)?.to_vec()),
            }
        }
        let damaged = |what: &str| Refusal::DamagedLog { what: what.to_owned(), size: head.size };
        if edge.root() != head.root {
            return Err(damaged("the last tile of each row").into());
        }
        let last = edge.tiles.first().map_or(&[][..], Vec::as_slice);
        let entries = if last.is_empty() { Vec::new() } else { tiles.entries(head.size / WIDTH)? };
        if entries.len() != last.len() || entries.iter().zip(last).any(|(entry, hash)| leaf_hash(entry) != *hash) {
            return Err(damaged("the last bundle of entries").into());
        }
        Ok(edge)
    }

    pub(super) fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }

    /// Appends entries and gives the files that change, each row from left to right.
    pub(super) fn append(&mut self, dir: &Path, entries: &[impl AsRef<[u8]>]) -> Result<Vec<Write>> {
        let mut writes = Vec::new();
        let mut changed = vec![false; self.tiles.len()];
        for entry in entries.iter().map(AsRef::as_ref) {
            push(&mut self.bundle, entry)?;
            self.push_leaf(dir, leaf_hash(entry), &mut writes, &mut changed);
        }
        if !self.size.is_multiple_of(WIDTH) && !entries.is_empty() {
            writes.push((Row::Entries.path(dir, self.size / WIDTH, self.size % WIDTH), self.bundle.clone()));
        }
        for (level, tile) in self.tiles.iter().enumerate().filter(|(level, tile)| changed[*level] && !tile.is_empty()) {
            let row = Row::Level(level as u8);
            let n = row.items(self.size) / WIDTH;
            writes.push((row.path(dir, n, tile.len() as u64), concatenated(tile)));
        }
        Ok(writes)
    }

    fn push_leaf(&mut self, dir: &Path, leaf: Hash, writes: &mut Vec<Write>, changed: &mut Vec<bool>) {
        self.size += 1;
        if self.size.is_multiple_of(WIDTH) {
            writes.push((Row::Entries.path(dir, self.size / WIDTH - 1, WIDTH), std::mem::take(&mut self.bundle)));
        }
        let mut hash = leaf;
        for level in 0.. {
            if level == self.tiles.len() {
                self.tiles.push(Vec::new());
                changed.push(false);
            }
            let tile = &mut self.tiles[level];
            tile.push(hash);
            changed[level] = true;
            if tile.len() < WIDTH as usize {
                return;
            }
            let row = Row::Level(level as u8);
            writes.push((row.path(dir, row.items(self.size) / WIDTH - 1, WIDTH), concatenated(tile)));
            hash = root(tile);
            tile.clear();
        }
    }

    /// The root: the complete subtrees of the edge, from the smallest to the largest.
    fn root(&self) -> Hash {
        let mut right: Option<Hash> = None;
        for tile in &self.tiles {
            let mut end = tile.len();
            while end > 0 {
                let width = 1 << end.trailing_zeros();
                let left = root(&tile[end - width..end]);
                right = Some(right.map_or(left, |right| node_hash(&left, &right)));
                end -= width;
            }
        }
        right.unwrap_or_else(empty_root)
    }
}

fn push(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), Error> {
    let limit = u64::from(u16::MAX);
    let length = u16::try_from(entry.len()).map_err(|_| Refusal::TooLarge { what: "entry", bytes: entry.len() as u64, limit })?;
    bundle.extend(length.to_be_bytes());
    bundle.extend(entry);
    Ok(())
}

fn concatenated(tile: &[Hash]) -> Vec<u8> {
    tile.iter().flat_map(|hash| hash.0).collect()
}

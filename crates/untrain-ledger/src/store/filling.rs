//! A directory that is filled with files, of a backup or of a store that is restored.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::manifest::Listed;
use crate::files::{create_dir, parent, rename, sync_dir, sync_dirs, sync_files, write_synced};
use crate::{Error, Result};

/// The directory, and what was put into it so far.
#[derive(Debug)]
pub(super) struct Filling {
    root: PathBuf,
    made_root: bool,
    files: Vec<Listed>,
    dirs: BTreeSet<PathBuf>,
}

impl Filling {
    pub(super) fn begin(root: &Path) -> Result<Self> {
        let made_root = !root.exists();
        create_dir(root)?;
        Ok(Self { root: root.to_owned(), made_root, files: Vec::new(), dirs: BTreeSet::new() })
    }

    /// Writes a file, in place of one that is there.
    pub(super) fn add(&mut self, path: String, bytes: &[u8]) -> Result<()> {
        let place = self.root.join(&path);
        let dir = parent(&place);
        if dir != self.root && !self.dirs.contains(dir) {
            fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
            self.dirs.extend(dir.ancestors().take_while(|above| *above != self.root).map(Path::to_owned));
        }
        self.files.push(Listed::new(path, bytes));
        fs::write(&place, bytes).map_err(Error::io("write", &place))
    }

    /// Makes everything durable.
    pub(super) fn sync(&self) -> Result<()> {
        let paths: Vec<PathBuf> = self.paths().collect();
        sync_files(&paths)?;
        let dirs: Vec<&Path> = self.dirs.iter().map(PathBuf::as_path).chain([self.root.as_path()]).collect();
        sync_dirs(&dirs)
    }

    pub(super) fn files(&self) -> &[Listed] {
        &self.files
    }

    /// Takes away again what was put there, as far as it goes; what stays is not mistaken for something whole.
    pub(super) fn undo(self) {
        self.paths().for_each(|path| drop(fs::remove_file(path)));
        // Directories come after those above them in their order.
        self.dirs.iter().rev().for_each(|dir| drop(fs::remove_dir(dir)));
        if self.made_root {
            let _ = fs::remove_dir(&self.root);
        }
    }

    fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.files.iter().map(|file| self.root.join(file.path()))
    }
}

/// Writes a file so that it is there as a whole or not at all, and durable if it is there.
pub(super) fn publish(dir: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let temporary = dir.join(format!("{name}.next"));
    write_synced(&temporary, bytes)?;
    rename(&temporary, &dir.join(name))?;
    sync_dir(dir)
}

/// Errs unless the directory is absent or holds nothing but entries of these names.
pub(super) fn require_vacant(dir: &Path, allowed: &[&str]) -> Result<()> {
    let taken = || Error::NotVacant { path: dir.to_owned() };
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(taken()),
        entries => entries.map_err(Error::io("read", dir))?,
    };
    for entry in entries {
        let name = entry.map_err(Error::io("read", dir))?.file_name();
        if !allowed.iter().any(|allowed| name == **allowed) {
            return Err(taken());
        }
    }
    Ok(())
}

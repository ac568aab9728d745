//! Where records come from.

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;

/// A file of records, or a table of records in memory.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// A file, whose name tells its format.
    File(&'a Path),
    /// A table, whose columns carry their types; it is read as the Parquet file would be that holds it.
    Table(&'a RecordBatch),
}

impl<'a> Source<'a> {
    /// What errors call it: the path, or that it is in memory.
    pub fn path(self) -> &'a Path {
        match self {
            Self::File(path) => path,
            Self::Table(_) => Path::new("the table"),
        }
    }
}

impl<'a> From<&'a Path> for Source<'a> {
    fn from(path: &'a Path) -> Self {
        Self::File(path)
    }
}

impl<'a> From<&'a PathBuf> for Source<'a> {
    fn from(path: &'a PathBuf) -> Self {
        Self::File(path)
    }
}

impl<'a> From<&'a RecordBatch> for Source<'a> {
    fn from(table: &'a RecordBatch) -> Self {
        Self::Table(table)
    }
}

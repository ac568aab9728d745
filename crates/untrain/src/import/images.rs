//! Images and where they come from.
//!
//! A source of images names its columns itself: `image`, `label` where there are labels, and the id, `file` in a folder and
//! `id` in a file of many images. Other columns depend on the source; those that it has besides are groups, not features.

mod cifar;
mod decode;
mod folder;
mod idx;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use arrow_array::BinaryArray;
use arrow_array::builder::BinaryBuilder;
use flate2::read::MultiGzDecoder;
use untrain_core::{Holdout, ImageShape};

use super::error::{Error, ImageFault, Result};
use super::table::{Cells, Plan, Reading, Table, Texts, Want};
pub(super) use decode::{Picture, decode};

/// The column of images of a source that names its columns itself.
pub(super) const IMAGE: &str = "image";
/// The column of classes.
pub(super) const LABEL: &str = "label";
/// The column that says of which part of the source a record is.
const SPLIT: &str = "split";

/// What a source that names its columns itself says of them, for where the user says nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Usual {
    /// The column of ids.
    pub(super) id: Option<&'static str>,
    /// Columns that are no features.
    pub(super) groups: Vec<&'static str>,
    /// Which records are held out.
    pub(super) holdout: Option<Holdout>,
}

/// Reads a folder: of images, or of CIFAR files.
pub(super) fn folder(reading: Reading<'_>, plan: &Plan<'_>) -> Result<Table> {
    match cifar::files(reading)? {
        files if files.is_empty() => folder::read(reading, plan),
        files => cifar::read(reading, &files, plan),
    }
}

/// Reads a file of many images, of which `stem` is the name without `.gz`, if it is one.
pub(super) fn file(reading: Reading<'_>, stem: &str, plan: &Plan<'_>) -> Result<Option<Table>> {
    if cifar::is_name(stem) {
        cifar::read(reading, &[reading.path.to_owned()], plan).map(Some)
    } else if idx::is_name(stem) {
        idx::read(reading, plan).map(Some)
    } else {
        Ok(None)
    }
}

/// Collects images, which have to be of one shape and to fit into a column.
#[derive(Default)]
pub(super) struct Pictures {
    builder: BinaryBuilder,
    first: Option<(ImageShape, String)>,
}

impl Pictures {
    /// Appends the image that is called `name`.
    pub(super) fn push(&mut self, picture: &Picture, name: impl FnOnce() -> String) -> Result<Result<(), ImageFault>> {
        let Picture { shape, bytes } = picture;
        match &self.first {
            Some((first, other)) if first != shape => {
                return Ok(Err(ImageFault::Shape { found: *shape, expected: *first, other: other.clone() }));
            }
            Some(_) => {}
            None => self.first = Some((*shape, name())),
        }
        self.push_bytes(bytes)?;
        Ok(Ok(()))
    }

    /// Appends an image of the shape that all have.
    fn push_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        check_room((self.builder.values_slice().len() + bytes.len()) as u64)?;
        self.builder.append_value(bytes);
        Ok(())
    }

    pub(super) fn finish(mut self) -> BinaryArray {
        self.builder.finish()
    }
}

/// Refuses images that outgrow Arrow's 32-bit offsets, where Arrow would panic.
fn check_room(found: u64) -> Result<()> {
    let limit = i32::MAX as u64;
    if found > limit { Err(untrain_core::Error::TooMany { what: "bytes of images in a column", found, limit }.into()) } else { Ok(()) }
}

/// Opens a file, unzipping it if its name says so.
fn open(path: &Path) -> Result<Box<dyn Read>> {
    let file = File::open(path).map_err(|source| io_error(path, source))?;
    let zipped = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
    Ok(if zipped { Box::new(BufReader::new(MultiGzDecoder::new(BufReader::new(file)))) } else { Box::new(BufReader::new(file)) })
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.to_owned(), source }
}

/// The columns of `all` that `plan` wants, of `len` records.
fn table(reading: Reading<'_>, all: Vec<(&str, Cells)>, len: usize, wants: &[Want], usual: Usual) -> Table {
    let wanted = all.into_iter().zip(wants).filter(|(_, want)| **want != Want::Nothing);
    let columns = wanted.map(|((name, cells), _)| (name.to_owned(), cells)).collect();
    Table { path: reading.path.to_owned(), columns, len, lines: None, usual }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The holdout of a source that says which of its records are for tests.
fn usual_holdout(splits: &[&str]) -> Option<Holdout> {
    const TEST: &str = "test";
    let both = splits.contains(&TEST) && splits.iter().any(|split| *split != TEST);
    both.then(|| Holdout::Value { column: SPLIT.to_owned(), value: TEST.to_owned() })
}

/// A column of texts.
fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> Result<Cells> {
    let mut texts = Texts::default();
    values.into_iter().try_for_each(|text| texts.push(Some(text)))?;
    Ok(Cells::Texts(texts.finish()))
}

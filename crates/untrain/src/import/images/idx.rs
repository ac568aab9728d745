//! IDX files, in which MNIST and its kin come: a file of images, and beside it one of labels.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{IMAGE, LABEL, Pictures, Usual, check_room, io_error, open, owned, table, texts};
use crate::import::error::{Error, Result};
use crate::import::table::{Cells, Plan, Reading, Table, Want};
use untrain_core::{Image, ImageShape};

/// The column of ids: how many images stand before it.
const ID: &str = "id";

/// Leads a file of unsigned bytes in three dimensions.
const IMAGES: [u8; 4] = [0, 0, 8, 3];
/// Leads one in one dimension.
const LABELS: [u8; 4] = [0, 0, 8, 1];

/// Whether a file is called as IDX files are.
pub(super) fn is_name(stem: &str) -> bool {
    ["ubyte", ".idx", ".idx3", ".idx1"].iter().any(|ending| stem.ends_with(ending))
}

/// Reads the images, and the labels from the file that is named or the one that is called as the images are.
pub(super) fn read(reading: Reading<'_>, plan: &Plan<'_>) -> Result<Table> {
    let labels = match reading.labels {
        Some(path) => Some(path.to_owned()),
        None => beside(reading.path),
    };
    if labels.is_none() && reading.labelled {
        return Err(Error::NoLabels { path: reading.path.to_owned(), expected: names(reading.path).into_iter().next() });
    }
    let all: Vec<&str> = [reading.offers_id(ID).then_some(ID), Some(IMAGE), labels.as_ref().map(|_| LABEL)].into_iter().flatten().collect();
    let wants = plan(&owned(&all))?;
    let (mut file, [n, height, width]) = start(reading.path, IMAGES)?;
    let images = match wants[all.iter().position(|name| *name == IMAGE).unwrap_or_default()] {
        Want::Nothing => Cells::Images(Pictures::default().finish()),
        _ => images(reading.path, &mut file, n, height, width)?,
    };
    let (ids, n) = (texts((0..n).map(|i| i.to_string()).collect::<Vec<_>>().iter().map(String::as_str))?, n as usize);
    let mut columns = vec![(IMAGE, images)];
    if reading.offers_id(ID) {
        columns.insert(0, (ID, ids));
    }
    if let Some(path) = labels {
        let labels = label_bytes(&path)?;
        if labels.len() != n {
            let (images, n_images, n_labels) = (reading.path.to_owned(), n as u64, labels.len() as u64);
            return Err(Error::Counts { images, n_images, labels: path, n_labels });
        }
        let names: Vec<String> = (0..=u8::MAX).map(|label| label.to_string()).collect();
        columns.push((LABEL, texts(labels.iter().map(|label| names[usize::from(*label)].as_str()))?));
    }
    Ok(table(reading, columns, n, &wants, Usual { id: Some(ID), ..Usual::default() }))
}

fn images(path: &Path, file: &mut dyn Read, n: u32, height: u32, width: u32) -> Result<Cells> {
    let malformed = |reason: String| Error::Binary { path: path.to_owned(), reason };
    let (Ok(rows), Ok(columns)) = (u16::try_from(height), u16::try_from(width)) else {
        return Err(malformed(format!("images of {height} × {width} pixels are too large")));
    };
    let shape = ImageShape { channels: 1, height: rows, width: columns };
    if shape.n_samples() == 0 {
        return Err(malformed(format!("images of {height} × {width} pixels are none")));
    }
    let mut bytes = shape.image_bytes(&vec![0; shape.n_samples()])?;
    check_room(u64::from(n).saturating_mul(bytes.len() as u64))?;
    let mut all = Pictures::default();
    let header = bytes.len() - Image::read(&bytes)?.samples.len();
    for i in 0..n {
        fill(path, file, &mut bytes[header..], || format!("it ends in image {i} of {n}"))?;
        all.push_bytes(&bytes)?;
    }
    end(path, file, || format!("it does not end after {n} images"))?;
    Ok(Cells::Images(all.finish()))
}

fn label_bytes(path: &Path) -> Result<Vec<u8>> {
    let (mut file, [n]) = start(path, LABELS)?;
    check_room(u64::from(n))?;
    let mut labels = Vec::new();
    let read = file.by_ref().take(u64::from(n)).read_to_end(&mut labels).map_err(|error| cut(path, error, || cut_labels(n)))?;
    if read as u64 != u64::from(n) {
        return Err(Error::Binary { path: path.to_owned(), reason: format!("it ends after {read} of {n} labels") });
    }
    end(path, &mut file, || format!("it does not end after {n} labels"))?;
    Ok(labels)
}

fn cut_labels(n: u32) -> String {
    format!("it ends before {n} labels")
}

/// Opens a file that has to begin with `magic`, and reads the sizes of its dimensions.
fn start<const D: usize>(path: &Path, magic: [u8; 4]) -> Result<(Box<dyn Read>, [u32; D])> {
    let mut file = open(path)?;
    let mut word = [0; 4];
    let early = || "it ends before its first image or label".to_owned();
    fill(path, &mut file, &mut word, early)?;
    if word != magic {
        let (found, expected) = (u32::from_be_bytes(word), u32::from_be_bytes(magic));
        let what = match word {
            IMAGES => "images and no labels",
            LABELS => "labels and no images",
            _ => "something else",
        };
        let reason = format!("it begins with {found:#010x} and not with {expected:#010x}: it holds {what}");
        return Err(Error::Binary { path: path.to_owned(), reason });
    }
    let mut sizes = [0; D];
    for size in &mut sizes {
        fill(path, &mut file, &mut word, early)?;
        *size = u32::from_be_bytes(word);
    }
    Ok((file, sizes))
}

fn fill(path: &Path, file: &mut dyn Read, bytes: &mut [u8], reason: impl Fn() -> String) -> Result<()> {
    file.read_exact(bytes).map_err(|error| cut(path, error, reason))
}

fn end(path: &Path, file: &mut dyn Read, reason: impl Fn() -> String) -> Result<()> {
    match file.read(&mut [0]).map_err(|error| cut(path, error, &reason))? {
        0 => Ok(()),
        _ => Err(Error::Binary { path: path.to_owned(), reason: reason() }),
    }
}

/// A file that ends too early is malformed; all other failures are the system's.
fn cut(path: &Path, error: std::io::Error, reason: impl Fn() -> String) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => Error::Binary { path: path.to_owned(), reason: reason() },
        _ => io_error(path, error),
    }
}

/// The file of labels that stands beside `images`.
fn beside(images: &Path) -> Option<PathBuf> {
    names(images).into_iter().find(|path| path.is_file())
}

/// What the labels of these images may be called: as the images are, with `labels` for `images` and `idx1` for `idx3`.
fn names(images: &Path) -> Vec<PathBuf> {
    let Some(name) = images.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let labels = name.replacen("images", "labels", 1).replacen("idx3", "idx1", 1);
    if labels == name {
        return Vec::new();
    }
    let other = labels.strip_suffix(".gz").map_or_else(|| format!("{labels}.gz"), str::to_owned);
    [labels, other].into_iter().map(|name| images.with_file_name(name)).collect()
}

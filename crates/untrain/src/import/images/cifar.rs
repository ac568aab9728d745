//! The binary files of CIFAR-10 and CIFAR-100: records of labels and three planes of 32 × 32 samples.

use std::fs::read_dir;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use untrain_core::ImageShape;

use super::{IMAGE, LABEL, Pictures, SPLIT, Usual, check_room, io_error, open, owned, table, texts, usual_holdout};
use crate::import::error::{Error, Result};
use crate::import::table::{Cells, Plan, Reading, Table};

/// The column of ids: the file's name without its ending, and how many images stand before it in the file.
const ID: &str = "id";
/// The column of the twenty superclasses of CIFAR-100.
const COARSE_LABEL: &str = "coarse_label";

const SHAPE: ImageShape = ImageShape { channels: 3, height: 32, width: 32 };

/// Which of the two a file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edition {
    Ten,
    Hundred,
}

impl Edition {
    /// How many classes each of the labels that lead a record is of.
    fn classes(self) -> &'static [u8] {
        match self {
            Self::Ten => &[10],
            Self::Hundred => &[20, 100],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ten => "CIFAR-10",
            Self::Hundred => "CIFAR-100",
        }
    }

    fn record_bytes(self) -> usize {
        self.classes().len() + SHAPE.n_samples()
    }

    /// The edition whose records fill `bytes`; where both would, the labels decide.
    fn of(bytes: &[u8]) -> Option<Self> {
        let fills = |edition: &Self| bytes.len().is_multiple_of(edition.record_bytes());
        let labelled = |edition: &Self| bytes.chunks(edition.record_bytes()).all(|record| edition.wrong_label(record).is_none());
        let mut both = [Self::Ten, Self::Hundred].into_iter().filter(fills);
        match (both.next(), both.next()) {
            (Some(one), Some(other)) => Some(if labelled(&one) { one } else { other }),
            (one, _) => one,
        }
    }

    /// A label of the record that is of no class.
    fn wrong_label(self, record: &[u8]) -> Option<u8> {
        self.classes().iter().zip(record).find(|(n, label)| label >= n).map(|(_, label)| *label)
    }
}

/// Whether a file is called as CIFAR's files are; `stem` is its name in small letters, without `.gz`.
pub(super) fn is_name(stem: &str) -> bool {
    stem.rsplit_once('.').is_some_and(|(_, ending)| ending == "bin")
}

/// The CIFAR files in a folder, sorted by name.
pub(super) fn files(reading: Reading<'_>) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in read_dir(reading.path).map_err(|e| reading.io(e))? {
        let path = entry.map_err(|e| reading.io(e))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        if is_name(name.strip_suffix(".gz").unwrap_or(&name)) && !name.starts_with('.') && path.is_file() {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Reads such files; a file is for tests if its name begins with "test".
pub(super) fn read(reading: Reading<'_>, files: &[PathBuf], plan: &Plan<'_>) -> Result<Table> {
    let mut edition = None;
    let (mut images, mut ids, mut splits) = (Pictures::default(), Vec::new(), Vec::new());
    let mut labels: [Vec<u8>; 2] = Default::default();
    let mut image = SHAPE.image_bytes(&vec![0; SHAPE.n_samples()])?;
    let header = image.len() - SHAPE.n_samples();
    for path in files {
        let bytes = content(path)?;
        let edition = match edition {
            None => *edition.insert(Edition::of(&bytes).ok_or_else(|| cut(path, &bytes, &[Edition::Ten, Edition::Hundred]))?),
            Some(edition) if bytes.len().is_multiple_of(edition.record_bytes()) => edition,
            Some(edition) => return Err(cut(path, &bytes, &[edition])),
        };
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let stem = name.split('.').next().unwrap_or_default().to_owned();
        let split = if stem.to_lowercase().starts_with("test") { "test" } else { "train" };
        for (i, record) in bytes.chunks_exact(edition.record_bytes()).enumerate() {
            if let Some(label) = edition.wrong_label(record) {
                let reason = format!("record {i} has the label {label}, which {} does not have", edition.name());
                return Err(Error::Binary { path: path.clone(), reason });
            }
            let (classes, samples) = record.split_at(edition.classes().len());
            labels.iter_mut().zip(classes.iter().rev()).for_each(|(labels, label)| labels.push(*label));
            image[header..].copy_from_slice(samples);
            images.push_bytes(&image)?;
            ids.push(format!("{stem}/{i}"));
            splits.push(split);
        }
    }
    let names: Vec<String> = (0..100).map(|label| label.to_string()).collect();
    let label = |labels: &[u8]| texts(labels.iter().map(|label| names[usize::from(*label)].as_str()));
    let len = ids.len();
    let mut columns = Vec::new();
    if reading.offers_id(ID) {
        columns.push((ID, texts(ids.iter().map(String::as_str))?));
    }
    columns.extend([(IMAGE, Cells::Images(images.finish())), (LABEL, label(&labels[0])?)]);
    if edition == Some(Edition::Hundred) {
        columns.push((COARSE_LABEL, label(&labels[1])?));
    }
    columns.push((SPLIT, texts(splits.iter().copied())?));
    let wants = plan(&owned(&columns.iter().map(|(name, _)| *name).collect::<Vec<_>>()))?;
    let usual = Usual { id: Some(ID), groups: vec![COARSE_LABEL, SPLIT], holdout: usual_holdout(&splits) };
    Ok(table(reading, columns, len, &wants, usual))
}

fn content(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(1 + i32::MAX as u64).read_to_end(&mut bytes).map_err(|error| io_error(path, error))?;
    check_room(bytes.len() as u64)?;
    Ok(bytes)
}

fn cut(path: &Path, bytes: &[u8], editions: &[Edition]) -> Error {
    let of = |edition: &Edition| format!("{} ({})", edition.record_bytes(), edition.name());
    let sizes: Vec<String> = editions.iter().map(of).collect();
    let reason = format!("{} bytes are no whole number of records of {}", bytes.len(), sizes.join(" or "));
    Error::Binary { path: path.to_owned(), reason }
}

//! A file as a table, before anything is made of its values.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use arrow_array::builder::StringBuilder;
use arrow_array::{Array as _, BinaryArray, BooleanArray, Float64Array, StringArray};
use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::error::{Error, Place, Result};
use super::images::Usual;
use super::source::Source;
use super::{csv, images, jsonl, parquet};

/// Texts that stand for a missing value in every file.
const MISSING: [&str; 6] = ["", "NA", "NaN", "nan", "null", "NULL"];

/// The columns that were asked for, in the order of the file, and the records in the order of the file.
pub(super) struct Table {
    pub(super) path: PathBuf,
    pub(super) columns: Vec<(String, Cells)>,
    /// How many records there are.
    pub(super) len: usize,
    /// The line on which each record begins; none in a file without lines.
    pub(super) lines: Option<Vec<u32>>,
    /// What the source itself says of its columns.
    pub(super) usual: Usual,
}

/// The values of a column as the file has them; null is missing.
pub(super) enum Cells {
    Texts(StringArray),
    Numbers(Float64Array),
    Flags(BooleanArray),
    /// In canonical bytes, all of one shape.
    Images(BinaryArray),
}

/// What shall become of a column of the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// It is not read.
    Nothing,
    /// It is read as the file has it.
    Values,
    /// It is read as text, so that no digit of a long number is lost.
    Text,
}

/// Decides about the columns once their names are known.
pub(super) type Plan<'a> = dyn Fn(&[String]) -> Result<Vec<Want>> + 'a;

/// How to understand a source.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) source: Source<'a>,
    /// The file, or what stands for one in errors.
    pub(super) path: &'a Path,
    /// Markers of missing values besides the usual ones.
    pub(super) missing: &'a [String],
    /// What separates the values of a CSV file, if the user says so.
    pub(super) delimiter: Option<char>,
    /// The column of ids, if the user says so.
    pub(super) id: Option<&'a str>,
    /// Whether ids are made from the records' content.
    pub(super) id_from_content: bool,
    /// The file of labels, if the user says so.
    pub(super) labels: Option<&'a Path>,
    /// Whether images without labels are refused.
    pub(super) labelled: bool,
}

impl Reading<'_> {
    /// Reads the table, or the file in the format that its name tells.
    pub(super) fn table(self, plan: &Plan<'_>) -> Result<Table> {
        let table = match self.source {
            Source::File(_) => self.file(plan)?,
            Source::Table(batch) => parquet::read_batch(self, batch, plan)?,
        };
        // Indices of records are u32 throughout the program.
        let (found, limit) = (table.len as u64, u64::from(u32::MAX));
        match found {
            0 => Err(Error::NoRecords { path: self.path.to_owned() }),
            _ if found > limit => Err(untrain_core::Error::TooMany { what: "records", found, limit }.into()),
            _ => Ok(table),
        }
    }

    fn file(self, plan: &Plan<'_>) -> Result<Table> {
        let name = self.path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let (stem, zipped) = name.strip_suffix(".gz").map_or((name.as_str(), false), |stem| (stem, true));
        let is_folder = self.path.is_dir();
        let ending = stem.rsplit_once('.').map(|(_, ending)| ending);
        if self.labels.is_some() && (matches!(ending, Some("csv" | "tsv" | "jsonl" | "ndjson" | "parquet" | "bin")) && !is_folder) {
            return Err(Error::Labels { path: self.path.to_owned() });
        }
        match ending {
            _ if is_folder => images::folder(self, plan),
            Some("csv") => csv::read(self, &self.text(zipped)?, None, plan),
            Some("tsv") => csv::read(self, &self.text(zipped)?, Some('\t'), plan),
            Some("jsonl" | "ndjson") => jsonl::read(self, &self.text(zipped)?, plan),
            Some("parquet") if !zipped => parquet::read(self, plan),
            _ => images::file(self, stem, plan)?.ok_or_else(|| Error::Format { path: self.path.to_owned() }),
        }
    }

    /// Whether a source with ids of its own, in the column `name`, has to give them.
    pub(super) fn offers_id(self, name: &str) -> bool {
        self.id.map_or(!self.id_from_content, |id| id == name)
    }

    /// The text of a file that is not zipped.
    pub(super) fn content(self) -> Result<String> {
        self.text(false)
    }

    /// Whether `text` stands for a missing value.
    pub(super) fn is_missing(self, text: &str) -> bool {
        MISSING.contains(&text) || self.missing.iter().any(|marker| marker == text)
    }

    pub(super) fn io(self, source: std::io::Error) -> Error {
        Error::Io { path: self.path.to_owned(), source }
    }

    /// Refuses two columns of one name.
    pub(super) fn check_names(self, names: &[String]) -> Result<()> {
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::DuplicateColumn { path: self.path.to_owned(), column: pair[0].clone() }),
            None => Ok(()),
        }
    }

    fn text(self, zipped: bool) -> Result<String> {
        let mut file = File::open(self.path).map_err(|e| self.io(e))?;
        let mut bytes = Vec::new();
        if zipped { MultiGzDecoder::new(file).read_to_end(&mut bytes) } else { file.read_to_end(&mut bytes) }.map_err(|e| self.io(e))?;
        let mut text = String::from_utf8(bytes).map_err(|e| {
            let valid = &e.as_bytes()[..e.utf8_error().valid_up_to()];
            Error::Encoding { path: self.path.to_owned(), line: valid.split(|byte| *byte == b'\n').count() as u64 }
        })?;
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        if text.trim_ascii().is_empty() { Err(Error::Empty { path: self.path.to_owned() }) } else { Ok(text) }
    }
}

impl Table {
    /// Where record `row` stands in the file.
    pub(super) fn place(&self, row: usize) -> Place {
        match &self.lines {
            Some(lines) => Place::Line(u64::from(lines[row])),
            None => Place::Row(row as u64 + 1),
        }
    }

    /// Takes out the column `name`.
    pub(super) fn take(&mut self, name: &str) -> Option<Cells> {
        let place = self.columns.iter().position(|(column, _)| column == name)?;
        Some(self.columns.remove(place).1)
    }
}

impl Cells {
    /// Appends the text of the value at `row`; false if it is missing. A number is written in its shortest form, an image as the
    /// SHA-256 of its canonical bytes in hexadecimal digits.
    pub(super) fn write(&self, row: usize, text: &mut String) -> bool {
        let valid = match self {
            Self::Texts(texts) => texts.is_valid(row),
            Self::Numbers(numbers) => numbers.is_valid(row),
            Self::Flags(flags) => flags.is_valid(row),
            Self::Images(images) => images.is_valid(row),
        };
        if valid {
            match self {
                Self::Texts(texts) => text.push_str(texts.value(row)),
                Self::Numbers(numbers) => write_number(numbers.value(row), text),
                Self::Flags(flags) => text.push_str(if flags.value(row) { "true" } else { "false" }),
                Self::Images(images) => Sha256::digest(images.value(row)).iter().for_each(|byte| _ = write!(text, "{byte:02x}")),
            }
        }
        valid
    }

    /// The values as text.
    pub(super) fn into_texts(self) -> Result<StringArray> {
        let len = match &self {
            Self::Texts(texts) => return Ok(texts.clone()),
            Self::Numbers(numbers) => numbers.len(),
            Self::Flags(flags) => flags.len(),
            Self::Images(images) => images.len(),
        };
        let mut texts = Texts::default();
        let mut text = String::new();
        for row in 0..len {
            text.clear();
            let valid = self.write(row, &mut text);
            texts.push(valid.then_some(text.as_str()))?;
        }
        Ok(texts.finish())
    }
}

/// Builds a text column that is refused, where Arrow would panic, when it outgrows Arrow's 32-bit offsets.
#[derive(Default)]
pub(super) struct Texts(StringBuilder);

impl Texts {
    pub(super) fn push(&mut self, text: Option<&str>) -> Result<()> {
        let found = (self.0.values_slice().len() + text.map_or(0, str::len)) as u64;
        let limit = i32::MAX as u64;
        if found > limit {
            return Err(untrain_core::Error::TooMany { what: "bytes of text in a column", found, limit }.into());
        }
        self.0.append_option(text);
        Ok(())
    }

    pub(super) fn finish(mut self) -> StringArray {
        self.0.finish()
    }
}

/// Writes `value` in its shortest decimal form; integers without a fraction.
pub(super) fn write_number(value: f64, text: &mut String) {
    // Display of floats is some times slower than that of integers, and gives the same digits for these.
    let whole = value as i64;
    let _ = if whole as f64 == value && whole != 0 && whole.unsigned_abs() < 1 << 53 {
        write!(text, "{whole}")
    } else {
        write!(text, "{value}")
    };
}

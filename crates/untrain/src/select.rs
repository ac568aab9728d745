//! Finds the records that a request is about: by an expression, by subject, or from a file of ids.

mod error;
mod expression;
mod watch;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use untrain_core::{Dataset, nearest};

pub use error::{Error, Result};
pub use expression::by_expression;

/// The ids of the records that belong to any of `subjects`, in the canonical order.
///
/// # Errors
///
/// [`Error::NoSubject`] if no column names subjects; [`Error::UnknownSubjects`] naming all that have no record.
pub fn by_subject(data: &Dataset, subjects: &[String]) -> Result<Vec<String>> {
    let Some((place, _)) = data.schema().subject() else { return Err(Error::NoSubject) };
    let wanted: BTreeSet<&str> = subjects.iter().map(|subject| subject.trim()).collect();
    let values = data.values(place);
    let (mut found, mut ids) = (BTreeSet::new(), Vec::new());
    for i in 0..data.len() {
        if let Some(subject) = values.text(i)
            && wanted.contains(subject.as_str())
        {
            ids.push(data.id(i).to_owned());
            found.insert(subject);
        }
    }
    let unknown: Vec<String> = wanted.iter().filter(|subject| !found.contains(**subject)).map(|subject| (*subject).to_owned()).collect();
    let Some(first) = unknown.first() else { return Ok(ids) };
    let known: BTreeSet<String> = (0..data.len()).filter_map(|i| values.text(i)).collect();
    Err(Error::UnknownSubjects { nearest: nearest(first, known.iter().map(String::as_str)), subjects: unknown })
}

/// The ids in a file, one a line, in its order; `-` is the standard input. Blank lines do not count.
///
/// # Errors
///
/// [`Error::Io`], and [`Error::Encoding`] for bytes that are not UTF-8.
pub fn ids_file(path: &Path) -> Result<Vec<String>> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    }
    .map_err(io)?;
    let text = std::str::from_utf8(&bytes).map_err(|e| {
        let line = bytes[..e.valid_up_to()].split(|byte| *byte == b'\n').count() as u64;
        Error::Encoding { path: path.to_owned(), line }
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(text.lines().map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect())
}

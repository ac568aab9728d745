//! A folder of PNG and JPEG files, whose labels are the names of folders or stand in `labels.csv`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::Array as _;
use rayon::prelude::*;

use super::{IMAGE, LABEL, Picture, Pictures, SPLIT, Usual, decode, io_error, owned, table, texts, usual_holdout};
use crate::import::csv;
use crate::import::error::{Error, ImageFault, Result};
use crate::import::table::{Cells, Plan, Reading, Table, Want};

/// The column of ids: the path of the file in the folder, with `/` between its parts.
const FILE: &str = "file";
/// The file of labels.
const LABELS: &str = "labels.csv";
/// Folders that are parts of a dataset and not classes, and what these are called.
const SPLITS: [(&str, &str); 6] =
    [("train", "train"), ("test", "test"), ("val", "val"), ("valid", "val"), ("validation", "val"), ("dev", "val")];
/// How many images are decoded before they are put into the column.
const CHUNK: usize = 1024;

/// Reads the folder.
pub(super) fn read(reading: Reading<'_>, plan: &Plan<'_>) -> Result<Table> {
    let mut files = Vec::new();
    walk(reading.path, "", &mut files)?;
    files.sort_unstable();
    if files.is_empty() {
        return Err(Error::NoImages { path: reading.path.to_owned() });
    }
    let listing = reading.path.join(LABELS);
    let labels = match reading.labels {
        Some(path) => Some(path),
        None => listing.is_file().then_some(listing.as_path()),
    };
    match labels {
        Some(labels) => listed(reading, labels, &files, plan),
        None => classes(reading, &files, plan),
    }
}

/// Images whose labels a table lists.
fn listed(reading: Reading<'_>, labels: &Path, files: &[String], plan: &Plan<'_>) -> Result<Table> {
    let list = Reading { path: labels, ..reading };
    let offers = reading.offers_id(FILE);
    let wanted = std::cell::Cell::new(Want::Values);
    let outer = |names: &[String]| {
        if !names.iter().any(|name| name == FILE) {
            let nearest = untrain_core::nearest(FILE, names.iter().map(String::as_str));
            return Err(Error::MissingColumns { path: labels.to_owned(), columns: owned(&[FILE]), nearest });
        }
        if names.iter().any(|name| name == IMAGE) {
            return Err(Error::DuplicateColumn { path: labels.to_owned(), column: IMAGE.to_owned() });
        }
        let shown: Vec<String> = names.iter().filter(|name| offers || *name != FILE).cloned().chain(owned(&[IMAGE])).collect();
        let wants: BTreeMap<String, Want> = shown.iter().cloned().zip(plan(&shown)?).collect();
        wanted.set(wants.get(IMAGE).copied().unwrap_or(Want::Values));
        let want = |name: &String| if name == FILE { Want::Text } else { wants.get(name).copied().unwrap_or(Want::Nothing) };
        Ok(names.iter().map(want).collect())
    };
    let mut table = csv::read(list, &list.content()?, None, &outer)?;
    let Some(Cells::Texts(names)) = table.take(FILE) else {
        return Err(Error::NoRecords { path: labels.to_owned() });
    };
    let known: BTreeSet<&str> = files.iter().map(String::as_str).collect();
    let mut order = Vec::with_capacity(names.len());
    for (row, name) in names.iter().enumerate() {
        let name = name.ok_or_else(|| Error::MissingId { path: labels.to_owned(), place: table.place(row), column: FILE.to_owned() })?;
        if !known.contains(name) {
            return Err(Error::NoImage { path: labels.to_owned(), place: table.place(row), image: name.to_owned() });
        }
        order.push(name);
    }
    let have: BTreeSet<&str> = order.iter().copied().collect();
    if let Some(unlisted) = files.iter().find(|file| !have.contains(file.as_str())) {
        return Err(Error::Unlisted { path: reading.path.join(unlisted), labels: labels.to_owned() });
    }
    if wanted.get() != Want::Nothing {
        table.columns.push((IMAGE.to_owned(), images(reading, &order)?));
    }
    if offers {
        table.columns.push((FILE.to_owned(), Cells::Texts(names)));
    }
    table.usual = Usual { id: Some(FILE), ..Usual::default() };
    Ok(table)
}

/// Images that stand in the folders of their classes.
fn classes(reading: Reading<'_>, files: &[String], plan: &Plan<'_>) -> Result<Table> {
    let first = |file: &str| file.split_once('/').map(|(folder, _)| folder.to_lowercase());
    let split_of = |file: &str| SPLITS.iter().find(|(name, _)| first(file).as_deref() == Some(name)).map(|(_, split)| *split);
    let splits: Option<Vec<&str>> = files.iter().map(|file| split_of(file)).collect();
    let class = |file: &'_ str| -> Option<String> {
        let inner = if splits.is_some() { file.split_once('/')?.1 } else { file };
        inner.split_once('/').map(|(class, _)| class.to_owned())
    };
    let labels: Vec<Option<String>> = files.iter().map(|file| class(file)).collect();
    let unlabelled = labels.iter().position(Option::is_none);
    if let (Some(place), true) = (unlabelled, reading.labelled) {
        return Err(Error::NoClass { path: reading.path.join(&files[place]) });
    }
    let mut names = vec![IMAGE];
    if reading.offers_id(FILE) {
        names.insert(0, FILE);
    }
    if unlabelled.is_none() {
        names.push(LABEL);
    }
    if splits.is_some() {
        names.push(SPLIT);
    }
    let wants = plan(&owned(&names))?;
    let all: Vec<&str> = files.iter().map(String::as_str).collect();
    let columns = names.iter().zip(&wants).map(|(name, want)| {
        let cells = match *name {
            FILE => texts(all.iter().copied())?,
            LABEL => texts(labels.iter().flatten().map(String::as_str))?,
            SPLIT => texts(splits.iter().flatten().copied())?,
            _ if *want == Want::Nothing => Cells::Images(Pictures::default().finish()),
            _ => images(reading, &all)?,
        };
        Ok((*name, cells))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let holdout = splits.as_deref().and_then(usual_holdout);
    Ok(table(reading, columns, files.len(), &wants, Usual { id: Some(FILE), groups: vec![SPLIT], holdout }))
}

/// Decodes files on all cores; the first in their order that cannot be used is the one that is named.
fn images(reading: Reading<'_>, files: &[&str]) -> Result<Cells> {
    let mut all = Pictures::default();
    let load = |file: &&str| -> Result<Picture> {
        let path = reading.path.join(file);
        let bytes = fs::read(&path).map_err(|source| io_error(&path, source))?;
        decode(&bytes).map_err(|fault| Error::Image { path, row: None, fault })
    };
    for chunk in files.chunks(CHUNK) {
        let pictures: Vec<Result<Picture>> = chunk.par_iter().map(load).collect();
        for (picture, file) in pictures.into_iter().zip(chunk) {
            let path = || reading.path.join(file);
            all.push(&picture?, || path().display().to_string())?.map_err(|fault| Error::Image { path: path(), row: None, fault })?;
        }
    }
    Ok(Cells::Images(all.finish()))
}

/// Finds the images in a folder and those below it. What is hidden is passed over, and so are files that are no images.
fn walk(folder: &Path, prefix: &str, files: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|source| io_error(folder, source))? {
        let path: PathBuf = entry.map_err(|source| io_error(folder, source))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(Error::Image { path, row: None, fault: ImageFault::Name });
        };
        if name.starts_with('.') {
            continue;
        }
        let inner = format!("{prefix}{name}");
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default();
        if fs::metadata(&path).map_err(|source| io_error(&path, source))?.is_dir() {
            walk(&path, &format!("{inner}/"), files)?;
        } else if ["png", "jpg", "jpeg"].contains(&ending.as_str()) {
            files.push(inner);
        } else if ["bmp", "gif", "tif", "tiff", "webp"].contains(&ending.as_str()) {
            let reason = "it is neither PNG nor JPEG".to_owned();
            return Err(Error::Image { path, row: None, fault: ImageFault::Undecoded { reason } });
        }
    }
    Ok(())
}

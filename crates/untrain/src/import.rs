//! Reads records: from files of CSV, JSON Lines, Parquet and images, and from tables in memory.
//!
//! The ending of the name tells the format: `.csv`, `.tsv`, `.jsonl`, `.ndjson`, each also with `.gz`, and `.parquet`. What a
//! dataset becomes depends on the set of records alone, neither on the order of rows or columns nor on the format: what the
//! columns of text and JSON hold is inferred from the set of their values ([`Kind::infer`]), and Parquet's text columns
//! are treated the same. Parquet's dates become days, its timestamps seconds, both since 1970-01-01 UTC. A table in memory is read as
//! the Parquet file would be that holds it.
//!
//! Images come as a folder of PNG and JPEG files, as an IDX file (MNIST), as CIFAR's binary files or as bytes in a Parquet file. These
//! sources have the column `image` (Parquet: a column of bytes, or of Hugging Face's `bytes` and `path`) and mostly `label`, and all
//! but Parquet have ids of their own:
//!
//! | source | id | label | besides |
//! | --- | --- | --- | --- |
//! | a folder of folders, one a class | `file`: the path in the folder | the folder's name | `split`, if the outer folders are called `train`, `test`, `val` or the like |
//! | a folder with `labels.csv` | `file`, a column of the list | `label`, a column of the list | the list's other columns |
//! | IDX (`…idx3-ubyte`, also `.gz`) | `id`: the place in the file, from 0 | the byte in the file of labels | |
//! | CIFAR (`.bin`, also `.gz`; or a folder of them) | `id`: file name and place | the byte; of CIFAR-100 the fine one | `split`; `coarse_label` of CIFAR-100 |
//!
//! If the user says nothing else, `label` is the target and holds categories, `split` and `coarse_label` are groups, and what `split`
//! calls `test` is held out if there is more than that. A PNG file gives its samples exactly, and a JPEG file those of the decoder;
//! grey is one channel and colour three. Nothing is scaled or converted: all images have to be of one shape.
//!
//! Values of a CSV file are trimmed unless quoted. Some texts stand for a missing value, quoted or not ([`Roles::missing`]).

mod csv;
mod error;
mod ids;
mod images;
mod jsonl;
mod kinds;
mod parquet;
mod roles;
mod source;
mod table;

use std::collections::BTreeSet;
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, StringArray};
use untrain_core::{Column, Dataset, Holdout, Kind, Role, Schema, nearest};

pub use error::{Error, ImageFault, Place, Result};
pub use roles::Roles;
pub use source::Source;
use table::{Reading, Table, Want};

/// Records that are to be predicted.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionTable {
    /// What each row is called, in the order of the source: its id, or its number from 1. An id may occur many times.
    pub ids: Vec<String>,
    /// The rows in the order of the source: here the ids are row numbers, padded so that they sort as numbers do.
    pub data: Dataset,
}

/// Reads a file, or a table in memory, into a new dataset.
///
/// With [`Roles::id_from_content`], an id is half the SHA-256 of the record's columns (names and the text of the values, before
/// kinds are inferred) and the ordinal among equal records: it depends on neither the order of rows nor on other records.
/// JSON and Parquet numbers have the shortest text; in a CSV file `1.0` and `1` differ, so ids need not agree between formats.
///
/// # Errors
///
/// [`Error`], with the line where a line is at fault.
pub fn dataset<'a>(source: impl Into<Source<'a>>, roles: &Roles) -> Result<Dataset> {
    let source = source.into();
    let mut table = roles.reading(source).table(&|names| roles.plan(names))?;
    let roles = &roles.completed(&table);
    let ids = match &roles.id {
        Some(name) if roles.id_from_content => {
            return Err(Error::TwoRoles { column: name.clone(), first: "id", second: "part of ids made from content" });
        }
        Some(name) => id_column(&mut table, name)?,
        None if roles.id_from_content => ids::from_content(&table)?,
        None => return Err(Error::NoId { path: source.path().to_owned(), unique: ids::unique(&table) }),
    };
    let (columns, values) = assemble(&mut table, |name| (roles.role(name), roles.kind(name)))?;
    if !columns.iter().any(|column| column.role == Role::Feature) {
        return Err(Error::NoFeatures { path: source.path().to_owned() });
    }
    check_holdout(roles, &columns, &values)?;
    let schema = Schema { id: roles.id.clone(), columns, holdout: roles.holdout.clone() };
    finish(&table, schema, &ids, values)
}

/// Reads more records of an existing dataset: the columns and kinds of `schema`; of `roles` only how to read a file and
/// [`Roles::drop`], the columns that were left out at the import, count.
///
/// In the result every kind counts as declared, so that a few records cannot change it. A content id is what it would be in a
/// file of its own: a record equal to one that the dataset has gets its id too.
///
/// # Errors
///
/// [`Error`], with the line where a line is at fault; a value that does not fit the kind of its column is a fault.
pub fn like<'a>(source: impl Into<Source<'a>>, schema: &Schema, roles: &Roles) -> Result<Dataset> {
    let source = source.into();
    let reading = Reading { id: schema.id.as_deref(), id_from_content: schema.id.is_none(), ..roles.reading(source) };
    let mut table = reading.table(&|names| plan_like(source.path(), schema, roles, names))?;
    let ids = match &schema.id {
        Some(name) => id_column(&mut table, name)?,
        None => ids::from_content(&table)?,
    };
    let known = |name: &str| schema.columns.iter().find(|column| column.name == name);
    let (columns, values) =
        assemble(&mut table, |name| known(name).map_or((Role::Feature, None), |column| (column.role, Some(column.kind))))?;
    let schema = Schema { id: schema.id.clone(), columns, holdout: schema.holdout.clone() };
    finish(&table, schema, &ids, values)
}

/// Reads records that a model shall predict: its `features`, and those of the columns `also` that the file has (a target to
/// compare with, a group). Other columns are ignored. Of `roles` only the id and how to read a file count.
///
/// # Errors
///
/// [`Error::MissingColumns`] for features that the file lacks, [`Error::Value`] for values that do not fit, and
/// [`Error::MissingTarget`] if a target is among `also`, the file has it, and a row has none.
pub fn for_prediction<'a>(
    source: impl Into<Source<'a>>,
    features: &[(String, Kind)],
    also: &[Column],
    roles: &Roles,
) -> Result<PredictionTable> {
    let source = source.into();
    let feature = |name: &str| features.iter().find(|(feature, _)| feature == name).map(|(_, kind)| (Role::Feature, Some(*kind)));
    let other = |name: &str| also.iter().find(|column| column.name == name).map(|column| (column.role, Some(column.kind)));
    let wanted = |name: &str| feature(name).or_else(|| other(name));
    let plan = |names: &[String]| {
        check_present(source.path(), names, features.iter().map(|(name, _)| name))?;
        let want = |name: &String| match (wanted(name), roles.id.as_ref() == Some(name)) {
            (Some((_, Some(Kind::Categorical))), _) | (_, true) => Want::Text,
            (Some(_), false) => Want::Values,
            (None, false) => Want::Nothing,
        };
        Ok(names.iter().map(want).collect())
    };
    let mut table = Reading { labelled: false, ..roles.reading(source) }.table(&plan)?;
    let ids = match &roles.id {
        Some(name) if table.columns.iter().any(|(column, _)| column == name) && wanted(name).is_none() => {
            id_column(&mut table, name)?.iter().flatten().map(str::to_owned).collect()
        }
        _ => (1..=table.len).map(|row| row.to_string()).collect(),
    };
    let (columns, values) = assemble(&mut table, |name| wanted(name).unwrap_or((Role::Feature, None)))?;
    let rows: StringArray = (1..=table.len).map(|row| Some(format!("{row:010}"))).collect();
    Ok(PredictionTable { ids, data: Dataset::new(Schema { id: None, columns, holdout: None }, &rows, values)? })
}

fn plan_like(path: &Path, schema: &Schema, roles: &Roles, names: &[String]) -> Result<Vec<Want>> {
    let columns: Vec<&String> = schema.id.iter().chain(schema.columns.iter().map(|column| &column.name)).collect();
    check_present(path, names, columns.iter().copied())?;
    let want = |name: &String| {
        if schema.id.as_ref() == Some(name) {
            return Ok(Want::Text);
        }
        match schema.columns.iter().find(|column| column.name == *name) {
            Some(column) if column.kind == Kind::Categorical => Ok(Want::Text),
            Some(_) => Ok(Want::Values),
            None if roles.drop.contains(name) => Ok(Want::Nothing),
            None => {
                let nearest = nearest(name, columns.iter().map(|column| column.as_str()));
                Err(Error::ExtraColumn { path: path.to_owned(), column: name.clone(), nearest })
            }
        }
    };
    names.iter().map(want).collect()
}

fn check_present<'a>(path: &Path, names: &[String], needed: impl Iterator<Item = &'a String>) -> Result<()> {
    let columns: Vec<String> = needed.filter(|name| !names.contains(name)).cloned().collect();
    match columns.first() {
        Some(first) => {
            let nearest = nearest(first, names.iter().map(String::as_str));
            Err(Error::MissingColumns { path: path.to_owned(), columns, nearest })
        }
        None => Ok(()),
    }
}

fn id_column(table: &mut Table, name: &str) -> Result<StringArray> {
    match table.take(name) {
        Some(cells) => ids::from_column(table, name, cells),
        None => Err(untrain_core::Error::UnknownColumn { name: name.to_owned(), nearest: None }.into()),
    }
}

/// The columns of a table with the role and the kind, if it is given, that `about` tells; the table is left without columns.
fn assemble(table: &mut Table, about: impl Fn(&str) -> (Role, Option<Kind>)) -> Result<(Vec<Column>, Vec<ArrayRef>)> {
    let (mut columns, mut all) = (Vec::new(), Vec::new());
    for (name, cells) in std::mem::take(&mut table.columns) {
        let (role, given) = about(&name);
        let (kind, values) = kinds::settle(table, &name, cells, given)?;
        if role == Role::Target
            && let Some(row) = (0..values.len()).find(|row| values.is_null(*row))
        {
            return Err(Error::MissingTarget { path: table.path.clone(), place: table.place(row), column: name });
        }
        columns.push(Column { name, kind, role, declared: given.is_some() || kind == Kind::Image });
        all.push(values);
    }
    Ok((columns, all))
}

fn check_holdout(roles: &Roles, columns: &[Column], values: &[ArrayRef]) -> Result<()> {
    let Some(Holdout::Value { column, value }) = &roles.holdout else { return Ok(()) };
    let Some(place) = columns.iter().position(|candidate| candidate.name == *column) else { return Ok(()) };
    let texts = values[place].as_string::<i32>();
    if texts.iter().flatten().any(|text| text == value) {
        return Ok(());
    }
    let found: BTreeSet<&str> = texts.iter().flatten().collect();
    Err(Error::HoldoutValue { column: column.clone(), value: value.clone(), found: found.into_iter().map(str::to_owned).collect() })
}

/// Makes the dataset; where two records share an id, the error tells where both stand.
fn finish(table: &Table, schema: Schema, ids: &StringArray, values: Vec<ArrayRef>) -> Result<Dataset> {
    Dataset::new(schema, ids, values).map_err(|error| {
        let untrain_core::Error::DuplicateId { id } = error else { return error.into() };
        let mut rows = (0..ids.len()).filter(|row| ids.value(*row) == id);
        match (rows.next(), rows.next()) {
            (Some(first), Some(second)) => {
                let (path, first, second) = (table.path.clone(), table.place(first), table.place(second));
                Error::DuplicateId { path, id, first, second }
            }
            _ => untrain_core::Error::DuplicateId { id }.into(),
        }
    })
}

//! Who the records are.

use std::collections::HashSet;

use arrow_array::StringArray;
use sha2::{Digest as _, Sha256};

use super::error::{Error, Result};
use super::table::{Cells, Table, Texts};

/// The ids that stand in column `name`.
pub(super) fn from_column(table: &Table, name: &str, cells: Cells) -> Result<StringArray> {
    let mut ids = Texts::default();
    for (row, id) in cells.into_texts()?.iter().enumerate() {
        let missing = || Error::MissingId { path: table.path.clone(), place: table.place(row), column: name.to_owned() };
        ids.push(Some(id.map(str::trim).filter(|id| !id.is_empty()).ok_or_else(missing)?))?;
    }
    Ok(ids.finish())
}

/// Ids made from the records' content: half a SHA-256, and which of the equal records it is.
///
/// The hash goes over the names of the columns in sorted order, then over the record's values in that order; each is led by its
/// length as four bytes (little end first), which are all ones for a missing value.
pub(super) fn from_content(table: &Table) -> Result<StringArray> {
    let mut columns: Vec<&(String, Cells)> = table.columns.iter().collect();
    columns.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let mut names = Sha256::new();
    for (name, _) in &columns {
        names.update((name.len() as u32).to_le_bytes());
        names.update(name);
    }
    let mut digests: Vec<(u128, u32)> = (0..table.len).map(|row| (digest(names.clone(), &columns, row), row as u32)).collect();
    digests.sort_unstable();
    let mut ids = vec![String::new(); table.len];
    let mut ordinal = 0;
    for (i, (digest, row)) in digests.iter().enumerate() {
        ordinal = if i > 0 && digests[i - 1].0 == *digest { ordinal + 1 } else { 0 };
        ids[*row as usize] = format!("{digest:032x}-{ordinal}");
    }
    let mut texts = Texts::default();
    ids.iter().try_for_each(|id| texts.push(Some(id)))?;
    Ok(texts.finish())
}

fn digest(mut hash: Sha256, columns: &[&(String, Cells)], row: usize) -> u128 {
    let mut text = String::new();
    let mut bytes = Vec::with_capacity(columns.len() * 8);
    for (_, cells) in columns {
        text.clear();
        let length = if cells.write(row, &mut text) { text.len() as u32 } else { u32::MAX };
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    hash.update(&bytes);
    let whole: [u8; 32] = hash.finalize().into();
    whole[..16].iter().fold(0, |value, byte| value << 8 | u128::from(*byte))
}

/// The columns that could be the id, the likeliest first: every record has a value, and each value occurs once.
pub(super) fn unique(table: &Table) -> Vec<String> {
    let mut names: Vec<&String> = table.columns.iter().filter(|(_, cells)| is_unique(cells, table.len)).map(|(name, _)| name).collect();
    names.sort_by_key(|name| !name.to_lowercase().contains("id"));
    names.into_iter().cloned().collect()
}

fn is_unique(cells: &Cells, len: usize) -> bool {
    if matches!(cells, Cells::Images(_)) {
        return false;
    }
    let mut seen = HashSet::new();
    let mut text = String::new();
    (0..len).all(|row| {
        text.clear();
        // A measurement may happen to be unique, but does not name anybody.
        let fraction = |text: &str| text.contains('.') && text.parse::<f64>().is_ok();
        cells.write(row, &mut text) && !fraction(&text) && seen.insert(text.clone())
    })
}

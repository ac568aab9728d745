//! From what a file holds to what a column of a dataset holds.

use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, BinaryArray, BooleanArray, Float64Array, StringArray};
use untrain_core::Kind;

use super::error::{Error, FINITE, Result};
use super::table::{Cells, Table};

/// The values of column `name` by its kind: the one that is `given`, or the one that the values suggest.
pub(super) fn settle(table: &Table, name: &str, cells: Cells, given: Option<Kind>) -> Result<(Kind, ArrayRef)> {
    Ok(match (cells, given) {
        (Cells::Numbers(numbers), None | Some(Kind::Numeric)) => {
            match (0..numbers.len()).find(|row| numbers.is_valid(*row) && !numbers.value(*row).is_finite()) {
                Some(row) => return Err(misfit(table, name, row, &numbers.value(row).to_string(), FINITE)),
                None => (Kind::Numeric, Arc::new(numbers) as ArrayRef),
            }
        }
        (Cells::Flags(flags), None) if flags.null_count() == flags.len() => {
            // A column without values has the kind that the same column has in a file of text.
            (Kind::Numeric, Arc::new(Float64Array::new_null(flags.len())) as ArrayRef)
        }
        (Cells::Images(images), None | Some(Kind::Image)) => (Kind::Image, Arc::new(images) as ArrayRef),
        (Cells::Images(_), Some(_)) => return Err(Error::NotText { path: table.path.clone(), column: name.to_owned() }),
        (Cells::Flags(flags), None | Some(Kind::Boolean)) => (Kind::Boolean, Arc::new(flags) as ArrayRef),
        (cells, given) => {
            let texts = cells.into_texts()?;
            let kind = given.unwrap_or_else(|| Kind::infer(texts.iter()));
            let values = parse(&texts, kind).map_err(|(row, expected)| misfit(table, name, row, texts.value(row), expected))?;
            (kind, values)
        }
    })
}

/// Parses texts, or tells the first row that does not fit and what was expected of it.
fn parse(texts: &StringArray, kind: Kind) -> Result<ArrayRef, (usize, &'static str)> {
    let all = || texts.iter().enumerate();
    Ok(match kind {
        Kind::Categorical => Arc::new(texts.clone()),
        Kind::Numeric => {
            let number = |(row, text): (usize, Option<&str>)| match text.map(Kind::number) {
                None => Ok(None),
                Some(None) => Err((row, "a number")),
                Some(Some(number)) if !number.is_finite() => Err((row, FINITE)),
                Some(number) => Ok(number),
            };
            Arc::new(all().map(number).collect::<Result<Float64Array, _>>()?)
        }
        // A file of images comes to this with images; text is none.
        Kind::Image => match texts.iter().position(|text| text.is_some()) {
            Some(row) => return Err((row, "an image")),
            None => Arc::new(BinaryArray::new_null(texts.len())),
        },
        Kind::Boolean => {
            let flag = |(row, text): (usize, Option<&str>)| text.map(|text| truth(text).ok_or((row, "true or false"))).transpose();
            Arc::new(all().map(flag).collect::<Result<BooleanArray, _>>()?)
        }
    })
}

/// Reads a truth value where the column is known to hold them; without that knowledge 0 and 1 are numbers, yes and no text.
fn truth(text: &str) -> Option<bool> {
    let is = |word: &&str| text.eq_ignore_ascii_case(word);
    Kind::boolean(text).or_else(|| ["1", "yes"].iter().any(is).then_some(true)).or_else(|| ["0", "no"].iter().any(is).then_some(false))
}

fn misfit(table: &Table, name: &str, row: usize, value: &str, expected: &'static str) -> Error {
    Error::Value { path: table.path.clone(), place: table.place(row), column: name.to_owned(), value: value.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_values_are_read_in_many_spellings() {
        let table = [
            ("true", Some(true)),
            ("FALSE", Some(false)),
            ("1", Some(true)),
            ("0", Some(false)),
            ("Yes", Some(true)),
            ("no", Some(false)),
            ("y", None),
            ("2", None),
            ("", None),
        ];
        for (text, flag) in table {
            assert_eq!(truth(text), flag, "{text}");
        }
    }
}

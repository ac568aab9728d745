//! JSON Lines: one flat object a line.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::{Error, Result};
use super::images::Usual;
use super::table::{Cells, Plan, Reading, Table, Texts, write_number};

/// Reads a whole file. Every column is text: a number that stands in quotes is the same as one that does not.
pub(super) fn read(reading: Reading<'_>, text: &str, plan: &Plan<'_>) -> Result<Table> {
    let mut columns = Columns::default();
    let mut lines: Vec<u32> = Vec::new();
    for (i, line) in text.split('\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let number = i as u64 + 1;
        let object: Object<'_> = serde_json::from_str(line).map_err(|e| json(reading, number, &e))?;
        for (key, value) in object.0 {
            let wrong = |reason| Error::Key { path: reading.path.to_owned(), line: number, key: key.clone(), reason };
            let value = scalar(value.get()).map_err(wrong)?.filter(|value| !reading.is_missing(value));
            if !columns.push(&key, lines.len(), value.as_deref())? {
                return Err(wrong("the key occurs twice"));
            }
        }
        lines.push(u32::try_from(number).unwrap_or(u32::MAX));
    }
    columns.table(reading, lines, plan)
}

/// The text of a JSON value, `None` for null; the numbers' text does not depend on who wrote the file.
fn scalar(raw: &str) -> Result<Option<Cow<'_, str>>, &'static str> {
    match raw.as_bytes() {
        [b'{' | b'[', ..] => Err("the value is nested, and a column holds numbers, truth values or text"),
        [b'n', ..] => Ok(None),
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => Ok(Some(Cow::Borrowed(&raw[1..raw.len() - 1]))),
        [b'"', ..] => serde_json::from_str::<String>(raw).map(|text| Some(Cow::Owned(text))).map_err(|_| "the text is malformed"),
        [b't' | b'f', ..] => Ok(Some(Cow::Borrowed(raw))),
        number if number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-') => Ok(Some(Cow::Borrowed(raw))),
        _ => Ok(Some(match raw.parse::<f64>() {
            Ok(value) if value.is_finite() => {
                let mut text = String::new();
                write_number(value, &mut text);
                Cow::Owned(text)
            }
            _ => Cow::Borrowed(raw),
        })),
    }
}

fn json(reading: Reading<'_>, line: u64, error: &serde_json::Error) -> Error {
    let reason = error.to_string();
    let reason = reason.split_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason).to_owned();
    Error::Json { path: reading.path.to_owned(), line, character: error.column(), reason }
}

/// The columns found so far, each as long as the last record that had its key.
#[derive(Default)]
struct Columns {
    places: HashMap<String, usize>,
    names: Vec<String>,
    texts: Vec<(Texts, usize)>,
}

impl Columns {
    /// Sets the value of `key` in record `row`; false if it is already set.
    fn push(&mut self, key: &str, row: usize, value: Option<&str>) -> Result<bool> {
        let place = self.places.get(key).copied().unwrap_or_else(|| {
            self.places.insert(key.to_owned(), self.names.len());
            self.names.push(key.to_owned());
            self.texts.push((Texts::default(), 0));
            self.names.len() - 1
        });
        let (texts, len) = &mut self.texts[place];
        if *len > row {
            return Ok(false);
        }
        while *len < row {
            texts.push(None)?;
            *len += 1;
        }
        texts.push(value)?;
        *len += 1;
        Ok(true)
    }

    fn table(self, reading: Reading<'_>, lines: Vec<u32>, plan: &Plan<'_>) -> Result<Table> {
        let wants = plan(&self.names)?;
        let mut columns = Vec::with_capacity(self.names.len());
        for ((name, (mut texts, len)), want) in self.names.into_iter().zip(self.texts).zip(wants) {
            if want != super::table::Want::Nothing {
                (len..lines.len()).try_for_each(|_| texts.push(None))?;
                columns.push((name, Cells::Texts(texts.finish())));
            }
        }
        Ok(Table { path: reading.path.to_owned(), columns, len: lines.len(), lines: Some(lines), usual: Usual::default() })
    }
}

/// The keys and the raw values of an object, in its order, doubles included.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Object(entries))
    }
}

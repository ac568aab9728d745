//! Comma-separated values: RFC 4180, with the liberties that real files take.
//!
//! The reader is our own since the existing ones tell neither on which line a record begins nor whether a value was quoted,
//! and an import has to name the line of every fault and to trim unquoted values only.

use std::borrow::Cow;

use super::error::{Error, Result};
use super::images::Usual;
use super::table::{Cells, Plan, Reading, Table, Texts, Want};

/// The delimiters that are guessed from the header; the first wins a tie.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Reads a whole file; `usual` is the delimiter that its name promises.
pub(super) fn read(reading: Reading<'_>, text: &str, usual: Option<char>, plan: &Plan<'_>) -> Result<Table> {
    let delimiter = match reading.delimiter.or(usual) {
        None => guess(text),
        Some(delimiter @ ('"' | '\n' | '\r')) => return Err(Error::Delimiter { delimiter }),
        Some(delimiter) => u8::try_from(delimiter).ok().filter(u8::is_ascii).ok_or(Error::Delimiter { delimiter })?,
    };
    let mut scanner = Scanner { reading, text, at: 0, line: 1, delimiter };
    let mut values = Vec::new();
    scanner.record(&mut values)?;
    let names = names(&values);
    reading.check_names(&names)?;
    let mut wanted: Vec<Option<Texts>> = plan(&names)?.into_iter().map(|want| (want != Want::Nothing).then(Texts::default)).collect();
    let mut lines = Vec::new();
    while let Some(line) = scanner.record(&mut values)? {
        if values.len() != names.len() {
            let path = reading.path.to_owned();
            return Err(Error::Ragged { path, line: u64::from(line), expected: names.len(), found: values.len() });
        }
        lines.push(line);
        for (texts, value) in wanted.iter_mut().zip(&values) {
            if let Some(texts) = texts {
                texts.push((!reading.is_missing(value)).then_some(value))?;
            }
        }
    }
    let columns = names.into_iter().zip(wanted).filter_map(|(name, texts)| Some((name, Cells::Texts(texts?.finish())))).collect();
    Ok(Table { path: reading.path.to_owned(), columns, len: lines.len(), lines: Some(lines), usual: Usual::default() })
}

fn names(header: &[Cow<'_, str>]) -> Vec<String> {
    let name = |(i, name): (usize, &Cow<'_, str>)| match name.trim() {
        "" => format!("column_{}", i + 1),
        name => name.to_owned(),
    };
    header.iter().enumerate().map(name).collect()
}

/// The delimiter that occurs most often in the header, quoted names apart.
fn guess(text: &str) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut quoted = false;
    for byte in text.trim_start_matches(['\r', '\n']).bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' if !quoted => break,
            _ if quoted => {}
            _ => DELIMITERS.iter().zip(&mut counts).filter(|(delimiter, _)| **delimiter == byte).for_each(|(_, count)| *count += 1),
        }
    }
    let best = (0..DELIMITERS.len()).rev().max_by_key(|i| counts[*i]).unwrap_or(0);
    DELIMITERS[best]
}

/// Walks over the text, value by value.
struct Scanner<'a> {
    reading: Reading<'a>,
    text: &'a str,
    at: usize,
    line: u32,
    delimiter: u8,
}

impl<'a> Scanner<'a> {
    /// Reads the next record into `values` and tells the line on which it begins; `None` at the end. Blank lines are no records.
    fn record(&mut self, values: &mut Vec<Cow<'a, str>>) -> Result<Option<u32>> {
        loop {
            let blanks = self.blanks();
            match self.byte(blanks) {
                None => return Ok(None),
                Some(b'\r' | b'\n') => {
                    self.at += blanks;
                    self.end_line();
                }
                Some(_) => break,
            }
        }
        let line = self.line;
        values.clear();
        loop {
            values.push(self.value()?);
            if self.byte(0) != Some(self.delimiter) {
                self.end_line();
                return Ok(Some(line));
            }
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<Cow<'a, str>> {
        let blanks = self.blanks();
        if self.byte(blanks) == Some(b'"') {
            self.at += blanks;
            return self.quoted();
        }
        let rest = &self.text[self.at..];
        let ends = |byte: u8| byte == self.delimiter || byte == b'\n' || byte == b'\r';
        let end = rest.bytes().position(ends).unwrap_or(rest.len());
        self.at += end;
        Ok(Cow::Borrowed(rest[..end].trim_ascii()))
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>> {
        let opened = self.line;
        let wrong = |reason| Error::Quote { path: self.reading.path.to_owned(), line: u64::from(opened), reason };
        let mut value = Cow::Borrowed("");
        let (mut at, mut line) = (self.at + 1, self.line);
        loop {
            let rest = &self.text[at..];
            let end = rest.find('"').ok_or_else(|| wrong("a quoted value does not end"))?;
            line += rest[..end].bytes().filter(|byte| *byte == b'\n').count() as u32;
            at += end + 1;
            let doubled = self.text.as_bytes().get(at) == Some(&b'"');
            value += &rest[..end + usize::from(doubled)];
            if !doubled {
                break;
            }
            at += 1;
        }
        (self.at, self.line) = (at, line);
        self.at += self.blanks();
        match self.byte(0) {
            None | Some(b'\r' | b'\n') => Ok(value),
            Some(byte) if byte == self.delimiter => Ok(value),
            Some(_) => Err(Error::Quote {
                path: self.reading.path.to_owned(),
                line: u64::from(opened),
                reason: "there is text after a quoted value",
            }),
        }
    }

    /// How many blanks stand here; a blank that delimits is none.
    fn blanks(&self) -> usize {
        let blank = |byte: &u8| *byte == b' ' && self.delimiter != b' ';
        self.text.as_bytes()[self.at..].iter().take_while(|byte| blank(byte)).count()
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// Passes the end of a line, however it is written; at the end of the file there is none.
    fn end_line(&mut self) {
        let length = match (self.byte(0), self.byte(1)) {
            (Some(b'\r'), Some(b'\n')) => 2,
            (Some(_), _) => 1,
            (None, _) => 0,
        };
        self.at += length;
        self.line = self.line.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_guessed_from_the_header() {
        let table = [("a,b\n1;2;3,4", b','), ("a;b;c\n1,2", b';'), ("\n\"a,b,c\"\tb", b'\t'), ("a|b", b'|'), ("a", b','), ("a,b;c", b',')];
        for (text, delimiter) in table {
            assert_eq!(guess(text), delimiter, "{text}");
        }
    }
}

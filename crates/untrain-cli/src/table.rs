//! How numbers and tables look.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
pub(crate) use untrain_core::{count, counted, moment};

/// A line under the headings and one at the end.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')).bottom_border(LineStyle::none().fill('─').junction('─'));

/// A table with these headings.
pub(crate) fn table<const N: usize>(headings: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_header(headings);
    table
}

/// The text of a table whose columns at `numbers` hold numbers.
pub(crate) fn render(mut table: Table, numbers: &[usize]) -> String {
    for place in numbers {
        if let Some(column) = table.column_mut(*place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt() + "\n"
}

/// Lines of a name and a value, the values below one another.
pub(crate) fn facts<'a>(facts: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let facts: Vec<(&str, String)> = facts.into_iter().collect();
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    facts.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name:<width$}  {value}");
        text
    })
}

/// A duration in the unit that suits it.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 100.0 => format!("{s:.0} s"),
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.0} µs", s * 1e6),
    }
}

/// How many times faster.
pub(crate) fn factor(ratio: f64) -> String {
    if ratio >= 10.0 { format!("{} ×", count(ratio.round() as u64)) } else { format!("{ratio:.1} ×") }
}

/// The first digits of a digest, enough to compare by eye.
pub(crate) fn short(digest: &str) -> String {
    digest.get(..16).unwrap_or(digest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([250.0, 2.5, 0.0425, 0.000_061].map(duration), ["250 s", "2.50 s", "42.5 ms", "61 µs"]);
        assert_eq!([1.25, 5329.4].map(factor), ["1.2 ×", "5,329 ×"]);
        assert_eq!([counted(1, "record"), counted(0, "record")], ["1 record", "0 records"]);
    }

    #[test]
    fn facts_stand_below_one_another() {
        assert_eq!(facts([("a", "1".to_owned()), ("long", "2".to_owned())]), "a     1\nlong  2\n");
    }
}

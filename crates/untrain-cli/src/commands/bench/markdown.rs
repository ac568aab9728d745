//! Tables as Markdown, and the places in a document where they belong.

use anyhow::Result;

use crate::failure::Usage;

/// A table under way.
pub(super) struct Table {
    text: String,
    n_columns: usize,
}

impl Table {
    pub(super) fn new(titles: impl IntoIterator<Item = String>) -> Self {
        let titles: Vec<String> = titles.into_iter().collect();
        let n_columns = titles.len();
        let rule = vec!["---".to_owned(); n_columns];
        let mut table = Self { text: String::new(), n_columns };
        table.row(titles);
        table.row(rule);
        table
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().map(|cell| cell.replace('|', "\\|")).collect();
        debug_assert_eq!(cells.len(), self.n_columns, "a row has a cell for each column");
        self.text.extend(["| ", &cells.join(" | "), " |\n"]);
    }

    pub(super) fn text(self) -> String {
        self.text
    }
}

/// Puts `body` between the markers of the place called `name`; a place that `document` lacks is added at its end.
///
/// # Errors
///
/// A place that is opened and not closed.
pub(super) fn place(document: &str, name: &str, body: &str) -> Result<String> {
    let (opening, closing) = (format!("<!-- bench:{name} -->"), "<!-- /bench -->");
    let block = format!("{opening}\n{body}{closing}");
    let Some(start) = document.find(&opening) else {
        return Ok(format!("{}\n\n## {name}\n\n{block}\n", document.trim_end()));
    };
    let Some(length) = document[start..].find(closing) else {
        return Err(Usage::with_hint(format!("{opening} is not closed"), format!("add {closing} where the table ends")).into());
    };
    Ok(format!("{}{block}{}", &document[..start], &document[start + length + closing.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_the_place_of_the_old_one_and_nothing_else_moves() -> Result<()> {
        let document = "a\n<!-- bench:x -->\nold\n<!-- /bench -->\nb\n<!-- bench:y -->\n<!-- /bench -->\n";
        let once = place(document, "x", "new\n")?;
        assert_eq!(once, "a\n<!-- bench:x -->\nnew\n<!-- /bench -->\nb\n<!-- bench:y -->\n<!-- /bench -->\n");
        assert_eq!(place(&once, "x", "new\n")?, once);
        assert_eq!(place("a\n", "z", "new\n")?, "a\n\n## z\n\n<!-- bench:z -->\nnew\n<!-- /bench -->\n");
        assert!(place("<!-- bench:x -->\n", "x", "new\n").is_err());
        Ok(())
    }

    #[test]
    fn a_bar_in_a_cell_does_not_end_it() {
        let mut table = Table::new(["a".to_owned(), "b".to_owned()]);
        table.row(["1|2".to_owned(), "3".to_owned()]);
        assert_eq!(table.text(), "| a | b |\n| --- | --- |\n| 1\\|2 | 3 |\n");
    }
}

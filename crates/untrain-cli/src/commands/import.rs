//! `import`: a file of records becomes a dataset.

use std::path::PathBuf;

use untrain::import::{self, Roles};
use untrain::{ImportOptions, Returning};
use untrain_core::Holdout;

use crate::app::{App, Outcome};
use crate::commands::show;

/// Import a file of records: csv, tsv, jsonl (each also with .gz) or parquet; or images
///
/// Images come as a folder of PNG and JPEG files, one folder a class or all listed in labels.csv with the columns file and label; as an
/// IDX file as of MNIST (…idx3-ubyte), with its labels beside it; as CIFAR's binary files (.bin, or a folder of them); or in a Parquet
/// column of bytes. They have the columns image and label, which is the target if nothing else is said, and but for Parquet their own ids.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file, or the folder of images
    file: PathBuf,
    /// What to call the dataset
    #[arg(long = "as", value_name = "DATASET")]
    dataset: String,
    /// The column of ids, which tell the records apart for ever
    #[arg(long, value_name = "COL", conflicts_with = "id_from_content")]
    id: Option<String>,
    /// Make ids from the records' content
    #[arg(long)]
    id_from_content: bool,
    /// The column that names the person a record belongs to
    #[arg(long, value_name = "COL")]
    subject: Option<String>,
    /// The column that models predict
    #[arg(long, value_name = "COL")]
    target: Option<String>,
    /// A column that audits group records by; may be given many times, as all that follow
    #[arg(long = "group", value_name = "COL")]
    groups: Vec<String>,
    /// The column that tells when a record arose
    #[arg(long, value_name = "COL")]
    time: Option<String>,
    /// A column that holds categories, whatever it looks like
    #[arg(long, value_name = "COL")]
    categorical: Vec<String>,
    /// A column that holds numbers
    #[arg(long, value_name = "COL")]
    numeric: Vec<String>,
    /// A column that holds truth values: true and false, 1 and 0, yes and no
    #[arg(long, value_name = "COL")]
    boolean: Vec<String>,
    /// A column to leave out
    #[arg(long, value_name = "COL")]
    drop: Vec<String>,
    /// A marker of missing values, besides the empty text, NA, NaN, nan, null and NULL
    #[arg(long, value_name = "M", allow_hyphen_values = true)]
    missing: Vec<String>,
    /// Records that models never see: a share, chosen by the hash of the id, or those with a value in a column
    #[arg(long, value_name = "FRACTION|COL=VALUE", value_parser = holdout)]
    holdout: Option<Holdout>,
    /// What separates the values of a CSV file; \t is a tab
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    delimiter: Option<char>,
    /// The labels of images: a list like labels.csv for a folder, an IDX file for an IDX file
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Take the place of a dataset of the same name
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    forgotten: Forgotten,
}

/// What becomes of records in a file that were forgotten; without either, the file is refused.
#[derive(Debug, clap::Args)]
pub(crate) struct Forgotten {
    /// Leave out records that were forgotten
    #[arg(long, conflicts_with = "accept_forgotten")]
    skip_forgotten: bool,
    /// Take in records that were forgotten, as if they had not been
    #[arg(long)]
    accept_forgotten: bool,
}

impl Forgotten {
    pub(crate) fn returning(&self) -> Returning {
        match (self.skip_forgotten, self.accept_forgotten) {
            (true, _) => Returning::LeftOut,
            (_, true) => Returning::Accepted,
            _ => Returning::Refused,
        }
    }
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let roles = args.roles();
    let what = format!("importing {}", args.file.display());
    let data = app.words.working(&what, || import::dataset(&args.file, &roles)).map_err(untrain::Error::from)?;
    let options = ImportOptions { replace: args.replace, returning: args.forgotten.returning() };
    let mut engine = app.write()?;
    let report = app.words.working(&what, || engine.import(&args.dataset, &data, &roles, options))?;
    app.result(&report, show::dataset)?;
    Ok(Outcome::Done)
}

impl Args {
    fn roles(&self) -> Roles {
        Roles {
            id: self.id.clone(),
            id_from_content: self.id_from_content,
            subject: self.subject.clone(),
            target: self.target.clone(),
            groups: self.groups.clone(),
            time: self.time.clone(),
            categorical: self.categorical.clone(),
            numeric: self.numeric.clone(),
            boolean: self.boolean.clone(),
            drop: self.drop.clone(),
            missing: self.missing.clone(),
            holdout: self.holdout.clone(),
            delimiter: self.delimiter,
            labels: self.labels.clone(),
        }
    }
}

fn holdout(text: &str) -> Result<Holdout, String> {
    if let Some((column, value)) = text.split_once('=') {
        return Ok(Holdout::Value { column: column.to_owned(), value: value.to_owned() });
    }
    match text.parse() {
        Ok(fraction) if 0.0 < fraction && fraction < 1.0 => Ok(Holdout::Fraction(fraction)),
        _ => Err("neither a share over 0 and under 1, as in 0.2, nor a column and a value, as in split=test".to_owned()),
    }
}

fn delimiter(text: &str) -> Result<char, String> {
    let text = if text == "\\t" { "\t" } else { text };
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok(character),
        _ => Err("a delimiter is one character".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holdout_is_a_share_or_a_value() {
        assert_eq!(holdout("0.2"), Ok(Holdout::Fraction(0.2)));
        assert_eq!(holdout("split=a=b"), Ok(Holdout::Value { column: "split".to_owned(), value: "a=b".to_owned() }));
        for wrong in ["0", "1", "-1", "NaN", "all", ""] {
            assert!(holdout(wrong).is_err(), "{wrong}");
        }
    }
}

//! `learn`: more records for a dataset and every model that was trained on it.

use std::path::PathBuf;

use crate::app::{App, Outcome};
use crate::commands::import::Forgotten;
use crate::commands::show;

/// Add the records of a file to a dataset and to every model trained on it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The dataset
    dataset: String,
    /// The records, in columns like those that were imported
    file: PathBuf,
    #[command(flatten)]
    forgotten: Forgotten,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let mut engine = app.write()?;
    let what = format!("learning {}", args.file.display());
    let report = app.words.working(&what, || engine.learn(&args.dataset, &args.file, args.forgotten.returning()))?;
    show::tell_unfinished(app, &report);
    app.result(&report, show::request)?;
    Ok(Outcome::Done)
}

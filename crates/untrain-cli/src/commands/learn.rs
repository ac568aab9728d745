//! `learn`: more records for a dataset and every model that was trained on it.

use std::path::PathBuf;

use crate::app::{App, Outcome};
use crate::commands::show;

/// Add the records of a file to a dataset and to every model trained on it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The dataset
    dataset: String,
    /// The records, in columns like those that were imported
    file: PathBuf,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let mut engine = app.write()?;
    let report = app.words.working(&format!("learning {}", args.file.display()), || engine.learn(&args.dataset, &args.file))?;
    show::tell_unfinished(app, &report);
    app.result(&report, show::request)?;
    Ok(Outcome::Done)
}

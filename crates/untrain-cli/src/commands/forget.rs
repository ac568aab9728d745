//! `forget`: records leave a dataset and every model that was trained on it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use untrain::{Engine, ForgetOptions, select};

use crate::app::{App, Outcome};
use crate::commands::show;
use crate::failure::Usage;

/// Forget records: in the dataset and in every model trained on it
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("selection").required(true).multiple(true))]
pub(crate) struct Args {
    /// The dataset
    dataset: String,
    /// The id of a record; may be given many times
    #[arg(long = "id", value_name = "ID", group = "selection", allow_hyphen_values = true)]
    ids: Vec<String>,
    /// A file of ids, one a line; - is standard input
    #[arg(long = "ids", value_name = "FILE", group = "selection")]
    file: Option<PathBuf>,
    /// A person, with all records; may be given many times
    #[arg(long = "subject", value_name = "S", group = "selection", allow_hyphen_values = true)]
    subjects: Vec<String>,
    /// A condition on the columns, as in "age < 18 and country = 'FR'"
    #[arg(long = "where", value_name = "EXPR", group = "selection")]
    condition: Option<String>,
    /// A model that has to forget; all of the dataset's models have to, so naming fewer is refused
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<String>,
    /// How to forget
    #[arg(long, value_name = "NAME", default_value = "exact")]
    method: String,
    /// Tell what would be forgotten, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Pass over ids that the dataset does not have
    #[arg(long)]
    ignore_unknown: bool,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    if args.method != "exact" {
        let message = format!("there is no method \"{}\" to forget with", args.method);
        return Err(Usage::with_hint(message, "the method is exact; every model in the store has a learner that forgets exactly").into());
    }
    let mut engine = if args.dry_run { app.read()? } else { app.write()? };
    let ids = selected(args, &engine)?;
    let options = ForgetOptions { ignore_unknown: args.ignore_unknown, dry_run: args.dry_run, models: args.models.clone() };
    let report = app.words.working(&format!("forgetting in {}", args.dataset), || engine.forget(&args.dataset, &ids, &options))?;
    show::tell_unfinished(app, &report);
    app.result(&report, show::request)?;
    Ok(Outcome::Done)
}

/// The union of what the selectors say, each record once.
fn selected(args: &Args, engine: &Engine) -> anyhow::Result<Vec<String>> {
    let mut ids: BTreeSet<String> = args.ids.iter().cloned().collect();
    if let Some(file) = &args.file {
        ids.extend(select::ids_file(file).map_err(untrain::Error::from)?);
    }
    if args.subjects.is_empty() && args.condition.is_none() {
        return Ok(ids.into_iter().collect());
    }
    let data = engine.dataset(&args.dataset)?;
    if !args.subjects.is_empty() {
        ids.extend(select::by_subject(&data, &args.subjects).map_err(untrain::Error::from)?);
    }
    if let Some(condition) = &args.condition {
        ids.extend(select::by_expression(&data, condition).map_err(untrain::Error::from)?);
    }
    Ok(ids.into_iter().collect())
}

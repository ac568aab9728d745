//! `evaluate`: how good a model's predictions are.

use std::path::PathBuf;

use untrain::{Evaluation, Scores};

use crate::app::{App, Outcome};
use crate::table::{counted, facts};

/// Compare a model's predictions with the truth, on the held-out records or on a file
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model
    model: String,
    /// Records with their targets; the records that were held out if not given
    file: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let engine = app.read()?;
    let report = app.words.working(&format!("evaluating {}", args.model), || engine.evaluate(&args.model, args.file.as_deref()))?;
    if report.scores == Scores::default() {
        app.words.warn("there is nothing to score: no record, or a model that has learnt from none");
    }
    app.result(&report, human)?;
    Ok(Outcome::Done)
}

fn human(report: &Evaluation) -> String {
    let Scores { accuracy, auc, log_loss, rmse, r2, inertia } = report.scores;
    let scores =
        [("accuracy", accuracy), ("auc", auc), ("log loss", log_loss), ("rmse", rmse), ("r2", r2), ("mean squared distance", inertia)];
    let scores = scores.into_iter().filter_map(|(name, score)| Some((name, format!("{:.4}", score?))));
    let head = [("model", report.model.clone()), ("on", format!("{}, {}", report.on, counted(report.records, "record")))];
    facts(head.into_iter().chain(scores))
}

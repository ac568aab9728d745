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
    let report =
        app.words.working(&format!("evaluating {}", args.model), || engine.evaluate(&args.model, args.file.as_ref().map(Into::into)))?;
    if report.scores == Scores::default() {
        app.words.warn("there is nothing to score: no record, or a model that has learnt from none");
    }
    app.result(&report, human)?;
    Ok(Outcome::Done)
}

fn human(report: &Evaluation) -> String {
    let Scores { accuracy, auc, log_loss, rmse, r2, recall_at_k, ndcg_at_k, inertia } = report.scores;
    let scores = [
        ("accuracy", accuracy),
        ("auc", auc),
        ("log loss", log_loss),
        ("rmse", rmse),
        ("r2", r2),
        ("recall@k", recall_at_k),
        ("ndcg@k", ndcg_at_k),
        ("mean squared distance", inertia),
    ];
    let scores = scores.into_iter().filter_map(|(name, score)| Some((name, format!("{:.4}", score?))));
    let head = [("model", report.model.clone()), ("on", format!("{}, {}", report.on, counted(report.records, "record")))];
    let passed_over = report.users_passed_over.unwrap_or_default();
    let users = report.users.map(|users| ("users", format!("{}, {} passed over", counted(users, "user"), counted(passed_over, "user"))));
    facts(head.into_iter().chain(users).chain(scores))
}

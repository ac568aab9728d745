//! `verify`: the proof that a model holds nothing of what it forgot.

use untrain::Verification;

use crate::app::{App, Outcome};
use crate::table::{counted, duration, factor, facts};

/// Retrain a model from the records that are left, and compare digests
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model
    model: String,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let engine = app.read()?;
    let report = app.words.working(&format!("retraining {}", args.model), || engine.verify(&args.model))?;
    app.result(&report, human)?;
    Ok(if report.equal { Outcome::Done } else { Outcome::No })
}

fn human(report: &Verification) -> String {
    let verdict = if report.equal { "equal: yes" } else { "equal: NO" };
    let what = if report.equal { "is byte for byte" } else { "is not" };
    let records = counted(report.records, "record");
    let mut text = format!("{verdict}. The model \"{}\" {what} what training on the {records} that are left gives.\n", report.model);
    text += &facts([
        ("digest", report.digest.to_string()),
        ("  retrained", report.retrained_digest.to_string()),
        ("state digest", report.state_digest.to_string()),
        ("  retrained", report.retrained_state_digest.to_string()),
        ("retraining", duration(report.retrain_seconds)),
    ]);
    if let (Some(seconds), Some(speedup)) = (report.forget_seconds, report.speedup) {
        text += &facts([("last forgetting", duration(seconds)), ("speed-up", factor(speedup))]);
    }
    text
}

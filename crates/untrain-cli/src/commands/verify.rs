//! `verify`: the proof that a model holds nothing of what it forgot.

use std::path::PathBuf;

use untrain::Verification;
use untrain_ledger::keys::SecretKey;

use crate::app::{App, Outcome};
use crate::table::{counted, duration, factor, facts};

/// Retrain a model from the records that are left, and compare digests
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model
    model: String,
    /// State the outcome in the trail, under the auditor's key
    #[arg(long, requires = "key")]
    signed: bool,
    /// The file of the auditor's private key; `untrain keys new --role auditor` makes one
    #[arg(long, value_name = "FILE", requires = "signed")]
    key: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let what = format!("retraining {}", args.model);
    let report = if let Some(path) = &args.key {
        let key = SecretKey::load(path, app.passphrase()?.as_deref()).map_err(untrain::Error::from)?;
        let mut engine = app.write()?;
        app.words.working(&what, || engine.verify_signed(&args.model, &key))?
    } else {
        let engine = app.read()?;
        app.words.working(&what, || engine.verify(&args.model))?
    };
    app.result(&report, human)?;
    Ok(if report.equal { Outcome::Done } else { Outcome::No })
}

fn human(report: &Verification) -> String {
    let verdict = if report.equal { "equal: yes" } else { "equal: NO" };
    let same = report.digest == report.retrained_digest && report.state_digest == report.retrained_state_digest;
    let what = if same { "is byte for byte" } else { "is not" };
    let records = counted(report.records, "record");
    let mut text = format!("{verdict}. The model \"{}\" {what} what training on the {records} that are left gives.\n", report.model);
    text += &facts([
        ("digest", report.digest.to_string()),
        ("  retrained", report.retrained_digest.to_string()),
        ("state digest", report.state_digest.to_string()),
        ("  retrained", report.retrained_state_digest.to_string()),
        ("retraining", duration(report.retrain_seconds)),
    ]);
    if let (Some(committed), Some(found)) = (report.committed, report.commitment)
        && committed != found
    {
        text += "The records are not those that the trail speaks of.\n";
        text += &facts([("records committed to", committed.to_string()), ("records found", found.to_string())]);
    }
    match report.seed_follows {
        Some(true) => text += "The seed is the one that follows from the log as it was when the model was registered.\n",
        Some(false) => text += "The seed is not the one that follows from the log, though the trail says so.\n",
        None => {}
    }
    if let Some(statement) = &report.statement {
        text += &facts([("stated as", statement.to_string())]);
    }
    if let (Some(seconds), Some(speedup)) = (report.forget_seconds, report.speedup) {
        text += &facts([("last forgetting", duration(seconds)), ("speed-up", factor(speedup))]);
    }
    text
}

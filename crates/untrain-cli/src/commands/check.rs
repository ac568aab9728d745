//! `check`: a receipt, offline, without a store.

use std::path::{Path, PathBuf};

use serde::Serialize;
use untrain_core::Digest;
use untrain_ledger::Refusal;
use untrain_ledger::policy::Policy;
use untrain_ledger::receipt::{Checked, Level, Receipt, report};

use crate::app::{App, Outcome};
use crate::failure::Usage;

/// Check a receipt, offline: signatures, the log, the chain of statements, and replays
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The receipt
    receipt: PathBuf,
    /// The keys to trust; without it those in the receipt, which are the operator's own word
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// What is needed: 1 or 2, signatures and the chain; 3, replays of all that changed; 4, of a part of it
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=4))]
    level: u8,
    /// Refuse the receipt of another request than this one, by its random name
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// The file of a model that is served, to be compared with what is stated
    #[arg(long, value_name = "FILE")]
    artefact: Option<PathBuf>,
}

/// The outcome.
#[derive(Debug, Serialize)]
struct Report {
    accepted: bool,
    error: Option<String>,
    artefact: Option<String>,
    checked: Option<Checked>,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let bytes = read(&args.receipt)?;
    let policy: Option<Policy> = args.policy.as_deref().map(read_policy).transpose()?;
    let artefact = args.artefact.as_deref().map(read).transpose()?;
    let outcome = match check(args, &bytes, policy.as_ref(), artefact.as_deref()) {
        Ok((checked, artefact)) => Report { accepted: true, error: None, artefact, checked: Some(checked) },
        Err(refusal) => Report { accepted: false, error: Some(refusal.to_string()), artefact: None, checked: None },
    };
    app.result(&outcome, |outcome| human(args, outcome))?;
    Ok(if outcome.accepted { Outcome::Done } else { Outcome::No })
}

fn check(args: &Args, bytes: &[u8], policy: Option<&Policy>, artefact: Option<&[u8]>) -> Result<(Checked, Option<String>), Refusal> {
    let checked = Receipt::from_zip(bytes)?.check(policy)?;
    args.request.iter().try_for_each(|request| checked.require_request(request))?;
    checked.require(Level::from_number(args.level).unwrap_or(Level::Chain))?;
    let artefact = artefact.map(|bytes| checked.artefact(&Digest::of(bytes))).transpose()?;
    Ok((checked, artefact))
}

fn human(args: &Args, outcome: &Report) -> String {
    match (&outcome.checked, &outcome.error) {
        (Some(checked), _) => {
            let artefact = outcome.artefact.as_ref().map(|sentence| format!("\n{sentence}\n")).unwrap_or_default();
            format!("{}{artefact}\nAccepted.\n", report(checked))
        }
        (None, error) => format!("Refused: {}: {}\n", args.receipt.display(), error.as_deref().unwrap_or_default()),
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    Ok(std::fs::read(path).map_err(|error| Usage::new(format!("cannot read {}: {error}", path.display())))?)
}

fn read_policy(path: &Path) -> anyhow::Result<Policy> {
    let refuse = |reason: String| Usage::new(format!("{} is not a policy: {reason}", path.display()));
    let text = String::from_utf8(read(path)?).map_err(|_| refuse("it is not text".to_owned()))?;
    Ok(text.parse::<Policy>().map_err(|refusal| refuse(refusal.to_string()))?)
}

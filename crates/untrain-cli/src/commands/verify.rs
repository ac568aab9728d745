//! `verify`: the proof that a model, or a part of it, holds nothing of what it forgot.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::str::FromStr;

use untrain::{Guarantee, Scope, Verification};
use untrain_ledger::keys::SecretKey;

use super::show::guarantee;
use crate::app::{App, Outcome};
use crate::table::{counted, duration, factor, facts};

/// Retrain a model from the records that are left, and compare digests
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model
    model: String,
    /// Retrain one shard only, of a model of the learner "sisa": a number from 0, or `random`
    #[arg(long, value_name = "SHARD")]
    shard: Option<Shard>,
    /// Retrain only these spans between checkpoints, counted from 0: the first, and the one after the last
    #[arg(long, value_name = "FROM..TO", conflicts_with = "shard")]
    span: Option<Span>,
    /// State the outcome in the trail, under the auditor's key
    #[arg(long, requires = "key")]
    signed: bool,
    /// The file of the auditor's private key; `untrain keys new --role auditor` makes one
    #[arg(long, value_name = "FILE", requires = "signed")]
    key: Option<PathBuf>,
}

/// Which shard.
#[derive(Debug, Clone, Copy)]
enum Shard {
    Random,
    Index(u64),
}

/// The spans from one to before another.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: u64,
    to: u64,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let report = if let Some(path) = &args.key {
        let key = SecretKey::load(path, app.passphrase()?.as_deref()).map_err(untrain::Error::from)?;
        let mut engine = app.write()?;
        let scope = args.scope(&engine)?;
        app.words.working(&args.what(&scope), || engine.verify_part_signed(&args.model, &scope, &key))?
    } else {
        let engine = app.read()?;
        let scope = args.scope(&engine)?;
        app.words.working(&args.what(&scope), || engine.verify_part(&args.model, &scope))?
    };
    app.result(&report, human)?;
    Ok(if report.equal { Outcome::Done } else { Outcome::No })
}

impl Args {
    fn scope(&self, engine: &untrain::Engine) -> untrain::Result<Scope> {
        Ok(match (self.shard, self.span) {
            (Some(Shard::Random), _) => engine.any_shard(&self.model)?,
            (Some(Shard::Index(index)), _) => Scope::Shard { index },
            (None, Some(Span { from, to })) => Scope::Span { from, to },
            (None, None) => Scope::Full,
        })
    }

    fn what(&self, scope: &Scope) -> String {
        format!("retraining {}{}", part(scope).map(|part| format!("{part} of ")).unwrap_or_default(), self.model)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "random" {
            return Ok(Self::Random);
        }
        text.parse().map(Self::Index).map_err(|_| "a shard is a number, counted from 0, or `random`".to_owned())
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ends = text.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        let ends = ends.filter(|(from, to): &(u64, u64)| from < to);
        let (from, to) = ends.ok_or("spans are two numbers such as 4..8, the second greater than the first")?;
        Ok(Self { from, to })
    }
}

/// What was retrained, if not all of the model.
fn part(scope: &Scope) -> Option<String> {
    match scope {
        Scope::Full => None,
        Scope::Shard { index } => Some(format!("shard {index}")),
        Scope::Span { from, to } => Some(format!("spans {from}..{to}")),
    }
}

fn human(report: &Verification) -> String {
    let verdict = if report.equal { "equal: yes" } else { "equal: NO" };
    let same = report.digest == report.retrained_digest && report.state_digest == report.retrained_state_digest;
    let what = if same { "is byte for byte" } else { "is not" };
    let records = counted(report.records, "record");
    let of = match (&report.scope, report.n_shards, report.n_checkpoints) {
        (Scope::Shard { index }, Some(n), _) => format!("Shard {index} (of {n}, counted from 0) of the"),
        (Scope::Span { from, to }, _, Some(n)) => format!("What the spans {from}..{to} (of {n}, counted from 0) add to the"),
        _ => "The".to_owned(),
    };
    let mut text = format!("{verdict}. {of} model \"{}\" {what} what training on the {records} that are left gives.\n", report.model);
    if !report.equal && report.guarantee != Guarantee::Exact {
        let _ = writeln!(
            text,
            "No other is promised: the version's guarantee is {}. Forgetting exactly, or learning, makes the model exact again.",
            guarantee(&report.guarantee)
        );
    }
    if let Some(reason) = &report.foreign {
        let _ = writeln!(text, "The stored state is none that this program makes of the recipe and the records: {reason}.");
    }
    if report.scope != Scope::Full {
        text += "The rest of it was not retrained.\n";
    }
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
    if let (Some(committed), found) = (report.committed_checkpoints, report.checkpoints)
        && Some(committed) != found
    {
        text += "The checkpoints are not those that the trail speaks of.\n";
    }
    if let Some(parting) = &report.first_difference {
        let (place, shard) = (parting.checkpoint, parting.shard);
        let _ = writeln!(
            text,
            "The first checkpoint that differs is checkpoint {place}, of shard {shard}: what leads to it, span {place}, was done otherwise."
        );
        text += &facts([("checkpoint", parting.digest.to_string()), ("  retrained", parting.retrained_digest.to_string())]);
    }
    if let Some(statement) = &report.statement {
        text += &facts([("stated as", statement.to_string())]);
    }
    if let (Some(seconds), Some(speedup)) = (report.forget_seconds, report.speedup) {
        text += &facts([("last forgetting", duration(seconds)), ("speed-up", factor(speedup))]);
    }
    text
}

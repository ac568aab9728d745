//! `requests`: what people asked for, by when it has to be done, and how far it is.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use untrain::RequestLine;
use untrain::clock;

use crate::app::{App, Outcome};
use crate::table::{count, counted, facts, moment, render, table};

/// List requests to forget, those due first; or note what happened to one
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only what is open
    #[arg(long)]
    open: bool,
    /// Only what is late, by the clocks of the law
    #[arg(long)]
    late: bool,
    /// Only what a legal hold is on
    #[arg(long)]
    held: bool,
    #[command(subcommand)]
    deed: Option<Deed>,
}

/// What happened to a request.
#[derive(Debug, clap::Subcommand)]
enum Deed {
    /// The requester was told that the request arrived
    Confirm {
        /// The number or the name of the request
        request: String,
    },
    /// The requester was told that it takes longer: the law gives more time once
    Extend {
        /// The number or the name of the request
        request: String,
        /// Why
        #[arg(long, value_name = "REASON")]
        reason: String,
    },
    /// The requester took it back
    Cancel {
        /// The number or the name of the request
        request: String,
        /// Why
        #[arg(long, value_name = "REASON", default_value = "")]
        reason: String,
    },
    /// It is refused, and the requester has to be told why
    Refuse {
        /// The number or the name of the request
        request: String,
        /// Why
        #[arg(long, value_name = "REASON")]
        reason: String,
    },
    /// Destroy the list that tells forgotten records when they come back
    DestroySuppressionList,
}

/// What `requests` says.
#[derive(Debug, Serialize)]
struct Report {
    requests: Vec<RequestLine>,
    open: usize,
    late: usize,
    held: usize,
}

/// What is gone.
#[derive(Debug, Serialize)]
struct Destroyed {
    destroyed: u64,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let Some(deed) = &args.deed else { return list(args, app) };
    let mut engine = app.write()?;
    let number = |engine: &untrain::Engine, name: &str| engine.request_number(name);
    let done = match deed {
        Deed::Confirm { request } => {
            let number = number(&engine, request)?;
            engine.confirm(number)?
        }
        Deed::Extend { request, reason } => {
            let number = number(&engine, request)?;
            engine.extend(number, reason)?
        }
        Deed::Cancel { request, reason } => {
            let number = number(&engine, request)?;
            engine.cancel(number, reason)?
        }
        Deed::Refuse { request, reason } => {
            let number = number(&engine, request)?;
            engine.refuse(number, reason)?
        }
        Deed::DestroySuppressionList => {
            let destroyed = Destroyed { destroyed: engine.destroy_suppression_list()? };
            let text = |report: &Destroyed| {
                format!("{} destroyed: records that come back are no longer recognised\n", counted(report.destroyed, "keyed hash"))
            };
            app.result(&destroyed, text)?;
            return Ok(Outcome::Done);
        }
    };
    app.result(&done, line)?;
    Ok(Outcome::Done)
}

fn list(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
    let all = app.read()?.requests(now)?;
    let (open, late) = (all.iter().filter(|line| line.open).count(), all.iter().filter(|line| line.late).count());
    let held = all.iter().filter(|line| line.hold.is_some()).count();
    let wanted = |line: &RequestLine| (!args.open || line.open) && (!args.late || line.late) && (!args.held || line.hold.is_some());
    let report = Report { requests: all.into_iter().filter(wanted).collect(), open, late, held };
    app.result(&report, human)?;
    Ok(Outcome::Done)
}

fn human(report: &Report) -> String {
    let mut text = String::new();
    if !report.requests.is_empty() {
        let mut lines = table(["request", "dataset", "records", "state", "received", "due", ""]);
        for line in &report.requests {
            let due = line.due_ms.map_or_else(String::new, clock::day);
            let note = [(line.late, "LATE"), (line.hold.is_some(), "on hold")]
                .iter()
                .filter(|(is, _)| *is)
                .map(|(_, word)| *word)
                .collect::<Vec<_>>();
            let number = line.request.to_string();
            let (records, received) = (count(line.records), clock::day(line.received_ms));
            lines.add_row([number.as_str(), &line.dataset, &records, line.state, &received, &due, &note.join(", ")]);
        }
        text += &render(lines, &[0, 2]);
    }
    let _ = writeln!(text, "{} open, {} late, {} on hold", report.open, report.late, report.held);
    text
}

/// A request in words.
pub(crate) fn line(line: &RequestLine) -> String {
    let at = |ms: Option<i64>| ms.map_or_else(|| "-".to_owned(), moment);
    let mut text = facts([
        ("request", format!("{} ({}) on {}", line.request, line.id, line.dataset)),
        ("state", line.state.to_owned()),
        ("records", count(line.records)),
        ("received", moment(line.received_ms)),
        ("confirm by", at(line.confirm_due_ms)),
        ("confirmed", at(line.confirmed_ms)),
        ("answer by", at(line.due_ms)),
    ]);
    for (name, value) in [("on hold", &line.hold), ("reason", &line.reason)] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            let _ = writeln!(text, "{name:<10}  {value}");
        }
    }
    text
}

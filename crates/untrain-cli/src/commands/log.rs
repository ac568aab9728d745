//! `log`: what the store stated in public.

mod submit;

use std::path::PathBuf;

use untrain::LogReport;

use crate::app::{App, Outcome};
use crate::failure::Usage;
use crate::table::{count, facts, moment, render, table};

/// Show the trail: the log of all trainings and deletions; or check it, or add cosignatures
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The first entry to show; the last ones if not given
    #[arg(long, value_name = "INDEX")]
    from: Option<u64>,
    /// How many entries to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u64,
    /// Check every entry, every hash and every signature
    #[arg(long, conflicts_with_all = ["from", "cosign", "submit"])]
    audit: bool,
    /// Add the cosignatures in a file, as `untrain witness` writes them
    #[arg(long, value_name = "FILE")]
    cosign: Option<PathBuf>,
    /// Ask a witness that listens, as http://127.0.0.1:8080, for its cosignature, and add it
    #[arg(long, value_name = "URL", conflicts_with_all = ["from", "cosign"])]
    submit: Option<String>,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let report = if let Some(path) = &args.cosign {
        let text = std::fs::read_to_string(path).map_err(|error| Usage::new(format!("cannot read {}: {error}", path.display())))?;
        app.write()?.cosign(&text)?
    } else if let Some(url) = &args.submit {
        submit::submit(url, app)?
    } else if args.audit {
        let engine = app.read()?;
        app.words.working("checking the log", || engine.audit_log())?
    } else {
        let engine = app.read()?;
        let size = engine.log(0, 0)?.size;
        engine.log(args.from.unwrap_or(size.saturating_sub(args.limit)), args.limit)?
    };
    app.result(&report, human)?;
    Ok(Outcome::Done)
}

fn human(report: &LogReport) -> String {
    let mut text = String::new();
    if !report.entries.is_empty() {
        let mut entries = table(["entry", "statement", "about", "when"]);
        for line in &report.entries {
            let (place, when) = (line.place.to_string(), moment(line.at_ms as i64));
            entries.add_row([place.as_str(), line.kind, &line.about, &when]);
        }
        text += &render(entries, &[0]);
    }
    text += &facts([("log", report.origin.clone()), ("entries", count(report.size)), ("root", report.root.to_string())]);
    if report.waiting > 0 {
        text += &facts([("waiting", format!("{}, sent by the next command that writes", count(report.waiting)))]);
    }
    if report.audited {
        text += "every entry, every hash and every signature was checked\n";
    }
    text
}

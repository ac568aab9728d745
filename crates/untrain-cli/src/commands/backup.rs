//! `backup`: a copy of the store that can be made to forget.

use std::path::PathBuf;

use serde::Serialize;
use untrain::{BackupLine, BackupReport};

use crate::app::{App, Outcome};
use crate::failure::Usage;
use crate::table::{count, facts, moment, render, table};

/// Copy the store, encrypted, to a directory; or list the copies, or make one unreadable for ever
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An absent or empty directory; without it, the backups that were made are listed
    to: Option<PathBuf>,
    /// Destroy the key of the backup of this epoch: nobody can read it from then on
    #[arg(long, value_name = "EPOCH", conflicts_with = "to")]
    destroy: Option<u64>,
}

/// The backups of a store.
#[derive(Debug, Serialize)]
struct Backups {
    backups: Vec<BackupLine>,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    if let Some(epoch) = args.destroy {
        let backups = app.write()?.destroy_backup(epoch)?;
        app.result(&Backups { backups }, list)?;
        return Ok(Outcome::Done);
    }
    let Some(to) = &args.to else {
        app.result(&Backups { backups: app.read()?.backups()? }, list)?;
        return Ok(Outcome::Done);
    };
    let mut engine = app.write()?;
    let report = app.words.working("copying the store", || engine.backup(to))?;
    if let Some(reason) = &report.unfinished {
        app.words.warn(&format!("old bytes could not be erased yet ({reason}); the next command that writes tries again"));
    }
    if !to.join("backup.json").is_file() {
        return Err(Usage::new(format!("the backup in {} is not complete", to.display())).into());
    }
    app.result(&report, made)?;
    Ok(Outcome::Done)
}

fn made(report: &BackupReport) -> String {
    facts([
        ("backup", report.to.clone()),
        ("records", count(report.backup.records)),
        ("log", format!("{} entries", count(report.backup.entries.unwrap_or(0)))),
        ("size", format!("{} bytes in {} files", count(report.bytes), count(report.files))),
        ("opened by", format!("the key of epoch {}, in keys/ of the store: keep a copy of that directory elsewhere", report.backup.epoch)),
    ])
}

fn list(report: &Backups) -> String {
    let mut lines = table(["epoch", "made", "records", "requests", "log", ""]);
    for line in &report.backups {
        let (epoch, records, requests) = (line.epoch.to_string(), count(line.records), count(line.requests));
        let (entries, note) = (count(line.entries.unwrap_or(0)), if line.destroyed { "unreadable: key destroyed" } else { "" });
        lines.add_row([epoch.as_str(), &moment(line.made_ms), &records, &requests, &entries, note]);
    }
    render(lines, &[0, 2, 3, 4])
}

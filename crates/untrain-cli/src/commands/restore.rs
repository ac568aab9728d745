//! `restore`: a backup becomes a store, and what was forgotten since is forgotten again.

use std::fmt::Write as _;
use std::path::PathBuf;

use untrain::{Engine, OpenOptions, Restoration};

use crate::app::{App, Outcome};
use crate::table::{counted, duration, facts};

/// Make a store of a backup: what the log says was forgotten since is forgotten again before anything can be read
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The backup
    from: PathBuf,
    /// The directory of keys: keys/ of the store that was backed up, or a copy of it
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,
    /// The log as it is now: trail/ of that store, or a copy of it; if not given, trail beside the keys
    #[arg(long, value_name = "DIR")]
    trail: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let beside = || args.keys.parent().unwrap_or(&args.keys).join("trail");
    let trail = args.trail.clone().unwrap_or_else(beside);
    let passphrase = app.passphrase()?;
    let options = OpenOptions { passphrase: passphrase.as_deref(), ..OpenOptions::default() };
    let report = app.words.working("restoring", || Engine::restore(&args.from, &args.keys, &trail, &app.store, options))?;
    app.result(&report, human)?;
    Ok(Outcome::Done)
}

fn human(report: &Restoration) -> String {
    let mut text = facts([
        ("restored from", report.from.clone()),
        ("forgotten again", counted(report.forgotten, "record")),
        ("agreed", format!("{} gave what the log states", counted(report.agreed, "erasure"))),
        ("took", duration(report.seconds)),
    ]);
    if !report.exact_instead.is_empty() {
        let models = report.exact_instead.join(", ");
        let _ = writeln!(
            text,
            "trained anew, exactly, where a method of unlearning had moved the network, which cannot be repeated: {models}\n`untrain train --replace` states what they are now; until then receipts about them are refused"
        );
    }
    if !report.lost.is_empty() {
        let _ = writeln!(text, "lost, since it came after the backup: {}", report.lost.join(", "));
    }
    text
}

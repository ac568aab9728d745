//! `receipt`: what the person who asked can keep, and check elsewhere.

use std::path::{Path, PathBuf};

use serde::Serialize;
use untrain::Engine;

use crate::app::{App, Outcome};
use crate::output::write_file;

/// Write the receipt of a request, which anybody can check offline
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The number or the name of the request
    request: String,
    /// Where the receipt goes
    #[arg(long, value_name = "FILE.zip")]
    out: PathBuf,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Report {
    request: u64,
    files: Vec<String>,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let engine = app.read()?;
    let request = engine.request_number(&args.request)?;
    let files = write(&engine, request, &args.out)?;
    app.result(&Report { request, files }, |report| {
        let checked = report.files.iter().map(|file| format!("`untrain check {file}` checks it, as `untrain-check` does\n"));
        format!("wrote {}\n{}", report.files.join(", "), checked.collect::<String>())
    })?;
    Ok(Outcome::Done)
}

/// Writes the receipts of a request: to the path, and where there are more, to others that are numbered from 2.
pub(crate) fn write(engine: &Engine, request: u64, out: &Path) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    for (i, receipt) in engine.receipts(request)?.iter().enumerate() {
        let path = if i == 0 { out.to_owned() } else { out.with_extension(format!("{}.zip", i + 1)) };
        let bytes = receipt.to_zip().map_err(untrain_ledger::Error::from).map_err(untrain::Error::from)?;
        write_file(&path, &bytes)?;
        files.push(path.display().to_string());
    }
    Ok(files)
}

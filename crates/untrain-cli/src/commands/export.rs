//! `export`: a model's artefact for use elsewhere.

use std::path::{Path, PathBuf};

use serde::Serialize;
use untrain_core::Digest;

use crate::app::{App, Outcome};
use crate::failure::Usage;
use crate::output::write_file;
use crate::table::counted;

/// Write a model's artefact, which holds no record and no id, to a file
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model
    model: String,
    /// How to write it
    #[arg(long, value_enum)]
    format: Format,
    /// Where to write it; - is standard output
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// The formats of an artefact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// Everything the artefact holds, as JSON
    Json,
    /// The canonical bytes, whose SHA-256 is the model's digest
    Bytes,
    /// The numbers of a network under PyTorch's names
    Safetensors,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Report<'a> {
    model: &'a str,
    /// Of the artefact, whatever the format.
    digest: String,
    format: Format,
    out: String,
    bytes: u64,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let to_screen = args.out == Path::new("-");
    if to_screen && app.json {
        let message = "with --json, standard output holds the report and nothing else";
        return Err(Usage::with_hint(message, "write to a file, or leave --json out").into());
    }
    let engine = app.read()?;
    let artefact = engine.artefact_bytes(&args.model)?;
    let digest = Digest::of(&artefact).to_string();
    let content = match args.format {
        Format::Bytes => artefact,
        Format::Safetensors => engine.safetensors(&args.model)?,
        // Compact: a forest has millions of nodes.
        Format::Json => engine.artefact(&args.model)?.json().into_bytes(),
    };
    if to_screen {
        app.screen.write_bytes(&content)?;
        return Ok(Outcome::Done);
    }
    write_file(&args.out, &content)?;
    let Args { model, format, out } = args;
    let report = Report { model, digest, format: *format, out: out.display().to_string(), bytes: content.len() as u64 };
    app.result(&report, |report| format!("wrote {} to {}\n", counted(report.bytes, "byte"), report.out))?;
    Ok(Outcome::Done)
}

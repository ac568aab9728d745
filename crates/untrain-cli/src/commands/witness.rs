//! `witness`: cosigns a log as long as it only grows, on another machine than the operator's.

mod server;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use untrain_ledger::keys::{SecretKey, Signer as _, VerifierKey};
use untrain_ledger::log::Log;
use untrain_ledger::note::Note;
use untrain_ledger::witness::Witness;
use untrain_ledger::{Access, Error};

use crate::app::{App, Outcome};
use crate::failure::{Refused, Usage};
use crate::output::write_file;
use crate::table::{count, facts};

/// Be a witness of logs: cosign their checkpoints as long as each continues the last one
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("how").required(true))]
pub(crate) struct Args {
    /// The private key of the witness, as `untrain keys new --role witness` makes it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where the witness remembers what it cosigned; keep it from the operator of the log, and out of backups
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The public key of a log, or a file that holds it; may be given many times
    #[arg(long, value_name = "KEY", required = true)]
    log: Vec<String>,
    /// Cosign the log that lies in a directory: the `trail` of a store, a copy of it or a mount
    #[arg(long, value_name = "DIR", group = "how")]
    log_dir: Option<PathBuf>,
    /// Cosign for whoever asks over HTTP at an address, as 127.0.0.1:8080, until the process is ended; TLS is for a proxy to add
    #[arg(long, value_name = "ADDRESS:PORT", group = "how")]
    listen: Option<String>,
    /// Where the cosigned checkpoint goes; standard output if not given
    #[arg(long, value_name = "FILE", requires = "log_dir", conflicts_with = "listen")]
    out: Option<PathBuf>,
}

/// A checkpoint that was cosigned.
#[derive(Debug, Serialize)]
struct Report {
    log: String,
    witness: String,
    entries: u64,
    root: String,
    file: Option<String>,
    checkpoint: String,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let logs = args.log.iter().map(|key| log_key(key)).collect::<anyhow::Result<Vec<_>>>()?;
    let key = SecretKey::load(&args.key, app.passphrase()?.as_deref()).map_err(untrain::Error::from)?;
    let mut witness = Witness::open(&args.state, key.verifier(), logs.clone(), app.wait).map_err(untrain::Error::from)?;
    if let Some(dir) = &args.log_dir {
        cosign(&mut witness, &key, &logs, dir, args.out.as_deref(), app)?;
    }
    if let Some(address) = &args.listen {
        server::serve(&mut witness, &key, address, app)?;
    }
    Ok(Outcome::Done)
}

fn cosign(witness: &mut Witness, key: &SecretKey, logs: &[VerifierKey], dir: &Path, out: Option<&Path>, app: &App) -> anyhow::Result<()> {
    let log = open(dir, logs).map_err(refused)?;
    let note: Note = witness.cosign_log(&log, key, now()?).map_err(refused)?;
    let text = note.to_string();
    // It is remembered by now. If writing fails, the next run cosigns the same checkpoint again.
    if let Some(path) = out {
        write_file(path, text.as_bytes())?;
    }
    let report = Report {
        log: text.lines().next().unwrap_or_default().to_owned(),
        witness: key.verifier().to_string(),
        entries: log.head().size,
        root: log.head().root.to_string(),
        file: out.map(|path| path.display().to_string()),
        checkpoint: text,
    };
    app.result(&report, |report| match &report.file {
        None => report.checkpoint.clone(),
        Some(file) => {
            let what = [("cosigned", report.log.clone()), ("entries", count(report.entries)), ("root", report.root.clone())];
            format!("{}`untrain log --cosign {file}` adds it to the log\n", facts(what))
        }
    })
}

/// Opens the log by the first key that signed its checkpoint: a key that was replaced may stand among them.
fn open(dir: &Path, keys: &[VerifierKey]) -> untrain_ledger::Result<Log> {
    let mut refusal = Error::NotALog { path: dir.to_owned() };
    for key in keys {
        match Log::open(dir, Access::Read, key, std::time::Duration::ZERO) {
            Ok(log) => return Ok(log),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

fn log_key(text: &str) -> anyhow::Result<VerifierKey> {
    untrain::verifier_key(text).map_err(|error| Usage::new(format!("{text} is no public key of a log: {error}")).into())
}

/// What the witness does not accept is its answer; all else is a failure.
fn refused(error: Error) -> anyhow::Error {
    match error {
        Error::Refused(refusal) => Refused(refusal.to_string()).into(),
        error => untrain::Error::from(error).into(),
    }
}

/// Seconds since 1970.
fn now() -> anyhow::Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| Usage::new("the clock is before 1970"))?.as_secs())
}

//! `keys`: who signs the trail of a store, and whom its policy trusts.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;
use untrain::{KeysReport, verifier_key};
use untrain_ledger::keys::{Role, SecretKey, Signer as _};

use crate::app::{App, Outcome};
use crate::table::facts;

/// Show the public keys and the policy of the store; or make, trust or replace keys
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    deed: Option<Deed>,
}

/// What is to be done with keys.
#[derive(Debug, clap::Subcommand)]
enum Deed {
    /// Make a key for somebody else than the store: an auditor or a witness
    New {
        /// Whose key it is
        #[arg(long, value_enum)]
        role: Other,
        /// What the key is called, as example.org/auditor
        #[arg(long, value_name = "NAME")]
        name: String,
        /// Where the private key goes; --passphrase-file encrypts it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Have the policy trust a witness or an auditor
    Trust {
        /// The public key, or a file that holds it
        key: String,
        /// What the policy calls a witness
        #[arg(long = "as", value_name = "NAME")]
        name: Option<String>,
    },
    /// Have the policy ask for the cosignatures of so many of its witnesses
    Quorum {
        /// How many
        n: usize,
    },
    /// Replace the key of the log or of the issuer; the old public key stays in the policy for what it signed
    Rotate {
        /// Whose
        #[arg(value_enum)]
        role: Own,
    },
}

/// Who has keys outside the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Other {
    /// Retrains and says what came out
    Auditor,
    /// Cosigns the log as long as it only grows
    Witness,
}

/// Whose keys a store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Own {
    /// Signs checkpoints
    Log,
    /// Signs statements
    Issuer,
}

/// A key that was made.
#[derive(Debug, Serialize)]
struct Made {
    file: String,
    key: String,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let report = match &args.deed {
        None => app.read()?.keys()?,
        Some(Deed::New { role, name, out }) => {
            let role = if *role == Other::Auditor { Role::Auditor } else { Role::Witness };
            let key = SecretKey::generate(name, role).map_err(untrain::Error::from)?;
            key.save(out, app.passphrase()?.as_deref()).map_err(untrain::Error::from)?;
            let made = Made { file: out.display().to_string(), key: key.verifier().to_string() };
            app.result(&made, |made| facts([("private key", made.file.clone()), ("public key", made.key.clone())]))?;
            return Ok(Outcome::Done);
        }
        Some(Deed::Trust { key, name }) => {
            let key = verifier_key(key)?;
            app.write()?.trust(&key, name.as_deref())?
        }
        Some(Deed::Quorum { n }) => app.write()?.require_witnesses(*n)?,
        Some(Deed::Rotate { role }) => {
            let role = if *role == Own::Log { Role::Log } else { Role::Issuer };
            app.write()?.rotate(role, app.passphrase()?.as_deref())?
        }
    };
    app.result(&report, human)?;
    Ok(Outcome::Done)
}

fn human(report: &KeysReport) -> String {
    let mut text = String::new();
    for line in &report.keys {
        let note = line.retired.map_or_else(String::new, |size| format!("  (retired at {size} entries)"));
        let _ = writeln!(text, "{:<8} {}{note}", line.role, line.key);
    }
    text + &facts([("quorum", report.quorum.clone()), ("policy", report.policy.clone()), ("log", report.log.clone())])
}

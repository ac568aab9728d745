//! `untrain-check`: checks a receipt offline.
//!
//! It knows statements, signatures, hashes and nothing of machine learning; it opens the files that it is given and no others, and
//! no connection.

mod options;
mod verdict;

use std::io::{self, Write as _};
use std::process::ExitCode;

use untrain_ledger::receipt::plain;

use crate::options::{Asked, Options};
use crate::verdict::Failure;

const HELP: &str = "Checks a receipt of a deletion, offline.

usage: untrain-check RECEIPT.zip [--policy FILE] [--level N] [--request ID] [--artefact FILE] [--json]

  --policy FILE    the keys to trust; without it those in the receipt, which are the operator's own word
  --level N        what is needed to be accepted: 1 or 2 (both are always checked), 3 an auditor's replay of the whole
                   training of every changed model, 4 of at least a part of it [default: 2]
  --request ID     refuse the receipt of another request
  --artefact FILE  compare the file of a model that is served with what the receipt says of it
  --json           print one JSON object
  --help, --version

exit codes: 0 accepted; 1 refused; 2 bad usage, or a file that cannot be read; 3 the system failed
";

fn main() -> ExitCode {
    match Options::read(std::env::args_os().skip(1)) {
        Ok(Asked::Check(options)) => check(&options),
        Ok(Asked::Help) => end(say(HELP), 0),
        Ok(Asked::Version) => end(say(concat!("untrain-check ", env!("CARGO_PKG_VERSION"), "\n")), 0),
        Err(message) => {
            complain(&message, Some("untrain-check --help lists the options"));
            ExitCode::from(2)
        }
    }
}

fn check(options: &Options) -> ExitCode {
    match verdict::of(options) {
        Ok(verdict) if options.json => end(say(&verdict.to_json()), 0),
        Ok(verdict) => end(say(&verdict.to_text()), 0),
        Err(failure) => {
            let Failure { code, message, hint } = &failure;
            if options.json
                && let Err(code) = say(&failure.to_json())
            {
                return code;
            }
            complain(message, hint.as_deref());
            ExitCode::from(*code)
        }
    }
}

/// Writes to standard output. That its reader has gone is no failure: what it wanted, it has.
fn say(text: &str) -> Result<(), ExitCode> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("cannot write to standard output: {error}"), None);
            Err(ExitCode::from(3))
        }
        _ => Ok(()),
    }
}

fn complain(message: &str, hint: Option<&str>) {
    let hint = hint.map(|hint| format!("hint: {}\n", plain(hint))).unwrap_or_default();
    // There is nowhere left to complain to.
    let _ = io::stderr().write_all(format!("error: {}\n{hint}", plain(message)).as_bytes());
}

fn end(said: Result<(), ExitCode>, code: u8) -> ExitCode {
    said.err().unwrap_or_else(|| ExitCode::from(code))
}

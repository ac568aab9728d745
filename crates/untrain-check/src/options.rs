//! What the command line asks for.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::{Long, Short, Value, ValueExt as _};
use untrain_ledger::receipt::Level;

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Asked {
    Check(Options),
    Help,
    Version,
}

/// What is to be checked, and how.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) receipt: PathBuf,
    pub(crate) policy: Option<PathBuf>,
    pub(crate) level: Level,
    pub(crate) request: Option<String>,
    pub(crate) artefact: Option<PathBuf>,
    pub(crate) json: bool,
}

impl Options {
    /// Reads arguments without the program's name; what is wrong with them is told in a sentence.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, String> {
        Self::parse(&mut lexopt::Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    fn parse(parser: &mut lexopt::Parser) -> Result<Asked, lexopt::Error> {
        let (mut receipt, mut policy, mut level, mut request, mut artefact, mut json) = (None, None, None, None, None, false);
        while let Some(argument) = parser.next()? {
            match argument {
                Value(file) => once(&mut receipt, PathBuf::from(file), "RECEIPT.zip")?,
                Long("policy") => once(&mut policy, PathBuf::from(parser.value()?), "--policy")?,
                Long("level") => once(&mut level, parser.value()?.parse_with(read_level)?, "--level")?,
                Long("request") => once(&mut request, parser.value()?.string()?, "--request")?,
                Long("artefact") => once(&mut artefact, PathBuf::from(parser.value()?), "--artefact")?,
                Long("json") => json = true,
                Long("help") | Short('h') => return Ok(Asked::Help),
                Long("version") | Short('V') => return Ok(Asked::Version),
                _ => return Err(argument.unexpected()),
            }
        }
        let receipt = receipt.ok_or("there is no receipt to be checked")?;
        Ok(Asked::Check(Self { receipt, policy, level: level.unwrap_or(Level::Chain), request, artefact, json }))
    }
}

fn once<T>(place: &mut Option<T>, value: T, name: &str) -> Result<(), lexopt::Error> {
    if place.replace(value).is_some() {
        return Err(format!("{name} is given twice").into());
    }
    Ok(())
}

fn read_level(text: &str) -> Result<Level, &'static str> {
    text.parse().ok().and_then(Level::from_number).ok_or("a level is 1, 2, 3 or 4")
}

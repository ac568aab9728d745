//! What all verbs share: the options that stand before the verb, the store, and the way a result leaves the program.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;
use untrain::device::{self, Device};
use untrain::{Access, Engine, OpenOptions};

use crate::commands::Verb;
use crate::failure::{self, Usage};
use crate::output::{Screen, Words};

/// The heading of the options that every verb takes.
const EVERYWHERE: &str = "Options of every verb";

/// Forget records from trained models, and prove it
#[derive(Debug, Parser)]
#[command(name = "untrain", version, max_term_width = 120)]
pub(crate) struct Cli {
    /// The directory of datasets, models and requests
    #[arg(long, env = "UNTRAIN_STORE", hide_env_values = true, default_value = "untrain-store", value_name = "DIR", global = true, help_heading = EVERYWHERE)]
    store: PathBuf,
    /// Print one JSON object on standard output and nothing else there
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
    /// Say nothing on standard error but errors
    #[arg(long, short, global = true, help_heading = EVERYWHERE)]
    quiet: bool,
    /// How many threads to work with; all cores if not given. The bytes of models do not depend on it
    #[arg(long, value_name = "N", global = true, help_heading = EVERYWHERE, value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// Where to compute networks: `auto` takes a GPU for batches that are worth it, if this program was built for GPUs and finds
    /// one. The bytes of models do not depend on it
    #[arg(long, env = "UNTRAIN_DEVICE", hide_env_values = true, value_name = "DEVICE", default_value = "auto", value_parser = devices(), global = true, help_heading = EVERYWHERE)]
    device: Device,
    /// How long to wait for others who use the store
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, global = true, help_heading = EVERYWHERE)]
    wait: Duration,
    /// A file whose first line opens the private keys of the store, and encrypts those of a new one
    #[arg(long, env = "UNTRAIN_PASSPHRASE_FILE", hide_env_values = true, value_name = "FILE", global = true, help_heading = EVERYWHERE)]
    passphrase_file: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

/// What a verb that did not fail has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, or yes.
    Done,
    /// The answer is no.
    No,
}

/// What a verb works with.
#[derive(Debug)]
pub(crate) struct App {
    /// The directory of the store.
    pub(crate) store: PathBuf,
    /// Whether the result is one JSON object.
    pub(crate) json: bool,
    /// Where words and progress go.
    pub(crate) words: Words,
    /// Where the result goes.
    pub(crate) screen: Screen,
    /// How long to wait for others.
    pub(crate) wait: Duration,
    passphrase_file: Option<PathBuf>,
}

/// Runs the program on the arguments of the process.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads to its end is no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { failure::USAGE } else { 0 });
        }
    };
    let Cli { store, json, quiet, threads, device, wait, passphrase_file, verb } = cli;
    let app = App { store, json, words: Words::new(quiet), screen: Screen, wait, passphrase_file };
    let outcome = threads.map_or(Ok(()), limit_threads).and_then(|()| choose(device)).and_then(|()| verb.run(&app));
    if let (Ok(_), Some(notice)) = (&outcome, device::notice()) {
        app.words.say(&notice);
    }
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(1),
        Err(error) => failure::report(&error),
    }
}

impl App {
    /// Opens the store for reading.
    pub(crate) fn read(&self) -> anyhow::Result<Engine> {
        self.open(Access::Read)
    }

    /// Opens the store for writing; makes it if there is none.
    pub(crate) fn write(&self) -> anyhow::Result<Engine> {
        self.open(Access::Write)
    }

    /// Prints the result: the report as JSON if that was asked for, else the text that `human` makes of it.
    pub(crate) fn result<R: Serialize>(&self, report: &R, human: impl FnOnce(&R) -> String) -> anyhow::Result<()> {
        if self.json { self.screen.write(&json(report)?) } else { self.screen.write(&human(report)) }
    }

    /// What private keys are encrypted with, if there is a file that says it.
    pub(crate) fn passphrase(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.passphrase_file else { return Ok(None) };
        let text = std::fs::read_to_string(path).map_err(|error| Usage::new(format!("cannot read {}: {error}", path.display())))?;
        let line = text.lines().next().unwrap_or_default();
        if line.is_empty() {
            return Err(Usage::new(format!("the first line of {} is empty", path.display())).into());
        }
        Ok(Some(line.to_owned()))
    }

    fn open(&self, access: Access) -> anyhow::Result<Engine> {
        let mut told = || {
            self.words.say(&format!(
                "another process is using the store {}; waiting up to {} s",
                self.store.display(),
                self.wait.as_secs_f64()
            ));
        };
        let passphrase = self.passphrase()?;
        let options = OpenOptions { wait: self.wait, passphrase: passphrase.as_deref(), ..OpenOptions::default() };
        Ok(Engine::open(&self.store, access, options, &mut told)?)
    }
}

/// One JSON object, readable by people too.
pub(crate) fn json<R: Serialize>(report: &R) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(report)? + "\n")
}

fn limit_threads(n: u32) -> anyhow::Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n as usize).build_global();
    pool.map_err(|error| Usage::new(format!("cannot work with {n} threads: {error}")).into())
}

fn choose(device: Device) -> anyhow::Result<()> {
    Ok(device::choose(device).map_err(untrain_core::Error::from).map_err(untrain::Error::from)?)
}

fn devices() -> impl TypedValueParser<Value = Device> {
    PossibleValuesParser::new(Device::ALL.map(|(name, _)| name)).try_map(|name| name.parse::<Device>())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "not a number of seconds from 0 up".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}

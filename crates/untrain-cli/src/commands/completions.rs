//! `completions`: the script that teaches a shell the verbs and their flags.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::app::{App, Cli, Outcome};
use crate::failure::Usage;

/// Print a shell's completion script
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    if app.json {
        return Err(Usage::new("a completion script is not JSON").into());
    }
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "untrain", &mut script);
    app.screen.write_bytes(&script)?;
    Ok(Outcome::Done)
}

//! `release`: the end of a legal hold.

use crate::app::{App, Outcome};
use crate::commands::requests;

/// Lift the legal hold on a request: the records that it kept are erased
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The number or the name of the request
    request: String,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let mut engine = app.write()?;
    let number = engine.request_number(&args.request)?;
    app.result(&engine.release(number)?, requests::line)?;
    Ok(Outcome::Done)
}

//! `hold`: a legal hold on a request that is not carried out yet.

use crate::app::{App, Outcome};
use crate::commands::requests;

/// Put a legal hold on a deferred request: the models will forget, and the records will be kept
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The number or the name of the request
    request: String,
    /// Why
    #[arg(long, value_name = "REASON")]
    reason: String,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let mut engine = app.write()?;
    let number = engine.request_number(&args.request)?;
    app.result(&engine.hold(number, &args.reason)?, requests::line)?;
    Ok(Outcome::Done)
}

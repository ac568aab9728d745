//! The command line of `untrain`.

mod app;
mod commands;
mod failure;
mod output;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    app::main()
}

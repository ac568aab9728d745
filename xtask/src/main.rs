//! The project's own commands: `cargo xtask test` runs every check, `cargo xtask conformance` the slow suite.

mod citations;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

/// How many cases the slow suite tries for each property.
const SLOW_CASES: &str = "20000";

const USAGE: &str = "usage: cargo xtask test           every check, in the order of what fails soonest
       cargo xtask conformance    the conformance suite of the exact learners with 20,000 cases a property";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test"] => test(),
        ["conformance"] => conformance(),
        ["help" | "--help" | "-h"] => {
            say(USAGE);
            return ExitCode::SUCCESS;
        }
        _ => {
            say(USAGE);
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            say(&format!("xtask: failed: {failed}"));
            ExitCode::FAILURE
        }
    }
}

/// The name of the step that failed, with the reason if the step did not print it.
type Outcome = Result<(), String>;

fn test() -> Outcome {
    let started = Instant::now();
    run("cargo fmt --all --check", &[])?;
    run("cargo clippy --workspace --all-targets -- -D warnings", &[])?;
    if is_installed("nextest") {
        run("cargo nextest run --workspace", &[])?;
    } else {
        say("xtask: cargo-nextest is not installed; cargo test takes its place");
        run("cargo test --workspace --all-targets", &[])?;
    }
    run("cargo test --workspace --doc", &[])?;
    // Libraries only: the program and the library are both called `untrain`, and their pages would be in one place.
    run("cargo doc --workspace --no-deps --lib", &[("RUSTDOCFLAGS", "-D warnings")])?;
    step("citations", || citations::check(root()))?;
    deny()?;
    python()?;
    say(&format!("xtask: every check passed in {:.1} s", started.elapsed().as_secs_f64()));
    Ok(())
}

/// Checks licences and sources, and advisories where their database can be fetched.
fn deny() -> Outcome {
    if !is_installed("deny") {
        say("xtask: cargo deny check: skipped: cargo-deny is not installed");
        return Ok(());
    }
    run("cargo deny check bans licenses sources", &[])?;
    if succeeds("cargo deny fetch db") {
        run("cargo deny check --disable-fetch advisories", &[])
    } else {
        say("xtask: cargo deny check advisories: skipped: the advisory database cannot be fetched");
        Ok(())
    }
}

/// The Python package in a fresh environment: wheel, tests, stubs, examples, the tutorial, and Ray where pip can install it.
fn python() -> Outcome {
    let has_python = |module| Command::new("python3").args(["-c", &format!("import {module}")]).output().is_ok_and(|o| o.status.success());
    if !has_python("ensurepip") {
        say("xtask: python/test: skipped: there is no Python 3 that can make environments (python3-venv)");
        return Ok(());
    }
    step("python/test", || {
        let status = Command::new(root().join("python/test")).status().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(status.to_string()) }
    })
}

/// The property tests of the exact learners, long: `PROPTEST_CASES` overrides how long.
fn conformance() -> Outcome {
    let cases = std::env::var("PROPTEST_CASES").unwrap_or_else(|_| SLOW_CASES.to_owned());
    let line = if is_installed("nextest") {
        "cargo nextest run --release --package untrain-exact"
    } else {
        say("xtask: cargo-nextest is not installed; cargo test takes its place");
        "cargo test --release --package untrain-exact --lib --tests"
    };
    run(line, &[("PROPTEST_CASES", &cases)])
}

/// Runs a command line, which holds no quotes, as a step.
fn run(line: &str, environment: &[(&str, &str)]) -> Outcome {
    step(line, || {
        let status = command(line).envs(environment.iter().copied()).status().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(status.to_string()) }
    })
}

/// Runs a step between a line that names it and a line with its time.
fn step(name: &str, work: impl FnOnce() -> Result<(), String>) -> Outcome {
    say(&format!("xtask: {name}"));
    let started = Instant::now();
    let outcome = work();
    let seconds = started.elapsed().as_secs_f64();
    match outcome {
        Ok(()) => {
            say(&format!("xtask: {name}: passed in {seconds:.1} s"));
            Ok(())
        }
        Err(reason) => Err(format!("{name} ({reason}, after {seconds:.1} s)")),
    }
}

fn is_installed(subcommand: &str) -> bool {
    succeeds(&format!("cargo {subcommand} --version"))
}

fn succeeds(line: &str) -> bool {
    command(line).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The command of a line that begins with `cargo`, in the root of the workspace.
fn command(line: &str) -> Command {
    // The cargo that started this program, so that every step runs under one toolchain.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(line.split_whitespace().skip(1)).current_dir(root());
    command
}

fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Prints a line at once, so that it stands before what the next command prints.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    // A reader that closed the pipe wants no more lines, which is no reason to stop the checks.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

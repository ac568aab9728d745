//! `compare`: methods of unlearning side by side, with what is needed to judge them.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use untrain::{AuditOptions, AuditProgress, Chosen, CompareOptions, Comparison, ComparisonRow, Goal, Guarantee, METHODS, RowKind, select};

use crate::app::{App, Outcome};
use crate::commands::audit::budget;
use crate::commands::train::{setting, values};
use crate::failure::Usage;
use crate::output::{folder_of, write_file};
use crate::table::{count, counted, duration, facts, render, table};

/// Compare methods of unlearning on a network: what they cost, what they leave behind, and what training anew would have given
#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub(crate) struct Args {
    /// The model: an mlp, a cnn or a resnet
    model: String,
    /// The records to forget, by the ids in a file; without it those of the last request, or as many others if these are erased
    #[arg(long, value_name = "IDS-FILE")]
    forget: Option<PathBuf>,
    /// The methods, or all
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "all")]
    methods: Vec<String>,
    /// A hyperparameter of a method; may be given many times
    #[arg(long = "set", value_name = "METHOD.KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// Search the hyperparameters that are not set, in the first world; what that takes is part of a method's cost
    #[arg(long)]
    search: bool,
    /// What the records are forgotten for; found out from them if not given
    #[arg(long, value_enum, value_name = "GOAL")]
    goal: Option<Aim>,
    /// About how long the trainings may take, for example 10m
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = budget)]
    budget: Duration,
    /// In how many worlds to train, in place of what the budget allows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=10_000))]
    worlds: Option<u64>,
    /// The most records that are forgotten
    #[arg(long, value_name = "N", default_value = "400", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    points: u64,
    /// How many records besides get a wrong label, and are to be forgotten too
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u64).range(0..=10_000))]
    canaries: u64,
    /// The key of all that is drawn
    #[arg(long, value_name = "N", default_value = "0")]
    seed: u64,
    /// Write the comparison as a page: one HTML file
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
}

/// What records are forgotten for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Aim {
    /// Some records among others like them
    Random,
    /// All records of a class
    Class,
    /// A part of a class, or a pattern across classes
    Concept,
    /// Records with wrong labels or a planted pattern
    Poison,
}

impl Aim {
    fn goal(self) -> Goal {
        match self {
            Self::Random => Goal::Random,
            Self::Class => Goal::Class,
            Self::Concept => Goal::Concept,
            Self::Poison => Goal::Poison,
        }
    }
}

fn after_help() -> String {
    let width = METHODS.iter().map(|method| method.name.len()).max().unwrap_or(0);
    METHODS.iter().fold("Methods:".to_owned(), |text, method| format!("{text}\n  {:<width$}  {}", method.name, method.about))
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    // Before the trainings, whose result would have no place.
    args.out.as_deref().map(folder_of).transpose()?;
    let methods = chosen(args)?;
    let engine = app.read()?;
    let forget = args.forget.as_ref().map(|file| select::ids_file(file)).transpose().map_err(untrain::Error::from)?;
    let options = CompareOptions {
        audit: AuditOptions {
            forget,
            n_points: args.points as usize,
            n_canaries: args.canaries as usize,
            n_worlds: args.worlds.map(|n| n as usize),
            budget: args.budget,
            seed: args.seed,
            ..AuditOptions::default()
        },
        methods,
        goal: args.goal.map(Aim::goal),
        search: args.search,
    };
    let bar = app.words.bar(&format!("comparing on {}", args.model));
    let report = engine.compare(&args.model, &options, &|at: AuditProgress| bar.at(at.done as u64, at.planned as u64, at.kept as u64));
    bar.clear();
    let report = report?;
    for row in report.rows.iter().filter(|row| !row.suits) {
        app.words.warn(&format!("{} was not made to forget {}", row.name, report.goal.name()));
    }
    app.result(&report, human)?;
    if let Some(path) = &args.out {
        write_file(path, report.page().as_bytes())?;
        app.words.say(&format!("wrote the comparison to {}", path.display()));
    }
    Ok(Outcome::Done)
}

/// The methods that are asked for, each with its settings.
fn chosen(args: &Args) -> anyhow::Result<Vec<Chosen>> {
    let all = args.methods.iter().any(|name| name == "all");
    let names: Vec<&str> =
        if all { METHODS.iter().map(|method| method.name).collect() } else { args.methods.iter().map(String::as_str).collect() };
    let mut settings = Vec::new();
    for (key, value) in &args.settings {
        let hint = "as in scrub.n_epochs=5";
        let (method, key) = key.split_once('.').ok_or_else(|| Usage::with_hint(format!("\"{key}\" names no method and key"), hint))?;
        if !names.contains(&method) {
            return Err(Usage::with_hint(format!("\"{method}\" is not among the methods to compare"), "name it in --methods").into());
        }
        settings.push((method, (key.to_owned(), value.clone())));
    }
    let of = |name: &str| settings.iter().filter(|(method, _)| *method == name).map(|(_, setting)| setting.clone()).collect::<Vec<_>>();
    Ok(names.into_iter().map(|name| (name.to_owned(), values(&of(name)))).collect())
}

fn human(report: &Comparison) -> String {
    let mut text = facts([
        ("model", format!("{} (version {}), {}", report.model, report.version, report.learner)),
        ("goal", report.goal.name().to_owned()),
        ("records", format!("{}, half of them learnt and forgotten in each world", counted(report.points, "record"))),
        ("worlds", count(report.worlds)),
        ("a training", counted(report.train_steps, "step")),
        ("took", duration(report.total_seconds)),
    ]);
    text.push('\n');
    let mut shown = table([
        "",
        "told from retrain",
        "told from unseen",
        "over scratch",
        "forgotten",
        "retained",
        "unseen",
        "relearn",
        "4 bits",
        "cost",
        "time",
    ]);
    for row in &report.rows {
        shown.add_row(line(row));
    }
    text += &render(shown, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    for failed in &report.failed {
        let _ = writeln!(text, "{}: not compared: {}", failed.name, failed.reason);
    }
    text += "\nAreas under curves: 0.5 is not told at all. Vs scratch: what a method has more than a network trained anew, without the records, for as many steps: more\ntold of who was forgotten, and more accuracy on records never seen. An asterisk: not made for this goal.\n";
    text
}

fn line(row: &ComparisonRow) -> Vec<String> {
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let rate = |value: Option<f64>| or_none(value.map(|rate| format!("{:.1} %", 100.0 * rate)));
    let area = |measured: Option<f64>| or_none(measured.map(|value| format!("{value:.3}")));
    let guarantee = match row.guarantee {
        Guarantee::Certified { epsilon, delta } => format!(" (ε {epsilon:.3}, δ {delta:.0e})"),
        _ if !row.suits => " *".to_owned(),
        _ => String::new(),
    };
    vec![
        if row.kind == RowKind::Method { format!("  {}{guarantee}", row.name) } else { row.name.clone() },
        area(row.efficacy.as_ref().map(|measured| measured.value)),
        area(row.privacy.as_ref().map(|measured| measured.value)),
        or_none(row.over_scratch.as_ref().and_then(|over| over.privacy).map(|over| format!("{over:+.3}"))),
        or_none(row.over_scratch.as_ref().and_then(|over| over.accuracy_holdout).map(|over| format!("{:+.1} %", 100.0 * over))),
        rate(row.accuracy_forget),
        rate(row.accuracy_retain),
        rate(row.accuracy_holdout),
        or_none(row.relearning.map(|ratio| format!("{ratio:.2}"))),
        or_none(row.rounding.map(|gain| format!("{:+.1} %", 100.0 * gain))),
        format!("{:.1} %", 100.0 * row.share),
        duration(row.seconds),
    ]
}

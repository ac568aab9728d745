//! `audit`: what somebody who attacks the model finds out about the records that it forgot.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use untrain::{
    AuditOptions, AuditProgress, AuditReport, AuditSource, AuditVerdict, Engine, Exposure, ExposureOptions, ExposureReport, MarkReport,
    select,
};
use untrain_audit::{Evidence, Measured, Reason, Verdict, measured};

use crate::app::{App, Outcome};
use crate::output::{folder_of, write_file};
use crate::table::{count, counted, duration, factor, facts, render, table};

/// How many exposed records are shown.
const SHOWN: usize = 20;

/// Train the recipe in many worlds, have it forget, and attack what comes out
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code 1: the model can be told from a retrain, or the claimed guarantee is refuted.")]
pub(crate) struct Args {
    /// The model
    model: String,
    /// The records to forget, by the ids in a file; without it those of the last request, or as many others if these are erased
    #[arg(long, value_name = "IDS-FILE", conflicts_with = "records")]
    forget: Option<PathBuf>,
    /// Copies of the forgotten records, in a file with the dataset's columns
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// Only these attacks and metrics; may be given many times
    #[arg(long = "attack", value_name = "NAME", value_parser = attack)]
    attacks: Vec<String>,
    /// About how long the trainings may take, for example 10m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = budget)]
    budget: Duration,
    /// In how many worlds to train, in place of what the budget allows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=10_000))]
    worlds: Option<u64>,
    /// The most records that are asked about
    #[arg(long, value_name = "N", default_value = "400", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    points: u64,
    /// How many records besides get a wrong label
    #[arg(long, value_name = "N", default_value = "40", value_parser = clap::value_parser!(u64).range(0..=10_000))]
    canaries: u64,
    /// The chance with which a perfect unlearner fails
    #[arg(long, value_name = "P", default_value = "0.05")]
    level: f64,
    /// The key of all that is drawn
    #[arg(long, value_name = "N", default_value = "0")]
    seed: u64,
    /// Tell of each record how exposed it is in the model, by shadow models with it and without it (LiRA)
    #[arg(long, conflicts_with_all = ["records", "attacks", "budget", "worlds", "canaries", "level", "out"])]
    each: bool,
    /// How many shadow models to train, for --each
    #[arg(long, value_name = "N", default_value = "64", requires = "each", value_parser = clap::value_parser!(u64).range(2..=10_000))]
    shadows: u64,
    /// Inputs with a mark that a user planted in her own records: does it still work? (Athena)
    #[arg(long, value_name = "FILE", requires_all = ["planted", "kept"], conflicts_with_all = ["each", "forget", "records", "out"])]
    trigger: Option<PathBuf>,
    /// The answer that the mark was to bring about, for --trigger
    #[arg(long, value_name = "CLASS", requires = "trigger")]
    planted: Option<String>,
    /// How often the model gave it before the records were forgotten, from 0 to 1, for --trigger
    #[arg(long, value_name = "RATE", requires = "trigger")]
    kept: Option<f64>,
    /// Write the report as a page: one HTML file
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    // Before the trainings, whose result would have no place.
    args.out.as_deref().map(folder_of).transpose()?;
    let engine = app.read()?;
    let forget = args.forget.as_ref().map(|file| select::ids_file(file)).transpose().map_err(untrain::Error::from)?;
    if args.each {
        return each(args, app, &engine, forget);
    }
    if let (Some(inputs), Some(planted), Some(kept)) = (&args.trigger, &args.planted, args.kept) {
        let report = engine.mark(&args.model, inputs, planted, kept, args.level)?;
        app.result(&report, mark)?;
        return Ok(if report.rejected { Outcome::No } else { Outcome::Done });
    }
    let records = args.records.as_ref().map(|file| engine.copies(&args.model, file)).transpose()?;
    let options = AuditOptions {
        forget,
        records,
        metrics: args.attacks.clone(),
        n_points: args.points as usize,
        n_canaries: args.canaries as usize,
        n_worlds: args.worlds.map(|n| n as usize),
        budget: args.budget,
        seed: args.seed,
        level: args.level,
    };
    let bar = app.words.bar(&format!("auditing {}", args.model));
    let progress = |at: AuditProgress| bar.at(at.done as u64, at.planned as u64, at.kept as u64);
    let report = engine.audit(&args.model, &options, &progress);
    bar.clear();
    let report = report?;
    if report.replaced_an_audit {
        app.words
            .warn("what an earlier audit of this model kept is of another recipe, other records or other settings: this one begins anew");
    }
    // The result first: it took long, and a page that cannot be written must not take it along.
    app.result(&report, human)?;
    if let Some(path) = &args.out {
        write_file(path, report.page().as_bytes())?;
        app.words.say(&format!("wrote the report to {}", path.display()));
    }
    Ok(if report.verdict.is_failure() { Outcome::No } else { Outcome::Done })
}

fn mark(report: &MarkReport) -> String {
    let verdict = if report.rejected {
        "FAILS: the mark still works, so the records that carried it are still known"
    } else {
        "passes: the mark does not work more often than in models that never saw it"
    };
    let percent = |rate: f64| format!("{:.2} %", 100.0 * rate);
    let mut text = format!("{verdict}\n\n");
    text += &facts([
        ("planted answers", format!("{} of {}; {} or more are too many", report.hits, report.queries, report.threshold)),
        ("without the mark", format!("{} of the answers, on records that are held out", percent(report.deleted_rate))),
        ("with the mark known", format!("{} of the answers, as was said", percent(report.kept_rate))),
        ("wrongly rejected", percent(report.type_one)),
        ("wrongly believed", percent(report.type_two)),
    ]);
    text
}

fn each(args: &Args, app: &App, engine: &Engine, ids: Option<Vec<String>>) -> anyhow::Result<Outcome> {
    let options = ExposureOptions { ids, n_points: args.points as usize, n_shadows: args.shadows as usize, seed: args.seed };
    let bar = app.words.bar(&format!("asking {}", counted(args.shadows, "shadow model")));
    let report = engine.exposures(&args.model, &options, &|at| bar.at(at.done as u64, at.planned as u64, 0));
    bar.clear();
    app.result(&report?, exposures)?;
    Ok(Outcome::Done)
}

fn exposures(report: &ExposureReport) -> String {
    let mut text = facts([
        ("model", format!("{} (version {})", report.model, report.version)),
        ("asked about", counted(report.asked, "record")),
        ("shadow models", format!("{}, {} each to train", count(report.shadows), duration(report.train_seconds))),
        ("without a record", format!("{} each, {} less than a training", duration(report.forget_seconds), factor(report.saving))),
        ("AUC of LiRA", format!("{:.3}; 0.5 if the model's answers give nobody away", report.auc)),
    ]);
    text.push('\n');
    let mut rows = table(["record", "LiRA", "influence"]);
    for Exposure { id, lira, influence } in report.records.iter().take(SHOWN) {
        rows.add_row([id.clone(), format!("{lira:.2}"), format!("{influence:.3}")]);
    }
    text += &render(rows, &[1, 2]);
    if report.records.len() > SHOWN {
        let _ = writeln!(text, "and {} that are less exposed; --json has all", count((report.records.len() - SHOWN) as u64));
    }
    text
}

fn attack(text: &str) -> Result<String, String> {
    match measured().find(|name| *name == text) {
        Some(name) => Ok(name.to_owned()),
        None => Err(format!("there is no such attack or metric; there are {}", measured().collect::<Vec<_>>().join(", "))),
    }
}

/// Parses a span of time.
pub(crate) fn budget(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Duration::try_from(span)
        .ok()
        .filter(|span| !span.is_zero())
        .ok_or_else(|| "a budget is longer than nothing, for example 10m".to_owned())
}

fn human(report: &AuditReport) -> String {
    let judgement = &report.audit.judgement;
    let mut text = match report.verdict {
        AuditVerdict::OtherBytes => "FAILS: it claims to be exact, and its bytes are not those of a retrain\n\n".to_owned(),
        AuditVerdict::Refuted => "FAILS: the epsilon that it claims is less than what was measured\n\n".to_owned(),
        AuditVerdict::Passes | AuditVerdict::Told | AuditVerdict::Undecided => format!("{}\n\n", verdict(&judgement.overall)),
    };
    text += &facts([
        ("model", format!("{} (version {}), {} by {}", report.model, report.version, report.learner, report.forgets_by)),
        ("forgotten", asked(report)),
        ("worlds", format!("{}, each with {}", report.worlds, counted(report.records, "record"))),
        ("like a retrain", verdict(&judgement.efficacy)),
        ("forgotten or never seen", verdict(&judgement.privacy)),
        ("bytes of a retrain", format!("in {} of {} worlds that were compared", report.replayed, report.replays)),
        ("training, forgetting", format!("{}, {}", duration(report.train_seconds), duration(report.forget_seconds))),
    ]);
    text.push('\n');
    let mut rows = table(["metric", "unlearned", "95 %", "p", "null", "original", "did nothing", "equal cost", "verdict"]);
    for evidence in &report.audit.evidence {
        rows.add_row(row(evidence));
    }
    text += &render(rows, &[1, 2, 3, 4, 5, 6, 7]);
    for skipped in &report.audit.skipped {
        let _ = writeln!(text, "not measured: {}: {}", skipped.metric, skipped.reason);
    }
    let _ = writeln!(
        text,
        "epsilon between unlearned and retrained models is at least {:.2} (at {} %)",
        report.audit.epsilon,
        100.0 * (1.0 - judgement.level)
    );
    if let Some(relearning) = &report.relearning {
        let ratio = |ain: Option<f64>| ain.map_or("never".to_owned(), |ain| format!("{ain:.2}"));
        let _ = writeln!(
            text,
            "relearning takes {} of the steps that a retrain needs; another retrain {}, the original {}",
            ratio(relearning.ain),
            ratio(relearning.null),
            ratio(relearning.positive_control)
        );
    }
    if let Some(one_run) = &report.one_run {
        let _ = writeln!(
            text,
            "from one world: at least {:.2}; of a retrain {:.2}, of the original {:.2}",
            one_run.epsilon, one_run.null, one_run.positive_control
        );
    }
    text
}

fn asked(report: &AuditReport) -> String {
    let records = counted(report.asked, "record");
    let what = match report.source {
        AuditSource::Named => format!("{records} that were named"),
        AuditSource::Given => format!("{records} that were given, which the dataset has no longer"),
        AuditSource::Waiting { request } => format!("{records} of request {request}, which waits"),
        AuditSource::Held { request } => format!("{records} of request {request}, which a legal hold keeps"),
        AuditSource::InPlaceOf { request } => {
            format!("{records} like those of request {request}, which are erased; --records FILE asks about copies of them")
        }
        AuditSource::Drawn => format!("{records}, drawn; nobody has asked for anything yet"),
    };
    format!("{what}, and {} with a wrong label", count(report.canaries))
}

fn row(evidence: &Evidence) -> Vec<String> {
    let value = |measured: &Measured| format!("{:.3}", measured.value);
    let optional = |measured: Option<&Measured>| measured.map(value).unwrap_or_default();
    let candidate = &evidence.candidate;
    vec![
        evidence.metric.clone(),
        value(candidate),
        candidate.interval.map(|interval| format!("{:.3} to {:.3}", interval.low, interval.high)).unwrap_or_default(),
        candidate.p_value.map(|p| format!("{p:.3}")).unwrap_or_default(),
        value(&evidence.null),
        value(&evidence.positive_control),
        optional(evidence.do_nothing.as_ref()),
        optional(evidence.scratch.as_ref()),
        short(&evidence.verdict).to_owned(),
    ]
}

fn short(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passes => "passes",
        Verdict::Fails => "FAILS",
        Verdict::None { reason: Reason::NullFails { .. } } => "none: its null fails",
        Verdict::None { reason: Reason::NoPower { .. } } => "none: no power here",
        Verdict::None { reason: Reason::NotHeadline | Reason::Unmeasured } => "",
    }
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passes => "passes: attacks that tell the original model do not tell this one from a retrain".to_owned(),
        Verdict::Fails => "FAILS: the model can be told from a retrain".to_owned(),
        Verdict::None { reason: Reason::NullFails { .. } } => {
            "no verdict: a second retrain fails as well, so something else is measured".to_owned()
        }
        Verdict::None { reason: Reason::NoPower { .. } } => {
            "no verdict: even the original model, which forgot nothing, cannot be told; more worlds or canaries may do".to_owned()
        }
        Verdict::None { reason: Reason::NotHeadline | Reason::Unmeasured } => "no verdict: nothing that decides was measured".to_owned(),
    }
}

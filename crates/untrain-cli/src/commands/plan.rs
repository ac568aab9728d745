//! `plan`: what shards and slices would cost and save.

use std::fmt::Write as _;
use std::path::PathBuf;

use untrain::{Plan, PlanEntry, PlanOptions, Scores};

use crate::app::{App, Outcome};
use crate::commands::train;
use crate::table::{count, counted, duration, factor, facts, render, table};

/// Tell what sharding a learner would cost and save, before training
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The dataset
    dataset: String,
    /// A file that holds the recipe: learner and seed, and hyperparameters under [params]
    #[arg(long, value_name = "FILE.toml", required_unless_present = "learner", conflicts_with_all = ["learner", "settings"])]
    recipe: Option<PathBuf>,
    /// The learner
    #[arg(long, value_name = "NAME", help = train::learners())]
    learner: Option<String>,
    /// A hyperparameter; may be given many times
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = train::setting)]
    settings: Vec<(String, String)>,
    /// The key of all randomness; 0 unless the recipe says otherwise
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many requests to forget are expected
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    requests: u64,
    /// Train every entry of the table, score it on the held-out records and time it; without, nothing of it is trained
    #[arg(long)]
    measure: bool,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let (recipe, _) = train::recipe(args.recipe.as_deref(), args.learner.as_deref(), &args.settings, args.seed)?;
    let engine = app.read()?;
    let options = PlanOptions { requests: args.requests, measure: args.measure };
    let plan = app.words.working(&format!("planning for {}", args.dataset), || engine.plan(&args.dataset, &recipe, &options))?;
    app.result(&plan, human)?;
    Ok(Outcome::Done)
}

fn human(plan: &Plan) -> String {
    let head =
        [("dataset", format!("{}, {} to train on", plan.dataset, counted(plan.records, "record"))), ("learner", plan.learner.clone())];
    let mut text = facts(head);
    if let Some(revision) = &plan.revision {
        let (forget, retrain) = (revision.forget_seconds, revision.retrain_seconds);
        let _ = writeln!(text, "{} forgets by revising its model: no shards are needed.", plan.learner);
        let _ = writeln!(
            text,
            "On {}, forgetting one takes {} and retraining {}: {}.",
            counted(revision.records, "record"),
            duration(forget),
            duration(retrain),
            factor(if forget > 0.0 { retrain / forget } else { 0.0 })
        );
        return text;
    }
    if !plan.is_sliced {
        let _ = writeln!(text, "{} does not train incrementally: slices would have no effect.", plan.learner);
    }
    text += &entries(plan);
    text += "training, one request: how many records they go over; with slices, every step goes over all slices so far\n";
    text += "shares are of that entry's training; `paper` is the share of one request with equal shards and slices\n";
    if let (Some(on), Some(single)) = (&plan.scored_on, &plan.single) {
        let _ = writeln!(text, "scores are on {on}; one model of all records has {}", score(single));
    } else {
        text += "scores: --measure trains every entry\n";
    }
    text
}

fn entries(plan: &Plan) -> String {
    let one_by_one = format!("{} one by one", count(plan.requests));
    let batch = format!("{} in a batch", count(plan.requests));
    let headings = [
        "shards",
        "slices",
        "a shard",
        "training",
        "one request",
        "share",
        "paper",
        &one_by_one,
        &batch,
        "models",
        "bytes",
        "score",
        "loss",
        "",
    ];
    let mut rows = table(headings);
    for entry in &plan.entries {
        let PlanEntry { n_shards, n_slices, smallest, largest, training, retrained, one_request, paper, models, state_bytes, .. } = entry;
        let percent = |share: f64| format!("{:.2} %", share * 100.0);
        let loss = entry.scores.as_ref().zip(plan.single.as_ref()).and_then(|(scores, single)| Some(number(single)? - number(scores)?));
        rows.add_row([
            n_shards.to_string(),
            n_slices.to_string(),
            format!("{}–{}", count(*smallest), count(*largest)),
            count(training.round() as u64),
            count(retrained.round() as u64),
            percent(*one_request),
            percent(*paper),
            percent(entry.one_by_one),
            percent(entry.batch),
            count(*models),
            count(*state_bytes),
            entry.scores.as_ref().map_or_else(|| "—".to_owned(), score),
            loss.map_or_else(|| "—".to_owned(), |loss| format!("{loss:.4}")),
            if entry.given { "the recipe".to_owned() } else { String::new() },
        ]);
    }
    render(rows, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
}

/// The score that is shown: more is better.
fn number(scores: &Scores) -> Option<f64> {
    scores.accuracy.or(scores.r2)
}

fn score(scores: &Scores) -> String {
    let name = if scores.accuracy.is_some() { "accuracy" } else { "r2" };
    number(scores).map_or_else(|| "—".to_owned(), |score| format!("{name} {score:.4}"))
}

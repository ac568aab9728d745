//! `demo`: the whole story on a real dataset, and a second act for networks.

mod networks;

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Context as _;
use serde::Serialize;
use untrain::import::{self, Roles};
use untrain::{
    Artefact, Dataset, Engine, ForgetOptions, Holdout, ImportOptions, ModelReport, Predictions, Recipe, Returning, Role, Scores,
    TrainOptions, Verification,
};

use crate::app::{App, Outcome};
use crate::failure::{Usage, argument};
use crate::table::{count, duration, factor, render, short, table};

/// Adult: 48,842 people of the census of 1994 (UCI, CC BY 4.0); `examples/data/ATTRIBUTION.md` tells more.
const ADULT: &[u8] = include_bytes!("../../../../examples/data/adult.csv.gz");
const DATASET: &str = "adult";
const MODEL: &str = "income";
const TARGET: &str = "income";
/// The class whose probability is told.
const CLASS: &str = ">50K";
/// How many people are forgotten.
const N_FORGOTTEN: usize = 100;

/// Import a real dataset, train, forget 100 people, and prove it
///
/// The dataset ships with the program: 48,842 people of the census of 1994, and whether they earn more than 50,000 dollars.
/// The store stays, with the dataset `adult` and the model `income`; running the demo again replaces them.
///
/// `demo networks` tells it of networks, on 1,797 images of handwritten digits: exact forgetting by shards and slices, and methods that
/// promise less, compared with training anew on a page.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which act
    #[arg(value_enum, default_value = "forest", value_name = "ACT")]
    act: Act,
}

/// An act of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Act {
    /// A forest on Adult
    Forest,
    /// Networks on images
    Networks,
}

/// The story in numbers.
#[derive(Debug, Serialize)]
struct Report {
    store: String,
    person: Person,
    forgotten: u64,
    before: Side,
    after: Side,
    verification: Verification,
    /// One more person, forgotten alone.
    single: Single,
}

/// One of the people who are forgotten.
#[derive(Debug, Serialize)]
struct Person {
    id: String,
    record: Vec<(String, String)>,
}

/// The model before or after the request.
#[derive(Debug, Serialize)]
struct Side {
    #[serde(flatten)]
    model: ModelReport,
    #[serde(flatten)]
    scores: Scores,
    /// The probability that the model gives the person to earn more than 50,000 dollars.
    person: f64,
}

/// The request of one person.
#[derive(Debug, Serialize)]
struct Single {
    id: String,
    equal: bool,
    seconds: f64,
    total_seconds: f64,
    retrain_seconds: f64,
    speedup: f64,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    if args.act == Act::Networks {
        return networks::run(app);
    }
    let mut engine = app.write()?;
    require_own(&engine, DATASET, &[MODEL])?;
    app.words.say("Importing 48,842 people of the census of 1994 …");
    let data = app.words.working("importing", || import(&mut engine))?;
    app.words.say("Training a forest of 100 trees on 32,561 of them …");
    let recipe = Recipe::new("forest", &[("subsample".to_owned(), "0.1".to_owned())], Some(0)).map_err(untrain::Error::from)?;
    let trained = app
        .words
        .working("training", || engine.train(DATASET, MODEL, &recipe, TrainOptions { replace: true, ..TrainOptions::default() }))?;
    let people = people(&data.training());
    let Some((single, people)) = people.split_last() else { return Err(Usage::new("the demo has nobody to forget").into()) };
    let (person, alone) = surprising(engine.artefact(MODEL)?.as_ref(), &data, people)?;
    let before = side(&engine, trained, &alone)?;

    app.words.say(&format!("Forgetting {N_FORGOTTEN} people, number {} among them …", person.id));
    let forget = |engine: &mut Engine, ids: &[String]| {
        let report = app.words.working("forgetting", || engine.forget(DATASET, ids, &ForgetOptions::default()))?;
        report.models.into_iter().find(|model| model.model == MODEL).context("the model was not told to forget")
    };
    let forgotten = forget(&mut engine, people)?;
    let after = side(&engine, forgotten, &alone)?;
    app.words.say("Retraining without them, to compare …");
    let verification = app.words.working("retraining", || engine.verify(MODEL))?;

    app.words.say("Forgetting one more, alone, and retraining again …");
    let one = forget(&mut engine, std::slice::from_ref(single))?;
    let again = app.words.working("retraining", || engine.verify(MODEL))?;
    let single = Single {
        id: single.clone(),
        equal: again.equal,
        seconds: one.seconds,
        total_seconds: one.total_seconds,
        retrain_seconds: again.retrain_seconds,
        speedup: again.retrain_seconds / one.seconds,
    };
    let forgotten = people.len() as u64;
    let report = Report { store: app.store.display().to_string(), person, forgotten, before, after, verification, single };
    app.result(&report, human)?;
    Ok(if report.verification.equal && report.single.equal { Outcome::Done } else { Outcome::No })
}

/// Refuses to replace a dataset or a model of the user's that only happens to have the demo's names.
fn require_own(engine: &Engine, dataset: &str, models: &[&str]) -> anyhow::Result<()> {
    for line in engine.list()?.datasets {
        let stranger = line.models.iter().find(|model| models.contains(&model.model.as_str()) != (line.dataset == dataset));
        if let Some(model) = stranger {
            let message = format!("the store has a model \"{}\" of \"{}\" that the demo would replace", model.model, line.dataset);
            return Err(Usage::with_hint(message, "run the demo in a store of its own: --store DIR").into());
        }
    }
    Ok(())
}

fn import(engine: &mut Engine) -> anyhow::Result<Dataset> {
    let mut file = tempfile::Builder::new().suffix(".csv.gz").tempfile().context("cannot make a temporary file")?;
    file.write_all(ADULT).with_context(|| format!("cannot write {}", file.path().display()))?;
    let roles = Roles {
        id: Some("id".to_owned()),
        target: Some(TARGET.to_owned()),
        missing: vec!["?".to_owned()],
        holdout: Some(Holdout::Value { column: "split".to_owned(), value: "test".to_owned() }),
        ..Roles::default()
    };
    let data = import::dataset(file.path(), &roles).map_err(untrain::Error::from)?;
    engine.import(DATASET, &data, &roles, ImportOptions { replace: true, returning: Returning::Accepted })?;
    Ok(data)
}

/// The ids of the people who ask to be forgotten, spread evenly, and of one more.
fn people(training: &Dataset) -> Vec<String> {
    let n = N_FORGOTTEN + 1;
    (0..n).map(|i| training.id(i * training.len() / n).to_owned()).collect()
}

/// Of the people who earn more than 50,000 dollars, the one of whom the model is least sure, with the record alone.
fn surprising(artefact: &dyn Artefact, data: &Dataset, people: &[String]) -> anyhow::Result<(Person, Dataset)> {
    let chosen = data.select(people).map_err(untrain::Error::from)?;
    let target = chosen.schema().position(TARGET).map_err(untrain::Error::from)?;
    let p = probabilities(artefact, &chosen)?;
    let earners = (0..chosen.len()).filter(|i| chosen.values(target).text(*i).as_deref() == Some(CLASS));
    let i = earners.min_by(|a, b| (p[*a] - 0.5).abs().total_cmp(&(p[*b] - 0.5).abs())).context("nobody earns that much")?;
    let alone = chosen.select(&[chosen.id(i).to_owned()]).map_err(untrain::Error::from)?;
    let columns = alone.schema().columns.iter().enumerate().filter(|(_, column)| matches!(column.role, Role::Feature | Role::Target));
    let record = columns.map(|(place, column)| (column.name.clone(), alone.values(place).text(0).unwrap_or_else(|| "?".to_owned())));
    Ok((Person { id: chosen.id(i).to_owned(), record: record.collect() }, alone))
}

/// The probability of the class for each record.
fn probabilities(artefact: &dyn Artefact, data: &Dataset) -> anyhow::Result<Vec<f64>> {
    let Predictions::Classes { classes, probabilities, .. } = artefact.predict(data).map_err(untrain::Error::from)? else {
        return Ok(vec![0.0; data.len()]);
    };
    let class = classes.iter().position(|class| class == CLASS).context("the model does not know the class")?;
    Ok(probabilities.chunks(classes.len()).map(|row| row[class]).collect())
}

fn side(engine: &Engine, model: ModelReport, person: &Dataset) -> anyhow::Result<Side> {
    let scores = engine.evaluate(MODEL, None)?.scores;
    let person = probabilities(engine.artefact(MODEL)?.as_ref(), person)?.first().copied().unwrap_or_default();
    Ok(Side { model, scores, person })
}

fn human(report: &Report) -> String {
    let Report { store, person, forgotten, before, after, verification, single } = report;
    let record: Vec<String> = person.record.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let mut text = format!("\nPerson {}, one of the {forgotten} who asked to be forgotten:\n", person.id);
    for line in record.chunks(5) {
        let _ = writeln!(text, "  {}", line.join(" · "));
    }
    let mut sides = table(["", "before", "after", "retrained without them"]);
    sides.add_row(["people in the model", &count(before.model.records), &count(after.model.records), &count(verification.records)]);
    let score = |score: Option<f64>| score.map_or_else(String::new, |score| format!("{score:.4}"));
    sides.add_row(["accuracy, 16,281 held out", &score(before.scores.accuracy), &score(after.scores.accuracy), ""]);
    sides.add_row(["AUC", &score(before.scores.auc), &score(after.scores.auc), ""]);
    sides.add_row([&format!("p({CLASS}) of person {}", person.id), &score(Some(before.person)), &score(Some(after.person)), ""]);
    let digest = |digest: &untrain::Digest| short(&digest.to_string());
    let model = (&before.model, &after.model);
    sides.add_row(["model, SHA-256", &digest(&model.0.digest), &digest(&model.1.digest), &digest(&verification.retrained_digest)]);
    let retrained = digest(&verification.retrained_state_digest);
    sides.add_row(["training state, SHA-256", &digest(&model.0.state_digest), &digest(&model.1.state_digest), &retrained]);
    let seconds = [before.model.seconds, after.model.seconds, verification.retrain_seconds].map(duration);
    sides.add_row(["time", &format!("{} to train", seconds[0]), &format!("{} to forget", seconds[1]), &format!("{} to train", seconds[2])]);
    text += &render(sides, &[1, 2, 3]);
    let verdict = if verification.equal && single.equal {
        "Equal, byte for byte: the model is the one that never saw them.\n"
    } else {
        "NOT EQUAL: the model is not the one that never saw them. This is a bug; please report it.\n"
    };
    text += verdict;
    let _ = writeln!(
        text,
        "One person alone (number {}): {} to forget, {} with the store made durable, {} to retrain: {} as fast.",
        single.id,
        duration(single.seconds),
        duration(single.total_seconds),
        duration(single.retrain_seconds),
        factor(single.speedup)
    );
    text + "\n" + &next(store)
}

/// What to try next.
fn next(store: &str) -> String {
    let at = if store == "untrain-store" { String::new() } else { format!(" --store {}", argument(store)) };
    let lines = [
        format!("show {MODEL}"),
        format!("forget {DATASET} --where \"age < 18 and workclass = 'Private'\" --dry-run"),
        format!("forget {DATASET} --where \"age < 18 and workclass = 'Private'\""),
        format!("verify {MODEL}"),
        "import people.csv --as people --id id --target income".to_owned(),
    ];
    lines.iter().fold("What to try next:\n".to_owned(), |text, line| text + &format!("  untrain{at} {line}\n"))
}

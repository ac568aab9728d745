//! The second act: networks, which forget exactly by shards, and approximately by methods that are measured.

use std::fmt::Write as _;
use std::fs;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use untrain::import::{self, Roles};
use untrain::{
    AuditOptions, CompareOptions, Comparison, Dataset, Engine, ForgetOptions, Holdout, ImportOptions, ModelReport, Recipe, Returning,
    RowKind, TrainOptions, Verification,
};

use crate::app::{App, Outcome};
use crate::failure::argument;
use crate::output::write_file;
use crate::table::{count, duration, factor, render, short, table};

/// Digits: 1,797 images of handwritten digits (scikit-learn, BSD); `examples/data/ATTRIBUTION.md` tells more.
const IMAGES: &[u8] = include_bytes!("../../../../../examples/data/digits-images-idx3-ubyte.gz");
const LABELS: &[u8] = include_bytes!("../../../../../examples/data/digits-labels-idx1-ubyte.gz");

const DATASET: &str = "digits";
/// A network whose shards forget exactly, and one that is a whole.
const SHARDED: &str = "digits-sisa";
const WHOLE: &str = "digits-network";
const METHODS: [&str; 3] = ["fine_tune", "neggrad_plus", "scrub"];
/// How many images are forgotten at a time.
const N_FORGOTTEN: usize = 20;
const PAGE: &str = "untrain-networks.html";

/// The story in numbers.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    store: String,
    sharded: ModelReport,
    whole: ModelReport,
    accuracy: [Option<f64>; 2],
    one: ModelReport,
    one_verified: Verification,
    several: ModelReport,
    several_verified: Verification,
    approximate: Vec<Approximate>,
    comparison: Comparison,
    page: PathBuf,
}

/// A request that the whole network answered by a method.
#[derive(Debug, Serialize)]
struct Approximate {
    method: String,
    model: ModelReport,
    accuracy: Option<f64>,
    /// Whether its bytes are those of a retraining.
    equal: bool,
}

pub(super) fn run(app: &App) -> anyhow::Result<Outcome> {
    let mut engine = app.write()?;
    super::require_own(&engine, DATASET, &[SHARDED, WHOLE])?;
    app.words.say("Importing 1,797 images of handwritten digits …");
    let data = import(&mut engine)?;
    let ids: Vec<String> = data.training().ids().iter().flatten().map(str::to_owned).collect();
    let asked = |place: usize| ids[place * N_FORGOTTEN..(place + 1) * N_FORGOTTEN].to_vec();
    app.words.say("Training a network in 8 shards of 4 slices, and the same network whole …");
    let train = |engine: &mut Engine, model: &str, recipe: &Recipe| {
        app.words.working("training", || engine.train(DATASET, model, recipe, TrainOptions { replace: true, ..TrainOptions::default() }))
    };
    let (sharded, whole) = (train(&mut engine, SHARDED, &sharded()?)?, train(&mut engine, WHOLE, &network()?)?);
    let accuracy = [SHARDED, WHOLE].map(|model| engine.evaluate(model, None).map(|found| found.scores.accuracy));
    let [first, second] = accuracy;
    let accuracy = [first?, second?];

    app.words.say("Forgetting one image, and then twenty, exactly: the shards that knew them go back to their last clean checkpoint …");
    let exactly = |engine: &mut Engine, ids: &[String]| -> anyhow::Result<(ModelReport, Verification)> {
        let report = app.words.working("forgetting", || engine.forget(DATASET, ids, &ForgetOptions::default()))?;
        let model = report.models.into_iter().find(|model| model.model == SHARDED).context("the model was not told to forget")?;
        Ok((model, app.words.working("retraining", || engine.verify(SHARDED))?))
    };
    let (one, one_verified) = exactly(&mut engine, &ids[ids.len() - 1..])?;
    let (several, several_verified) = exactly(&mut engine, &asked(0))?;

    let mut approximate = Vec::new();
    for (place, method) in METHODS.into_iter().enumerate() {
        app.words.say(&format!("Forgetting twenty more; the whole network by {method} …"));
        let options = ForgetOptions { method: Some((method.to_owned(), serde_json::Map::new())), ..ForgetOptions::default() };
        let report = app.words.working("forgetting", || engine.forget(DATASET, &asked(place + 1), &options))?;
        let model = report.models.into_iter().find(|model| model.model == WHOLE).context("the model was not told to forget")?;
        let accuracy = engine.evaluate(WHOLE, None)?.scores.accuracy;
        approximate.push(Approximate { method: method.to_owned(), model, accuracy, equal: engine.verify(WHOLE)?.equal });
    }

    app.words.say("Comparing every method with training anew, in many worlds …");
    let options = CompareOptions {
        audit: AuditOptions { n_points: 60, n_canaries: 30, budget: Duration::from_secs(90), ..AuditOptions::default() },
        methods: Vec::new(),
        goal: None,
        search: false,
    };
    let bar = app.words.bar("comparing");
    let comparison = engine.compare(WHOLE, &options, &|at| bar.at(at.done as u64, at.planned as u64, 0));
    bar.clear();
    let comparison = comparison?;
    let page = PathBuf::from(PAGE);
    write_file(&page, comparison.page().as_bytes())?;
    let store = app.store.display().to_string();
    let exact = one_verified.equal && several_verified.equal;
    let report = Report { store, sharded, whole, accuracy, one, one_verified, several, several_verified, approximate, comparison, page };
    app.result(&report, human)?;
    if std::io::stdout().is_terminal() && open::that(&report.page).is_err() {
        app.words.say(&format!("no browser could be opened; the page is {}", report.page.display()));
    }
    Ok(if exact { Outcome::Done } else { Outcome::No })
}

fn network() -> anyhow::Result<Recipe> {
    let settings = [("hidden", "[64]"), ("n_epochs", "40")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    Ok(Recipe::new("mlp", &settings, Some(0)).map_err(untrain::Error::from)?)
}

fn sharded() -> anyhow::Result<Recipe> {
    let settings = [("base", "mlp"), ("n_shards", "8"), ("n_slices", "4"), ("base_params.hidden", "[64]"), ("base_params.n_epochs", "20")];
    let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Ok(Recipe::new("sisa", &settings, Some(0)).map_err(untrain::Error::from)?)
}

fn import(engine: &mut Engine) -> anyhow::Result<Dataset> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let write = |name: &str, bytes: &[u8]| -> anyhow::Result<PathBuf> {
        let path = folder.path().join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    };
    let images = write("digits-images-idx3-ubyte.gz", IMAGES)?;
    write("digits-labels-idx1-ubyte.gz", LABELS)?;
    let roles = Roles { holdout: Some(Holdout::Fraction(0.25)), ..Roles::default() };
    let data = import::dataset(&images, &roles).map_err(untrain::Error::from)?;
    engine.import(DATASET, &data, &roles, ImportOptions { replace: true, returning: Returning::Accepted })?;
    Ok(data)
}

fn human(report: &Report) -> String {
    let Report { store, sharded, whole, accuracy, one, one_verified, several, several_verified, approximate, comparison, page } = report;
    let score = |score: Option<f64>| score.map_or_else(String::new, |score| format!("{:.1} %", 100.0 * score));
    let digest = |digest: &untrain::Digest| short(&digest.to_string());
    let mut text = "\nExactly, by shards and slices:\n".to_owned();
    let mut exact = table(["", "trained", "one image forgotten", "twenty more"]);
    exact.add_row(["images in the model", &count(sharded.records), &count(one.records), &count(several.records)]);
    exact.add_row(["model, SHA-256", &digest(&sharded.digest), &digest(&one.digest), &digest(&several.digest)]);
    exact.add_row(["retrained without them", "", &digest(&one_verified.retrained_digest), &digest(&several_verified.retrained_digest)]);
    let faster = |verified: &Verification, model: &ModelReport| factor(verified.retrain_seconds / model.seconds.max(1e-9));
    exact.add_row(["time", &duration(sharded.seconds), &duration(one.seconds), &duration(several.seconds)]);
    exact.add_row(["as fast as retraining", "", &faster(one_verified, one), &faster(several_verified, several)]);
    text += &render(exact, &[1, 2, 3]);
    text += if one_verified.equal && several_verified.equal {
        "Equal, byte for byte: the model is the one that never saw them.\n"
    } else {
        "NOT EQUAL: the model is not the one that never saw them. This is a bug; please report it.\n"
    };
    let _ = writeln!(text, "Accuracy on images never seen: {} in shards, {} whole.\n", score(accuracy[0]), score(accuracy[1]));
    text += "Approximately, by methods; the whole network took ";
    let _ = writeln!(text, "{} to train:", duration(whole.seconds));
    let mut methods = table(["method", "time", "accuracy", "bytes of a retrain", "promise"]);
    for Approximate { method, model, accuracy, equal } in approximate {
        let equal = if *equal { "yes" } else { "no" };
        methods.add_row([method.as_str(), &duration(model.seconds), &score(*accuracy), equal, "none: only what is measured"]);
    }
    text += &render(methods, &[1, 2]);
    let methods = comparison.rows.iter().filter(|row| row.kind == RowKind::Method);
    let worse = methods.clone().filter(|row| row.over_scratch.as_ref().is_some_and(untrain::OverScratch::forgets_worse)).count();
    let _ = writeln!(
        text,
        "\nIn {} worlds {worse} of {} methods gave away more of who was forgotten than a network trained anew for as many steps.\nThe page: {}",
        count(comparison.worlds),
        methods.count(),
        page.display()
    );
    let at = if store == "untrain-store" { String::new() } else { format!(" --store {}", argument(store)) };
    let _ =
        writeln!(text, "\nWhat to try next:\n  untrain{at} compare {WHOLE} --methods fine_tune,scrub,salun --budget 5m --out methods.html");
    let _ = writeln!(text, "  untrain{at} forget {DATASET} --id 17\n  untrain{at} verify {SHARDED}");
    text
}

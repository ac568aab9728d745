//! `demo`: the whole story on a real dataset.

use std::io::Write as _;

use anyhow::Context as _;
use serde::Serialize;
use untrain::import::{self, Roles};
use untrain::{Artefact, Dataset, Engine, ForgetOptions, Holdout, ModelReport, Predictions, Recipe, Role, Verification};

use crate::app::{App, Outcome};
use crate::table::{count, duration, facts, factor, render, short, table};

/// Adult: 48,842 people of the census of 1994 (UCI, CC BY 4.0); `examples/data/ATTRIBUTION.md` tells more.
const ADULT: &[u8] = include_bytes!("../../../../examples/data/adult.csv.gz");
const DATASET: &str = "adult";
const MODEL: &str = "income";
/// The class whose probability is told.
const CLASS: &str = ">50K";
/// How many people are forgotten.
const N_FORGOTTEN: usize = 100;

/// Import a real dataset, train, forget 100 people, and prove it
///
/// The dataset ships with the program: 48,842 people of the census of 1994, and whether they earn more than 50,000 dollars.
/// The store stays, with the dataset `adult` and the model `income`; running the demo again replaces them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// The story in numbers.
#[derive(Debug, Serialize)]
struct Report {
    store: String,
    dataset: &'static str,
    model: &'static str,
    person: Person,
    forgotten: u64,
    before: Side,
    after: Side,
    /// One more person, forgotten alone.
    one: One,
    verification: Verification,
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
    accuracy: f64,
    auc: f64,
    /// What the model says of the person: the probability of the class.
    person: f64,
}

/// The request of one person.
#[derive(Debug, Serialize)]
struct One {
    id: String,
    seconds: f64,
    total_seconds: f64,
    speedup: f64,
}

pub(crate) fn run(_: &Args, app: &App) -> anyhow::Result<Outcome> {
    let mut engine = app.write()?;
    let data = import(app, &mut engine)?;
    let recipe = Recipe::new("forest", &[("subsample".to_owned(), "0.1".to_owned())], Some(0)).map_err(untrain::Error::from)?;
    app.words.say("Training a forest of 100 trees …");
    let trained = app.words.working("training", || engine.train(DATASET, MODEL, &recipe, false))?;
    let people = people(&data);
    let person = surprising(&engine.artefact(MODEL)?, &data, &people)?;
    let alone = data.select(std::slice::from_ref(&person)).map_err(untrain::Error::from)?;
    let before = side(&engine, trained, &alone)?;

    app.words.say(&format!("Forgetting {N_FORGOTTEN} people, person {person} among them …"));
    let first: Vec<String> = people.into_iter().take(N_FORGOTTEN).collect();
    Ok(Outcome::Done)
}

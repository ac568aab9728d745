//! `train`: a model from the records of a dataset.

use std::path::{Path, PathBuf};

use untrain::{LEARNERS, Recipe, TrainOptions};

use crate::app::{App, Outcome};
use crate::commands::show;
use crate::failure::Usage;

/// Train a model on a dataset
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The dataset
    dataset: String,
    /// What to call the model
    #[arg(long = "as", value_name = "MODEL")]
    model: String,
    /// A file that holds the recipe: learner and seed, and hyperparameters under [params]
    #[arg(long, value_name = "FILE.toml", required_unless_present = "learner", conflicts_with_all = ["learner", "settings"])]
    recipe: Option<PathBuf>,
    /// The learner
    #[arg(long, value_name = "NAME", help = learners())]
    learner: Option<String>,
    /// A hyperparameter; may be given many times
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// The key of all randomness; without it and without one in the recipe file, it follows from what the store's log is now, and
    /// is not picked by anybody
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Take the place of a model of the same name
    #[arg(long)]
    replace: bool,
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    let (recipe, has_seed) = recipe(args.recipe.as_deref(), args.learner.as_deref(), &args.settings, args.seed)?;
    let options = TrainOptions { replace: args.replace, seed_of_log: !has_seed };
    let mut engine = app.write()?;
    let what = format!("training {}", args.model);
    let report = app.words.working(&what, || engine.train(&args.dataset, &args.model, &recipe, options))?;
    app.result(&report, show::model)?;
    Ok(Outcome::Done)
}

/// The help of `--learner`.
pub(crate) fn learners() -> String {
    let names: Vec<&str> = LEARNERS.iter().map(|entry| entry.name).collect();
    format!("The learner: {}", names.join(", "))
}

/// The recipe of a file, or of a learner with settings, and whether somebody chose its seed.
pub(crate) fn recipe(
    file: Option<&Path>,
    learner: Option<&str>,
    settings: &[(String, String)],
    seed: Option<u64>,
) -> anyhow::Result<(Recipe, bool)> {
    let Some(path) = file else {
        let recipe = Recipe::new(learner.unwrap_or_default(), settings, seed).map_err(untrain::Error::from)?;
        return Ok((recipe, seed.is_some()));
    };
    let text = std::fs::read_to_string(path).map_err(|error| Usage::new(format!("cannot read {}: {error}", path.display())))?;
    let recipe = Recipe::from_toml(&text).map_err(untrain::Error::from);
    let mut recipe = recipe.map_err(|error| anyhow::Error::new(error).context(format!("{} is not a recipe", path.display())))?;
    if let Some(seed) = seed {
        recipe.seed = seed;
    }
    Ok((recipe, seed.is_some() || Recipe::has_seed(&text)))
}

/// Parses `KEY=VALUE`.
pub(crate) fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("a setting is KEY=VALUE, as in n_trees=50".to_owned()),
    }
}

/// Settings as JSON has them.
pub(crate) fn values(settings: &[(String, String)]) -> serde_json::Map<String, serde_json::Value> {
    let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::String(text.to_owned()));
    settings.iter().map(|(key, text)| (key.clone(), value(text))).collect()
}

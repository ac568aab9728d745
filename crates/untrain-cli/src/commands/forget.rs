//! `forget`: records leave a dataset and every model that was trained on it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use untrain::clock::{self, Regime};
use untrain::{Engine, ForgetOptions, select};

use crate::app::{App, Outcome};
use crate::commands::train::{setting, values};
use crate::commands::{receipt, show};
use crate::failure::Usage;

/// Forget records: in the dataset and in every model trained on it
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
#[command(group = clap::ArgGroup::new("selection").required(true).multiple(true))]
pub(crate) struct Args {
    /// The dataset
    dataset: String,
    /// Carry out what was registered with --defer, all at once
    #[arg(long, group = "selection", conflicts_with_all = ["ids", "file", "subjects", "condition", "request", "received", "hold", "defer"])]
    deferred: bool,
    /// The id of a record; may be given many times
    #[arg(long = "id", value_name = "ID", group = "selection", allow_hyphen_values = true)]
    ids: Vec<String>,
    /// A file of ids, one a line; - is standard input
    #[arg(long = "ids", value_name = "FILE", group = "selection")]
    file: Option<PathBuf>,
    /// A person, with all records; may be given many times
    #[arg(long = "subject", value_name = "S", group = "selection", allow_hyphen_values = true)]
    subjects: Vec<String>,
    /// A condition on the columns, as in "age < 18 and country = 'FR'"
    #[arg(long = "where", value_name = "EXPR", group = "selection")]
    condition: Option<String>,
    /// A model that has to forget; all of the dataset's models have to, so naming fewer is refused
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<String>,
    /// How to forget: exact, or for networks a method of unlearning that promises less (see `untrain compare`)
    #[arg(long, value_name = "NAME", default_value = "exact", conflicts_with_all = ["deferred", "defer"])]
    method: String,
    /// A hyperparameter of the method; may be given many times
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// Tell what would be forgotten, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Pass over ids that the dataset does not have
    #[arg(long)]
    ignore_unknown: bool,
    /// What to call the request: asked again by the same name, it is answered as it was
    #[arg(long, value_name = "NAME")]
    request: Option<String>,
    /// The law whose clocks run
    #[arg(long, value_enum, default_value = "none", value_name = "LAW")]
    regime: Law,
    /// When the request arrived, as a day or a moment: 2026-11-24, 2026-11-24T09:30:00Z; now if not given
    #[arg(long, value_name = "WHEN")]
    received: Option<String>,
    /// Register the request, and carry it out later with --deferred
    #[arg(long, conflicts_with = "dry_run")]
    defer: bool,
    /// A legal hold: the models forget, and the records are kept until `untrain release`
    #[arg(long, value_name = "REASON")]
    hold: Option<String>,
    /// Write the receipt, with what shows the requester whose records it is about: later that is erased
    #[arg(long, value_name = "FILE.zip", conflicts_with_all = ["defer", "dry_run"])]
    receipt: Option<PathBuf>,
    /// Retrain every model and compare before anything is published
    #[arg(long)]
    verify: bool,
}

/// A law that gives requests a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Law {
    /// No clock runs
    None,
    /// GDPR: one month to answer, two more with notice
    Gdpr,
    /// CCPA: ten business days to confirm, 45 days to answer, 45 more with notice
    Ccpa,
}

impl Law {
    fn regime(self) -> Regime {
        match self {
            Self::None => Regime::None,
            Self::Gdpr => Regime::Gdpr,
            Self::Ccpa => Regime::Ccpa,
        }
    }
}

pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<Outcome> {
    if args.method != "exact" && args.verify {
        let message = format!("--verify compares with a retraining, and {} does not give its bytes", args.method);
        return Err(Usage::with_hint(message, "leave --verify out; `untrain compare` measures what a method is worth").into());
    }
    if args.method == "exact" && !args.settings.is_empty() {
        return Err(Usage::with_hint("forgetting exactly has no hyperparameters to set", "name a --method").into());
    }
    let mut engine = if args.dry_run { app.read()? } else { app.write()? };
    let what = format!("forgetting in {}", args.dataset);
    let report = if args.deferred {
        app.words.working(&what, || engine.forget_deferred(&args.dataset, args.verify))?
    } else {
        let ids = selected(args, &mut engine)?;
        let options = args.options()?;
        app.words.working(&what, || engine.forget(&args.dataset, &ids, &options))?
    };
    show::tell_unfinished(app, &report);
    if let (Some(out), Some(number)) = (&args.receipt, report.request) {
        match receipt::write(&engine, number, out) {
            Ok(files) => app.words.say(&format!("wrote {}", files.join(", "))),
            Err(error) => app.words.warn(&format!("the receipt was not written ({error:#}); `untrain receipt {number}` writes it later")),
        }
    }
    app.result(&report, show::request)?;
    Ok(Outcome::Done)
}

impl Args {
    fn options(&self) -> anyhow::Result<ForgetOptions> {
        Ok(ForgetOptions {
            subjects: self.subjects.clone(),
            ignore_unknown: self.ignore_unknown,
            dry_run: self.dry_run,
            models: self.models.clone(),
            key: self.request.clone(),
            regime: self.regime.regime(),
            received_ms: self.received.as_deref().map(clock::moment).transpose()?,
            defer: self.defer,
            hold: self.hold.clone(),
            verify: self.verify,
            method: (self.method != "exact").then(|| (self.method.clone(), values(&self.settings))),
        })
    }
}

/// The union of what the selectors of records say, each record once.
fn selected(args: &Args, engine: &mut Engine) -> anyhow::Result<Vec<String>> {
    let mut ids: BTreeSet<String> = args.ids.iter().cloned().collect();
    if let Some(file) = &args.file {
        ids.extend(select::ids_file(file).map_err(untrain::Error::from)?);
    }
    if let Some(condition) = &args.condition {
        ids.extend(engine.select(&args.dataset, condition)?);
    }
    Ok(ids.into_iter().collect())
}

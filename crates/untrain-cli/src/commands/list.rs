//! `list`: the datasets of a store and their models.

use untrain::Listing;

use crate::app::{App, Outcome};
use crate::table::{count, counted, render, short, table};

/// List the datasets and their models
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, app: &App) -> anyhow::Result<Outcome> {
    app.result(&app.read()?.list()?, human)?;
    Ok(Outcome::Done)
}

fn human(listing: &Listing) -> String {
    let mut lines = table(["dataset", "model", "version", "records", "digest"]);
    for dataset in &listing.datasets {
        lines.add_row([&dataset.dataset, "", &dataset.version.to_string(), &count(dataset.records), ""]);
        for model in &dataset.models {
            let digest = short(&model.digest.to_string());
            lines.add_row(["", &model.model, &model.version.to_string(), &count(model.records), &digest]);
        }
    }
    render(lines, &[2, 3]) + &format!("{} carried out in {}\n", counted(listing.requests, "request"), listing.store)
}

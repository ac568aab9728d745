//! What does each learner cost to train and to correct, beside its own retraining, on the same records?

use anyhow::Result;
use serde::Serialize;
use untrain::{LEARNERS, Recipe, Scores};
use untrain_core::{AnyModel, Forget as _, Learner as _, Model as _, Task};

use super::Plan;
use super::markdown::Table;
use super::measure::{Corrected, Split, drawn, equal, scores, timed};
use crate::table::{count, duration, factor};

/// These need tables of another kind: interactions, and texts.
const OTHER_DATA: [&str; 2] = ["recommend", "text"];

/// How often training is timed.
const N_TRAININGS: usize = 3;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    exact: bool,
    tables: Vec<Costs>,
}

#[derive(Debug, Serialize)]
struct Costs {
    data: String,
    records: usize,
    learners: Vec<Cost>,
}

/// Times are in seconds.
#[derive(Debug, Serialize)]
struct Cost {
    learner: &'static str,
    settings: &'static str,
    train_seconds: f64,
    deletions: usize,
    forget_mean_seconds: f64,
    forget_median_seconds: f64,
    /// Retraining over the mean of a deletion.
    ratio: f64,
    /// 1 % of the records in one request.
    batch_seconds: f64,
    state_bytes_a_record: f64,
    artefact_bytes: usize,
    scores: Scores,
    /// Whether state and artefact equal those of a retrain at the end.
    equal: bool,
}

/// Measures every learner of the list on tables of classes.
pub(super) fn run(plan: &Plan<'_>, tables: &[Split]) -> Result<Report> {
    let mut report = Report { exact: true, tables: Vec::new() };
    for data in tables {
        let mut costs = Costs { data: data.name.clone(), records: data.train.len(), learners: Vec::new() };
        for entry in LEARNERS.iter().filter(|entry| !OTHER_DATA.contains(&entry.name)) {
            if !entry.tasks.is_empty() && !entry.tasks.contains(&Task::Classification) {
                continue;
            }
            plan.say(&format!("{} on {}", entry.name, data.name));
            let cost = cost(entry.name, settings(entry.name), data, plan)?;
            report.exact &= cost.equal;
            costs.learners.push(cost);
        }
        report.tables.push(costs);
    }
    Ok(report)
}

/// Settings that are not the defaults.
fn settings(learner: &str) -> &'static str {
    match learner {
        "forest" => "subsample=0.1",
        "sisa" => "base=sgd n_shards=16 n_slices=1",
        "glm" => "loss=squared_hinge",
        _ => "",
    }
}

fn cost(name: &'static str, settings: &'static str, data: &Split, plan: &Plan<'_>) -> Result<Cost> {
    let pairs: Vec<(String, String)> = settings
        .split_whitespace()
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let learner = Recipe::new(name, &pairs, Some(0))?.resolve(&data.train)?.learner()?;
    let ids = drawn(&data.train, 0);
    let (single, rest) = ids.split_at(plan.deletions.min(ids.len() / 4));
    let single: Vec<&[String]> = single.chunks(1).collect();
    let ask = |model: &AnyModel| {
        let scores = match data.test.schema().target() {
            Some(_) => scores(&model.predict(&data.test)?, &data.test)?,
            None => Scores::default(),
        };
        Ok((scores, model.artefact().len(), model.state().len()))
    };
    let done = Corrected::of(&learner, &data.train, N_TRAININGS, &single, ask)?;
    let (scores, artefact_bytes, state_bytes) = done.trained;
    let (mut model, batch) = (done.model, &rest[..data.train.len() / 100]);
    let retained = done.retained.without(batch)?;
    let (batch_seconds, _) = timed(|| learner.forget(&mut model, batch, &retained))?;
    let equal = done.equal && equal(&learner.fit(&retained)?, &model);
    Ok(Cost {
        learner: name,
        settings,
        train_seconds: done.train,
        deletions: done.requests,
        forget_mean_seconds: done.forget.mean,
        forget_median_seconds: done.forget.median,
        ratio: done.train / done.forget.mean,
        batch_seconds,
        state_bytes_a_record: state_bytes as f64 / data.train.len() as f64,
        artefact_bytes,
        scores,
        equal,
    })
}

impl Report {
    pub(super) fn is_exact(&self) -> bool {
        self.exact
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = String::new();
        for Costs { data, records, learners } in &self.tables {
            let titles = [
                "learner",
                "train",
                "forget one, mean",
                "median",
                "retrain / forget",
                "forget 1 % at once",
                "state, bytes a record",
                "artefact, bytes",
                "accuracy",
                "log loss",
                "bytes equal",
            ];
            let mut table = Table::new(titles.map(str::to_owned));
            for cost in learners {
                let score = |score: Option<f64>| score.map_or_else(|| "–".to_owned(), |score| format!("{score:.4}"));
                table.row([
                    if cost.settings.is_empty() { cost.learner.to_owned() } else { format!("{}, {}", cost.learner, cost.settings) },
                    duration(cost.train_seconds),
                    duration(cost.forget_mean_seconds),
                    duration(cost.forget_median_seconds),
                    factor(cost.ratio),
                    duration(cost.batch_seconds),
                    format!("{:.0}", cost.state_bytes_a_record),
                    count(cost.artefact_bytes as u64),
                    score(cost.scores.accuracy),
                    score(cost.scores.log_loss),
                    if cost.equal { "yes".to_owned() } else { "**no**".to_owned() },
                ]);
            }
            text.extend([&format!("{data}, {} records:\n\n", count(*records as u64)), &table.text(), "\n"]);
        }
        text
    }
}

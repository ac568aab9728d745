//! How much faster does a recommender forget a user than it is fitted anew, and how good are its lists?
//!
//! The interactions are generated, not real: 943 users, 1,682 items with a power law of popularity, and latent taste clusters.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use untrain::Scores;
use untrain_core::{Artefact as _, Choices, Dataset, Holdout, Predictions, Role, Seed, unit};
use untrain_exact::{Recommend, RecommendMethod, RecommendModel, RecommendParams};

use super::Plan;
use super::generated::Generated;
use super::markdown::Table;
use super::measure::{Corrected, Split};
use super::peers::listed;
use crate::table::{count, duration, factor};

const USERS: u32 = 943;
const ITEMS: u32 = 1682;
const INTERACTIONS: f64 = 100_000.0;
const CLUSTERS: u64 = 12;
const N_TOP: usize = 10;
const N_TRAININGS: usize = 3;
/// Of so many users in the order of their names one is forgotten.
const STRIDE: usize = 15;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    interactions: usize,
    rows: Vec<Measured>,
    popularity: Scores,
    peers: Option<Peers>,
}

/// Times are in seconds.
#[derive(Debug, Serialize)]
struct Measured {
    name: &'static str,
    train_seconds: f64,
    users: usize,
    forget_mean_seconds: f64,
    forget_median_seconds: f64,
    forget_p99_seconds: f64,
    retrain_seconds: f64,
    scores: Scores,
    equal: bool,
}

/// What the script printed: EASE by NumPy, from the matrix of who has what in memory.
#[derive(Debug, Serialize, Deserialize)]
struct Peers {
    versions: BTreeMap<String, String>,
    gram_seconds: f64,
    invert_seconds: f64,
}

/// Measures both methods on generated interactions.
pub(super) fn run(plan: &Plan<'_>) -> Result<Report> {
    let all = generated()?;
    let data = Split { name: "interactions".to_owned(), train: all.training(), test: all.holdout() };
    let requests = users(&data.train, plan.deletions)?;
    let mut rows = Vec::new();
    for (name, method) in [("EASE", RecommendMethod::Ease), ("neighbours", RecommendMethod::Neighbours)] {
        plan.say(name);
        let params = RecommendParams { method, n_top: N_TOP as u32, ..RecommendParams::default() };
        let learner = Recommend { params, seed: Seed(1) };
        let done = Corrected::of(&learner, &data.train, N_TRAININGS, &requests, |model| quality(model, &data))?;
        rows.push(Measured {
            name,
            train_seconds: done.train,
            users: done.requests,
            forget_mean_seconds: done.forget.mean,
            forget_median_seconds: done.forget.median,
            forget_p99_seconds: done.forget.p99,
            retrain_seconds: done.retrain,
            scores: done.trained,
            equal: done.equal,
        });
    }
    let alpha = RecommendParams::default().alpha.to_string();
    let peers = plan.peers("recommend.py", &data, &["--alpha", &alpha])?;
    Ok(Report { interactions: data.train.len(), rows, popularity: popularity(&data)?, peers })
}

/// For each of some users the ids of all their interactions.
fn users(data: &Dataset, n: usize) -> Result<Vec<Vec<String>>> {
    let users = data.values(data.schema().position("user")?);
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for i in 0..data.len() {
        if let Some(user) = users.text(i) {
            ids.entry(user).or_default().push(data.id(i).to_owned());
        }
    }
    Ok(ids.into_values().step_by(STRIDE).take(n).collect())
}

fn quality(model: &RecommendModel, data: &Split) -> Result<Scores> {
    let artefact = model.served();
    let truth = artefact.choices(&data.test)?.unwrap_or_default();
    let Predictions::Lists { subjects, lists, .. } = artefact.predict(&data.train)? else { return Ok(Scores::default()) };
    Ok(Scores::of_lists(&subjects, &lists, &truth, N_TOP))
}

/// The most popular items that a user does not have.
fn popularity(data: &Split) -> Result<Scores> {
    let (had, truth) = (choices(&data.train)?, choices(&data.test)?);
    let mut counts: BTreeMap<&String, u32> = BTreeMap::new();
    had.values().flatten().for_each(|item| *counts.entry(item).or_default() += 1);
    let mut order: Vec<&String> = counts.keys().copied().collect();
    order.sort_by_key(|item| std::cmp::Reverse(counts[item]));
    let list = |had: &BTreeSet<String>| {
        let others = order.iter().filter(|item| !had.contains(**item));
        others.take(N_TOP).map(|item| ((*item).clone(), 0.0)).collect()
    };
    let (users, lists): (Vec<String>, Vec<_>) = had.iter().map(|(user, had)| (user.clone(), list(had))).unzip();
    Ok(Scores::of_lists(&users, &lists, &truth, N_TOP))
}

fn choices(data: &Dataset) -> Result<Choices> {
    let (users, items) = (data.values(data.schema().position("user")?), data.values(data.schema().position("item")?));
    let mut choices = Choices::new();
    for i in 0..data.len() {
        if let (Some(user), Some(item)) = (users.text(i), items.text(i)) {
            choices.entry(user).or_default().insert(item);
        }
    }
    Ok(choices)
}

/// A user draws items by popularity and by how many of the user's clusters of taste the item is in.
fn generated() -> Result<Dataset> {
    let hash = |purpose: u64, a: u32, b: u32| Seed(7).hash(purpose, &[a.to_le_bytes(), b.to_le_bytes()].concat());
    let popularity = |item: u32| 1.0 / (f64::from(item) + 20.0).powf(0.9);
    let activity = |user: u32| 0.15 + 4.0 * unit(hash(1, user, 0)).powi(4);
    let tastes = |user: u32| [hash(2, user, 0) % CLUSTERS, hash(2, user, 1) % CLUSTERS];
    let weight = |user: u32, item: u32| {
        let likes = tastes(user).contains(&(hash(3, item, 0) % CLUSTERS));
        activity(user) * popularity(item) * if likes { 6.0 } else { 0.5 }
    };
    let pairs: Vec<(u32, u32, f64)> =
        (0..USERS).flat_map(|user| (0..ITEMS).map(move |item| (user, item))).map(|(u, i)| (u, i, weight(u, i))).collect();
    // The factor that makes about as many interactions as wanted, though none is likelier than certain.
    let expected = |factor: f64| pairs.iter().map(|(.., weight)| (factor * weight).min(0.9)).sum::<f64>();
    let mut factor = 1.0;
    for _ in 0..60 {
        factor *= INTERACTIONS / expected(factor);
    }
    let drawn: Vec<&(u32, u32, f64)> = pairs.iter().filter(|(u, i, weight)| unit(hash(4, *u, *i)) < (factor * weight).min(0.9)).collect();
    let mut table = Generated::new(0..drawn.len() as u64);
    table.texts("item".to_owned(), Role::Feature, |record| format!("i{}", drawn[record as usize].1));
    table.texts("user".to_owned(), Role::Subject, |record| format!("u{}", drawn[record as usize].0));
    table.dataset(Some(Holdout::Fraction(0.2)))
}

impl Report {
    pub(super) fn is_exact(&self) -> bool {
        self.rows.iter().all(|row| row.equal)
    }

    pub(super) fn markdown(&self) -> String {
        let titles = [
            "recommend",
            "training",
            "forget a user, mean",
            "median",
            "slowest of 100",
            "retraining ÷ median",
            "Recall@10",
            "nDCG@10",
            "bytes equal",
        ];
        let mut table = Table::new(titles.map(str::to_owned));
        let score = |score: Option<f64>| score.map_or_else(|| "–".to_owned(), |score| format!("{score:.3}"));
        let dash = || "–".to_owned();
        for row in &self.rows {
            table.row([
                row.name.to_owned(),
                duration(row.train_seconds),
                duration(row.forget_mean_seconds),
                duration(row.forget_median_seconds),
                duration(row.forget_p99_seconds),
                factor(row.retrain_seconds / row.forget_median_seconds),
                score(row.scores.recall_at_k),
                score(row.scores.ndcg_at_k),
                if row.equal { "yes" } else { "**no**" }.to_owned(),
            ]);
        }
        if let (Some(peers), Some(ease)) = (&self.peers, self.rows.first()) {
            let seconds = peers.gram_seconds + peers.invert_seconds;
            let ratio = factor(seconds / ease.forget_median_seconds);
            table.row([
                "EASE, NumPy".to_owned(),
                duration(seconds),
                dash(),
                dash(),
                dash(),
                format!("{ratio} our median"),
                dash(),
                dash(),
                dash(),
            ]);
        }
        let [recall, ndcg] = [self.popularity.recall_at_k, self.popularity.ndcg_at_k].map(score);
        table.row(["popularity".to_owned(), dash(), dash(), dash(), dash(), dash(), recall, ndcg, dash()]);
        let mut text = format!("{}\n{} interactions of {USERS} users with {ITEMS} items.", table.text(), count(self.interactions as u64));
        if let Some(peers) = &self.peers {
            text.extend([" The peer's versions: ", &listed(&peers.versions), "."]);
        }
        text + "\n"
    }
}

//! How much faster is EASE's forgetting of a user than a new fit, and how good are its lists beside neighbours and popularity?
//!
//! The interactions are generated, not real: 943 users, 1,682 items with a power law of popularity, and latent taste clusters.
//! Run with `cargo run --release -p untrain --example recommend`.
#![expect(clippy::print_stdout, reason = "an example prints what it measured")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, StringArray};
use untrain_core::{
    Artefact as _, Choices, Column, Dataset, Forget as _, Holdout, Kind, Learner as _, Model as _, Predictions, Role, Schema, Seed, unit,
};
use untrain_exact::{Recommend, RecommendMethod, RecommendModel, RecommendParams};

const USERS: u32 = 943;
const ITEMS: u32 = 1682;
const INTERACTIONS: f64 = 100_000.0;
const CLUSTERS: u64 = 12;
const DELETIONS: u32 = 60;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = generated()?;
    let training = data.training();
    println!("{} interactions of {USERS} users, {} of them to train on", data.len(), training.len());
    for method in [RecommendMethod::Ease, RecommendMethod::Neighbours] {
        let learner = Recommend { params: RecommendParams { method, ..RecommendParams::default() }, seed: Seed(1) };
        let started = Instant::now();
        let model = learner.fit(&training)?;
        let fit = started.elapsed().as_secs_f64();
        println!("{method:?}: fit in {:.1} ms; {}", fit * 1e3, quality(&model, &data)?);
        deletions(&learner, model, &training)?;
    }
    println!("popularity: {}", popularity(&data)?);
    Ok(())
}

/// Forgets users one after another, and compares the last model with a retrained one.
fn deletions(learner: &Recommend, mut model: RecommendModel, training: &Dataset) -> Result<(), Box<dyn std::error::Error>> {
    let mut data = training.clone();
    let mut seconds = Vec::new();
    for user in (0..DELETIONS).map(|i| format!("u{}", i * 15)) {
        let users = data.values(data.schema().position("user")?);
        let ids: Vec<String> = (0..data.len()).filter(|i| users.text(*i).as_ref() == Some(&user)).map(|i| data.id(i).to_owned()).collect();
        let retained = data.without(&ids)?;
        let started = Instant::now();
        let _ = learner.forget(&mut model, &ids, &retained)?;
        seconds.push(started.elapsed().as_secs_f64());
        data = retained;
    }
    let started = Instant::now();
    let retrained = learner.fit(&data)?;
    let retrain = started.elapsed().as_secs_f64();
    let equal = model.digest() == retrained.digest() && model.state_digest() == retrained.state_digest();
    seconds.sort_unstable_by(f64::total_cmp);
    let (median, most) = (seconds[seconds.len() / 2], seconds[seconds.len() - 1]);
    println!(
        "  {DELETIONS} users forgotten: median {:.2} ms, slowest {:.2} ms; a fit takes {:.1} ms, {:.0} times the median; equal: {equal}",
        median * 1e3,
        most * 1e3,
        retrain * 1e3,
        retrain / median
    );
    Ok(())
}

fn quality(model: &RecommendModel, data: &Dataset) -> Result<String, Box<dyn std::error::Error>> {
    let artefact = model.served();
    let truth = artefact.choices(&data.holdout())?.unwrap_or_default();
    let Predictions::Lists { subjects, lists, .. } = artefact.predict(&data.training())? else { return Ok(String::new()) };
    Ok(scores(&subjects, &lists, &truth))
}

/// The most popular items that a user does not have.
fn popularity(data: &Dataset) -> Result<String, Box<dyn std::error::Error>> {
    let (had, truth) = (choices(&data.training())?, choices(&data.holdout())?);
    let mut counts: BTreeMap<&String, u32> = BTreeMap::new();
    had.values().flatten().for_each(|item| *counts.entry(item).or_default() += 1);
    let mut order: Vec<&String> = counts.keys().copied().collect();
    order.sort_by_key(|item| std::cmp::Reverse(counts[item]));
    let list =
        |had: &BTreeSet<String>| order.iter().filter(|item| !had.contains(**item)).take(10).map(|item| ((*item).clone(), 0.0)).collect();
    let (subjects, lists): (Vec<String>, Vec<_>) = had.iter().map(|(user, had)| (user.clone(), list(had))).unzip();
    Ok(scores(&subjects, &lists, &truth))
}

fn choices(data: &Dataset) -> Result<Choices, Box<dyn std::error::Error>> {
    let column = |name| Ok::<_, untrain_core::Error>(data.values(data.schema().position(name)?));
    let (users, items) = (column("user")?, column("item")?);
    let mut choices = Choices::new();
    for i in 0..data.len() {
        if let (Some(user), Some(item)) = (users.text(i), items.text(i)) {
            choices.entry(user).or_default().insert(item);
        }
    }
    Ok(choices)
}

/// Recall@10 and nDCG@10, as `untrain evaluate` has them.
fn scores(subjects: &[String], lists: &[Vec<(String, f64)>], truth: &Choices) -> String {
    let gain = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
    let (mut n, mut recall, mut ndcg) = (0.0, 0.0, 0.0);
    for (chosen, list) in subjects.iter().zip(lists).filter_map(|(subject, list)| Some((truth.get(subject)?, list))) {
        let hits: Vec<usize> = (0..list.len()).filter(|rank| chosen.contains(&list[*rank].0)).collect();
        let most = chosen.len().min(10);
        n += 1.0;
        recall += hits.len() as f64 / most as f64;
        ndcg += hits.iter().map(|rank| gain(*rank)).sum::<f64>() / (0..most).map(gain).sum::<f64>();
    }
    format!("Recall@10 {:.3}, nDCG@10 {:.3}", recall / n, ndcg / n)
}

/// A user draws items by popularity and by how many of the user's clusters of taste the item is in.
fn generated() -> Result<Dataset, Box<dyn std::error::Error>> {
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
    let column = |name: &str, role| Column { name: name.into(), kind: Kind::Categorical, role, declared: true };
    let columns = vec![column("item", Role::Feature), column("user", Role::Subject)];
    let items: ArrayRef = Arc::new(StringArray::from_iter_values(drawn.iter().map(|(_, item, _)| format!("i{item}"))));
    let users: ArrayRef = Arc::new(StringArray::from_iter_values(drawn.iter().map(|(user, ..)| format!("u{user}"))));
    let ids = StringArray::from_iter_values(drawn.iter().map(|(user, item, _)| format!("{user}-{item}")));
    Ok(Dataset::new(Schema { id: Some("id".into()), columns, holdout: Some(Holdout::Fraction(0.2)) }, &ids, vec![items, users])?)
}

//! A search for hyperparameters, with a declared criterion, at the method's own cost.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use untrain_core::hyperparameters::Settings;

use super::feed::{apart, counts};
use super::{Goal, Method, Request, refusal};
use crate::error::{Error, Result};
use crate::examples::Examples;
use crate::network::Network;
use crate::train::accuracy;

/// What a search makes small. None of these asks a retrained network, which is what a method is to save.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// `|accuracy on forget − accuracy on apart| + what accuracy on retain fell by`: for records among others like them. What is held
    /// apart is a part of retain that the method does not get. The network had seen it in training, so that its accuracy is too high
    /// where it learned by heart: the search finds less forgetting there than it should.
    ValidationGap,
    /// `accuracy on forget + what accuracy on apart fell by`: for classes and patterns that are to go altogether.
    Forgotten,
}

impl Criterion {
    /// The criterion for a goal.
    pub fn of(goal: Goal) -> Self {
        match goal {
            Goal::Random => Self::ValidationGap,
            Goal::Class | Goal::Concept | Goal::Poison => Self::Forgotten,
        }
    }

    fn value(self, before: &dyn Network, after: &dyn Network, parts: &Parts<'_>) -> f64 {
        let fall = |examples| (accuracy(before, examples) - accuracy(after, examples)).max(0.0);
        match self {
            Self::ValidationGap => (accuracy(after, parts.forget) - accuracy(after, parts.apart)).abs() + fall(parts.retain),
            Self::Forgotten => accuracy(after, parts.forget) + fall(parts.apart),
        }
    }
}

struct Parts<'a> {
    forget: &'a Examples,
    retain: &'a Examples,
    apart: &'a Examples,
}

/// Settings that were tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    /// All hyperparameters.
    pub settings: Settings,
    /// The criterion's value; none where the method diverged.
    pub value: Option<f64>,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The criterion.
    pub criterion: Criterion,
    /// The settings with the smallest value; of equals the first tried.
    pub settings: Settings,
    /// That value.
    pub value: f64,
    /// All that were tried, the defaults first.
    pub tried: Vec<Tried>,
}

/// Tries every combination of a method's values, on copies of `network`, and returns the best: with a network that is [`super::Metered`]
/// the search is counted to the method's cost. `settings` are kept as they are; what they name is not searched.
///
/// A tenth of what is retained, by a hash of the key, and of each class at most a half, is held apart from the candidates.
///
/// # Errors
///
/// [`untrain_core::Error::Parameter`] for settings that the method does not take; [`untrain_core::Error::Unfit`] for a request that it
/// cannot serve, for too few retained records to hold any apart, and if it diverged with all values.
pub fn search(method: &Method, settings: &Settings, network: &dyn Network, request: &Request<'_>, criterion: Criterion) -> Result<Found> {
    let wanted: Vec<usize> = counts(request.retain).into_iter().map(|count| count.div_ceil(10)).collect();
    let (retain, apart) = apart(request.retain, &wanted, request.seed);
    if apart.is_empty() && !request.retain.is_empty() {
        return Err(refusal("no class has two retained records, so none can be held apart for a search", "name the hyperparameters"));
    }
    let inner = Request { retain: &retain, ..*request };
    let parts = Parts { forget: request.forget, retain: &retain, apart: &apart };
    let mut tried: Vec<Tried> = Vec::new();
    let mut best: Option<(usize, f64)> = None;
    for candidate in combinations(method, settings) {
        let candidate = method.complete(candidate)?;
        let mut copy = network.boxed();
        let value = match method.with(candidate.clone())?.unlearn(copy.as_mut(), &inner) {
            Ok(_) => Some(criterion.value(network, copy.as_ref(), &parts)),
            Err(Error::Diverged { .. }) => None,
            Err(error) => return Err(error),
        };
        if let Some(value) = value.filter(|value| best.is_none_or(|(_, least)| *value < least)) {
            best = Some((tried.len(), value));
        }
        tried.push(Tried { settings: candidate, value });
    }
    let Some((at, value)) = best else {
        return Err(refusal(format!("{} diverged with all values that were tried", method.name), "name a smaller learning_rate"));
    };
    Ok(Found { criterion, settings: tried[at].settings.clone(), value, tried })
}

/// All combinations of the values to try, those of the first key slowest.
pub(super) fn combinations(method: &Method, settings: &Settings) -> Vec<Settings> {
    let free = method.search.iter().filter(|(key, _)| !settings.contains_key(*key));
    free.fold(vec![settings.clone()], |all, (key, values)| {
        let with = |settings: &Settings, value: f64| {
            let mut settings = settings.clone();
            // A whole number is one for a count, and a float takes it as well.
            let value = if value.fract() == 0.0 { Value::from(value as i64) } else { Value::from(value) };
            settings.insert((*key).to_owned(), value);
            settings
        };
        all.iter().flat_map(|settings| values.iter().map(move |value| with(settings, *value))).collect()
    })
}

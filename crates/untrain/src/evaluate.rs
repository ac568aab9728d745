//! How good predictions are.

use std::collections::BTreeSet;

use serde::Serialize;
use untrain_core::{Choices, Predictions, Values};

/// Measures of predictions against targets; those that do not apply are absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Scores {
    /// The share of records whose most probable class is the true one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// With two classes, the area under the ROC curve of the second; ties count half.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auc: Option<f64>,
    /// The mean of −ln p(true class), with p at least 1e-15.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_loss: Option<f64>,
    /// The root of the mean squared error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rmse: Option<f64>,
    /// The share of the variance explained; absent if the targets do not vary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r2: Option<f64>,
    /// Of recommendations, with k the length of lists: the mean over users of hits / min(k, held-out items).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall_at_k: Option<f64>,
    /// Of recommendations: the mean over users of Σ 1 / log2(rank + 1) over the hits, divided by what it would be if the
    /// first min(k, held-out items) ranks were hits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ndcg_at_k: Option<f64>,
    /// The mean squared distance of a record from the centre of its cluster, in units of features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inertia: Option<f64>,
}

impl Scores {
    /// Scores predictions of records whose targets are `targets`. Without records, or from a model that has learnt nobody,
    /// there are none.
    ///
    /// # Examples
    ///
    /// ```
    /// use arrow_array::StringArray;
    /// use untrain::Scores;
    /// use untrain_core::{Predictions, Values};
    ///
    /// let targets = StringArray::from(vec!["no", "yes", "yes"]);
    /// let predictions =
    ///     Predictions::Classes { classes: vec!["no".into(), "yes".into()], probabilities: vec![0.9, 0.1, 0.2, 0.8, 0.6, 0.4], n: 3 };
    /// let scores = Scores::of(&predictions, &Values::Texts(&targets));
    /// assert_eq!(scores.auc, Some(1.0));
    /// assert_eq!(scores.accuracy, Some(2.0 / 3.0));
    /// ```
    pub fn of(predictions: &Predictions, targets: &Values<'_>) -> Self {
        if predictions.is_empty() {
            return Self::default();
        }
        match predictions {
            Predictions::Clusters { .. } => Self::of_clusters(predictions),
            Predictions::Classes { classes, .. } if classes.is_empty() => Self::default(),
            Predictions::Classes { classes, probabilities, n } => classification(predictions, classes, probabilities, *n, targets),
            Predictions::Numbers(values) => regression(values, targets),
            // Lists are compared with what their subjects chose ([`Scores::of_lists`]), and what is transformed has no truth
            // beside it: the engine does not come to this.
            Predictions::Lists { .. } | Predictions::Vectors { .. } => Self::default(),
        }
    }

    /// Scores ranked lists of at most `k` items against the items that their subjects chose; subjects without any are passed
    /// over.
    ///
    /// # Examples
    ///
    /// ```
    /// use untrain::Scores;
    ///
    /// let list = ["a", "b", "c"].map(|item| (item.to_owned(), 1.0)).to_vec();
    /// let truth = [("ann".to_owned(), ["b", "z"].map(str::to_owned).into())].into();
    /// let scores = Scores::of_lists(&["ann".to_owned()], &[list], &truth, 3);
    /// assert_eq!(scores.recall_at_k, Some(0.5));
    /// // The hit is second: 1 / log2(3), where both being first would give 1 + 1 / log2(3).
    /// let gain = 1.0 / 3_f64.log2();
    /// assert_eq!(scores.ndcg_at_k, Some(gain / (1.0 + gain)));
    /// ```
    pub fn of_lists(subjects: &[String], lists: &[Vec<(String, f64)>], truth: &Choices, k: usize) -> Self {
        let scored: Vec<(f64, f64)> = subjects
            .iter()
            .zip(lists)
            .filter_map(|(subject, list)| truth.get(subject).filter(|chosen| !chosen.is_empty()).map(|chosen| ranking(list, chosen, k)))
            .collect();
        if scored.is_empty() {
            return Self::default();
        }
        let mean = |of: fn(&(f64, f64)) -> f64| Some(scored.iter().map(of).sum::<f64>() / scored.len() as f64);
        Self { recall_at_k: mean(|scores| scores.0), ndcg_at_k: mean(|scores| scores.1), ..Self::default() }
    }

    /// Scores what needs no targets: clusters. There is nothing to say of other predictions.
    pub fn of_clusters(predictions: &Predictions) -> Self {
        match predictions {
            Predictions::Clusters { clusters, squared_distances } if clusters.iter().any(Option::is_some) => {
                let inertia = squared_distances.iter().sum::<f64>() / clusters.len() as f64;
                Self { inertia: Some(inertia), ..Self::default() }
            }
            _ => Self::default(),
        }
    }
}

/// Recall@k and nDCG@k of one list.
fn ranking(list: &[(String, f64)], chosen: &BTreeSet<String>, k: usize) -> (f64, f64) {
    let gain = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
    let hits: Vec<usize> = list.iter().take(k).enumerate().filter(|(_, (item, _))| chosen.contains(item)).map(|(rank, _)| rank).collect();
    let most = k.min(chosen.len());
    let ideal: f64 = (0..most).map(gain).sum();
    (hits.len() as f64 / most as f64, hits.iter().map(|rank| gain(*rank)).sum::<f64>() / ideal)
}

fn classification(predictions: &Predictions, classes: &[String], probabilities: &[f64], n: usize, targets: &Values<'_>) -> Scores {
    let truth: Vec<Option<usize>> =
        (0..n).map(|i| targets.text(i).and_then(|target| classes.iter().position(|class| *class == target))).collect();
    let right = (0..n).filter(|i| truth[*i].is_some() && predictions.class(*i) == truth[*i]).count();
    let probability = |i: usize| truth[i].map_or(0.0, |class| probabilities[i * classes.len() + class]);
    let loss: f64 = (0..n).map(|i| -probability(i).max(1e-15).ln()).sum();
    let auc = (classes.len() == 2).then(|| auc((0..n).map(|i| (probabilities[i * 2 + 1], truth[i] == Some(1))).collect())).flatten();
    Scores { accuracy: Some(right as f64 / n as f64), auc, log_loss: Some(loss / n as f64), ..Scores::default() }
}

/// The chance that a positive scores over a negative; `None` without either.
fn auc(mut scored: Vec<(f64, bool)>) -> Option<f64> {
    scored.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut wins, mut below) = (0.0, 0.0);
    for equals in scored.chunk_by(|a, b| a.0 == b.0) {
        let positives = equals.iter().filter(|(_, positive)| *positive).count() as f64;
        let negatives = equals.len() as f64 - positives;
        wins += positives * (below + negatives / 2.0);
        below += negatives;
    }
    let positives = scored.len() as f64 - below;
    (positives > 0.0 && below > 0.0).then(|| wins / (positives * below))
}

fn regression(values: &[Option<f64>], targets: &Values<'_>) -> Scores {
    let pairs: Vec<(f64, f64)> = values.iter().enumerate().filter_map(|(i, value)| Some(((*value)?, targets.number(i)?))).collect();
    if pairs.is_empty() {
        return Scores::default();
    }
    let n = pairs.len() as f64;
    let mean = pairs.iter().map(|(_, target)| target).sum::<f64>() / n;
    let error: f64 = pairs.iter().map(|(value, target)| (value - target).powi(2)).sum();
    let variance: f64 = pairs.iter().map(|(_, target)| (target - mean).powi(2)).sum();
    Scores { rmse: Some((error / n).sqrt()), r2: (variance > 0.0).then(|| 1.0 - error / variance), ..Scores::default() }
}

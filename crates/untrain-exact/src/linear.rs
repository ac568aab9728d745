//! What linear learners serve: weights of features, and how scores become predictions.

use serde::Serialize;
use untrain_core::{Artefact, Dataset, Error, Importance, Kind, Predictions, Reader, Result, Writer};

use crate::encode::Encoder;
use crate::softmax::softmax;

/// The first bytes of a ridge artefact, and of a linear discriminant's.
pub(crate) const RIDGE: &[u8; 8] = b"UNTRrdg\x01";
pub(crate) const DISCRIMINANT: &[u8; 8] = b"UNTRlda\x01";

/// How scores become predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// The only score is the prediction.
    Number,
    /// Scores aim at 1 for the class and −1 for others: probabilities are in the ratio of `score + 1`, if it is over 0.
    Signs,
    /// Scores are logarithms of probabilities, but for a common term.
    Logs,
}

/// A linear model without its records.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearArtefact {
    pub(crate) link: Link,
    pub(crate) records: u64,
    pub(crate) encoder: Encoder,
    /// The intercept of each output.
    pub(crate) intercepts: Vec<f64>,
    /// The weights, output by output.
    pub(crate) weights: Vec<f64>,
    /// How much each input contributes: the spread of its features times their weights, added up.
    pub(crate) contributions: Vec<f64>,
}

#[derive(Serialize)]
struct Json<'a> {
    records: u64,
    classes: &'a [String],
    outputs: Vec<Output>,
}

#[derive(Serialize)]
struct Output {
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    intercept: f64,
    weights: Vec<Weight>,
}

#[derive(Serialize)]
struct Weight {
    feature: String,
    weight: f64,
}

impl LinearArtefact {
    /// Reads the canonical bytes of an artefact.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("linear artefact", bytes);
        let magic = input.raw(8)?;
        let link = match input.u8()? {
            0 if magic == RIDGE => Link::Number,
            1 if magic == RIDGE => Link::Signs,
            2 if magic == DISCRIMINANT => Link::Logs,
            byte => return Err(input.malformed(format!("there is no link {byte} in it"))),
        };
        let records = input.varint()?;
        let encoder = Encoder::read(&mut input)?;
        let mut artefact = Self { link, records, encoder, intercepts: vec![], weights: vec![], contributions: vec![] };
        let (n_outputs, p) = (artefact.n_outputs(), artefact.encoder.layout().n_columns);
        for _ in 0..n_outputs {
            artefact.intercepts.push(finite(&mut input)?);
            for _ in 0..p {
                artefact.weights.push(finite(&mut input)?);
            }
        }
        for _ in 0..artefact.encoder.layout().inputs.len() {
            artefact.contributions.push(finite(&mut input)?);
        }
        input.end()?;
        Ok(artefact)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { link, records, encoder, intercepts, weights, contributions } = self;
        let mut out = Writer::new();
        out.raw(if *link == Link::Logs { DISCRIMINANT } else { RIDGE });
        out.u8(*link as u8);
        out.varint(*records);
        encoder.write(&mut out);
        for (i, intercept) in intercepts.iter().enumerate() {
            out.f64(*intercept);
            weights[i * encoder.layout().n_columns..][..encoder.layout().n_columns].iter().for_each(|weight| out.f64(*weight));
        }
        contributions.iter().for_each(|contribution| out.f64(*contribution));
        out.into_bytes()
    }

    /// How many scores a record has: none without records, one for a number and for two classes of signs.
    pub(crate) fn n_outputs(&self) -> usize {
        outputs(self.link, self.records, self.encoder.classes().len())
    }

    fn scores(&self, dense: &[f64], sparse: &[(u32, f32)], scores: &mut Vec<f64>) {
        let p = self.encoder.layout().n_columns;
        scores.clear();
        for (i, intercept) in self.intercepts.iter().enumerate() {
            let weights = &self.weights[i * p..(i + 1) * p];
            let mut score = *intercept;
            dense.iter().zip(weights).for_each(|(x, w)| score += x * w);
            sparse.iter().for_each(|(column, x)| score += f64::from(*x) * weights[*column as usize]);
            scores.push(bounded(score));
        }
    }
}

/// How many outputs there are.
pub(crate) fn outputs(link: Link, records: u64, n_classes: usize) -> usize {
    match (link, n_classes) {
        _ if records == 0 => 0,
        (Link::Number, _) | (Link::Signs, 2) => 1,
        (Link::Signs | Link::Logs, n) => n,
    }
}

impl Artefact for LinearArtefact {
    fn inputs(&self) -> Vec<(String, Kind)> {
        self.encoder.inputs()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        let bound = self.encoder.bind(data)?;
        let n = data.len();
        let classes = self.encoder.classes();
        let (mut dense, mut sparse, mut scores) = (Vec::new(), Vec::new(), Vec::new());
        let mut numbers = Vec::new();
        let mut probabilities = Vec::with_capacity(n * classes.len());
        for i in 0..n {
            bound.row(i, &mut dense, &mut sparse);
            self.scores(&dense, &sparse, &mut scores);
            match self.link {
                Link::Number => numbers.push(scores.first().copied()),
                Link::Signs => shares(&scores, classes.len(), &mut probabilities),
                Link::Logs => {
                    softmax(&mut scores);
                    probabilities.extend_from_slice(&scores);
                }
            }
        }
        Ok(match self.link {
            Link::Number => Predictions::Numbers(numbers),
            Link::Signs | Link::Logs => Predictions::Classes { classes: classes.to_vec(), probabilities, n },
        })
    }

    fn json(&self) -> String {
        let (classes, layout) = (self.encoder.classes(), self.encoder.layout());
        let names = layout.column_names();
        let output = |(i, intercept): (usize, &f64)| Output {
            // The only output of two classes is that of the second.
            class: if self.intercepts.len() == classes.len() { classes.get(i).cloned() } else { classes.last().cloned() },
            intercept: *intercept,
            weights: names
                .iter()
                .zip(&self.weights[i * names.len()..])
                .map(|(name, weight)| Weight { feature: name.clone(), weight: *weight })
                .collect(),
        };
        let outputs = self.intercepts.iter().enumerate().map(output).collect();
        serde_json::to_string(&Json { records: self.records, classes, outputs }).unwrap_or_default()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let zeros = self.weights.iter().filter(|weight| **weight == 0.0).count();
        let facts = [("columns", self.encoder.layout().n_columns), ("outputs", self.intercepts.len()), ("zero weights", zeros)];
        facts.into_iter().map(|(name, n)| (name, n.to_string())).collect()
    }

    fn importances(&self) -> Vec<Importance> {
        importances(self.encoder.inputs().into_iter().map(|(name, _)| name), &self.contributions)
    }
}

/// Shares of contributions, largest first.
pub(crate) fn importances(names: impl Iterator<Item = String>, contributions: &[f64]) -> Vec<Importance> {
    let most = contributions.iter().fold(0.0_f64, |most, x| most.max(*x));
    // Divided by the largest first, so that no sum overflows.
    let share = |x: &f64| if most > 0.0 { x / most } else { 0.0 };
    let total: f64 = contributions.iter().map(share).sum();
    let mut importances: Vec<Importance> = names
        .zip(contributions)
        .map(|(feature, x)| Importance { feature, importance: if total > 0.0 { share(x) / total } else { 0.0 } })
        .collect();
    importances.sort_by(|a, b| b.importance.total_cmp(&a.importance).then_with(|| a.feature.cmp(&b.feature)));
    importances
}

/// A number as near as `f64` can hold; what is no number at all is 0.
pub(crate) fn bounded(x: f64) -> f64 {
    if x.is_nan() { 0.0 } else { x.clamp(-f64::MAX, f64::MAX) + 0.0 }
}

pub(crate) fn finite(input: &mut Reader<'_>) -> Result<f64, Error> {
    let x = input.f64()?;
    if x.is_finite() { Ok(x) } else { Err(input.malformed("a number is not finite")) }
}

/// Probabilities from scores that aim at 1 and −1.
fn shares(scores: &[f64], n_classes: usize, probabilities: &mut Vec<f64>) {
    if let (2, [score]) = (n_classes, scores) {
        let p = f64::midpoint(*score, 1.0).clamp(0.0, 1.0);
        probabilities.extend([1.0 - p, p]);
        return;
    }
    let first = probabilities.len();
    // Relative to the largest, so that no sum overflows; where all are below −1 the nearest to it gets all.
    let most = scores.iter().fold(-1.0_f64, |most, score| most.max(*score));
    if most > -1.0 {
        probabilities.extend(scores.iter().map(|score| ((score + 1.0) / (most + 1.0)).max(0.0)));
    } else {
        let best = (1..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best });
        probabilities.extend((0..scores.len()).map(|i| f64::from(u8::from(i == best))));
    }
    let total: f64 = probabilities[first..].iter().sum();
    probabilities[first..].iter_mut().for_each(|p| *p /= total);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(scores: &[f64], n: usize) -> Vec<f64> {
        let mut probabilities = Vec::new();
        shares(scores, n, &mut probabilities);
        probabilities
    }

    #[test]
    fn shares_add_up_and_the_largest_score_wins() {
        assert_eq!(of(&[0.5], 2), [0.25, 0.75]);
        assert_eq!(of(&[7.0], 2), [0.0, 1.0]);
        assert_eq!(of(&[-1.0, 0.0, 1.0], 3), [0.0, 1.0 / 3.0, 2.0 / 3.0]);
        assert_eq!(of(&[-3.0, -2.0, -4.0], 3), [0.0, 1.0, 0.0]);
        let over = of(&[3.0, 1.0, -1.0], 3);
        assert_eq!(over, [2.0 / 3.0, 1.0 / 3.0, 0.0]);
        assert_eq!(of(&[1.0], 1), [1.0]);
    }
}

//! The served artefact of shards: the artefacts of their models, and how their predictions become one.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use untrain_core::{Artefact, Dataset, Error, Importance, Kind, Predictions, Reader, Result, Task, Writer};

use super::params::Aggregation;
use super::{SisaModel, classes};

pub(crate) const ARTEFACT: &[u8; 8] = b"UNTRsis\x01";

/// Shards of shards may be so deep; more would be a damaged file.
const MAX_DEPTH: u32 = 4;

/// Shards without their records.
pub struct SisaArtefact {
    /// What they predict.
    pub task: Task,
    /// How their predictions become one.
    pub aggregation: Aggregation,
    /// How many records they have learnt.
    pub records: u64,
    /// How many shards there are, with those that have no record.
    pub n_shards: u64,
    /// The classes that any of them knows, sorted; none for regression.
    pub classes: Vec<String>,
    /// The artefacts of the shards that have records.
    pub bases: Vec<Box<dyn Artefact>>,
    /// For stacking, the weight of each of them.
    pub weights: Vec<f64>,
}

/// Writes the bytes that are served.
pub(super) fn write(model: &SisaModel) -> Vec<u8> {
    let mut out = Writer::new();
    out.raw(ARTEFACT);
    out.task(model.learner.task);
    out.u8(model.learner.params.aggregation.byte());
    out.varint(model.seats.len() as u64);
    let classes = classes(&model.shards);
    out.varint(classes.len() as u64);
    classes.iter().for_each(|class| out.text(class));
    out.varint(model.shards.len() as u64);
    for shard in &model.shards {
        let bytes = shard.model.as_ref().map(untrain_core::Model::artefact).unwrap_or_default();
        out.varint(bytes.len() as u64);
        out.raw(&bytes);
    }
    model.weights.iter().for_each(|weight| out.f64(*weight));
    out.into_bytes()
}

impl SisaArtefact {
    /// Reads the canonical bytes of an artefact.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        Self::read_at(bytes, 1)
    }

    fn read_at(bytes: &[u8], depth: u32) -> Result<Self> {
        let mut input = Reader::new("artefact of shards", bytes);
        if input.raw(ARTEFACT.len())? != ARTEFACT {
            return Err(input.malformed("it does not begin as one of this format's version"));
        }
        if depth > MAX_DEPTH {
            return Err(input.malformed(format!("shards of shards are deeper than {MAX_DEPTH}")));
        }
        let task = input.task()?;
        let kinds = [Aggregation::Mean, Aggregation::Vote, Aggregation::Stacked];
        let byte = input.u8()?;
        let aggregation = kinds.into_iter().find(|kind| kind.byte() == byte);
        let aggregation = aggregation.ok_or_else(|| input.malformed(format!("there is no aggregation {byte}")))?;
        let records = input.varint()?;
        let classes = (0..input.count()?).map(|_| input.text().map(str::to_owned)).collect::<Result<Vec<_>>>()?;
        let n_shards = input.count()?;
        let mut bases = Vec::new();
        for _ in 0..n_shards {
            let n = input.count()?;
            if n > 0 {
                bases.push(base(input.raw(n)?, depth)?);
            }
        }
        let stacked = if aggregation == Aggregation::Stacked { bases.len() } else { 0 };
        let weights = (0..stacked).map(|_| input.f64()).collect::<Result<_>>()?;
        input.end()?;
        Ok(Self { task, aggregation, records, n_shards: n_shards as u64, classes, bases, weights })
    }

    fn weight(&self, base: usize) -> f64 {
        if self.aggregation == Aggregation::Stacked { self.weights[base] } else { 1.0 }
    }

    fn classes(&self, data: &Dataset) -> Result<Predictions> {
        let (n, width) = (data.len(), self.classes.len());
        let names: Vec<&str> = self.classes.iter().map(String::as_str).collect();
        let mut sums = vec![0.0; n * width];
        for (i, base) in self.bases.iter().enumerate() {
            let predictions = base.predict(data)?;
            let Predictions::Classes { classes, probabilities, .. } = &predictions else { return Err(mixed()) };
            let weight = self.weight(i);
            if self.aggregation == Aggregation::Vote {
                let places: Vec<Option<usize>> = classes.iter().map(|class| names.binary_search(&class.as_str()).ok()).collect();
                for (record, sums) in sums.chunks_exact_mut(width.max(1)).enumerate() {
                    if let Some(place) = predictions.class(record).and_then(|class| places[class]) {
                        sums[place] += 1.0;
                    }
                }
            } else {
                spread(classes, probabilities, &names, |place, probability| sums[place] += weight * probability);
            }
        }
        if self.aggregation != Aggregation::Stacked {
            let n_bases = self.bases.len() as f64;
            sums.iter_mut().for_each(|sum| *sum /= n_bases);
        }
        Ok(Predictions::Classes { classes: self.classes.clone(), probabilities: sums, n })
    }

    fn numbers(&self, data: &Dataset) -> Result<Predictions> {
        if self.bases.is_empty() {
            return Ok(Predictions::Numbers(vec![None; data.len()]));
        }
        let mut sums = vec![0.0; data.len()];
        for (i, base) in self.bases.iter().enumerate() {
            let Predictions::Numbers(numbers) = base.predict(data)? else { return Err(mixed()) };
            let weight = self.weight(i);
            sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += weight * number.unwrap_or_default());
        }
        let n_bases = if self.aggregation == Aggregation::Stacked { 1.0 } else { self.bases.len() as f64 };
        Ok(Predictions::Numbers(sums.into_iter().map(|sum| Some(sum / n_bases)).collect()))
    }
}

fn base(bytes: &[u8], depth: u32) -> Result<Box<dyn Artefact>> {
    if bytes.starts_with(ARTEFACT) { Ok(Box::new(SisaArtefact::read_at(bytes, depth + 1)?)) } else { crate::artefact(bytes) }
}

fn mixed() -> Error {
    Error::Malformed { what: "artefact of shards", reason: "its shards do not predict what it predicts".to_owned() }
}

/// Hands out the probabilities of a model that knows the classes `own`, each with its place among rows of `classes`, sorted.
pub(super) fn spread(own: &[String], probabilities: &[f64], classes: &[&str], mut take: impl FnMut(usize, f64)) {
    let places: Vec<Option<usize>> = own.iter().map(|class| classes.binary_search(&class.as_str()).ok()).collect();
    for (record, row) in probabilities.chunks_exact(own.len().max(1)).enumerate() {
        for (place, probability) in places.iter().zip(row) {
            if let Some(place) = place {
                take(record * classes.len() + place, *probability);
            }
        }
    }
}

/// What [`Artefact::json`] writes.
#[derive(Serialize)]
struct Shown<'a> {
    task: Task,
    aggregation: Aggregation,
    records: u64,
    n_shards: u64,
    classes: &'a [String],
    weights: &'a [f64],
    shards: Vec<Box<RawValue>>,
}

impl Artefact for SisaArtefact {
    fn inputs(&self) -> Vec<(String, Kind)> {
        let mut inputs = BTreeMap::new();
        for (name, kind) in self.bases.iter().flat_map(|base| base.inputs()) {
            let known = inputs.entry(name).or_insert(kind);
            if kind == Kind::Categorical {
                *known = kind;
            }
        }
        inputs.into_iter().collect()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        match self.task {
            Task::Classification => self.classes(data),
            Task::Regression => self.numbers(data),
        }
    }

    fn json(&self) -> String {
        let Self { task, aggregation, records, n_shards, classes, bases, weights } = self;
        let shards = bases.iter().filter_map(|base| RawValue::from_string(base.json()).ok()).collect();
        let shown = Shown { task: *task, aggregation: *aggregation, records: *records, n_shards: *n_shards, classes, weights, shards };
        serde_json::to_string(&shown).unwrap_or_default()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let aggregation = match self.aggregation {
            Aggregation::Mean => "mean",
            Aggregation::Vote => "vote",
            Aggregation::Stacked => "stacked",
        };
        let empty = self.n_shards - self.bases.len() as u64;
        let shards = if empty > 0 { format!("{} ({empty} without records)", self.n_shards) } else { self.n_shards.to_string() };
        vec![("shards", shards), ("aggregation", aggregation.to_owned())]
    }

    /// The mean over the shards.
    fn importances(&self) -> Vec<Importance> {
        let mut sums = BTreeMap::new();
        for Importance { feature, importance } in self.bases.iter().flat_map(|base| base.importances()) {
            *sums.entry(feature).or_insert(0.0) += importance;
        }
        let total: f64 = sums.values().sum();
        let share = |importance| if total > 0.0 { importance / total } else { 0.0 };
        let mut importances: Vec<Importance> =
            sums.into_iter().map(|(feature, importance)| Importance { feature, importance: share(importance) }).collect();
        importances.sort_by(|a, b| b.importance.total_cmp(&a.importance).then_with(|| a.feature.cmp(&b.feature)));
        importances
    }
}

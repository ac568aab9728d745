//! Sharding of any learner: isolated models of parts of the records, of which only those retrain that knew who leaves.
//!
//! SISA (sharded, isolated, sliced, aggregated training, \[@bourtoule2021\]). The shard of a record and its slice of the shard
//! are keyed hashes of its id or subject ([`seats`]), so nobody else's leaving moves it. A shard's model is the base's model of
//! its records; where the base trains incrementally, it is the fold of [`untrain_core::Learner::resume`] over the slices, with
//! checkpoints between them ([`shard`]). Models are isolated; their predictions are aggregated ([`artefact`], [`stacking`]).

mod artefact;
mod cost;
mod params;
mod seats;
mod shard;
mod stacking;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rayon::prelude::*;
use untrain_core::{
    AnyLearner, Artefact as _, Dataset, Digest, Error, Forget, Guarantee, Kind, Learner, Model, Predictions, Result, Role, Seed, Task,
};

pub(crate) use artefact::ARTEFACT;

pub use artefact::SisaArtefact;
pub use cost::ShardSizes;
pub use params::{Aggregation, ShardBy, SisaParams};
pub use seats::Seat;

use crate::Hyperparameters as _;
use seats::{Seated, Seats};
use shard::{Change, Part, Shard};
use untrain_core::hyperparameters::refuse;

/// The combinator: any learner, sharded.
///
/// # Guarantee
///
/// Exact, for `forget` and `learn`, if the base is exact; else what the base guarantees.
///
/// # Shapes
///
/// What the base takes. Any number of records, shards without records, and shards of one class all work: predictions are
/// aggregated over the union of the classes, and a class that a shard does not know has probability 0 there.
///
/// # Complexity
///
/// With `S` shards, of `R` slices where the base trains incrementally: forgetting one record retrains `n / S` records, times
/// `2/3 + 1/(3R)` (the expectation over uniform requests; [`ShardSizes`] computes it for the sizes at hand). Shards retrain in
/// parallel, and once a batch. The state holds `S` base states, times up to `R` with checkpoints. A base that forgets by
/// revision revises the shard's model, and needs neither slices nor, for speed, shards. Stacking adds 2048 predictions of every
/// shard to each request. The seats take about 60 bytes a record in memory.
///
/// # References
///
/// \[@bourtoule2021\], sections IV and VII.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Float64Array, StringArray};
/// use untrain_core::{AnyLearner, Column, Dataset, Forget, Kind, Learner, Model, Role, Schema, Seed, Task};
/// use untrain_exact::{Forest, Params, Retrain, Sisa, SisaParams};
///
/// let column = |name: &str, role| Column { name: name.into(), kind: Kind::Numeric, role, declared: true };
/// let schema = Schema { id: Some("id".into()), columns: vec![column("x", Role::Feature), column("y", Role::Target)], holdout: None };
/// let ids = StringArray::from_iter_values((0..200).map(|i| i.to_string()));
/// let numbers = |f: fn(f64) -> f64| Arc::new(Float64Array::from_iter_values((0..200).map(f64::from).map(f))) as ArrayRef;
/// let data = Dataset::new(schema, &ids, vec![numbers(|x| x), numbers(|x| 2.0 * x)])?;
///
/// let (task, seed) = (Task::Regression, Seed(7));
/// let base = AnyLearner::new(Retrain(Forest { params: Params { n_trees: 10, ..Params::default() }, task, seed }));
/// let sisa = Sisa { base, params: SisaParams { n_shards: 4, ..SisaParams::default() }, task, seed };
/// let mut model = sisa.fit(&data)?;
/// let rest = data.without(&["42".to_owned()])?;
/// sisa.forget(&mut model, &["42".to_owned()], &rest)?; // retrains one of four shards
/// assert_eq!(model.records(), 199);
/// assert_eq!(model.state_digest(), sisa.fit(&rest)?.state_digest());
/// # Ok::<(), untrain_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sisa {
    /// The learner of each shard.
    pub base: AnyLearner,
    /// The hyperparameters; `base` and `base_params` among them name the learner above in the model's bytes.
    pub params: SisaParams,
    /// What is predicted.
    pub task: Task,
    /// The key of seats. A base that is sharded too needs another, or all records of a shard would share a seat in it.
    pub seed: Seed,
}

/// A model of [`Sisa`].
#[derive(Debug, Clone)]
pub struct SisaModel {
    learner: Sisa,
    /// The columns that the model depends on, and their kinds in the whole of the records.
    columns: Vec<(String, Kind)>,
    seats: Seats,
    shards: Vec<Shard>,
    /// For stacking, the weights of shards that have records.
    weights: Vec<f64>,
}

impl Learner for Sisa {
    type Model = SisaModel;

    fn fit(&self, data: &Dataset) -> Result<SisaModel> {
        self.check(data)?;
        let seats = Seats::of(self, data)?;
        let parts = parts(&seats, data, &self.all())?;
        let shards = parts.par_iter().map(|part| Shard::train(self, part)).collect::<Result<Vec<_>>>()?;
        let weights = stacking::weights(self, &shards, &seats, data)?;
        Ok(SisaModel { learner: self.clone(), columns: columns(self, data), seats, shards, weights })
    }

    fn load(&self, state: &[u8], data: &Dataset) -> Result<SisaModel> {
        state::read(self, state, data)
    }

    fn n_shards(&self) -> usize {
        self.params.n_shards as usize
    }

    fn replay(&self, model: &SisaModel, spans: Range<usize>, data: &Dataset) -> Result<SisaModel> {
        self.check(data)?;
        let (each, n) = (self.ends().len(), model.shards.len());
        if spans.is_empty() || spans.end > n * each {
            return Err(Error::NoPart { spans, n_checkpoints: n * each });
        }
        if n != self.n_shards() || !model.fits(data) {
            return Err(Error::Malformed { what: "model", reason: "other records or another recipe made it".to_owned() });
        }
        let seats = Seats::of(self, data)?;
        let affected: Vec<u32> = (0..self.params.n_shards).filter(|shard| !within(*shard, each, &spans).is_empty()).collect();
        let parts = parts(&seats, data, &affected)?;
        let replay = |(shard, part): (&u32, &Part)| model.shards[*shard as usize].replay(self, part, within(*shard, each, &spans));
        let mut replayed = affected.par_iter().zip(&parts).map(replay).collect::<Result<Vec<_>>>()?;
        let mut model = SisaModel { learner: self.clone(), seats, ..model.clone() };
        model.swap(&affected, &mut replayed);
        model.weights = stacking::weights(self, &model.shards, &model.seats, data)?;
        Ok(model)
    }

    fn n_units(&self) -> usize {
        self.n_shards()
    }

    fn unit_data(&self, unit: usize, data: &Dataset) -> Result<Dataset> {
        self.shard(data, u32::try_from(unit).unwrap_or(u32::MAX))
    }

    fn fit_units(&self, units: Range<usize>, data: &Dataset) -> Result<Vec<u8>> {
        self.params.check()?;
        if units.is_empty() || units.end > self.n_shards() {
            return Err(Error::NoPart { spans: units, n_checkpoints: self.n_shards() });
        }
        let shards: Vec<u32> = units.map(|unit| unit as u32).collect();
        let parts = parts(&Seats::of(self, data)?, data, &shards)?;
        let shards = parts.par_iter().map(|part| Shard::train(self, part)).collect::<Result<Vec<_>>>()?;
        Ok(state::units(self, &shards))
    }

    fn assemble(&self, outputs: &[Vec<u8>], data: &Dataset) -> Result<SisaModel> {
        self.check(data)?;
        let seats = Seats::of(self, data)?;
        let shards = state::assemble(self, outputs, &parts(&seats, data, &self.all())?)?;
        let weights = stacking::weights(self, &shards, &seats, data)?;
        Ok(SisaModel { learner: self.clone(), columns: columns(self, data), seats, shards, weights })
    }
}

impl Forget<SisaModel> for Sisa {
    fn forget(&self, model: &mut SisaModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        let leaving = model.seats.leaving(ids)?;
        if leaving.is_empty() {
            return Ok(Guarantee::Exact);
        }
        if !model.fits(retained) {
            *model = self.fit(retained)?;
            return Ok(Guarantee::Exact);
        }
        model.seats.remove(&leaving);
        let done = model.revise(&leaving, true, retained);
        if done.is_err() {
            model.seats.insert(&leaving);
        }
        done
    }

    fn learn(&self, model: &mut SisaModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        let joining = model.seats.joining(self, ids, retained)?;
        if joining.is_empty() {
            return Ok(Guarantee::Exact);
        }
        if !model.fits(retained) {
            *model = self.fit(retained)?;
            return Ok(Guarantee::Exact);
        }
        model.seats.insert(&joining);
        let done = model.revise(&joining, false, retained);
        if done.is_err() {
            model.seats.remove(&joining);
        }
        done
    }
}

impl Model for SisaModel {
    fn artefact(&self) -> Vec<u8> {
        artefact::write(self)
    }

    fn state(&self) -> Vec<u8> {
        state::write(self)
    }

    fn records(&self) -> u64 {
        self.seats.len() as u64
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        SisaArtefact::read(&self.artefact())?.predict(data)
    }

    /// Those of each shard: its checkpoints, also after slices before its first record, and its model.
    fn checkpoints(&self) -> Vec<Digest> {
        self.shards.par_iter().flat_map_iter(|shard| shard.digests(&self.learner)).collect()
    }
}

impl Sisa {
    /// How many records each slice of each shard would get of `data`, and what forgetting would cost.
    ///
    /// # Errors
    ///
    /// As `fit`, but for those of the base.
    pub fn sizes(&self, data: &Dataset) -> Result<ShardSizes> {
        self.params.check()?;
        Ok(ShardSizes::new(&self.params, self.n_slices(), Seats::of(self, data)?.iter().map(|seat| (seat.shard, seat.slice))))
    }

    /// The records of shard `shard` alone, as its model would see them.
    ///
    /// # Errors
    ///
    /// As [`Sisa::sizes`].
    pub fn shard(&self, data: &Dataset, shard: u32) -> Result<Dataset> {
        self.params.check()?;
        let parts = parts(&Seats::of(self, data)?, data, &[shard])?;
        Ok(parts.into_iter().next().map_or_else(|| data.clone(), |part| part.data))
    }

    /// Whether shards are trained slice by slice, with checkpoints: where the base could not revise a model, but goes on
    /// from a checkpoint.
    pub fn is_sliced(&self) -> bool {
        self.base.is_incremental() && !self.base.is_native() && self.params.n_slices > 1
    }

    /// The last slice of each span of a shard's training: those after which a checkpoint is kept, and the last.
    fn ends(&self) -> Vec<u32> {
        let last = self.n_slices() - 1;
        (0..=last).filter(|slice| *slice == last || self.params.keeps(*slice)).collect()
    }

    fn n_slices(&self) -> u32 {
        if self.is_sliced() { self.params.n_slices } else { 1 }
    }

    fn check(&self, data: &Dataset) -> Result<()> {
        self.params.check()?;
        if self.params.aggregation == Aggregation::Vote && self.task == Task::Regression {
            return Err(refuse("aggregation", "\"vote\" is for classification; regression has \"mean\" and \"stacked\""));
        }
        if data.is_empty() {
            // No shard would ask the base whether the columns suit it.
            self.base.fit(data)?;
        }
        Ok(())
    }

    fn all(&self) -> Vec<u32> {
        (0..self.params.n_shards).collect()
    }
}

impl SisaModel {
    /// How many checkpoints are kept beside the models.
    pub fn n_checkpoints(&self) -> usize {
        self.shards.iter().map(|shard| shard.checkpoints.len()).sum()
    }

    /// Whether the columns that matter are of the kinds that the model was made with.
    fn fits(&self, data: &Dataset) -> bool {
        self.columns == columns(&self.learner, data)
    }

    /// Lets the shards of `records` change, all of them or, if one fails, none. The seats have changed already.
    fn revise(&mut self, records: &Seated, leave: bool, retained: &Dataset) -> Result<Guarantee> {
        let mut changes: BTreeMap<u32, Seated> = BTreeMap::new();
        for (id, seat) in records {
            changes.entry(seat.shard).or_default().push((id.clone(), *seat));
        }
        let affected: Vec<u32> = changes.keys().copied().collect();
        let parts = parts(&self.seats, retained, &affected)?;
        let revise = |((shard, records), part): ((&u32, &Seated), &Part)| {
            let change = if leave { Change::Leave(records) } else { Change::Join(records) };
            self.shards[*shard as usize].changed(&self.learner, part, change)
        };
        let revised = changes.iter().zip(&parts).collect::<Vec<_>>().into_par_iter().map(revise).collect::<Result<Vec<_>>>()?;
        if retained.is_empty() {
            self.learner.check(retained)?;
        }
        let guarantee = revised.iter().fold(Guarantee::Exact, |all, (_, guarantee)| all.and(*guarantee));
        let mut others: Vec<Shard> = revised.into_iter().map(|(shard, _)| shard).collect();
        self.swap(&affected, &mut others);
        match stacking::weights(&self.learner, &self.shards, &self.seats, retained) {
            Ok(weights) => self.weights = weights,
            Err(error) => {
                self.swap(&affected, &mut others);
                return Err(error);
            }
        }
        Ok(guarantee)
    }

    fn swap(&mut self, places: &[u32], others: &mut [Shard]) {
        places.iter().zip(others).for_each(|(place, other)| std::mem::swap(&mut self.shards[*place as usize], other));
    }
}

/// Which spans of a shard's training, `each` in number, are among `spans` of the whole.
fn within(shard: u32, each: usize, spans: &Range<usize>) -> Range<usize> {
    let first = shard as usize * each;
    spans.start.saturating_sub(first).min(each)..spans.end.saturating_sub(first).min(each)
}

/// The records of each of `shards`, in their order. Kinds are those of the whole.
fn parts(seats: &Seats, data: &Dataset, shards: &[u32]) -> Result<Vec<Part>> {
    if seats.len() != data.len() {
        return Err(Error::Malformed { what: "request", reason: "the records left are not those of the model".to_owned() });
    }
    let (seats, whole) = (seats.iter().collect::<Vec<_>>(), data.with_kinds_declared());
    let part = |shard: &u32| {
        let mask: Vec<bool> = seats.iter().map(|seat| seat.shard == *shard).collect();
        let slices = seats.iter().filter(|seat| seat.shard == *shard).map(|seat| seat.slice).collect();
        Ok(Part { data: whole.filter(&mask)?, slices })
    };
    shards.par_iter().map(part).collect()
}

/// The columns that a model depends on, with their kinds.
fn columns(learner: &Sisa, data: &Dataset) -> Vec<(String, Kind)> {
    let matters = |role, name: &String| {
        matches!(role, Role::Feature | Role::Target | Role::Subject) || learner.params.deletion_probability.as_ref() == Some(name)
    };
    let columns = data.schema().columns.iter().filter(|column| matters(column.role, &column.name));
    columns.map(|column| (column.name.clone(), column.kind)).collect()
}

/// The union of the classes of shards, sorted.
fn classes(shards: &[Shard]) -> Vec<&str> {
    shards.iter().flat_map(|shard| shard.classes.iter().map(String::as_str)).collect::<BTreeSet<_>>().into_iter().collect()
}

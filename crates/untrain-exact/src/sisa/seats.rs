//! Where each record sits: its shard, and its slice of the shard.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;
use untrain_core::{Dataset, Error, Kind, Result, Seed, Values, one_of};

use super::Sisa;
use super::params::ShardBy;
use crate::members::{check_absent, check_known};

const PURPOSE_SHARD: u64 = 0x7368_6172_6400_0000; // "shard"
const PURPOSE_SUBJECT: u64 = 0x7375_626a_6563_7400; // "subject"
const PURPOSE_SLICE: u64 = 0x736c_6963_6500_0000; // "slice"

/// A shard and a slice of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// The shard, counted from 0.
    pub shard: u32,
    /// The slice of the shard, counted from 0.
    pub slice: u32,
}

impl Seat {
    /// The seat of a record where its id alone decides, as for [`ShardBy::Record`] without a probability of deletion: for those who
    /// shard what is no learner of this crate.
    pub fn of(seed: Seed, id: &str, n_shards: u32, n_slices: u32) -> Self {
        let shard = one_of(n_shards, seed.hash(PURPOSE_SHARD, id.as_bytes()));
        Self { shard, slice: one_of(n_slices, seed.hash(PURPOSE_SLICE, id.as_bytes())) }
    }
}

/// The seats of a model's records, in the order of their ids.
#[derive(Debug, Clone, Default)]
pub(super) struct Seats(BTreeMap<Arc<str>, Seat>);

/// Records and their seats.
pub(super) type Seated = Vec<(Arc<str>, Seat)>;

impl Seats {
    /// Seats that nobody but the record, or its subject, decides: they are a keyed hash.
    pub(super) fn of(learner: &Sisa, data: &Dataset) -> Result<Self> {
        let places: Vec<usize> = (0..data.len()).collect();
        Ok(Self(seated(learner, data, &places)?.into_iter().collect()))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All seats, in the order of the ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = Seat> + '_ {
        self.0.values().copied()
    }

    /// The records that are to leave.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownIds`] and [`Error::RepeatedIds`].
    pub(super) fn leaving(&self, ids: &[String]) -> Result<Seated> {
        check_known(ids, |id| self.0.contains_key(id))?;
        Ok(ids.iter().filter_map(|id| self.0.get_key_value(id.as_str())).map(|(id, seat)| (Arc::clone(id), *seat)).collect())
    }

    /// The records that are to join.
    ///
    /// # Errors
    ///
    /// As [`Dataset::positions`]; [`Error::AlreadyPresent`].
    pub(super) fn joining(&self, learner: &Sisa, ids: &[String], retained: &Dataset) -> Result<Seated> {
        let places = retained.positions(ids)?;
        check_absent(ids, |id| self.0.contains_key(id))?;
        seated(learner, retained, &places)
    }

    pub(super) fn remove(&mut self, records: &Seated) {
        records.iter().for_each(|(id, _)| _ = self.0.remove(id));
    }

    pub(super) fn insert(&mut self, records: &Seated) {
        self.0.extend(records.iter().map(|(id, seat)| (Arc::clone(id), *seat)));
    }
}

/// The records of `data` at `places` with their seats.
fn seated(learner: &Sisa, data: &Dataset, places: &[usize]) -> Result<Seated> {
    let Sisa { params, seed, .. } = learner;
    let subjects = match (params.shard_by, data.schema().subject()) {
        (ShardBy::Record, _) => None,
        (ShardBy::Subject, Some((place, _))) => Some(data.values(place)),
        (ShardBy::Subject, None) => {
            return Err(Error::Schema { reason: "no column is the subject, by which shard_by=subject would shard".to_owned() });
        }
    };
    let (probabilities, bins, n_slices) = (probabilities(learner, data)?, params.bins(), learner.n_slices());
    let seat = |place: &usize| {
        let id = data.id(*place);
        let bin = probabilities.map_or(0, |values| {
            let probability = values.number(*place).unwrap_or_default();
            params.deletion_thresholds.iter().filter(|threshold| probability >= **threshold).count()
        });
        let subject = subjects.and_then(|values| values.text(*place));
        let (first, n_shards) = bins[bin];
        let own = Seat::of(*seed, id, n_shards, n_slices);
        let shard = match &subject {
            Some(subject) => one_of(n_shards, seed.hash(PURPOSE_SUBJECT, subject.as_bytes())),
            None => own.shard,
        };
        (Arc::from(id), Seat { shard: first + shard, ..own })
    };
    Ok(places.par_iter().map(seat).collect())
}

fn probabilities<'a>(learner: &Sisa, data: &'a Dataset) -> Result<Option<Values<'a>>> {
    let Some(name) = &learner.params.deletion_probability else { return Ok(None) };
    let place = data.schema().position(name)?;
    if data.schema().columns[place].kind == Kind::Categorical {
        return Err(Error::Schema { reason: format!("\"{name}\" is text, and no probability") });
    }
    Ok(Some(data.values(place)))
}

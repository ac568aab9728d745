//! The canonical bytes of a model of shards (docs/format.md).

use std::collections::BTreeMap;
use std::sync::OnceLock;

use untrain_core::{Dataset, Learner as _, Model as _, Reader, Result, Writer};

use super::params::Aggregation;
use super::seats::Seats;
use super::shard::Shard;
use super::{Sisa, SisaModel, columns, parts};

const STATE: &[u8; 8] = b"UNTRsst\x01";

/// The bytes that forgetting needs besides the records themselves.
pub(super) fn write(model: &SisaModel) -> Vec<u8> {
    let mut out = Writer::new();
    write_learner(&model.learner, &mut out);
    out.varint(model.seats.len() as u64);
    for shard in &model.shards {
        let Shard { model, checkpoints, classes: _, digests: _ } = shard;
        bytes(&mut out, &model.as_ref().map(untrain_core::Model::state).unwrap_or_default());
        out.varint(checkpoints.len() as u64);
        for (slice, checkpoint) in checkpoints {
            out.varint(u64::from(*slice));
            bytes(&mut out, &checkpoint.state());
        }
    }
    model.weights.iter().for_each(|weight| out.f64(*weight));
    out.into_bytes()
}

/// Reads a state that `learner` made of `data`.
pub(super) fn read(learner: &Sisa, state: &[u8], data: &Dataset) -> Result<SisaModel> {
    let mut input = Reader::new("state of shards", state);
    let mut header = Writer::new();
    write_learner(learner, &mut header);
    let header = header.into_bytes();
    if input.raw(header.len())? != header {
        return Err(input.malformed("another recipe or format made it"));
    }
    if input.varint()? != data.len() as u64 {
        return Err(input.malformed("it is of other records"));
    }
    learner.check(data)?;
    let seats = Seats::of(learner, data)?;
    let mut shards = Vec::new();
    for part in parts(&seats, data, &learner.all())? {
        let n = input.count()?;
        let state = input.raw(n)?;
        if part.data.is_empty() != state.is_empty() {
            return Err(input.malformed("a shard has other records"));
        }
        let model = if state.is_empty() { None } else { Some(learner.base.load(state, &part.data)?) };
        let expected = part.checkpoints(learner);
        if input.count()? != expected.len() {
            return Err(input.malformed("a shard has other checkpoints"));
        }
        let mut checkpoints = BTreeMap::new();
        for slice in expected {
            if input.varint()? != u64::from(slice) {
                return Err(input.malformed("a shard has other checkpoints"));
            }
            let n = input.count()?;
            checkpoints.insert(slice, learner.base.load(input.raw(n)?, &part.seen(slice)?)?);
        }
        shards.push(Shard { model, checkpoints, classes: part.classes(learner.task), digests: OnceLock::new() });
    }
    let stacked =
        if learner.params.aggregation == Aggregation::Stacked { shards.iter().filter(|shard| shard.model.is_some()).count() } else { 0 };
    let weights = (0..stacked).map(|_| input.f64()).collect::<Result<_>>()?;
    input.end()?;
    Ok(SisaModel { learner: learner.clone(), columns: columns(learner, data), seats, shards, weights })
}

fn write_learner(learner: &Sisa, out: &mut Writer) {
    let Sisa { base: _, params, task, seed } = learner;
    out.raw(STATE);
    out.task(*task);
    out.u64(seed.0);
    params.write(out);
}

fn bytes(out: &mut Writer, bytes: &[u8]) {
    out.varint(bytes.len() as u64);
    out.raw(bytes);
}

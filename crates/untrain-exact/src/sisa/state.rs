//! The canonical bytes of a model of shards (docs/format.md).

use std::collections::BTreeMap;
use std::sync::OnceLock;

use untrain_core::{Dataset, Learner as _, Model as _, Reader, Result, Writer};

use super::params::Aggregation;
use super::seats::Seats;
use super::shard::{Part, Shard};
use super::{Sisa, SisaModel, columns, parts};

const STATE: &[u8; 8] = b"UNTRsst\x01";

/// The bytes that forgetting needs besides the records themselves.
pub(super) fn write(model: &SisaModel) -> Vec<u8> {
    let mut out = Writer::new();
    write_learner(&model.learner, &mut out);
    out.varint(model.seats.len() as u64);
    model.shards.iter().for_each(|shard| write_shard(shard, &mut out));
    model.weights.iter().for_each(|weight| out.f64(*weight));
    out.into_bytes()
}

/// Some shards, as [`write`] shows them.
pub(super) fn units(learner: &Sisa, shards: &[Shard]) -> Vec<u8> {
    let mut out = Writer::new();
    write_learner(learner, &mut out);
    out.varint(shards.len() as u64);
    shards.iter().for_each(|shard| write_shard(shard, &mut out));
    out.into_bytes()
}

/// The shards that `outputs` hold, as [`units`] wrote them; `parts` are the records of all.
pub(super) fn assemble(learner: &Sisa, outputs: &[Vec<u8>], parts: &[Part]) -> Result<Vec<Shard>> {
    let mut rest = parts.iter();
    let mut shards = Vec::with_capacity(parts.len());
    for bytes in outputs {
        let mut input = Reader::new("shards", bytes);
        read_learner(learner, &mut input)?;
        for _ in 0..input.count()? {
            let part = rest.next().ok_or_else(|| input.malformed("there are more than the recipe has"))?;
            shards.push(read_shard(learner, part, &mut input)?);
        }
        input.end()?;
    }
    if rest.next().is_some() {
        return Err(Reader::new("shards", &[]).malformed("some are missing"));
    }
    Ok(shards)
}

/// Reads a state that `learner` made of `data`.
pub(super) fn read(learner: &Sisa, state: &[u8], data: &Dataset) -> Result<SisaModel> {
    let mut input = Reader::new("state of shards", state);
    read_learner(learner, &mut input)?;
    if input.varint()? != data.len() as u64 {
        return Err(input.malformed("it is of other records"));
    }
    learner.check(data)?;
    let seats = Seats::of(learner, data)?;
    let mut shards = Vec::new();
    for part in parts(&seats, data, &learner.all())? {
        shards.push(read_shard(learner, &part, &mut input)?);
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

/// Reads what [`write_learner`] wrote, which is what it would write of `learner`.
fn read_learner(learner: &Sisa, input: &mut Reader<'_>) -> Result<()> {
    let mut header = Writer::new();
    write_learner(learner, &mut header);
    let header = header.into_bytes();
    if input.raw(header.len())? == header { Ok(()) } else { Err(input.malformed("another recipe or format made it")) }
}

fn write_shard(shard: &Shard, out: &mut Writer) {
    let Shard { model, checkpoints, classes: _, digests: _ } = shard;
    bytes(out, &model.as_ref().map(untrain_core::Model::state).unwrap_or_default());
    out.varint(checkpoints.len() as u64);
    for (slice, checkpoint) in checkpoints {
        out.varint(u64::from(*slice));
        bytes(out, &checkpoint.state());
    }
}

/// Reads the shard that `learner` made of `part`.
fn read_shard(learner: &Sisa, part: &Part, input: &mut Reader<'_>) -> Result<Shard> {
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
    Ok(Shard { model, checkpoints, classes: part.classes(learner.task), digests: OnceLock::new() })
}

fn bytes(out: &mut Writer, bytes: &[u8]) {
    out.varint(bytes.len() as u64);
    out.raw(bytes);
}

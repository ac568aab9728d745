//! Shadow models: what an audit compares. In many worlds a recipe is trained, forgets, and is trained again, and each model says
//! what it thinks of the same points.
//!
//! In world i about half of the points are *in*: the original is trained with them, and the candidate is the original after it
//! forgot them. Two retrained models never saw any point. Seeds differ from world to world and from role to role, and the records
//! that are retained are the same everywhere, so that nothing but the points and the seeds tells one model from another.

mod kept;
#[cfg(test)]
mod mutants;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use untrain_audit::{Ensemble, Membership, Outputs, Worlds};
use untrain_core::{AnyLearner, AnyModel, Dataset, Forget as _, Guarantee, Learner as _, Model as _, Predictions, Seed, Values, mix};

pub(crate) use kept::{Kept, erase};

use crate::{Error, Result};

const SEEDS: u64 = 0x776f_726c_6400_0000; // "world"
const OTHERS: u64 = 0x6f74_6865_7273_0000; // "others"
const SCRATCH: u64 = 0x7363_7261_7463_6800; // "scratch"

/// In how many worlds the candidate is compared, byte for byte, with a retrain of its own seed.
const REPLAYED: usize = 2;

/// In how many worlds copies of models learn the points again, where that takes less than to train, and in how many steps.
const RELEARNT: usize = 4;
const STEPS: usize = 10;

/// The least number of records that a retrain of equal cost is trained on: with fewer most learners have nothing to learn.
const LEAST_SCRATCH: usize = 20;

/// What is to be audited.
pub(crate) struct Study<'a> {
    /// The learner of a seed.
    pub(crate) learner: &'a (dyn Fn(Seed) -> Result<AnyLearner> + Sync),
    /// The training records, with the points.
    pub(crate) data: Dataset,
    /// The records that are forgotten, in the order of their ids.
    pub(crate) points: Dataset,
    /// Records that no model is trained on.
    pub(crate) holdout: Dataset,
    /// Some of the records that all models are trained on.
    pub(crate) retain: Dataset,
    /// Which points are in, in which world.
    pub(crate) bits: Membership,
    /// The key of the worlds' seeds.
    pub(crate) seed: Seed,
}

/// The kinds of models in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Trained with the points that are in.
    Original,
    /// The original after it forgot them.
    Candidate,
    /// Trained without any point.
    Retrained,
    /// The same with another seed.
    Second,
    /// The original after it forgot as many others.
    DoNothing,
    /// Trained on as many of the records as the time of forgetting suffices for.
    Scratch,
}

impl Role {
    pub(crate) const ALL: [Self; 6] = [Self::Original, Self::Candidate, Self::Retrained, Self::Second, Self::DoNothing, Self::Scratch];
}

/// What one model says of points.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    /// How many classes it knows; none for numbers.
    pub(crate) n_classes: Option<usize>,
    /// The class of each point as the model numbers them, where it knows it.
    pub(crate) labels: Vec<Option<usize>>,
    /// Probabilities row by row, or a number for each point.
    pub(crate) values: Vec<f64>,
    /// The true numbers, where numbers are predicted.
    pub(crate) targets: Vec<f64>,
}

/// What the models of a world say, in the order of [`Role::ALL`], each on the points, the holdout and the retained records.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct World {
    pub(crate) said: Vec<[Said; 3]>,
    /// What forgetting claims of the candidate.
    pub(crate) guarantee: Guarantee,
    /// Seconds that training the original took.
    pub(crate) train_seconds: f64,
    /// Seconds that forgetting took.
    pub(crate) forget_seconds: f64,
    /// How many records the retrain of equal cost was trained on.
    pub(crate) scratch_records: u64,
    /// Whether the candidate has the bytes of a retrain of its own seed, where that was looked at.
    pub(crate) replayed: Option<bool>,
    /// How copies learn the points again, where that was looked at.
    pub(crate) relearnt: Option<Relearnt>,
}

/// How sure copies of models are of the points that were forgotten, before they learn these again and after each step of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Relearnt {
    /// How sure the original is.
    pub(crate) original: f64,
    /// The candidate, a retrained model, and another.
    pub(crate) curves: [Vec<f64>; 3],
}

impl Study<'_> {
    /// The models of a world, and what they say.
    ///
    /// # Errors
    ///
    /// Those of the learner; [`Error::NotAudited`] for predictions that have no truth beside them.
    pub(crate) fn world(&self, world: usize) -> Result<World> {
        let (ins, outs) = self.sides(world);
        let (with, without) = self.sets(&outs)?;
        let learner = (self.learner)(self.seed_of(world, Role::Original))?;
        let timer = Instant::now();
        let original = learner.fit(&with)?;
        let train_seconds = timer.elapsed().as_secs_f64();
        let mut candidate = original.clone();
        let timer = Instant::now();
        let guarantee = learner.forget(&mut candidate, &ins, &without)?;
        let forget_seconds = timer.elapsed().as_secs_f64();
        let replayed = if world < REPLAYED {
            let again = learner.fit(&without)?;
            Some(again.digest() == candidate.digest() && again.state_digest() == candidate.state_digest())
        } else {
            None
        };
        let others = self.chosen(OTHERS, world, &without, ins.len());
        let mut nothing = original.clone();
        learner.forget(&mut nothing, &others, &with.without(&others)?)?;
        let retrain = |role| (self.learner)(self.seed_of(world, role))?.fit(&without).map_err(Error::from);
        let share = (forget_seconds / train_seconds.max(1e-9)).min(1.0);
        let mut n = ((share * without.len() as f64).ceil() as usize).max(LEAST_SCRATCH).min(without.len());
        let scratch_learner = (self.learner)(self.seed_of(world, Role::Scratch))?;
        // Some learners have no model of so few records, of one class for example: they get more.
        let scratch = loop {
            match scratch_learner.fit(&without.select(&self.chosen(SCRATCH, world, &without, n))?) {
                Err(_) if n < without.len() => n = (4 * n).min(without.len()),
                fitted => break fitted?,
            }
        };
        let (retrained, second) = (retrain(Role::Retrained)?, retrain(Role::Second)?);
        let said = [&original, &candidate, &retrained, &second, &nothing, &scratch];
        let said = said.into_iter().map(|model| self.said(model)).collect::<Result<Vec<_>>>()?;
        let relearnt = if world < RELEARNT && learner.is_native() {
            let learners = [Role::Original, Role::Retrained, Role::Second].map(|role| (self.learner)(self.seed_of(world, role)));
            self.relearnt(&original, [&candidate, &retrained, &second], learners, (&ins, &outs))?
        } else {
            None
        };
        Ok(World { said, guarantee, train_seconds, forget_seconds, scratch_records: n as u64, replayed, relearnt })
    }

    /// Has copies of models learn the points again that are in, a tenth at a time; none for models that say numbers.
    fn relearnt(
        &self,
        original: &AnyModel,
        models: [&AnyModel; 3],
        learners: [Result<AnyLearner>; 3],
        (ins, outs): (&[String], &[String]),
    ) -> Result<Option<Relearnt>> {
        let asked = self.points.select(ins)?;
        let sure = |model: &AnyModel| -> Result<Option<f64>> {
            let confidences = Said::of(model, &asked)?.outputs()?.confidences("relearning").ok();
            Ok(confidences.map(|of| of.iter().sum::<f64>() / of.len().max(1) as f64))
        };
        let Some(at_first) = sure(original)? else { return Ok(None) };
        let mut curves = [Vec::new(), Vec::new(), Vec::new()];
        for ((model, learner), curve) in models.into_iter().zip(learners).zip(&mut curves) {
            // The models that are audited stay as they are.
            let (learner, mut copy) = (learner?, model.clone());
            curve.extend(sure(&copy)?);
            for chunk in 1..=STEPS {
                let (from, to) = ((chunk - 1) * ins.len() / STEPS, chunk * ins.len() / STEPS);
                let missing: Vec<String> = outs.iter().chain(&ins[to..]).cloned().collect();
                learner.learn(&mut copy, &ins[from..to], &self.data.without(&missing)?)?;
                curve.extend(sure(&copy)?);
            }
        }
        Ok(Some(Relearnt { original: at_first, curves }))
    }

    /// The points that are in, and those that are out.
    pub(crate) fn sides(&self, world: usize) -> (Vec<String>, Vec<String>) {
        let bits = self.bits.row(world);
        let (ins, outs): (Vec<_>, Vec<_>) = self.points.ids().iter().flatten().zip(bits).partition(|(_, bit)| **bit);
        let ids = |side: Vec<(&str, &bool)>| side.into_iter().map(|(id, _)| id.to_owned()).collect();
        (ids(ins), ids(outs))
    }

    /// What the original of a world is trained on, whose points `outs` are out, and what models are trained on that see no point.
    pub(crate) fn sets(&self, outs: &[String]) -> Result<(Dataset, Dataset)> {
        let points: Vec<String> = self.points.ids().iter().flatten().map(str::to_owned).collect();
        Ok((self.data.without(outs)?, self.data.without(&points)?))
    }

    /// The seed of a model: of a world and a role.
    pub(crate) fn seed_of(&self, world: usize, role: Role) -> Seed {
        Seed(mix(self.seed.hash(SEEDS, &(world as u64).to_le_bytes()), role as u64))
    }

    /// `n` records by their smallest hashes.
    fn chosen(&self, purpose: u64, world: usize, of: &Dataset, n: usize) -> Vec<String> {
        let key = Seed(self.seed.hash(purpose, &(world as u64).to_le_bytes()));
        let mut hashed: Vec<(u64, &str)> = of.ids().iter().flatten().map(|id| (key.hash(purpose, id.as_bytes()), id)).collect();
        hashed.sort_unstable();
        hashed.into_iter().take(n).map(|(_, id)| id.to_owned()).collect()
    }

    fn said(&self, model: &AnyModel) -> Result<[Said; 3]> {
        Ok([Said::of(model, &self.points)?, Said::of(model, &self.holdout)?, Said::of(model, &self.retain)?])
    }

    /// What all worlds said, as an audit takes it. A role that could not be measured in a world is not measured at all.
    pub(crate) fn worlds(&self, worlds: &[World], canaries: Vec<usize>) -> Result<Worlds> {
        let ensemble = |role: Role| {
            let on = |set: usize| worlds.iter().map(|world| world.said[role as usize][set].outputs()).collect::<Result<Vec<_>>>();
            let some = |set: usize, data: &Dataset| if data.is_empty() { Ok(Vec::new()) } else { on(set) };
            Ok::<_, Error>(Ensemble { forget: on(0)?, holdout: some(1, &self.holdout)?, retain: some(2, &self.retain)? })
        };
        Ok(Worlds {
            bits: self.bits.clone(),
            candidate: ensemble(Role::Candidate)?,
            retrained: ensemble(Role::Retrained)?,
            second: ensemble(Role::Second)?,
            original: ensemble(Role::Original)?,
            scratch: Some(ensemble(Role::Scratch)?),
            do_nothing: Some(ensemble(Role::DoNothing)?),
            canaries,
        })
    }
}

impl Said {
    /// What a model says of records, beside what is true of them.
    ///
    /// # Errors
    ///
    /// [`Error::NotAudited`] for predictions that have no truth beside them.
    pub(crate) fn of(model: &AnyModel, data: &Dataset) -> Result<Self> {
        Self::from_predictions(model.predict(data)?, data)
    }

    /// As [`of`](Self::of), of predictions that are there.
    pub(crate) fn from_predictions(predictions: Predictions, data: &Dataset) -> Result<Self> {
        let target = data.schema().target().map(|(place, _)| data.values(place));
        match (predictions, target) {
            (Predictions::Classes { classes, probabilities, n }, Some(targets)) => {
                let label = |i| targets.text(i).and_then(|text| classes.iter().position(|class| *class == text));
                let labels = (0..n).map(label).collect();
                Ok(Self { n_classes: Some(classes.len()), labels, values: probabilities, targets: Vec::new() })
            }
            (Predictions::Numbers(values), Some(targets)) => {
                let values: Vec<f64> = values.into_iter().map(Option::unwrap_or_default).collect();
                let targets = (0..values.len()).map(|i| targets.number(i).unwrap_or_default()).collect();
                Ok(Self { n_classes: None, labels: Vec::new(), values, targets })
            }
            _ => Err(Error::NotAudited),
        }
    }

    /// The same for the audit's mathematics.
    pub(crate) fn outputs(&self) -> Result<Outputs> {
        Ok(match self.n_classes {
            Some(n) => Outputs::classes(n, self.values.clone(), self.labels.clone())?,
            None => Outputs::numbers(&self.values, &self.targets)?,
        })
    }
}

/// What `work` makes of each world, in their order; each world is worked on by one thread, so that what they take can be compared.
///
/// # Errors
///
/// The first of `work`; no further world is begun then.
pub(crate) fn in_worlds<T: Send>(n_worlds: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let (next, worlds) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let all = || -> Result<()> {
        loop {
            let world = next.fetch_add(1, Ordering::Relaxed);
            if world >= n_worlds {
                return Ok(());
            }
            let content = work(world)?;
            worlds.lock().unwrap_or_else(PoisonError::into_inner).insert(world, content);
        }
    };
    std::thread::scope(|scope| {
        let one_thread = || {
            let result = match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
                Ok(pool) => pool.install(all),
                Err(_) => all(),
            };
            if result.is_err() {
                next.store(n_worlds, Ordering::Relaxed);
            }
            result
        };
        let workers: Vec<_> = (0..rayon::current_num_threads().min(n_worlds.max(1))).map(|_| scope.spawn(one_thread)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    Ok(worlds.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect())
}

/// Records whose target is known, at most `n` of them by their smallest hashes.
pub(crate) fn sample(data: &Dataset, n: usize, seed: Seed, purpose: u64, without: &BTreeSet<String>) -> Result<Dataset> {
    let Some((place, _)) = data.schema().target() else { return Err(Error::NotAudited) };
    let values = data.values(place);
    let known = (0..data.len()).filter(|i| is_known(&values, *i) && !without.contains(data.id(*i)));
    let mut hashed: Vec<(u64, usize)> = known.map(|i| (seed.hash(purpose, data.id(i).as_bytes()), i)).collect();
    hashed.sort_unstable();
    let ids: Vec<String> = hashed.into_iter().take(n).map(|(_, i)| data.id(i).to_owned()).collect();
    Ok(data.select(&ids)?)
}

/// Whether a record has a target.
pub(crate) fn is_known(targets: &Values<'_>, i: usize) -> bool {
    targets.text(i).is_some()
}

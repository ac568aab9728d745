//! Perturb and repair: spoils some of the parameters, and trains on what is retained until the network works again.
//!
//! One operator; its presets are methods with names.

use untrain_core::{Seed, mix};

use super::bad_teacher::targets;
use super::curvature::mean_gradient;
use super::feed::{Feed, sampled};
use super::walk::Walk;
use super::{Done, Request, refusal};
use crate::error::Result;
use crate::layout::{Entry, Part};
use crate::loss::{cross_entropy, distillation};
use crate::network::Network;
use crate::noise::normal;
use crate::optimiser::Schedule;
use crate::train::{NormPolicy, recompute};

const NOISE: u64 = 0x7065_7274_7572_6200; // "perturb"

/// How parameters are spoilt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Perturbation {
    /// `(1 − share) θ + share θ'`, with `θ'` the parameters before training.
    Shrink {
        /// How much of what was learned goes, 0 to 1.
        share: f64,
    },
    /// In each kernel the weights that matter least for what is to be forgotten, and most for the rest, become what they were before
    /// training: those with the smallest `|∇[CE(as many retained) − CE(forget)]|`. Without convolutions, in each matrix.
    SmallestGradients {
        /// The share of each kernel.
        share: f64,
    },
    /// The two directions of every kernel change places. In a network of matrices alone those of the images that it reads do.
    Transpose,
    /// All parameters of blocks become what they were before training.
    Reset {
        /// How many blocks, from the input on.
        first: u32,
        /// How many blocks, from the output on.
        last: u32,
    },
    /// Noise on all weights, with a deviation in parts of that of each matrix or kernel.
    Noise {
        /// The deviation.
        deviation: f64,
    },
    /// In the matrices and kernels of the last blocks, the weights of least magnitude become what they were before training.
    SmallestWeights {
        /// The share of each.
        share: f64,
        /// How many blocks, from the output on.
        blocks: u32,
    },
}

/// What a network is repaired by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Teaching {
    /// Labels.
    Labels,
    /// What the network said before it was spoilt, at a temperature.
    Distillation {
        /// The temperature.
        temperature: f64,
    },
}

/// How the learning rate goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Course {
    /// It stays.
    Constant,
    /// Half a cosine.
    Cosine,
    /// It rises in the first epoch, and then falls to nothing, both along a line.
    WarmUp,
}

/// Spoils a network and repairs it.
#[derive(Debug, Clone, PartialEq)]
pub struct PerturbAndRepair {
    /// How it is spoilt.
    pub perturbation: Perturbation,
    /// What it is repaired by.
    pub teaching: Teaching,
    /// How many passes over what is retained repair it.
    pub n_epochs: u32,
    /// The length of steps.
    pub learning_rate: f32,
    /// How that goes on.
    pub course: Course,
    /// What the gradients of parameters that were not spoilt are multiplied with.
    pub slowness: f32,
}

impl PerturbAndRepair {
    /// Repairs by labels, with steps of one length, all parameters alike.
    pub fn by_labels(perturbation: Perturbation, n_epochs: u32, learning_rate: f32) -> Self {
        Self { perturbation, teaching: Teaching::Labels, n_epochs, learning_rate, course: Course::Constant, slowness: 1.0 }
    }

    /// Does both.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Diverged`]; [`untrain_core::Error::Unfit`] if there is nothing to transpose.
    pub fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let before = network.boxed();
        let spoilt = self.perturbation.apply(network, request)?;
        if request.training.norm == NormPolicy::Frozen {
            // What normalisation remembers belongs to the parameters before, and repairing will not change it.
            recompute(network, request.retain);
        }
        self.repair(network, before.as_ref(), request, &spoilt)?;
        let count = spoilt.iter().filter(|spoilt| **spoilt).count();
        Ok(Done::empirical(format!("after perturbing {count} parameters and {} epochs of repair", self.n_epochs)))
    }

    fn repair(&self, network: &mut dyn Network, teacher: &dyn Network, request: &Request<'_>, spoilt: &[bool]) -> Result<()> {
        let feed = Feed::new(request, request.retain);
        let mut walk = Walk::sgd(request, self.learning_rate);
        let (per_epoch, n_steps) = (feed.n_batches(), self.n_epochs as usize * feed.n_batches());
        for epoch in 0..self.n_epochs as usize {
            walk.epoch = epoch;
            for (_, batch) in feed.epoch(epoch) {
                walk.rate = self.learning_rate * self.course.factor(walk.step, per_epoch, n_steps);
                let mut found = match self.teaching {
                    Teaching::Labels => walk.gradient(network, &batch, &mut |logits| cross_entropy(logits, &batch.labels))?,
                    Teaching::Distillation { temperature } => {
                        let targets = targets(teacher, &batch, temperature);
                        walk.gradient(network, &batch, &mut |logits| distillation(logits, &targets, temperature))?
                    }
                };
                if self.slowness != 1.0 {
                    let kept = found.parameters.iter_mut().zip(spoilt).filter(|(_, spoilt)| !**spoilt);
                    kept.for_each(|(slope, _)| *slope *= self.slowness);
                }
                walk.take(network, &found);
            }
        }
        Ok(())
    }
}

impl Course {
    fn factor(self, step: usize, per_epoch: usize, n_steps: usize) -> f32 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine => Schedule::Cosine.factor(step, n_steps),
            Self::WarmUp if step < per_epoch => (step + 1) as f32 / per_epoch as f32,
            Self::WarmUp => (n_steps - step) as f32 / (n_steps - per_epoch).max(1) as f32,
        }
    }
}

impl Perturbation {
    /// Spoils the parameters, and marks those that it touched.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Unfit`] if there is nothing to transpose.
    pub fn apply(self, network: &mut dyn Network, request: &Request<'_>) -> Result<Vec<bool>> {
        let layout = network.layout().clone();
        match self {
            Self::Shrink { share } => {
                let pairs = network.parameters_mut().iter_mut().zip(request.fresh.parameters());
                pairs.for_each(|(value, fresh)| *value = ((1.0 - share) * f64::from(*value) + share * f64::from(*fresh)) as f32);
                Ok(layout.mask(|_| true))
            }
            Self::SmallestGradients { share } => {
                let importance = contrast(network, request);
                let kernels = layout.entries().iter().any(is_kernel);
                let entries = layout.entries().iter().filter(|entry| if kernels { is_kernel(entry) } else { entry.part == Part::Weight });
                Ok(begin_anew(network, request, entries, share, |i, _| importance[i].abs()))
            }
            Self::Transpose => transpose(network, request),
            Self::Reset { first, last } => {
                let (first, last) = (first as usize, layout.n_blocks().saturating_sub(last as usize));
                let mask = layout.mask(|entry| entry.block < first || entry.block >= last);
                let places = network.parameters_mut().iter_mut().zip(request.fresh.parameters()).zip(&mask);
                places.filter(|(_, spoilt)| **spoilt).for_each(|((value, fresh), _)| *value = *fresh);
                Ok(mask)
            }
            Self::Noise { deviation } => {
                for entry in layout.entries().iter().filter(|entry| entry.part == Part::Weight) {
                    let values = &mut network.parameters_mut()[entry.range.clone()];
                    let key = request.seed.hash(NOISE, entry.name.as_bytes());
                    let scale = deviation * spread(values);
                    values.iter_mut().enumerate().for_each(|(i, value)| *value += (scale * normal(key, i as u64)) as f32);
                }
                Ok(layout.mask(|entry| entry.part == Part::Weight))
            }
            Self::SmallestWeights { share, blocks } => {
                let first = layout.n_blocks().saturating_sub(blocks as usize);
                let entries = layout.entries().iter().filter(|entry| entry.part == Part::Weight && entry.block >= first);
                Ok(begin_anew(network, request, entries, share, |_, value| f64::from(value.abs())))
            }
        }
    }
}

fn is_kernel(entry: &Entry) -> bool {
    entry.part == Part::Weight && entry.shape.len() == 4
}

/// The standard deviation.
fn spread(values: &[f32]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / n;
    let squares = values.iter().map(|value| (f64::from(*value) - mean) * (f64::from(*value) - mean));
    (squares.sum::<f64>() / n).sqrt()
}

/// `∇[CE(as many retained examples) − CE(forget)]`.
fn contrast(network: &dyn Network, request: &Request<'_>) -> Vec<f64> {
    let some = sampled(request.retain, request.forget.len(), Seed(mix(request.seed.0, NOISE)));
    let (retain, forget) = (mean_gradient(network, &some).1, mean_gradient(network, request.forget).1);
    retain.iter().zip(forget).map(|(retain, forget)| retain - forget).collect()
}

/// Makes a share of each entry, that of least rank, what it was before training.
fn begin_anew<'a>(
    network: &mut dyn Network,
    request: &Request<'_>,
    entries: impl Iterator<Item = &'a Entry>,
    share: f64,
    rank: impl Fn(usize, f32) -> f64,
) -> Vec<bool> {
    let parameters = network.parameters_mut();
    let mut mask = vec![false; parameters.len()];
    for entry in entries {
        let ranks: Vec<f64> = entry.range.clone().map(|i| rank(i, parameters[i])).collect();
        let mut order: Vec<usize> = (0..ranks.len()).collect();
        order.sort_by(|a, b| ranks[*a].total_cmp(&ranks[*b]));
        let n = (share * ranks.len() as f64).round() as usize;
        for place in order.into_iter().take(n).map(|i| entry.range.start + i) {
            parameters[place] = request.fresh.parameters()[place];
            mask[place] = true;
        }
    }
    mask
}

fn transpose(network: &mut dyn Network, request: &Request<'_>) -> Result<Vec<bool>> {
    let layout = network.layout().clone();
    let mut mask = vec![false; layout.len()];
    for entry in layout.entries().iter().filter(|entry| is_kernel(entry) && entry.shape[2] == entry.shape[3] && entry.shape[2] > 1) {
        planes(&mut network.parameters_mut()[entry.range.clone()], entry.shape[2]);
        mask[entry.range.clone()].fill(true);
    }
    let shape = request.retain.shape();
    let reads = layout.entries().first().filter(|entry| {
        entry.part == Part::Weight
            && entry.shape.len() == 2
            && shape.height == shape.width
            && shape.height > 1
            && entry.shape[1] == shape.len()
    });
    if let Some(entry) = reads {
        planes(&mut network.parameters_mut()[entry.range.clone()], shape.height);
        mask[entry.range.clone()].fill(true);
    }
    if mask.iter().any(|spoilt| *spoilt) {
        return Ok(mask);
    }
    let reason = "ct transposes kernels, and this network has none with two directions of the same length";
    Err(refusal(reason, "use shrink_perturb or msg, which serve any network"))
}

/// Transposes square planes, one after another.
fn planes(values: &mut [f32], side: usize) {
    for plane in values.chunks_exact_mut(side * side) {
        (0..side).for_each(|y| (0..y).for_each(|x| plane.swap(y * side + x, x * side + y)));
    }
}

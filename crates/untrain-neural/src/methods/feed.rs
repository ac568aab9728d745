//! How examples come to a method: epochs of batches, without end if need be, and parts held apart.

use untrain_core::{Seed, mix};

use crate::augment::Augmentation;
use crate::batch::Batch;
use crate::examples::Examples;

use super::Request;

const ORDER: u64 = 0x6665_6564_0000_0000; // "feed"
const CHANGE: u64 = 0x6665_6564_6368_0000; // "feedch"
const APART: u64 = 0x6170_6172_7400_0000; // "apart"

/// Examples in a keyed order, changed as the training changed them.
#[derive(Clone, Copy)]
pub(super) struct Feed<'a> {
    examples: &'a Examples,
    size: usize,
    augmentation: Augmentation,
    seed: Seed,
}

impl<'a> Feed<'a> {
    /// Batches as large as the training's.
    pub(super) fn new(request: &Request<'_>, examples: &'a Examples) -> Self {
        Self::of_size(request, examples, request.training.batch_size)
    }

    /// Batches of another size.
    pub(super) fn of_size(request: &Request<'_>, examples: &'a Examples, size: usize) -> Self {
        Self { examples, size: size.max(1), augmentation: request.training.augmentation, seed: request.seed }
    }

    /// Examples as they are.
    pub(super) fn plain(self) -> Self {
        Self { augmentation: Augmentation::None, ..self }
    }

    pub(super) fn n_batches(&self) -> usize {
        self.examples.len().div_ceil(self.size)
    }

    fn order(&self, epoch: usize) -> Vec<Vec<usize>> {
        self.examples.batches(self.size, mix(self.seed.0 ^ ORDER, epoch as u64))
    }

    fn batch(&self, epoch: usize, places: &[usize]) -> Batch {
        self.examples.augmented(places, self.augmentation, mix(self.seed.0 ^ CHANGE, epoch as u64))
    }

    /// The batches of an epoch, each with the places of its examples.
    pub(super) fn epoch(self, epoch: usize) -> impl Iterator<Item = (Vec<usize>, Batch)> + 'a {
        self.order(epoch).into_iter().map(move |places| {
            let batch = self.batch(epoch, &places);
            (places, batch)
        })
    }

    /// Epoch after epoch, without end; there has to be an example.
    pub(super) fn cycle(self) -> impl Iterator<Item = Batch> + 'a {
        (0..).flat_map(move |epoch| self.epoch(epoch)).map(|(_, batch)| batch)
    }
}

/// The places of some examples: those that a hash of the key under the seed puts first.
pub(super) fn sample(examples: &Examples, n: usize, seed: Seed) -> Vec<usize> {
    let mut order: Vec<(u64, usize)> = examples.keys().iter().enumerate().map(|(i, key)| (mix(*key, seed.0 ^ APART), i)).collect();
    order.sort_unstable();
    order.into_iter().take(n).map(|(_, i)| i).collect()
}

/// Some examples, by a hash of the key under the seed, in that order.
pub(super) fn sampled(examples: &Examples, n: usize, seed: Seed) -> Examples {
    examples.select(&sample(examples, n, seed))
}

/// Holds a part of `examples` apart: the rest, and up to `wanted[class]` of each class but never more than half of a class.
pub(super) fn apart(examples: &Examples, wanted: &[usize], seed: Seed) -> (Examples, Examples) {
    let there = counts(examples);
    let mut left: Vec<usize> = there.iter().zip(wanted).map(|(there, wanted)| (*there / 2).min(*wanted)).collect();
    let (mut held, mut rest) = (Vec::new(), Vec::new());
    for place in sample(examples, examples.len(), seed) {
        let left = &mut left[examples.labels()[place] as usize];
        if *left > 0 {
            *left -= 1;
            held.push(place);
        } else {
            rest.push(place);
        }
    }
    (examples.select(&rest), examples.select(&held))
}

/// How many examples each class has.
pub(super) fn counts(examples: &Examples) -> Vec<usize> {
    let mut counts = vec![0; examples.n_classes()];
    examples.labels().iter().for_each(|label| counts[*label as usize] += 1);
    counts
}

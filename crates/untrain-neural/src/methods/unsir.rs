//! UNSIR: noise that the network cannot tell from the class impairs it, and what is retained repairs it.

use serde::{Deserialize, Serialize};
use untrain_core::hyperparameters::{Hyperparameters, within};
use untrain_core::mix;

use super::feed::{Feed, counts, sample};
use super::ranges::{between, rate};
use super::walk::Walk;
use super::{Done, Request, Unlearn, refusal};
use crate::batch::Batch;
use crate::error::Result;
use crate::examples::Examples;
use crate::layers::Statistics;
use crate::loss::cross_entropy;
use crate::network::Network;
use crate::noise::normal;
use crate::optimiser::{Optimiser, Rule};

const NOISE: u64 = 0x756e_7369_7200_0000; // "unsir"
const ORDER: u64 = 0x756e_7369_726f_0000; // "unsiro"

/// For each class to forget: noise `N = arg max CE(N, class) − 0.1 mean ‖N‖²`; an epoch of steps on that noise, labelled with that
/// class, among retained examples; an epoch on retained examples alone \[@tarun2023\].
///
/// Noise carries the label of the class that it was made for; published code labels all of it 0.
///
/// # Guarantee
///
/// None beyond what an audit measures. It is for whole classes.
///
/// # Errors
///
/// [`untrain_core::Error::Unfit`] if every retained example is of a class of the forget set.
///
/// # Complexity
///
/// `n_noise_steps` gradients of `noise_batch_size` for each class, a pass over the impairing examples, and one over what is retained.
/// It stops after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Unsir {
    /// How many pieces of noise each class gets, 1 to 4096.
    pub noise_batch_size: u32,
    /// How many steps the noise is made in, 1 to 10000.
    pub n_noise_steps: u32,
    /// The length of the noise's steps, over 0 to 100.
    pub noise_rate: f32,
    /// How strongly noise is kept small, 0 to 100.
    pub penalty: f64,
    /// How often each piece of noise impairs, 1 to 1000.
    pub n_noise_batches: u32,
    /// How many examples of each retained class are among it, 0 to 1000000.
    pub n_per_class: u32,
    /// The length of Adam's steps that impair, over 0 to 100.
    pub impair_rate: f32,
    /// The length of Adam's steps that repair, over 0 to 100.
    pub repair_rate: f32,
}

impl Default for Unsir {
    fn default() -> Self {
        let (impair_rate, repair_rate) = (0.02, 0.01);
        let (noise_batch_size, n_noise_steps, noise_rate, penalty) = (64, 40, 0.1, 0.1);
        Self { noise_batch_size, n_noise_steps, noise_rate, penalty, n_noise_batches: 20, n_per_class: 1000, impair_rate, repair_rate }
    }
}

impl Hyperparameters for Unsir {
    fn check(&self) -> untrain_core::Result<()> {
        within("noise_batch_size", self.noise_batch_size, 1, 4096)?;
        within("n_noise_steps", self.n_noise_steps, 1, 10_000)?;
        rate("noise_rate", self.noise_rate)?;
        between("penalty", self.penalty, 0.0, 100.0)?;
        within("n_noise_batches", self.n_noise_batches, 1, 1000)?;
        within("n_per_class", self.n_per_class, 0, 1_000_000)?;
        rate("impair_rate", self.impair_rate)?;
        rate("repair_rate", self.repair_rate)
    }
}

impl Unlearn for Unsir {
    fn apply(&self, network: &mut dyn Network, request: &Request<'_>) -> Result<Done> {
        let forget = counts(request.forget);
        let others: Vec<usize> = (0..request.retain.len()).filter(|i| forget[request.retain.labels()[*i] as usize] == 0).collect();
        if others.is_empty() {
            let reason = "unsir forgets whole classes, and every retained example is of a class that is to be forgotten";
            return Err(refusal(reason, "use a method for a random subset, such as neggrad_plus or msg"));
        }
        let classes: Vec<u32> = (0..forget.len()).filter(|class| forget[*class] > 0).map(|class| class as u32).collect();
        let noise = classes.iter().map(|class| self.noise(network, request, *class));
        let noise = noise.reduce(|noise, other| noise.followed_by(&other)).unwrap_or_else(|| request.forget.batch(&[]));
        self.impair(network, request, &noise, &others)?;
        let mut walk = Walk::adam(request, self.repair_rate);
        walk.epoch = 1;
        for (_, batch) in Feed::new(request, request.retain).epoch(1) {
            walk.down(network, &batch, &mut |logits| cross_entropy(logits, &batch.labels))?;
        }
        Ok(Done::empirical(format!("after noise for each class to forget ({}) and one epoch of repair", classes.len())))
    }
}

impl Unsir {
    /// Noise for a class, labelled with it.
    pub(super) fn noise(&self, network: &dyn Network, request: &Request<'_>, class: u32) -> Batch {
        let (shape, n) = (request.forget.shape(), self.noise_batch_size as usize);
        let key = mix(request.seed.0 ^ NOISE, u64::from(class));
        let values = (0..n * shape.len()).map(|i| normal(key, i as u64) as f32).collect();
        let mut batch = Batch::new(shape, values, vec![class; n]);
        let mut optimiser = Optimiser::new(Rule::Adam, 0.0, 0.0);
        for _ in 0..self.n_noise_steps {
            let labels = batch.labels.clone();
            let mut loss = |logits: &crate::batch::Logits| cross_entropy(logits, &labels);
            let mut slopes = network.gradient(&batch, Statistics::Remembered, &mut loss, true).inputs;
            let weight = 2.0 * self.penalty / n as f64;
            let values = batch.values_mut();
            slopes.iter_mut().zip(values.iter()).for_each(|(slope, value)| *slope = (weight * f64::from(*value)) as f32 - *slope);
            optimiser.step(values, &slopes, self.noise_rate, None);
        }
        batch
    }

    /// An epoch over the noise, so many times, and examples of the retained classes, all in a keyed order.
    fn impair(&self, network: &mut dyn Network, request: &Request<'_>, noise: &Batch, others: &[usize]) -> Result<()> {
        let retain: Examples = request.retain.select(others);
        let mut left = vec![self.n_per_class; retain.n_classes()];
        let chosen = sample(&retain, retain.len(), request.seed).into_iter().filter(|place| {
            let left = &mut left[retain.labels()[*place] as usize];
            let taken = *left > 0;
            *left = left.saturating_sub(1);
            taken
        });
        let n_noise = noise.len() * self.n_noise_batches as usize;
        let mut places: Vec<(u64, Piece)> =
            chosen.map(|place| (mix(retain.keys()[place], request.seed.0 ^ ORDER), Piece::Kept(place))).collect();
        places.extend((0..n_noise).map(|i| (mix(request.seed.0 ^ ORDER, i as u64), Piece::Noise(i % noise.len()))));
        places.sort_unstable();
        let mut walk = Walk::adam(request, self.impair_rate);
        for chunk in places.chunks(request.training.batch_size.max(1)) {
            let kept: Vec<usize> =
                chunk.iter().filter_map(|(_, piece)| if let Piece::Kept(place) = piece { Some(*place) } else { None }).collect();
            let mut batch = retain.augmented(&kept, request.training.augmentation, request.seed.0 ^ ORDER);
            for (_, piece) in chunk {
                if let Piece::Noise(i) = piece {
                    batch = batch.followed_by(&Batch::new(noise.shape(), noise.values(*i..i + 1).to_vec(), vec![noise.labels[*i]]));
                }
            }
            walk.down(network, &batch, &mut |logits| cross_entropy(logits, &batch.labels))?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Kept(usize),
    Noise(usize),
}

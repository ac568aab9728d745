//! Training: epochs of batches in a keyed order, from any point on to the same bits.

use serde::{Deserialize, Serialize};
use untrain_core::{Reader, Seed, Writer, mix};

use crate::augment::Augmentation;
use crate::error::{Error, Result};
use crate::examples::Examples;
use crate::layers::Statistics;
use crate::loss::cross_entropy;
use crate::network::Network;
use crate::optimiser::{Optimiser, Rule, Schedule};

const ORDER: u64 = 0x6f72_6465_7200_0000; // "order"
const CHANGE: u64 = 0x6368_616e_6765_0000; // "change"

/// How much of what normalisation remembers is replaced by what a batch says.
const MOMENTUM: f32 = 0.1;

/// What batch normalisation does in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormPolicy {
    /// It uses the statistics of the chunk, and remembers a running mean of them.
    #[default]
    Train,
    /// It uses what it remembers, and does not change it.
    Frozen,
    /// As `train`; at the end what it remembers is the mean over the examples.
    Recompute,
}

/// How a network is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// How often every example is seen.
    pub n_epochs: usize,
    /// How many examples a step is made from.
    pub batch_size: usize,
    /// The length of steps.
    pub learning_rate: f32,
    /// How it goes on.
    pub schedule: Schedule,
    /// The rule of steps.
    pub rule: Rule,
    /// How much of a step goes on.
    pub momentum: f32,
    /// How strongly parameters are drawn to zero.
    pub weight_decay: f32,
    /// How images are changed.
    pub augmentation: Augmentation,
    /// What normalisation does.
    pub norm: NormPolicy,
    /// The key of the order and the changes.
    pub seed: Seed,
}

/// Where a training stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// How many steps have been made.
    pub step: usize,
    /// How many there are.
    pub n_steps: usize,
    /// The loss of the last batch.
    pub loss: f64,
    /// What takes the steps.
    pub optimiser: Optimiser,
}

impl Training {
    /// The start of a training on so many examples.
    pub fn start(&self, n: usize) -> Progress {
        let n_steps = self.n_epochs * n.div_ceil(self.batch_size.max(1));
        Progress { step: 0, n_steps, loss: 0.0, optimiser: Optimiser::new(self.rule, self.momentum, self.weight_decay) }
    }

    /// Trains from `progress` on until the end, or until `watch`, which is asked after every step, says to stop.
    ///
    /// # Errors
    ///
    /// [`Error::Diverged`] if the loss or its gradient is not finite any more; the network is then as it was before that step. If it is the
    /// last step that leads a parameter to infinity, the network has it.
    pub fn run(
        &self,
        network: &mut dyn Network,
        examples: &Examples,
        progress: &mut Progress,
        watch: &mut dyn FnMut(&dyn Network, &Progress) -> bool,
    ) -> Result<()> {
        let per_epoch = examples.len().div_ceil(self.batch_size.max(1)).max(1);
        while progress.step < progress.n_steps {
            let epoch = (progress.step / per_epoch) as u64;
            let batches = examples.batches(self.batch_size, mix(self.seed.0 ^ ORDER, epoch));
            for places in &batches[progress.step % per_epoch..] {
                let batch = examples.augmented(places, self.augmentation, mix(self.seed.0 ^ CHANGE, epoch));
                let statistics = if self.norm == NormPolicy::Frozen { Statistics::Remembered } else { Statistics::Chunk };
                let found = network.gradient(&batch, statistics, &mut |logits| cross_entropy(logits, &batch.labels), false);
                // A NaN has other bits on other machines, so that none may get into a network.
                if !found.loss.is_finite() || !all_finite(&found.parameters) {
                    return Err(Error::Diverged { step: progress.step + 1, epoch: epoch as usize + 1, loss: found.loss });
                }
                let rate = self.learning_rate * self.schedule.factor(progress.step, progress.n_steps);
                progress.optimiser.step(network.parameters_mut(), &found.parameters, rate, None);
                remember(network, &found.statistics);
                progress.step += 1;
                progress.loss = found.loss;
                if !watch(network, progress) {
                    return Ok(());
                }
            }
        }
        if self.norm == NormPolicy::Recompute {
            recompute(network, examples);
        }
        refuse_infinite(network, progress.step, self.n_epochs)
    }

    /// The progress, and in `network` the numbers, that [`Progress::write`] wrote of this training.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Malformed`].
    pub fn resume(&self, network: &mut dyn Network, bytes: &[u8], start: Progress) -> Result<Progress> {
        let mut input = Reader::new("unfinished training", bytes);
        let step = input.at_most(start.n_steps)?;
        let n_steps = input.at_most(u32::MAX as usize)? as u32;
        let (parameters, buffers) = (network.parameters().len(), network.buffers().len());
        let mut read = |n: usize| (0..n).map(|_| input.f32()).collect::<Result<Vec<_>, _>>();
        let (new_parameters, new_buffers) = (read(parameters)?, read(buffers)?);
        let first = read(parameters)?;
        let second = read(if self.rule == Rule::Sgd { 0 } else { parameters })?;
        input.end()?;
        network.parameters_mut().copy_from_slice(&new_parameters);
        network.buffers_mut().copy_from_slice(&new_buffers);
        Ok(Progress { step, optimiser: start.optimiser.remembering(first, second, n_steps), ..start })
    }

    /// Trains from the start to the end.
    ///
    /// # Errors
    ///
    /// As [`Training::run`].
    pub fn train(&self, network: &mut dyn Network, examples: &Examples) -> Result<()> {
        self.run(network, examples, &mut self.start(examples.len()), &mut |_, _| true)
    }
}

impl Progress {
    /// All that is needed to go on with the training of a network that has made a step.
    pub fn write(&self, network: &dyn Network) -> Vec<u8> {
        let mut out = Writer::new();
        let (first, second, n_steps) = self.optimiser.memory();
        out.varint(self.step as u64);
        out.varint(u64::from(n_steps));
        network.parameters().iter().chain(network.buffers()).chain(first).chain(second).for_each(|value| out.f32(*value));
        out.into_bytes()
    }
}

/// Refuses a network after a step of an epoch if a number of it is none, or infinite.
pub(crate) fn refuse_infinite(network: &dyn Network, step: usize, epoch: usize) -> Result<()> {
    let numbers = network.parameters().iter().chain(network.buffers());
    let lost = numbers.copied().find(|value| !value.is_finite());
    lost.map_or(Ok(()), |value| Err(Error::Diverged { step, epoch, loss: f64::from(value) }))
}

/// Whether all are numbers, and none is infinite; without a branch, so that it takes no time beside a step.
fn all_finite(values: &[f32]) -> bool {
    values.iter().fold(true, |all, value| all & value.is_finite())
}

/// Lets normalisation remember a little of what it saw in a batch.
pub fn remember(network: &mut dyn Network, statistics: &[f32]) {
    let moved = network.buffers_mut().iter_mut().zip(statistics);
    moved.for_each(|(value, seen)| *value = (1.0 - MOMENTUM) * *value + MOMENTUM * seen);
}

/// Makes what normalisation remembers the mean of what it sees in all examples.
pub fn recompute(network: &mut dyn Network, examples: &Examples) {
    let mut mean = vec![0.0_f64; network.buffers().len()];
    if mean.is_empty() || examples.is_empty() {
        return;
    }
    for (range, batch) in examples.pieces() {
        let found = network.gradient(&batch, Statistics::Chunk, &mut |logits| (0.0, logits.zeros_like()), false);
        let share = range.len() as f64 / examples.len() as f64;
        mean.iter_mut().zip(&found.statistics).for_each(|(mean, value)| *mean += share * f64::from(*value));
    }
    network.buffers_mut().iter_mut().zip(mean).for_each(|(value, mean)| *value = mean as f32);
}

/// The share of examples whose class is said to be the likeliest.
pub fn accuracy(network: &dyn Network, examples: &Examples) -> f64 {
    let mut right = 0;
    for (_, batch) in examples.pieces() {
        let logits = network.logits(&batch);
        right += (0..batch.len()).filter(|i| likeliest(logits.row(*i)) == batch.labels[*i]).count();
    }
    right as f64 / examples.len().max(1) as f64
}

/// The class with the largest logit; of equals the first.
pub fn likeliest(row: &[f32]) -> u32 {
    (0..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best }) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Architecture;
    use crate::examples::Source;
    use crate::layers::Shape;
    use crate::network::Layered;

    /// The step that leads to infinity may be the last one, after which no loss tells.
    #[test]
    fn a_training_ends_with_numbers_or_says_at_which_step_there_were_none() {
        let shape = Shape { channels: 2, height: 1, width: 1 };
        let values = vec![1.0, -2.0, 3.0, 0.5, -1.0, 4.0];
        let examples = Examples::new(shape, 2, Source::Rows(values), vec![0, 1, 0], vec![1, 2, 3]);
        let (mut ended, mut diverged) = (0, 0);
        for (exponent, n_epochs) in (0..39).flat_map(|exponent| (1..6).map(move |n_epochs| (exponent, n_epochs))) {
            let training = Training {
                n_epochs,
                batch_size: 2,
                learning_rate: 10.0_f32.powi(exponent),
                schedule: Schedule::Constant,
                rule: Rule::Sgd,
                momentum: 0.9,
                weight_decay: 1e-3,
                augmentation: Augmentation::None,
                norm: NormPolicy::Train,
                seed: Seed(3),
            };
            let architecture = Architecture::Mlp { hidden: vec![3] };
            let mut network = Layered::new(architecture, shape, 2, 2, Seed(1)).unwrap_or_else(|error| panic!("{error}"));
            match training.train(&mut network, &examples) {
                Ok(()) => {
                    assert!(all_finite(network.parameters()), "{exponent} {n_epochs}");
                    ended += 1;
                }
                Err(Error::Diverged { .. }) => diverged += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(ended > 0 && diverged > 0, "{ended} {diverged}");
    }
}

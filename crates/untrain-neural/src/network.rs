//! The seam between networks and what is done to them: logits, gradients, directions, parameters by name.
//!
//! Training and every unlearning method is written against [`Network`] alone, so that whoever has those few operations of another
//! kind of network gets all of them. [`Layered`] is ours.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use untrain_core::{Reader, Result, Seed, Writer};

use crate::architecture::{Architecture, Blueprint};
use crate::batch::{Batch, Logits};
#[cfg(feature = "cuda")]
use crate::device;
use crate::initial;
#[cfg(feature = "cuda")]
use crate::layers::Chain;
use crate::layers::{Found, Layer as _, Pass, Shape, Statistics, Tape};
use crate::layout::{Entry, Layout};
use crate::memory;

/// How many numbers the gradients of examples have that a thread finds at one time.
const MOST_GRADIENTS: usize = 1 << 22;

/// What a loss makes of the logits of a batch: its value, and its gradient in the logits.
pub type Loss<'a> = dyn FnMut(&Logits) -> (f64, Logits) + 'a;

/// What a pass over a batch finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// The value of the loss.
    pub loss: f64,
    /// Its gradient in the parameters.
    pub parameters: Vec<f32>,
    /// Its gradient in the inputs, if that was asked for.
    pub inputs: Vec<f32>,
    /// The mean over chunks of the statistics that normalisation saw, as the buffers have them; empty without any.
    pub statistics: Vec<f32>,
}

/// A differentiable classifier with named parameters.
///
/// # Contract
///
/// Every result is a pure function of the network and the arguments: not of threads, and not of what was asked before.
pub trait Network: Send + Sync {
    /// The parameters that gradients move, by name.
    fn layout(&self) -> &Layout;
    /// Their values.
    fn parameters(&self) -> &[f32];
    /// Their values, to be changed.
    fn parameters_mut(&mut self) -> &mut [f32];
    /// The statistics that normalisation remembers, by name.
    fn buffer_layout(&self) -> &Layout;
    /// Their values.
    fn buffers(&self) -> &[f32];
    /// Their values, to be changed.
    fn buffers_mut(&mut self) -> &mut [f32];
    /// How many classes it tells apart.
    fn n_classes(&self) -> usize;
    /// A copy.
    fn boxed(&self) -> Box<dyn Network>;
    /// A copy that tells another number of classes apart: the first ones as before, new ones as a network begins.
    ///
    /// # Errors
    ///
    /// As the network's making.
    fn with_classes(&self, n_classes: usize, seed: Seed) -> Result<Box<dyn Network>>;
    /// What its last layer makes the logits of, `(n, features)`.
    fn features(&self, batch: &Batch) -> Logits;
    /// What it says of each example, `(n, classes)`.
    fn logits(&self, batch: &Batch) -> Logits;
    /// The gradient of a loss of all logits of a batch; that in the inputs only if it is `wanted`.
    fn gradient(&self, batch: &Batch, statistics: Statistics, loss: &mut Loss<'_>, wanted: bool) -> Gradient;
    /// The gradient of each example by itself, in order: `loss` gets the example's place and its logits.
    ///
    /// Statistics are those that are remembered: in a batch there would be no such thing as an example's own gradient.
    fn example_gradients(&self, batch: &Batch, loss: &ExampleLoss<'_>, visit: &mut dyn FnMut(usize, &[f32]));
    /// How fast the logits change when the parameters move along `direction`: the Jacobian times a vector.
    fn tangent(&self, batch: &Batch, direction: &[f32]) -> Logits;
    /// For each weight the two factors that its gradient is the product of, some examples at a time, in order; see [`Factors`].
    fn factors(&self, batch: &Batch, loss: &ExampleLoss<'_>, visit: &mut Factors<'_>);
}

/// The loss of one example: from its place and its logits to the gradient in the logits.
pub type ExampleLoss<'a> = dyn Fn(usize, &[f32]) -> Vec<f32> + Sync + 'a;

/// Gets the place of a weight, how many examples come, and of them the inputs `(examples · positions, in)` and the output gradients
/// `(examples · positions, out)` of its layer, row after row. For a convolution the inputs of a position are a window: tap after tap,
/// within it channel after channel.
pub type Factors<'a> = dyn FnMut(&Range<usize>, usize, &[f32], &[f32]) + 'a;

/// A network of this crate's layers.
#[derive(Debug, Clone)]
pub struct Layered {
    architecture: Architecture,
    blueprint: Arc<Blueprint>,
    parameters: Vec<f32>,
    buffers: Vec<f32>,
    /// How many examples a thread works on at once: the statistics of normalisation, and the order of sums, depend on it.
    chunk: usize,
    /// How many bytes forward leaves for backward, for each example; found out once.
    tape_size: OnceLock<usize>,
}

impl Layered {
    /// A network with the parameters that a seed decides.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Unfit`] and [`untrain_core::Error::Parameter`] if there is no such network for such examples.
    pub fn new(architecture: Architecture, input: Shape, n_classes: usize, chunk: usize, seed: Seed) -> Result<Self> {
        let blueprint = Arc::new(architecture.blueprint(input, n_classes)?);
        let parameters = initial::parameters(&architecture, &blueprint.parameters, seed);
        let buffers = initial::buffers(&blueprint.buffers);
        Ok(Self { architecture, blueprint, parameters, buffers, chunk: chunk.max(1), tape_size: OnceLock::new() })
    }

    /// What it looks like.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The shape of an example.
    pub fn input(&self) -> Shape {
        self.blueprint.input
    }

    pub(crate) fn chunk(&self) -> usize {
        self.chunk
    }

    #[cfg(feature = "cuda")]
    pub(crate) fn layers(&self) -> &Chain {
        &self.blueprint.layers
    }

    #[cfg(feature = "cuda")]
    pub(crate) fn room_on_gpu(&self) -> &device::Room {
        &self.blueprint.room
    }

    /// The parameters and the remembered statistics by name, in the order in which they are written.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Entry, &[f32])> {
        let parameters = self.layout().entries().iter().map(|entry| (entry, &self.parameters()[entry.range.clone()]));
        parameters.chain(self.buffer_layout().entries().iter().map(|entry| (entry, &self.buffers()[entry.range.clone()])))
    }

    /// Writes the numbers: parameters, and then statistics.
    pub fn write_numbers(&self, out: &mut Writer) {
        self.parameters.iter().chain(&self.buffers).for_each(|value| out.f32(*value));
    }

    /// A network with the numbers that [`Layered::write_numbers`] wrote of one that looks like it.
    ///
    /// # Errors
    ///
    /// As [`Layered::new`]; [`untrain_core::Error::Malformed`] for fewer numbers than such a network has.
    pub fn read_numbers(input: &mut Reader<'_>, architecture: Architecture, shape: Shape, n_classes: usize, chunk: usize) -> Result<Self> {
        // Before room is made for them: bytes that were damaged may ask for more than there is.
        if architecture.n_numbers(shape, n_classes).is_none_or(|n| n.saturating_mul(4) > input.left()) {
            return Err(input.malformed("its numbers are not as many as its architecture has"));
        }
        let mut network = Self::new(architecture, shape, n_classes, chunk, Seed(0))?;
        network.parameters.iter_mut().chain(&mut network.buffers).try_for_each(|value| input.f32().map(|read| *value = read))?;
        Ok(network)
    }

    /// Takes the numbers of a network that looks like this one, but may tell other classes apart: which of its rows each row of the last
    /// layer is, or none to leave it.
    pub(crate) fn take(&mut self, from: &Self, rows: &[Option<usize>]) {
        let blueprint = Arc::clone(&self.blueprint);
        let last = blueprint.parameters.n_blocks() - 1;
        for (to, from_entry) in blueprint.parameters.entries().iter().zip(from.layout().entries()) {
            let (to_values, from_values) = (&mut self.parameters[to.range.clone()], &from.parameters[from_entry.range.clone()]);
            if to.block != last {
                to_values.copy_from_slice(from_values);
                continue;
            }
            let size = to_values.len() / rows.len();
            for (row, place) in rows.iter().zip(to_values.chunks_exact_mut(size)).filter_map(|(row, place)| Some(((*row)?, place))) {
                place.copy_from_slice(&from_values[row * size..(row + 1) * size]);
            }
        }
        self.buffers.copy_from_slice(&from.buffers);
    }

    fn pass(&self, statistics: Statistics, n: usize) -> Pass<'_> {
        Pass { parameters: &self.parameters, buffers: &self.buffers, statistics, n }
    }

    /// The examples of each chunk: as many chunks as needed, and none smaller than another by more than one.
    pub(crate) fn chunks(&self, n: usize) -> Vec<Range<usize>> {
        let parts = n.div_ceil(self.chunk).max(1);
        (0..parts).map(|part| part * n / parts..(part + 1) * n / parts).collect()
    }

    /// Goes backwards through one chunk, given the gradient of its logits; returns the gradient of its inputs, if that is `wanted`.
    fn backward(&self, pass: Pass<'_>, mut tape: Tape, logits: Vec<f32>, mut found: Found<'_, '_>, wanted: bool) -> Vec<f32> {
        self.blueprint.layers.backward(pass, &mut tape, logits, &mut found, wanted)
    }

    /// Goes through some examples, whose losses have nothing to do with each other.
    pub(crate) fn one_by_one(&self, batch: &Batch, loss: &ExampleLoss<'_>, examples: &Range<usize>, found: Found<'_, '_>) {
        let pass = self.pass(Statistics::Remembered, examples.len());
        let mut tape = Tape::default();
        let logits = self.blueprint.layers.forward(pass, batch.values(examples.clone()).to_vec(), Some(&mut tape));
        let slopes = examples.clone().zip(logits.chunks_exact(self.n_classes())).flat_map(|(i, row)| loss(i, row)).collect();
        self.backward(pass, tape, slopes, found, false);
    }
}

impl Network for Layered {
    fn layout(&self) -> &Layout {
        &self.blueprint.parameters
    }

    fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    fn buffer_layout(&self) -> &Layout {
        &self.blueprint.buffers
    }

    fn buffers(&self) -> &[f32] {
        &self.buffers
    }

    fn buffers_mut(&mut self) -> &mut [f32] {
        &mut self.buffers
    }

    fn n_classes(&self) -> usize {
        self.blueprint.n_classes
    }

    fn boxed(&self) -> Box<dyn Network> {
        Box::new(self.clone())
    }

    fn with_classes(&self, n_classes: usize, seed: Seed) -> Result<Box<dyn Network>> {
        let mut other = Self::new(self.architecture.clone(), self.blueprint.input, n_classes, self.chunk, seed)?;
        let rows: Vec<Option<usize>> = (0..n_classes).map(|class| (class < self.n_classes()).then_some(class)).collect();
        other.take(self, &rows);
        Ok(Box::new(other))
    }

    fn features(&self, batch: &Batch) -> Logits {
        #[cfg(feature = "cuda")]
        if let Some(found) = device::tried(self, batch.len(), |gpu| device::features(gpu, self, batch)) {
            return found;
        }
        let layers = &self.blueprint.layers.0;
        let parts = self.chunks(batch.len()).into_par_iter().map(|chunk| {
            let pass = self.pass(Statistics::Remembered, chunk.len());
            let input = batch.values(chunk).to_vec();
            layers[..layers.len() - 1].iter().fold(input, |values, layer| layer.forward(pass, values, None))
        });
        let values = parts.collect::<Vec<_>>().concat();
        Logits::new(values.len() / batch.len().max(1), values)
    }

    fn logits(&self, batch: &Batch) -> Logits {
        #[cfg(feature = "cuda")]
        if let Some(found) = device::tried(self, batch.len(), |gpu| device::logits(gpu, self, batch)) {
            return found;
        }
        let parts = self.chunks(batch.len()).into_par_iter().map(|chunk| {
            let pass = self.pass(Statistics::Remembered, chunk.len());
            self.blueprint.layers.forward(pass, batch.values(chunk).to_vec(), None)
        });
        Logits::new(self.n_classes(), parts.collect::<Vec<_>>().concat())
    }

    fn gradient(&self, batch: &Batch, statistics: Statistics, loss: &mut Loss<'_>, wanted: bool) -> Gradient {
        // A GPU that begins again, or fails half way, must not make the loss be asked for twice.
        let mut told = None;
        let mut once = |logits: &Logits| told.get_or_insert_with(|| loss(logits)).clone();
        #[cfg(feature = "cuda")]
        if let Some(found) = device::tried(self, batch.len(), |gpu| device::gradient(gpu, self, batch, statistics, &mut once, wanted)) {
            return found;
        }
        self.gradient_here(batch, statistics, &mut once, wanted)
    }

    fn example_gradients(&self, batch: &Batch, loss: &ExampleLoss<'_>, visit: &mut dyn FnMut(usize, &[f32])) {
        let size = self.parameters.len().max(1);
        // So many that weights are packed once for several of them, and no more than caches hold.
        let at_once = (MOST_GRADIENTS / size).clamp(1, self.chunk);
        let parts: Vec<Range<usize>> = (0..batch.len()).step_by(at_once).map(|i| i..(i + at_once).min(batch.len())).collect();
        let mut gradients = vec![vec![0.0; at_once * size]; rayon::current_num_threads().min(parts.len())];
        for wave in parts.chunks(gradients.len().max(1)) {
            #[cfg(feature = "cuda")]
            if let (Some(first), Some(last)) = (wave.first(), wave.last()) {
                let examples = first.start..last.end;
                let work = |gpu: &_| device::example_gradients(gpu, self, (batch, examples.clone()), loss);
                if let Some(found) = device::tried(self, examples.len(), work) {
                    examples.zip(found.chunks_exact(size)).for_each(|(i, gradient)| visit(i, gradient));
                    continue;
                }
            }
            wave.par_iter().zip(&mut gradients).for_each(|(examples, gradients)| {
                let gradients = &mut gradients[..examples.len() * size];
                gradients.fill(0.0);
                self.one_by_one(batch, loss, examples, Found::Each(gradients));
            });
            for (examples, gradients) in wave.iter().zip(&gradients) {
                examples.clone().zip(gradients.chunks_exact(size)).for_each(|(i, gradient)| visit(i, gradient));
            }
        }
    }

    fn tangent(&self, batch: &Batch, direction: &[f32]) -> Logits {
        #[cfg(feature = "cuda")]
        if let Some(found) = device::tried(self, batch.len(), |gpu| device::tangent(gpu, self, batch, direction)) {
            return found;
        }
        self.tangent_here(batch, direction)
    }

    fn factors(&self, batch: &Batch, loss: &ExampleLoss<'_>, visit: &mut Factors<'_>) {
        for chunk in self.chunks(batch.len()).into_iter().filter(|chunk| !chunk.is_empty()) {
            let mut observer = |weight: &Range<usize>, inputs: &[f32], outputs: &[f32]| visit(weight, chunk.len(), inputs, outputs);
            self.one_by_one(batch, loss, &chunk, Found::Factors(&mut observer));
        }
    }
}

impl Layered {
    /// [`Network::tangent`] on the processor.
    pub(crate) fn tangent_here(&self, batch: &Batch, direction: &[f32]) -> Logits {
        let parts = self.chunks(batch.len()).into_par_iter().map(|chunk| {
            let pass = self.pass(Statistics::Remembered, chunk.len());
            let input = batch.values(chunk).to_vec();
            let rate = vec![0.0; input.len()];
            self.blueprint.layers.tangent(pass, direction, input, rate).1
        });
        Logits::new(self.n_classes(), parts.collect::<Vec<_>>().concat())
    }

    /// [`Network::gradient`] on the processor.
    pub(crate) fn gradient_here(&self, batch: &Batch, statistics: Statistics, loss: &mut Loss<'_>, wanted: bool) -> Gradient {
        let chunks = self.chunks(batch.len());
        let forward = |chunk: &Range<usize>| {
            let mut tape = Tape::default();
            let pass = self.pass(statistics, chunk.len());
            let logits = self.blueprint.layers.forward(pass, batch.values(chunk.clone()).to_vec(), Some(&mut tape));
            (logits, tape)
        };
        // What backward needs of all chunks is kept if there is room for it. Else it is computed once more, to the same bits.
        let size = *self.tape_size.get_or_init(|| forward(&(0..batch.len().min(1))).1.size());
        let largest = chunks.iter().map(Range::len).max().unwrap_or(0);
        let at_once = (memory::for_tapes() / (size * largest).max(1)).max(rayon::current_num_threads());
        let whole = at_once >= chunks.len();
        let kept: Vec<(Vec<f32>, Tape)> = chunks
            .par_iter()
            .map(|chunk| {
                let (logits, tape) = forward(chunk);
                (logits, if whole { tape } else { Tape::default() })
            })
            .collect();
        let (logits, tapes): (Vec<Vec<f32>>, Vec<Tape>) = kept.into_iter().unzip();
        let (value, gradient) = loss(&Logits::new(self.n_classes(), logits.concat()));
        let mut found = Gradient { loss: value, parameters: Vec::new(), inputs: Vec::new(), statistics: Vec::new() };
        let mut tapes = whole.then_some(tapes);
        for wave in chunks.chunks(at_once) {
            let tapes = tapes.take().unwrap_or_else(|| wave.par_iter().map(|chunk| forward(chunk).1).collect());
            self.add_seen(&tapes, chunks.len(), &mut found.statistics);
            let backward = |(chunk, tape): (&Range<usize>, Tape)| {
                let (pass, mut parameters) = (self.pass(statistics, chunk.len()), vec![0.0; self.parameters.len()]);
                let logits = gradient.rows(chunk.clone()).to_vec();
                let inputs = self.backward(pass, tape, logits, Found::Sum(&mut parameters), wanted);
                (parameters, inputs)
            };
            let parts: Vec<(Vec<f32>, Vec<f32>)> = wave.par_iter().zip(tapes).map(backward).collect();
            for (parameters, inputs) in parts {
                if wanted {
                    found.inputs.extend(inputs);
                }
                if found.parameters.is_empty() {
                    found.parameters = parameters;
                } else {
                    found.parameters.iter_mut().zip(parameters).for_each(|(total, value)| *total += value);
                }
            }
        }
        found
    }

    /// Adds to the mean over `n` chunks of what normalisation saw.
    fn add_seen(&self, tapes: &[Tape], n: usize, mean: &mut Vec<f32>) {
        if tapes.iter().any(|tape| !tape.statistics.is_empty()) {
            mean.resize(self.buffers.len(), 0.0);
        }
        for (range, values) in tapes.iter().flat_map(|tape| &tape.statistics) {
            mean[range.clone()].iter_mut().zip(values).for_each(|(mean, value)| *mean += value / n as f32);
        }
    }
}

#[cfg(test)]
mod tests;

//! Networks on a GPU: each layer as operations of [`untrain_cuda`], each with the bits that the layer's own code has.

use std::ops::Range;
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use untrain_cuda::{Buffer, Chunks, Error, Gpu, Gradients, MOST_CHUNKS, Norm, Padded, Places, Result, Start, Statistics as Seen, Taps};

use crate::batch::{Batch, Logits};
use crate::layers::conv::Conv;
use crate::layers::linear::Linear;
use crate::layers::norm::BatchNorm;
use crate::layers::residual::{Residual, Shortcut};
use crate::layers::{Kind, Layer, Shape, Statistics, first_that_learns};
use crate::network::{ExampleLoss, Gradient, Layered, Loss, Network as _};

/// A network whose numbers are on a GPU.
struct Uploaded<'a> {
    gpu: &'a Gpu,
    network: &'a Layered,
    parameters: Buffer,
    buffers: Buffer,
}

/// What a pass over some chunks reads.
struct Pass<'a> {
    gpu: &'a Gpu,
    parameters: &'a Buffer,
    buffers: &'a Buffer,
    statistics: Statistics,
    chunks: &'a Chunks,
}

/// What forward leaves for backward.
enum Kept {
    Values(Rc<Buffer>),
    Places(Places),
    Normal(Box<(Buffer, Seen, Norm)>),
}

/// A matrix, or a kernel: where its numbers stand, and what its taps read.
struct Weights<'a> {
    weight: &'a Range<usize>,
    bias: Option<&'a Range<usize>>,
    /// How many channels come in, and go out.
    from: usize,
    to: usize,
    forward: &'a Taps,
    backward: &'a Taps,
    /// Whether a gradient is a sum of its own, which is added.
    added: bool,
}

/// How much a GPU had room for at one time, as far as is known.
#[derive(Debug)]
pub(crate) struct Room {
    /// Chunks of a batch.
    pub(crate) chunks: AtomicUsize,
    /// Gradients of examples.
    pub(crate) examples: AtomicUsize,
}

impl Default for Room {
    fn default() -> Self {
        Self { chunks: usize::MAX.into(), examples: usize::MAX.into() }
    }
}

/// Which pixels the taps of a convolution read, forwards and backwards, on the GPU.
pub(crate) type BothTaps = OnceLock<(Taps, Taps)>;

/// How many multiply-adds a forward pass of an example takes.
pub(crate) fn products(network: &Layered) -> usize {
    fn of(layer: &dyn Layer) -> usize {
        match layer.kind() {
            Kind::Chain(chain) => chain.0.iter().map(|layer| of(layer.as_ref())).sum(),
            Kind::Residual(Residual { main, shortcut }) => of(main) + if let Shortcut::Projected(chain) = shortcut { of(chain) } else { 0 },
            Kind::Linear(linear) => linear.weight.len(),
            Kind::Conv(conv) => conv.weight.len() * conv.output().pixels(),
            Kind::Norm(_) | Kind::Relu | Kind::MaxPool(_) | Kind::MeanPool(_) | Kind::Flatten(_) => 0,
        }
    }
    of(network.layers())
}

pub(crate) fn logits(gpu: &Gpu, network: &Layered, batch: &Batch) -> Result<Logits> {
    let values = Uploaded::new(gpu, network)?.values(batch, |pass, input| pass.forward(&network.layers().0, input, None))?;
    Ok(Logits::new(network.n_classes(), values))
}

pub(crate) fn features(gpu: &Gpu, network: &Layered, batch: &Batch) -> Result<Logits> {
    let layers = &network.layers().0;
    let values = Uploaded::new(gpu, network)?.values(batch, |pass, input| pass.forward(&layers[..layers.len() - 1], input, None))?;
    Ok(Logits::new(values.len() / batch.len(), values))
}

pub(crate) fn tangent(gpu: &Gpu, network: &Layered, batch: &Batch, direction: &[f32]) -> Result<Logits> {
    let direction = gpu.upload(direction)?;
    let values = Uploaded::new(gpu, network)?.values(batch, |pass, input| {
        let rate = gpu.zeros(input.len())?;
        Ok(pass.tangent(&network.layers().0, &direction, (input, rate.into()))?.1)
    })?;
    Ok(Logits::new(network.n_classes(), values))
}

/// The loss may be asked for again where waves have to be smaller.
pub(crate) fn gradient(
    gpu: &Gpu,
    network: &Layered,
    batch: &Batch,
    statistics: Statistics,
    loss: &mut Loss<'_>,
    wanted: bool,
) -> Result<Gradient> {
    let uploaded = Uploaded::new(gpu, network)?;
    let n_seen = if statistics == Statistics::Chunk { network.buffers().len() } else { 0 };
    let (all, layers) = (network.chunks(batch.len()), &network.layers().0);
    in_waves(&all, &network.room_on_gpu().chunks, |waves| {
        let forward = |wave: &[Range<usize>]| {
            let ((chunks, input), mut tape) = (uploaded.input(batch, wave)?, Vec::new());
            let logits = gpu.download(&*uploaded.pass(statistics, &chunks).forward(layers, input, Some(&mut tape))?)?;
            Ok((logits, tape, chunks))
        };
        let (mut logits, mut kept) = (Vec::new(), None);
        for wave in waves {
            let (some, tape, chunks) = forward(wave)?;
            logits.extend(some);
            kept = (waves.len() == 1).then_some((tape, chunks));
        }
        let (value, slopes) = loss(&Logits::new(network.n_classes(), logits));
        let seen = gpu.zeros(n_seen)?;
        let (mut total, mut inputs) = (None, Vec::new());
        for wave in waves {
            let (mut tape, chunks) =
                if let Some(kept) = kept.take() { kept } else { forward(wave).map(|(_, tape, chunks)| (tape, chunks))? };
            let pass = uploaded.pass(statistics, &chunks);
            if statistics == Statistics::Chunk {
                pass.see(&tape, (&seen, all.len()))?;
            }
            let found = gpu.gradients(&chunks, network.parameters().len())?;
            let output = gpu.upload(slopes.rows(examples(wave)))?;
            if let Some(slopes) = pass.backward(layers, &mut tape, output.into(), &found, wanted)? {
                inputs.extend(gpu.download(&slopes)?);
            }
            total = Some(gpu.total(&found, &chunks, total)?);
        }
        let parameters = total.map_or_else(|| Ok(Vec::new()), |total| gpu.download(&total))?;
        let statistics = if n_seen > 0 { gpu.download(&seen)? } else { Vec::new() };
        Ok(Gradient { loss: value, parameters, inputs, statistics })
    })
}

/// The gradient of each example is that of a chunk of one.
pub(crate) fn example_gradients(
    gpu: &Gpu,
    network: &Layered,
    (batch, of): (&Batch, Range<usize>),
    loss: &ExampleLoss<'_>,
) -> Result<Vec<f32>> {
    let (uploaded, layers) = (Uploaded::new(gpu, network)?, &network.layers().0);
    let each: Vec<Range<usize>> = of.map(|i| i..i + 1).collect();
    in_waves(&each, &network.room_on_gpu().examples, |waves| {
        let mut gradients = Vec::new();
        for wave in waves {
            let ((chunks, input), mut tape) = (uploaded.input(batch, wave)?, Vec::new());
            let pass = uploaded.pass(Statistics::Remembered, &chunks);
            let logits = gpu.download(&*pass.forward(layers, input, Some(&mut tape))?)?;
            let rows = examples(wave).zip(logits.chunks_exact(network.n_classes()));
            let slopes: Vec<f32> = rows.flat_map(|(i, row)| loss(i, row)).collect();
            let found = gpu.gradients(&chunks, network.parameters().len())?;
            pass.backward(layers, &mut tape, gpu.upload(&slopes)?.into(), &found, false)?;
            gradients.extend(gpu.download_gradients(&found)?);
        }
        Ok(gradients)
    })
}

/// The examples of a wave of chunks.
fn examples(wave: &[Range<usize>]) -> Range<usize> {
    wave[0].start..wave[wave.len() - 1].end
}

/// Lets `work` go through all chunks in waves that the memory has room for: half as many chunks a wave where it had not.
fn in_waves<T>(all: &[Range<usize>], room: &AtomicUsize, mut work: impl FnMut(&[&[Range<usize>]]) -> Result<T>) -> Result<T> {
    loop {
        let n = room.load(Ordering::Relaxed).clamp(1, all.len().clamp(1, MOST_CHUNKS));
        match work(&all.chunks(n).collect::<Vec<_>>()) {
            Err(Error::OutOfMemory { .. } | Error::TooLarge(_)) if n > 1 => room.fetch_min(n.div_ceil(2), Ordering::Relaxed),
            other => return other,
        };
    }
}

impl<'a> Uploaded<'a> {
    fn new(gpu: &'a Gpu, network: &'a Layered) -> Result<Self> {
        Ok(Self { gpu, network, parameters: gpu.upload(network.parameters())?, buffers: gpu.upload(network.buffers())? })
    }

    fn pass<'b>(&'b self, statistics: Statistics, chunks: &'b Chunks) -> Pass<'b> {
        Pass { gpu: self.gpu, parameters: &self.parameters, buffers: &self.buffers, statistics, chunks }
    }

    /// The chunks of a wave, and the values of its examples.
    fn input(&self, batch: &Batch, wave: &[Range<usize>]) -> Result<(Chunks, Rc<Buffer>)> {
        let examples = examples(wave);
        let chunks: Vec<Range<usize>> = wave.iter().map(|chunk| chunk.start - examples.start..chunk.end - examples.start).collect();
        Ok((self.gpu.chunks(&chunks)?, self.gpu.upload(batch.values(examples))?.into()))
    }

    /// What `work` makes of all examples, with the statistics that are remembered.
    fn values(&self, batch: &Batch, work: impl Fn(&Pass<'_>, Rc<Buffer>) -> Result<Rc<Buffer>>) -> Result<Vec<f32>> {
        in_waves(&self.network.chunks(batch.len()), &self.network.room_on_gpu().chunks, |waves| {
            let mut values = Vec::new();
            for wave in waves {
                let (chunks, input) = self.input(batch, wave)?;
                values.extend(self.gpu.download(&*work(&self.pass(Statistics::Remembered, &chunks), input)?)?);
            }
            Ok(values)
        })
    }
}

impl<'a> Weights<'a> {
    fn of_matrix(gpu: &'a Gpu, linear: &'a Linear) -> Result<Self> {
        let (taps, Linear { n_inputs, n_outputs, weight, bias }) = (gpu.matrix()?, linear);
        Ok(Self { weight, bias: Some(bias), from: *n_inputs, to: *n_outputs, forward: taps, backward: taps, added: false })
    }

    fn of_kernel(gpu: &Gpu, conv: &'a Conv) -> Result<Self> {
        let ((forward, backward), bias) = (taps(gpu, conv)?, conv.bias.as_ref());
        let (from, to) = (conv.input().channels, conv.output().channels);
        Ok(Self { weight: &conv.weight, bias, from, to, forward, backward, added: true })
    }
}

impl Pass<'_> {
    fn forward(&self, layers: &[Box<dyn Layer>], input: Rc<Buffer>, mut tape: Option<&mut Vec<Kept>>) -> Result<Rc<Buffer>> {
        layers.iter().try_fold(input, |values, layer| self.layer(layer.as_ref(), values, tape.as_deref_mut()))
    }

    fn layer(&self, layer: &dyn Layer, input: Rc<Buffer>, mut tape: Option<&mut Vec<Kept>>) -> Result<Rc<Buffer>> {
        let gpu = self.gpu;
        let mut keep = |kept| {
            if let Some(tape) = tape.as_deref_mut() {
                tape.push(kept);
            }
        };
        let output = match layer.kind() {
            Kind::Linear(linear) => {
                let output = self.product(&Weights::of_matrix(gpu, linear)?, &input)?;
                keep(Kept::Values(input));
                output
            }
            Kind::Conv(conv) => {
                let output = self.product(&Weights::of_kernel(gpu, conv)?, &input)?;
                keep(Kept::Values(input));
                output
            }
            Kind::Norm(norm) => {
                let norm = self.norm(norm, &input);
                let statistics = match self.statistics {
                    Statistics::Chunk => gpu.statistics(&input, norm, self.chunks)?,
                    Statistics::Remembered => gpu.remembered(self.buffers, norm, self.chunks)?,
                };
                let (normal, output) = gpu.normalised(&input, &statistics, self.parameters, norm, self.chunks)?;
                keep(Kept::Normal(Box::new((normal, statistics, norm))));
                output
            }
            Kind::Relu => {
                let output = Rc::new(gpu.relu(&input)?);
                keep(Kept::Values(Rc::clone(&output)));
                return Ok(output);
            }
            Kind::MaxPool(pool) => {
                let (output, places) = gpu.max_pool(&input, sides(pool.input))?;
                keep(Kept::Places(places));
                output
            }
            Kind::MeanPool(pool) => gpu.mean_pool(&input, (pool.input.pixels(), pool.input.channels))?,
            Kind::Flatten(flatten) => gpu.flattened(&input, (flatten.input.pixels(), flatten.input.channels), false)?,
            Kind::Residual(Residual { main, shortcut }) => {
                let output = self.forward(&main.0, Rc::clone(&input), tape.as_deref_mut())?;
                match shortcut {
                    Shortcut::Same => gpu.sum(&output, &input)?,
                    Shortcut::Padded { input: from, output: to } => gpu.sum_padded(&output, &input, padded(*from, *to), false)?,
                    Shortcut::Projected(chain) => gpu.sum(&output, &*self.forward(&chain.0, input, tape)?)?,
                }
            }
            Kind::Chain(chain) => return self.forward(&chain.0, input, tape),
        };
        Ok(output.into())
    }

    /// From the slopes at the outputs to those at the inputs, if they are `wanted`.
    fn backward(
        &self,
        layers: &[Box<dyn Layer>],
        tape: &mut Vec<Kept>,
        output: Rc<Buffer>,
        found: &Gradients,
        wanted: bool,
    ) -> Result<Option<Rc<Buffer>>> {
        let first = first_that_learns(layers);
        layers.iter().enumerate().rev().try_fold(Some(output), |slopes, (i, layer)| {
            let Some(slopes) = slopes else {
                // Nobody wants more, and what is left of the tape are this layer's and those before.
                tape.truncate(tape.len() - usize::from(matches!(layer.kind(), Kind::Relu | Kind::MaxPool(_))));
                return Ok(None);
            };
            self.layer_backward(layer.as_ref(), tape, slopes, found, wanted || i > first)
        })
    }

    fn layer_backward(
        &self,
        layer: &dyn Layer,
        tape: &mut Vec<Kept>,
        slopes: Rc<Buffer>,
        found: &Gradients,
        wanted: bool,
    ) -> Result<Option<Rc<Buffer>>> {
        let (gpu, chunks) = (self.gpu, self.chunks);
        let gradient = match layer.kind() {
            Kind::Linear(linear) => return self.product_backward(&Weights::of_matrix(gpu, linear)?, &values(tape), &slopes, found, wanted),
            Kind::Conv(conv) => return self.product_backward(&Weights::of_kernel(gpu, conv)?, &values(tape), &slopes, found, wanted),
            Kind::Norm(_) => {
                let Some(Kept::Normal(kept)) = tape.pop() else { unreachable!("a layer popped what another pushed") };
                let ((normal, statistics, norm), of_chunk) = (*kept, self.statistics == Statistics::Chunk);
                gpu.normalised_backward(&slopes, &normal, (&statistics, of_chunk), self.parameters, norm, chunks, found)?
            }
            Kind::Relu => gpu.relu_backward(&values(tape), &slopes)?,
            Kind::MaxPool(pool) => {
                let Some(Kept::Places(places)) = tape.pop() else { unreachable!("a layer popped what another pushed") };
                gpu.max_pool_backward(&slopes, &places, chunks.examples() * pool.input.len())?
            }
            Kind::MeanPool(pool) => gpu.mean_pool_backward(&slopes, (pool.input.pixels(), pool.input.channels))?,
            Kind::Flatten(flatten) => gpu.flattened(&slopes, (flatten.input.pixels(), flatten.input.channels), true)?,
            Kind::Residual(Residual { main, shortcut }) => {
                let side = match shortcut {
                    Shortcut::Projected(chain) => self.backward(&chain.0, tape, Rc::clone(&slopes), found, wanted)?,
                    Shortcut::Same | Shortcut::Padded { .. } => Some(Rc::clone(&slopes)),
                };
                let (Some(gradient), Some(side)) = (self.backward(&main.0, tape, slopes, found, wanted)?, side) else { return Ok(None) };
                match shortcut {
                    Shortcut::Padded { input, output } => gpu.sum_padded(&gradient, &side, padded(*input, *output), true)?,
                    Shortcut::Same | Shortcut::Projected(_) => gpu.sum(&gradient, &side)?,
                }
            }
            Kind::Chain(chain) => return self.backward(&chain.0, tape, slopes, found, wanted),
        };
        Ok(wanted.then(|| gradient.into()))
    }

    /// The outputs, and how fast they change when the parameters move along `direction` and the inputs along their rate.
    fn tangent(&self, layers: &[Box<dyn Layer>], direction: &Buffer, moving: (Rc<Buffer>, Rc<Buffer>)) -> Result<(Rc<Buffer>, Rc<Buffer>)> {
        layers.iter().try_fold(moving, |moving, layer| self.layer_tangent(layer.as_ref(), direction, moving))
    }

    fn layer_tangent(
        &self,
        layer: &dyn Layer,
        direction: &Buffer,
        (input, rate): (Rc<Buffer>, Rc<Buffer>),
    ) -> Result<(Rc<Buffer>, Rc<Buffer>)> {
        let gpu = self.gpu;
        let product = |weights: &Weights<'_>| {
            let change =
                self.windows(weights, direction, &input, weights.bias.map_or(Start::Zero, |bias| Start::Bias(direction, bias.start)))?;
            self.windows(weights, self.parameters, &rate, Start::At(change))
        };
        let change = match layer.kind() {
            Kind::Linear(linear) => product(&Weights::of_matrix(gpu, linear)?)?,
            Kind::Conv(conv) => product(&Weights::of_kernel(gpu, conv)?)?,
            Kind::Norm(norm) => {
                let norm = self.norm(norm, &input);
                let statistics = gpu.remembered(self.buffers, norm, self.chunks)?;
                gpu.norm_tangent((&input, &rate), &statistics, (self.parameters, direction), norm, self.chunks)?
            }
            // An input is positive where the output is.
            Kind::Relu => gpu.relu_backward(&input, &rate)?,
            Kind::MaxPool(pool) => {
                let (output, places) = gpu.max_pool(&input, sides(pool.input))?;
                return Ok((output.into(), gpu.pick(&rate, &places)?.into()));
            }
            Kind::MeanPool(pool) => gpu.mean_pool(&rate, (pool.input.pixels(), pool.input.channels))?,
            Kind::Flatten(flatten) => gpu.flattened(&rate, (flatten.input.pixels(), flatten.input.channels), false)?,
            Kind::Residual(Residual { main, shortcut }) => {
                let (output, change) = self.tangent(&main.0, direction, (Rc::clone(&input), Rc::clone(&rate)))?;
                if let Shortcut::Padded { input: from, output: to } = shortcut {
                    let add = |sum: &Buffer, values: &Buffer| gpu.sum_padded(sum, values, padded(*from, *to), false);
                    return Ok((add(&output, &input)?.into(), add(&change, &rate)?.into()));
                }
                let (side, side_change) = match shortcut {
                    Shortcut::Projected(chain) => self.tangent(&chain.0, direction, (input, rate))?,
                    Shortcut::Same | Shortcut::Padded { .. } => (input, rate),
                };
                return Ok((gpu.sum(&output, &side)?.into(), gpu.sum(&change, &side_change)?.into()));
            }
            Kind::Chain(chain) => return self.tangent(&chain.0, direction, (input, rate)),
        };
        Ok((self.layer(layer, input, None)?, change.into()))
    }

    fn product(&self, weights: &Weights<'_>, input: &Buffer) -> Result<Buffer> {
        let start = weights.bias.map_or(Start::Zero, |bias| Start::Bias(self.parameters, bias.start));
        self.windows(weights, self.parameters, input, start)
    }

    /// The product of inputs and weights whose numbers may stand in a direction too.
    fn windows(&self, weights: &Weights<'_>, numbers: &Buffer, input: &Buffer, start: Start<'_>) -> Result<Buffer> {
        let Weights { weight, from, to, forward, .. } = weights;
        let turned = self.gpu.turned(numbers, (*weight).clone(), (*to, *from), false)?;
        self.gpu.windows(forward, (input, *from), &turned, start, *to)
    }

    fn product_backward(
        &self,
        weights: &Weights<'_>,
        input: &Buffer,
        slopes: &Buffer,
        found: &Gradients,
        wanted: bool,
    ) -> Result<Option<Rc<Buffer>>> {
        let (gpu, chunks) = (self.gpu, self.chunks);
        let Weights { weight, bias, from, to, forward, backward, added } = weights;
        gpu.outer(forward, (input, *from), (slopes, *to), chunks, (found, (*weight).clone(), *added))?;
        if let Some(bias) = bias {
            gpu.column_sums(slopes, chunks, found, (*bias).clone())?;
        }
        if !wanted {
            return Ok(None);
        }
        let turned = gpu.turned(self.parameters, (*weight).clone(), (*to, *from), true)?;
        Ok(Some(gpu.windows(backward, (slopes, *to), &turned, Start::Zero, *from)?.into()))
    }

    /// Adds what normalisation saw to the means over `n` chunks.
    fn see(&self, tape: &[Kept], (seen, n): (&Buffer, usize)) -> Result<()> {
        tape.iter().try_for_each(|kept| match kept {
            Kept::Normal(kept) => self.gpu.seen(&kept.1, kept.2, self.chunks, (seen, n)),
            Kept::Values(_) | Kept::Places(_) => Ok(()),
        })
    }

    fn norm(&self, norm: &BatchNorm, values: &Buffer) -> Norm {
        let channels = norm.scale.len();
        let pixels = values.len() / (self.chunks.examples() * channels).max(1);
        let (scale, shift, mean, variance) = (norm.scale.start, norm.shift.start, norm.mean.start, norm.variance.start);
        Norm { pixels, channels, scale, shift, mean, variance }
    }
}

fn values(tape: &mut Vec<Kept>) -> Rc<Buffer> {
    match tape.pop() {
        Some(Kept::Values(values)) => values,
        _ => unreachable!("a layer popped what another pushed"),
    }
}

fn sides(shape: Shape) -> (usize, usize, usize) {
    (shape.height, shape.width, shape.channels)
}

fn padded(input: Shape, output: Shape) -> Padded {
    Padded { input: sides(input), output: sides(output) }
}

fn taps<'a>(gpu: &Gpu, conv: &'a Conv) -> Result<&'a (Taps, Taps)> {
    if let Some(taps) = conv.on_gpu.get() {
        return Ok(taps);
    }
    let [forward, backward] = conv.both_places();
    let (input, output) = (conv.input().pixels(), conv.output().pixels());
    let both = (gpu.taps(&forward, input, output)?, gpu.taps(&backward, output, input)?);
    Ok(conv.on_gpu.get_or_init(|| both))
}

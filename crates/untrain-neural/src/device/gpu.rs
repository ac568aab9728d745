//! Networks on a GPU: each layer as operations of [`untrain_cuda`], each with the bits that the layer's own code has.

use std::ops::Range;
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use untrain_cuda::{Buffer, Chunks, Error, Gpu, Gradients, MOST_CHUNKS, Norm, Padded, Places, Result, Start, Statistics as Seen, Taps};

use crate::batch::{Batch, Logits};
use crate::layers::conv::Conv;
use crate::layers::norm::BatchNorm;
use crate::layers::residual::{Residual, Shortcut};
use crate::layers::{Chain, Kind, Layer, Shape, Statistics, first_that_learns};
use crate::network::{ExampleLoss, Gradient, Layered, Loss, Network as _};

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
    Normal(Buffer, Seen),
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
    Ok(Logits::new(network.n_classes(), outputs(gpu, network, batch, network.layers().0.len())?))
}

pub(crate) fn features(gpu: &Gpu, network: &Layered, batch: &Batch) -> Result<Logits> {
    let values = outputs(gpu, network, batch, network.layers().0.len() - 1)?;
    Ok(Logits::new(values.len() / batch.len(), values))
}

/// What the first layers make of examples, with the statistics that are remembered.
fn outputs(gpu: &Gpu, network: &Layered, batch: &Batch, n_layers: usize) -> Result<Vec<f32>> {
    let (parameters, buffers) = (gpu.upload(network.parameters())?, gpu.upload(network.buffers())?);
    in_waves(&network.chunks(batch.len()), &network.room_on_gpu().chunks, |waves| {
        let mut values = Vec::new();
        for wave in waves {
            let (start, chunks) = (wave[0].start, chunks(gpu, wave)?);
            let pass = Pass { gpu, parameters: &parameters, buffers: &buffers, statistics: Statistics::Remembered, chunks: &chunks };
            let input = gpu.upload(batch.values(start..start + chunks.examples()))?;
            values.extend(gpu.download(&*pass.forward(&network.layers().0[..n_layers], input.into(), None)?)?);
        }
        Ok(values)
    })
}

pub(crate) fn gradient(
    gpu: &Gpu,
    network: &Layered,
    batch: &Batch,
    statistics: Statistics,
    loss: &mut Loss<'_>,
    wanted: bool,
) -> Result<Gradient> {
    let (parameters, buffers) = (gpu.upload(network.parameters())?, gpu.upload(network.buffers())?);
    let n_parameters = network.parameters().len();
    let n_seen = if statistics == Statistics::Chunk { network.buffers().len() } else { 0 };
    let layers = &network.layers().0;
    // Logits have the same bits however many waves they take, so that the loss of a batch is asked for once.
    let mut told: Option<(f64, Logits)> = None;
    in_waves(&network.chunks(batch.len()), &network.room_on_gpu().chunks, |waves| {
        let forward = |wave: &[Range<usize>]| {
            let (start, chunks) = (wave[0].start, chunks(gpu, wave)?);
            let mut tape = Vec::new();
            let pass = Pass { gpu, parameters: &parameters, buffers: &buffers, statistics, chunks: &chunks };
            let input = gpu.upload(batch.values(start..start + chunks.examples()))?;
            let logits = gpu.download(&*pass.forward(layers, input.into(), Some(&mut tape))?)?;
            Ok((logits, tape, chunks))
        };
        let mut kept = None;
        if told.is_none() {
            let mut logits = Vec::new();
            for wave in waves {
                let (some, tape, chunks) = forward(wave)?;
                logits.extend(some);
                kept = (waves.len() == 1).then_some((tape, chunks));
            }
            told = Some(loss(&Logits::new(network.n_classes(), logits)));
        }
        let Some((value, slopes)) = &told else { unreachable!("it was told above") };
        let seen = gpu.zeros(n_seen)?;
        let (mut total, mut inputs) = (None, Vec::new());
        for wave in waves {
            let (mut tape, chunks) =
                if let Some(kept) = kept.take() { kept } else { forward(wave).map(|(_, tape, chunks)| (tape, chunks))? };
            let pass = Pass { gpu, parameters: &parameters, buffers: &buffers, statistics, chunks: &chunks };
            let n_chunks = waves.iter().map(|wave| wave.len()).sum();
            if statistics == Statistics::Chunk {
                pass.see(network.layers(), &tape, (&seen, n_chunks))?;
            }
            let found = gpu.gradients(&chunks, n_parameters)?;
            let output = gpu.upload(slopes.rows(wave[0].start..wave[0].start + chunks.examples()))?;
            if let Some(slopes) = pass.backward(layers, &mut tape, output.into(), &found, wanted)? {
                inputs.extend(gpu.download(&slopes)?);
            }
            total = Some(gpu.total(&found, &chunks, total)?);
        }
        let parameters = total.map_or_else(|| Ok(Vec::new()), |total| gpu.download(&total))?;
        let statistics = if n_seen > 0 { gpu.download(&seen)? } else { Vec::new() };
        Ok(Gradient { loss: *value, parameters, inputs, statistics })
    })
}

/// The gradient of each example is that of a chunk of one.
pub(crate) fn example_gradients(
    gpu: &Gpu,
    network: &Layered,
    (batch, examples): (&Batch, Range<usize>),
    loss: &ExampleLoss<'_>,
) -> Result<Vec<f32>> {
    let (parameters, buffers) = (gpu.upload(network.parameters())?, gpu.upload(network.buffers())?);
    let layers = &network.layers().0;
    let each: Vec<Range<usize>> = examples.map(|i| i..i + 1).collect();
    in_waves(&each, &network.room_on_gpu().examples, |waves| {
        let mut gradients = Vec::new();
        for wave in waves {
            let (examples, chunks) = (wave[0].start..wave[0].start + wave.len(), chunks(gpu, wave)?);
            let pass = Pass { gpu, parameters: &parameters, buffers: &buffers, statistics: Statistics::Remembered, chunks: &chunks };
            let (input, mut tape) = (gpu.upload(batch.values(examples.clone()))?, Vec::new());
            let logits = gpu.download(&*pass.forward(layers, input.into(), Some(&mut tape))?)?;
            let slopes: Vec<f32> = examples.zip(logits.chunks_exact(network.n_classes())).flat_map(|(i, row)| loss(i, row)).collect();
            let found = gpu.gradients(&chunks, network.parameters().len())?;
            pass.backward(layers, &mut tape, gpu.upload(&slopes)?.into(), &found, false)?;
            gradients.extend(gpu.download_gradients(&found)?);
        }
        Ok(gradients)
    })
}

pub(crate) fn tangent(gpu: &Gpu, network: &Layered, batch: &Batch, direction: &[f32]) -> Result<Logits> {
    let (parameters, buffers) = (gpu.upload(network.parameters())?, gpu.upload(network.buffers())?);
    let direction = gpu.upload(direction)?;
    let values = in_waves(&network.chunks(batch.len()), &network.room_on_gpu().chunks, |waves| {
        let mut values = Vec::new();
        for wave in waves {
            let (start, chunks) = (wave[0].start, chunks(gpu, wave)?);
            let pass = Pass { gpu, parameters: &parameters, buffers: &buffers, statistics: Statistics::Remembered, chunks: &chunks };
            let input = gpu.upload(batch.values(start..start + chunks.examples()))?;
            let rate = gpu.zeros(input.len())?;
            let (_, change) = pass.tangent(&network.layers().0, &direction, (input.into(), rate.into()))?;
            values.extend(gpu.download(&change)?);
        }
        Ok(values)
    })?;
    Ok(Logits::new(network.n_classes(), values))
}

fn chunks(gpu: &Gpu, wave: &[Range<usize>]) -> Result<Chunks> {
    let start = wave[0].start;
    gpu.chunks(&wave.iter().map(|chunk| chunk.start - start..chunk.end - start).collect::<Vec<_>>())
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
                let turned = gpu.turned(self.parameters, linear.weight.clone(), (linear.n_outputs, linear.n_inputs), false)?;
                let start = Start::Bias(self.parameters, linear.bias.start);
                let output = gpu.windows(gpu.matrix()?, (&input, linear.n_inputs), &turned, start, linear.n_outputs)?;
                keep(Kept::Values(input));
                output
            }
            Kind::Conv(conv) => {
                let (from, to) = channels(conv);
                let turned = gpu.turned(self.parameters, conv.weight.clone(), (to, from), false)?;
                let start = conv.bias.as_ref().map_or(Start::Zero, |bias| Start::Bias(self.parameters, bias.start));
                let output = gpu.windows(&taps(gpu, conv)?.0, (&input, from), &turned, start, to)?;
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
                keep(Kept::Normal(normal, statistics));
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
            Kind::Linear(linear) => {
                let (input, taps) = (values(tape), gpu.matrix()?);
                let (from, to) = (linear.n_inputs, linear.n_outputs);
                gpu.outer(taps, (&input, from), (&slopes, to), chunks, (found, linear.weight.clone(), false))?;
                gpu.column_sums(&slopes, chunks, found, linear.bias.clone())?;
                if !wanted {
                    return Ok(None);
                }
                let turned = gpu.turned(self.parameters, linear.weight.clone(), (to, from), true)?;
                gpu.windows(taps, (&slopes, to), &turned, Start::Zero, from)?
            }
            Kind::Conv(conv) => {
                let (input, (forward, backward), (from, to)) = (values(tape), taps(gpu, conv)?, channels(conv));
                gpu.outer(forward, (&input, from), (&slopes, to), chunks, (found, conv.weight.clone(), true))?;
                if let Some(bias) = &conv.bias {
                    gpu.column_sums(&slopes, chunks, found, bias.clone())?;
                }
                if !wanted {
                    return Ok(None);
                }
                let turned = gpu.turned(self.parameters, conv.weight.clone(), (to, from), true)?;
                gpu.windows(backward, (&slopes, to), &turned, Start::Zero, from)?
            }
            Kind::Norm(norm) => {
                let Some(Kept::Normal(normal, statistics)) = tape.pop() else { unreachable!("a layer popped what another pushed") };
                let (norm, of_chunk) = (self.norm(norm, &slopes), self.statistics == Statistics::Chunk);
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
        let product = |taps: &Taps, weight: &Range<usize>, bias: Option<usize>, (from, to): (usize, usize)| {
            let along = gpu.turned(direction, weight.clone(), (to, from), false)?;
            let start = bias.map_or(Start::Zero, |bias| Start::Bias(direction, bias));
            let change = gpu.windows(taps, (&input, from), &along, start, to)?;
            let turned = gpu.turned(self.parameters, weight.clone(), (to, from), false)?;
            gpu.windows(taps, (&rate, from), &turned, Start::At(change), to)
        };
        let change = match layer.kind() {
            Kind::Linear(linear) => product(gpu.matrix()?, &linear.weight, Some(linear.bias.start), (linear.n_inputs, linear.n_outputs))?,
            Kind::Conv(conv) => product(&taps(gpu, conv)?.0, &conv.weight, conv.bias.as_ref().map(|bias| bias.start), channels(conv))?,
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

    /// Adds what normalisation saw, layer after layer as the tape has it, to the means over `n` chunks.
    fn see(&self, layers: &Chain, tape: &[Kept], seen: (&Buffer, usize)) -> Result<()> {
        fn norms<'a>(layer: &'a dyn Layer, all: &mut Vec<&'a BatchNorm>) {
            match layer.kind() {
                Kind::Norm(norm) => all.push(norm),
                Kind::Chain(chain) => chain.0.iter().for_each(|layer| norms(layer.as_ref(), all)),
                Kind::Residual(Residual { main, shortcut }) => {
                    norms(main, all);
                    if let Shortcut::Projected(chain) = shortcut {
                        norms(chain, all);
                    }
                }
                Kind::Linear(_) | Kind::Conv(_) | Kind::Relu | Kind::MaxPool(_) | Kind::MeanPool(_) | Kind::Flatten(_) => {}
            }
        }
        let mut all = Vec::new();
        norms(layers, &mut all);
        let normals =
            tape.iter().filter_map(|kept| if let Kept::Normal(normal, statistics) = kept { Some((normal, statistics)) } else { None });
        all.into_iter()
            .zip(normals)
            .try_for_each(|(norm, (normal, statistics))| self.gpu.seen(statistics, self.norm(norm, normal), self.chunks, seen))
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

fn channels(conv: &Conv) -> (usize, usize) {
    (conv.input().channels, conv.output().channels)
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

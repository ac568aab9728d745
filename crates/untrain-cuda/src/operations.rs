//! The operations: which buffers of which sizes each kernel gets, and what comes out.
//!
//! All of them return [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::TooLarge`](crate::Error::TooLarge) or
//! [`Error::Failed`](crate::Error::Failed), and panic if a buffer has another size than the arguments say.
#![expect(clippy::missing_errors_doc, clippy::missing_panics_doc, reason = "they are the same for all, and said above")]

use std::ops::Range;

use crate::Argument::{Number, Numbers, Places as Table};
use crate::{Buffer, Gpu, Places, Result, counted};

/// So many rows are summed in single precision before they join the sum in double precision; as in `kernels.cu`.
const ROWS: usize = 64;

/// Which pixels of a source each pixel of a target reads.
#[derive(Debug)]
pub struct Taps {
    places: Places,
    n: usize,
    source_pixels: usize,
    target_pixels: usize,
}

/// Where chains begin.
#[derive(Debug)]
pub enum Start<'a> {
    /// At zero.
    Zero,
    /// At the number of their channel, the first of which has this place.
    Bias(&'a Buffer, usize),
    /// At what stands there.
    At(Buffer),
}

/// Examples in chunks, one after another.
#[derive(Debug)]
pub struct Chunks {
    starts: Places,
    n: usize,
    /// The most examples that one has.
    largest: usize,
    examples: usize,
}

/// A normalisation: how large an example is, and where its numbers stand.
#[derive(Debug, Clone, Copy)]
pub struct Norm {
    /// How many pixels an example has.
    pub pixels: usize,
    /// How many channels.
    pub channels: usize,
    /// The place of the first scale in the parameters.
    pub scale: usize,
    /// The place of the first shift in the parameters.
    pub shift: usize,
    /// The place of the first mean in the statistics.
    pub mean: usize,
    /// The place of the first variance in the statistics.
    pub variance: usize,
}

/// Means and variances of each chunk.
#[derive(Debug)]
pub struct Statistics {
    means: Buffer,
    variances: Buffer,
    /// One divided by the deviations.
    inverses: Buffer,
}

/// A gradient of all parameters for each chunk, one after another.
#[derive(Debug)]
pub struct Gradients {
    values: Buffer,
    n_parameters: usize,
}

/// The sizes of a residual's shortcut with fewer pixels and more channels.
#[derive(Debug, Clone, Copy)]
pub struct Padded {
    /// Rows, columns and channels of what goes in.
    pub input: (usize, usize, usize),
    /// Rows, columns and channels of what comes out.
    pub output: (usize, usize, usize),
}

impl Chunks {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// How many examples they have together.
    pub fn examples(&self) -> usize {
        self.examples
    }
}

impl Gpu {
    /// Taps of `target_pixels` places each: a place that is not under `source_pixels` lies outside, where zeros are.
    pub fn taps(&self, places: &[u32], source_pixels: usize, target_pixels: usize) -> Result<Taps> {
        assert!(target_pixels > 0 && places.len().is_multiple_of(target_pixels));
        Ok(Taps { places: self.upload_places(places)?, n: places.len() / target_pixels, source_pixels, target_pixels })
    }

    /// Those of a matrix: a convolution of one tap over images of one pixel.
    pub fn matrix(&self) -> Result<&Taps> {
        if let Some(taps) = self.matrix.get() {
            return Ok(taps);
        }
        let taps = self.taps(&[0], 1, 1)?;
        Ok(self.matrix.get_or_init(|| taps))
    }

    /// Chunks that lie one after another, the first one at the beginning.
    pub fn chunks(&self, chunks: &[Range<usize>]) -> Result<Chunks> {
        assert!(!chunks.is_empty() && chunks[0].start == 0 && chunks.windows(2).all(|pair| pair[0].end == pair[1].start));
        let examples = chunks[chunks.len() - 1].end;
        counted(examples)?;
        let starts: Vec<u32> = chunks.iter().map(|chunk| chunk.start).chain([examples]).map(|start| start as u32).collect();
        let largest = chunks.iter().map(Range::len).max().unwrap_or(0);
        Ok(Chunks { starts: self.upload_places(&starts)?, n: chunks.len(), largest, examples })
    }

    /// Gradients of zeros.
    pub fn gradients(&self, chunks: &Chunks, n_parameters: usize) -> Result<Gradients> {
        Ok(Gradients { values: self.zeros(chunks.n * n_parameters)?, n_parameters })
    }

    /// The weights at `weight`, `(outputs, inputs, taps)`, so as [`Gpu::windows`] reads them, forwards or backwards.
    pub fn turned(&self, parameters: &Buffer, weight: Range<usize>, (outputs, inputs): (usize, usize), backward: bool) -> Result<Buffer> {
        assert!(weight.end <= parameters.len() && weight.len().is_multiple_of(outputs * inputs));
        let (taps, n) = (weight.len() / (outputs * inputs), weight.len());
        let (rows, columns) = if backward { (outputs, inputs) } else { (inputs, outputs) };
        let stride = columns.next_multiple_of(4);
        let turned = self.zeros(taps * rows * stride)?;
        let numbers = [weight.start, outputs, inputs, taps, stride, usize::from(backward)];
        self.run("turn", (n, 1), &[Numbers(parameters), Numbers(&turned)], &numbers)?;
        Ok(turned)
    }

    /// For each target pixel the chain from its start over the taps and `from` channels of its source; `to` channels.
    pub fn windows(&self, taps: &Taps, (source, from): (&Buffer, usize), turned: &Buffer, start: Start<'_>, to: usize) -> Result<Buffer> {
        let (size, stride) = (taps.source_pixels * from, to.next_multiple_of(4));
        assert!(source.len().is_multiple_of(size) && turned.len() == taps.n * from * stride);
        let pixels = source.len() / size * taps.target_pixels;
        let (kind, biases, bias, target) = match start {
            Start::Zero => (0, turned, 0, self.room(pixels * to)?),
            Start::Bias(biases, bias) => (1, biases, bias, self.room(pixels * to)?),
            Start::At(target) => (2, turned, 0, target),
        };
        assert!(target.len() == pixels * to && (kind != 1 || bias + to <= biases.len()));
        let buffers = [Numbers(source), Table(&taps.places), Numbers(turned), Numbers(biases), Numbers(&target)];
        let numbers = [pixels, taps.source_pixels, from, taps.target_pixels, to, stride, taps.n, kind, bias];
        self.run("windows", (pixels * (stride / 4), 1), &buffers, &numbers)?;
        Ok(target)
    }

    /// The gradients of the weights at `weight`: chains over images and pixels, which are `added` to what stands there, or go on from it.
    pub fn outer(
        &self,
        taps: &Taps,
        (source, from): (&Buffer, usize),
        (slopes, to): (&Buffer, usize),
        chunks: &Chunks,
        (gradients, weight, added): (&Gradients, Range<usize>, bool),
    ) -> Result<()> {
        assert!(source.len() == chunks.examples * taps.source_pixels * from && slopes.len() == chunks.examples * taps.target_pixels * to);
        assert!(weight.len() == taps.n * from * to);
        gradients.have(chunks, weight.end);
        let buffers = [Numbers(source), Table(&taps.places), Numbers(slopes), Table(&chunks.starts), Numbers(&gradients.values)];
        let sizes = [taps.source_pixels, from, taps.target_pixels, to, taps.n];
        let numbers = [&[gradients.n_parameters, weight.start][..], &sizes, &[usize::from(added)]].concat();
        self.run("outer", (weight.len(), chunks.n), &buffers, &numbers)
    }

    /// Adds the sums over each chunk to the gradients of the biases at `bias`.
    pub fn column_sums(&self, values: &Buffer, chunks: &Chunks, gradients: &Gradients, bias: Range<usize>) -> Result<()> {
        let (channels, pixels) = (bias.len(), pixels(values, chunks, bias.len()));
        gradients.have(chunks, bias.end);
        let buffers = [Numbers(values), Table(&chunks.starts), Numbers(&gradients.values)];
        self.run("column_sums", (channels, chunks.n), &buffers, &[gradients.n_parameters, bias.start, pixels, channels])
    }

    /// The means and variances of each chunk.
    pub fn statistics(&self, values: &Buffer, norm: Norm, chunks: &Chunks) -> Result<Statistics> {
        assert!(pixels(values, chunks, norm.channels) == norm.pixels);
        let means = self.block_means(values, None, norm, chunks)?;
        let variances = self.block_means(values, Some(&means), norm, chunks)?;
        self.with_inverses(means, variances)
    }

    /// The means and variances that are remembered, for each chunk.
    pub fn remembered(&self, remembered: &Buffer, norm: Norm, chunks: &Chunks) -> Result<Statistics> {
        let Norm { channels, mean, variance, .. } = norm;
        assert!(mean.max(variance) + channels <= remembered.len());
        let (means, variances) = (self.room(chunks.n * channels)?, self.room(chunks.n * channels)?);
        let buffers = [Numbers(remembered), Numbers(&means), Numbers(&variances)];
        self.run("remembered", (channels, chunks.n), &buffers, &[mean, variance, channels])?;
        self.with_inverses(means, variances)
    }

    /// Adds these statistics to the means over `n` chunks.
    pub fn seen(&self, statistics: &Statistics, norm: Norm, chunks: &Chunks, (seen, n): (&Buffer, usize)) -> Result<()> {
        let Norm { pixels, channels, mean, variance, .. } = norm;
        assert!(mean.max(variance) + channels <= seen.len());
        statistics.are_of(norm, chunks);
        let buffers = [Numbers(&statistics.means), Numbers(&statistics.variances), Table(&chunks.starts), Numbers(seen)];
        self.run("seen", (channels, 1), &buffers, &[mean, variance, pixels, channels, chunks.n, n])
    }

    /// Normal values, and those scaled and shifted.
    pub fn normalised(
        &self,
        values: &Buffer,
        statistics: &Statistics,
        parameters: &Buffer,
        norm: Norm,
        chunks: &Chunks,
    ) -> Result<(Buffer, Buffer)> {
        let Norm { pixels: n, channels, scale, shift, .. } = norm;
        assert!(pixels(values, chunks, channels) == n && scale.max(shift) + channels <= parameters.len());
        statistics.are_of(norm, chunks);
        let (normal, output) = (self.room(values.len())?, self.room(values.len())?);
        let Statistics { means, inverses, .. } = statistics;
        let Chunks { starts, .. } = chunks;
        let buffers =
            [Numbers(values), Numbers(means), Numbers(inverses), Numbers(parameters), Table(starts), Numbers(&normal), Numbers(&output)];
        self.run("normalise", (chunks.largest * n * channels, chunks.n), &buffers, &[scale, shift, n, channels])?;
        Ok((normal, output))
    }

    /// How fast the outputs of normalisation change when its inputs move along `rates` and its parameters along `direction`.
    pub fn norm_tangent(
        &self,
        (values, rates): (&Buffer, &Buffer),
        statistics: &Statistics,
        (parameters, direction): (&Buffer, &Buffer),
        norm: Norm,
        chunks: &Chunks,
    ) -> Result<Buffer> {
        let Norm { pixels: n, channels, scale, shift, .. } = norm;
        assert!(pixels(values, chunks, channels) == n && values.len() == rates.len());
        assert!(scale.max(shift) + channels <= parameters.len() && parameters.len() == direction.len());
        statistics.are_of(norm, chunks);
        let change = self.room(values.len())?;
        let buffers = [
            Numbers(values),
            Numbers(rates),
            Numbers(&statistics.means),
            Numbers(&statistics.inverses),
            Numbers(parameters),
            Numbers(direction),
            Table(&chunks.starts),
            Numbers(&change),
        ];
        self.run("norm_tangent", (chunks.largest * n * channels, chunks.n), &buffers, &[scale, shift, n, channels])?;
        Ok(change)
    }

    /// The slopes at what normalisation gets, from those at what it makes; the statistics moved with the values if they are of the
    /// chunk. Adds the gradients of scales and shifts.
    pub fn normalised_backward(
        &self,
        slopes: &Buffer,
        normal: &Buffer,
        (statistics, of_chunk): (&Statistics, bool),
        parameters: &Buffer,
        norm: Norm,
        chunks: &Chunks,
        gradients: &Gradients,
    ) -> Result<Buffer> {
        let Norm { pixels: n, channels, scale, shift, .. } = norm;
        assert!(pixels(slopes, chunks, channels) == n && slopes.len() == normal.len() && scale.max(shift) + channels <= parameters.len());
        statistics.are_of(norm, chunks);
        gradients.have(chunks, scale.max(shift) + channels);
        let (scales, shifts) = (self.room(chunks.n * channels)?, self.room(chunks.n * channels)?);
        let Chunks { starts, .. } = chunks;
        let buffers = [Numbers(slopes), Numbers(normal), Table(starts), Numbers(&gradients.values), Numbers(&scales), Numbers(&shifts)];
        self.run("norm_sums", (channels, chunks.n), &buffers, &[gradients.n_parameters, scale, shift, n, channels])?;
        let gradient = self.room(slopes.len())?;
        let buffers = [
            Numbers(slopes),
            Numbers(normal),
            Numbers(&statistics.inverses),
            Numbers(parameters),
            Numbers(&scales),
            Numbers(&shifts),
            Table(starts),
            Numbers(&gradient),
        ];
        let numbers = [scale, n, channels, usize::from(of_chunk)];
        self.run("norm_backward", (chunks.largest * n * channels, chunks.n), &buffers, &numbers)?;
        Ok(gradient)
    }

    /// `max(x, 0)`.
    pub fn relu(&self, values: &Buffer) -> Result<Buffer> {
        let output = self.room(values.len())?;
        self.run("relu", (values.len(), 1), &[Numbers(values), Numbers(&output)], &[values.len()])?;
        Ok(output)
    }

    /// The slopes where `output` is positive.
    pub fn relu_backward(&self, output: &Buffer, slopes: &Buffer) -> Result<Buffer> {
        assert!(output.len() == slopes.len());
        let gradient = self.room(slopes.len())?;
        self.run("relu_backward", (slopes.len(), 1), &[Numbers(output), Numbers(slopes), Numbers(&gradient)], &[slopes.len()])?;
        Ok(gradient)
    }

    /// The largest of 2 × 2 pixels, and where each was, in images of `(rows, columns, channels)`.
    pub fn max_pool(&self, values: &Buffer, (rows, columns, channels): (usize, usize, usize)) -> Result<(Buffer, Places)> {
        let n = values.len() / (rows * columns * channels);
        assert!(values.len() == n * rows * columns * channels);
        let size = n * (rows / 2) * (columns / 2) * channels;
        let (output, places) = (self.room(size)?, self.places(size, values.len())?);
        self.run("max_pool", (size, 1), &[Numbers(values), Numbers(&output), Table(&places)], &[n, rows, columns, channels])?;
        Ok((output, places))
    }

    /// What stands at some places.
    pub fn pick(&self, values: &Buffer, places: &Places) -> Result<Buffer> {
        let n = places.slice.len();
        assert!(places.under <= values.len());
        let output = self.room(n)?;
        self.run("pick", (n, 1), &[Numbers(values), Table(places), Numbers(&output)], &[n])?;
        Ok(output)
    }

    /// The slopes back where the largest of `n` values were.
    pub fn max_pool_backward(&self, slopes: &Buffer, places: &Places, n: usize) -> Result<Buffer> {
        assert!(places.slice.len() >= slopes.len() && places.under <= n);
        let gradient = self.zeros(n)?;
        self.run("max_pool_backward", (slopes.len(), 1), &[Numbers(slopes), Table(places), Numbers(&gradient)], &[slopes.len()])?;
        Ok(gradient)
    }

    /// The mean of all pixels of each channel.
    pub fn mean_pool(&self, values: &Buffer, (pixels, channels): (usize, usize)) -> Result<Buffer> {
        let n = values.len() / (pixels * channels);
        assert!(values.len() == n * pixels * channels);
        let means = self.room(n * channels)?;
        self.run("mean_pool", (n * channels, 1), &[Numbers(values), Numbers(&means)], &[n, pixels, channels])?;
        Ok(means)
    }

    /// Its slopes, for every pixel.
    pub fn mean_pool_backward(&self, slopes: &Buffer, (pixels, channels): (usize, usize)) -> Result<Buffer> {
        let n = slopes.len() / channels;
        assert!(slopes.len() == n * channels);
        let gradient = self.room(n * pixels * channels)?;
        self.run("mean_pool_backward", (n * pixels * channels, 1), &[Numbers(slopes), Numbers(&gradient)], &[n, pixels, channels])?;
        Ok(gradient)
    }

    /// Images channel after channel, or backwards.
    pub fn flattened(&self, values: &Buffer, (pixels, channels): (usize, usize), backward: bool) -> Result<Buffer> {
        let n = values.len() / (pixels * channels);
        assert!(values.len() == n * pixels * channels);
        let turned = self.room(values.len())?;
        let numbers = [n, pixels, channels, usize::from(backward)];
        self.run("flatten", (values.len(), 1), &[Numbers(values), Numbers(&turned)], &numbers)?;
        Ok(turned)
    }

    /// `values + others`.
    pub fn sum(&self, values: &Buffer, others: &Buffer) -> Result<Buffer> {
        assert!(values.len() == others.len());
        let sum = self.room(values.len())?;
        self.run("add", (sum.len(), 1), &[Numbers(values), Numbers(others), Numbers(&sum)], &[sum.len()])?;
        Ok(sum)
    }

    /// `values` and what a shortcut adds: forwards values are what comes out and `others` what goes in, backwards the slopes at them.
    pub fn sum_padded(&self, values: &Buffer, others: &Buffer, padded: Padded, backward: bool) -> Result<Buffer> {
        let Padded { input: (height, width, from), output: (rows, columns, to) } = padded;
        let (narrow, wide) = if backward { (values, others) } else { (others, values) };
        let n = narrow.len() / (height * width * from);
        assert!(narrow.len() == n * height * width * from && wide.len() == n * rows * columns * to && from <= to);
        assert!(height.div_ceil(rows) * (rows - 1) < height && height.div_ceil(rows) * (columns - 1) < width);
        let sum = self.room(values.len())?;
        let numbers = [n, height, width, from, rows, columns, to, usize::from(backward)];
        self.run("padded", (sum.len(), 1), &[Numbers(values), Numbers(others), Numbers(&sum)], &numbers)?;
        Ok(sum)
    }

    /// The gradients, chunk after chunk.
    pub fn download_gradients(&self, gradients: &Gradients) -> Result<Vec<f32>> {
        self.download(&gradients.values)
    }

    /// Adds the gradients of the chunks, one after another, to those before, or to none.
    pub fn total(&self, gradients: &Gradients, chunks: &Chunks, before: Option<Buffer>) -> Result<Buffer> {
        let n = gradients.n_parameters;
        assert!(before.as_ref().is_none_or(|before| before.len() == n));
        gradients.have(chunks, n);
        let alone = before.is_none();
        let total = before.map_or_else(|| self.room(n), Ok)?;
        self.run("total", (n, 1), &[Numbers(&gradients.values), Numbers(&total)], &[n, chunks.n, usize::from(alone)])?;
        Ok(total)
    }

    fn block_means(&self, values: &Buffer, means: Option<&Buffer>, norm: Norm, chunks: &Chunks) -> Result<Buffer> {
        let Norm { pixels, channels, .. } = norm;
        let blocks = (chunks.largest * pixels).div_ceil(ROWS);
        let (sums, found) = (self.room(chunks.n * blocks * channels)?, self.room(chunks.n * channels)?);
        let buffers = [Numbers(values), Numbers(means.unwrap_or(&found)), Table(&chunks.starts), Numbers(&sums)];
        let numbers = [pixels, channels, blocks, usize::from(means.is_some())];
        self.run("block_sums", (blocks * channels, chunks.n), &buffers, &numbers)?;
        let buffers = [Numbers(&sums), Table(&chunks.starts), Numbers(&found)];
        self.run("block_means", (channels, chunks.n), &buffers, &[pixels, channels, blocks])?;
        Ok(found)
    }

    fn with_inverses(&self, means: Buffer, variances: Buffer) -> Result<Statistics> {
        let inverses = self.room(variances.len())?;
        self.run("inverses", (variances.len(), 1), &[Numbers(&variances), Numbers(&inverses)], &[variances.len()])?;
        Ok(Statistics { means, variances, inverses })
    }

    /// Launches a kernel that gets buffers and then numbers.
    fn run(&self, kernel: &'static str, shape: (usize, usize), buffers: &[crate::Argument<'_>], numbers: &[usize]) -> Result<()> {
        let numbers = numbers.iter().map(|number| counted(*number).map(Number)).collect::<Result<Vec<_>>>()?;
        self.launch(kernel, shape, buffers.iter().chain(&numbers))
    }
}

impl Gradients {
    fn have(&self, chunks: &Chunks, end: usize) {
        assert!(end <= self.n_parameters && self.values.len() == chunks.n * self.n_parameters);
    }
}

impl Statistics {
    fn are_of(&self, norm: Norm, chunks: &Chunks) {
        assert!(self.means.len() == chunks.n * norm.channels && self.inverses.len() == self.means.len());
    }
}

/// How many pixels an example has.
fn pixels(values: &Buffer, chunks: &Chunks, channels: usize) -> usize {
    let size = chunks.examples * channels;
    assert!(size > 0 && values.len().is_multiple_of(size));
    values.len() / size
}

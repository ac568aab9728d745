//! Convolution without copies of the image.
//!
//! Pixels hold their channels side by side, so a window is a few short rows, which the products read where they are. An output is
//! the chain (see [`crate::product`]) over the taps of the kernel, row by row, and within a tap over the channels; a gradient of a
//! weight is the chain over images and pixels. Few or odd channels go through a copy, with the same bits.

use std::ops::Range;

use super::{Found, Kept, Layer, Pass, Shape, Tape, add_columns, repeated};
use crate::product::{Matrix, add_product};

/// How many pixels, or inputs of a weight, and how many channels stay in registers at one time.
const PIXELS: usize = 6;
const INPUTS: usize = 4;
const WIDTH: usize = 16;
/// Fewer channels than this are not worth a window of their own.
const FEW: usize = 8;
/// A tap that lies outside of the image.
const OUTSIDE: u32 = u32::MAX;

/// A square kernel; weights have the shape `(out, in, size, size)`.
#[derive(Debug)]
pub(crate) struct Conv {
    input: Shape,
    output: Shape,
    size: usize,
    weight: Range<usize>,
    bias: Option<Range<usize>>,
    /// Which pixel of the input each tap of each output reads, and of the output each tap of each input.
    forward: Taps,
    backward: Taps,
}

/// For each pixel of a target and each tap a pixel of the source.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "a number of taps is called one")]
struct Taps {
    n_taps: usize,
    source_pixels: usize,
    target_pixels: usize,
    places: Vec<u32>,
}

impl Conv {
    /// A kernel of `size`, moved by `stride` over an image with `padding` pixels of zeros around it.
    pub(crate) fn new(
        input: Shape,
        channels: usize,
        (size, stride, padding): (usize, usize, usize),
        weight: Range<usize>,
        bias: Option<Range<usize>>,
    ) -> Self {
        let length = |pixels: usize| (pixels + 2 * padding).saturating_sub(size) / stride + 1;
        let output = Shape { channels, height: length(input.height), width: length(input.width) };
        let forward = Taps::new(input, output, size, |at, tap| (at * stride + tap).checked_sub(padding));
        let backward = Taps::new(output, input, size, |at, tap| {
            (at + padding).checked_sub(tap).filter(|distance| distance % stride == 0).map(|distance| distance / stride)
        });
        Self { input, output, size, weight, bias, forward, backward }
    }

    pub(crate) fn output(&self) -> Shape {
        self.output
    }

    /// The weights as `(tap, in)` by `out`, or `(tap, out)` by `in`.
    fn turned(&self, values: &[f32], forward: bool) -> Vec<f32> {
        let (values, taps) = (&values[self.weight.clone()], self.size * self.size);
        let (inputs, outputs) = (self.input.channels, self.output.channels);
        let at = |output: usize, input: usize, tap: usize| values[(output * inputs + input) * taps + tap];
        let (rows, columns) = if forward { (inputs, outputs) } else { (outputs, inputs) };
        let rows = (0..taps).flat_map(|tap| (0..rows).map(move |row| (tap, row)));
        let turned =
            rows.flat_map(|(tap, row)| (0..columns).map(move |column| if forward { at(column, row, tap) } else { at(row, column, tap) }));
        turned.collect()
    }

    fn apply(&self, weights: &[f32], n: usize, input: &[f32], output: &mut [f32]) {
        let turned = self.turned(weights, true);
        self.forward.add_windows(n, input, self.input.channels, &turned, self.output.channels, output);
    }

    fn weight_gradient(&self, n: usize, input: &[f32], output: &[f32], gradient: &mut [f32]) {
        let (inputs, outputs, taps) = (self.input.channels, self.output.channels, self.size * self.size);
        let mut turned = vec![0.0; taps * inputs * outputs];
        if inputs % INPUTS == 0 && outputs % WIDTH == 0 {
            self.forward.add_outer(n, input, inputs, output, outputs, &mut turned);
        } else {
            let windows = self.forward.windows(n, input, inputs);
            let pixels = n * self.output.pixels();
            let windows = Matrix::new(&windows, pixels, taps * inputs);
            add_product(windows.transposed(), &Matrix::new(output, pixels, outputs), &mut turned);
        }
        for (place, sum) in gradient.iter_mut().enumerate() {
            let (output, input, tap) = (place / (inputs * taps), place / taps % inputs, place % taps);
            *sum += turned[(tap * inputs + input) * outputs + output];
        }
    }
}

impl Layer for Conv {
    fn forward(&self, pass: Pass<'_>, input: Vec<f32>, tape: Option<&mut Tape>) -> Vec<f32> {
        let pixels = pass.n * self.output.pixels();
        let mut output = match &self.bias {
            Some(bias) => repeated(&pass.parameters[bias.clone()], pixels),
            None => vec![0.0; pixels * self.output.channels],
        };
        self.apply(pass.parameters, pass.n, &input, &mut output);
        if let Some(tape) = tape {
            tape.kept.push(Kept::Values(input));
        }
        output
    }

    fn backward(&self, pass: Pass<'_>, tape: &mut Tape, output: Vec<f32>, found: &mut Found<'_, '_>, wanted: bool) -> Vec<f32> {
        let input = tape.values();
        let (inputs, outputs) = (self.input.channels, self.output.channels);
        if let Some(observer) = &mut found.observer {
            let windows = self.forward.windows(pass.n, &input, inputs);
            let pixels = pass.n * self.output.pixels();
            let n_inputs = self.forward.n_taps * inputs;
            observer(&self.weight, Matrix::new(&windows, pixels, n_inputs), Matrix::new(&output, pixels, outputs));
        }
        self.weight_gradient(pass.n, &input, &output, &mut found.gradient[self.weight.clone()]);
        if let Some(bias) = &self.bias {
            add_columns(&output, &mut found.gradient[bias.clone()]);
        }
        if !wanted {
            return Vec::new();
        }
        let mut gradient = vec![0.0; input.len()];
        let turned = self.turned(pass.parameters, false);
        self.backward.add_windows(pass.n, &output, outputs, &turned, inputs, &mut gradient);
        gradient
    }

    fn tangent(&self, pass: Pass<'_>, direction: &[f32], input: Vec<f32>, rate: Vec<f32>) -> (Vec<f32>, Vec<f32>) {
        let pixels = pass.n * self.output.pixels();
        let mut change = match &self.bias {
            Some(bias) => repeated(&direction[bias.clone()], pixels),
            None => vec![0.0; pixels * self.output.channels],
        };
        self.apply(direction, pass.n, &input, &mut change);
        self.apply(pass.parameters, pass.n, &rate, &mut change);
        (self.forward(pass, input, None), change)
    }
}

impl Taps {
    /// `place` says at which row (or column) of the source a tap reads for a row (or column) of the target.
    fn new(source: Shape, target: Shape, size: usize, place: impl Fn(usize, usize) -> Option<usize>) -> Self {
        let mut places = Vec::with_capacity(target.pixels() * size * size);
        for (y, x) in (0..target.height).flat_map(|y| (0..target.width).map(move |x| (y, x))) {
            for (down, right) in (0..size).flat_map(|down| (0..size).map(move |right| (down, right))) {
                let row = place(y, down).filter(|row| *row < source.height);
                let column = place(x, right).filter(|column| *column < source.width);
                places.push(row.zip(column).map_or(OUTSIDE, |(row, column)| (row * source.width + column) as u32));
            }
        }
        Self { n_taps: size * size, source_pixels: source.pixels(), target_pixels: target.pixels(), places }
    }

    /// The place of the source pixel in a chunk, if it is inside.
    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    fn source(&self, target: usize, tap: usize) -> Option<usize> {
        let (image, pixel) = (target / self.target_pixels, target % self.target_pixels);
        let place = self.places[pixel * self.n_taps + tap];
        (place != OUTSIDE).then(|| image * self.source_pixels + place as usize)
    }

    /// A row for each target pixel: what its taps read.
    fn windows(&self, n: usize, source: &[f32], channels: usize) -> Vec<f32> {
        let mut windows = vec![0.0; n * self.target_pixels * self.n_taps * channels];
        for (i, window) in windows.chunks_exact_mut(channels).enumerate() {
            if let Some(place) = self.source(i / self.n_taps, i % self.n_taps) {
                window.copy_from_slice(&source[place * channels..(place + 1) * channels]);
            }
        }
        windows
    }

    /// Adds to each target the product of its window and `weights`, `(tap, from)` by `to`.
    fn add_windows(&self, n: usize, source: &[f32], from: usize, weights: &[f32], to: usize, target: &mut [f32]) {
        let pixels = n * self.target_pixels;
        if from < FEW {
            let windows = self.windows(n, source, from);
            let windows = Matrix::new(&windows, pixels, self.n_taps * from);
            return add_product(windows, &Matrix::new(weights, self.n_taps * from, to), target);
        }
        let zeros = vec![0.0; from];
        for channel in (0..to).step_by(WIDTH) {
            let width = WIDTH.min(to - channel);
            let mut panel = vec![[0.0; WIDTH]; self.n_taps * from];
            panel
                .iter_mut()
                .zip(weights.chunks_exact(to))
                .for_each(|(place, row)| place[..width].copy_from_slice(&row[channel..channel + width]));
            let target = &mut target[channel..];
            pulp::Arch::new().dispatch(Windows { taps: self, pixels, source, zeros: &zeros, panel: &panel, target, stride: to, width });
        }
    }

    /// Adds to each weight, `(tap, from)` by `to`, the products of what its tap reads and what the target has, over all pixels.
    fn add_outer(&self, n: usize, source: &[f32], from: usize, target: &[f32], to: usize, weights: &mut [f32]) {
        for image in 0..n {
            let source = &source[image * self.source_pixels * from..(image + 1) * self.source_pixels * from];
            let target = &target[image * self.target_pixels * to..(image + 1) * self.target_pixels * to];
            pulp::Arch::new().dispatch(Outer { taps: self, source, from, target, to, weights: &mut *weights });
        }
    }
}

/// The innermost loops of [`Taps::add_windows`]: up to [`WIDTH`] channels of the target, which lie `stride` apart by pixels.
struct Windows<'a> {
    taps: &'a Taps,
    pixels: usize,
    source: &'a [f32],
    zeros: &'a [f32],
    panel: &'a [[f32; WIDTH]],
    target: &'a mut [f32],
    stride: usize,
    width: usize,
}

impl pulp::NullaryFnOnce for Windows<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    fn call(self) {
        let Self { taps, pixels, source, zeros, panel, target, stride, width } = self;
        let from = zeros.len();
        for first in (0..pixels).step_by(PIXELS) {
            let rows = PIXELS.min(pixels - first);
            let mut sums = [[0.0_f32; WIDTH]; PIXELS];
            for (row, sums) in sums.iter_mut().enumerate().take(rows) {
                let place = (first + row) * stride;
                sums[..width].copy_from_slice(&target[place..place + width]);
            }
            for (tap, panel) in panel.chunks_exact(from).enumerate() {
                let read = |row: usize| {
                    let place = if row < rows { taps.source(first + row, tap) } else { None };
                    place.map_or(zeros, |place| &source[place * from..(place + 1) * from])
                };
                let left: [&[f32]; PIXELS] = std::array::from_fn(read);
                for (c, right) in panel.iter().enumerate() {
                    for row in 0..PIXELS {
                        for column in 0..WIDTH {
                            sums[row][column] = left[row][c].mul_add(right[column], sums[row][column]);
                        }
                    }
                }
            }
            for (row, sums) in sums.iter().enumerate().take(rows) {
                let place = (first + row) * stride;
                target[place..place + width].copy_from_slice(&sums[..width]);
            }
        }
    }
}

/// The innermost loops of [`Taps::add_outer`], over one image.
struct Outer<'a> {
    taps: &'a Taps,
    source: &'a [f32],
    from: usize,
    target: &'a [f32],
    to: usize,
    weights: &'a mut [f32],
}

impl pulp::NullaryFnOnce for Outer<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    fn call(self) {
        let Self { taps, source, from, target, to, weights } = self;
        for tap in 0..taps.n_taps {
            for (input, output) in (0..from).step_by(INPUTS).flat_map(|input| (0..to).step_by(WIDTH).map(move |output| (input, output))) {
                let mut sums = [[0.0_f32; WIDTH]; INPUTS];
                for (row, sums) in sums.iter_mut().enumerate() {
                    let place = (tap * from + input + row) * to + output;
                    sums.copy_from_slice(&weights[place..place + WIDTH]);
                }
                for (places, right) in taps.places.chunks_exact(taps.n_taps).zip(target.chunks_exact(to)) {
                    let place = places[tap];
                    if place == OUTSIDE {
                        continue;
                    }
                    let left = &source[place as usize * from + input..][..INPUTS];
                    let right = &right[output..output + WIDTH];
                    for row in 0..INPUTS {
                        for column in 0..WIDTH {
                            sums[row][column] = left[row].mul_add(right[column], sums[row][column]);
                        }
                    }
                }
                for (row, sums) in sums.iter().enumerate() {
                    let place = (tap * from + input + row) * to + output;
                    weights[place..place + WIDTH].copy_from_slice(sums);
                }
            }
        }
    }
}

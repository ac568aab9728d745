//! Convolution without copies of the image.
//!
//! Pixels hold their channels side by side, so a window is a few short rows, which the products read where they are. An output is
//! the chain (see [`crate::product`]) over the taps of the kernel, row by row, and within a tap over the channels; a gradient of a
//! weight is the chain over images and pixels. Few or odd channels go through a copy, with the same bits.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::{Found, Kept, Layer, Pass, Shape, Tape, add_columns, repeated};
use crate::product::{Matrix, add_product};
use crate::tile::{GROUP, Room, Tile};

/// The most pixels that stay in registers at one time.
const MOST_PIXELS: usize = 8;

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

/// For each tap and each pixel of a target a pixel of the source.
#[derive(Debug)]
struct Taps {
    source_pixels: usize,
    target_pixels: usize,
    /// Tap after tap; a pixel that lies outside of the image has the place after the last. There are some more of those after the
    /// pixels of each tap, so that one can read [`MOST_PIXELS`] from each.
    places: Vec<Vec<u32>>,
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
        self.forward.add_windows(n, (input, self.input.channels), &turned, (output, self.output.channels));
    }

    fn weight_gradient(&self, n: usize, input: &[f32], output: &[f32], gradient: &mut [f32]) {
        let (inputs, outputs, taps) = (self.input.channels, self.output.channels, self.size * self.size);
        let mut turned = vec![0.0; taps * inputs * outputs];
        self.forward.add_outer(n, (input, inputs), (output, outputs), &mut turned);
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
            let n_inputs = self.size * self.size * inputs;
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
        self.backward.add_windows(pass.n, (&output, outputs), &turned, (&mut gradient, inputs));
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
        let outside = source.pixels() as u32;
        let of_tap = |down: usize, right: usize| {
            let pixels = (0..target.height).flat_map(|y| (0..target.width).map(move |x| (y, x)));
            let mut places: Vec<u32> = pixels
                .map(|(y, x)| {
                    let row = place(y, down).filter(|row| *row < source.height);
                    let column = place(x, right).filter(|column| *column < source.width);
                    row.zip(column).map_or(outside, |(row, column)| (row * source.width + column) as u32)
                })
                .collect();
            places.resize(places.len() + MOST_PIXELS, outside);
            places
        };
        let places =
            (0..size).flat_map(|down| (0..size).map(move |right| (down, right))).map(|(down, right)| of_tap(down, right)).collect();
        Self { source_pixels: source.pixels(), target_pixels: target.pixels(), places }
    }

    /// A row for each target pixel: what its taps read.
    fn windows(&self, n: usize, source: &[f32], channels: usize) -> Vec<f32> {
        let mut windows = vec![0.0; n * self.target_pixels * self.places.len() * channels];
        let images = source.chunks_exact(self.source_pixels * channels);
        for (image, windows) in images.zip(windows.chunks_exact_mut(self.target_pixels * self.places.len() * channels)) {
            for (pixel, window) in windows.chunks_exact_mut(self.places.len() * channels).enumerate() {
                for (places, window) in self.places.iter().zip(window.chunks_exact_mut(channels)) {
                    let place = places[pixel] as usize;
                    if place < self.source_pixels {
                        window.copy_from_slice(&image[place * channels..(place + 1) * channels]);
                    }
                }
            }
        }
        windows
    }

    /// Adds to each target the product of its window and `weights`, `(tap, from)` by `to`.
    fn add_windows(&self, n: usize, (source, from): (&[f32], usize), weights: &[f32], (target, to): (&mut [f32], usize)) {
        if from.is_multiple_of(GROUP) {
            return pulp::Arch::new().dispatch(Windows { taps: self, source, from, weights, target, to });
        }
        let windows = self.windows(n, source, from);
        let n_inputs = self.places.len() * from;
        add_product(Matrix::new(&windows, n * self.target_pixels, n_inputs), Matrix::new(weights, n_inputs, to), target);
    }

    /// Adds to each weight, `(tap, from)` by `to`, the products of what its tap reads and what the target has, over all pixels.
    fn add_outer(&self, n: usize, (source, from): (&[f32], usize), (target, to): (&[f32], usize), weights: &mut [f32]) {
        let outer = Outer { taps: self, source, from, target, to, weights };
        if from.is_multiple_of(GROUP) && pulp::Arch::new().dispatch(outer) {
            return;
        }
        let windows = self.windows(n, source, from);
        let pixels = n * self.target_pixels;
        add_product(Matrix::new(&windows, pixels, self.places.len() * from).transposed(), Matrix::new(target, pixels, to), weights);
    }
}

/// The inner loops of [`Taps::add_windows`], where sources have so many channels that a window is a few rows to be read where they are.
struct Windows<'a> {
    taps: &'a Taps,
    source: &'a [f32],
    from: usize,
    weights: &'a [f32],
    target: &'a mut [f32],
    to: usize,
}

impl WithSimd for Windows<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT < 32 {
            self.tiled::<S, 6, 2>(simd);
        } else if self.to <= S::F32_LANES {
            self.tiled::<S, MOST_PIXELS, 1>(simd);
        } else {
            self.tiled::<S, MOST_PIXELS, 2>(simd);
        }
    }
}

impl Windows<'_> {
    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    fn tiled<S: Simd, const H: usize, const C: usize>(self, simd: S) {
        let Self { taps, source, from, weights, target, to } = self;
        let tile_width = Tile::<S, H, C>::WIDTH;
        let (mut panels, mut image) = (Room::default(), Room::default());
        let n_inputs = taps.places.len() * from;
        let weights = Matrix::new(weights, n_inputs, to);
        let panel_size = n_inputs * tile_width;
        let panels = panels.get(to.div_ceil(tile_width) * panel_size);
        for (panel, first) in panels.chunks_exact_mut(panel_size).zip((0..to).step_by(tile_width)) {
            weights.pack((0, n_inputs), (first, tile_width.min(to - first)), tile_width, panel);
        }
        let images = source.chunks_exact(taps.source_pixels * from);
        for (source, target) in images.zip(target.chunks_exact_mut(taps.target_pixels * to)) {
            let image = with_outside(source, from, &mut image);
            for (panel, channel) in panels.chunks_exact(panel_size).zip((0..to).step_by(tile_width)) {
                let width = tile_width.min(to - channel);
                for first in (0..taps.target_pixels).step_by(H) {
                    let (rows, place) = (H.min(taps.target_pixels - first), first * to + channel);
                    let mut tile = Tile::<S, H, C>::load(simd, &target[place..], to, rows, width);
                    for (places, panel) in taps.places.iter().zip(panel.chunks_exact(from * tile_width)) {
                        let mut pixels: [&[[f32; GROUP]]; H] = [&[]; H];
                        for (pixel, place) in pixels.iter_mut().zip(&places[first..first + H]) {
                            *pixel = image[*place as usize * from..][..from].as_chunks().0;
                        }
                        for (group, right) in Tile::<S, H, C>::rows(panel).as_chunks::<GROUP>().0.iter().enumerate() {
                            let mut left = [&[0.0; GROUP]; H];
                            for row in 0..H {
                                left[row] = &pixels[row][group];
                            }
                            tile.add_group(simd, left, right);
                        }
                    }
                    tile.store(simd, &mut target[place..], to, rows, width);
                }
            }
        }
    }
}

/// The inner loops of [`Taps::add_outer`], where sources have so many channels, and targets as many as fill whole registers; says whether
/// they do.
struct Outer<'a> {
    taps: &'a Taps,
    source: &'a [f32],
    from: usize,
    target: &'a [f32],
    to: usize,
    weights: &'a mut [f32],
}

impl WithSimd for Outer<'_> {
    type Output = bool;

    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        if S::REGISTER_COUNT >= 32 && self.to.is_multiple_of(2 * S::F32_LANES) {
            self.tiled::<S, GROUP, 2>(simd);
        } else if self.to.is_multiple_of(S::F32_LANES) {
            self.tiled::<S, GROUP, 1>(simd);
        } else {
            return false;
        }
        true
    }
}

impl Outer<'_> {
    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    fn tiled<S: Simd, const H: usize, const C: usize>(self, simd: S) {
        let Self { taps, source, from, target, to, weights } = self;
        let tile_width = Tile::<S, H, C>::WIDTH;
        let mut image = Room::default();
        let images = source.chunks_exact(taps.source_pixels * from);
        for (source, target) in images.zip(target.chunks_exact(taps.target_pixels * to)) {
            let image = with_outside(source, from, &mut image);
            for (places, weights) in taps.places.iter().zip(weights.chunks_exact_mut(from * to)) {
                for (input, output) in (0..from).step_by(H).flat_map(|input| (0..to).step_by(tile_width).map(move |output| (input, output)))
                {
                    let place = input * to + output;
                    let mut tile = Tile::<S, H, C>::load(simd, &weights[place..], to, H, tile_width);
                    for (place, right) in places.iter().zip(target.chunks_exact(to)) {
                        let left = image[*place as usize * from + input..].first_chunk();
                        let right = Tile::<S, H, C>::rows(&right[output..output + tile_width]).first();
                        if let (Some(left), Some(right)) = (left, right) {
                            tile.add(simd, left, right);
                        }
                    }
                    tile.store(simd, &mut weights[place..], to, H, tile_width);
                }
            }
        }
    }
}

/// An image, and after its last pixel the one that lies outside, of zeros.
#[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
#[inline(always)]
fn with_outside<'a>(source: &[f32], channels: usize, room: &'a mut Room) -> &'a [f32] {
    let image = room.get(source.len() + channels);
    image[..source.len()].copy_from_slice(source);
    image[source.len()..].fill(0.0);
    image
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tile::{self, numbers};

    /// Both inner loops, with sums of their own; the outer ones only where registers fit.
    #[derive(Clone, Copy)]
    struct Apart<'a> {
        taps: &'a Taps,
        source: &'a [f32],
        from: usize,
        weights: &'a [f32],
        target: &'a [f32],
        to: usize,
    }

    impl WithSimd for Apart<'_> {
        type Output = (Vec<f32>, Option<Vec<f32>>);

        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let Self { taps, source, from, weights, target, to } = self;
            let (mut windows, mut outer) = (target.to_vec(), weights.to_vec());
            Windows { taps, source, from, weights, target: &mut windows, to }.with_simd(simd);
            let fits = Outer { taps, source, from, target, to, weights: &mut outer }.with_simd(simd);
            (windows, fits.then_some(outer))
        }
    }

    /// What a tap reads, zero outside of the image.
    fn read(taps: &Taps, values: &[f32], channels: usize, (image, pixel, tap, channel): (usize, usize, usize, usize)) -> f32 {
        let place = taps.places[tap][pixel] as usize;
        if place == taps.source_pixels { 0.0 } else { values[(image * taps.source_pixels + place) * channels + channel] }
    }

    proptest! {
        /// Whatever the way that numbers of channels take: windows that are copied, tiles that are full, tiles that are not.
        #[test]
        fn a_convolution_has_the_bits_of_its_definition(
            (height, width, n) in (1_usize..9, 1_usize..9, 1_usize..4), from in prop::sample::select(vec![1, 3, 8, 12, 16, 24]),
            to in prop::sample::select(vec![1, 5, 8, 16, 20, 32, 48]), (size, stride) in (1_usize..4, 1_usize..3), seed: u64,
        ) {
            let padding = size / 2;
            let input = Shape { channels: from, height, width };
            let conv = Conv::new(input, to, (size, stride, padding), 0..to * from * size * size, None);
            let (taps, pixels) = (&conv.forward, conv.output.pixels());
            let (source, weights) = (numbers(n * input.len(), seed), numbers(size * size * from * to, !seed));
            let target = numbers(n * pixels * to, seed ^ 1);

            let mut fast = target.clone();
            taps.add_windows(n, (&source, from), &weights, (&mut fast, to));
            let all = Apart { taps, source: &source, from, weights: &weights, target: &target, to };
            let (mut all, mut slow) = (if from.is_multiple_of(GROUP) { tile::on_all(|| all) } else { Vec::new() }, target.clone());
            all.push((fast, None));
            for (place, sum) in slow.iter_mut().enumerate() {
                let (image, pixel, column) = (place / (pixels * to), place / to % pixels, place % to);
                for (tap, channel) in (0..size * size).flat_map(|tap| (0..from).map(move |channel| (tap, channel))) {
                    *sum = read(taps, &source, from, (image, pixel, tap, channel)).mul_add(weights[(tap * from + channel) * to + column], *sum);
                }
            }
            prop_assert!(all.iter().all(|(windows, _)| *windows == slow));

            let (mut fast, mut slow) = (weights.clone(), weights.clone());
            taps.add_outer(n, (&source, from), (&target, to), &mut fast);
            for (place, sum) in slow.iter_mut().enumerate() {
                let (tap, channel, column) = (place / (from * to), place / to % from, place % to);
                for (image, pixel) in (0..n).flat_map(|image| (0..pixels).map(move |pixel| (image, pixel))) {
                    *sum = read(taps, &source, from, (image, pixel, tap, channel)).mul_add(target[(image * pixels + pixel) * to + column], *sum);
                }
            }
            prop_assert_eq!(&fast, &slow);
            prop_assert!(all.into_iter().filter_map(|(_, outer)| outer).all(|outer| outer == slow));
        }
    }
}

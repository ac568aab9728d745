//! Convolution without copies of the image.
//!
//! Pixels hold their channels side by side, so a window is a few short rows, which the products read where they are. An output is
//! the chain (see [`crate::product`]) over the taps of the kernel, row by row, and within a tap over the channels; a gradient of a
//! weight is the chain over images and pixels.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::{Found, Kept, Layer, Pass, Shape, Tape, add_columns, of_examples, repeated};
use crate::product::Matrix;
use crate::tile::{GROUP, Room, Tile};

/// The most pixels that stay in registers at one time.
const MOST_PIXELS: usize = 8;

/// A square kernel; weights have the shape `(out, in, size, size)`.
#[derive(Debug)]
pub(crate) struct Conv {
    input: Shape,
    output: Shape,
    size: usize,
    pub(crate) weight: Range<usize>,
    pub(crate) bias: Option<Range<usize>>,
    /// Which pixel of the input each tap of each output reads, and of the output each tap of each input.
    forward: Taps,
    backward: Taps,
    #[cfg(feature = "cuda")]
    pub(crate) on_gpu: crate::device::BothTaps,
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
        Self {
            input,
            output,
            size,
            weight,
            bias,
            forward,
            backward,
            #[cfg(feature = "cuda")]
            on_gpu: crate::device::BothTaps::new(),
        }
    }

    #[cfg(feature = "cuda")]
    pub(crate) fn input(&self) -> Shape {
        self.input
    }

    /// For each tap and each pixel of the target the pixel of the source: forwards, and backwards.
    #[cfg(feature = "cuda")]
    pub(crate) fn both_places(&self) -> [Vec<u32>; 2] {
        [&self.forward, &self.backward].map(|taps| taps.places.iter().flat_map(|places| &places[..taps.target_pixels]).copied().collect())
    }

    pub(crate) fn output(&self) -> Shape {
        self.output
    }

    /// The weights as `(tap, in)` by `out`, or `(tap, out)` by `in`.
    fn turned(&self, values: &[f32], forward: bool) -> Vec<f32> {
        let values = &values[self.weight.clone()];
        let mut turned = vec![0.0; values.len()];
        self.visit(forward, |weight, place| turned[place] = values[weight]);
        turned
    }

    /// Goes through the weights: the place of each, and that where [`Conv::turned`] has it.
    #[inline]
    fn visit(&self, forward: bool, mut visit: impl FnMut(usize, usize)) {
        let (inputs, outputs, taps) = (self.input.channels, self.output.channels, self.size * self.size);
        let (of_output, of_input) = if forward { (1, outputs) } else { (inputs, 1) };
        for (output, input) in (0..outputs).flat_map(|output| (0..inputs).map(move |input| (output, input))) {
            let (weight, place) = ((output * inputs + input) * taps, output * of_output + input * of_input);
            (0..taps).for_each(|tap| visit(weight + tap, place + tap * inputs * outputs));
        }
    }

    fn apply(&self, weights: &[f32], n: usize, input: &[f32], output: &mut [f32]) {
        let turned = self.turned(weights, true);
        self.forward.add_windows(n, (input, self.input.channels), &turned, (output, self.output.channels));
    }

    fn weight_gradient(&self, n: usize, input: &[f32], output: &[f32], gradient: &mut [f32]) {
        let (inputs, outputs) = (self.input.channels, self.output.channels);
        let mut turned = vec![0.0; gradient.len()];
        self.forward.add_outer(n, (input, inputs), (output, outputs), &mut turned);
        self.visit(true, |weight, place| gradient[weight] += turned[place]);
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
        if let Found::Factors(observer) = found {
            observer(&self.weight, &self.forward.windows(pass.n, &input, inputs), &output);
        }
        for (examples, gradient) in found.parts(pass.n) {
            let (x, dy) = (of_examples(&input, pass.n, &examples), of_examples(&output, pass.n, &examples));
            self.weight_gradient(examples.len(), x, dy, &mut gradient[self.weight.clone()]);
            if let Some(bias) = &self.bias {
                add_columns(dy, &mut gradient[bias.clone()]);
            }
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

    #[cfg(feature = "cuda")]
    fn kind(&self) -> super::Kind<'_> {
        super::Kind::Conv(self)
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
        debug_assert_eq!((source.len(), target.len()), (n * self.source_pixels * from, n * self.target_pixels * to));
        pulp::Arch::new().dispatch(Windows { taps: self, source, from, weights, target, to });
    }

    /// Adds to each weight, `(tap, from)` by `to`, the products of what its tap reads and what the target has, over all pixels.
    fn add_outer(&self, n: usize, (source, from): (&[f32], usize), (target, to): (&[f32], usize), weights: &mut [f32]) {
        debug_assert_eq!((source.len(), target.len()), (n * self.source_pixels * from, n * self.target_pixels * to));
        pulp::Arch::new().dispatch(Outer { taps: self, source, from, target, to, weights });
    }
}

/// The inner loops of [`Taps::add_windows`].
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
            self.grouped::<S, 6, 2>(simd);
        } else if self.to <= S::F32_LANES {
            self.grouped::<S, MOST_PIXELS, 1>(simd);
        } else {
            self.grouped::<S, MOST_PIXELS, 2>(simd);
        }
    }
}

impl Windows<'_> {
    /// As many channels of a pixel are read at one time as divide them.
    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    fn grouped<S: Simd, const H: usize, const C: usize>(self, simd: S) {
        if self.from.is_multiple_of(GROUP) {
            self.tiled::<S, H, C, GROUP>(simd);
        } else if self.from.is_multiple_of(3) {
            self.tiled::<S, H, C, 3>(simd);
        } else {
            self.tiled::<S, H, C, 1>(simd);
        }
    }

    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    fn tiled<S: Simd, const H: usize, const C: usize, const G: usize>(self, simd: S) {
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
                        let mut pixels: [&[[f32; G]]; H] = [&[]; H];
                        for (pixel, place) in pixels.iter_mut().zip(&places[first..first + H]) {
                            *pixel = image[*place as usize * from..][..from].as_chunks().0;
                        }
                        for (group, right) in Tile::<S, H, C>::rows(panel).as_chunks::<G>().0.iter().enumerate() {
                            let mut left = [&[0.0; G]; H];
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

/// The inner loops of [`Taps::add_outer`].
struct Outer<'a> {
    taps: &'a Taps,
    source: &'a [f32],
    from: usize,
    target: &'a [f32],
    to: usize,
    weights: &'a mut [f32],
}

impl WithSimd for Outer<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 && self.to.div_ceil(S::F32_LANES).is_multiple_of(2) {
            self.tiled::<S, GROUP, 2>(simd);
        } else {
            self.tiled::<S, GROUP, 1>(simd);
        }
    }
}

impl Outer<'_> {
    #[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
    #[inline(always)]
    fn tiled<S: Simd, const H: usize, const C: usize>(self, simd: S) {
        let Self { taps, source, from, target, to, weights } = self;
        let (tile_width, n_inputs) = (Tile::<S, H, C>::WIDTH, taps.places.len() * from);
        let stride = to.next_multiple_of(tile_width);
        let (mut image, mut wide) = (Room::default(), Room::default());
        let images = source.chunks_exact(taps.source_pixels * from);
        for (source, target) in images.zip(target.chunks_exact(taps.target_pixels * to)) {
            let image = with_outside(source, from, &mut image);
            let target = if stride == to {
                target
            } else {
                let wide = wide.get(taps.target_pixels * stride);
                Matrix::new(target, taps.target_pixels, to).pack((0, taps.target_pixels), (0, to), stride, wide);
                wide
            };
            for (first, column) in (0..n_inputs).step_by(H).flat_map(|first| (0..to).step_by(tile_width).map(move |column| (first, column)))
            {
                let place = first * to + column;
                if from.is_multiple_of(H) && stride == to {
                    // All rows of the tile are channels of one tap, and it is full: it stays in registers.
                    let mut tile = Tile::<S, H, C>::load(simd, &weights[place..], to, H, tile_width);
                    for (place, right) in taps.places[first / from].iter().zip(target.chunks_exact(to)) {
                        let left = image[*place as usize * from + first % from..].first_chunk();
                        let right = Tile::<S, H, C>::rows(&right[column..column + tile_width]).first();
                        if let (Some(left), Some(right)) = (left, right) {
                            tile.add(simd, left, right);
                        }
                    }
                    tile.store(simd, &mut weights[place..], to, H, tile_width);
                    continue;
                }
                // Rows past the last one repeat it, and are not stored.
                let (rows, width) = (H.min(n_inputs - first), tile_width.min(to - column));
                let mut tile = Tile::<S, H, C>::load(simd, &weights[place..], to, rows, width);
                let each: [(&[u32], usize); H] = std::array::from_fn(|row| {
                    let input = first + row.min(rows - 1);
                    (&taps.places[input / from][..taps.target_pixels], input % from)
                });
                for (pixel, right) in target.chunks_exact(stride).enumerate() {
                    let left = std::array::from_fn(|row| image[each[row].0[pixel] as usize * from + each[row].1]);
                    if let Some(right) = Tile::<S, H, C>::rows(&right[column..column + tile_width]).first() {
                        tile.add(simd, &left, right);
                    }
                }
                tile.store(simd, &mut weights[place..], to, rows, width);
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

    /// Both inner loops, with sums of their own.
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
        type Output = (Vec<f32>, Vec<f32>);

        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let Self { taps, source, from, weights, target, to } = self;
            let (mut windows, mut outer) = (target.to_vec(), weights.to_vec());
            Windows { taps, source, from, weights, target: &mut windows, to }.with_simd(simd);
            Outer { taps, source, from, target, to, weights: &mut outer }.with_simd(simd);
            (windows, outer)
        }
    }

    /// What a tap reads, zero outside of the image.
    fn read(taps: &Taps, values: &[f32], channels: usize, (image, pixel, tap, channel): (usize, usize, usize, usize)) -> f32 {
        let place = taps.places[tap][pixel] as usize;
        if place == taps.source_pixels { 0.0 } else { values[(image * taps.source_pixels + place) * channels + channel] }
    }

    proptest! {
        /// Whatever the way that numbers of channels take: one, three or eight at a time, tiles that are full, tiles that are not.
        #[test]
        fn a_convolution_has_the_bits_of_its_definition(
            (height, width, n) in (1_usize..9, 1_usize..9, 1_usize..4), from in prop::sample::select(vec![1, 2, 3, 8, 12, 16, 24]),
            to in prop::sample::select(vec![1, 5, 8, 16, 20, 32, 40, 48]), (size, stride) in (1_usize..4, 1_usize..3), seed: u64,
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
            let (all, mut slow) = (tile::on_all(|| all), target.clone());
            for (place, sum) in slow.iter_mut().enumerate() {
                let (image, pixel, column) = (place / (pixels * to), place / to % pixels, place % to);
                for (tap, channel) in (0..size * size).flat_map(|tap| (0..from).map(move |channel| (tap, channel))) {
                    *sum = read(taps, &source, from, (image, pixel, tap, channel)).mul_add(weights[(tap * from + channel) * to + column], *sum);
                }
            }
            prop_assert_eq!(&fast, &slow);
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
            prop_assert!(all.iter().all(|(_, outer)| *outer == slow));
        }
    }
}

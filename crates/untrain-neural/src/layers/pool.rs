//! Fewer pixels: the largest of four, the mean of all; and images as rows.

use super::{Found, Kept, Layer, Pass, Shape, Tape};

/// The largest of each window of 2 × 2; an odd last row or column is left out, as in PyTorch.
#[derive(Debug)]
pub(crate) struct MaxPool {
    pub(crate) input: Shape,
}

/// The mean of all pixels of each channel.
#[derive(Debug)]
pub(crate) struct MeanPool {
    pub(crate) input: Shape,
}

/// An image as a row, channel after channel, as PyTorch has it.
#[derive(Debug)]
pub(crate) struct Flatten {
    pub(crate) input: Shape,
}

impl MaxPool {
    pub(crate) fn output(&self) -> Shape {
        Shape { height: self.input.height / 2, width: self.input.width / 2, ..self.input }
    }

    /// For each output the place of the input that it is; of equals the first.
    fn places(&self, input: &[f32], n: usize) -> Vec<u32> {
        let (from, to) = (self.input, self.output());
        let (channels, row) = (from.channels, from.width * from.channels);
        let mut places = Vec::with_capacity(n * to.len());
        for example in 0..n {
            for (y, x) in (0..to.height).flat_map(|y| (0..to.width).map(move |x| (y, x))) {
                let corner = example * from.len() + 2 * (y * row + x * channels);
                let window = [corner, corner + channels, corner + row, corner + row + channels];
                let [first, second, third, fourth] = window.map(|start| &input[start..start + channels]);
                let values = first.iter().zip(second).zip(third.iter().zip(fourth));
                places.extend(values.enumerate().map(|(channel, ((first, second), (third, fourth)))| {
                    let (mut largest, mut at) = (first, 0);
                    for (value, place) in [(second, 1), (third, 2), (fourth, 3)] {
                        if value > largest {
                            (largest, at) = (value, place);
                        }
                    }
                    (window[at] + channel) as u32
                }));
            }
        }
        places
    }
}

impl Layer for MaxPool {
    fn forward(&self, pass: Pass<'_>, input: Vec<f32>, tape: Option<&mut Tape>) -> Vec<f32> {
        let places = self.places(&input, pass.n);
        let output = places.iter().map(|place| input[*place as usize]).collect();
        if let Some(tape) = tape {
            tape.kept.push(Kept::Places(places));
        }
        output
    }

    fn backward(&self, pass: Pass<'_>, tape: &mut Tape, output: Vec<f32>, _: &mut Found<'_, '_>, wanted: bool) -> Vec<f32> {
        let places = tape.places();
        if !wanted {
            return Vec::new();
        }
        let mut gradient = vec![0.0; pass.n * self.input.len()];
        places.iter().zip(output).for_each(|(place, value)| gradient[*place as usize] += value);
        gradient
    }

    fn learns(&self) -> bool {
        false
    }

    fn tangent(&self, pass: Pass<'_>, _: &[f32], input: Vec<f32>, rate: Vec<f32>) -> (Vec<f32>, Vec<f32>) {
        let places = self.places(&input, pass.n);
        let pick = |values: &[f32]| places.iter().map(|place| values[*place as usize]).collect();
        (pick(&input), pick(&rate))
    }

    #[cfg(feature = "cuda")]
    fn kind(&self) -> super::Kind<'_> {
        super::Kind::MaxPool(self)
    }
}

impl MeanPool {
    fn mean(&self, values: &[f32]) -> Vec<f32> {
        let (channels, pixels) = (self.input.channels, self.input.pixels());
        let mut means = vec![0.0; values.len() / pixels];
        for (values, means) in values.chunks_exact(self.input.len()).zip(means.chunks_exact_mut(channels)) {
            super::add_columns(values, means);
            means.iter_mut().for_each(|mean| *mean /= pixels as f32);
        }
        means
    }
}

impl Layer for MeanPool {
    fn forward(&self, _: Pass<'_>, input: Vec<f32>, _: Option<&mut Tape>) -> Vec<f32> {
        self.mean(&input)
    }

    fn backward(&self, pass: Pass<'_>, _: &mut Tape, output: Vec<f32>, _: &mut Found<'_, '_>, _: bool) -> Vec<f32> {
        let pixels = self.input.pixels();
        let mut gradient = Vec::with_capacity(pass.n * self.input.len());
        for row in output.chunks_exact(self.input.channels) {
            (0..pixels).for_each(|_| gradient.extend(row.iter().map(|value| value / pixels as f32)));
        }
        gradient
    }

    fn learns(&self) -> bool {
        false
    }

    fn tangent(&self, _: Pass<'_>, _: &[f32], input: Vec<f32>, rate: Vec<f32>) -> (Vec<f32>, Vec<f32>) {
        (self.mean(&input), self.mean(&rate))
    }

    #[cfg(feature = "cuda")]
    fn kind(&self) -> super::Kind<'_> {
        super::Kind::MeanPool(self)
    }
}

impl Flatten {
    fn turn(&self, values: Vec<f32>, planar: bool) -> Vec<f32> {
        let (channels, pixels) = (self.input.channels, self.input.pixels());
        if channels == 1 || pixels == 1 {
            return values;
        }
        let mut turned = Vec::with_capacity(values.len());
        for image in values.chunks_exact(self.input.len()) {
            if planar {
                (0..channels).for_each(|channel| turned.extend((0..pixels).map(|pixel| image[pixel * channels + channel])));
            } else {
                (0..pixels).for_each(|pixel| turned.extend((0..channels).map(|channel| image[channel * pixels + pixel])));
            }
        }
        turned
    }
}

impl Layer for Flatten {
    fn forward(&self, _: Pass<'_>, input: Vec<f32>, _: Option<&mut Tape>) -> Vec<f32> {
        self.turn(input, true)
    }

    fn backward(&self, _: Pass<'_>, _: &mut Tape, output: Vec<f32>, _: &mut Found<'_, '_>, _: bool) -> Vec<f32> {
        self.turn(output, false)
    }

    fn learns(&self) -> bool {
        false
    }

    fn tangent(&self, _: Pass<'_>, _: &[f32], input: Vec<f32>, rate: Vec<f32>) -> (Vec<f32>, Vec<f32>) {
        (self.turn(input, true), self.turn(rate, true))
    }

    #[cfg(feature = "cuda")]
    fn kind(&self) -> super::Kind<'_> {
        super::Kind::Flatten(self)
    }
}

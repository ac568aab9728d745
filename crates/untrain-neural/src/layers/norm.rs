//! Batch normalisation, with statistics of the chunk or remembered ones \[@ioffe2015\].

use std::ops::Range;

use super::{Found, Kept, Layer, Pass, Statistics, Tape, add_columns, of_examples};

/// What is added to a variance, as in PyTorch.
const EPSILON: f32 = 1e-5;
/// So many rows are summed in single precision before they join the sum in double precision.
const BLOCK: usize = 64;

/// `scale · (x − mean) / √(variance + ε) + shift`, a channel at a time.
///
/// In training the mean and the variance are those of the chunk ("ghost" normalisation \[@hoffer2017\]), so that chunks do not wait for each other;
/// a chunk as large as the batch makes it what PyTorch does.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    pub(crate) scale: Range<usize>,
    pub(crate) shift: Range<usize>,
    /// Places in the buffers.
    pub(crate) mean: Range<usize>,
    pub(crate) variance: Range<usize>,
}

impl BatchNorm {
    fn channels(&self) -> usize {
        self.scale.len()
    }

    /// The means and the deviations' inverses that a pass uses, and what it has to remember of a chunk.
    fn statistics(&self, pass: Pass<'_>, input: &[f32], tape: Option<&mut Tape>) -> (Vec<f32>, Vec<f32>) {
        let inverse = |variance: &f32| 1.0 / (variance + EPSILON).sqrt();
        if pass.statistics == Statistics::Remembered {
            return (pass.buffers[self.mean.clone()].to_vec(), pass.buffers[self.variance.clone()].iter().map(inverse).collect());
        }
        let (channels, rows) = (self.channels(), input.len() / self.channels());
        let mean = column_means(input, channels, |value, _| value);
        let variance = column_means(input, channels, |value, channel| (value - mean[channel]) * (value - mean[channel]));
        if let Some(tape) = tape {
            let unbiased = rows as f32 / rows.saturating_sub(1).max(1) as f32;
            tape.statistics.push((self.mean.clone(), mean.clone()));
            tape.statistics.push((self.variance.clone(), variance.iter().map(|variance| variance * unbiased).collect()));
        }
        let inverses = variance.iter().map(inverse).collect();
        (mean, inverses)
    }
}

impl Layer for BatchNorm {
    fn forward(&self, pass: Pass<'_>, mut input: Vec<f32>, mut tape: Option<&mut Tape>) -> Vec<f32> {
        let (mean, inverse) = self.statistics(pass, &input, tape.as_deref_mut());
        let (scale, shift) = (&pass.parameters[self.scale.clone()], &pass.parameters[self.shift.clone()]);
        let channels = self.channels();
        let mut output = Vec::with_capacity(if tape.is_some() { input.len() } else { 0 });
        for row in input.chunks_exact_mut(channels) {
            for channel in 0..channels {
                row[channel] = (row[channel] - mean[channel]) * inverse[channel];
            }
            if tape.is_some() {
                output.extend((0..channels).map(|channel| row[channel] * scale[channel] + shift[channel]));
            } else {
                (0..channels).for_each(|channel| row[channel] = row[channel] * scale[channel] + shift[channel]);
            }
        }
        let Some(tape) = tape else { return input };
        tape.kept.push(Kept::Values(input));
        tape.kept.push(Kept::Values(inverse));
        output
    }

    fn backward(&self, pass: Pass<'_>, tape: &mut Tape, mut output: Vec<f32>, found: &mut Found<'_, '_>, _: bool) -> Vec<f32> {
        let (inverse, normal) = (tape.values(), tape.values());
        let channels = self.channels();
        // With statistics of the chunk there is one part, and these are the sums over it.
        let (mut scales, mut shifts) = (Vec::new(), Vec::new());
        for (examples, gradient) in found.parts(pass.n) {
            (scales, shifts) = (vec![0.0; channels], vec![0.0; channels]);
            let (rows, normal) = (of_examples(&output, pass.n, &examples), of_examples(&normal, pass.n, &examples));
            for (row, normal) in rows.chunks_exact(channels).zip(normal.chunks_exact(channels)) {
                (0..channels).for_each(|channel| scales[channel] += row[channel] * normal[channel]);
            }
            add_columns(rows, &mut shifts);
            add(&mut gradient[self.scale.clone()], &scales);
            add(&mut gradient[self.shift.clone()], &shifts);
        }
        let factor: Vec<f32> = pass.parameters[self.scale.clone()].iter().zip(&inverse).map(|(scale, inverse)| scale * inverse).collect();
        if pass.statistics == Statistics::Remembered {
            output.chunks_exact_mut(channels).for_each(|row| row.iter_mut().zip(&factor).for_each(|(value, factor)| *value *= factor));
            return output;
        }
        let rows = (output.len() / channels) as f32;
        let (scales, shifts): (Vec<f32>, Vec<f32>) =
            (scales.iter().map(|sum| sum / rows).collect(), shifts.iter().map(|sum| sum / rows).collect());
        for (row, normal) in output.chunks_exact_mut(channels).zip(normal.chunks_exact(channels)) {
            for channel in 0..channels {
                row[channel] = factor[channel] * (row[channel] - shifts[channel] - normal[channel] * scales[channel]);
            }
        }
        output
    }

    fn tangent(&self, pass: Pass<'_>, direction: &[f32], input: Vec<f32>, mut rate: Vec<f32>) -> (Vec<f32>, Vec<f32>) {
        let pass = Pass { statistics: Statistics::Remembered, ..pass };
        let (mean, inverse) = self.statistics(pass, &input, None);
        let (scale, scale_change) = (&pass.parameters[self.scale.clone()], &direction[self.scale.clone()]);
        let shift_change = &direction[self.shift.clone()];
        let channels = self.channels();
        for (rate, row) in rate.chunks_exact_mut(channels).zip(input.chunks_exact(channels)) {
            for channel in 0..channels {
                let normal = (row[channel] - mean[channel]) * inverse[channel];
                rate[channel] = rate[channel] * inverse[channel] * scale[channel] + normal * scale_change[channel] + shift_change[channel];
            }
        }
        (self.forward(pass, input, None), rate)
    }

    #[cfg(feature = "cuda")]
    fn kind(&self) -> super::Kind<'_> {
        super::Kind::Norm(self)
    }
}

/// The means of `term` over the rows of a matrix, in an order that its size alone decides.
fn column_means(values: &[f32], channels: usize, term: impl Fn(f32, usize) -> f32) -> Vec<f32> {
    let mut sums = vec![0.0_f64; channels];
    for block in values.chunks(BLOCK * channels) {
        let mut part = vec![0.0_f32; channels];
        for row in block.chunks_exact(channels) {
            (0..channels).for_each(|channel| part[channel] += term(row[channel], channel));
        }
        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += f64::from(part));
    }
    let rows = (values.len() / channels).max(1) as f64;
    sums.iter().map(|sum| (sum / rows) as f32).collect()
}

fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

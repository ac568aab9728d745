//! What makes a network more than one matrix: negative values become zero.

use super::{Found, Kept, Layer, Pass, Tape};

/// `max(x, 0)`.
#[derive(Debug)]
pub(crate) struct Relu;

impl Layer for Relu {
    fn forward(&self, _: Pass<'_>, mut input: Vec<f32>, tape: Option<&mut Tape>) -> Vec<f32> {
        if let Some(tape) = tape {
            tape.kept.push(Kept::Mask(input.iter().map(|value| *value > 0.0).collect()));
        }
        // A NaN stays one: training has to notice it.
        input.iter_mut().for_each(|value| *value = if *value < 0.0 { 0.0 } else { *value });
        input
    }

    fn backward(&self, _: Pass<'_>, tape: &mut Tape, mut output: Vec<f32>, _: &mut Found<'_, '_>, _: bool) -> Vec<f32> {
        let mask = tape.mask();
        output.iter_mut().zip(mask).for_each(|(value, passes)| *value = if passes { *value } else { 0.0 });
        output
    }

    fn learns(&self) -> bool {
        false
    }

    fn tangent(&self, pass: Pass<'_>, _: &[f32], input: Vec<f32>, mut rate: Vec<f32>) -> (Vec<f32>, Vec<f32>) {
        rate.iter_mut().zip(&input).for_each(|(rate, value)| *rate = if *value > 0.0 { *rate } else { 0.0 });
        (self.forward(pass, input, None), rate)
    }

    #[cfg(feature = "cuda")]
    fn kind(&self) -> super::Kind<'_> {
        super::Kind::Relu
    }
}

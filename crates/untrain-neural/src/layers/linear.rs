//! A matrix and a bias.

use std::ops::Range;

use super::{Found, Kept, Layer, Pass, Tape, add_columns, of_examples, repeated};
use crate::product::{Matrix, add_product};

/// `y = x Wᵀ + b`, with `W` of shape `(n_outputs, n_inputs)`.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) n_inputs: usize,
    pub(crate) n_outputs: usize,
    pub(crate) weight: Range<usize>,
    pub(crate) bias: Range<usize>,
}

impl Linear {
    fn matrix<'a>(&self, values: &'a [f32]) -> Matrix<'a> {
        Matrix::new(&values[self.weight.clone()], self.n_outputs, self.n_inputs)
    }
}

impl Layer for Linear {
    fn forward(&self, pass: Pass<'_>, input: Vec<f32>, tape: Option<&mut Tape>) -> Vec<f32> {
        let mut output = repeated(&pass.parameters[self.bias.clone()], pass.n);
        add_product(Matrix::new(&input, pass.n, self.n_inputs), self.matrix(pass.parameters).transposed(), &mut output);
        if let Some(tape) = tape {
            tape.kept.push(Kept::Values(input));
        }
        output
    }

    fn backward(&self, pass: Pass<'_>, tape: &mut Tape, output: Vec<f32>, found: &mut Found<'_, '_>, wanted: bool) -> Vec<f32> {
        let input = tape.values();
        if let Found::Factors(observer) = found {
            observer(&self.weight, &input, &output);
        }
        for (examples, gradient) in found.parts(pass.n) {
            let (x, dy) = (of_examples(&input, pass.n, &examples), of_examples(&output, pass.n, &examples));
            let (x, dy_matrix) = (Matrix::new(x, examples.len(), self.n_inputs), Matrix::new(dy, examples.len(), self.n_outputs));
            add_product(dy_matrix.transposed(), x, &mut gradient[self.weight.clone()]);
            add_columns(dy, &mut gradient[self.bias.clone()]);
        }
        if !wanted {
            return Vec::new();
        }
        let mut gradient = vec![0.0; input.len()];
        add_product(Matrix::new(&output, pass.n, self.n_outputs), self.matrix(pass.parameters), &mut gradient);
        gradient
    }

    fn tangent(&self, pass: Pass<'_>, direction: &[f32], input: Vec<f32>, rate: Vec<f32>) -> (Vec<f32>, Vec<f32>) {
        let mut change = repeated(&direction[self.bias.clone()], pass.n);
        add_product(Matrix::new(&input, pass.n, self.n_inputs), self.matrix(direction).transposed(), &mut change);
        add_product(Matrix::new(&rate, pass.n, self.n_inputs), self.matrix(pass.parameters).transposed(), &mut change);
        (self.forward(pass, input, None), change)
    }

    #[cfg(feature = "cuda")]
    fn kind(&self) -> super::Kind<'_> {
        super::Kind::Linear(self)
    }
}

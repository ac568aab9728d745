//! One layer of EK-FAC: the eigenvectors of its two covariances, and the curvature along their products.

use std::ops::Range;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use untrain_core::eigen;

use super::vectors::{dot, narrow, wide};
use crate::layers::add_columns;
use crate::layout::{Layout, Part};
use crate::product::{Matrix, add_product};

/// A layer's weight and bias as one matrix, `(outputs, inputs + 1)`, and a basis for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Basis {
    pub(super) weight: Range<usize>,
    bias: Option<Range<usize>>,
    n_outputs: usize,
    /// How many columns the matrix has, with that of the bias.
    n_columns: usize,
    /// How many positions a kernel has: they are innermost in a weight, and channels are in what comes in, and here.
    taps: usize,
    /// First the sum of `a aᵀ`, then its eigenvectors as rows.
    inputs: Vec<f64>,
    /// First the sum of `g gᵀ`, then its eigenvectors as rows.
    outputs: Vec<f64>,
    /// The mean squares of gradients in that basis, `(outputs, columns)`.
    squares: Vec<f64>,
}

impl Basis {
    /// Those of all weights of a network, without numbers.
    pub(super) fn of(layout: &Layout) -> Vec<Self> {
        let entries = layout.entries();
        let weights = (0..entries.len()).filter(|i| entries[*i].part == Part::Weight);
        let basis = |i: usize| {
            let (entry, next) = (&entries[i], entries.get(i + 1));
            let bias = next.filter(|next| next.part == Part::Bias).map(|next| next.range.clone());
            let (n_outputs, n_inputs) = (entry.shape[0], entry.shape[1..].iter().product::<usize>());
            let n_columns = n_inputs + usize::from(bias.is_some());
            Self {
                weight: entry.range.clone(),
                bias,
                n_outputs,
                n_columns,
                taps: entry.shape[2..].iter().product(),
                inputs: vec![0.0; n_columns * n_columns],
                outputs: vec![0.0; n_outputs * n_outputs],
                squares: vec![0.0; n_outputs * n_columns],
            }
        };
        weights.map(basis).collect()
    }

    fn n_inputs(&self) -> usize {
        self.weight.len() / self.n_outputs
    }

    /// Adds what `n` examples say to the covariances.
    pub(super) fn add_covariance(&mut self, n: usize, inputs: &[f32], outputs: &[f32]) {
        let (n_inputs, n_columns, n_outputs) = (self.n_inputs(), self.n_columns, self.n_outputs);
        let n_positions = outputs.len() / n_outputs / n;
        let square = |values: &[f32], width: usize| {
            let mut square = vec![0.0; width * width];
            let values = Matrix::new(values, n_positions, width);
            add_product(values.transposed(), values, &mut square);
            square
        };
        let sums = each(n, inputs, outputs, |inputs, outputs| {
            let mut columns = vec![0.0; n_inputs];
            add_columns(inputs, &mut columns);
            (square(inputs, n_inputs), columns, square(outputs, n_outputs))
        });
        for (input_sums, columns, output_sums) in sums {
            for (row, sums) in self.inputs.chunks_exact_mut(n_columns).zip(input_sums.chunks_exact(n_inputs)) {
                row.iter_mut().zip(sums).for_each(|(place, sum)| *place += f64::from(*sum));
            }
            if self.bias.is_some() {
                for (i, sum) in columns.into_iter().map(f64::from).enumerate() {
                    self.inputs[i * n_columns + n_inputs] += sum;
                    self.inputs[n_inputs * n_columns + i] += sum;
                }
                self.inputs[n_inputs * n_columns + n_inputs] += n_positions as f64;
            }
            self.outputs.iter_mut().zip(output_sums).for_each(|(place, sum)| *place += f64::from(sum));
        }
    }

    /// Makes of the covariances their eigenvectors.
    pub(super) fn turn(&mut self) {
        for (matrix, d) in [(&mut self.inputs, self.n_columns), (&mut self.outputs, self.n_outputs)] {
            let largest = matrix.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
            if largest > 0.0 {
                matrix.iter_mut().for_each(|value| *value /= largest);
            }
            *matrix = eigen::symmetric(std::mem::take(matrix), d).1;
        }
    }

    /// Adds the squares of the gradients of `n` examples, in this basis, times `share`.
    pub(super) fn add_squares(&mut self, n: usize, inputs: &[f32], outputs: &[f32], share: f64) {
        for in_basis in each(n, inputs, outputs, |inputs, outputs| self.gradient(inputs, outputs)) {
            self.squares.iter_mut().zip(in_basis).for_each(|(sum, value)| *sum += share * value * value);
        }
    }

    /// The gradient of an example in this basis.
    fn gradient(&self, inputs: &[f32], outputs: &[f32]) -> Vec<f64> {
        let (n_inputs, n_positions) = (self.n_inputs(), outputs.len() / self.n_outputs);
        if n_positions == 1 {
            // One product of two vectors: they are turned, and not the matrix.
            let mut input = wide(inputs);
            input.resize(self.n_columns, 1.0);
            let (a, g) = (times(&self.inputs, &input), times(&self.outputs, &wide(outputs)));
            return g.iter().flat_map(|g| a.iter().map(move |a| g * a)).collect();
        }
        let mut weight = vec![0.0; self.n_outputs * n_inputs];
        let (a, g) = (Matrix::new(inputs, n_positions, n_inputs), Matrix::new(outputs, n_positions, self.n_outputs));
        add_product(g.transposed(), a, &mut weight);
        let mut bias = vec![0.0; self.n_outputs];
        add_columns(outputs, &mut bias);
        let rows = weight.chunks_exact(n_inputs).zip(bias);
        let matrix = rows.flat_map(|(row, bias)| row.iter().copied().chain((self.n_columns > n_inputs).then_some(bias)));
        self.turned(&matrix.map(f64::from).collect::<Vec<_>>())
    }

    /// A matrix in this basis.
    fn turned(&self, matrix: &[f64]) -> Vec<f64> {
        let half = product(&self.outputs, matrix, self.n_outputs, self.n_columns, false);
        product(&half, &self.inputs, self.n_columns, self.n_columns, true)
    }

    /// And back.
    fn turned_back(&self, matrix: &[f64]) -> Vec<f64> {
        let half = product(&transposed(&self.outputs, self.n_outputs), matrix, self.n_outputs, self.n_columns, false);
        product(&half, &self.inputs, self.n_columns, self.n_columns, false)
    }

    /// The mean of the curvature.
    pub(super) fn mean(&self) -> f64 {
        self.squares.iter().sum::<f64>() / self.squares.len().max(1) as f64
    }

    /// How much of a gradient with just these squares is left after a solution with it: `Σ s / (s + damping)`.
    #[cfg(test)]
    pub(super) fn own_share(&self, damping: f64) -> f64 {
        self.squares.iter().map(|square| square / (square + damping)).sum()
    }

    /// Puts into `to` the solution of this layer's part of `vector`.
    pub(super) fn solve(&self, vector: &[f64], damping: f64, to: &mut [f64]) {
        let (n_inputs, channels) = (self.n_inputs(), self.n_inputs() / self.taps);
        // Where a column of the matrix stands in a row of the weight.
        let place = |column: usize| column % channels * self.taps + column / channels;
        let mut matrix = Vec::with_capacity(self.squares.len());
        for output in 0..self.n_outputs {
            let row = &vector[self.weight.clone()][output * n_inputs..(output + 1) * n_inputs];
            matrix.extend((0..n_inputs).map(|column| row[place(column)]));
            matrix.extend(self.bias.iter().map(|bias| vector[bias.start + output]));
        }
        let mut turned = self.turned(&matrix);
        turned.iter_mut().zip(&self.squares).for_each(|(value, square)| *value /= square + damping);
        let solved = self.turned_back(&turned);
        for (output, row) in solved.chunks_exact(self.n_columns).enumerate() {
            let weight = &mut to[self.weight.clone()][output * n_inputs..(output + 1) * n_inputs];
            (0..n_inputs).for_each(|column| weight[place(column)] = row[column]);
            self.bias.iter().for_each(|bias| to[bias.start + output] = row[n_inputs]);
        }
    }
}

/// What each of `n` examples brings, found side by side and returned in order.
fn each<T: Send>(n: usize, inputs: &[f32], outputs: &[f32], find: impl Fn(&[f32], &[f32]) -> T + Sync) -> Vec<T> {
    let (inputs, outputs) = (inputs.par_chunks_exact(inputs.len() / n), outputs.par_chunks_exact(outputs.len() / n));
    inputs.zip(outputs).map(|(inputs, outputs)| find(inputs, outputs)).collect()
}

/// A square matrix times a vector.
fn times(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    matrix.chunks_exact(vector.len()).map(|row| dot(row, vector)).collect()
}

/// The product of a matrix of rows of `n` and one of `n` rows of `columns`, or of its transpose, in single precision: its fast product
/// is in a fixed order, and curvature is an estimate anyway.
fn product(left: &[f64], right: &[f64], n: usize, columns: usize, transpose: bool) -> Vec<f64> {
    let rows = left.len() / n;
    let (left, right) = (narrow(left), narrow(right));
    let right = if transpose { Matrix::new(&right, columns, n).transposed() } else { Matrix::new(&right, n, columns) };
    let mut product = vec![0.0; rows * columns];
    add_product(Matrix::new(&left, rows, n), right, &mut product);
    wide(&product)
}

fn transposed(matrix: &[f64], n: usize) -> Vec<f64> {
    (0..n * n).map(|at| matrix[at % n * n + at / n]).collect()
}

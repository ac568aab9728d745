//! One layer of EK-FAC: the eigenvectors of its two covariances, and the curvature along their products.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use untrain_core::eigen;

use crate::layout::{Layout, Part};

/// A layer's weight and bias as one matrix, `(outputs, inputs + 1)`, and a basis for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Basis {
    pub(super) weight: Range<usize>,
    bias: Option<Range<usize>>,
    n_outputs: usize,
    /// How many columns the matrix has, with that of the bias.
    n_columns: usize,
    /// How many positions of a kernel there are, and channels in each: the columns of a weight have the positions innermost,
    /// what comes in has the channels innermost.
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

    /// What comes in at a position, in the order of the matrix's columns.
    fn column(&self, input: &[f32]) -> Vec<f64> {
        let channels = input.len() / self.taps;
        let at = |column: usize| f64::from(input[column % self.taps * channels + column / self.taps]);
        let mut column: Vec<f64> = (0..input.len()).map(at).collect();
        column.resize(self.n_columns, 1.0);
        column
    }

    fn positions<'a>(&'a self, inputs: &'a [f32], outputs: &'a [f32]) -> impl Iterator<Item = (Vec<f64>, Vec<f64>)> + 'a {
        let n_inputs = self.weight.len() / self.n_outputs;
        let rows = inputs.chunks_exact(n_inputs).zip(outputs.chunks_exact(self.n_outputs));
        rows.map(|(input, output)| (self.column(input), output.iter().copied().map(f64::from).collect()))
    }

    /// Adds what an example says to the covariances.
    pub(super) fn add_covariance(&mut self, inputs: &[f32], outputs: &[f32]) {
        for (a, g) in self.positions(inputs, outputs).collect::<Vec<_>>() {
            add_outer(&mut self.inputs, &a, &a);
            add_outer(&mut self.outputs, &g, &g);
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

    /// Adds the squares of an example's gradient, in this basis, times `share`.
    pub(super) fn add_squares(&mut self, inputs: &[f32], outputs: &[f32], share: f64) {
        let positions: Vec<_> = self.positions(inputs, outputs).collect();
        let in_basis = if let [(a, g)] = &positions[..] {
            // One product of two vectors: they are turned, and not the matrix.
            let (a, g) = (times(&self.inputs, a), times(&self.outputs, g));
            let mut turned = vec![0.0; self.squares.len()];
            add_outer(&mut turned, &g, &a);
            turned
        } else {
            let mut gradient = vec![0.0; self.squares.len()];
            positions.iter().for_each(|(a, g)| add_outer(&mut gradient, g, a));
            self.turned(&gradient)
        };
        self.squares.iter_mut().zip(in_basis).for_each(|(sum, value)| *sum += share * value * value);
    }

    fn turned(&self, matrix: &[f64]) -> Vec<f64> {
        let half = product(&self.outputs, matrix, self.n_outputs, self.n_columns);
        product_transposed(&half, &self.inputs, self.n_columns)
    }

    fn turned_back(&self, matrix: &[f64]) -> Vec<f64> {
        let half = product(&transposed(&self.outputs, self.n_outputs), matrix, self.n_outputs, self.n_columns);
        product_transposed(&half, &transposed(&self.inputs, self.n_columns), self.n_columns)
    }

    /// The mean of the curvature.
    pub(super) fn mean(&self) -> f64 {
        self.squares.iter().sum::<f64>() / self.squares.len().max(1) as f64
    }

    /// Puts into `to` the solution of this layer's part of `vector`.
    pub(super) fn solve(&self, vector: &[f64], damping: f64, to: &mut [f64]) {
        let n_inputs = self.weight.len() / self.n_outputs;
        let mut matrix = Vec::with_capacity(self.squares.len());
        for output in 0..self.n_outputs {
            matrix.extend_from_slice(&vector[self.weight.clone()][output * n_inputs..(output + 1) * n_inputs]);
            matrix.extend(self.bias.iter().map(|bias| vector[bias.start + output]));
        }
        let mut turned = self.turned(&matrix);
        turned.iter_mut().zip(&self.squares).for_each(|(value, square)| *value /= square + damping);
        let solved = self.turned_back(&turned);
        for (output, row) in solved.chunks_exact(self.n_columns).enumerate() {
            to[self.weight.clone()][output * n_inputs..(output + 1) * n_inputs].copy_from_slice(&row[..n_inputs]);
            self.bias.iter().for_each(|bias| to[bias.start + output] = row[n_inputs]);
        }
    }
}

fn add_outer(sum: &mut [f64], left: &[f64], right: &[f64]) {
    for (row, left) in sum.chunks_exact_mut(right.len()).zip(left) {
        row.iter_mut().zip(right).for_each(|(sum, right)| *sum += left * right);
    }
}

/// A square matrix times a vector.
fn times(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    matrix.chunks_exact(vector.len()).map(|row| super::vectors::dot(row, vector)).collect()
}

/// A square matrix of `n` rows times one of `columns` columns.
fn product(left: &[f64], right: &[f64], n: usize, columns: usize) -> Vec<f64> {
    let mut product = vec![0.0; n * columns];
    for (row, left) in product.chunks_exact_mut(columns).zip(left.chunks_exact(n)) {
        for (left, right) in left.iter().zip(right.chunks_exact(columns)) {
            row.iter_mut().zip(right).for_each(|(sum, right)| *sum += left * right);
        }
    }
    product
}

/// A matrix times the transpose of a square one of `n` rows.
fn product_transposed(left: &[f64], right: &[f64], n: usize) -> Vec<f64> {
    left.chunks_exact(n).flat_map(|row| times(right, row)).collect()
}

fn transposed(matrix: &[f64], n: usize) -> Vec<f64> {
    (0..n * n).map(|at| matrix[at % n * n + at / n]).collect()
}

//! What goes into a network at one time, and what comes out.

use std::ops::Range;

use crate::layers::Shape;

/// Examples that go through a network together: `(n, height, width, channels)`, channels innermost.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    shape: Shape,
    values: Vec<f32>,
    /// The class of each.
    pub labels: Vec<u32>,
}

impl Batch {
    /// Examples of a shape; `values` has `labels.len()` of them.
    pub fn new(shape: Shape, values: Vec<f32>, labels: Vec<u32>) -> Self {
        debug_assert_eq!(values.len(), labels.len() * shape.len());
        Self { shape, values, labels }
    }

    /// How many examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The shape of an example.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The values of some examples.
    pub fn values(&self, examples: Range<usize>) -> &[f32] {
        &self.values[examples.start * self.shape.len()..examples.end * self.shape.len()]
    }

    /// The values, to be changed.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The examples of this batch and then those of another of the same shape.
    #[must_use]
    pub fn followed_by(mut self, other: &Self) -> Self {
        self.values.extend_from_slice(&other.values);
        self.labels.extend_from_slice(&other.labels);
        self
    }
}

/// What a network says of examples, `(n, classes)`, or a gradient in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Logits {
    n_classes: usize,
    values: Vec<f32>,
}

impl Logits {
    /// Rows of `n_classes` numbers.
    pub fn new(n_classes: usize, values: Vec<f32>) -> Self {
        Self { n_classes, values }
    }

    /// As many zeros as `self` has numbers.
    #[must_use]
    pub fn zeros_like(&self) -> Self {
        Self { n_classes: self.n_classes, values: vec![0.0; self.values.len()] }
    }

    /// How many classes.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// How many examples.
    pub fn len(&self) -> usize {
        self.values.len() / self.n_classes.max(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All numbers, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All numbers, to be changed.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The row of an example.
    pub fn row(&self, example: usize) -> &[f32] {
        self.rows(example..example + 1)
    }

    /// The row of an example, to be changed.
    pub fn row_mut(&mut self, example: usize) -> &mut [f32] {
        &mut self.values[example * self.n_classes..(example + 1) * self.n_classes]
    }

    /// The rows of some examples.
    pub fn rows(&self, examples: Range<usize>) -> &[f32] {
        &self.values[examples.start * self.n_classes..examples.end * self.n_classes]
    }
}

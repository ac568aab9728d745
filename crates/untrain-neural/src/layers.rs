//! Layers: what each does to examples, forwards, backwards and to a direction of its parameters.
//!
//! A layer works on a *chunk* of a batch, on one thread. Values lie example after example, within it pixel after pixel, and within
//! a pixel channel after channel, so that convolutions need no copies ([`conv`]).

pub(crate) mod activation;
pub(crate) mod conv;
pub(crate) mod linear;
pub(crate) mod norm;
pub(crate) mod pool;
pub(crate) mod residual;

use std::fmt::Debug;
use std::ops::Range;

/// The shape of an example between two layers; a row of a table has height and width 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Shape {
    /// How many channels, or features.
    pub channels: usize,
    /// How many rows of pixels.
    pub height: usize,
    /// How many columns of pixels.
    pub width: usize,
}

impl Shape {
    /// How many numbers.
    pub fn len(self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether it has no number.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    pub(crate) fn pixels(self) -> usize {
        self.height * self.width
    }
}

impl From<untrain_core::ImageShape> for Shape {
    fn from(shape: untrain_core::ImageShape) -> Self {
        Self { channels: usize::from(shape.channels), height: usize::from(shape.height), width: usize::from(shape.width) }
    }
}

/// Which statistics batch normalisation uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistics {
    /// Those of the chunk at hand: in training.
    Chunk,
    /// Those that it remembers: in use, and wherever an example must not depend on its neighbours.
    Remembered,
}

/// What a pass over a chunk reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pass<'a> {
    pub(crate) parameters: &'a [f32],
    pub(crate) buffers: &'a [f32],
    pub(crate) statistics: Statistics,
    /// How many examples the chunk has.
    pub(crate) n: usize,
}

/// What forward leaves for backward: layers push, and pop in the opposite order.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    pub(crate) kept: Vec<Kept>,
    /// The means and variances of the chunk, where the buffers have what is remembered.
    pub(crate) statistics: Vec<(Range<usize>, Vec<f32>)>,
}

#[derive(Debug)]
pub(crate) enum Kept {
    Values(Vec<f32>),
    Places(Vec<u32>),
    Mask(Vec<bool>),
}

impl Tape {
    /// How many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        let size = |kept: &Kept| match kept {
            Kept::Values(values) => size_of_val(&values[..]),
            Kept::Places(places) => size_of_val(&places[..]),
            Kept::Mask(mask) => size_of_val(&mask[..]),
        };
        self.kept.iter().map(size).sum()
    }

    pub(crate) fn values(&mut self) -> Vec<f32> {
        match self.kept.pop() {
            Some(Kept::Values(values)) => values,
            other => unreachable!("a layer popped what another pushed: {other:?}"),
        }
    }

    pub(crate) fn places(&mut self) -> Vec<u32> {
        match self.kept.pop() {
            Some(Kept::Places(places)) => places,
            other => unreachable!("a layer popped what another pushed: {other:?}"),
        }
    }

    pub(crate) fn mask(&mut self) -> Vec<bool> {
        match self.kept.pop() {
            Some(Kept::Mask(mask)) => mask,
            other => unreachable!("a layer popped what another pushed: {other:?}"),
        }
    }
}

/// Sees the two factors that a gradient of a weight is the product of: the inputs of a layer, `(n · positions, in)`, and the
/// gradients at its outputs, `(n · positions, out)`. What Kronecker factors are made of.
pub(crate) type Observer<'a> = dyn FnMut(&Range<usize>, &[f32], &[f32]) + 'a;

/// What a backward pass is asked for, and where it puts it.
pub(crate) enum Found<'a, 'o> {
    /// The gradient of all examples together: what is found is added.
    Sum(&'a mut [f32]),
    /// That of each example by itself, one after another; statistics have to be those that are remembered.
    Each(&'a mut [f32]),
    /// What the gradients of weights are products of, and no gradient; statistics have to be those that are remembered.
    Factors(&'a mut Observer<'o>),
}

impl Found<'_, '_> {
    /// The gradients to add to, each with those of the `n` examples that it is of.
    pub(crate) fn parts(&mut self, n: usize) -> impl Iterator<Item = (Range<usize>, &mut [f32])> {
        let (values, n_parts) = match self {
            Found::Sum(gradient) => (&mut gradient[..], 1),
            Found::Each(gradients) => (&mut gradients[..], n),
            Found::Factors(_) => (&mut [][..], 1),
        };
        let (size, examples) = ((values.len() / n_parts.max(1)).max(1), n / n_parts.max(1));
        values.chunks_exact_mut(size).enumerate().map(move |(i, part)| (i * examples..(i + 1) * examples, part))
    }
}

/// The rows of some of `n` examples.
pub(crate) fn of_examples<'a>(values: &'a [f32], n: usize, examples: &Range<usize>) -> &'a [f32] {
    let size = values.len() / n.max(1);
    &values[examples.start * size..examples.end * size]
}

/// A layer.
pub(crate) trait Layer: Debug + Send + Sync {
    /// The outputs for the inputs; `tape` gets what [`Layer::backward`] will need.
    fn forward(&self, pass: Pass<'_>, input: Vec<f32>, tape: Option<&mut Tape>) -> Vec<f32>;

    /// From the gradient at the outputs to that at the inputs, which is empty unless it is `wanted`; of nothing comes nothing.
    fn backward(&self, pass: Pass<'_>, tape: &mut Tape, output: Vec<f32>, found: &mut Found<'_, '_>, wanted: bool) -> Vec<f32>;

    /// Whether it has parameters. Where no layer before has any, nobody wants a gradient but who asks for that of the inputs.
    fn learns(&self) -> bool {
        true
    }

    /// The outputs, and how fast they change when the parameters move along `direction` and the inputs along `rate`.
    ///
    /// Statistics are those that are remembered.
    fn tangent(&self, pass: Pass<'_>, direction: &[f32], input: Vec<f32>, rate: Vec<f32>) -> (Vec<f32>, Vec<f32>);

    /// Which layer it is.
    #[cfg(feature = "cuda")]
    fn kind(&self) -> Kind<'_>;
}

/// A layer by its kind, for who computes it elsewhere.
#[cfg(feature = "cuda")]
pub(crate) enum Kind<'a> {
    Linear(&'a linear::Linear),
    Conv(&'a conv::Conv),
    Norm(&'a norm::BatchNorm),
    Relu,
    MaxPool(&'a pool::MaxPool),
    MeanPool(&'a pool::MeanPool),
    Flatten(&'a pool::Flatten),
    Residual(&'a residual::Residual),
    Chain(&'a Chain),
}

/// Layers one after another.
#[derive(Debug, Default)]
pub(crate) struct Chain(pub(crate) Vec<Box<dyn Layer>>);

impl Layer for Chain {
    fn forward(&self, pass: Pass<'_>, input: Vec<f32>, mut tape: Option<&mut Tape>) -> Vec<f32> {
        self.0.iter().fold(input, |values, layer| layer.forward(pass, values, tape.as_deref_mut()))
    }

    fn backward(&self, pass: Pass<'_>, tape: &mut Tape, output: Vec<f32>, found: &mut Found<'_, '_>, wanted: bool) -> Vec<f32> {
        let first = first_that_learns(&self.0);
        let layers = self.0.iter().enumerate().rev();
        layers.fold(output, |values, (i, layer)| layer.backward(pass, tape, values, found, wanted || i > first))
    }

    fn tangent(&self, pass: Pass<'_>, direction: &[f32], input: Vec<f32>, rate: Vec<f32>) -> (Vec<f32>, Vec<f32>) {
        self.0.iter().fold((input, rate), |(values, rate), layer| layer.tangent(pass, direction, values, rate))
    }

    #[cfg(feature = "cuda")]
    fn kind(&self) -> Kind<'_> {
        Kind::Chain(self)
    }
}

/// The first of some layers that has parameters.
pub(crate) fn first_that_learns(layers: &[Box<dyn Layer>]) -> usize {
    layers.iter().position(|layer| layer.learns()).unwrap_or(layers.len())
}

/// Adds the column sums of `values`, a matrix of rows like `sums`.
pub(crate) fn add_columns(values: &[f32], sums: &mut [f32]) {
    for row in values.chunks_exact(sums.len()) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
}

/// `n` copies of `row`, one after another.
pub(crate) fn repeated(row: &[f32], n: usize) -> Vec<f32> {
    row.repeat(n)
}

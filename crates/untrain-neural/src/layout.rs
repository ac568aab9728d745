//! Where each parameter of a network stands in one flat vector, and what it is called.

use std::ops::Range;

/// What a parameter does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The matrix of a linear layer, or the kernel of a convolution.
    Weight,
    /// What is added to the outputs of such a layer.
    Bias,
    /// What a normalised channel is multiplied with.
    Scale,
    /// What is added to it.
    Shift,
    /// The mean or the variance of a channel, as normalisation remembers it: a statistic, which no gradient moves.
    Statistic,
}

/// A parameter: a name, as PyTorch has it, and a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// The shape: `(out, in)` for linear layers, `(out, in, height, width)` for convolutions.
    pub shape: Vec<usize>,
    /// The place in the flat vector.
    pub range: Range<usize>,
    /// What it does.
    pub part: Part,
    /// In which block of the network it is, counted from the input; the last block is the head.
    pub block: usize,
}

/// The parameters of a network, in the order of its layers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    entries: Vec<Entry>,
    len: usize,
}

impl Layout {
    /// The parameters.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many numbers they are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many blocks there are.
    pub fn n_blocks(&self) -> usize {
        self.entries.last().map_or(0, |entry| entry.block + 1)
    }

    /// Marks the numbers of the entries that `chosen` picks.
    pub fn mask(&self, chosen: impl Fn(&Entry) -> bool) -> Vec<bool> {
        let mut mask = vec![false; self.len];
        self.entries.iter().filter(|entry| chosen(entry)).for_each(|entry| mask[entry.range.clone()].fill(true));
        mask
    }

    pub(crate) fn push(&mut self, name: String, shape: Vec<usize>, part: Part, block: usize) -> Range<usize> {
        let range = self.len..self.len + shape.iter().product::<usize>();
        self.len = range.end;
        self.entries.push(Entry { name, shape, range: range.clone(), part, block });
        range
    }
}

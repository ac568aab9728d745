//! Puts layers one after another, and gives their parameters places and names.

use super::Blueprint;
use crate::layers::activation::Relu;
use crate::layers::conv::Conv;
use crate::layers::linear::Linear;
use crate::layers::norm::BatchNorm;
use crate::layers::pool::{Flatten, MaxPool, MeanPool};
use crate::layers::residual::{Residual, Shortcut};
use crate::layers::{Chain, Layer, Shape};
use crate::layout::{Layout, Part};

/// A network in the making.
#[derive(Debug)]
pub(super) struct Builder {
    layers: Vec<Box<dyn Layer>>,
    parameters: Layout,
    buffers: Layout,
    shape: Shape,
    block: usize,
}

impl Builder {
    pub(super) fn new(shape: Shape) -> Self {
        Self { layers: Vec::new(), parameters: Layout::default(), buffers: Layout::default(), shape, block: 0 }
    }

    /// The shape that an example has by now.
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// What follows belongs to the next block.
    pub(super) fn next_block(&mut self) {
        self.block += 1;
    }

    pub(super) fn flatten(&mut self) {
        self.push(Flatten { input: self.shape });
        self.shape = Shape { channels: self.shape.len(), height: 1, width: 1 };
    }

    pub(super) fn linear(&mut self, name: &str, n_outputs: usize) {
        let n_inputs = self.shape.channels;
        let weight = self.parameters.push(format!("{name}.weight"), vec![n_outputs, n_inputs], Part::Weight, self.block);
        let bias = self.parameters.push(format!("{name}.bias"), vec![n_outputs], Part::Bias, self.block);
        self.push(Linear { n_inputs, n_outputs, weight, bias });
        self.shape.channels = n_outputs;
    }

    pub(super) fn conv(&mut self, name: &str, channels: usize, geometry: (usize, usize, usize), bias: bool) {
        let shape = vec![channels, self.shape.channels, geometry.0, geometry.0];
        let weight = self.parameters.push(format!("{name}.weight"), shape, Part::Weight, self.block);
        let bias = bias.then(|| self.parameters.push(format!("{name}.bias"), vec![channels], Part::Bias, self.block));
        let conv = Conv::new(self.shape, channels, geometry, weight, bias);
        self.shape = conv.output();
        self.push(conv);
    }

    pub(super) fn norm(&mut self, name: &str) {
        let shape = vec![self.shape.channels];
        let scale = self.parameters.push(format!("{name}.weight"), shape.clone(), Part::Scale, self.block);
        let shift = self.parameters.push(format!("{name}.bias"), shape.clone(), Part::Shift, self.block);
        let mean = self.buffers.push(format!("{name}.running_mean"), shape.clone(), Part::Statistic, self.block);
        let variance = self.buffers.push(format!("{name}.running_var"), shape, Part::Statistic, self.block);
        self.push(BatchNorm { scale, shift, mean, variance });
    }

    pub(super) fn relu(&mut self) {
        self.push(Relu);
    }

    pub(super) fn max_pool(&mut self) {
        let pool = MaxPool { input: self.shape };
        self.shape = pool.output();
        self.push(pool);
    }

    pub(super) fn mean_pool(&mut self) {
        self.push(MeanPool { input: self.shape });
        self.shape = Shape { height: 1, width: 1, ..self.shape };
    }

    /// A detour around what `main` adds; `shortcut` adds what is on it, or nothing.
    pub(super) fn residual(&mut self, main: impl FnOnce(&mut Self), shortcut: impl FnOnce(&mut Self), padded: bool) {
        let (input, before) = (self.shape, std::mem::take(&mut self.layers));
        main(self);
        let (output, main) = (self.shape, Chain(std::mem::take(&mut self.layers)));
        self.shape = input;
        shortcut(self);
        let side = std::mem::replace(&mut self.layers, before);
        self.shape = output;
        let shortcut = match (side.is_empty(), padded && input != output) {
            (false, _) => Shortcut::Projected(Chain(side)),
            (true, true) => Shortcut::Padded { input, output },
            (true, false) => Shortcut::Same,
        };
        self.push(Residual { main, shortcut });
    }

    pub(super) fn finish(self, input: Shape, n_classes: usize) -> Blueprint {
        let Self { layers, parameters, buffers, shape: _, block: _ } = self;
        Blueprint {
            input,
            n_classes,
            layers: Chain(layers),
            parameters,
            buffers,
            #[cfg(feature = "cuda")]
            room: crate::device::Room::default(),
        }
    }

    fn push(&mut self, layer: impl Layer + 'static) {
        self.layers.push(Box::new(layer));
    }
}

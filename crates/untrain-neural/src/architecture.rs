//! Which networks there are, made of layers, with the names that PyTorch's usual code gives their parameters.

mod builder;
mod cnn;
mod mlp;
mod resnet;

use serde::{Deserialize, Serialize};
use untrain_core::{Error, Reader, Result, Writer};

pub(crate) use resnet::stages;

use crate::layers::{Chain, Shape};
use crate::layout::Layout;
use builder::Builder;

/// What a network looks like, but for the sizes that the data decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Architecture {
    /// Linear layers with activations between them; images are read as rows, channel after channel.
    Mlp {
        /// The widths of the hidden layers.
        hidden: Vec<usize>,
    },
    /// Convolutions of 3 × 3, each with an activation and a pool of 2 × 2, and then two linear layers.
    Cnn {
        /// The channels of the convolutions.
        channels: Vec<usize>,
        /// The width of the hidden linear layer.
        hidden: usize,
    },
    /// A residual network for small images \[@he2016\]: 18 layers as they are commonly written for 32 × 32, or `6 n + 2` thin ones.
    Resnet {
        /// How many layers: 18, or 20, 32, 44 and so on.
        depth: usize,
        /// How many channels the first stage has; each later one has twice as many. As published: 64 for 18 layers, else 16.
        width: usize,
    },
}

/// A network without its numbers: the layers, and where their parameters and statistics stand.
#[derive(Debug)]
pub(crate) struct Blueprint {
    pub(crate) input: Shape,
    pub(crate) n_classes: usize,
    pub(crate) layers: Chain,
    pub(crate) parameters: Layout,
    pub(crate) buffers: Layout,
    #[cfg(feature = "cuda")]
    pub(crate) room: crate::device::Room,
}

impl Architecture {
    /// Lays the network out for examples of a shape.
    ///
    /// # Errors
    ///
    /// [`Error::Unfit`] if the images are too small for it, [`Error::Parameter`] for a depth that there is not.
    pub(crate) fn blueprint(&self, input: Shape, n_classes: usize) -> Result<Blueprint> {
        let mut builder = Builder::new(input);
        match self {
            Self::Mlp { hidden } => mlp::build(&mut builder, hidden, n_classes),
            Self::Cnn { channels, hidden } => cnn::build(&mut builder, channels, *hidden, n_classes)?,
            Self::Resnet { depth, width } => resnet::build(&mut builder, *depth, *width, n_classes)?,
        }
        Ok(builder.finish(input, n_classes))
    }

    /// Writes the canonical bytes.
    pub fn write(&self, out: &mut Writer) {
        out.text(&serde_json::to_string(self).unwrap_or_default());
    }

    /// Reads them.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`].
    pub fn read(input: &mut Reader<'_>) -> Result<Self> {
        serde_json::from_str(input.text()?).map_err(|error| input.malformed(format!("its architecture: {error}")))
    }

    /// How many numbers such a network has, statistics included; none if there is no such network.
    pub(crate) fn n_numbers(&self, input: Shape, n_classes: usize) -> Option<usize> {
        let blueprint = self.blueprint(input, n_classes).ok()?;
        Some(blueprint.parameters.len() + blueprint.buffers.len())
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mlp { .. } => "mlp",
            Self::Cnn { .. } => "cnn",
            Self::Resnet { .. } => "resnet",
        }
    }
}

fn too_small(input: Shape, needed: usize) -> Error {
    let reason = format!("images of {} × {} pixels are too small for this network", input.height, input.width);
    Error::Unfit { reason, hint: format!("it needs {needed} × {needed}; use fewer convolutions, or an mlp") }
}

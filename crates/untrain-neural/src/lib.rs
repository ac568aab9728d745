//! Neural networks that forget: by sharded training exactly, by other methods approximately.
//!
//! *Absent:* files, sockets, clocks, the platform's libm, and any sum whose order depends on threads.

mod architecture;
mod augment;
mod batch;
pub mod device;
mod encode;
mod error;
mod examples;
mod frozen;
mod initial;
mod keep;
mod layers;
mod layout;
mod learner;
pub mod loss;
mod memory;
pub mod methods;
mod network;
mod noise;
mod optimiser;
mod params;
mod product;
mod safetensors;
mod tile;
mod train;

pub use architecture::Architecture;
pub use augment::Augmentation;
pub use batch::{Batch, Logits};
pub use encode::{Encoder, classes};
pub use error::{Error, Result};
pub use examples::{Examples, Source};
pub use frozen::FrozenFile;
pub use keep::Keep;
pub use layers::{Shape, Statistics};
pub use layout::{Entry, Layout, Part};
pub use learner::{ARTEFACT, FLOAT_PROFILE, Neural, NeuralArtefact, NeuralModel, Unlearning, probabilities};
pub use network::{ExampleLoss, Factors, Gradient, Layered, Loss, Network};
pub use optimiser::{Optimiser, Rule, Schedule};
pub use params::{CnnParams, MlpParams, NetworkParams, ResnetParams, TrainingParams};
pub use train::{NormPolicy, Progress, Training, accuracy, likeliest, recompute, remember};

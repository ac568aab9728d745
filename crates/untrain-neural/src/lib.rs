//! Neural networks that forget: by sharded training exactly, by other methods approximately.
//!
//! *Absent:* files, sockets, clocks, the platform's libm, and any sum whose order depends on threads.

mod architecture;
mod augment;
mod batch;
mod error;
mod examples;
mod initial;
mod layers;
mod layout;
pub mod loss;
pub mod methods;
mod network;
mod noise;
mod optimiser;
mod product;
mod train;

pub use architecture::Architecture;
pub use augment::Augmentation;
pub use batch::{Batch, Logits};
pub use error::{Error, Result};
pub use examples::{Examples, Source};
pub use layers::{Shape, Statistics};
pub use layout::{Entry, Layout, Part};
pub use network::{ExampleLoss, Factors, Gradient, Layered, Loss, Network};
pub use optimiser::{Optimiser, Rule, Schedule};
pub use train::{NormPolicy, Progress, Training, accuracy, likeliest, recompute, remember};

//! Neural networks that forget: by sharded training exactly, by other methods approximately.
//!
//! *Absent:* files, sockets, clocks, the platform's libm, and any sum whose order depends on threads.

mod architecture;
mod batch;
mod initial;
mod layers;
mod layout;
mod network;
mod noise;
mod product;

pub use architecture::Architecture;
pub use batch::{Batch, Logits};
pub use layers::{Shape, Statistics};
pub use layout::{Entry, Layout, Part};
pub use network::{ExampleLoss, Factors, Gradient, Layered, Loss, Network};

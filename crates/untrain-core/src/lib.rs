//! The words of `untrain`: records, datasets, learners, guarantees, digests and the canonical bytes they are made of.
//!
//! The promise of the whole program is stated here and checked by the module `conformance`: **a model is a pure function of a recipe
//! and a set of records**, so
//!
//! ```text
//! forget(train(recipe, D), S)  ==  train(recipe, D \ S)      byte for byte
//! learn(train(recipe, D), A)   ==  train(recipe, D ∪ A)
//! ```
//!
//! This crate does no I/O, reads no clock and starts no threads.

mod any;
mod bytes;
#[cfg(feature = "conformance")]
pub mod conformance;
mod dataset;
mod digest;
pub mod eigen;
mod error;
mod fixed;
mod gram;
mod guarantee;
mod hash;
pub mod hyperparameters;
mod image;
mod learner;
mod prediction;
mod schema;
mod wording;

pub use any::{AnyLearner, AnyModel};
pub use bytes::{Reader, Writer};
pub use dataset::{Dataset, Values, check_distinct};
pub use digest::Digest;
pub use error::{Error, Result, nearest};
pub use fixed::{FixedPoint, exponent, nearest_f64};
pub use gram::Gram;
pub use guarantee::Guarantee;
pub use hash::{Seed, mix, one_of, unit};
pub use image::{Image, ImageShape};
pub use learner::{Artefact, Choices, Forget, Importance, Learner, Model};
pub use prediction::Predictions;
pub use schema::{Column, Holdout, Kind, Role, Schema, Task};
pub use wording::{count, counted, moment};

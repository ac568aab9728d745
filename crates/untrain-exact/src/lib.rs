//! Learners that forget exactly: the model after forgetting is, byte for byte, the model that never saw the records.
//!
//! One file a learner; each passes `untrain_core::conformance`.

mod convex;
mod encode;
mod encoded;
mod forest;
mod glm;
mod hyperparameters;
mod linear;
mod logistic;
mod members;
mod retrain;

use untrain_core::{Artefact, Error, Result};

pub use convex::Work;
pub use encode::Preprocessing;
pub use forest::{
    Criterion, Forest, ForestArtefact, ForestFeature, ForestModel, ForestNode, MaxFeatures, Memory, NamedMaxFeatures, Params,
};
pub use glm::{Glm, GlmArtefact, GlmLoss, GlmModel, GlmParams};
pub use hyperparameters::Hyperparameters;
pub use linear::Optimum;
pub use logistic::{Logistic, LogisticArtefact, LogisticModel, LogisticParams};
pub use retrain::{Retrain, Retrained};

type Read = fn(&[u8]) -> Result<Box<dyn Artefact>>;

/// The artefacts that can be read, by the eight bytes that they begin with.
const ARTEFACTS: [(&[u8; 8], Read); 3] = [
    (forest::ARTEFACT, |bytes| Ok(Box::new(ForestArtefact::read(bytes)?))),
    (glm::ARTEFACT, |bytes| Ok(Box::new(GlmArtefact::read(bytes)?))),
    (logistic::ARTEFACT, |bytes| Ok(Box::new(LogisticArtefact::read(bytes)?))),
];

/// Reads the canonical bytes of an artefact of any learner of this crate.
///
/// # Errors
///
/// [`Error::Malformed`].
pub fn artefact(bytes: &[u8]) -> Result<Box<dyn Artefact>> {
    let unknown = || Error::Malformed { what: "artefact", reason: "it does not begin as any of a version that is known".to_owned() };
    let (_, read) = ARTEFACTS.iter().find(|(magic, _)| bytes.starts_with(*magic)).ok_or_else(unknown)?;
    read(bytes)
}

//! Learners that forget exactly: the model after forgetting is, byte for byte, the model that never saw the records.
//!
//! One file a learner; each passes `untrain_core::conformance`.

mod forest;

pub use forest::{
    Artefact, ArtefactFeature, ArtefactNode, Criterion, Forest, ForestModel, Importance, MaxFeatures, Memory, NamedMaxFeatures, Params,
};

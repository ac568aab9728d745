//! Learners that forget exactly: the model after forgetting is, byte for byte, the model that never saw the records.
//!
//! One file a learner; each passes `untrain_core::conformance`.

mod cholesky;
mod convex;
mod encode;
mod encoded;
mod forest;
mod glm;
mod head;
mod kmeans;
mod knn;
mod lanes;
mod lda;
mod linear;
mod logistic;
mod members;
mod moments;
mod naive_bayes;
mod optimum;
mod pca;
mod points;
mod qda;
mod recommend;
mod retrain;
mod ridge;
mod sgd;
mod sisa;
mod softmax;
mod text;

use untrain_core::{Artefact, Error, Result};

pub use convex::Work;
pub use encode::Preprocessing;
pub use forest::{
    Criterion, Forest, ForestArtefact, ForestFeature, ForestModel, ForestNode, MaxFeatures, Memory, NamedMaxFeatures, Params,
};
pub use glm::{Glm, GlmArtefact, GlmLoss, GlmModel, GlmParams};
pub use head::{Head, HeadArtefact, HeadModel, HeadParams};
pub use kmeans::{KMeans, KMeansArtefact, KMeansParams};
pub use knn::{Knn, KnnArtefact, KnnModel, KnnParams, Metric, NeighbourIndex, Weights};
pub use lda::{Lda, LdaParams};
pub use linear::LinearArtefact;
pub use logistic::{Logistic, LogisticArtefact, LogisticModel, LogisticParams};
pub use naive_bayes::{NaiveBayes, NaiveBayesArtefact, NaiveBayesKind, NaiveBayesModel, NaiveBayesParams};
pub use pca::{Pca, PcaArtefact, PcaParams};
pub use qda::{Qda, QdaArtefact, QdaParams};
pub use recommend::{
    Method as RecommendMethod, Recommend, RecommendArtefact, RecommendModel, RecommendParams, RecommendWeights, Similarity,
};
pub use retrain::{Retrain, Retrained};
pub use ridge::{Ridge, RidgeParams};
pub use sgd::{Sgd, SgdArtefact, SgdModel, SgdParams};
pub use sisa::{Aggregation, Seat, ShardBy, ShardSizes, Sisa, SisaArtefact, SisaModel, SisaParams};
pub use text::{Text, TextClassifier, TextModel, TextParams};
pub use untrain_core::hyperparameters::Hyperparameters;

type Read = fn(&[u8]) -> Result<Box<dyn Artefact>>;

/// The artefacts that can be read, by the eight bytes that they begin with.
const ARTEFACTS: &[(&[u8; 8], Read)] = &[
    (forest::ARTEFACT, |bytes| Ok(Box::new(ForestArtefact::read(bytes)?))),
    (glm::ARTEFACT, |bytes| Ok(Box::new(GlmArtefact::read(bytes)?))),
    (head::ARTEFACT, |bytes| Ok(Box::new(HeadArtefact::read(bytes)?))),
    (kmeans::ARTEFACT, |bytes| Ok(Box::new(KMeansArtefact::read(bytes)?))),
    (knn::ARTEFACT, |bytes| Ok(Box::new(KnnArtefact::read(bytes)?))),
    (linear::DISCRIMINANT, |bytes| Ok(Box::new(LinearArtefact::read(bytes)?))),
    (linear::RIDGE, |bytes| Ok(Box::new(LinearArtefact::read(bytes)?))),
    (logistic::ARTEFACT, |bytes| Ok(Box::new(LogisticArtefact::read(bytes)?))),
    (naive_bayes::ARTEFACT, |bytes| Ok(Box::new(NaiveBayesArtefact::read(bytes)?))),
    (untrain_neural::ARTEFACT, |bytes| Ok(Box::new(untrain_neural::NeuralArtefact::read(bytes)?))),
    (pca::MAGIC, |bytes| Ok(Box::new(PcaArtefact::read(bytes)?))),
    (qda::MAGIC, |bytes| Ok(Box::new(QdaArtefact::read(bytes)?))),
    (recommend::ARTEFACT, |bytes| Ok(Box::new(RecommendArtefact::read(bytes)?))),
    (sgd::ARTEFACT, |bytes| Ok(Box::new(SgdArtefact::read(bytes)?))),
    (sisa::ARTEFACT, |bytes| Ok(Box::new(SisaArtefact::read(bytes)?))),
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

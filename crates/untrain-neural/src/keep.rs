//! Keeping unfinished training, so that a process that is killed goes on where it was.

use std::fmt::Debug;

use untrain_core::Digest;

/// A place for unfinished training. What it keeps was made of records: whoever implements it removes it when they are forgotten.
///
/// To keep nothing is always right: the bytes of a model never depend on it.
pub trait Keep: Debug + Send + Sync {
    /// Whether it wants to be given the training after this step: not after each, since that takes time.
    fn wants(&self, step: usize) -> bool;
    /// What was kept of a training.
    fn find(&self, training: &Digest) -> Option<Vec<u8>>;
    /// Keeps a training, in place of what it kept of it before.
    fn put(&self, training: &Digest, bytes: &[u8]);
    /// Keeps a training no longer: it is done.
    fn remove(&self, training: &Digest);
}

//! Files of networks that recipes name by their digest.

use std::fmt;
use std::sync::Arc;

use untrain_core::Result;

/// Where the bytes of a frozen network's file come from: they are asked for when a model is made or loaded, and not before.
#[derive(Clone)]
pub struct FrozenFile(Arc<dyn Fn() -> Result<Vec<u8>> + Send + Sync>);

impl FrozenFile {
    /// A file that `read` reads.
    pub fn new(read: impl Fn() -> Result<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// Its bytes.
    ///
    /// # Errors
    ///
    /// As what reads it.
    pub fn read(&self) -> Result<Vec<u8>> {
        (self.0)()
    }
}

impl fmt::Debug for FrozenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrozenFile").finish_non_exhaustive()
    }
}

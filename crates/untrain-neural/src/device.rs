//! Where networks are computed: on the processor, or on a GPU. No bit depends on it.

#[cfg(feature = "cuda")]
mod gpu;
#[cfg(feature = "cuda")]
mod open;
#[cfg(all(test, feature = "cuda"))]
mod tests;

use std::str::FromStr;

#[cfg(feature = "cuda")]
pub(crate) use gpu::{BothTaps, Room, example_gradients, features, gradient, logits, tangent};
#[cfg(feature = "cuda")]
pub(crate) use open::tried;

#[cfg(not(feature = "cuda"))]
use crate::error::Error;
use crate::error::Result;

/// Where to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// On a GPU if there is one that this program can use, for batches that are worth the way there.
    #[default]
    Auto,
    /// On the processor.
    Cpu,
    /// On a GPU, whatever the batch.
    Cuda,
}

impl Device {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 3] = [("auto", Self::Auto), ("cpu", Self::Cpu), ("cuda", Self::Cuda)];
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let found = Self::ALL.into_iter().find(|(name, _)| *name == text);
        found.map(|(_, device)| device).ok_or_else(|| format!("there is no device {text:?}; there are auto, cpu and cuda"))
    }
}

/// Says where this process computes; the first who says it decides.
///
/// # Errors
///
/// [`Error::Device`] if it has to be a GPU, and there is none, it computes other bits, or this program was built without the feature
/// `cuda`.
pub fn choose(device: Device) -> Result<()> {
    #[cfg(feature = "cuda")]
    return open::choose(device);
    #[cfg(not(feature = "cuda"))]
    if device == Device::Cuda {
        return Err(Error::Device("this program was built without GPUs; build it with `--features cuda`".to_owned()));
    }
    #[cfg(not(feature = "cuda"))]
    Ok(())
}

/// What there is to say of a GPU after the work: that it was used, or why it was not.
pub fn notice() -> Option<String> {
    #[cfg(feature = "cuda")]
    return open::notice();
    #[cfg(not(feature = "cuda"))]
    None
}

//! What can go wrong with networks.

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of networks. An `Err` means that nothing changed, but for a network that was being trained.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The loss, its gradient or a parameter became infinite, or no number.
    #[error("training diverged: at step {step}, in epoch {epoch}, the loss is {loss}{}", if loss.is_finite() { ", but its gradient is not finite" } else { "" })]
    Diverged {
        /// The step, counted from 1.
        step: usize,
        /// The epoch, counted from 1.
        epoch: usize,
        /// The loss.
        loss: f64,
    },
    /// A GPU was asked for, and cannot be used.
    #[error("networks cannot be computed on a GPU: {0}")]
    Device(String),
    /// What the core refuses.
    #[error(transparent)]
    Core(#[from] untrain_core::Error),
}

impl From<Error> for untrain_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Core(error) => error,
            Error::Diverged { .. } => {
                let hint = "use a smaller learning_rate; the last good parameters were kept".to_owned();
                Self::Unfit { reason: error.to_string(), hint }
            }
            Error::Device(_) => {
                let hint = "the processor makes the same bytes: `--device cpu`".to_owned();
                Self::Unfit { reason: error.to_string(), hint }
            }
        }
    }
}

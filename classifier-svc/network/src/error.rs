//! Why a model cannot be loaded or run.

use deepface_files::{OutputError, TensorError};

/// Why the model cannot be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The weights file is damaged, of another kind, or of another version.
    #[error("weights: {0}")]
    Weights(String),
    /// The weights file cannot be read.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// The weights file cannot be written.
    #[error(transparent)]
    Write(#[from] OutputError),
    /// The device is missing or failed.
    #[error("device: {0}")]
    Device(String),
    /// An operation on the device failed.
    #[error("device: {0}")]
    Candle(#[from] candle_core::Error),
    /// An array has the wrong size: a bug of the caller.
    #[error("{what}: expected {expected} values, got {actual}")]
    Size {
        /// Which array.
        what: &'static str,
        /// Values expected.
        expected: usize,
        /// Values that came.
        actual: usize,
    },
}

impl From<TensorError> for ModelError {
    fn from(error: TensorError) -> Self {
        Self::Weights(error.to_string())
    }
}

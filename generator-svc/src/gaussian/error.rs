//! What can be wrong with a statistics file.

use std::path::PathBuf;

use deepface_files::{OutputError, TensorError};

/// Why statistics cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is damaged, or of another kind.
    #[error("statistics: {0}")]
    Malformed(String),
    /// The file is not a whole safetensors file, or a tensor in it is missing or wrong.
    #[error("statistics: {0}")]
    Tensor(#[from] TensorError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] OutputError),
    /// The file cannot be read.
    #[error("statistics: {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

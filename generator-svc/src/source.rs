//! Where statistics come from.

use std::path::PathBuf;
use std::sync::Arc;

use crate::gaussian::{Statistics, StoreError};

/// The built-in statistics.
const EMBEDDED: &[u8] = include_bytes!("../../models/vgg-face-mini.cgmm.safetensors");

/// Where statistics come from.
#[derive(Clone, Debug)]
pub enum StatisticsSource {
    /// The built-in file.
    Embedded,
    /// A file.
    File(PathBuf),
    /// The bytes of a file.
    Bytes(Arc<[u8]>),
}

impl StatisticsSource {
    /// Reads and checks the statistics.
    ///
    /// # Errors
    /// The file cannot be read, or `fit` did not write it.
    pub fn load(&self) -> Result<Statistics, StoreError> {
        match self {
            Self::Embedded => Statistics::load(EMBEDDED),
            Self::Bytes(bytes) => Statistics::load(bytes),
            Self::File(path) => {
                let bytes = std::fs::read(path).map_err(|source| StoreError::Io {
                    path: path.clone(),
                    source,
                })?;
                Statistics::load(&bytes)
            }
        }
    }
}

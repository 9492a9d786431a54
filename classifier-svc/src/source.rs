//! Where a model comes from.

use std::path::PathBuf;
use std::sync::Arc;

use deepface_network::{Architecture, DeviceChoice, Model, ModelError};

/// The weights file of the built-in model.
pub const EMBEDDED: &[u8] = include_bytes!("../../models/vgg-face-mini.safetensors");

/// Where a model comes from.
#[derive(Clone, Debug)]
pub enum ModelSource {
    /// The built-in model.
    Embedded,
    /// A weights file.
    File(PathBuf),
    /// The bytes of a weights file.
    Bytes(Arc<[u8]>),
    /// An untrained network with fixed random weights: to measure its time.
    Random(Architecture),
}

/// Why a model cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// It is not a model of this project.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl ModelSource {
    /// The bytes of the weights file.
    ///
    /// # Errors
    /// The file cannot be read. An untrained network has no file: the answer is empty.
    pub fn bytes(&self) -> Result<Vec<u8>, LoadError> {
        match self {
            Self::Embedded => Ok(EMBEDDED.to_vec()),
            Self::Random(_) => Ok(Vec::new()),
            Self::Bytes(bytes) => Ok(bytes.to_vec()),
            Self::File(path) => std::fs::read(path).map_err(|source| LoadError::Read {
                path: path.clone(),
                source,
            }),
        }
    }

    /// Reads the weights and moves them to the device.
    ///
    /// # Errors
    /// The file cannot be read, or is not a model of this project.
    pub fn load(&self, device: DeviceChoice, threads: usize) -> Result<Model, LoadError> {
        match self {
            Self::Embedded => Ok(Model::load(EMBEDDED, device, threads)?),
            Self::Random(architecture) => Ok(Model::random(architecture.clone(), device, threads)?),
            Self::Bytes(bytes) => Ok(Model::load(bytes, device, threads)?),
            Self::File(path) => Model::open(path, device, threads).map_err(|error| match error {
                ModelError::Read(source) => LoadError::Read {
                    path: path.clone(),
                    source,
                },
                other => other.into(),
            }),
        }
    }
}

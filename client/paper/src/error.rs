//! Why a report cannot be made.

use std::fs;
use std::path::{Path, PathBuf};

use classifier_svc::source::LoadError;
use deepface_client::ClientError;
use deepface_dataset::{DatasetError, PhotographError, Unreadable};
use deepface_evaluate::EvaluateError;
use deepface_files::OutputError;
use deepface_network::ModelError;
use deepface_report::plot::PlotError;

/// Why a report cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    /// The data set cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A photograph cannot be read.
    #[error(transparent)]
    Photograph(#[from] PhotographError),
    /// Photographs cannot be read, and may not be left out.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The data set lacks something that an experiment needs.
    #[error("{0}")]
    Data(String),
    /// A service fails.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A network cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A network fails.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Training fails.
    #[error("training {what}: {problem}")]
    Training {
        /// The network.
        what: String,
        /// The causes, the outermost first.
        problem: String,
    },
    /// The statistics cannot be loaded.
    #[error("{0}")]
    Statistics(String),
    /// The evaluation of the methods fails.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// A file cannot be read, or a folder cannot be made.
    #[error("{path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] OutputError),
    /// A file of the folder cannot be understood.
    #[error("{path}: {problem}; remove it to repeat that part")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The folder belongs to another run.
    #[error(
        "{folder} holds another run ({differences}); choose another folder, or remove this one"
    )]
    OtherRun {
        /// The folder.
        folder: PathBuf,
        /// What differs: name, value expected, value found.
        differences: String,
    },
    /// Another process is writing to the folder.
    #[error("another process is writing to {0}")]
    Busy(PathBuf),
    /// A plot cannot be drawn.
    #[error("a plot cannot be drawn: {0}")]
    Plot(#[from] PlotError),
    /// A picture cannot be encoded.
    #[error("a picture cannot be encoded: {0}")]
    Picture(#[from] image::ImageError),
}

impl PaperError {
    /// What went wrong with a file or folder.
    pub(crate) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }
}

/// The bytes of a file.
///
/// # Errors
/// It cannot be read.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, PaperError> {
    fs::read(path).map_err(PaperError::at(path))
}

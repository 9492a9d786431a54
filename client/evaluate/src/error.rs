use std::path::PathBuf;

use deepface_client::ClientError;
use deepface_dataset::DatasetError;
use deepface_images::ImageError;

use crate::judge::JudgeError;
use crate::store::StoreError;

/// Why an evaluation cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// A call of a service failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The labels or the folders cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A photograph cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The photograph.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A photograph is none.
    #[error("{path}: {source}")]
    Photograph {
        /// The photograph.
        path: PathBuf,
        /// The cause.
        source: ImageError,
    },
    /// Fewer people are held out than attribute sets are wanted.
    #[error("{wanted} sets are wanted, and only {found} people are held out who can be asked for")]
    TooFewPeople {
        /// Sets wanted.
        wanted: usize,
        /// People that are held out and have attributes that can be asked for.
        found: usize,
    },
    /// Too few photographs are left to measure realism from.
    #[error(
        "besides the sources {0} photographs are held out; at least 2 are needed to measure realism"
    )]
    TooFewReferences(usize),
    /// Nobody is in the training part.
    #[error("no photograph of the data is one to fit to")]
    NothingToFit,
    /// A number that must not be 0 is.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// The judge cannot be used.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// The results so far cannot be read, or new ones not written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The generator works with another classifier than the one that is asked.
    #[error(
        "the generator at {generator} was fitted to the classifier {expected}, and the one at {classifier} is {got}"
    )]
    OtherClassifier {
        /// URL of the generator.
        generator: String,
        /// URL of the classifier.
        classifier: String,
        /// Digest of the weights that the generator was fitted to.
        expected: String,
        /// Digest of the weights that the classifier has.
        got: String,
    },
    /// A service sent what makes no sense.
    #[error("unexpected answer of the service at {url}: {reason}")]
    Answer {
        /// The service.
        url: String,
        /// What was expected and what came.
        reason: String,
    },
    /// A picture cannot be encoded.
    #[error("cannot encode a picture: {0}")]
    Encode(#[from] image::ImageError),
}

//! Why an evaluation fails.

use deepface_attributes::SchemaError;
use deepface_client::ClientError;
use deepface_dataset::{DatasetError, PhotographError, Split, Unreadable};

use crate::identity::IdentityError;
use crate::judge::JudgeError;
use crate::store::StoreError;

/// Why an evaluation fails.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// A call of a service failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The labels or the folders cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The attributes of the generator cannot be a schema.
    #[error("the attributes of the generator: {0}")]
    Schema(#[from] SchemaError),
    /// Photographs cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A photograph cannot be read, though it could be read before.
    #[error(transparent)]
    Photograph(#[from] PhotographError),
    /// There are fewer suitable people in the split than attribute sets requested.
    #[error(
        "expected at least {wanted} people in the {split} split whose labels do not contradict each other, one per attribute \
         set; got {found} of {people}; use --sets {found} or fewer, or more photographs"
    )]
    TooFewPeople {
        /// The split.
        split: Split,
        /// Sets requested.
        wanted: usize,
        /// People in it whose attributes the generator accepts.
        found: usize,
        /// People in it.
        people: usize,
    },
    /// Too few photographs are left to measure realism from.
    #[error(
        "expected photographs of at least 2 people besides the sources, to measure realism; got {0}"
    )]
    TooFewReferences(usize),
    /// The training split is empty.
    #[error("expected photographs in the training split, got none")]
    NothingToFit,
    /// A number is 0 that must be at least 1.
    #[error("{0}: expected at least 1, got 0")]
    Zero(&'static str),
    /// The judge cannot be used.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// The identity network cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Earlier results cannot be read, or new ones cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The generator was fitted to another classifier.
    #[error(
        "the generator at {generator} was fitted to the classifier {expected}, but the classifier at {classifier} is {got}"
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
    /// A service sent an unexpected answer.
    #[error("unexpected answer from the service at {url}: {reason}")]
    Answer {
        /// The service.
        url: String,
        /// What was expected and what came.
        reason: String,
    },
    /// A way to make faces that is not the generator's fails.
    #[error("{name}: {reason}")]
    Guest {
        /// Its name.
        name: String,
        /// The cause.
        reason: String,
    },
    /// A picture cannot be encoded.
    #[error("cannot encode a picture: {0}")]
    Encode(#[from] image::ImageError),
}

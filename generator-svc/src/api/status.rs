//! Why a request is not answered, and the status that says so. The only place where a status is made.

use std::time::Duration;

use deepface_client::ClientError;
use deepface_serve::{Violations, detailed};
use tonic::{Code, Status};

use super::oracle::OracleError;
use crate::inversion::StepError;
use crate::workers::WorkLost;

/// When a client may try again that was refused for lack of room or of a classifier.
const RETRY: Duration = Duration::from_secs(1);

/// The one image of an Invert request, as the classifier's request calls it.
const IMAGE: &str = "images[0]";

/// Why a request is not answered.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The request is wrong.
    Invalid(Violations),
    /// The classifier did not do its part.
    Classifier(OracleError),
    /// The statistics were fitted with another classifier than the one that is served.
    OtherClassifier {
        /// Digest in the statistics.
        fitted: String,
        /// Digest of the model that is served.
        served: String,
    },
    /// The prior's images are of another size than the classifier's input.
    OtherSize {
        /// Pixels a side of the prior's images.
        prior: usize,
        /// Pixels a side of the classifier's input.
        served: usize,
    },
    /// Too many faces are being generated.
    Sessions(usize),
    /// The stream was not read for too long.
    Unread(Duration),
    /// The deadline has passed.
    Expired,
    /// A task of ours ended without a result.
    Internal(String),
}

impl From<Violations> for Refusal {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl From<OracleError> for Refusal {
    fn from(error: OracleError) -> Self {
        Self::Classifier(error)
    }
}

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Self {
        Self::Classifier(error.into())
    }
}

impl From<WorkLost> for Refusal {
    fn from(lost: WorkLost) -> Self {
        Self::Internal(lost.to_string())
    }
}

impl From<StepError<OracleError>> for Refusal {
    fn from(error: StepError<OracleError>) -> Self {
        match error {
            StepError::Oracle(error) => error.into(),
            StepError::Lost(lost) => lost.into(),
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(violations) => violations.into_status(),
            Refusal::Classifier(error) => classifier(&error),
            Refusal::OtherClassifier { fitted, served } => detailed(
                Code::FailedPrecondition,
                "OTHER_CLASSIFIER",
                &format!(
                    "the statistics were fitted with classifier {fitted}, but {served} is served"
                ),
                None,
            ),
            Refusal::OtherSize { prior, served } => detailed(
                Code::FailedPrecondition,
                "OTHER_INPUT_SIZE",
                &format!(
                    "the image prior has {prior} pixels a side, but the classifier takes {served}"
                ),
                None,
            ),
            Refusal::Sessions(limit) => detailed(
                Code::ResourceExhausted,
                "TOO_MANY_SESSIONS",
                &format!("all {limit} sessions are in use"),
                Some(RETRY),
            ),
            Refusal::Unread(limit) => detailed(
                Code::DeadlineExceeded,
                "STREAM_UNREAD",
                &format!("an iterate was not read for {limit:?}"),
                None,
            ),
            Refusal::Expired => detailed(
                Code::DeadlineExceeded,
                "DEADLINE_EXCEEDED",
                "the deadline of the call has passed",
                None,
            ),
            Refusal::Internal(message) => {
                tracing::error!("{message}");
                detailed(Code::Internal, "INTERNAL", &message, None)
            }
        }
    }
}

/// What the classifier said about the request is passed on; that it is not there is said as such.
fn classifier(error: &OracleError) -> Status {
    let OracleError::Call(call) = error else {
        return detailed(
            Code::Internal,
            "CLASSIFIER_BROKEN",
            &error.to_string(),
            None,
        );
    };
    // The classifier knows best when it will have room.
    let retry = Some(call.retry_after().unwrap_or(RETRY));
    match call.code() {
        Code::InvalidArgument if of_the_image(call) => {
            let mut violations = Violations::new();
            for v in call.violations() {
                violations.add(v.field.replacen(IMAGE, "image", 1), &v.description);
            }
            violations.into_status()
        }
        Code::ResourceExhausted => {
            let message = format!("the classifier is overloaded: {call}");
            detailed(
                Code::ResourceExhausted,
                "CLASSIFIER_OVERLOADED",
                &message,
                retry,
            )
        }
        // Not the caller's deadline, which is looked after elsewhere.
        Code::DeadlineExceeded => {
            let message = format!(
                "the classifier, which gives every gradient, did not answer in time: {call}"
            );
            detailed(Code::Unavailable, "CLASSIFIER_SILENT", &message, retry)
        }
        Code::Unavailable => {
            let message =
                format!("the classifier, which gives every gradient, is not available: {call}");
            detailed(Code::Unavailable, "CLASSIFIER_UNAVAILABLE", &message, retry)
        }
        _ => {
            let message = format!("the classifier failed: {call}");
            detailed(Code::Internal, "CLASSIFIER_FAILED", &message, None)
        }
    }
}

/// Whether the classifier finds fault with the caller's image and nothing else. The rest of what it is sent is ours,
/// and so are the faults in that.
fn of_the_image(call: &ClientError) -> bool {
    let violations = call.violations();
    !violations.is_empty() && violations.iter().all(|v| v.field.starts_with(IMAGE))
}

//! Why a request is refused, and the status that says so. Only this file makes a status.

use std::time::Duration;

use deepface_client::ClientError;
use deepface_serve::{Overdrawn, Violations, detailed};
use tonic::{Code, Status};

use super::oracle::OracleError;
use crate::inversion::StepError;
use crate::workers::WorkLost;

/// When a client may try again after a refusal for lack of sessions or of a classifier.
const RETRY: Duration = Duration::from_secs(1);

/// The name that the classifier has for the image of a request.
const IMAGE: &str = "images[0]";

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The request is wrong.
    Invalid(Violations),
    /// The classifier failed.
    Classifier(OracleError),
    /// The statistics were fitted with another classifier.
    OtherClassifier {
        /// Digest in the statistics.
        fitted: String,
        /// Digest of the model that is served.
        served: String,
    },
    /// The resume token was made with another classifier.
    OtherNetwork {
        /// Digest in the token.
        expected: String,
        /// Digest of the model that is served.
        served: String,
    },
    /// The resume token was made with other statistics.
    OtherStatistics {
        /// Digest in the token.
        expected: String,
        /// Digest of the statistics that are served.
        served: String,
    },
    /// The size of the prior's images differs from the classifier's input.
    OtherSize {
        /// Pixels a side of the prior's images.
        prior: usize,
        /// Pixels a side of the classifier's input.
        served: usize,
    },
    /// All sessions are in use.
    Sessions {
        /// Sessions at once.
        limit: usize,
        /// Requests that may wait for one.
        waiting: usize,
        /// How long the request waited; `None` if the waiting room was full.
        waited: Option<Duration>,
    },
    /// The caller's pixels are used up.
    Overdrawn(Overdrawn),
    /// The stream was not read for too long.
    Unread(Duration),
    /// The deadline has passed.
    Expired,
    /// A task panicked.
    Internal(String),
}

impl From<Violations> for Refusal {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl From<Overdrawn> for Refusal {
    fn from(overdrawn: Overdrawn) -> Self {
        Self::Overdrawn(overdrawn)
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
            Refusal::Overdrawn(overdrawn) => overdrawn.into(),
            Refusal::OtherClassifier { fitted, served } => detailed(
                Code::FailedPrecondition,
                "OTHER_CLASSIFIER",
                &format!(
                    "the statistics were fitted with classifier {fitted}, but {served} is served"
                ),
                None,
            ),
            Refusal::OtherNetwork { expected, served } => detailed(
                Code::FailedPrecondition,
                "OTHER_CLASSIFIER",
                &format!("resume token: expected classifier {expected}, but {served} is served"),
                None,
            ),
            Refusal::OtherStatistics { expected, served } => detailed(
                Code::FailedPrecondition,
                "OTHER_STATISTICS",
                &format!("resume token: expected statistics {expected}, these are {served}"),
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
            Refusal::Sessions {
                limit,
                waiting,
                waited,
            } => {
                let message = match waited {
                    None => format!("all {limit} sessions are in use, and {waiting} requests wait"),
                    Some(time) => format!("all {limit} sessions were in use for {time:?}"),
                };
                let code = Code::ResourceExhausted;
                detailed(code, "TOO_MANY_SESSIONS", &message, Some(RETRY))
            }
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

/// Passes on what the classifier says about the image, and says so if the classifier cannot be reached.
fn classifier(error: &OracleError) -> Status {
    let OracleError::Call(call) = error else {
        return detailed(
            Code::Internal,
            "CLASSIFIER_BROKEN",
            &error.to_string(),
            None,
        );
    };
    // The classifier knows best when to try again.
    let retry = Some(call.retry_after().unwrap_or(RETRY));
    if let Some(violations) = about_the_image(call, "image") {
        return violations.into_status();
    }
    match call.code() {
        Code::ResourceExhausted => {
            let message = format!("the classifier is overloaded: {call}");
            detailed(
                Code::ResourceExhausted,
                "CLASSIFIER_OVERLOADED",
                &message,
                retry,
            )
        }
        // The classifier's deadline; the caller's is `Refusal::Expired`.
        Code::DeadlineExceeded => {
            let message = format!(
                "the classifier, which computes the gradients, did not answer in time: {call}"
            );
            detailed(Code::Unavailable, "CLASSIFIER_SILENT", &message, retry)
        }
        Code::Unavailable => {
            let message =
                format!("the classifier, which computes the gradients, is not available: {call}");
            detailed(Code::Unavailable, "CLASSIFIER_UNAVAILABLE", &message, retry)
        }
        // It named the network that answered first; another one has taken its place.
        Code::FailedPrecondition => {
            let message = format!("the classifier was replaced by another one: {call}");
            detailed(Code::FailedPrecondition, "OTHER_CLASSIFIER", &message, None)
        }
        _ => {
            let message = format!("the classifier failed: {call}");
            detailed(Code::Internal, "CLASSIFIER_FAILED", &message, None)
        }
    }
}

/// What the classifier says of the caller's image, which has this name here, if it refuses that and nothing else. This
/// service makes the rest of the request, and is to blame for faults in it.
pub(super) fn about_the_image(call: &ClientError, name: &str) -> Option<Violations> {
    let said = call.violations();
    let of_the_image = !said.is_empty() && said.iter().all(|v| v.field.starts_with(IMAGE));
    if call.code() != Code::InvalidArgument || !of_the_image {
        return None;
    }
    let mut violations = Violations::new();
    for v in said {
        violations.add(v.field.replacen(IMAGE, name, 1), &v.description);
    }
    Some(violations)
}

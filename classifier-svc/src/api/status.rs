//! Why a request is not answered, and the status that says so. The only place where a status is made.

use std::time::Duration;

use deepface_network::ModelInfo;
use deepface_proto::rpc;
use deepface_serve::{Overdrawn, Violations, detailed, quote};
use prost::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::batch::EngineError;

/// When a client that was refused for lack of room may try again.
const RETRY: Duration = Duration::from_millis(100);
/// When a client may try again while the model is not available.
const RETRY_LOADING: Duration = Duration::from_secs(1);

/// Why a request is not answered.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The request is wrong.
    Invalid(Violations),
    /// The model did not compute it.
    Engine(EngineError),
    /// The caller's pixels are used up.
    Overdrawn(Overdrawn),
    /// The request is meant for another network, or its embeddings are those of another one.
    OtherNetwork {
        /// The field that says so.
        field: &'static str,
        /// Digest of the network that is meant.
        expected: String,
        /// Digest of the one that is served.
        served: String,
    },
    /// A name that this server does not have.
    Unknown {
        /// What it names.
        what: &'static str,
        /// The field that holds it.
        field: String,
        /// The name.
        name: String,
        /// What would be right.
        known: String,
    },
    /// Too many images wait to be decoded, of this caller or in all.
    Decoders,
    /// What waits holds too much memory, of this caller or in all.
    Memory,
    /// Too many Differentiate streams are set up, of this caller or in all.
    Streams(usize),
    /// A Differentiate stream got no message for too long.
    Silent(Duration),
    /// A reply of a Differentiate stream was not read for too long.
    Unread(Duration),
    /// A task of ours ended without a result.
    Internal(&'static str),
    /// The client's side of the stream broke.
    Broken(Status),
}

impl Refusal {
    /// The same refusal, for a request that has another name for a field.
    pub(super) fn renamed(self, ours: &str, theirs: &str) -> Self {
        match self {
            Self::Invalid(violations) => Self::Invalid(violations.renamed(ours, theirs)),
            other => other,
        }
    }
}

impl From<Violations> for Refusal {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<Overdrawn> for Refusal {
    fn from(overdrawn: Overdrawn) -> Self {
        Self::Overdrawn(overdrawn)
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(violations) => violations.into_status(),
            Refusal::Engine(error) => engine(&error),
            Refusal::Overdrawn(overdrawn) => overdrawn.into(),
            Refusal::OtherNetwork {
                field,
                expected,
                served,
            } => detailed(
                Code::FailedPrecondition,
                "OTHER_NETWORK",
                &format!(
                    "{field}: expected the network {}, this one is {served}",
                    quote(&expected)
                ),
                None,
            ),
            Refusal::Unknown {
                what,
                field,
                name,
                known,
            } => detailed(
                Code::NotFound,
                "UNKNOWN_NAME",
                &format!("{field}: expected the {what} {known}, got {}", quote(&name)),
                None,
            ),
            Refusal::Decoders => detailed(
                Code::ResourceExhausted,
                "DECODERS_BUSY",
                "too many images wait to be decoded, of this caller or in all",
                Some(RETRY),
            ),
            Refusal::Memory => detailed(
                Code::ResourceExhausted,
                "MEMORY_USED",
                "images and setups hold too many bytes, those of this caller or all",
                Some(RETRY),
            ),
            Refusal::Streams(limit) => detailed(
                Code::ResourceExhausted,
                "TOO_MANY_STREAMS",
                &format!(
                    "Differentiate streams are set up already: all {limit} or half of them by this caller"
                ),
                Some(RETRY_LOADING),
            ),
            Refusal::Silent(limit) => detailed(
                Code::DeadlineExceeded,
                "STREAM_IDLE",
                &format!("the stream is idle: no message came for {limit:?}"),
                None,
            ),
            Refusal::Unread(limit) => detailed(
                Code::DeadlineExceeded,
                "STREAM_UNREAD",
                &format!("a reply was not read for {limit:?}"),
                None,
            ),
            Refusal::Internal(message) => {
                tracing::error!("{message}");
                detailed(Code::Internal, "INTERNAL", message, None)
            }
            Refusal::Broken(status) => status,
        }
    }
}

/// Checks that the network is the one that a field of a request names, if it names one.
///
/// # Errors
/// [`Refusal::OtherNetwork`].
pub(super) fn check_network(
    info: &ModelInfo,
    field: &'static str,
    digest: &str,
) -> Result<(), Refusal> {
    if digest.is_empty() || digest == info.digest {
        return Ok(());
    }
    Err(Refusal::OtherNetwork {
        field,
        expected: digest.into(),
        served: info.digest.clone(),
    })
}

/// What is wrong with an item, by the status that [`of_item`] made.
pub(super) fn wrong_with(item: &rpc::Status) -> Violations {
    let details = item.encode_to_vec().into();
    let status = Status::with_details(Code::from_i32(item.code), &item.message, details);
    let mut violations = Violations::new();
    let details = status.get_error_details();
    for violation in details
        .bad_request()
        .iter()
        .flat_map(|bad| &bad.field_violations)
    {
        violations.add(&violation.field, &violation.description);
    }
    violations
}

/// The status of one item of a request that is otherwise answered.
pub(super) fn of_item(wrong: Violations) -> rpc::Status {
    let status = wrong.into_status();
    // The details of a status are the same message, encoded.
    rpc::Status::decode(status.details()).unwrap_or_else(|_| rpc::Status {
        code: status.code().into(),
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}

fn engine(error: &EngineError) -> Status {
    let (code, reason, retry) = match error {
        EngineError::Full { .. } => (Code::ResourceExhausted, "QUEUE_FULL", Some(RETRY)),
        EngineError::Share { .. } => (Code::ResourceExhausted, "SHARE_USED", Some(RETRY)),
        EngineError::Late { .. } => (Code::ResourceExhausted, "TOO_LATE", Some(RETRY)),
        EngineError::Expired => (Code::DeadlineExceeded, "DEADLINE_EXCEEDED", None),
        EngineError::Loading => (Code::Unavailable, "MODEL_LOADING", Some(RETRY_LOADING)),
        EngineError::Stopped => (Code::Unavailable, "MODEL_STOPPED", Some(RETRY_LOADING)),
        EngineError::Model(_) => (Code::Internal, "MODEL_FAILED", None),
    };
    if code == Code::Internal {
        tracing::error!("{error}");
    }
    detailed(code, reason, &error.to_string(), retry)
}

//! Errors of calls, worded so that a person can act on them.

use std::{error::Error, fmt, io, sync::Arc, time::Duration};

use tonic::{Code, Status, TimeoutExpired};
use tonic_types::StatusExt;

/// The reason that a classifier gives when a request names another network.
const OTHER_NETWORK: &str = "OTHER_NETWORK";

/// Why a call failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL is not valid for a service.
    #[error("bad service URL {url:?}: {reason}")]
    Url {
        /// The URL as given.
        url: String,
        /// Why it is not valid.
        reason: String,
    },
    /// No service answers there, or the connection broke.
    #[error("cannot reach the service at {url}: {reason}")]
    Unreachable {
        /// Where the service was expected.
        url: String,
        /// Cause, from the operating system where there is one.
        reason: String,
    },
    /// The service answered with an error.
    #[error(transparent)]
    Rejected(Arc<Rejection>),
    /// The service did not answer within the client's deadline.
    #[error("the service at {url} did not answer within {} s", limit.as_secs_f64())]
    Deadline {
        /// The service.
        url: String,
        /// How long the client waited.
        limit: Duration,
    },
    /// The service broke the contract, or the stream was used after it had ended.
    #[error("unexpected answer from the service at {url}: {reason}")]
    Protocol {
        /// The service.
        url: String,
        /// What was expected and what came.
        reason: String,
    },
}

/// An error that a service answered with.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// gRPC code.
    pub code: Code,
    /// Why, in one word for programs (google.rpc.ErrorInfo); empty if the service does not say.
    pub reason: String,
    /// Message of the service.
    pub message: String,
    /// The invalid fields of the request (google.rpc.BadRequest).
    pub violations: Vec<Violation>,
    /// When to retry (google.rpc.RetryInfo).
    pub retry_after: Option<Duration>,
}

/// An invalid field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `attributes[0].name`.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

impl ClientError {
    /// The gRPC code of the error.
    pub fn code(&self) -> Code {
        match self {
            Self::Url { .. } => Code::InvalidArgument,
            Self::Unreachable { .. } => Code::Unavailable,
            Self::Rejected(rejection) => rejection.code,
            Self::Deadline { .. } => Code::DeadlineExceeded,
            Self::Protocol { .. } => Code::Internal,
        }
    }

    /// The invalid fields of the request; empty for other errors.
    pub fn violations(&self) -> &[Violation] {
        match self {
            Self::Rejected(rejection) => &rejection.violations,
            _ => &[],
        }
    }

    /// How long the service asks to wait before a retry.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rejected(rejection) => rejection.retry_after,
            _ => None,
        }
    }

    /// Whether the same call may succeed elsewhere or later: the service was lost, is stopping or overloaded, or ended
    /// the call early. True of calls that are safe to repeat, as all of these services are.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Deadline { .. } => true,
            Self::Rejected(rejection) => matches!(
                rejection.code,
                Code::Unavailable
                    | Code::ResourceExhausted
                    | Code::Aborted
                    | Code::Cancelled
                    | Code::DeadlineExceeded
            ),
            Self::Url { .. } | Self::Protocol { .. } => false,
        }
    }

    /// Whether a replica with another network than the request names has answered. Behind a balancer the next replica
    /// may have the right one.
    pub(crate) fn is_of_another_network(&self) -> bool {
        matches!(self, Self::Rejected(rejection) if rejection.reason == OTHER_NETWORK)
    }

    /// Reads a status. One with a source was made by the connection on this side of the wire, not by the service.
    pub(crate) fn from_status(url: &str, status: &Status) -> Self {
        if let Some(source) = status.source()
            && matches!(
                status.code(),
                Code::Unknown | Code::Internal | Code::Unavailable | Code::Cancelled
            )
        {
            return Self::from_transport(url, source);
        }
        let details = status.get_error_details();
        let violations = details
            .bad_request()
            .into_iter()
            .flat_map(|bad| &bad.field_violations);
        Self::Rejected(Arc::new(Rejection {
            code: status.code(),
            reason: details
                .error_info()
                .map(|info| info.reason.clone())
                .unwrap_or_default(),
            message: status.message().to_owned(),
            violations: violations
                .map(|violation| Violation {
                    field: violation.field.clone(),
                    description: violation.description.clone(),
                })
                .collect(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }))
    }

    fn from_transport(url: &str, source: &(dyn Error + 'static)) -> Self {
        let chain = || {
            std::iter::successors(Some(source), |error: &&(dyn Error + 'static)| {
                (*error).source()
            })
        };
        let url = url.to_owned();
        if chain().any(|error| error.is::<TimeoutExpired>()) {
            let reason = "connecting timed out".to_owned();
            return Self::Unreachable { url, reason };
        }
        let refused = |error: &(dyn Error + 'static)| {
            error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        };
        let reason = if chain().any(refused) {
            "connection refused; is it running?".to_owned()
        } else {
            // The last cause is the most specific; the others only wrap it.
            chain().last().unwrap_or(source).to_string()
        };
        Self::Unreachable { url, reason }
    }
}

impl fmt::Display for Rejection {
    /// The message, then one line per violation that the message does not contain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.as_str() {
            "" => f.write_str(self.code.description())?,
            message => f.write_str(message)?,
        }
        for violation in &self.violations {
            if !self.message.contains(&violation.description) {
                write!(f, "\n  {}: {}", violation.field, violation.description)?;
            }
        }
        Ok(())
    }
}

impl Error for Rejection {}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn details_survive_the_wire() {
        let mut details =
            ErrorDetails::with_bad_request_violation("layers[0]", "no layer \"conv9_9\"");
        details.set_retry_info(Some(Duration::from_millis(250)));
        let status = Status::with_error_details(Code::InvalidArgument, "bad request", details);
        let error = ClientError::from_status("http://localhost:1", &status);
        assert_eq!(error.code(), Code::InvalidArgument);
        assert_eq!(error.violations()[0].field, "layers[0]");
        assert_eq!(error.retry_after(), Some(Duration::from_millis(250)));
        assert_eq!(
            error.to_string(),
            "bad request\n  layers[0]: no layer \"conv9_9\""
        );
    }

    #[test]
    fn a_status_of_the_service_is_not_taken_for_a_broken_connection() {
        let error =
            ClientError::from_status("http://localhost:1", &Status::unavailable("draining"));
        assert!(matches!(error, ClientError::Rejected(_)));
        assert_eq!(error.to_string(), "draining");
    }
}

//! Statuses with details for programs, so that no client has to parse text.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every `google.rpc.ErrorInfo` of this project.
pub const DOMAIN: &str = "deepface.v1";

/// A status with `google.rpc.ErrorInfo` (its `reason` is an upper-case constant) and, where trying again later can
/// help, `google.rpc.RetryInfo`.
pub fn detailed(code: Code, reason: &str, message: &str, retry: Option<Duration>) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    if retry.is_some() {
        details.set_retry_info(retry);
    }
    Status::with_error_details(code, message, details)
}

//! When the reply to a request is due.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::{detailed, quote};

/// The header in which a client says how long it will wait.
const GRPC_TIMEOUT: &str = "grpc-timeout";

/// The moment after which the client no longer waits. It holds for a whole stream, not only for the response headers.
///
/// The server puts it into the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline this far ahead.
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// The deadline that the server gave to this request, or `default` from now for a request that did not come
    /// through a server.
    pub fn of<T>(request: &tonic::Request<T>, default: Duration) -> Self {
        let known = request.extensions().get::<Self>().copied();
        known.unwrap_or_else(|| Self::after(default))
    }

    /// The moment itself.
    pub fn at(self) -> Instant {
        self.0
    }

    /// Whether it has passed.
    pub fn passed(self) -> bool {
        Instant::now() >= self.0
    }

    /// The client's deadline, at most `max` from now; `None` where there is neither.
    ///
    /// # Errors
    /// The client sent a deadline that is malformed: it would wait for something else than it gets.
    pub(crate) fn from_headers(
        headers: &HeaderMap,
        max: Option<Duration>,
    ) -> Result<Option<Self>, Malformed> {
        let asked = headers.get(GRPC_TIMEOUT);
        let asked = asked.map(|value| {
            let time = value.to_str().ok().and_then(parse);
            time.ok_or_else(|| Malformed(String::from_utf8_lossy(value.as_bytes()).into_owned()))
        });
        let time = match (asked.transpose()?, max) {
            (Some(asked), Some(max)) => Some(asked.min(max)),
            (asked, max) => asked.or(max),
        };
        Ok(time.map(Self::after))
    }
}

/// A `grpc-timeout` that is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed(String);

impl Malformed {
    /// The answer to such a call.
    pub(crate) fn status(&self) -> Status {
        let message = format!(
            "{GRPC_TIMEOUT}: expected at most 8 digits and one of H, M, S, m, u, n, got {}",
            quote(&self.0)
        );
        detailed(Code::InvalidArgument, "MALFORMED_TIMEOUT", &message, None)
    }
}

/// Reads `TimeoutValue TimeoutUnit`: at most 8 digits and one of `HMSmun` (gRPC over HTTP/2).
fn parse(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let digits = text.strip_suffix(unit)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        'H' => Some(Duration::from_secs(value * 3600)),
        'M' => Some(Duration::from_secs(value * 60)),
        'S' => Some(Duration::from_secs(value)),
        'm' => Some(Duration::from_millis(value)),
        'u' => Some(Duration::from_micros(value)),
        'n' => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_parsed_as_specified() {
        for (text, time) in [
            ("2H", Duration::from_secs(7200)),
            ("3M", Duration::from_secs(180)),
            ("42S", Duration::from_secs(42)),
            ("99999999m", Duration::from_millis(99_999_999)),
            ("5u", Duration::from_micros(5)),
            ("0n", Duration::ZERO),
        ] {
            assert_eq!(parse(text), Some(time), "{text}");
        }
        for text in [
            "",
            "S",
            "12",
            "123456789S",
            "+1S",
            "-1S",
            "1s",
            "1.5S",
            "1é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn the_earlier_of_client_and_server_counts() {
        let mut headers = HeaderMap::new();
        let in_seconds = |h: &HeaderMap, max: Option<u64>| {
            let deadline = Deadline::from_headers(h, max.map(Duration::from_secs));
            deadline
                .unwrap()
                .map(|d| (d.at() - Instant::now()).as_secs_f64().round() as u64)
        };
        assert_eq!(in_seconds(&headers, None), None);
        assert_eq!(in_seconds(&headers, Some(9)), Some(9));
        headers.insert(GRPC_TIMEOUT, "5S".parse().unwrap());
        assert_eq!(in_seconds(&headers, None), Some(5));
        assert_eq!(in_seconds(&headers, Some(9)), Some(5));
        assert_eq!(in_seconds(&headers, Some(3)), Some(3));
        headers.insert(GRPC_TIMEOUT, "soon".parse().unwrap());
        let malformed = Deadline::from_headers(&headers, None).unwrap_err();
        assert!(malformed.status().message().ends_with("got \"soon\""));
    }
}

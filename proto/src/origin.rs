//! What travels with a call from service to service, so that the logs and traces of all of them can be joined.

use tonic::codegen::http::{HeaderMap, HeaderName, HeaderValue};
use tonic::metadata::MetadataMap;

/// The header of the id that names a call in every log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The headers of the trace that a call belongs to (W3C Trace Context).
const TRACE: [HeaderName; 2] = [
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];
/// Longest id to accept, in bytes.
const LONGEST_ID: usize = 64;
/// Longest trace header to pass on, in bytes; `tracestate` may have 512.
const LONGEST_TRACE: usize = 512;

/// Names the work that a call is made for: the id of the request, and the trace that it belongs to.
///
/// A service gives every request one. A client sends it along with [`Origin::write`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    id: Option<HeaderValue>,
    trace: [Option<HeaderValue>; 2],
}

impl Origin {
    /// An origin of this id: 1 to 64 letters, digits, `-`, `_` or `.`. `None` for any other.
    pub fn of(id: &str) -> Option<Self> {
        let id = HeaderValue::from_str(id).ok().filter(|id| is_id(id))?;
        Some(Self {
            id: Some(id),
            ..Self::default()
        })
    }

    /// The origin that the headers of a request name. An id that is too long, or that a log could not show as it is,
    /// is ignored.
    pub fn received(headers: &HeaderMap) -> Self {
        let short = |value: &&HeaderValue| value.len() <= LONGEST_TRACE;
        Self {
            id: headers.get(REQUEST_ID).filter(|id| is_id(id)).cloned(),
            trace: TRACE.map(|name| headers.get(name).filter(short).cloned()),
        }
    }

    /// The same with the id of another where this one has none.
    #[must_use]
    pub fn or(self, other: impl FnOnce() -> Option<Self>) -> Self {
        let id = self.id.or_else(|| other().and_then(|o| o.id));
        Self { id, ..self }
    }

    /// The id of the request.
    pub fn id(&self) -> Option<&str> {
        self.id.as_ref().and_then(|id| id.to_str().ok())
    }

    /// Adds the headers of this origin to those of a request or a reply.
    pub fn write(&self, metadata: &mut MetadataMap) {
        let headers = std::mem::take(metadata);
        let mut headers = headers.into_headers();
        self.write_id(&mut headers);
        for (name, value) in TRACE.into_iter().zip(&self.trace) {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
        *metadata = MetadataMap::from_headers(headers);
    }

    /// Adds the header with the id.
    pub fn write_id(&self, headers: &mut HeaderMap) {
        if let Some(id) = &self.id {
            headers.insert(REQUEST_ID, id.clone());
        }
    }
}

fn is_id(value: impl AsRef<[u8]>) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.".contains(b);
    let bytes = value.as_ref();
    (1..=LONGEST_ID).contains(&bytes.len()) && bytes.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_received_is_sent_on() {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static("order-7.a_b"));
        headers.insert(TRACE[0].clone(), HeaderValue::from_static("00-1-2-01"));
        let origin = Origin::received(&headers);
        assert_eq!(origin.id(), Some("order-7.a_b"));
        let mut sent = MetadataMap::new();
        sent.insert("grpc-timeout", "1S".parse().unwrap());
        origin.write(&mut sent);
        assert_eq!(sent.get("x-request-id").unwrap(), "order-7.a_b");
        assert_eq!(sent.get("traceparent").unwrap(), "00-1-2-01");
        assert_eq!(sent.len(), 3);
    }

    #[test]
    fn an_id_that_could_spoil_a_log_is_ignored() {
        let long = "x".repeat(LONGEST_ID + 1);
        for id in ["", "a b", "a\tb", "\"", "é", &long] {
            assert_eq!(Origin::of(id), None, "{id}");
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(id.as_bytes()).unwrap());
            let given = Origin::received(&headers).or(|| Origin::of("other"));
            assert_eq!(given.id(), Some("other"), "{id}");
        }
    }
}

//! One call, from its headers to its end, and the log line about it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use deepface_proto::{Origin, Scope};
use http::HeaderMap;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tracing::Span;

use super::metrics::{CALLS, method};

/// Messages and bytes in one direction.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Flow {
    pub(crate) fn add(&self, messages: u64, bytes: usize) {
        self.messages.fetch_add(messages, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn get(&self) -> [u64; 2] {
        [&self.messages, &self.bytes].map(|n| n.load(Ordering::Relaxed))
    }
}

/// Messages and bytes in both directions.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) received: Flow,
    pub(super) sent: Flow,
}

/// An open call. Dropping it ends the call: where no status was sent, the client has gone.
#[derive(Debug)]
pub(super) struct Call {
    /// The path of a known method, else `other`.
    pub(super) method: &'static str,
    /// Whether the server itself answers, as for health checks.
    pub(super) quiet: bool,
    pub(super) peer: Option<SocketAddr>,
    pub(super) origin: Origin,
    pub(super) traffic: Arc<Traffic>,
    pub(super) span: Span,
    pub(super) began: Instant,
    /// The status that was sent, and the reason in its details.
    pub(super) end: Option<(Code, String)>,
}

impl Call {
    /// Counts the call as open.
    pub(super) fn opened(self) -> Self {
        CALLS.open.get_or_create(&method(self.method)).inc();
        self
    }

    /// Reads the status from the trailers of a reply, or from headers that are the whole reply.
    pub(super) fn ended_with(&mut self, headers: &HeaderMap) {
        let Some(status) = Status::from_header_map(headers) else {
            return;
        };
        let reason = match status.code() {
            Code::Ok => String::new(),
            _ => reason(&status).unwrap_or_default(),
        };
        self.end = Some((status.code(), reason));
    }

    /// Counts an ended call. A reason comes from this program, never from a caller, so there are only a few.
    fn count(&self, code: Code, reason: String) {
        let label = method(self.method);
        CALLS.open.get_or_create(&label).dec();
        let labels = [label[0].clone(), ("status", name(code).into())];
        let seconds = self.began.elapsed().as_secs_f64();
        CALLS.seconds.get_or_create(&labels).observe(seconds);
        let [_, received] = self.traffic.received.get();
        CALLS.received.get_or_create(&label).inc_by(received);
        let [_, sent] = self.traffic.sent.get();
        CALLS.sent.get_or_create(&label).inc_by(sent);
        if !reason.is_empty() {
            let label = [("reason", reason.into())];
            CALLS.refusals.get_or_create(&label).inc();
        }
    }

    fn log(&self, code: Code, reason: &str) {
        let id = self.origin.id().unwrap_or_default();
        let peer = self.peer.map(tracing::field::display);
        let seconds = self.began.elapsed().as_secs_f64();
        let [messages_in, bytes_in] = self.traffic.received.get();
        let [messages_out, bytes_out] = self.traffic.sent.get();
        let (method, status) = (self.method, name(code));
        let reason = (!reason.is_empty()).then_some(reason);
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    parent: None, id, peer, method, status, reason, seconds,
                    messages_in, bytes_in, messages_out, bytes_out, "call"
                )
            };
        }
        // Others look at what a service is every second; it is news only when that fails.
        let reads = code == Code::Ok && Scope::of(self.method) == Scope::Read;
        match self.quiet || reads {
            true => line!(debug),
            false => line!(info),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let (code, reason) = self.end.take().unwrap_or((Code::Cancelled, String::new()));
        let outcome = if code == Code::Ok { "OK" } else { "ERROR" };
        self.span.record("otel.status_code", outcome);
        self.span.record("rpc.grpc.status_code", i32::from(code));
        self.log(code, &reason);
        self.count(code, reason);
    }
}

/// The reason that a service of ours puts into the details of a status.
fn reason(status: &Status) -> Option<String> {
    let details = status.get_details_error_info()?;
    (details.domain == crate::DOMAIN).then_some(details.reason)
}

/// The name of a code as the specification writes it: `NOT_FOUND`.
pub(super) fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

//! The metrics of calls.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::metrics::{self, Counters, Gauges, Histograms, Labels, SECONDS};

/// The metrics of calls.
pub(super) struct CallMetrics {
    /// Calls by method and status.
    pub(super) seconds: Histograms<2>,
    /// Open calls by method.
    pub(super) open: Gauges<1>,
    /// Bytes of requests by method.
    pub(super) received: Counters<1>,
    /// Bytes of replies by method.
    pub(super) sent: Counters<1>,
    /// Calls without a result, by the reason in the details of their status.
    pub(super) refusals: Counters<1>,
}

pub(super) static CALLS: LazyLock<CallMetrics> = LazyLock::new(|| CallMetrics {
    seconds: metrics::histograms(
        "deepface_call_seconds",
        "Duration of calls, by method and gRPC status",
        SECONDS,
    ),
    open: metrics::gauges("deepface_calls_in_flight", "Open calls, by method"),
    received: metrics::counters(
        "deepface_received_bytes",
        "Bytes of request messages, by method",
    ),
    sent: metrics::counters("deepface_sent_bytes", "Bytes of reply messages, by method"),
    refusals: metrics::counters(
        "deepface_refusals",
        "Calls that ended with an error, by the reason in its details",
    ),
});

/// The label of a method.
pub(super) fn method(path: &'static str) -> Labels<1> {
    [("method", Cow::Borrowed(path))]
}

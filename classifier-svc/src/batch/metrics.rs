//! What the queue and the model thread count.

use std::sync::LazyLock;

use deepface_serve::metrics::{self, Counters, Gauges, Histograms, SECONDS, SIZES};

use super::lane::Lane;

/// The metrics of the queue and of the model thread.
pub(super) struct EngineMetrics {
    /// Wait before the network, by lane.
    pub(super) queued: Histograms<1>,
    /// Images that wait, by lane.
    pub(super) depth: Gauges<1>,
    /// Images of each call of the network.
    pub(super) batch: Histograms<0>,
    /// Duration of each call of the network, by kind.
    pub(super) computed: Histograms<1>,
    /// Entries that were dropped before they were computed, because they would come too late.
    pub(super) expired: Counters<1>,
    /// The same, because their caller went away.
    pub(super) cancelled: Counters<1>,
}

pub(super) static ENGINE: LazyLock<EngineMetrics> = LazyLock::new(|| {
    let metrics = registered();
    // From the start, so that a rate exists before the first event.
    for lane in Lane::ALL {
        let lane = [("lane", lane.name().into())];
        drop(metrics.depth.get_or_create(&lane));
        drop(metrics.expired.get_or_create(&lane));
        drop(metrics.cancelled.get_or_create(&lane));
    }
    metrics
});

fn registered() -> EngineMetrics {
    EngineMetrics {
        queued: metrics::histograms(
            "deepface_queue_seconds",
            "Wait in the queue before the network, by lane",
            SECONDS,
        ),
        depth: metrics::gauges(
            "deepface_queue_depth",
            "Images that wait for the network, by lane",
        ),
        batch: metrics::histograms(
            "deepface_batch_size",
            "Images in one call of the network",
            SIZES,
        ),
        computed: metrics::histograms(
            "deepface_compute_seconds",
            "Duration of one call of the network, by kind",
            SECONDS,
        ),
        expired: metrics::counters(
            "deepface_expired",
            "Work that was dropped from the queue because it would come too late, by lane",
        ),
        cancelled: metrics::counters(
            "deepface_cancelled",
            "Work that was dropped from the queue because its caller had gone, by lane",
        ),
    }
}

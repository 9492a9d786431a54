//! What the generator counts for Prometheus.

use std::sync::LazyLock;

use deepface_serve::metrics::{self, Counter, Counters, Gauge, Gauges};

/// The metrics of the generator.
pub(crate) struct GeneratorMetrics {
    /// Steps of all descents.
    pub(crate) steps: Counter,
    /// Streams to the classifier that were opened again.
    pub(crate) reopened: Counter,
    /// Descents that continued after the step of a resume token.
    pub(crate) continued: Counter,
    /// Open sessions.
    sessions: Gauge,
    /// The statistics that are served.
    statistics: Gauges<2>,
}

pub(crate) static GENERATOR: LazyLock<GeneratorMetrics> = LazyLock::new(|| {
    let steps: Counters<0> = metrics::counters("deepface_steps", "Steps of all descents");
    let sessions: Gauges<0> = metrics::gauges("deepface_sessions", "Faces that are being made");
    let resumes: Counters<1> = metrics::counters(
        "deepface_resumes",
        "Faces that outlasted a fault: of the classifier, or of the stream to the client",
    );
    let counter = |of: &'static str| resumes.get_or_create_owned(&[("of", of.into())]);
    GeneratorMetrics {
        reopened: counter("classifier"),
        continued: counter("client"),
        steps: steps.get_or_create_owned(&[]),
        sessions: sessions.get_or_create_owned(&[]),
        statistics: metrics::gauges(
            "deepface_statistics_info",
            "The statistics that are served: 1, with their digest and that of the network they are for",
        ),
    }
});

/// Reports the statistics that are served.
pub(crate) fn ready(digest: &str, classifier_digest: &str) {
    let labels = [
        ("digest", digest.to_owned().into()),
        ("classifier_digest", classifier_digest.to_owned().into()),
    ];
    GENERATOR.statistics.get_or_create(&labels).set(1);
}

/// A session, counted while it lives.
pub(crate) struct OpenSession;

impl OpenSession {
    pub(crate) fn new() -> Self {
        GENERATOR.sessions.inc();
        Self
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        GENERATOR.sessions.dec();
    }
}

//! What the service says of its model and of its decoders to Prometheus.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use deepface_network::ModelInfo;
use deepface_serve::metrics::{self, Gauges, Histograms, SECONDS};

static MODEL: LazyLock<Gauges<3>> = LazyLock::new(|| {
    metrics::gauges(
        "deepface_model_info",
        "The model that is served: 1, with its name, the digest of its weights, and its device",
    )
});

static DECODED: LazyLock<Histograms<0>> = LazyLock::new(|| {
    metrics::histograms(
        "deepface_decode_seconds",
        "Duration of decoding one image and of finding its faces",
        SECONDS,
    )
});

/// Measures how long the faces of one image take.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = work();
    let took = began.elapsed();
    DECODED.get_or_create(&[]).observe(took.as_secs_f64());
    (done, took)
}

/// Reports the model that is served from now on.
pub(crate) fn model(info: &ModelInfo) {
    let labels = [
        ("name", info.name.to_string().into()),
        ("digest", info.digest.to_string().into()),
        ("device", info.device.to_string().into()),
    ];
    MODEL.get_or_create(&labels).set(1);
}

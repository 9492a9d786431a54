//! Metrics for Prometheus: one registry for the process, and a port of their own where they are read.
//!
//! Each crate owns its metrics and registers them here, by [`counters`], [`gauges`] and [`histograms`].

mod listener;
mod process;

use std::borrow::Cow;
use std::sync::{LazyLock, Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
pub use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
pub use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

pub(crate) use listener::start;

/// Names and values of the labels of a metric. The values must come from a bounded set, never from a caller.
pub type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];
/// Counters that differ by their labels.
pub type Counters<const N: usize> = Family<Labels<N>, Counter>;
/// Gauges that differ by their labels.
pub type Gauges<const N: usize> = Family<Labels<N>, Gauge>;
/// Histograms that differ by their labels.
pub type Histograms<const N: usize> = Family<Labels<N>, Histogram, Buckets>;

/// Upper bounds of buckets for seconds, from a step of the smallest network to a long stream.
pub const SECONDS: Buckets = Buckets(&[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
    600.0,
]);
/// Upper bounds of buckets for numbers of images.
pub const SIZES: Buckets = Buckets(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]);

/// Upper bounds of the buckets of a histogram.
#[derive(Clone, Copy, Debug)]
pub struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(|| {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(process::Process));
    Mutex::new(registry)
});

/// Registers counters; `_total` is appended to the name. Call it once for each name.
pub fn counters<const N: usize>(name: &str, help: &str) -> Counters<N> {
    registered(name, help, Family::default())
}

/// Registers gauges. Call it once for each name.
pub fn gauges<const N: usize>(name: &str, help: &str) -> Gauges<N> {
    registered(name, help, Family::default())
}

/// Registers histograms. Call it once for each name.
pub fn histograms<const N: usize>(name: &str, help: &str, buckets: Buckets) -> Histograms<N> {
    registered(name, help, Family::new_with_constructor(buckets))
}

fn registered<M: Metric + Clone>(name: &str, help: &str, metric: M) -> M {
    let mut registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    registry.register(name, help, metric.clone());
    metric
}

/// All metrics, in the text format of OpenMetrics.
fn text() -> String {
    let registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = encode(&mut text, &registry);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown_with_its_labels() {
        let counters = counters::<1>("test_things", "Things");
        counters.get_or_create(&[("kind", "a".into())]).inc();
        let histograms = histograms::<0>("test_seconds", "Time", SECONDS);
        histograms.get_or_create(&[]).observe(0.003);
        let text = text();
        for line in [
            "# HELP test_things Things.",
            "# TYPE test_things counter",
            "test_things_total{kind=\"a\"} 1",
            "test_seconds_bucket{le=\"0.0025\"} 0",
            "test_seconds_bucket{le=\"0.005\"} 1",
            "test_seconds_count 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}: {text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}

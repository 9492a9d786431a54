//! Traces go to an OpenTelemetry collector, by OTLP over gRPC. Spans that it does not take in time are dropped.

use std::sync::OnceLock;
use std::time::Duration;

use http::HeaderMap;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Runtime;
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// How long the end of the process may wait for the last spans.
const LAST_SPANS: Duration = Duration::from_secs(2);
/// How long the collector may take for some spans.
const EXPORT: Duration = Duration::from_secs(10);
/// The crates whose spans are sent: those of other libraries would be many and say little.
const OURS: [&str; 3] = ["deepface", "classifier_svc", "generator_svc"];

/// What sends the spans. It has a runtime of its own, which outlives that of the program.
struct Sender {
    provider: SdkTracerProvider,
    _runtime: Runtime,
}

static SENDER: OnceLock<Sender> = OnceLock::new();

/// Checks the URL of a collector.
///
/// # Errors
/// It is not `http://HOST:PORT`.
pub(crate) fn collector(url: &str) -> Result<String, String> {
    let uri: http::Uri = url.parse().map_err(|e| format!("{e}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some(_)) => Ok(url.to_owned()),
        _ => Err("expected http://HOST:PORT".to_owned()),
    }
}

/// The layer that sends spans of our crates to the collector at this URL.
///
/// # Errors
/// Nothing can be sent there.
pub(crate) fn layer<S>(url: &str) -> Result<impl Layer<S> + Send + Sync, String>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let sender = Sender::to(url)?;
    let tracer = sender.provider.tracer("deepface");
    if SENDER.set(sender).is_err() {
        return Err("traces are sent already".to_owned());
    }
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let ours = |metadata: &Metadata<'_>| {
        let target = metadata.target();
        metadata.is_span() && OURS.iter().any(|name| target.starts_with(name))
    };
    Ok(tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_filter(filter_fn(ours)))
}

impl Sender {
    fn to(url: &str) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("traces")
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        let within = runtime.enter();
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(url)
            .with_timeout(EXPORT)
            .build()
            .map_err(|e| e.to_string())?;
        let resource = Resource::builder();
        let resource = match std::env::var_os("OTEL_SERVICE_NAME") {
            Some(_) => resource,
            None => resource.with_service_name(program()),
        };
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        drop(within);
        Ok(Self {
            provider,
            _runtime: runtime,
        })
    }
}

/// The name of this program: `classifier-svc`.
fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let name = path.file_stem().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Makes a span part of the trace that the headers of a request name.
pub(crate) fn continue_trace(span: &Span, headers: &HeaderMap) {
    if SENDER.get().is_some() {
        let parent =
            opentelemetry::global::get_text_map_propagator(|p| p.extract(&Headers(headers)));
        // Fails only where the span is not sent anyway.
        let _ = span.set_parent(parent);
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// Waits shortly until the spans so far have been sent.
pub(crate) fn flush() {
    if let Some(sender) = SENDER.get() {
        // What the collector does not take is lost.
        let _ = sender.provider.shutdown_with_timeout(LAST_SPANS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_has_a_plain_url() {
        assert!(collector("http://localhost:4317").is_ok());
        for url in ["", "localhost:4317", "https://localhost:4317", "http://"] {
            assert!(collector(url).is_err(), "{url}");
        }
    }
}

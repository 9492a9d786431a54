//! Logs go to stderr, so that stdout carries only data. A log line never ends or delays the work: it is dropped where
//! stderr cannot take it.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::log_writer::LogWriter;
use crate::{LogFormat, ObserveSettings, traces};

/// How long the end of the process may wait for the last log lines.
const LAST_LINES: Duration = Duration::from_millis(500);

/// h2 warns about each hostile connection, and so would let strangers fill the log.
const QUIET: &str = "h2=error";

static WRITER: OnceLock<LogWriter> = OnceLock::new();

/// Sends logs to stderr: `default` (such as `info`) unless RUST_LOG says otherwise; and traces to a collector, if the
/// settings name one. Does nothing where a
/// subscriber is set already. Call [`flush_telemetry`] before the process ends.
pub fn init_telemetry(default: &str, settings: &ObserveSettings) {
    // Without a thread for it, the log is lost; the work is not.
    let Ok(writer) = LogWriter::start(io::stderr()) else {
        return;
    };
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("{default},{QUIET}")));
    let lines = lines(writer.clone(), settings.log_format).with_filter(filter);
    let traces = settings.otlp.as_deref().map(traces::layer).transpose();
    let (traces, problem) = match traces {
        Ok(traces) => (traces, None),
        Err(problem) => (None, Some(problem)),
    };
    let subscriber = tracing_subscriber::registry().with(lines).with(traces);
    // Fails only where a subscriber is set already, which then stays.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        let _ = WRITER.set(writer);
        if let Some(problem) = problem {
            tracing::warn!("no traces are sent: {problem}");
        }
    }
}

/// The layer that writes lines.
fn lines(writer: LogWriter, format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = fmt::layer()
        .with_writer(move || writer.clone())
        // Its report of a failure would be an `eprintln!`, which panics where stderr is closed.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    }
}

/// Waits shortly until the spans and the log lines so far have been sent and written. Later spans are lost.
pub fn flush_telemetry() {
    traces::flush();
    if let Some(writer) = WRITER.get() {
        writer.flush(LAST_LINES);
    }
}

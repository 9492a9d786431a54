//! Logs go to stderr, so that stdout carries only data. A log line never ends or delays the work: it is dropped where
//! stderr cannot take it.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::log_writer::LogWriter;
use crate::{LogFormat, ObserveSettings};

/// How long the end of the process may wait for the last log lines.
const LAST_LINES: Duration = Duration::from_millis(500);

/// h2 warns about each hostile connection, and so would let strangers fill the log.
const QUIET: &str = "h2=error";

static WRITER: OnceLock<LogWriter> = OnceLock::new();

/// Sends logs to stderr: `default` (such as `info`) unless RUST_LOG says otherwise. Does nothing where a
/// subscriber is set already. Call [`flush_telemetry`] before the process ends.
pub fn init_telemetry(default: &str, settings: &ObserveSettings) {
    // Without a thread for it, the log is lost; the work is not.
    let Ok(writer) = LogWriter::start(io::stderr()) else {
        return;
    };
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("{default},{QUIET}")));
    let lines = lines(writer.clone(), settings.log_format).with_filter(filter);
    let subscriber = tracing_subscriber::registry().with(lines);
    // Fails only where a subscriber is set already, which then stays.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        let _ = WRITER.set(writer);
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

/// Waits shortly until the log lines so far have been written.
pub fn flush_telemetry() {
    if let Some(writer) = WRITER.get() {
        writer.flush(LAST_LINES);
    }
}

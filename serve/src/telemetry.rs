//! Logs go to stderr, so that stdout carries only data.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Sends logs to stderr: `default` (such as `info`) unless RUST_LOG says otherwise. Does nothing where a
/// subscriber is set already.
pub fn init_telemetry(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .finish();
    // Fails only where a subscriber is set already, which then stays.
    tracing::subscriber::set_global_default(subscriber).ok();
}

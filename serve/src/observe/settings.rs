//! Flags of what an operator sees.

use std::net::SocketAddr;

use clap::ValueEnum;

use crate::traces;

/// The variable in which every OpenTelemetry program finds its collector.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for programs.
    Json,
}

/// What an operator sees of a service.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Observability")]
pub struct ObserveSettings {
    /// How log lines are written. Each call is one line at level info, health checks at debug.
    #[arg(
        long,
        env = "DEEPFACE_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    pub log_format: LogFormat,
    /// Address where Prometheus reads metrics, at /metrics. Default: none. Like --listen, other machines reach it only
    /// with --insecure.
    #[arg(long, env = "DEEPFACE_METRICS", value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
    /// Collector of OpenTelemetry traces, http://HOST:PORT, by OTLP over gRPC. Default: none.
    #[arg(long, env = ENDPOINT, value_name = "URL", value_parser = traces::collector)]
    pub otlp: Option<String>,
}

impl ObserveSettings {
    /// The settings of a program without flags for them: a collector that the environment names.
    pub fn from_environment() -> Self {
        Self {
            otlp: std::env::var(ENDPOINT).ok().filter(|url| !url.is_empty()),
            ..Self::default()
        }
    }
}

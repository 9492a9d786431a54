//! Flags and environment of `generator-svc serve`.

use std::path::PathBuf;

use deepface_serve::ServeSettings;

use crate::source::StatisticsSource;

const CLASSIFIER: &str = "http://127.0.0.1:50051";
const MAX_SESSIONS: u16 = 16;

/// How the generator is served.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// Statistics file that `generator-svc fit` wrote. Default: the one that is built in.
    #[arg(long, env = "DEEPFACE_CGMM", value_name = "FILE")]
    pub cgmm: Option<PathBuf>,
    /// The classifier service that gives the gradients. It need not be up yet.
    #[arg(long, env = "DEEPFACE_CLASSIFIER", value_name = "URL", default_value = CLASSIFIER)]
    pub classifier: String,
    /// Faces that are generated at once; requests beyond that are refused, and clients try again.
    #[arg(long, env = "DEEPFACE_MAX_SESSIONS", value_name = "N", default_value_t = MAX_SESSIONS,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_sessions: u16,
    /// How it listens.
    #[command(flatten)]
    pub serve: ServeSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cgmm: None,
            classifier: CLASSIFIER.into(),
            max_sessions: MAX_SESSIONS,
            serve: ServeSettings::default(),
        }
    }
}

impl Settings {
    /// The statistics to serve.
    pub fn statistics_source(&self) -> StatisticsSource {
        self.cgmm
            .clone()
            .map_or(StatisticsSource::Embedded, StatisticsSource::File)
    }
}

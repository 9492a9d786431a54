//! Flags and environment of `generator-svc serve`.

use std::path::PathBuf;

use deepface_serve::{ServeSettings, cores};

use crate::source::StatisticsSource;

const CLASSIFIER: &str = "http://127.0.0.1:50051";
const MAX_SESSIONS: u16 = 16;

/// How the generator is served.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// Statistics file that `generator-svc fit` wrote. Default: the built-in file.
    #[arg(long, env = "DEEPFACE_CGMM", value_name = "FILE")]
    pub cgmm: Option<PathBuf>,
    /// The classifier service that computes the gradients. It may start later.
    #[arg(long, env = "DEEPFACE_CLASSIFIER", value_name = "URL", default_value = CLASSIFIER)]
    pub classifier: String,
    /// Faces that are generated at once; further requests are refused, and clients try again.
    #[arg(long, env = "DEEPFACE_MAX_SESSIONS", value_name = "N", default_value_t = MAX_SESSIONS,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_sessions: u16,
    /// Threads for linear algebra and pictures. Default: one per core.
    #[arg(long, env = "DEEPFACE_THREADS", value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
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
            threads: None,
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

    /// Threads for linear algebra and pictures.
    pub(crate) fn threads(&self) -> usize {
        self.threads.map_or_else(cores, usize::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        settings: Settings,
    }

    #[test]
    fn no_flags_are_the_default_and_threads_are_bounded() {
        let parse = |args: &[&str]| {
            let args = std::iter::once("serve").chain(args.iter().copied());
            <Cli as clap::Parser>::try_parse_from(args).map(|c| c.settings)
        };
        let parsed = parse(&[]).unwrap();
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Settings::default()));
        assert!(parsed.threads() >= 1);
        assert_eq!(parse(&["--threads", "3"]).unwrap().threads(), 3);
        assert!(parse(&["--threads", "0"]).is_err());
    }
}

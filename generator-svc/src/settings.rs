//! Flags and environment of `generator-svc serve`.

use std::path::PathBuf;

use deepface_serve::{ServeSettings, cores};

pub use crate::access::ClassifierAccess;
use crate::source::StatisticsSource;

const CLASSIFIER: &str = "http://127.0.0.1:50051";
const PATIENCE: u32 = 60;
const MAX_SESSIONS: u16 = 16;
const MAX_WAITING: u16 = 64;
const MAX_WAIT: u32 = 120;

/// How the generator is served.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// Statistics file that `generator-svc fit` wrote. Default: the built-in file.
    #[arg(long, env = "DEEPFACE_CGMM", value_name = "FILE")]
    pub cgmm: Option<PathBuf>,
    /// The classifier service that computes the gradients. It may start later. Several replicas: again, or separated by
    /// commas; a host name may also stand for several.
    #[arg(long, env = "DEEPFACE_CLASSIFIER", value_name = "URL", default_value = CLASSIFIER, value_delimiter = ',')]
    pub classifier: Vec<String>,
    /// Seconds without any progress until a face that lost the classifier is given up.
    #[arg(long, env = "DEEPFACE_CLASSIFIER_PATIENCE_SECONDS", value_name = "S", default_value_t = PATIENCE)]
    pub classifier_patience_seconds: u32,
    /// What the classifier may ask of its clients.
    #[command(flatten)]
    pub access: ClassifierAccess,
    /// Faces that are generated at once; further requests wait.
    #[arg(long, env = "DEEPFACE_MAX_SESSIONS", value_name = "N", default_value_t = MAX_SESSIONS,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_sessions: u16,
    /// Requests that may wait for one of these places; further requests are refused, and clients try again.
    #[arg(long, env = "DEEPFACE_MAX_WAITING", value_name = "N", default_value_t = MAX_WAITING)]
    pub max_waiting: u16,
    /// Seconds that a request may wait for its place, within its deadline.
    #[arg(long, env = "DEEPFACE_MAX_WAIT_SECONDS", value_name = "S", default_value_t = MAX_WAIT)]
    pub max_wait_seconds: u32,
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
            classifier: vec![CLASSIFIER.into()],
            classifier_patience_seconds: PATIENCE,
            access: ClassifierAccess::default(),
            max_sessions: MAX_SESSIONS,
            max_waiting: MAX_WAITING,
            max_wait_seconds: MAX_WAIT,
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
        let several = [
            "--classifier",
            "http://a:1,http://b:1",
            "--classifier",
            "http://c:1",
        ];
        assert_eq!(parse(&several).unwrap().classifier.len(), 3);
        assert_eq!(parse(&["--threads", "3"]).unwrap().threads(), 3);
        assert!(parse(&["--threads", "0"]).is_err());
    }
}

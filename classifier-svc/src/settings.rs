//! Flags and environment of `classifier-svc serve`.

use std::path::PathBuf;

use deepface_serve::{ServeSettings, cores};

use crate::api::Limits;
use crate::batch::BatchSettings;
use crate::source::ModelSource;
use deepface_network::{DeviceChoice, Precision};

const QUEUE: u16 = 256;
const MAX_BATCH: u16 = 16;
const MAX_STREAMS: u16 = 64;

/// How the classifier is served.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// Weights file (safetensors). Default: the built-in model.
    #[arg(long, env = "DEEPFACE_MODEL", value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Where the network runs: cpu or cuda:N. CUDA needs a program built with the cuda feature.
    #[arg(long, env = "DEEPFACE_DEVICE", value_name = "DEVICE", default_value_t = DeviceChoice::Cpu)]
    pub device: DeviceChoice,
    /// Precision on a GPU. 16 bits take half the memory and less time; the CPU engine supports f32 only.
    #[arg(long, env = "DEEPFACE_DTYPE", value_name = "TYPE", value_enum, default_value_t = Precision::F32)]
    pub dtype: Precision,
    /// Threads for the network. Default: one per core.
    #[arg(long, env = "DEEPFACE_THREADS", value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Images that may wait or be computed at once; requests beyond that are refused, and clients try again. A larger
    /// queue refuses fewer requests but makes them wait longer.
    #[arg(long, env = "DEEPFACE_QUEUE", value_name = "N", default_value_t = QUEUE,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub queue: u16,
    /// Largest batch of images that are computed together. A larger one is faster under load, and takes more memory.
    #[arg(long, env = "DEEPFACE_MAX_BATCH", value_name = "N", default_value_t = MAX_BATCH,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_batch: u16,
    /// Differentiate streams that may be open at once.
    #[arg(long, env = "DEEPFACE_MAX_STREAMS", value_name = "N", default_value_t = MAX_STREAMS,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_streams: u16,
    /// How it listens.
    #[command(flatten)]
    pub serve: ServeSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: None,
            device: DeviceChoice::Cpu,
            dtype: Precision::F32,
            threads: None,
            queue: QUEUE,
            max_batch: MAX_BATCH,
            max_streams: MAX_STREAMS,
            serve: ServeSettings::default(),
        }
    }
}

impl Settings {
    /// The model to serve.
    pub fn model_source(&self) -> ModelSource {
        self.model
            .clone()
            .map_or(ModelSource::Embedded, ModelSource::File)
    }

    /// The device and the precision of the network.
    ///
    /// # Errors
    /// The device does not support the precision.
    pub fn device(&self) -> Result<DeviceChoice, String> {
        let device = self.device.with_precision(self.dtype);
        device.map_err(|problem| format!("--dtype: {problem}"))
    }

    /// Threads for the network.
    pub(crate) fn threads(&self) -> usize {
        self.threads.map_or_else(cores, usize::from)
    }

    /// The queue before the network.
    pub(crate) fn batch(&self) -> BatchSettings {
        BatchSettings {
            queue: self.queue.into(),
            // A request always fits.
            share: usize::from(self.queue / 2).max(self.limits().images),
            max_batch: self.max_batch.into(),
        }
    }

    /// The limits on one request: never more images than the queue takes.
    pub(crate) fn limits(&self) -> Limits {
        let limits = Limits::default();
        Limits {
            images: limits.images.min(self.queue.into()),
            streams: self.max_streams.into(),
            call: self.serve.max_call(),
            ..limits
        }
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

    fn parse(args: &[&str]) -> Result<Settings, clap::Error> {
        let args = std::iter::once("serve").chain(args.iter().copied());
        <Cli as clap::Parser>::try_parse_from(args).map(|c| c.settings)
    }

    #[test]
    fn no_flags_are_the_default() {
        let parsed = parse(&[]).unwrap();
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Settings::default()));
    }

    #[test]
    fn the_cpu_refuses_16_bits() {
        let device = |args: &[&str]| parse(args).unwrap().device();
        assert_eq!(device(&[]), Ok(DeviceChoice::Cpu));
        let said = device(&["--dtype", "bf16"]).unwrap_err();
        assert!(said.starts_with("--dtype: the CPU supports f32 only"));
        let gpu = device(&["--device", "cuda:1", "--dtype", "bf16"]);
        assert_eq!(gpu.unwrap().to_string(), "cuda:1 (bf16)");
    }

    #[test]
    fn a_request_always_fits_the_queue() {
        let settings = parse(&["--queue", "8"]).unwrap();
        assert_eq!(settings.limits().images, 8);
        assert_eq!(Settings::default().limits().images, 64);
        for flag in ["--queue", "--max-batch", "--threads", "--max-streams"] {
            assert!(parse(&[flag, "0"]).is_err(), "{flag}");
        }
    }
}

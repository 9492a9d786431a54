//! Arguments of `invert`.

use std::path::PathBuf;

use clap::Args;

use super::names::layer;
use super::{FramingArgs, InversionArgs, OutputArgs};

const AFTER_HELP: &str = "\
Examples:
  deepface invert portrait.jpg
  deepface invert portrait.jpg --layer fc6 --output fc6.png
  deepface invert --detect holidays.jpg
  deepface invert face.png --face --layer conv3_3 --parametrization pixels --sheet steps.png";

/// Arguments of `invert`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct InvertArgs {
    /// PNG or JPEG file, or - for standard input.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
    /// Layer to invert, conv1_1 to fc7: the higher, the less of the image it keeps. Default: conv4_3.
    #[arg(long, value_parser = layer(), hide_possible_values = true)]
    pub(crate) layer: Option<String>,
    /// Seed of the starting point.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) framing: FramingArgs,
    #[command(flatten)]
    pub(crate) inversion: InversionArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

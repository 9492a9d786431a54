use std::path::PathBuf;

use clap::Args;

use super::FramingArgs;

const AFTER_HELP: &str = "\
Examples:
  deepface classify portrait.jpg
  deepface classify --face male-smiling.png --all
  deepface classify --detect holidays/*.jpg
  deepface classify photographs/*.jpg --json > attributes.jsonl";

/// Arguments of `classify`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ClassifyArgs {
    /// PNG or JPEG files, or - for standard input.
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) framing: FramingArgs,
    /// Show every attribute, also those that the network does not see.
    #[arg(long)]
    pub(crate) all: bool,
    /// Decide so that presence is told as well as absence. Without it most decisions are right, but of a rare
    /// attribute few faces that have it are found.
    #[arg(long)]
    pub(crate) balanced: bool,
    /// Print one line of JSON per image: an object with "image", "attributes" (an object of probabilities by name)
    /// and "present" (an array of names). With --detect one per face, the largest first, with "face" (an object with
    /// "left", "top", "width" and "height" in pixels, and "score") and "faces" (how many the image has).
    #[arg(long)]
    pub(crate) json: bool,
}

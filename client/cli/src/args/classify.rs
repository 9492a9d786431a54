//! Arguments of `classify`.

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
    /// Show every attribute, even those that the network does not see.
    #[arg(long)]
    pub(crate) all: bool,
    /// Use thresholds that detect presence as reliably as absence. The default thresholds make most decisions right,
    /// but miss most faces with a rare attribute.
    #[arg(long)]
    pub(crate) balanced: bool,
    /// Print one line of JSON per image: an object with "image", "attributes" (an object of probabilities by name)
    /// and "present" (an array of names). With --detect, one line per face, the largest first, with "face" (an object
    /// with "left", "top", "width" and "height" in pixels, and "score") and "faces" (the number of faces in the image).
    #[arg(long)]
    pub(crate) json: bool,
}

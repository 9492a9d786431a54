//! Arguments of `classify`.

use std::path::PathBuf;

use clap::Args;

use super::FramingArgs;

const AFTER_HELP: &str = "\
Examples:
  deepface classify portrait.jpg
  deepface classify holidays/*.jpg --json > attributes.jsonl
  deepface classify party.jpg --only 2
  deepface classify --face male-smiling.png --all";

/// Arguments of `classify`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ClassifyArgs {
    /// Image files, or - for standard input.
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
    /// Print one line of JSON per face, the largest first: an object with "image", "attributes" (an object of
    /// probabilities by name), "present" (an array of names), "face" (an object with "left", "top", "width" and "height"
    /// in pixels, "score", and "roll" in degrees), "faces" (the number of faces found) and, if there are any, "warnings"
    /// (an array of objects with "kind" and "message"). With --aligned and --face, one line per image without "face" and
    /// "faces". An image without an answer has a line with "image" and "error".
    #[arg(long)]
    pub(crate) json: bool,
}

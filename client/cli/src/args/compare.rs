//! Arguments of `compare`.

use std::path::PathBuf;

use clap::Args;

use super::FramingArgs;

const AFTER_HELP: &str = "\
Examples:
  deepface compare one.jpg other.jpg
  deepface compare --face first.png second.png --json
  deepface compare --detect beach.jpg party.jpg

With --detect, the largest face of each is compared. 100 % means the same image; two strangers average about 0 %.";

/// Arguments of `compare`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CompareArgs {
    /// PNG or JPEG file, or - for standard input.
    #[arg(value_name = "IMAGE")]
    pub(crate) first: PathBuf,
    /// The image to compare it with.
    #[arg(value_name = "IMAGE")]
    pub(crate) second: PathBuf,
    #[command(flatten)]
    pub(crate) framing: FramingArgs,
    /// Print one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

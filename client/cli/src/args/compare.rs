//! Arguments of `compare`.

use std::path::PathBuf;

use clap::Args;

use super::FramingArgs;

const AFTER_HELP: &str = "\
Examples:
  deepface compare one.jpg other.jpg
  deepface compare group.jpg person.jpg
  deepface compare people.safetensors person.jpg --json
  deepface compare --face first.png second.png

All faces of one are compared with all of the other, and the most similar pair is shown. 100 % means the same image; two \
strangers average about 0 %. The built-in network describes attributes, so a stranger with the same attributes is alike too.";

/// Arguments of `compare`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CompareArgs {
    /// Image file, or a safetensors file of `activations --layer fc7`, or - for standard input.
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

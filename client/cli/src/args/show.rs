//! Arguments of `show`.

use std::path::PathBuf;

use clap::Args;

const AFTER_HELP: &str = "\
Examples:
  deepface show male-seed-0.png
  deepface show face.jpg --json

Pictures that `generate` and `invert` write as PNG, JPEG or WebP say in themselves what made them. \
`deepface generate --like FILE` makes a face again.";

/// Arguments of `show`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ShowArgs {
    /// Picture files, or - for standard input.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Print one line of JSON per file.
    #[arg(long)]
    pub(crate) json: bool,
}

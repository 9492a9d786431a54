//! Arguments of `attributes`.

use clap::Args;

const AFTER_HELP: &str = "\
Examples:
  deepface attributes
  deepface attributes --json";

/// Arguments of `attributes`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct AttributesArgs {
    /// Print one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

//! Arguments of `completions`.

use clap::Args;

const AFTER_HELP: &str = "\
Examples:
  deepface completions bash > ~/.local/share/bash-completion/completions/deepface
  deepface completions zsh > ~/.zfunc/_deepface";

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

use clap::Args;

/// How the face lies in an image.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct FramingArgs {
    /// The images are faces already, as `generate` writes them. Without it they are aligned photographs, and the
    /// central 64 % of each side is looked at.
    #[arg(long)]
    pub(crate) face: bool,
}

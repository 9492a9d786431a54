//! How the face lies in an image, for every command that takes images.

use clap::Args;
use deepface_client::v1;

/// How the face lies in an image.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct FramingArgs {
    /// The images are faces, as `generate` writes them. Without this flag they are aligned photographs, of which the
    /// central 64 % of each side is used.
    #[arg(long)]
    pub(crate) face: bool,
    /// Find the faces in any photographs. They should be upright, and at least 30 pixels and 1/32 of the longer side
    /// from forehead to chin.
    #[arg(long, conflicts_with = "face")]
    pub(crate) detect: bool,
}

impl From<FramingArgs> for v1::Framing {
    fn from(args: FramingArgs) -> Self {
        match (args.face, args.detect) {
            (true, _) => Self::Face,
            (false, true) => Self::Detect,
            (false, false) => Self::Aligned,
        }
    }
}

//! How the face lies in an image, for every command that takes images.

use clap::Args;
use deepface_client::v1;

/// How the face lies in an image. By default it is searched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct FramingArgs {
    /// Find the faces in any photographs, and rotate them upright. This is the default. Faces should be at least 30
    /// pixels and 1/32 of the longer side from forehead to chin.
    #[arg(long, conflicts_with_all = ["aligned", "face"])]
    pub(crate) detect: bool,
    /// The images are aligned photographs as in LFW deep-funneled: use the central 64 % of each side without searching.
    #[arg(long, conflicts_with = "face")]
    pub(crate) aligned: bool,
    /// The images are faces, as `generate` writes them: use all of each without searching.
    #[arg(long)]
    pub(crate) face: bool,
    /// Use only this face of each image, counted from 1, the largest first.
    #[arg(long, value_name = "N", conflicts_with_all = ["aligned", "face"], value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) only: Option<i32>,
}

impl FramingArgs {
    /// Whether faces are searched for.
    pub(crate) fn searches(self) -> bool {
        !self.aligned && !self.face
    }

    /// Says of an image where its face is.
    pub(crate) fn frame(self, mut image: v1::Image) -> v1::Image {
        let framing = match self {
            Self { face: true, .. } => v1::Framing::Face,
            Self { aligned: true, .. } => v1::Framing::Aligned,
            _ => v1::Framing::Detect,
        };
        image.framing = framing.into();
        image.face = self.only.map(|n| n - 1);
        image
    }
}

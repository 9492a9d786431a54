//! Arguments of `activations`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::FramingArgs;
use super::names::layer;

const AFTER_HELP: &str = "\
Examples:
  deepface activations portrait.jpg --layer fc7 --output fc7.safetensors
  deepface activations *.jpg --layer conv4_3 --layer fc6 --type f16 --output faces.safetensors

The file holds one tensor per layer, named after the layer, of shape [faces, ...]. Its metadata lists the image of each row \
(\"images\"), where its face was found (\"faces\"), and the digest of the network (\"model_digest\"). `compare` takes a \
file with fc7 in place of an image.";

/// Arguments of `activations`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ActivationsArgs {
    /// Image files, or - for standard input.
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<PathBuf>,
    /// Layer to write, such as conv4_3 or fc7; may be given more than once.
    #[arg(long = "layer", value_name = "LAYER", required = true, value_parser = layer(), hide_possible_values = true)]
    pub(crate) layers: Vec<String>,
    /// File of the activations, or - for standard output.
    #[arg(long, short, value_name = "FILE.safetensors")]
    pub(crate) output: PathBuf,
    /// Replace an existing file.
    #[arg(long)]
    pub(crate) force: bool,
    /// Element type.
    #[arg(long = "type", value_enum, default_value = "f32")]
    pub(crate) element: ElementType,
    #[command(flatten)]
    pub(crate) framing: FramingArgs,
    /// Use every face of each image, not only the largest.
    #[arg(long, conflicts_with_all = ["aligned", "face", "only"])]
    pub(crate) all_faces: bool,
}

/// The element types of activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ElementType {
    /// 4 bytes.
    F32,
    /// 2 bytes, IEEE 754.
    F16,
    /// 2 bytes, the upper half of an f32.
    Bf16,
}

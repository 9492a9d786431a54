//! The settings of an import.

use std::path::PathBuf;

use anyhow::ensure;

use crate::ChannelOrder;

/// Makes a weights file for `serve --model` from published weights of VGG-Face.
///
/// The content of FILE decides its format, and nothing in it is executed:
///
///   Caffe        .caffemodel                 VGG_FACE.caffemodel; bgr
///   MatConvNet   .mat, 5 to 7.3              vgg_face.mat; rgb, with its mean
///   Torch 7      .t7                         VGG_FACE.t7; state --channel-order bgr
///   Keras        .h5, .weights.h5, .keras    rcmalli_vggface_tf_vgg16.h5; state --channel-order bgr
///   PyTorch      .pth, .pt                   vgg_face_dag.pth; state --channel-order rgb
///   safetensors, NumPy .npz .npy .pkl        state --channel-order
///
/// PyTorch files may hold a state_dict, a checkpoint, a whole model or TorchScript.
/// Layers are found by the names that publishers use, or by order and shape; the
/// inputs of fc6 are reordered where a format stores them otherwise. fc8, which
/// distinguishes 2622 people, is dropped; if it has another width, --mean and
/// --scale are required. The 42 attribute heads are new and useless until the
/// network is fine-tuned.
#[derive(clap::Args, Clone, Debug)]
#[command(verbatim_doc_comment)]
pub struct ImportArgs {
    /// The published file; - reads from standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Weights file to write, or - for standard output.
    #[arg(
        long,
        value_name = "FILE.safetensors",
        default_value = "vgg-face.safetensors"
    )]
    pub output: PathBuf,
    /// Replace an existing weights file.
    #[arg(long)]
    pub force: bool,
    /// Channel order that the first layer of FILE expects. Required, unless FILE is a caffemodel (bgr), a network of
    /// MatConvNet (rgb), or was written by this program. The output is always rgb.
    #[arg(long, value_enum)]
    pub channel_order: Option<ChannelOrder>,
    /// Mean to subtract from pixels of 0 to 255, in the order red, green, blue. Default: the file's; for 2622 people
    /// VGG-Face's 129.1863,104.7624,93.5940; otherwise required.
    #[arg(
        long,
        value_name = "R,G,B",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub mean: Option<Vec<f32>>,
    /// Factor for pixels after the mean is subtracted. Default: the file's; for 2622 people 1, as VGG-Face does not divide
    /// by 255; otherwise required.
    #[arg(long, value_name = "FACTOR", allow_negative_numbers = true)]
    pub scale: Option<f32>,
    /// Licence of the weights, as GetModel shows it. Default: the file's; for 2622 people that of the published VGG-Face,
    /// CC BY-NC 4.0; otherwise unknown.
    #[arg(long, value_name = "TEXT")]
    pub license: Option<String>,
    /// Store 16-bit weights: half the size.
    #[arg(long)]
    pub f16: bool,
}

impl ImportArgs {
    /// The mean, where one is given.
    ///
    /// # Errors
    /// It is not three numbers of 0 to 255.
    pub(super) fn mean(&self) -> anyhow::Result<Option<[f32; 3]>> {
        let Some(given) = &self.mean else {
            return Ok(None);
        };
        let mean = <[f32; 3]>::try_from(&given[..]).ok();
        let mean = mean.filter(|mean| mean.iter().all(|m| (0.0..=255.0).contains(m)));
        ensure!(
            mean.is_some(),
            "--mean: expected three numbers of 0 to 255, got {given:?}"
        );
        Ok(mean)
    }

    /// The scale, where one is given.
    ///
    /// # Errors
    /// It is not a positive number.
    pub(super) fn scale(&self) -> anyhow::Result<Option<f32>> {
        if let Some(scale) = self.scale {
            ensure!(
                scale > 0.0 && scale.is_finite(),
                "--scale: expected above 0, got {scale}"
            );
        }
        Ok(self.scale)
    }
}

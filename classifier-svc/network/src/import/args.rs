//! The settings of an import.

use std::path::PathBuf;

use anyhow::ensure;

use crate::ChannelOrder;

/// Makes a weights file for `serve --model` from published weights of VGG-Face.
///
/// Reads VGG_FACE.caffemodel, PyTorch files (vgg_face_dag.pth; nothing in them is executed), and safetensors with the
/// same names. The format is detected by content. Every tensor is checked by name and shape; fc8, which distinguishes
/// 2622 people, is dropped. The 42 attribute heads are new and useless until the network is fine-tuned.
#[derive(clap::Args, Clone, Debug)]
pub struct ImportArgs {
    /// The published file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Weights file to write.
    #[arg(long, value_name = "FILE", default_value = "vgg-face.safetensors")]
    pub output: PathBuf,
    /// Channel order that the first layer of FILE expects. Default: bgr for Caffe, rgb for PyTorch. Required for a
    /// safetensors file that this program did not write. The output is always rgb.
    #[arg(long, value_enum)]
    pub channel_order: Option<ChannelOrder>,
    /// Mean to subtract from pixels of 0 to 255, in the order red, green, blue. Default: VGG-Face's
    /// 129.1863,104.7624,93.5940.
    #[arg(
        long,
        value_name = "R,G,B",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub mean: Option<Vec<f32>>,
    /// Factor for pixels after the mean is subtracted. Default: 1, as in VGG-Face, which does not divide by 255.
    #[arg(long, value_name = "FACTOR", allow_negative_numbers = true)]
    pub scale: Option<f32>,
    /// Licence of the weights, as GetModel shows it. Default: that of the published VGG-Face, CC BY-NC 4.0.
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

//! The flags of `generator-svc fit`.

use std::path::PathBuf;

use anyhow::ensure;
use deepface_dataset::Crop;
use deepface_network::autoencoder::DensitySettings;

use crate::access::ClassifierAccess;
use crate::gaussian::Canvas;

/// Smallest ridge: a smaller one is lost in the rounding of the sums it is added to.
const MIN_RIDGE: f64 = 1e-9;
/// Fits the statistics that faces are generated from to labelled photographs.
///
/// Only the people that a classifier of this project learns from are used: 80 in 100, by name.
#[derive(clap::Args, Clone, Debug)]
pub struct FitArgs {
    /// Folder with the photographs and the label file, in a layout that `classifier-svc train` takes. The attributes are
    /// those of the classifier; those without a column are left out of the statistics.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The label file, if it is not in --data.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Where the faces are in the photographs: lfw, celeba or whole, as for `classifier-svc train`.
    #[arg(long, value_name = "CROP")]
    pub crop: Option<Crop>,
    /// Leave out photographs that cannot be read instead of refusing to fit.
    #[arg(long)]
    pub skip_unreadable: bool,
    /// The classifier service whose activations are modelled. Several replicas share the work: again, or separated by commas;
    /// a host name may also stand for several.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:50051",
        env = "DEEPFACE_CLASSIFIER",
        value_delimiter = ','
    )]
    pub classifier: Vec<String>,
    /// What the classifier may ask of its clients.
    #[command(flatten)]
    pub access: ClassifierAccess,
    /// Layers that targets can be made for.
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        default_value = "conv4_3,conv5_3,fc6"
    )]
    pub layers: Vec<String>,
    /// Statistics file to write, or - for standard output. A checkpoint lies beside a file until it is written, and an
    /// interrupted fit resumes from it.
    #[arg(
        long,
        value_name = "FILE.safetensors",
        default_value = "out/vgg-face-mini.cgmm.safetensors"
    )]
    pub output: PathBuf,
    /// Replace an existing statistics file.
    #[arg(long)]
    pub force: bool,
    /// Principal components of the image prior; each takes 1.5 bytes a pixel.
    #[arg(long, value_name = "N", default_value_t = 800)]
    pub prior_components: usize,
    /// Pixels a side of the image prior, an even number; its images are resampled to the classifier's input.
    #[arg(long, value_name = "PIXELS", default_value_t = 64)]
    pub prior_side: usize,
    /// Autoencoder that `classifier-svc autoencoder --unconditional` wrote: its decoder becomes a second image prior, for
    /// new faces. Default: none.
    #[arg(long, value_name = "FILE")]
    pub decoder: Option<PathBuf>,
    /// Passes over the photographs that learn the density of the decoder's latents; 0 leaves them a Gaussian. A checkpoint
    /// lies beside the output, with the ending `density`.
    #[arg(long, value_name = "N", default_value_t = DensitySettings::default().epochs)]
    pub density_epochs: usize,
    /// Leading coordinates of each image prior whose effect on the activations is fitted, for variety.
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub response: usize,
    /// Images in each of the sets S_i, one per attribute; drawn with repeats if an attribute has fewer.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub set_size: usize,
    /// Weight of |w|^2 in eq. 3.
    #[arg(long, default_value_t = 1e-5)]
    pub lambda: f64,
    /// Ridge of the regression, relative to the variance of a fair coin over all images.
    #[arg(long, default_value_t = 1e-3)]
    pub ridge: f64,
    /// Seed of the sets and of everything else random.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Use only the first N photographs.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

impl FitArgs {
    /// Refuses flags from which no statistics can be fitted.
    ///
    /// # Errors
    /// A flag is out of its range; the message names it.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let (set, components) = (self.set_size, self.prior_components);
        let (lambda, ridge) = (self.lambda, self.ridge);
        ensure!(set >= 2, "--set-size: expected at least 2, got {set}");
        ensure!(
            components >= 1,
            "--prior-components: expected at least 1, got 0"
        );
        let side = self.prior_side;
        ensure!(
            Canvas::allows(side),
            "--prior-side: expected an even number of pixels up to 1024, got {side}"
        );
        ensure!(
            lambda >= 0.0 && lambda.is_finite(),
            "--lambda: expected at least 0, got {lambda}"
        );
        ensure!(
            ridge >= MIN_RIDGE && ridge.is_finite(),
            "--ridge: expected at least {MIN_RIDGE:e}, got {ridge}"
        );
        Ok(())
    }
}

//! Settings of the inversion and of its output, which several commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How the image is found. Options that are not given take the service's defaults.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Inversion")]
pub(crate) struct InversionArgs {
    /// Number of steps, 1 to 5000.
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<i32>,
    /// Learning rate, 1e-6 to 10.
    #[arg(long, value_name = "RATE")]
    pub(crate) learning_rate: Option<f64>,
    /// What the optimiser changes.
    #[arg(long, value_enum)]
    pub(crate) parametrization: Option<ParametrizationName>,
    /// The optimiser.
    #[arg(long, value_enum)]
    pub(crate) optimizer: Option<OptimizerName>,
    /// Where the descent starts.
    #[arg(long, value_enum)]
    pub(crate) start: Option<StartName>,
    /// Weight of the image prior, 0 to 100 (with --parametrization prior).
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) prior: Option<f64>,
    /// Whether the image prior is centred on the face that linear regression predicts from the attributes, or on the
    /// mean face.
    #[arg(long, value_name = "BOOL")]
    pub(crate) conditional: Option<bool>,
    /// Weight of the total variation, 0 to 100.
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) total_variation: Option<f64>,
    /// Weight of the squared distance from mid-grey, 0 to 100.
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) l2: Option<f64>,
    /// Shift the image by up to this many pixels before each step, 0 to 16.
    #[arg(long, value_name = "PIXELS")]
    pub(crate) jitter: Option<i32>,
    /// Standard deviation of the periodic blur, in pixels, 0 to 4 (with --parametrization pixels).
    #[arg(long, value_name = "PIXELS")]
    pub(crate) blur_sigma: Option<f64>,
    /// Steps between two blurs, 1 to 1000.
    #[arg(long, value_name = "N")]
    pub(crate) blur_every: Option<i32>,
}

/// The parametrizations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ParametrizationName {
    /// Coordinates in a Gaussian model of face images.
    Prior,
    /// The pixels themselves.
    Pixels,
}

/// The optimisers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OptimizerName {
    /// Adam with a decaying learning rate.
    Adam,
    /// Gradient descent, as in the paper.
    Sgd,
}

/// The starting points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StartName {
    /// Random.
    Noise,
    /// The mean training image.
    Mean,
    /// The centre of the image prior.
    Expected,
}

/// The output.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// File of the image; an existing file is replaced. The default name comes from the request.
    #[arg(long, short, value_name = "FILE.png")]
    pub(crate) output: Option<PathBuf>,
    /// Also write a contact sheet of the iterates.
    #[arg(long, value_name = "FILE.png")]
    pub(crate) sheet: Option<PathBuf>,
    /// Also write the iterates as an animation.
    #[arg(long, value_name = "FILE.gif")]
    pub(crate) gif: Option<PathBuf>,
    /// Steps between the iterates of sheet and animation. The default is the service's.
    #[arg(long, value_name = "N")]
    pub(crate) every: Option<i32>,
    /// Factor by which the pictures are enlarged, 1 to 32; 1 keeps the network's pixels. The default makes the face
    /// about 256 pixels wide.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32))]
    pub(crate) scale: Option<u32>,
    /// Print one line of JSON about the result instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

impl OutputArgs {
    /// Whether the images of the iterates are needed as well as their losses.
    pub(crate) fn wants_iterates(&self) -> bool {
        self.sheet.is_some() || self.gif.is_some()
    }
}

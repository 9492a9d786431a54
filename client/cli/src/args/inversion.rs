use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How the image is found; what is not given takes the service's default.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Inversion")]
pub(crate) struct InversionArgs {
    /// Number of steps, 1 to 5000.
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<i32>,
    /// Learning rate, 1e-6 to 10.
    #[arg(long, value_name = "RATE")]
    pub(crate) learning_rate: Option<f64>,
    /// What the optimiser moves.
    #[arg(long, value_enum)]
    pub(crate) parametrization: Option<ParametrizationName>,
    /// The optimiser.
    #[arg(long, value_enum)]
    pub(crate) optimizer: Option<OptimizerName>,
    /// Where the descent starts.
    #[arg(long, value_enum)]
    pub(crate) start: Option<StartName>,
    /// Weight of the image prior, 0 to 100 (not in pixels).
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) prior: Option<f64>,
    /// Whether the image prior expects the face that linear regression gives for the attributes, or the mean face.
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
    /// Standard deviation of the blur that is applied now and then, in pixels, 0 to 4 (in pixels only).
    #[arg(long, value_name = "PIXELS")]
    pub(crate) blur_sigma: Option<f64>,
    /// Steps between two blurs, 1 to 1000.
    #[arg(long, value_name = "N")]
    pub(crate) blur_every: Option<i32>,
}

/// A name for each parametrization of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ParametrizationName {
    /// Coordinates in a Gaussian model of face images.
    Prior,
    /// The pixels themselves.
    Pixels,
}

/// A name for each optimiser of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OptimizerName {
    /// Adam with a decaying rate.
    Adam,
    /// Gradient descent, as in the paper.
    Sgd,
}

/// A name for each start of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StartName {
    /// Random.
    Noise,
    /// The mean training image.
    Mean,
    /// The image that the prior expects.
    Expected,
}

/// What is written, and how.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Where the image goes; a file that is there is replaced. The default name says what was asked for.
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
    /// Enlarge what is written this many times, 1 to 32; 1 keeps the network's pixels. The default makes the face
    /// about 256 pixels wide.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32))]
    pub(crate) scale: Option<u32>,
    /// Print one line of JSON about the result instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

impl OutputArgs {
    /// Whether the iterates' images are needed, and not only their losses.
    pub(crate) fn wants_iterates(&self) -> bool {
        self.sheet.is_some() || self.gif.is_some()
    }
}

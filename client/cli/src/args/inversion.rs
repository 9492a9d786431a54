//! Settings of the inversion and of its output, which several commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How the image is found; flags that are not given take the service's defaults.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Inversion")]
pub(crate) struct InversionArgs {
    /// Number of steps, 1 to 5000. Default in the prior: 50 for adam, 100 for sgd; in pixels: 200. With --keep: 300 in the
    /// prior.
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<i32>,
    /// Learning rate, 1e-6 to 10. Default in the prior: 0.12 for adam, 0.02 for sgd; in pixels: 0.02 for adam, 0.01 for
    /// sgd.
    #[arg(long, value_name = "RATE")]
    pub(crate) learning_rate: Option<f64>,
    /// What the optimiser moves. Default: decoder to make faces from attributes, if the statistics have one; else prior.
    #[arg(long, value_enum)]
    pub(crate) parametrization: Option<ParametrizationName>,
    /// The optimiser. Default: adam.
    #[arg(long, value_enum)]
    pub(crate) optimizer: Option<OptimizerName>,
    /// Where the descent starts. Default: expected in the prior, noise in pixels, mean for class-visualization.
    #[arg(long, value_enum)]
    pub(crate) start: Option<StartName>,
    /// Weight of the image prior, 0 to 100. Default: 0.05. Ignored in pixels.
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) prior: Option<f64>,
    /// Weight of the total variation, 0 to 100. Default: 5 for adam in pixels, else 0.
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) total_variation: Option<f64>,
    /// Weight of the squared distance from mid-grey, 0 to 100. Default: 0.
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) l2: Option<f64>,
    /// Shift the image by up to this many pixels before each step, 0 to 16. Default: 1 in the prior, 2 in pixels.
    #[arg(long, value_name = "PIXELS")]
    pub(crate) jitter: Option<i32>,
    /// Standard deviation of the blur of the image every few steps, in pixels, 0 to 4. Default: 0.5 for sgd, else 0. In
    /// pixels only.
    #[arg(long, value_name = "PIXELS")]
    pub(crate) blur_sigma: Option<f64>,
    /// Steps between two blurs, 1 to 1000. Default: 10.
    #[arg(long, value_name = "N")]
    pub(crate) blur_every: Option<i32>,
}

/// The parametrizations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ParametrizationName {
    /// Coordinates in a Gaussian model of face images: no learned generator.
    Prior,
    /// The pixels themselves.
    Pixels,
    /// Latents of a learned decoder of faces, if the statistics have one.
    Decoder,
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

/// How a picture is shown in the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowAs {
    /// The best that the terminal is known to support.
    Auto,
    /// Kitty's graphics (kitty, Ghostty, Konsole).
    Kitty,
    /// Inline images (iTerm2, WezTerm, mintty).
    Iterm,
    /// Sixels (foot, mlterm, xterm with sixels).
    Sixel,
    /// Half blocks, in any terminal with colours.
    Blocks,
}

/// The output.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// The picture to write: .png, .jpg or .webp (lossless), or - for a PNG on standard output. Default: a PNG whose name
    /// says what made it, with a number added if there is one already.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Also write a contact sheet of the iterates: .png, .jpg or .webp.
    #[arg(long, value_name = "FILE")]
    pub(crate) sheet: Option<PathBuf>,
    /// Also write the iterates as an animation.
    #[arg(long, value_name = "FILE.gif")]
    pub(crate) gif: Option<PathBuf>,
    /// Replace existing files.
    #[arg(long)]
    pub(crate) force: bool,
    /// Steps between the iterates of sheet and animation. Default: 10.
    #[arg(long, value_name = "N")]
    pub(crate) every: Option<i32>,
    /// Factor by which the pictures are enlarged, 1 to 32; 1 keeps the pixels as they were made. The default makes the face
    /// about 256 pixels wide.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32))]
    pub(crate) scale: Option<u32>,
    /// Also draw the picture in the terminal. Default without HOW: auto.
    #[arg(long, value_name = "HOW", value_enum, num_args = 0..=1, require_equals = true,
        default_missing_value = "auto", conflicts_with = "json")]
    pub(crate) show: Option<ShowAs>,
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

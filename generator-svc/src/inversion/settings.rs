//! Everything that decides a descent.

use crate::gaussian::Coordinates;

/// What the optimiser moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Coordinates in the Gaussian image prior.
    Prior,
    /// Latents of the learned decoder.
    Decoder,
    /// The pixels.
    Pixels,
}

impl Basis {
    /// The coordinates in which the image prior describes images: for pixels, those of the Gaussian.
    pub fn coordinates(self) -> Coordinates {
        match self {
            Self::Decoder => Coordinates::Latents,
            Self::Prior | Self::Pixels => Coordinates::Components,
        }
    }

    /// Whether the coordinates of an image prior are moved.
    pub fn in_prior(self) -> bool {
        self != Self::Pixels
    }
}

/// The rule that moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Adam with a cosine-decayed rate.
    Adam,
    /// Descent along the gradient, scaled to unit mean magnitude.
    Sgd,
}

/// Where the descent starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Random: small coordinates in a prior, noise around grey in pixels.
    Noise,
    /// The mean image plus small noise.
    Mean,
    /// The image that the prior expects.
    Expected,
}

/// A descent in full. Weights are relative to a loss that is normalised by the target's squared norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// What the optimiser moves.
    pub basis: Basis,
    /// The rule that moves it.
    pub rule: Rule,
    /// Where it starts.
    pub start: Start,
    /// Number of steps.
    pub steps: usize,
    /// Learning rate at the start, in the unit of the coordinates.
    pub learning_rate: f64,
    /// Weight of the mean squared distance of z from what the prior expects; prior only.
    pub prior: f64,
    /// Whether the prior expects a face of the attributes and the seed, and not the mean face.
    pub conditional: bool,
    /// Weight of the total variation.
    pub total_variation: f64,
    /// Weight of the mean squared distance from mid-grey.
    pub l2: f64,
    /// Largest shift of the image before a step, pixels.
    pub jitter: usize,
    /// Standard deviation of the blur, pixels; 0 for none. Pixels only.
    pub blur_sigma: f64,
    /// Steps between two blurs.
    pub blur_every: usize,
}

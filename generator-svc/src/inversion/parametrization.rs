//! What the optimiser moves, and how an image comes of it.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use super::settings::Start;
use crate::{gaussian::Statistics, normal};

/// Coordinates of an image.
#[derive(Clone, Debug)]
pub enum Parametrization {
    /// The pixels, kept within 0 to 1.
    Pixels {
        /// Where the mean image is.
        statistics: Arc<Statistics>,
    },
    /// Coordinates z in the Gaussian image prior: `x = mean + V diag(s) z`.
    Prior {
        /// Where the prior is.
        statistics: Arc<Statistics>,
    },
}

impl Parametrization {
    /// The coordinates to start from.
    pub fn start(&self, start: Start, rng: &mut ChaCha8Rng) -> Vec<f32> {
        match self {
            Self::Pixels { statistics } => {
                let around = statistics.prior.mean().iter();
                match start {
                    Start::Noise => around
                        .map(|_| (0.5 + 0.1 * normal(rng)).clamp(0.0, 1.0))
                        .collect(),
                    Start::Mean => around
                        .map(|m| (m + 0.02 * normal(rng)).clamp(0.0, 1.0))
                        .collect(),
                }
            }
            Self::Prior { statistics } => {
                let deviation = match start {
                    Start::Noise => 0.1,
                    Start::Mean => 0.01,
                };
                (0..statistics.prior.components())
                    .map(|_| deviation * normal(rng))
                    .collect()
            }
        }
    }

    /// The image at some coordinates, `[3, S, S]`; it may leave 0 to 1 where the basis is the prior.
    pub fn image(&self, coordinates: &[f32]) -> Vec<f32> {
        match self {
            Self::Pixels { .. } => coordinates.to_vec(),
            Self::Prior { statistics } => statistics.prior.image(coordinates),
        }
    }

    /// The gradient with respect to the coordinates, from that with respect to the pixels.
    pub fn pull_back(&self, gradient: Vec<f32>) -> Vec<f32> {
        match self {
            Self::Pixels { .. } => gradient,
            Self::Prior { statistics } => statistics.prior.pull_back(&gradient),
        }
    }

    /// Brings coordinates back to where they mean an image.
    pub fn project(&self, coordinates: &mut [f32]) {
        if matches!(self, Self::Pixels { .. }) {
            coordinates.iter_mut().for_each(|x| *x = x.clamp(0.0, 1.0));
        }
    }
}

//! The learned density of a decoder's latents given attributes, in place of their Gaussian.

use deepface_network::autoencoder::{Density, Guidance};

/// How far a draw goes from what is likely of anybody to what is likely of the attributes (Ho and Salimans 2022). What was
/// asked may go further, as the emphasis says.
const REACH: f32 = 1.5;
/// Least variance of a label: an attribute that everybody has says nothing.
const LEAST_VARIANCE: f64 = 1e-4;

/// A density whose conditions are labels with mean 0 and variance 1 over the training faces.
#[derive(Clone, Debug)]
pub(super) struct Learned {
    pub(super) density: Density,
    /// Share of the training faces that have each attribute.
    frequencies: Vec<f64>,
}

impl Learned {
    pub(super) fn new(density: Density, frequencies: Vec<f64>) -> Self {
        Self {
            density,
            frequencies,
        }
    }

    /// The offsets that a face can have: of values between absent and present.
    pub(super) fn possible(&self, offsets: &[f64]) -> Vec<f64> {
        let pairs = self.frequencies.iter().zip(offsets);
        pairs.map(|(f, o)| (f + o).clamp(0.0, 1.0) - f).collect()
    }

    /// A latent of a face whose attributes are as far from their means as `offsets` say, from standard normal numbers.
    pub(super) fn draw(
        &self,
        noise: &[f32],
        offsets: &[f64],
        emphasis: Option<&Emphasis>,
    ) -> Vec<f32> {
        let told = |offsets: &[f64]| condition(&self.frequencies, offsets);
        let rest = emphasis.map(|emphasis| told(&self.possible(&emphasis.rest)));
        let weight = emphasis.map(|emphasis| emphasis.weight as f32);
        let guidance = Guidance {
            condition: &told(offsets),
            reach: REACH,
            emphasis: rest.as_deref().zip(weight),
        };
        self.density.draw(noise, &guidance)
    }
}

/// How a draw goes further than to what is likely for a part of what it is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Emphasis {
    /// How far attributes are from their means beside that part, which is at its mean.
    pub rest: Vec<f64>,
    /// How much further it goes from what these make likely to what all make likely.
    pub weight: f64,
}

/// What a density is told of attributes that are as far from their means as `offsets` say.
pub fn condition(frequencies: &[f64], offsets: &[f64]) -> Vec<f32> {
    let pairs = frequencies.iter().zip(offsets);
    pairs
        .map(|(f, o)| (o / (f * (1.0 - f)).max(LEAST_VARIANCE).sqrt()) as f32)
        .collect()
}

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

    /// A latent of a face of which this is known, from standard normal numbers.
    pub(super) fn draw(&self, noise: &[f32], known: &Known<'_>) -> Vec<f32> {
        let [condition, open] = [known.offsets, known.open]
            .map(|offsets| condition(&self.frequencies, &self.possible(offsets)));
        let emphasized = known.emphasis != 0.0 && condition != open;
        let guidance = Guidance {
            condition: &condition,
            reach: REACH,
            emphasis: emphasized.then_some((&open, known.emphasis as f32)),
        };
        self.density.draw(noise, &guidance)
    }
}

/// What is known of a face that is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// How far each attribute is from its mean.
    pub offsets: &'a [f64],
    /// The same, but for what was asked, which is at its mean.
    pub open: &'a [f64],
    /// How much further than what these make likely it goes to what `offsets` make likely.
    pub emphasis: f64,
}

impl<'a> Known<'a> {
    /// Attributes as far from their means as `offsets` say, all alike.
    #[cfg(test)]
    pub fn of(offsets: &'a [f64]) -> Self {
        Self {
            offsets,
            open: offsets,
            emphasis: 0.0,
        }
    }
}

/// What a density is told of attributes that are as far from their means as `offsets` say.
pub fn condition(frequencies: &[f64], offsets: &[f64]) -> Vec<f32> {
    let pairs = frequencies.iter().zip(offsets);
    pairs
        .map(|(f, o)| (o / (f * (1.0 - f)).max(LEAST_VARIANCE).sqrt()) as f32)
        .collect()
}

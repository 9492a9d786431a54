//! What the optimiser moves, and how that becomes an image.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use super::settings::{Basis, Start};
use deepface_statistics::standard_normal;

use crate::gaussian::{Prior, Resampler, Statistics};

/// Coordinates of an image.
#[derive(Clone, Debug)]
pub struct Parametrization {
    statistics: Arc<Statistics>,
    basis: Basis,
    /// Coordinates z that the prior expects; 0 is the mean face.
    centre: Arc<[f32]>,
    /// Whether it expects them of given attributes.
    conditional: bool,
    /// What is added to every image of the prior: what of a photograph the prior cannot show.
    detail: Option<Arc<[f32]>>,
}

impl Parametrization {
    /// Coordinates in a basis. `centre` are the coordinates z that the image prior expects, one per component, of given
    /// attributes or of anybody.
    pub fn new(
        statistics: Arc<Statistics>,
        basis: Basis,
        centre: Vec<f32>,
        conditional: bool,
    ) -> Self {
        let prior = statistics.prior(basis.coordinates());
        assert_eq!(centre.len(), prior.components());
        Self {
            statistics,
            basis,
            centre: centre.into(),
            conditional,
            detail: None,
        }
    }

    /// Adds pixels, `[3, S, S]`, to every image of the prior.
    #[must_use]
    pub fn with_detail(mut self, detail: Option<Vec<f32>>) -> Self {
        self.detail = detail.map(Into::into);
        self
    }

    fn prior(&self) -> &Prior {
        self.statistics.prior(self.basis.coordinates())
    }

    fn of_prior(&self, z: &[f32]) -> Vec<f32> {
        let mut image = self.prior().image(z);
        if let Some(detail) = &self.detail {
            image.iter_mut().zip(&**detail).for_each(|(x, d)| *x += d);
        }
        image
    }

    /// The difference d of coordinates z from those that the prior expects, and Pd, with P the inverse of their covariance.
    pub fn difference(&self, z: &[f32]) -> [Vec<f32>; 2] {
        let d: Vec<f32> = z.iter().zip(&*self.centre).map(|(z, c)| z - c).collect();
        let pd = match self.conditional {
            true => self.prior().precision(d.clone()),
            false => d.clone(),
        };
        [d, pd]
    }

    /// The coordinates to start from.
    pub fn start(&self, start: Start, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let mut near = |middle: f32, deviation: f32| middle + deviation * standard_normal(rng);
        match (self.basis, start) {
            (Basis::Prior | Basis::Decoder, Start::Expected) => self.centre.to_vec(),
            (Basis::Prior | Basis::Decoder, Start::Noise) => {
                self.centre.iter().map(|_| near(0.0, 0.1)).collect()
            }
            (Basis::Prior | Basis::Decoder, Start::Mean) => {
                self.centre.iter().map(|_| near(0.0, 0.01)).collect()
            }
            (Basis::Pixels, start) => {
                let image = match start {
                    Start::Expected => self.of_prior(&self.centre),
                    Start::Noise => self.prior().mean().iter().map(|_| near(0.5, 0.1)).collect(),
                    Start::Mean => self
                        .prior()
                        .mean()
                        .into_iter()
                        .map(|m| near(m, 0.02))
                        .collect(),
                };
                image.into_iter().map(|x| x.clamp(0.0, 1.0)).collect()
            }
        }
    }

    /// The image at some coordinates, `[3, S, S]`; it may leave 0 to 1 where the basis is a prior.
    pub fn image(&self, coordinates: &[f32]) -> Vec<f32> {
        match self.basis {
            Basis::Pixels => coordinates.to_vec(),
            Basis::Prior | Basis::Decoder => self.of_prior(coordinates),
        }
    }

    /// The image at some coordinates with all the detail that its basis holds, `[3, P, P]` with [`Prior::picture_side`] P; for pixels, as the
    /// classifier sees it.
    pub fn picture(&self, coordinates: &[f32]) -> Vec<f32> {
        if self.basis == Basis::Pixels {
            return coordinates.to_vec();
        }
        let prior = self.prior();
        let mut picture = prior.picture(coordinates);
        if let Some(detail) = &self.detail {
            let sides = [self.statistics.input_size, prior.picture_side()];
            let detail = Resampler::new(sides[0], sides[1]).apply_all(detail);
            picture.iter_mut().zip(detail).for_each(|(x, d)| *x += d);
        }
        picture
    }

    /// The gradient with respect to the coordinates at `coordinates`, from the gradient with respect to the pixels.
    pub fn pull_back(&self, coordinates: &[f32], gradient: Vec<f32>) -> Vec<f32> {
        match self.basis {
            Basis::Pixels => gradient,
            Basis::Prior | Basis::Decoder => self.prior().pull_back(coordinates, &gradient),
        }
    }

    /// Moves coordinates back to where they are an image: pixels to 0 to 1.
    pub fn project(&self, coordinates: &mut [f32]) {
        if self.basis == Basis::Pixels {
            coordinates.iter_mut().for_each(|x| *x = x.clamp(0.0, 1.0));
        }
    }
}

//! Between coordinates and images: the two kinds of image prior.

use super::Canvas;
use super::components::Components;
use super::decoder::Decoder;

/// How coordinates become an image.
#[derive(Clone, Debug)]
pub(super) enum Images {
    /// A sum of principal components.
    Components(Linear),
    /// A learned decoder.
    Decoder(Decoder),
}

/// A mean and principal components. Components are kept as bytes with a scale each.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    /// Between its vectors and images.
    pub(super) canvas: Canvas,
    /// Mean vector.
    pub(super) mean: Vec<f32>,
    /// Each principal component times its deviation.
    pub(super) components: Components,
}

impl Images {
    /// Number of coordinates.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Components(linear) => linear.components.count(),
            Self::Decoder(decoder) => decoder.latent(),
        }
    }

    /// The image at coordinates `z`, `[3, S, S]`; not clamped.
    pub(super) fn image(&self, z: &[f32]) -> Vec<f32> {
        match self {
            Self::Components(linear) => linear.canvas.image(&linear.vector(z)),
            Self::Decoder(decoder) => decoder.image(z),
        }
    }

    /// Side of the pictures.
    pub(super) fn picture_side(&self) -> usize {
        match self {
            Self::Components(linear) => linear.canvas.image_side(),
            Self::Decoder(decoder) => decoder.picture_side(),
        }
    }

    /// The same image in all its detail, `[3, side, side]` with the side of pictures.
    pub(super) fn picture(&self, z: &[f32]) -> Vec<f32> {
        match self {
            Self::Components(_) => self.image(z),
            Self::Decoder(decoder) => decoder.picture(z),
        }
    }

    /// Coordinates of nearly the image that is nearest to this one, `[3, S, S]`, 0 to 1.
    pub(super) fn coordinates(&self, image: &[f32]) -> Vec<f32> {
        match self {
            Self::Components(linear) => linear.coordinates(image),
            Self::Decoder(decoder) => decoder.coordinates(image),
        }
    }

    /// The gradient with respect to z at `z`, from that with respect to the pixels.
    pub(super) fn pull_back(&self, z: &[f32], gradient: &[f32]) -> Vec<f32> {
        match self {
            Self::Components(linear) => linear.pull_back(gradient),
            Self::Decoder(decoder) => decoder.pull_back(z, gradient),
        }
    }
}

impl Linear {
    pub(super) fn vector(&self, z: &[f32]) -> Vec<f32> {
        let mut vector = self.mean.clone();
        self.components.add_combination(z, &mut vector);
        vector
    }

    fn coordinates(&self, image: &[f32]) -> Vec<f32> {
        let vector = self.canvas.vector(image);
        let apart: Vec<f32> = vector.iter().zip(&self.mean).map(|(x, m)| x - m).collect();
        let products = self.components.products(&apart);
        let norms = self.components.squared_norms();
        let z = products.iter().zip(norms);
        z.map(|(product, norm)| product / norm.max(f32::MIN_POSITIVE))
            .collect()
    }

    /// `diag(s) V' g`.
    fn pull_back(&self, gradient: &[f32]) -> Vec<f32> {
        self.components.products(&self.canvas.pull_back(gradient))
    }
}

//! The learned image prior: the decoder of a variational autoencoder, whose latents are the coordinates of faces.
//!
//! Latents are standard normal over faces, as coordinates of the Gaussian are, so all else is the same for both: the
//! regression on attributes, what it leaves open, and the distance that the descent keeps small.

use deepface_network::autoencoder::Coder;

use super::canvas::planes_at;
use super::resample::Resampler;

/// Encoder and decoder, at the size of the classifier's images.
#[derive(Clone, Debug)]
pub(super) struct Decoder {
    pub(super) coder: Coder,
    image: usize,
    resampler: Resampler,
}

impl Decoder {
    /// For images of `image` pixels a side.
    pub(super) fn new(coder: Coder, image: usize) -> Self {
        Self {
            resampler: Resampler::new(coder.topology().side, image),
            image,
            coder,
        }
    }

    /// Values of a latent.
    pub(super) fn latent(&self) -> usize {
        self.coder.topology().latent
    }

    /// Side of the pictures that it makes: the decoder's own, unless the classifier's images show more.
    pub(super) fn picture_side(&self) -> usize {
        self.image.max(self.coder.topology().side)
    }

    /// The face of a latent, `[3, S, S]` with S the side of pictures.
    pub(super) fn picture(&self, z: &[f32]) -> Vec<f32> {
        match self.picture_side() > self.image {
            true => self.coder.decode(z),
            false => self.image(z),
        }
    }

    /// The face of a latent, `[3, image, image]`.
    pub(super) fn image(&self, z: &[f32]) -> Vec<f32> {
        self.resampler.apply_all(&self.coder.decode(z))
    }

    /// The latent that the encoder gives for an image, `[3, image, image]`, 0 to 1.
    pub(super) fn coordinates(&self, image: &[f32]) -> Vec<f32> {
        let side = self.coder.topology().side;
        self.coder.encode(&planes_at(image, self.image, side))
    }

    /// The gradient with respect to the latent at `z`, from that with respect to the image.
    pub(super) fn pull_back(&self, z: &[f32], gradient: &[f32]) -> Vec<f32> {
        let planes = gradient.chunks_exact(gradient.len() / 3);
        let own: Vec<f32> = planes
            .flat_map(|plane| self.resampler.adjoint(plane))
            .collect();
        self.coder.pull_back(z, &own)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::with_decoder;

    #[test]
    fn pulling_back_is_the_slope_at_another_size_too() {
        let statistics = with_decoder();
        let decoder = statistics.decoder.as_ref().unwrap();
        let z: Vec<f32> = (0..decoder.components())
            .map(|i| (i as f32).cos())
            .collect();
        let side = statistics.input_size;
        let cotangent: Vec<f32> = (0..3 * side * side)
            .map(|i| (i as f32 * 0.7).sin())
            .collect();
        let pulled = decoder.pull_back(&z, &cotangent);
        let value = |z: &[f32]| -> f64 {
            let image = decoder.image(z);
            image
                .iter()
                .zip(&cotangent)
                .map(|(x, c)| f64::from(x * c))
                .sum()
        };
        // Along the gradient, where the slope is its norm.
        let norm = pulled
            .iter()
            .map(|&g| f64::from(g).powi(2))
            .sum::<f64>()
            .sqrt();
        let moved = |by: f64| {
            let along = pulled.iter().map(|&g| (by * f64::from(g) / norm) as f32);
            let z: Vec<f32> = z.iter().zip(along).map(|(z, d)| z + d).collect();
            value(&z)
        };
        let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
        assert!(
            (slope - norm).abs() < 0.02 * norm,
            "{slope} {norm} {pulled:?}"
        );
    }

    #[test]
    fn a_face_taken_apart_adds_up_to_itself() {
        let statistics = with_decoder();
        let decoder = statistics.decoder.as_ref().unwrap();
        let side = statistics.input_size;
        let image: Vec<f32> = (0..3 * side * side)
            .map(|i| 0.5 + 0.3 * (i as f32).sin())
            .collect();
        let (z, detail) = decoder.take_apart(&image);
        assert_eq!(z.len(), decoder.components());
        for ((shown, detail), x) in decoder.image(&z).iter().zip(&detail).zip(&image) {
            assert!((shown + detail - x).abs() < 1e-5);
        }
    }
}

//! What a step reads: faces, mirrored at random, their labels, and noise.

use deepface_statistics::standard_normal;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{
    face::Face,
    learner::{Batch, Mixture},
    settings::Settings,
};
use crate::train::random::{Purpose, Random};

/// The arrays of a batch.
pub(super) struct Inputs {
    faces: Vec<f32>,
    attributes: Vec<f32>,
    noise: Vec<f32>,
    mixtures: Vec<Mixture>,
}

impl Inputs {
    /// The inputs of a training step. Each face is mirrored with probability 1/2.
    pub(super) fn random(faces: &[&Face], settings: &Settings, index: usize) -> Self {
        let mut rng = Random::new(settings.seed, Purpose::View, index).stream(0);
        let mirrored: Vec<bool> = faces.iter().map(|_| rng.random::<f32>() < 0.5).collect();
        let mut inputs = Self::of(faces, &mirrored, settings, &mut rng);
        let mut part = || (rng.random_range(0..faces.len()), rng.random());
        inputs.mixtures = (0..settings.mixed())
            .map(|_| std::array::from_fn(|_| part()))
            .collect();
        inputs
    }

    /// The inputs of a validation step: the faces as they are, with the same noise every time.
    pub(super) fn straight(faces: &[&Face], settings: &Settings) -> Self {
        let mut rng = Random::new(settings.seed, Purpose::FixedView, 0).stream(0);
        Self::of(faces, &vec![false; faces.len()], settings, &mut rng)
    }

    fn of(faces: &[&Face], mirrored: &[bool], settings: &Settings, rng: &mut ChaCha8Rng) -> Self {
        let size = settings.topology.pixels();
        let mut pixels = vec![0.0; faces.len() * size];
        pixels
            .par_chunks_mut(size)
            .zip(faces)
            .zip(mirrored)
            .for_each(|((out, face), mirrored)| face.write(*mirrored, out));
        let values = faces.len() * settings.topology.latent;
        Self {
            faces: pixels,
            attributes: faces.iter().flat_map(|face| face.attributes()).collect(),
            noise: (0..values).map(|_| standard_normal(rng)).collect(),
            mixtures: Vec::new(),
        }
    }

    pub(super) fn batch(&self) -> Batch<'_> {
        Batch {
            faces: &self.faces,
            attributes: &self.attributes,
            noise: &self.noise,
            mixtures: &self.mixtures,
        }
    }
}

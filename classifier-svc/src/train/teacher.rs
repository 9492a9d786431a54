//! Distillation (Hinton et al. 2015; Furlanello et al. 2018): a network learns from the labels and from what a trained
//! network says of the same view. Where labels are noisy, what another network believes is worth much.

use std::path::Path;

use anyhow::{Context, ensure};
use deepface_serve::sha256;

use crate::model::{
    Isa, Preprocessing,
    cpu::Network,
    heads::{self, LOGITS},
    weights::Weights,
};

/// A trained network whose word counts as a part of every target.
pub(super) struct Teacher {
    network: Network,
    /// Values of an image: `3 * S * S`.
    pixels: usize,
    /// Share of its word in a target.
    weight: f32,
    /// SHA-256 of its file.
    pub(super) digest: String,
}

impl Teacher {
    /// Reads a teacher for pupils with this input.
    ///
    /// # Errors
    /// The file is no model, or one that sees other pixels than the pupil.
    pub(super) fn load(
        path: &Path,
        input: usize,
        preprocessing: &Preprocessing,
        weight: f32,
    ) -> anyhow::Result<Self> {
        let file = std::fs::read(path).with_context(|| format!("--teacher: {}", path.display()))?;
        let Weights {
            description,
            parameters,
            ..
        } = Weights::read(&file).with_context(|| format!("--teacher: {}", path.display()))?;
        let side = description.architecture.input;
        ensure!(
            side == input,
            "--teacher: expected a model with an input of {input} pixels, got one of {side}"
        );
        ensure!(
            description.preprocessing == *preprocessing,
            "--teacher: expected a model that prepares pixels by {preprocessing:?}, got one by {:?}",
            description.preprocessing
        );
        let threads = rayon::current_num_threads();
        Ok(Self {
            network: Network::new(
                &description.architecture,
                &parameters,
                Isa::detect(),
                threads,
            ),
            pixels: 3 * side * side,
            weight,
            digest: sha256(&file),
        })
    }

    /// Moves targets `[n, 115]` towards what the teacher says of the images, `[n, 3, S, S]` as the networks expect
    /// them.
    pub(super) fn correct(&mut self, images: &[f32], targets: &mut [f32]) {
        let top = self.network.stages().len() - 1;
        let part = self.network.capacity();
        for (images, targets) in images
            .chunks(part * self.pixels)
            .zip(targets.chunks_mut(part * LOGITS))
        {
            let n = targets.len() / LOGITS;
            let mut said = self.network.forward(images, n, &[top]).remove(0);
            said.chunks_exact_mut(LOGITS).for_each(heads::softmax);
            for (target, said) in targets.iter_mut().zip(&said) {
                *target += self.weight * (said - *target);
            }
        }
    }
}

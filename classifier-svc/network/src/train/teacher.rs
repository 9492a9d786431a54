//! Distillation (Hinton et al. 2015; Furlanello et al. 2018): a network learns from the labels and from the answers of
//! a trained network for the same view. Where labels are noisy, those answers help much.

use std::path::Path;

use anyhow::{Context, ensure};
use deepface_attributes::Schema;
use deepface_files::sha256;

use super::frozen::Frozen;
use crate::{Heads, Preprocessing, weights::Weights};

/// A trained network that others learn from.
pub(super) struct Teacher {
    network: Frozen,
    heads: Heads,
    /// SHA-256 of its file.
    pub(super) digest: String,
}

impl Teacher {
    /// Reads a teacher for pupils with this input and these attributes.
    ///
    /// # Errors
    /// The file is not a model, or its input or its attributes differ from the pupil's.
    pub(super) fn load(
        path: &Path,
        input: usize,
        preprocessing: &Preprocessing,
        schema: &Schema,
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
            "--teacher: expected a model with an input of {input} pixels, got {side}"
        );
        ensure!(
            description.preprocessing == *preprocessing,
            "--teacher: expected a model that reads pixels as {preprocessing}, got {}",
            description.preprocessing
        );
        ensure!(
            description.schema == *schema,
            "--teacher: expected a model with the attributes that are learned, got others"
        );
        Ok(Self {
            heads: Heads::of(schema),
            network: Frozen::new(&description.architecture, &parameters),
            digest: sha256(&file),
        })
    }

    /// Probabilities of every head, `[n, logits]`, of images `[n, 3, S, S]` as the network expects them.
    fn say(&mut self, images: &[f32]) -> Vec<f32> {
        let mut said = self.network.activations(images);
        self.heads.softmaxes(&mut said);
        said
    }
}

/// Moves targets, `[n, logits]`, by a share `weight` of the way towards the mean of the teachers' answers.
pub(super) fn correct(teachers: &mut [Teacher], weight: f32, images: &[f32], targets: &mut [f32]) {
    if teachers.is_empty() {
        return;
    }
    targets.iter_mut().for_each(|t| *t *= 1.0 - weight);
    let share = weight / teachers.len() as f32;
    for teacher in teachers {
        for (target, said) in targets.iter_mut().zip(teacher.say(images)) {
            *target += share * said;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Architecture, noise::noise, parameters::Parameters, random};

    /// A network that gives every image the same answer: only the bias of its heads is not zero.
    fn teacher(folder: &Path, bias: f32) -> Teacher {
        let mut weights = random::weights(Architecture::tiny());
        for values in weights
            .parameters
            .iter_mut()
            .flat_map(Parameters::values_mut)
        {
            *values = 0.0;
        }
        if let Some(heads) = weights.parameters.last_mut() {
            heads.bias[0] = bias;
        }
        let preprocessing = crate::train::preprocessing();
        let path = folder.join("teacher.safetensors");
        weights.description.preprocessing = preprocessing.clone();
        weights.write(&path, false).unwrap();
        let wrong = Teacher::load(&path, 64, &preprocessing, &Schema::default())
            .err()
            .unwrap();
        let said = "--teacher: expected a model with an input of 64 pixels, got 32";
        assert_eq!(wrong.to_string(), said);
        Teacher::load(&path, 32, &preprocessing, &Schema::default()).unwrap()
    }

    #[test]
    fn targets_move_towards_the_mean_of_the_teachers() {
        let folder = tempfile::tempdir().unwrap();
        // The first head is that of one attribute: three to one for it, then one to three.
        let odds = 3.0_f32.ln();
        let mut teachers = [odds, -odds].map(|bias| teacher(folder.path(), bias));
        let images = noise(1, 2 * 3 * 32 * 32);
        let mut targets = vec![0.0; 2 * 115];
        correct(&mut teachers[..1], 0.5, &images, &mut targets);
        for image in targets.chunks_exact(115) {
            assert!((image[0] - 0.375).abs() < 1e-6, "{}", image[0]);
        }
        let mut targets = vec![1.0; 2 * 115];
        correct(&mut teachers, 0.5, &images, &mut targets);
        assert!((targets[0] - (0.5 + 0.25)).abs() < 1e-6, "{}", targets[0]);
        let mut same = targets.clone();
        correct(&mut [], 0.5, &images, &mut same);
        assert_eq!(same, targets);
    }
}

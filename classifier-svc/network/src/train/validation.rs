//! How far training has come: accuracy and AUC on the validation faces after an epoch.

use super::{
    Training,
    calibration::{Scores, served},
    data::Faces,
    source::{Cached, Source},
    trainee::Trainee,
};
use crate::heads::{self, LOGITS};

impl Training<'_> {
    /// Mean accuracy and AUC on faces: of the model that would be served now, or, where the activations of the stages
    /// that do not learn are on the disk, of the stages above them.
    ///
    /// # Errors
    /// The cache cannot be read, or the model fails.
    pub(super) fn validate(&mut self, faces: &Faces) -> anyhow::Result<(f64, f64)> {
        let scores = match &self.source {
            Source::Cached(cached) => {
                let batch = self.args.batch;
                let probabilities = probabilities(&mut self.trainee, cached, faces, batch)?;
                Scores::new(&probabilities, faces)
            }
            Source::Pixels | Source::Fresh(_) => {
                let folded = self.fold()?;
                Scores::of(&mut served(&self.weights(folded))?, faces)?
            }
        };
        Ok(scores.summary())
    }
}

/// Probabilities of every head, `[n, 115]`, for faces whose activations below the trainee are cached.
fn probabilities(
    trainee: &mut Trainee,
    cached: &Cached,
    faces: &Faces,
    batch: usize,
) -> anyhow::Result<Vec<f32>> {
    let all = faces.labels.len();
    let mut probabilities = Vec::with_capacity(all * LOGITS);
    for first in (0..all).step_by(batch) {
        let n = batch.min(all - first);
        let inputs = cached.faces(first..first + n)?;
        probabilities.extend(trainee.logits(&inputs, n));
    }
    heads::softmaxes(&mut probabilities);
    Ok(probabilities)
}

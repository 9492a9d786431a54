//! How far training has come: accuracy and AUC on the validation faces after an epoch.

use super::{
    Training,
    calibration::{Scores, served},
    data::Faces,
    source::{Cached, Source},
    trainee::Trainee,
};
use crate::Heads;

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
                let heads = &self.loss.heads;
                let probabilities = probabilities(&mut self.trainee, heads, cached, faces, batch)?;
                Scores::new(heads, &probabilities, faces)
            }
            Source::Pixels | Source::Fresh(_) => {
                let folded = self.fold()?;
                Scores::of(&mut served(&self.weights(folded))?, faces)?
            }
        };
        Ok(scores.summary())
    }
}

/// Probabilities of every head, `[n, logits]`, for faces whose activations below the trainee are cached.
fn probabilities(
    trainee: &mut Trainee,
    heads: &Heads,
    cached: &Cached,
    faces: &Faces,
    batch: usize,
) -> anyhow::Result<Vec<f32>> {
    let all = faces.labels.len();
    let mut probabilities = Vec::with_capacity(all * heads.logits());
    for first in (0..all).step_by(batch) {
        let n = batch.min(all - first);
        let inputs = cached.faces(first..first + n)?;
        probabilities.extend(trainee.logits(&inputs, n));
    }
    heads.softmaxes(&mut probabilities);
    Ok(probabilities)
}

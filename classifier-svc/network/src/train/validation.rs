//! How far training has come: figures of the validation faces after an epoch.

use super::{
    Training,
    calibration::scores,
    data::Faces,
    likeness,
    source::{Cached, Source},
    task::Task,
    trainee::Trainee,
};
use crate::{
    Heads,
    measure::{Figure, Scores},
    seal::served,
};

impl Training<'_> {
    /// Figures of faces, mean accuracy and AUC or how well people are told apart: of the model that would be served now,
    /// or, where the activations of the stages that do not learn are on the disk, of the stages above them.
    ///
    /// # Errors
    /// The cache cannot be read, or the model fails.
    pub(super) fn validate(&mut self, faces: &Faces) -> anyhow::Result<Vec<Figure>> {
        if let Task::People { .. } = self.task {
            let folded = self.fold()?;
            let mut model = served(&self.weights(folded))?;
            return Ok(vec![likeness::figure(&mut model, faces)?]);
        }
        let scores = match &self.source {
            Source::Cached(cached) => {
                let batch = self.args.batch;
                let heads = &Heads::of(&self.schema);
                let probabilities = probabilities(&mut self.trainee, heads, cached, faces, batch)?;
                Scores::new(heads, &probabilities, &faces.truth)
            }
            Source::Pixels | Source::Fresh(_) => {
                let folded = self.fold()?;
                scores(&mut served(&self.weights(folded))?, faces)?
            }
        };
        Ok(scores.summary().into())
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
    let all = faces.truth.len();
    let mut probabilities = Vec::with_capacity(all * heads.logits());
    for first in (0..all).step_by(batch) {
        let n = batch.min(all - first);
        let inputs = cached.faces(first..first + n)?;
        probabilities.extend(trainee.logits(&inputs, n));
    }
    heads.softmaxes(&mut probabilities);
    Ok(probabilities)
}

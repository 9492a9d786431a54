//! Measuring: thresholds, metrics and the mean of fc7, computed by the very model that the weights are served as.

use super::{data::Faces, metrics, report::Figure};
use crate::{
    AttributeMetrics, DeviceChoice, Heads, Model, ModelError, Thresholds, weights::Weights,
};

/// The probabilities of some faces, and their labels.
pub(super) struct Scores<'a> {
    /// `[n, attributes]`.
    probabilities: Vec<f32>,
    faces: &'a Faces,
}

impl<'a> Scores<'a> {
    /// The attributes among the probabilities of all heads, `[n, logits]`.
    pub(super) fn new(heads: &Heads, probabilities: &[f32], faces: &'a Faces) -> Self {
        Self {
            probabilities: heads.attributes(probabilities),
            faces,
        }
    }

    /// What a model says of faces.
    ///
    /// # Errors
    /// The model fails.
    pub(super) fn of(model: &mut Model, faces: &'a Faces) -> Result<Self, ModelError> {
        let probabilities = model.probabilities(&faces.pixels, faces.len())?;
        Ok(Self::new(&model.info().heads, &probabilities, faces))
    }

    /// The probabilities of one attribute and its labels.
    fn column(&self, attribute: usize) -> (Vec<f32>, Vec<bool>) {
        let probabilities = self.probabilities.iter().skip(attribute);
        let labels = self.faces.labels.iter().map(|labels| labels[attribute]);
        let probabilities = probabilities.step_by(self.faces.known.len()).copied();
        (probabilities.collect(), labels.collect())
    }

    /// Metrics of every attribute at its thresholds; none where there are no labels.
    fn metrics(&self, thresholds: &[Thresholds]) -> Vec<Option<AttributeMetrics>> {
        let all = thresholds.iter().enumerate();
        let metrics = all.map(|(attribute, thresholds)| {
            let (p, labels) = self.column(attribute);
            let measured = metrics::measure(&p, &labels, *thresholds);
            measured.filter(|_| self.faces.known[attribute])
        });
        metrics.collect()
    }

    /// Mean accuracy, at thresholds of one half, and mean AUC over the attributes that can be measured.
    pub(super) fn summary(&self) -> [Figure; 2] {
        let all = self.metrics(&vec![Thresholds::default(); self.faces.known.len()]);
        let all: Vec<AttributeMetrics> = all.into_iter().flatten().collect();
        let mean = |f: fn(&AttributeMetrics) -> f32| {
            all.iter().map(|m| f64::from(f(m))).sum::<f64>() / all.len().max(1) as f64
        };
        let figure = |name, of: fn(&AttributeMetrics) -> f32| Figure {
            name,
            value: mean(of),
        };
        [figure("accuracy", |m| m.accuracy), figure("AUC", |m| m.auc)]
    }
}

/// The model of some weights, as the service computes it.
///
/// # Errors
/// It cannot be made.
pub(super) fn served(weights: &Weights) -> Result<Model, ModelError> {
    let threads = rayon::current_num_threads();
    Model::from_weights(weights, String::new(), DeviceChoice::Cpu, threads)
}

/// Puts into the weights what their own model computes: thresholds and the mean of fc7 from the validation faces,
/// metrics from the test faces. Attributes without labels stay at one half and unmeasured. `positives` is the share of the training photographs that have an attribute.
///
/// # Errors
/// The model fails.
pub(super) fn measure(
    weights: &mut Weights,
    validation: &Faces,
    test: &Faces,
    positives: impl Fn(usize) -> f32,
) -> Result<(), ModelError> {
    let mut model = served(weights)?;
    let scores = Scores::of(&mut model, validation)?;
    let threshold = |attribute: usize| {
        if !validation.known[attribute] {
            return Thresholds::default();
        }
        let (p, labels) = scores.column(attribute);
        Thresholds {
            accurate: metrics::best_threshold(&p, &labels),
            balanced: metrics::balanced_threshold(&p, &labels, positives(attribute)),
        }
    };
    let thresholds: Vec<_> = (0..validation.known.len()).map(threshold).collect();
    weights.description.metrics = Scores::of(&mut model, test)?.metrics(&thresholds);
    weights.description.thresholds = thresholds;
    weights.fc7_mean = mean(&fc7(&mut model, validation)?, validation.len());
    Ok(())
}

/// The activations of fc7 of faces, `[n, features]`.
///
/// # Errors
/// The model fails.
pub(super) fn fc7(model: &mut Model, faces: &Faces) -> Result<Vec<f32>, ModelError> {
    let fc7 = model.info().layer("fc7").expect("every VGG has an fc7");
    Ok(model
        .activations(&faces.pixels, faces.len(), &[fc7])?
        .remove(0))
}

/// The mean of the activations of `n` faces.
pub(super) fn mean(activations: &[f32], n: usize) -> Vec<f32> {
    let mut mean = vec![0.0; activations.len() / n.max(1)];
    // One face after the other: another order would give other bits.
    for face in activations.chunks_exact(mean.len().max(1)) {
        let both = mean.iter_mut().zip(face);
        both.for_each(|(m, a)| *m += a / n as f32);
    }
    mean
}

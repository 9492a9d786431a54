//! What a network says of labelled faces, and how good that is.

use deepface_dataset::{Photograph, person_numbers, person_weights};

use super::{figure::Figure, metrics::Column};
use crate::{AttributeMetrics, Heads, Thresholds};

/// What is known of some faces.
pub(crate) struct Truth {
    /// Labels per face.
    pub(crate) labels: Vec<Vec<bool>>,
    /// Whether there are labels for each attribute.
    pub(crate) known: Vec<bool>,
    /// Number of the person per face, from 0.
    pub(crate) people: Vec<usize>,
    /// How much each face counts: people count alike.
    pub(crate) weights: Vec<f64>,
}

impl Truth {
    /// What the labels of photographs say; `known` says which attributes have labels.
    pub(crate) fn of(photographs: &[&Photograph], known: &[bool]) -> Self {
        let people = person_numbers(photographs);
        Self {
            labels: photographs.iter().map(|p| p.labels.clone()).collect(),
            known: known.to_vec(),
            weights: person_weights(&people),
            people,
        }
    }

    /// Number of faces.
    pub(crate) fn len(&self) -> usize {
        self.people.len()
    }

    /// Number of people.
    pub(crate) fn count_people(&self) -> usize {
        self.people.iter().max().map_or(0, |last| last + 1)
    }

    /// Share of the people that have an attribute.
    pub(crate) fn positives(&self, attribute: usize) -> f32 {
        let all = self.labels.iter().zip(&self.weights);
        let having = all.filter(|(labels, _)| labels[attribute]);
        let having: f64 = having.map(|(_, weight)| weight).sum();
        (having / self.weights.iter().sum::<f64>()) as f32
    }
}

/// The probabilities of some faces, and what is true.
pub(crate) struct Scores<'a> {
    /// `[n, attributes]`.
    probabilities: Vec<f32>,
    pub(super) truth: &'a Truth,
}

impl<'a> Scores<'a> {
    /// The attributes among the probabilities of all heads, `[n, logits]`.
    pub(crate) fn new(heads: &Heads, probabilities: &[f32], truth: &'a Truth) -> Self {
        Self {
            probabilities: heads.attributes(probabilities),
            truth,
        }
    }

    /// One attribute; `None` where it has no labels.
    pub(super) fn column(&self, attribute: usize) -> Option<Column> {
        let all = self.truth.known.len();
        let probabilities = self.probabilities.iter().skip(attribute).step_by(all);
        let labels = self.truth.labels.iter().map(|labels| labels[attribute]);
        self.truth.known[attribute].then(|| Column {
            probabilities: probabilities.copied().collect(),
            labels: labels.collect(),
            weights: self.truth.weights.clone(),
        })
    }

    /// Metrics of every attribute at its thresholds; none where there are no labels.
    pub(super) fn metrics(&self, thresholds: &[Thresholds]) -> Vec<Option<AttributeMetrics>> {
        let all = thresholds.iter().enumerate();
        let metrics = all.map(|(attribute, &at)| self.column(attribute)?.measure(at));
        metrics.collect()
    }

    /// Mean accuracy, at thresholds of one half, and mean AUC over the attributes that can be measured.
    pub(crate) fn summary(&self) -> [Figure; 2] {
        let all = self.metrics(&vec![Thresholds::default(); self.truth.known.len()]);
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

//! What can be differentiated with respect to the image.

use std::sync::Arc;

use super::{AttributeTarget, Heads, ModelError};

/// One term of the loss.
#[derive(Clone, Debug)]
pub struct Objective {
    /// Factor of the term.
    pub weight: f64,
    /// What it measures.
    pub term: Term,
}

impl Objective {
    /// The layer whose activation it looks at.
    pub(crate) fn layer(&self, heads: usize) -> usize {
        match &self.term {
            Term::SquaredDistance { layer, .. } | Term::VectorJacobianProduct { layer, .. } => {
                *layer
            }
            Term::AttributeLikelihood(_) | Term::AttributeProbability(_) => heads,
        }
    }

    /// Checks that the layer exists and the target has its size. `sizes` are those of every layer.
    pub(crate) fn check(&self, sizes: &[usize]) -> Result<(), ModelError> {
        let (what, layer, actual) = match &self.term {
            Term::SquaredDistance { layer, target, .. } => ("target", *layer, target.len()),
            Term::VectorJacobianProduct { layer, cotangent } => {
                ("cotangent", *layer, cotangent.len())
            }
            Term::AttributeLikelihood(_) | Term::AttributeProbability(_) => return Ok(()),
        };
        let expected = sizes.get(layer).copied().unwrap_or(0);
        if actual == expected {
            return Ok(());
        }
        Err(ModelError::Size {
            what,
            expected,
            actual,
        })
    }

    /// The weighted value for one image's activation, which is replaced by the gradient with respect to it.
    pub(crate) fn evaluate(&self, heads: &Heads, activation: &mut [f32]) -> f64 {
        match &self.term {
            Term::SquaredDistance {
                target, normalized, ..
            } => {
                let norm: f64 = target.iter().map(|&t| f64::from(t) * f64::from(t)).sum();
                let factor = if *normalized {
                    self.weight / norm.max(1e-12)
                } else {
                    self.weight
                };
                let mut loss = 0.0;
                for (a, &t) in activation.iter_mut().zip(target.iter()) {
                    let difference = f64::from(*a) - f64::from(t);
                    loss += difference * difference;
                    *a = (2.0 * factor * difference) as f32;
                }
                factor * loss
            }
            Term::VectorJacobianProduct { cotangent, .. } => {
                let mut loss = 0.0;
                for (a, &c) in activation.iter_mut().zip(cotangent.iter()) {
                    loss += f64::from(*a) * f64::from(c);
                    *a = (self.weight * f64::from(c)) as f32;
                }
                self.weight * loss
            }
            Term::AttributeLikelihood(targets) => {
                let logits = activation.to_vec();
                activation.fill(0.0);
                let nll = |t: &AttributeTarget| {
                    let weight = self.weight * t.weight;
                    heads.negative_log_likelihood(&logits, t, weight, activation)
                };
                targets.iter().map(nll).sum()
            }
            Term::AttributeProbability(targets) => {
                let mut probabilities = activation.to_vec();
                heads.softmax(&mut probabilities);
                activation.fill(0.0);
                let value = |t: &AttributeTarget| {
                    let weight = self.weight * t.weight;
                    heads.negative_probability(&probabilities, t, weight, activation)
                };
                targets.iter().map(value).sum()
            }
        }
    }
}

/// What a term measures. Layers are indices into [`super::ModelInfo::layers`]; targets have the layer's size.
#[derive(Clone, Debug)]
pub enum Term {
    /// `|a - target|^2`, over `|target|^2` where normalized (paper, eq. 1).
    SquaredDistance {
        /// The layer.
        layer: usize,
        /// The target activation.
        target: Arc<[f32]>,
        /// Whether to divide by the squared norm of the target.
        normalized: bool,
    },
    /// Minus the log-likelihood of attributes (paper, section 3.3.1).
    AttributeLikelihood(Arc<[AttributeTarget]>),
    /// Minus the probabilities of attributes (paper, section 3.3.1, step 2).
    AttributeProbability(Arc<[AttributeTarget]>),
    /// `<cotangent, a>`.
    VectorJacobianProduct {
        /// The layer.
        layer: usize,
        /// The cotangent.
        cotangent: Arc<[f32]>,
    },
}

/// The result of [`super::Model::differentiate`].
#[derive(Clone, Debug, Default)]
pub struct Differentiated {
    /// Per image, the weighted value of every term, in the order of the objectives.
    pub losses: Vec<Vec<f64>>,
    /// `[n, 3, S, S]`.
    pub gradient: Vec<f32>,
    /// One `[n, ...]` array per returned layer.
    pub activations: Vec<Vec<f32>>,
}

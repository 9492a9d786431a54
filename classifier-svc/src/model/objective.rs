//! What can be differentiated with respect to the image.

use std::sync::Arc;

/// One term of the loss.
#[derive(Clone, Debug)]
pub struct Objective {
    /// Factor of the term.
    pub weight: f64,
    /// What it measures.
    pub term: Term,
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
    /// `<cotangent, a>`.
    VectorJacobianProduct {
        /// The layer.
        layer: usize,
        /// The cotangent.
        cotangent: Arc<[f32]>,
    },
}

/// What one attribute should be.
#[derive(Clone, Copy, Debug)]
pub struct AttributeTarget {
    /// Its number in the order of [`deepface_dataset::attributes`].
    pub attribute: usize,
    /// Whether it should be absent.
    pub absent: bool,
    /// Its factor.
    pub weight: f64,
}

/// The result of [`super::Model::differentiate`].
#[derive(Clone, Debug)]
pub struct Differentiated {
    /// Per image, the weighted value of every term, in the order of the objectives.
    pub losses: Vec<Vec<f64>>,
    /// `[n, 3, S, S]`.
    pub gradient: Vec<f32>,
    /// One `[n, ...]` array per returned layer.
    pub activations: Vec<Vec<f32>>,
}

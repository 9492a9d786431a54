//! What the model thread asks of a model.

use deepface_network::{Differentiated, Model, ModelError, ModelInfo, Part};

/// A model that one thread owns. See [`Model`] for what its methods mean.
pub trait Inference {
    /// What there is to know about it.
    fn info(&self) -> &ModelInfo;

    /// [`Model::probabilities`].
    ///
    /// # Errors
    /// As there.
    fn probabilities(&mut self, images: &[f32], n: usize) -> Result<Vec<f32>, ModelError>;

    /// [`Model::activations`].
    ///
    /// # Errors
    /// As there.
    fn activations(
        &mut self,
        images: &[f32],
        n: usize,
        layers: &[usize],
    ) -> Result<Vec<Vec<f32>>, ModelError>;

    /// [`Model::differentiate_parts`].
    ///
    /// # Errors
    /// As there.
    fn differentiate(
        &mut self,
        images: &[f32],
        parts: &[Part<'_>],
    ) -> Result<Vec<Differentiated>, ModelError>;
}

impl Inference for Model {
    fn info(&self) -> &ModelInfo {
        self.info()
    }

    fn probabilities(&mut self, images: &[f32], n: usize) -> Result<Vec<f32>, ModelError> {
        self.probabilities(images, n)
    }

    fn activations(
        &mut self,
        images: &[f32],
        n: usize,
        layers: &[usize],
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        self.activations(images, n, layers)
    }

    fn differentiate(
        &mut self,
        images: &[f32],
        parts: &[Part<'_>],
    ) -> Result<Vec<Differentiated>, ModelError> {
        self.differentiate_parts(images, parts)
    }
}

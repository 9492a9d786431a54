//! What the model thread asks of a model.

use deepface_network::{Differentiated, Model, ModelError, ModelInfo, Objective};

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

    /// [`Model::differentiate`].
    ///
    /// # Errors
    /// As there.
    fn differentiate(
        &mut self,
        images: &[f32],
        n: usize,
        objectives: &[Objective],
        return_layers: &[usize],
    ) -> Result<Differentiated, ModelError>;
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
        n: usize,
        objectives: &[Objective],
        return_layers: &[usize],
    ) -> Result<Differentiated, ModelError> {
        self.differentiate(images, n, objectives, return_layers)
    }
}

//! What evaluates images: their loss and its gradient. The generator has no network, so it asks.

/// The loss of an image and its gradient with respect to the pixels.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The terms of the loss, each weighted, in the order of the objectives.
    pub terms: Vec<f64>,
    /// `[3, S, S]`.
    pub gradient: Vec<f32>,
}

/// Something that evaluates images.
pub trait Oracle: Send {
    /// Why an image cannot be evaluated.
    type Error: Send;

    /// Evaluates pixels, `[3, S, S]`, 0 to 1.
    ///
    /// # Errors
    /// The image cannot be evaluated.
    fn evaluate(
        &mut self,
        pixels: Vec<f32>,
    ) -> impl Future<Output = Result<Evaluation, Self::Error>> + Send;
}

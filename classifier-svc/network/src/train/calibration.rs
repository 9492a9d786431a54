//! Measuring a network in training by the very model that its weights are served as.

use super::data::Faces;
use crate::{
    Heads, Model, ModelError,
    measure::{Scores, Truth, calibrate, scaling},
    seal::served,
    weights::Weights,
};

/// What a model says of faces.
///
/// # Errors
/// The model fails.
pub(super) fn scores<'a>(model: &mut Model, faces: &'a Faces) -> Result<Scores<'a>, ModelError> {
    let probabilities = model.probabilities(&faces.pixels, faces.truth.len())?;
    Ok(Scores::new(
        &model.info().heads,
        &probabilities,
        &faces.truth,
    ))
}

/// Calibrates the heads of the weights, and puts into them what their own model computes: thresholds and the mean of fc7
/// from the validation faces, metrics from the test faces. `train` is what is known of the training photographs.
///
/// # Errors
/// The model fails.
pub(super) fn measure(
    weights: &mut Weights,
    validation: &Faces,
    test: &Faces,
    train: &Truth,
) -> Result<(), ModelError> {
    let heads = Heads::of(&weights.description.schema);
    let logits = layer(&mut served(weights)?, "heads", validation)?;
    weights.calibrate_heads(&scaling::fit(&heads, &logits, &validation.truth))?;
    let mut model = served(weights)?;
    let (own, others) = (scores(&mut model, validation)?, scores(&mut model, test)?);
    calibrate(&mut weights.description, &own, &others, |attribute| {
        train.positives(attribute)
    });
    weights.fc7_mean = mean(&fc7(&mut model, validation)?, validation.truth.len());
    Ok(())
}

/// The activations of fc7 of faces, `[n, features]`.
///
/// # Errors
/// The model fails.
pub(super) fn fc7(model: &mut Model, faces: &Faces) -> Result<Vec<f32>, ModelError> {
    layer(model, "fc7", faces)
}

fn layer(model: &mut Model, name: &str, faces: &Faces) -> Result<Vec<f32>, ModelError> {
    let layer = model.info().layer(name).expect("every VGG has this layer");
    Ok(model
        .activations(&faces.pixels, faces.truth.len(), &[layer])?
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

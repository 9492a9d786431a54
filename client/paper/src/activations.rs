//! Activations of photographs, by a network in this process.

use deepface_dataset::Photograph;
use deepface_evaluate::Watch;
use deepface_network::Model;
use rayon::prelude::*;

use crate::error::PaperError;

/// Photographs that are in memory at once.
const BATCH: usize = 64;

/// Number of a layer of a network.
///
/// # Errors
/// The network has no such layer.
pub(crate) fn layer(model: &Model, name: &str) -> Result<usize, PaperError> {
    let found = model.info().layers.iter().position(|l| l.name == name);
    found.ok_or_else(|| PaperError::Data(format!("the network has no layer {name}")))
}

/// Shows photographs to a network: `see` gets the number of the first photograph of each batch and an array per layer,
/// `[batch, ...]`.
///
/// # Errors
/// A photograph cannot be read.
pub(crate) fn look(
    model: &mut Model,
    photographs: &[&Photograph],
    layers: &[usize],
    watch: &Watch,
    mut see: impl FnMut(usize, Vec<Vec<f32>>),
) -> Result<(), PaperError> {
    for (number, batch) in photographs.chunks(BATCH).enumerate() {
        watch.at("activations", number * BATCH, photographs.len());
        let images = faces(batch, model.info().input_size)?;
        see(
            number * BATCH,
            model.activations(&images, batch.len(), layers)?,
        );
    }
    Ok(())
}

/// The probabilities of the network's attributes for photographs: `[n, attributes]`.
///
/// # Errors
/// A photograph cannot be read.
pub(crate) fn probabilities(
    model: &mut Model,
    photographs: &[&Photograph],
    watch: &Watch,
) -> Result<Vec<f32>, PaperError> {
    let mut all = Vec::new();
    for (number, batch) in photographs.chunks(BATCH).enumerate() {
        watch.at("classifying", number * BATCH, photographs.len());
        let images = faces(batch, model.info().input_size)?;
        let probabilities = model.probabilities(&images, batch.len())?;
        all.extend(model.info().heads.attributes(&probabilities));
    }
    Ok(all)
}

/// Faces as a network sees them: `[n, 3, side, side]`, RGB, 0 to 1.
pub(crate) fn faces(photographs: &[&Photograph], side: usize) -> Result<Vec<f32>, PaperError> {
    let each = photographs
        .par_iter()
        .map(|p| Ok(p.face(&p.image()?, side)));
    Ok(each.collect::<Result<Vec<_>, PaperError>>()?.concat())
}

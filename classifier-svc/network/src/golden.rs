//! The golden output: what a network computes from a fixed image. It is kept in the weights file and compared on
//! loading.
//!
//! A file may be whole and its network still compute something else: because its weights were damaged before the file
//! was written, their layout changed, or a kernel is wrong on this processor. Such a model answers as readily as a good
//! one.

use deepface_statistics::Sample;

use crate::{ModelError, ModelInfo, noise::noise};

/// Layers that are kept: damage anywhere below shows in one of them.
pub(super) const LAYERS: [&str; 8] = [
    "pool1", "pool2", "pool3", "pool4", "pool5", "fc6", "fc7", "heads",
];

/// What a network computes from the golden image.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Golden {
    layers: Vec<Sample>,
}

impl Golden {
    /// What a network computed at the layers of these names.
    pub(super) fn of(names: Vec<String>, activations: &[Vec<f32>]) -> Self {
        let layers = names.into_iter().zip(activations);
        Self {
            layers: layers.map(|(name, a)| Sample::of(name, a)).collect(),
        }
    }

    /// The names of the layers that are kept.
    pub(super) fn names(&self) -> Vec<String> {
        self.layers.iter().map(|l| l.name().to_owned()).collect()
    }

    /// Checks that a network computed the same, up to a share `tolerance` of the largest value.
    ///
    /// # Errors
    /// It did not.
    pub(super) fn compare(&self, found: &Self, tolerance: f32) -> Result<(), ModelError> {
        Sample::compare_all(&self.layers, &found.layers, tolerance).map_err(|problem| {
            ModelError::Weights(format!(
                "golden output: layer {problem}; the weights are damaged, or this program computes wrong values on \
                 this machine"
            ))
        })
    }

    /// Checks that everything kept is finite.
    ///
    /// # Errors
    /// A layer is not.
    pub(super) fn check_finite(&self) -> Result<(), ModelError> {
        match self.layers.iter().find(|l| !l.is_finite()) {
            None => Ok(()),
            Some(layer) => Err(ModelError::Weights(format!(
                "the network computes values that are not finite at layer {:?}",
                layer.name()
            ))),
        }
    }
}

/// The indices of layers in [`ModelInfo::layers`].
pub(super) fn indices(info: &ModelInfo, names: &[String]) -> Result<Vec<usize>, ModelError> {
    let index = |name: &String| {
        let index = info.layer(name);
        index.ok_or_else(|| ModelError::Weights(format!("golden output: unknown layer {name:?}")))
    };
    names.iter().map(index).collect()
}

/// The golden image, `[3, side, side]`, RGB, 0 to 1: noise over a different ramp for each channel, so that no two
/// channels can be exchanged unnoticed. It is not a photograph.
pub(super) fn image(side: usize) -> Vec<f32> {
    let noise = noise(0x601D, 3 * side * side);
    let pixel = |(i, noise): (usize, f32)| {
        let (c, y, x) = (i / (side * side), i / side % side, i % side);
        let ramp = [x, y, side - 1 - x][c] as f32 / side as f32;
        0.6 * ramp + 0.2 + 0.2 * noise
    };
    noise.into_iter().enumerate().map(pixel).collect()
}

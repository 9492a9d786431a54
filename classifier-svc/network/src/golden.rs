//! The golden output: what a network computes from a fixed image. It is kept in the weights file and compared on
//! loading.
//!
//! A file may be whole and its network still compute something else: because its weights were damaged before the file
//! was written, their layout changed, or a kernel is wrong on this processor. Such a model answers as readily as a good
//! one.

use crate::{ModelError, ModelInfo, noise::noise};

/// Layers that are kept: damage anywhere below shows in one of them.
pub(super) const LAYERS: [&str; 8] = [
    "pool1", "pool2", "pool3", "pool4", "pool5", "fc6", "fc7", "heads",
];
/// Number of single values that are kept of a layer, and of means over equal parts.
const KEPT: usize = 16;

/// What a network computes from the golden image.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Golden {
    layers: Vec<Layer>,
}

/// What is kept of a layer.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Layer {
    name: String,
    /// Largest absolute value.
    largest: f32,
    /// Some of the values, spread evenly.
    values: Vec<f32>,
    /// Means of equal parts, one after the other.
    means: Vec<f32>,
}

impl Golden {
    /// What a network computed at the layers of these names.
    pub(super) fn of(names: Vec<String>, activations: &[Vec<f32>]) -> Self {
        let layers = names.into_iter().zip(activations);
        Self {
            layers: layers.map(|(name, a)| Layer::of(name, a)).collect(),
        }
    }

    /// The names of the layers that are kept.
    pub(super) fn names(&self) -> Vec<String> {
        self.layers.iter().map(|l| l.name.clone()).collect()
    }

    /// Checks that a network computed the same, up to a share `tolerance` of the largest value.
    ///
    /// # Errors
    /// It did not.
    pub(super) fn compare(&self, found: &Self, tolerance: f32) -> Result<(), ModelError> {
        let mut pairs = self.layers.iter().zip(&found.layers);
        pairs
            .try_for_each(|(expected, got)| expected.compare(got, tolerance))
            .map_err(|problem| ModelError::Weights(format!("golden output: {problem}")))
    }

    /// Checks that everything kept is finite.
    ///
    /// # Errors
    /// A layer is not.
    pub(super) fn check_finite(&self) -> Result<(), ModelError> {
        match self.layers.iter().find(|l| !l.finite()) {
            None => Ok(()),
            Some(layer) => Err(ModelError::Weights(format!(
                "the network computes values that are not finite at layer {:?}",
                layer.name
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

impl Layer {
    fn of(name: String, activation: &[f32]) -> Self {
        let part = activation.len().div_ceil(KEPT).max(1);
        let mean = |part: &[f32]| {
            let sum: f64 = part.iter().copied().map(f64::from).sum();
            (sum / part.len() as f64) as f32
        };
        Self {
            name,
            largest: largest(activation),
            values: activation.iter().step_by(part).copied().collect(),
            means: activation.chunks(part).map(mean).collect(),
        }
    }

    fn finite(&self) -> bool {
        let all = self.values.iter().chain(&self.means);
        all.chain([&self.largest]).all(|x| x.is_finite())
    }

    fn compare(&self, got: &Self, tolerance: f32) -> Result<(), String> {
        for (what, expected, got, scale) in [
            (
                "largest value",
                std::slice::from_ref(&self.largest),
                std::slice::from_ref(&got.largest),
                self.largest,
            ),
            ("value", &self.values, &got.values, self.largest),
            ("mean", &self.means, &got.means, largest(&self.means)),
        ] {
            let (name, count) = (&self.name, got.len());
            if expected.len() != count {
                return Err(format!(
                    "layer {name:?}, {what}: expected {}, got {count}",
                    expected.len()
                ));
            }
            // Not "more than": a NaN must not pass.
            let near = |(e, g): (&f32, &f32)| (e - g).abs() <= tolerance * scale;
            if let Some(i) = expected.iter().zip(got).position(|pair| !near(pair)) {
                return Err(format!(
                    "layer {name:?}, {what} {} of {count}: expected {}, got {}; the weights are damaged, or this \
                     program computes wrong values on this machine",
                    i + 1,
                    expected[i],
                    got[i]
                ));
            }
        }
        Ok(())
    }
}

/// The largest absolute value; NaN where one is NaN.
fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest: f32, x| match x.is_nan() {
        true => f32::NAN,
        false if largest.is_nan() => largest,
        false => largest.max(x.abs()),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: f32 = 1e-3;

    #[test]
    fn a_nan_does_not_pass() {
        let layer = |x: f32| Layer::of("fc7".into(), &[1.0, x, 0.5]);
        assert!(layer(0.25).compare(&layer(0.25), TOLERANCE).is_ok());
        assert!(layer(0.25).compare(&layer(f32::NAN), TOLERANCE).is_err());
        assert!(
            layer(f32::NAN)
                .compare(&layer(f32::NAN), TOLERANCE)
                .is_err()
        );
        assert!(!layer(f32::INFINITY).finite());
    }
}

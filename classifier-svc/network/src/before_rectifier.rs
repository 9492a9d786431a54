//! What a stage computes before its rectifier, which no activation shows: for studying distributions, not for serving.

use crate::{Architecture, ModelError, arch::Stage, candle, weights::WeightsFile};

/// One convolution or fully connected layer with its weights, without the rectifier behind it.
pub struct BeforeRectifier {
    stage: candle::One,
    /// Values that it reads, and computes, for one image.
    sizes: [usize; 2],
}

impl BeforeRectifier {
    /// The stage of a weights file with this name, such as `conv4_3` or `fc6`.
    ///
    /// # Errors
    /// The file is not a model of this project, or has no stage with weights of this name.
    pub fn load(file: &[u8], name: &str) -> Result<Self, ModelError> {
        let weights = WeightsFile::open(file)?;
        let stages = weights.description.architecture.stages();
        let stage = stages
            .iter()
            .find(|stage| stage.name == name && stage.weight_shape().is_some());
        let stage = stage.ok_or_else(|| {
            ModelError::Weights(format!("expected a stage with weights, got {name:?}"))
        })?;
        let parameters = weights.stage(stage)?;
        Ok(Self {
            sizes: sizes(&weights.description.architecture, stage),
            stage: candle::One::new(stage, &parameters)?,
        })
    }

    /// From the activations of the stage below, `[n, ...]`, to the values before the rectifier, `[n, ...]`.
    ///
    /// # Errors
    /// `below` has the wrong size.
    pub fn of(&self, below: &[f32], n: usize) -> Result<Vec<f32>, ModelError> {
        let expected = n * self.sizes[0];
        if below.len() != expected {
            return Err(ModelError::Size {
                what: "activations",
                expected,
                actual: below.len(),
            });
        }
        Ok(self.stage.forward(below, n)?)
    }

    /// Number of values for one image.
    pub fn size(&self) -> usize {
        self.sizes[1]
    }
}

/// Values that a stage reads, and computes, for one image.
fn sizes(architecture: &Architecture, stage: &Stage) -> [usize; 2] {
    let stages = architecture.stages();
    let below = stages.iter().take_while(|s| s.name != stage.name).last();
    let image = 3 * architecture.input * architecture.input;
    let read = below.map_or(image, |s| s.shape().iter().product());
    [read, stage.shape().iter().product()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeviceChoice, Model, write_random};

    #[test]
    fn rectified_it_is_the_activation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.safetensors");
        write_random(Architecture::tiny(), &path).unwrap();
        let file = std::fs::read(&path).unwrap();
        let mut model = Model::load(&file, DeviceChoice::Cpu, 1).unwrap();
        let pixels = 3 * 32 * 32;
        let images: Vec<f32> = (0..2 * pixels)
            .map(|i| (i * 7919 % 256) as f32 / 255.0)
            .collect();
        for name in ["conv1_1", "conv4_3", "fc6", "heads"] {
            let before = BeforeRectifier::load(&file, name).unwrap();
            let layers = model.info().layers.iter();
            let at = layers.clone().position(|l| l.name == name).unwrap();
            let below = match at {
                0 => model.prepared(&images),
                at => model.activations(&images, 2, &[at - 1]).unwrap().remove(0),
            };
            let expected = model.activations(&images, 2, &[at]).unwrap().remove(0);
            let values = before.of(&below, 2).unwrap();
            assert_eq!(values.len(), 2 * before.size());
            assert!(values.iter().any(|&v| v < 0.0), "{name}");
            for (value, expected) in values.iter().zip(expected) {
                let value = if name == "heads" {
                    *value
                } else {
                    value.max(0.0)
                };
                assert!(
                    (value - expected).abs() < 1e-3,
                    "{name}: {value} {expected}"
                );
            }
            assert!(before.of(&below[1..], 2).is_err());
        }
        let refused = BeforeRectifier::load(&file, "pool5")
            .err()
            .unwrap()
            .to_string();
        assert!(refused.contains("got \"pool5\""), "{refused}");
    }
}

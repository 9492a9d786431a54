//! Random networks: to measure the time that an architecture takes, and to test with.

use std::path::Path;

use crate::{
    Architecture, ChannelOrder, Description, DeviceChoice, Model, ModelError, Preprocessing,
    noise::noise, parameters::Parameters, weights::Weights,
};

impl Model {
    /// An untrained network with fixed random weights: to measure its time.
    ///
    /// # Errors
    /// The device is missing.
    pub fn random(
        architecture: Architecture,
        device: DeviceChoice,
        threads: usize,
    ) -> Result<Self, ModelError> {
        Self::from_weights(&weights(architecture), "random".into(), device, threads)
    }
}

/// Writes the weights file of a network with fixed random weights: to test what serves one.
///
/// # Errors
/// The file cannot be written.
pub fn write_random(architecture: Architecture, path: &Path) -> Result<(), ModelError> {
    weights(architecture).write(path, false)
}

/// The weights of `tests/golden/vgg.py`, scaled so that activations stay about as large from stage to stage.
pub(crate) fn weights(architecture: Architecture) -> Weights {
    let mut seed = 0;
    let stages = architecture.stages();
    let parameters = stages.iter().map(|stage| {
        let Some(shape) = stage.weight_shape() else {
            return Parameters::default();
        };
        seed += 2;
        let fan_in: usize = shape[1..].iter().product();
        let scale = (6.0 / fan_in as f64).sqrt() as f32;
        let scaled = |seed, n, scale: f32| noise(seed, n).iter().map(|x| x * scale).collect();
        Parameters {
            weight: scaled(seed, shape.iter().product(), scale),
            bias: scaled(seed + 1, stage.outputs(), 0.1),
        }
    });
    let preprocessing = Preprocessing {
        order: ChannelOrder::Rgb,
        mean: [120.0; 3],
        scale: 1.0 / 64.0,
    };
    Weights {
        parameters: parameters.collect(),
        fc7_mean: vec![0.0; architecture.features],
        description: Description::new(architecture, preprocessing, "none"),
    }
}

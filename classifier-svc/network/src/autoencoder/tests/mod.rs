//! Whole runs on made-up faces, and gradients against finite differences.

mod coder;
mod command;
mod files;
mod gradients;
mod runs;
pub(super) mod slopes;

use deepface_attributes::Schema;

use super::{Data, Face, Settings, Topology};
use crate::{Architecture, noise::noise, random::weights};

/// Side of the faces.
const SIDE: usize = 16;
const NAMES: [&str; 3] = ["Bright", "Red", "Striped"];

fn schema() -> Schema {
    Schema::ungrouped(NAMES).unwrap()
}

fn topology() -> Topology {
    Topology {
        side: SIDE,
        channels: vec![16, 16],
        latent: 6,
        fold: 2,
    }
}

fn settings() -> Settings {
    Settings {
        topology: topology(),
        epochs: 6,
        batch: 8,
        learning_rate: 5e-3,
        pixel_weight: 1.0,
        perceptual_weight: 20.0,
        perceptual_layers: vec!["conv1_2".into(), "conv2_1".into()],
        perceptual_side: 32,
        perceptual_share: 1.0,
        matching_weight: 0.2,
        matching_layers: vec!["conv3_1".into()],
        adversarial_weight: 0.1,
        beta: 0.5,
        ..Settings::default()
    }
}

/// The weights file of a small classifier.
fn classifier() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    weights(Architecture::tiny()).write(&path, false).unwrap();
    std::fs::read(path).unwrap()
}

/// Faces whose pixels follow their labels, and some noise.
fn faces(n: usize, seed: u64) -> Vec<Face> {
    let face = |number: usize| {
        let random = noise(seed + number as u64, 4);
        let labels: Vec<bool> = random[..3].iter().map(|&x| x > 0.0).collect();
        let mut pixels = vec![0.0; 3 * SIDE * SIDE];
        for (at, pixel) in pixels.iter_mut().enumerate() {
            let (c, y, x) = (at / (SIDE * SIDE), at / SIDE % SIDE, at % SIDE);
            let bright = if labels[0] { 0.65 } else { 0.3 };
            let red = if labels[1] && c == 0 { 0.2 } else { 0.0 };
            let striped = if labels[2] && y % 4 < 2 { 0.1 } else { 0.0 };
            let slope = 0.1 * random[3] * (x as f32 / SIDE as f32 - 0.5);
            *pixel = bright + red + striped + slope;
        }
        Face::new(&pixels, SIDE, labels)
    };
    (0..n).map(face).collect()
}

/// Faces to learn from and to validate with, and all else that training reads.
struct Case {
    train: Vec<Face>,
    validation: Vec<Face>,
    schema: Schema,
    classifier: Vec<u8>,
}

impl Case {
    fn new() -> Self {
        Self {
            train: faces(48, 100),
            validation: faces(10, 900),
            schema: schema(),
            classifier: classifier(),
        }
    }

    fn data(&self) -> Data<'_> {
        Data {
            train: &self.train,
            validation: &self.validation,
            schema: &self.schema,
            license: "test",
            classifier: Some(&self.classifier),
            start: None,
        }
    }
}

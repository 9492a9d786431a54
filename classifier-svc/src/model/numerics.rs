//! The numbers: golden vectors from PyTorch, finite differences, a plain reference, candle's VGG where it is right.

use serde_json::Value;

use super::{
    Architecture, Description, Isa, Model, Objective, Preprocessing, Term,
    cpu::{Network, Parameters},
    heads::LOGITS,
    weights::Weights,
};

const GOLDEN: &str = include_str!("../../tests/golden/vgg.json");

/// `n` values, uniform in -1 to 1, as `tests/golden/vgg.py` makes them.
fn noise(seed: u64, n: usize) -> Vec<f32> {
    let value = |i: u64| {
        let mut z = i.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(seed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        ((z >> 40) as f64 / f64::from(1 << 23) - 1.0) as f32
    };
    (1..=n as u64).map(value).collect()
}

fn architecture() -> Architecture {
    Architecture {
        input: 48,
        ..Architecture::tiny()
    }
}

/// The weights of `tests/golden/vgg.py`.
fn weights(architecture: Architecture) -> Weights {
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
        channel_order: "RGB".into(),
        mean: [120.0; 3],
        scale: 1.0 / 64.0,
    };
    Weights {
        parameters: parameters.collect(),
        fc7_mean: vec![0.0; architecture.features],
        description: Description::new(architecture, preprocessing, "none"),
    }
}

fn model() -> Model {
    Model::from_weights(weights(architecture()), "test".into(), 2)
}

fn images(n: usize) -> Vec<f32> {
    noise(999, n * 3 * 48 * 48).iter().map(|x| x * 0.5 + 0.5).collect()
}

/// Compares with a summary from Python: the norm and every so many-th value, relative to the largest.
fn assert_golden(what: &str, actual: &[f32], golden: &Value, tolerance: f64) {
    let norm = actual.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let expected = golden["norm"].as_f64().unwrap();
    assert!((norm - expected).abs() <= tolerance * expected, "{what}: norm {norm}, expected {expected}");
    let values: Vec<f64> = golden["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    let top = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let step = (actual.len() / 48).max(1);
    for (i, (v, a)) in values.iter().zip(actual.iter().step_by(step)).enumerate() {
        let error = (v - f64::from(*a)).abs();
        assert!(error <= tolerance * top, "{what}[{}]: {a}, expected {v}", i * step);
    }
}

#[test]
fn every_stage_is_pytorchs_forward_and_backward() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let mut model = model();
    let names: Vec<String> = model.info().layers.iter().map(|l| l.name.clone()).collect();
    for (layer, name) in names.iter().enumerate() {
        let n = 2;
        let size: usize = model.info().layers[layer].shape.iter().product();
        let activation = model.activations(&images(n), n, &[layer]).unwrap().remove(0);
        assert_golden(&format!("{name} activation"), &activation, &golden[name]["activation"], 1e-4);
        // Each image has a cotangent of its own, so each is a batch of one here.
        let cotangents = noise(5000 + layer as u64, n * size);
        let mut gradient = Vec::new();
        for (image, cotangent) in images(n).chunks(3 * 48 * 48).zip(cotangents.chunks(size)) {
            let objective = Objective {
                weight: 1.0,
                term: Term::VectorJacobianProduct {
                    layer,
                    cotangent: cotangent.into(),
                },
            };
            gradient.extend(model.differentiate(image, 1, &[objective], &[]).unwrap().gradient);
        }
        assert_golden(&format!("{name} gradient"), &gradient, &golden[name]["gradient"], 1e-4);
    }
}

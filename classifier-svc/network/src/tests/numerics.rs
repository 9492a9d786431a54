//! The numbers: golden vectors from PyTorch, finite differences, a plain reference, candle's VGG where it is right.

use serde_json::Value;

use candle_core::DType;

use crate::{
    Architecture, ChannelOrder, DeviceChoice, Isa, Model, Objective, Term, candle::CandleNetwork,
    cpu::CpuNetwork, noise::noise, random::weights,
};

const GOLDEN: &str = include_str!("../../tests/golden/vgg.json");

fn architecture() -> Architecture {
    Architecture {
        input: 48,
        ..Architecture::tiny()
    }
}

fn model() -> Model {
    let weights = weights(architecture());
    Model::from_weights(&weights, "test".into(), DeviceChoice::Cpu, 2).unwrap()
}

fn images(n: usize) -> Vec<f32> {
    noise(999, n * 3 * 48 * 48)
        .iter()
        .map(|x| x * 0.5 + 0.5)
        .collect()
}

/// Compares with a summary from Python: the norm and evenly spaced values, relative to the largest.
fn assert_golden(what: &str, actual: &[f32], golden: &Value, tolerance: f64) {
    let norm = actual
        .iter()
        .map(|&x| f64::from(x).powi(2))
        .sum::<f64>()
        .sqrt();
    let expected = golden["norm"].as_f64().unwrap();
    assert!(
        (norm - expected).abs() <= tolerance * expected,
        "{what}: norm {norm}, expected {expected}"
    );
    let values: Vec<f64> = golden["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect();
    let top = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let step = (actual.len() / 48).max(1);
    for (i, (v, a)) in values.iter().zip(actual.iter().step_by(step)).enumerate() {
        let error = (v - f64::from(*a)).abs();
        assert!(
            error <= tolerance * top,
            "{what}[{}]: {a}, expected {v}",
            i * step
        );
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
        let activation = model
            .activations(&images(n), n, &[layer])
            .unwrap()
            .remove(0);
        assert_golden(
            &format!("{name} activation"),
            &activation,
            &golden[name]["activation"],
            1e-4,
        );
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
            gradient.extend(
                model
                    .differentiate(image, 1, &[objective], &[])
                    .unwrap()
                    .gradient,
            );
        }
        assert_golden(
            &format!("{name} gradient"),
            &gradient,
            &golden[name]["gradient"],
            1e-4,
        );
    }
}

#[test]
fn the_network_on_candle_is_the_network_on_the_cpu() {
    let weights = weights(architecture());
    let (architecture, n) = (&weights.description.architecture, 2);
    let inputs = noise(1, n * 3 * 48 * 48);
    let mut cpu = CpuNetwork::new(architecture, &weights.parameters, Isa::detect(), 2);
    let mut candle = CandleNetwork::new(
        architecture,
        |stage| candle_core::Result::Ok(weights.parameters[stage].clone()),
        candle_core::Device::Cpu,
        DType::F32,
    )
    .unwrap();
    let close = |a: &[f32], b: &[f32]| {
        let top = b.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-4 * top)
    };
    for stage in 0..cpu.stages().len() {
        // A second cotangent at a lower stage: several objectives in one pass.
        let wanted = [stage, stage / 2];
        let activations = cpu.forward(&inputs, n, &wanted);
        let expected = candle.forward(&inputs, n, &wanted).unwrap();
        let name = cpu.stages()[stage].name.clone();
        let cotangents = std::array::from_fn::<_, 2, _>(|i| {
            assert!(close(&activations[i], &expected[i]), "{name}");
            (wanted[i], noise(9 + wanted[i] as u64, expected[i].len()))
        });
        let gradient = cpu.backward(n, &cotangents);
        assert!(
            close(&candle.backward(&cotangents).unwrap(), &gradient),
            "{name}"
        );
    }
}

/// What f16 costs, as a share of what the values amount to: no more than docs/numerics.md says. Of bf16 candle knows no
/// products on the processor.
#[test]
fn half_precision_costs_what_is_said() {
    let weights = weights(architecture());
    let (architecture, n) = (&weights.description.architecture, 2);
    let inputs = noise(1, n * 3 * 48 * 48);
    let [exact, half] = [DType::F32, DType::F16].map(|dtype| {
        let read = |stage: usize| candle_core::Result::Ok(weights.parameters[stage].clone());
        let device = candle_core::Device::Cpu;
        let mut network = CandleNetwork::new(architecture, read, device, dtype).unwrap();
        let top = network.stages().len() - 1;
        let logits = network.forward(&inputs, n, &[top]).unwrap().remove(0);
        // So small that f16 would lose it all.
        let cotangent = noise(5, logits.len()).iter().map(|x| 1e-9 * x).collect();
        let gradient = network.backward(&[(top, cotangent)]).unwrap();
        [logits, gradient]
    });
    let norm = |x: &[f32]| x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    // Some rectifiers and poolings decide otherwise, which a gradient shows and a logit hardly does.
    for (i, (what, bound)) in [("logits", 5e-3), ("gradient", 0.2)]
        .into_iter()
        .enumerate()
    {
        let apart: Vec<f32> = half[i].iter().zip(&exact[i]).map(|(a, b)| a - b).collect();
        let off = norm(&apart) / norm(&exact[i]);
        println!("{what}: {off:.1e}");
        // Above 0, or it was computed in 32 bits.
        assert!((1e-6..bound).contains(&off), "{what}: {off:e}");
    }
}

#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    let mut model = model();
    let image = images(1);
    let layers = ["conv3_2", "pool4", "fc6", "heads"].map(|l| model.info().layer(l).unwrap());
    let size = |m: &Model, l: usize| m.info().layers[l].shape.iter().product::<usize>();
    let target = |m: &Model, l: usize| {
        noise(7, size(m, l))
            .iter()
            .map(|x| x.abs() * 0.3)
            .collect::<Vec<_>>()
    };
    let likelihood =
        [(0, false), (5, true), (70, false)].map(|(attribute, absent)| crate::AttributeTarget {
            attribute,
            absent,
            weight: 1.5,
            enough: 1.0,
        });
    let distance = |l: usize, normalized| Term::SquaredDistance {
        layer: l,
        target: target(&model, l).into(),
        normalized,
    };
    let terms = [
        distance(layers[0], true),
        distance(layers[1], true),
        distance(layers[2], true),
        Term::AttributeLikelihood(likelihood.into()),
        Term::AttributeProbability(likelihood.into()),
    ];
    let objectives = terms.map(|term| Objective { weight: 0.7, term });
    let mut total = |image: &[f32]| -> f64 {
        model
            .differentiate(image, 1, &objectives, &[])
            .unwrap()
            .losses[0]
            .iter()
            .sum()
    };
    let gradient = {
        let mut model = self::model();
        model
            .differentiate(&image, 1, &objectives, &[])
            .unwrap()
            .gradient
    };
    // Along the gradient itself, where the slope is its norm: far above the rounding of the loss.
    let norm = gradient
        .iter()
        .map(|&g| f64::from(g).powi(2))
        .sum::<f64>()
        .sqrt();
    let step = 1e-2;
    let moved = |sign: f64| -> Vec<f32> {
        let along = gradient
            .iter()
            .map(|&g| (sign * step * f64::from(g) / norm) as f32);
        image.iter().zip(along).map(|(x, d)| x + d).collect()
    };
    let slope = (total(&moved(1.0)) - total(&moved(-1.0))) / (2.0 * step);
    assert!(
        (slope - norm).abs() < 0.01 * norm,
        "{slope} instead of {norm}"
    );
}

#[test]
fn a_batch_is_its_images_bit_by_bit() {
    let mut model = model();
    let n = 7;
    let all = images(n);
    let heads = model.info().layer("heads").unwrap();
    let objective = Objective {
        weight: 1.0,
        term: Term::VectorJacobianProduct {
            layer: heads,
            cotangent: noise(3, architecture().logits).into(),
        },
    };
    let batch = model
        .differentiate(&all, n, std::slice::from_ref(&objective), &[heads, 4])
        .unwrap();
    for (i, image) in all.chunks(all.len() / n).enumerate() {
        let one = model
            .differentiate(image, 1, std::slice::from_ref(&objective), &[heads, 4])
            .unwrap();
        assert_eq!(
            one.gradient,
            batch.gradient[i * image.len()..][..image.len()]
        );
        assert_eq!(one.losses[0], batch.losses[i]);
        for (one, batch) in one.activations.iter().zip(&batch.activations) {
            assert_eq!(one[..], batch[i * one.len()..][..one.len()]);
        }
    }
}

#[test]
fn every_instruction_set_computes_the_same() {
    let weights = weights(architecture());
    let input = noise(1, 3 * 48 * 48);
    let run = |isa| {
        let mut network = CpuNetwork::new(
            &weights.description.architecture,
            &weights.parameters,
            isa,
            1,
        );
        let top = network.stages().len() - 1;
        let logits = network.forward(&input, 1, &[top]).remove(0);
        (
            logits,
            network.backward(1, &[(top, noise(2, architecture().logits))]),
        )
    };
    let reference = run(Isa::Portable);
    for isa in Isa::available() {
        let result = run(isa);
        for (a, b) in [(&result.0, &reference.0), (&result.1, &reference.1)] {
            let top = b.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
            assert!(
                a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4 * top),
                "{isa:?}"
            );
        }
    }
}

#[test]
fn blue_first_weights_see_blue_first() {
    let mut rgb = model();
    let mut exchanged = weights(architecture());
    exchanged.description.preprocessing.order = ChannelOrder::Bgr;
    let mut bgr = Model::from_weights(&exchanged, "test".into(), DeviceChoice::Cpu, 1).unwrap();
    let image = images(1);
    let mut swapped = image.clone();
    let area = 48 * 48;
    swapped[..area].copy_from_slice(&image[2 * area..]);
    swapped[2 * area..].copy_from_slice(&image[..area]);
    assert_eq!(
        rgb.activations(&image, 1, &[0]).unwrap(),
        bgr.activations(&swapped, 1, &[0]).unwrap()
    );
    let objective = [Objective {
        weight: 1.0,
        term: Term::VectorJacobianProduct {
            layer: 0,
            cotangent: noise(1, 16 * area).into(),
        },
    }];
    let a = rgb
        .differentiate(&image, 1, &objective, &[])
        .unwrap()
        .gradient;
    let b = bgr
        .differentiate(&swapped, 1, &objective, &[])
        .unwrap()
        .gradient;
    assert_eq!(a[..area], b[2 * area..]);
}

#[test]
fn a_weights_file_comes_back_and_damage_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    weights(architecture()).write(&path, false).unwrap();
    let file = std::fs::read(&path).unwrap();
    let mut loaded = Model::load(&file, DeviceChoice::Cpu, 1).unwrap();
    assert_eq!(
        loaded.probabilities(&images(1), 1).unwrap(),
        model().probabilities(&images(1), 1).unwrap()
    );
    let problem = |file: &[u8]| match Model::load(file, DeviceChoice::Cpu, 1) {
        Ok(_) => String::from("loaded"),
        Err(e) => e.to_string(),
    };
    for cut in [0, 7, 100, file.len() / 2, file.len() - 1] {
        assert!(
            problem(&file[..cut]).contains("not a whole safetensors file"),
            "cut at {cut}"
        );
    }
    let mut broken = weights(architecture());
    broken.parameters[3].weight[5] = f32::NAN;
    broken.write(&path, false).unwrap();
    let text = problem(&std::fs::read(&path).unwrap());
    assert!(
        text.contains("conv2_1.weight") && text.contains("NaN"),
        "{text}"
    );
}

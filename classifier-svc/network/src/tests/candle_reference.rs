//! Candle's VGG-16 as one more reference, at the full size of VGG-Face: 224 pixels, 64 to 512 channels.
//!
//! Its logits are rectified and its gradients are wrong (a unique maximum of a 2x2 pool gets a quarter), so only the
//! positive logits of a forward pass are compared.

use std::collections::HashMap;

use candle_core::{D, Device, Tensor};
use candle_nn::{ModuleT, VarBuilder};
use candle_transformers::models::vgg::{Models, Vgg};

use crate::{
    Architecture, Isa, arch::Stage, cpu::CpuNetwork, noise::noise, parameters::Parameters,
    random::weights,
};

/// Candle's names of the stages that have weights.
const NAMES: [&str; 16] = [
    "features.0",
    "features.2",
    "features.5",
    "features.7",
    "features.10",
    "features.12",
    "features.14",
    "features.17",
    "features.19",
    "features.21",
    "features.24",
    "features.26",
    "features.28",
    "pre_logits.fc1",
    "pre_logits.fc2",
    "head.fc",
];

fn tensors(stages: &[Stage], parameters: &[Parameters]) -> HashMap<String, Tensor> {
    let mut tensors = HashMap::new();
    let learned = stages
        .iter()
        .zip(parameters)
        .filter_map(|(s, p)| Some((s.weight_shape()?, p)));
    for (name, (mut shape, p)) in NAMES.into_iter().zip(learned) {
        let cpu = &Device::Cpu;
        let mut weight = Tensor::from_slice(&p.weight, shape.clone(), cpu).unwrap();
        let mut bias = Tensor::from_slice(&p.bias, p.bias.len(), cpu).unwrap();
        if name == "head.fc" {
            // It insists on ImageNet's thousand classes.
            weight = weight.pad_with_zeros(0, 0, 1000 - shape[0]).unwrap();
            bias = bias.pad_with_zeros(0, 0, 1000 - shape[0]).unwrap();
        } else if name == "pre_logits.fc1" {
            shape = vec![shape[0], 512, 7, 7];
            weight = weight.reshape(shape).unwrap();
        } else if name == "pre_logits.fc2" {
            weight = weight.reshape((shape[0], shape[1], 1, 1)).unwrap();
        }
        tensors.insert(format!("{name}.weight"), weight);
        tensors.insert(format!("{name}.bias"), bias);
    }
    tensors
}

#[test]
fn vgg_face_is_candles_vgg16() {
    let architecture = Architecture::vgg_face();
    let weights = weights(architecture.clone());
    let input: Vec<f32> = noise(999, 3 * 224 * 224);
    let mut network = CpuNetwork::new(&architecture, &weights.parameters, Isa::detect(), 2);
    let top = network.stages().len() - 1;
    let ours = network.forward(&input, 1, &[top]).remove(0);

    let tensors = tensors(network.stages(), &weights.parameters);
    drop(weights);
    let vb = VarBuilder::from_tensors(tensors, candle_core::DType::F32, &Device::Cpu);
    let vgg = Vgg::new(vb, Models::Vgg16).unwrap();
    let image = Tensor::from_vec(input, (3, 224, 224), &Device::Cpu).unwrap();
    let theirs = vgg
        .forward_t(&image, false)
        .unwrap()
        .narrow(D::Minus1, 0, ours.len())
        .unwrap();
    let theirs = theirs.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let top = theirs.iter().copied().fold(0.0_f32, f32::max);
    assert!(top > 0.0);
    for (i, (a, b)) in ours.iter().zip(&theirs).enumerate() {
        assert!(
            (a.max(0.0) - b).abs() < 1e-4 * top,
            "logit {i}: {a}, candle has {b}"
        );
    }
}

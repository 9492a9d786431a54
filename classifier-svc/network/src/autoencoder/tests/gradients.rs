//! Every gradient is the slope of what it is the gradient of.

use super::slopes::{assert_slope, dot, slope, unsettle};
use super::{NAMES, classifier, faces, settings, topology};
use crate::{
    autoencoder::{
        critic::Critic,
        face::arrays,
        layer::{Backward, Layer},
        learner::{Batch, Learner, Weights},
        looks::{Looks, Weighting},
        matching::Matching,
        networks::{Networks, Posterior},
        perceptual::Perceptual,
        stack::Stack,
        topology::{Spec, Topology},
    },
    cpu::{Isa, Layout},
    noise::noise,
    train::{
        optimizer::{MOMENTUM, Parameter, Rule, Step},
        random::{Purpose, Random},
    },
};

const N: usize = 3;
const WEIGHTS: Weights = Weights {
    pixels: 0.5,
    range: 0.7,
    chroma: 20.0,
    beta: 2.0,
    looks: PERCEPTUAL,
};
const PERCEPTUAL: Weighting = Weighting {
    perceptual: 30.0,
    matching: 0.0,
    adversarial: 0.0,
};
/// A step that moves nothing.
const STILL: Step = Step {
    rule: Rule::Adamw,
    momentum: MOMENTUM,
    rate: 0.0,
    decay: 0.0,
    index: 0,
};

fn networks(seed: u64) -> Networks {
    let mut networks = Networks::random(&topology(), NAMES.len(), N, seed);
    unsettle(networks.parameters_mut());
    networks
}

/// Lets some decoded values leave what pixels can be.
fn overdrive(networks: &mut Networks) {
    let bias = networks.parameters_mut().last().unwrap();
    bias.value.iter_mut().step_by(2).for_each(|b| *b += 3.0);
}

/// The layers of a whole decoder and of an encoder's body, each alone in a stack.
fn each_layer() -> Vec<(Spec, Layout)> {
    let topology = Topology {
        side: 8,
        fold: 1,
        ..topology()
    };
    let count = NAMES.len();
    let mut all = Vec::new();
    let vector = |inputs: usize| Layout::vector(inputs + count);
    for (specs, mut input) in [
        (topology.body(), topology.image()),
        (topology.head(count), vector(topology.top().len())),
        (topology.decoder(count), vector(topology.latent)),
    ] {
        for spec in specs {
            let below = match (&spec.name[..], input.height) {
                // The first planes of the decoder are its vector, read in another way.
                ("", 1) => topology.top(),
                _ => input,
            };
            input = spec.layout();
            all.push((spec, below));
        }
    }
    all
}

#[test]
fn the_gradient_of_every_layer_is_the_slope() {
    for (spec, input) in each_layer() {
        let name = format!("{} {:?}", spec.name, spec.layout());
        let size = input.channels * input.height * input.width;
        let random = Random::new(7, Purpose::Weights, 0);
        let layer = |spec: &Spec| Layer::random(spec, N, random, 1.0);
        let mut stack = Stack::new(std::slice::from_ref(&spec), input, N, layer).differentiable();
        // Only what is above 0 has a gradient through a pooling, as behind a rectifier.
        let x: Vec<f32> = noise(1, N * size).iter().map(|x| x + 1.1).collect();
        let out = spec.layout();
        let outputs = out.channels * out.height * out.width;
        let cotangent = noise(2, N * outputs);
        let value = |stack: &mut Stack, x: &[f32]| {
            stack.set_inputs(x, size);
            stack.forward(N);
            dot(&stack.outputs(N), &cotangent)
        };
        value(&mut stack, &x);
        let masked: Vec<f32> = stack
            .outputs(N)
            .iter()
            .zip(&cotangent)
            .map(|(y, c)| if spec.rectified && *y <= 0.0 { 0.0 } else { *c })
            .collect();
        stack.set_cotangents(&masked);
        stack.backward(N, Backward::Learn);
        let gradient = stack.input_cotangents(N);
        let found = slope(&x, &gradient, 1e-2, |x| value(&mut stack, x));
        assert_slope(&name, found, 0.01);
        value(&mut stack, &x);
        stack.set_cotangents(&masked);
        stack.backward(N, Backward::Learn);
        let learned: Vec<Parameter> = stack.parameters_mut().map(|p| p.clone()).collect();
        for (i, parameter) in learned.iter().enumerate() {
            let found = slope(&parameter.value, &parameter.gradient, 1e-3, |moved| {
                let own = stack.parameters_mut().nth(i).unwrap();
                own.value.copy_from_slice(moved);
                value(&mut stack, &x)
            });
            let own = stack.parameters_mut().nth(i).unwrap();
            own.value.copy_from_slice(&parameter.value);
            assert_slope(&format!("{name} parameter {i}"), found, 0.02);
        }
    }
}

#[test]
fn pulling_back_is_the_adjoint_of_the_decoders_derivative() {
    let mut networks = networks(1);
    let (latents, attributes) = (noise(1, N * 6), noise(2, N * NAMES.len()));
    let cotangent = noise(3, N * topology().pixels());
    networks.decode(&latents, &attributes);
    let alone = networks.pull_back(&cotangent, Backward::Input);
    networks.decode(&latents, &attributes);
    assert_eq!(alone, networks.pull_back(&cotangent, Backward::Learn));
    let found = slope(&latents, &alone, 1e-2, |latents| {
        dot(networks.decode(latents, &attributes), &cotangent)
    });
    assert_slope("latents", found, 0.01);
    // One value at a time, too: along the gradient its own errors would hide.
    for at in 0..latents.len() {
        let mut value = |step: f32| {
            let mut moved = latents.clone();
            moved[at] += step;
            dot(networks.decode(&moved, &attributes), &cotangent)
        };
        let slope = (value(1e-3) - value(-1e-3)) / 2e-3;
        let norm = dot(&alone, &alone).sqrt();
        assert!(
            (slope - f64::from(alone[at])).abs() < 0.03 * norm,
            "{at}: {slope} instead of {} of {norm}",
            alone[at]
        );
    }
}

#[test]
fn the_gradient_of_the_encoder_is_the_slope() {
    let mut networks = networks(2);
    let (pixels, attributes) = arrays(&faces(N, 5));
    let cotangent = Posterior {
        mean: noise(1, N * 6),
        log_variance: noise(2, N * 6),
    };
    let value = |networks: &mut Networks| {
        let found = networks.encode(&pixels, &attributes);
        dot(&found.mean, &cotangent.mean) + dot(&found.log_variance, &cotangent.log_variance)
    };
    value(&mut networks);
    networks.learn_encoder(&cotangent);
    let learned: Vec<Parameter> = networks.parameters_mut().map(|p| p.clone()).collect();
    // Two convolutions and the layer of the latent, each a kernel and a bias.
    for (i, parameter) in learned.iter().take(6).enumerate() {
        let found = slope(&parameter.value, &parameter.gradient, 1e-3, |moved| {
            networks
                .parameters_mut()
                .nth(i)
                .unwrap()
                .value
                .copy_from_slice(moved);
            value(&mut networks)
        });
        networks
            .parameters_mut()
            .nth(i)
            .unwrap()
            .value
            .copy_from_slice(&parameter.value);
        assert_slope(&format!("parameter {i}"), found, 0.02);
    }
}

#[test]
fn a_clamped_log_variance_has_no_gradient() {
    let mut networks = networks(2);
    let (pixels, attributes) = arrays(&faces(N, 5));
    // The bias of the latent: means, then log-variances.
    networks.parameters_mut().nth(5).unwrap().value[6..12].fill(30.0);
    let found = networks.encode(&pixels, &attributes);
    assert_eq!(found.log_variance, [10.0; N * 6]);
    networks.learn_encoder(&Posterior {
        mean: vec![0.0; N * 6],
        log_variance: vec![1.0; N * 6],
    });
    let bias = networks.parameters_mut().nth(5).unwrap();
    assert_eq!(bias.gradient, vec![0.0; bias.gradient.len()]);
}

fn perceptual(originals: &[f32]) -> Perceptual {
    let settings = settings();
    let sides = [settings.topology.side, settings.perceptual_side];
    let layers = [&settings.perceptual_layers[..], &settings.matching_layers];
    Perceptual::new(&classifier(), layers, sides, originals).unwrap()
}

#[test]
fn the_gradient_of_the_perceptual_loss_is_the_slope() {
    let (originals, _) = arrays(&faces(N, 5));
    let (others, _) = arrays(&faces(N, 50));
    let mut perceptual = perceptual(&originals);
    assert_eq!(perceptual.loss(&originals, &originals), 0.0);
    let looks = Looks {
        perceptual: &mut perceptual,
        matching: None,
        critic: None,
        weighting: Weighting {
            perceptual: 3.0,
            ..PERCEPTUAL
        },
    };
    let (gradient, [loss, critic]) = added(looks, [&originals, &others]);
    assert_eq!(critic, 0.0);
    assert!(loss > 0.0 && (loss - perceptual.loss(&originals, &others)).abs() < 1e-9);
    let found = slope(&others, &gradient, 1e-2, |faces| {
        3.0 * perceptual.loss(&originals, faces)
    });
    assert_slope("perceptual loss", found, 0.01);
    // A batch counts as the mean of its faces.
    let size = topology().pixels();
    let each = originals.chunks(size).zip(others.chunks(size));
    let mean: f64 = each.map(|(a, b)| perceptual.loss(a, b) / N as f64).sum();
    assert!((mean - loss).abs() < 1e-6 * loss);
}

/// What the looks add to a gradient of nothing else, and the losses.
fn added(looks: Looks<'_>, [originals, made]: [&[f32]; 2]) -> (Vec<f32>, [f64; 2]) {
    let mut gradient = vec![0.0; made.len()];
    let losses = looks.add_gradients([originals, made], STILL, &mut gradient);
    (gradient, losses)
}

fn less(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn norm(x: &[f32]) -> f64 {
    dot(x, x).sqrt()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    dot(a, b) / (norm(a) * norm(b))
}

/// The part of feature matching is, to scale, the slope of the product of activations and what they have too much of in the mean.
#[test]
fn the_matching_gradient_is_the_slope_to_scale() {
    let (originals, _) = arrays(&faces(N, 5));
    let (others, _) = arrays(&faces(N, 50));
    let mut perceptual = perceptual(&originals);
    assert_eq!(
        perceptual.shapes().len(),
        3,
        "two layers are compared, one is only matched"
    );
    let mut matching = Matching::new(perceptual.shapes());
    let seen = [&originals, &others].map(|faces| perceptual.activations(faces));
    matching.observe(N, [&seen[0], &seen[1]]);
    matching.end_batch();
    let excess = matching.cotangents(N, perceptual.scales());
    let mut gradients = |weight: f64| {
        let looks = Looks {
            perceptual: &mut perceptual,
            matching: Some(&mut matching).filter(|_| weight > 0.0),
            critic: None,
            weighting: Weighting {
                matching: weight,
                ..PERCEPTUAL
            },
        };
        added(looks, [&originals, &others]).0
    };
    let [without, with] = [0.0, 0.5].map(&mut gradients);
    let own = less(&with, &without);
    assert!((norm(&own) - 0.5 * norm(&without)).abs() < 1e-3 * norm(&without));
    let product = |perceptual: &mut Perceptual, faces: &[f32]| {
        let found = perceptual.activations(faces);
        let layers = found.iter().zip(&excess);
        layers
            .map(|(found, excess)| dot(found, excess))
            .sum::<f64>()
    };
    let _ = perceptual.activations(&others);
    let whole = perceptual.pull_back(others.len(), excess.clone());
    let found = slope(&others, &whole, 1e-3, |faces| {
        product(&mut perceptual, faces)
    });
    assert_slope("matching", found, 0.03);
    let alike = cosine(&own, &whole);
    assert!(alike > 0.9999, "{alike}");
}

/// The critic's part of the gradient has the direction of the flattery of all faces, and per face the weight's share of the
/// norm of the rest.
#[test]
fn the_adversarial_gradient_is_the_flattery_to_scale() {
    let (originals, _) = arrays(&faces(N, 5));
    let (made, _) = arrays(&faces(2 * N, 50));
    let mut perceptual = perceptual(&originals);
    let mut critic = Critic::new(&perceptual, &topology(), 1);
    unsettle(critic.parameters_mut());
    let mut gradients = |adversarial: f64| {
        let looks = Looks {
            perceptual: &mut perceptual,
            matching: None,
            critic: Some(&mut critic).filter(|_| adversarial > 0.0),
            weighting: Weighting {
                adversarial,
                ..PERCEPTUAL
            },
        };
        added(looks, [&originals, &made]).0
    };
    let [without, with] = [0.0, 0.5].map(&mut gradients);
    let own = less(&with, &without);
    let expected = 0.5 * 2.0_f64.sqrt() * norm(&without[..originals.len()]);
    assert!((norm(&own) - expected).abs() < 1e-3 * expected);
    assert_eq!(without[originals.len()..], vec![0.0; originals.len()]);
    // Each face by itself, as passes of several faces do.
    let size = topology().pixels();
    let flattery: Vec<f32> = made
        .chunks(size)
        .flat_map(|face| {
            let found = perceptual.activations(face);
            let views = critic.views(face, found);
            critic.flattery(&mut perceptual, &views)
        })
        .collect();
    let alike = cosine(&own, &flattery);
    assert!(alike > 0.9999, "{alike}");
}

/// What the critic lacks of photographs falls along the flattery.
#[test]
fn flattery_is_the_slope_with_respect_to_the_pixels() {
    let (face, _) = arrays(&faces(1, 50));
    let mut perceptual = perceptual(&face);
    let mut critic = Critic::new(&perceptual, &topology(), 1);
    unsettle(critic.parameters_mut());
    let found = perceptual.activations(&face);
    let views = critic.views(&face, found);
    let gradient = critic.flattery(&mut perceptual, &views);
    let found = slope(&face, &gradient, 1e-3, |moved| {
        let found = perceptual.activations(moved);
        let views = critic.views(moved, found);
        critic.lack(&views)
    });
    assert_slope("pixels", found, 0.03);
}

#[test]
fn the_gradient_of_the_whole_loss_is_the_slope() {
    let (pixels, attributes) = arrays(&faces(N, 5));
    let noise = noise(9, N * 6);
    let batch = Batch {
        faces: &pixels,
        attributes: &attributes,
        noise: &noise,
        mixtures: &[],
    };
    let weights = WEIGHTS;
    let mut learner = Learner {
        networks: networks(3),
        perceptual: Some(perceptual(&pixels)),
        matching: None,
        critic: None,
    };
    overdrive(&mut learner.networks);
    let learned_terms = learner.learn(&batch, &weights, STILL);
    let terms = learner.terms(&batch);
    assert!((learned_terms.total(&weights) - terms.total(&weights)).abs() < 1e-6);
    for part in [
        terms.pixels,
        terms.excess,
        terms.chroma,
        terms.perceptual,
        terms.divergence,
    ] {
        assert!(part > 0.0);
    }
    let learned: Vec<Parameter> = learner
        .networks
        .parameters_mut()
        .map(|p| p.clone())
        .collect();
    for (i, parameter) in learned.iter().enumerate() {
        let found = slope(&parameter.value, &parameter.gradient, 2e-3, |moved| {
            let own = learner.networks.parameters_mut().nth(i).unwrap();
            own.value.copy_from_slice(moved);
            learner.terms(&batch).total(&weights)
        });
        let own = learner.networks.parameters_mut().nth(i).unwrap();
        own.value.copy_from_slice(&parameter.value);
        assert_slope(&format!("parameter {i}"), found, 0.03);
    }
}

/// Of a face of mixed latents nothing is known but that its values should be what pixels can be, without fine chroma.
#[test]
fn range_and_fine_chroma_count_for_faces_of_mixed_latents_too() {
    let (pixels, attributes) = arrays(&faces(N, 5));
    let noise = noise(9, N * 6);
    let batch = |mixtures| Batch {
        faces: &pixels,
        attributes: &attributes,
        noise: &noise,
        mixtures,
    };
    let weights = Weights {
        pixels: 0.0,
        beta: 0.0,
        looks: Weighting {
            perceptual: 0.0,
            ..PERCEPTUAL
        },
        ..WEIGHTS
    };
    let mut networks = Networks::random(&topology(), NAMES.len(), N + 1, 3);
    unsettle(networks.parameters_mut());
    let mut learner = Learner {
        networks,
        perceptual: None,
        matching: None,
        critic: None,
    };
    overdrive(&mut learner.networks);
    let mixtures = [[(0, true), (1, false), (2, true), (0, false)]];
    let alone = learner.learn(&batch(&[]), &weights, STILL);
    let mixed = learner.learn(&batch(&mixtures), &weights, STILL);
    assert!(mixed.excess > 0.0 && mixed.excess != alone.excess);
    assert!(mixed.chroma > 0.0 && mixed.chroma != alone.chroma);
    let last = learner.networks.parameters_mut().last().unwrap().clone();
    let found = slope(&last.value, &last.gradient, 2e-3, |moved| {
        let own = learner.networks.parameters_mut().last().unwrap();
        own.value.copy_from_slice(moved);
        learner
            .learn(&batch(&mixtures), &weights, STILL)
            .total(&weights)
    });
    assert_slope("the last bias", found, 0.03);
}

#[test]
fn every_face_of_a_batch_is_decoded_as_alone() {
    let mut networks = networks(4);
    let (latents, attributes) = (noise(1, N * 6), noise(2, N * NAMES.len()));
    let all = networks.decode(&latents, &attributes).to_vec();
    let each = latents.chunks(6).zip(attributes.chunks(NAMES.len()));
    for ((latent, attributes), face) in each.zip(all.chunks(topology().pixels())) {
        assert_eq!(networks.decode(latent, attributes), face);
    }
    assert!(Isa::available().contains(&Isa::detect()));
}

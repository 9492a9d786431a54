//! Gradients against slopes, and the folded network against the trained one.

use super::*;
use crate::train::{
    loss,
    optimizer::{MOMENTUM, Rule},
    random::tests::noise,
};
use crate::{
    cpu::{CpuNetwork, LANES},
    random,
};

const N: usize = 6;

fn images() -> Vec<f32> {
    let side = Architecture::tiny().input;
    noise(1, N * 3 * side * side, 1.0)
}

const LOGITS: usize = 115;

fn dropout() -> Random {
    Random::new(1, Purpose::Dropout, 11)
}

fn loss() -> Loss {
    loss::example(0).0
}

fn targets() -> Vec<f32> {
    loss::example(N).1
}

/// Along the gradient of each parameter the loss must rise with the square of the gradient's norm.
#[test]
fn every_gradient_is_the_slope_of_the_loss() {
    for branches in [false, true] {
        for everywhere in [false, true] {
            let trainee = Trainee::new(&Architecture::tiny(), N, 0.25, branches, 3);
            gradients_are_slopes(trainee.drop_everywhere(everywhere), &images());
        }
    }
    for first in [0, conv5_1(), conv5_1() + 4, conv5_1() + 6] {
        for everywhere in [false, true] {
            let mut parameters = random::weights(Architecture::tiny()).parameters;
            // Dropout after every layer makes logits so large that the loss stops at its smallest probability.
            let heads = parameters.last_mut().unwrap();
            heads.weight.iter_mut().for_each(|w| *w *= 0.1);
            let trainee = Trainee::with(&Architecture::tiny(), N, 0.25, parameters, first);
            let trainee = trainee.drop_everywhere(everywhere);
            let inputs = noise(1, N * inputs(first), 1.0);
            gradients_are_slopes(trainee, &inputs);
        }
    }
}

fn conv5_1() -> usize {
    let stages = Architecture::tiny().stages();
    stages.iter().position(|s| s.name == "conv5_1").unwrap()
}

/// Values that the stages from `first` on read.
fn inputs(first: usize) -> usize {
    let side = Architecture::tiny().input;
    let stages = Architecture::tiny().stages();
    let below = first.checked_sub(1);
    below.map_or(3 * side * side, |i| stages[i].shape().iter().product())
}

/// A network that begins with weights, and of which the stages from `first` on learn.
fn begun(first: usize) -> Trainee {
    let parameters = random::weights(Architecture::tiny()).parameters;
    Trainee::with(&Architecture::tiny(), N, 0.25, parameters, first)
}

fn network() -> CpuNetwork {
    let parameters = random::weights(Architecture::tiny()).parameters;
    CpuNetwork::new(&Architecture::tiny(), &parameters, Isa::detect(), 1)
}

#[test]
fn a_network_begins_as_the_model_that_it_is_made_from() {
    let (images, targets, mut network) = (images(), targets(), network());
    let top = network.stages().len() - 1;
    for first in [0, conv5_1(), top - 2, top - 1, top] {
        let wanted = [first.saturating_sub(1), top];
        let mut said = network.forward(&images, N, &wanted);
        let inputs = if first == 0 { &images } else { &said[0] };
        let mut trainee = begun(first);
        let close = |a: &[f32], b: &[f32]| {
            assert_eq!(a.len(), b.len());
            a.iter()
                .zip(b)
                .for_each(|(a, b)| assert!((a - b).abs() < 1e-4, "{a} {b}"));
        };
        close(&trainee.logits(inputs, N), &said[1]);
        trainee.forward(inputs, N, None);
        let loss = trainee.backward(N, &loss(), &targets);
        let each = said[1]
            .chunks_exact_mut(LOGITS)
            .zip(targets.chunks_exact(LOGITS));
        let heads = self::loss();
        let own: f64 = each.map(|(l, t)| heads.cross_entropy(l, t)).sum();
        assert!((loss - own / N as f64).abs() < 1e-4, "{first}: {loss}");
        assert!(!trainee.normalised());
        assert!(
            trainee.fold(0, N, |_| unreachable!())
                == random::weights(Architecture::tiny()).parameters
        );
    }
}

#[test]
fn every_stage_learns_at_its_own_rate() {
    let mut trainee = begun(conv5_1());
    let inputs = noise(1, N * inputs(conv5_1()), 1.0);
    trainee.forward(&inputs, N, None);
    trainee.backward(N, &loss(), &targets());
    let before: Vec<Parameter> = trainee.parameters_mut().map(|p| p.clone()).collect();
    let step = Step {
        rule: Rule::Sgd,
        momentum: MOMENTUM,
        rate: 0.1,
        decay: 0.0,
        index: 0,
    };
    trainee.learn(step, 0.5);
    // Weight and bias of conv5_1, conv5_2, conv5_3, fc6, fc7 and the heads.
    let rates = [1.0 / 32.0, 1.0 / 16.0, 1.0 / 8.0, 1.0 / 4.0, 1.0 / 2.0, 1.0].map(|r| 0.1 * r);
    let rates = rates.iter().flat_map(|r| [r; 2]);
    let after: Vec<&mut Parameter> = trainee.parameters_mut().collect();
    assert_eq!(after.len(), 12);
    for ((before, after), rate) in before.iter().zip(after).zip(rates) {
        assert!(before.gradient.iter().any(|&g| g != 0.0));
        let moved = before
            .value
            .iter()
            .zip(&before.gradient)
            .map(|(w, g)| w - rate * g);
        assert!(moved.zip(&after.value).all(|(m, &w)| (m - w).abs() <= 1e-7));
    }
}

#[test]
fn what_does_not_learn_stays_as_it_is() {
    let first = conv5_1();
    let mut trainee = begun(first);
    let inputs = noise(1, N * inputs(first), 1.0);
    for index in 0..3 {
        trainee.forward(&inputs, N, Some(dropout()));
        trainee.backward(N, &loss(), &targets());
        let step = Step {
            rule: Rule::Adamw,
            momentum: MOMENTUM,
            rate: 0.1,
            decay: 0.1,
            index,
        };
        trainee.learn(step, 0.9);
    }
    let (before, after) = (
        random::weights(Architecture::tiny()).parameters,
        trainee.fold(0, N, |_| unreachable!()),
    );
    assert_eq!(before.len(), after.len());
    for (i, (before, after)) in before.iter().zip(&after).enumerate() {
        let learns = i >= first && !before.weight.is_empty();
        assert_eq!(before != after, learns, "stage {i}");
    }
}

fn gradients_are_slopes(mut trainee: Trainee, images: &[f32]) {
    let targets = targets();
    let loss = |trainee: &mut Trainee| {
        trainee.forward(images, N, Some(dropout()));
        trainee.backward(N, &loss(), &targets)
    };
    loss(&mut trainee);
    let gradients: Vec<Vec<f32>> = trainee
        .parameters_mut()
        .map(|p| p.gradient.clone())
        .collect();
    for (i, gradient) in gradients.iter().enumerate() {
        let norm = gradient
            .iter()
            .map(|&g| f64::from(g).powi(2))
            .sum::<f64>()
            .sqrt();
        let mut at = |step: f64| {
            let shift = |trainee: &mut Trainee, sign: f64| {
                let parameter = trainee.parameters_mut().nth(i).unwrap();
                for (w, g) in parameter.value.iter_mut().zip(gradient) {
                    *w += (sign * step * f64::from(*g) / norm) as f32;
                }
            };
            shift(&mut trainee, 1.0);
            let l = loss(&mut trainee);
            shift(&mut trainee, -1.0);
            l
        };
        // Short where the loss is steep, so that few rectifiers switch on the way.
        let step = (0.02 / norm).min(2e-4);
        let slope = (at(step) - at(-step)) / (2.0 * step);
        assert!(
            (slope - norm).abs() < 0.03 * norm + 2e-3,
            "parameter {i} of {}: {slope} instead of {norm}",
            gradients.len()
        );
    }
}

#[test]
fn gradients_do_not_depend_on_the_number_of_threads() {
    let step = |threads: usize| -> Vec<Vec<f32>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| {
            let mut trainee = Trainee::new(&Architecture::tiny(), N, 0.25, true, 3);
            trainee.forward(&images(), N, Some(dropout()));
            trainee.backward(N, &loss(), &targets());
            let all = trainee.parameters_mut().map(|p| p.gradient.clone());
            all.collect()
        })
    };
    assert!(step(1) == step(3));
}

/// With the moments of a batch, the folded network computes what training computed of this batch.
#[test]
fn the_folded_network_is_the_trained_one() {
    let (architecture, images) = (Architecture::tiny(), images());
    for branches in [false, true] {
        let mut trainee = Trainee::new(&architecture, N, 0.25, branches, 3);
        for (i, p) in trainee.parameters_mut().enumerate() {
            for (x, noise) in p
                .value
                .iter_mut()
                .zip(noise(i as u64, p.average.len(), 0.2))
            {
                *x += noise;
            }
            p.average.clone_from(&p.value);
        }
        let parameters = trainee.fold(1, N, |_| images.clone());
        let mut network = CpuNetwork::new(&architecture, &parameters, Isa::detect(), 1);
        let top = network.stages().len() - 1;
        let folded: Vec<f32> = images
            .chunks(network.capacity() * images.len() / N)
            .flat_map(|part| {
                let n = part.len() * N / images.len();
                network.forward(part, n, &[top]).remove(0)
            })
            .collect();
        trainee.forward(&images, N, None);
        let trained = trainee.layers[top]
            .y
            .chunks_exact(LOGITS.next_multiple_of(LANES));
        let trained: Vec<f32> = trained.flat_map(|y| &y[..LOGITS]).copied().collect();
        assert_eq!(folded.len(), trained.len());
        let largest = trained.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        assert!(largest > 0.5, "{largest}");
        for (f, t) in folded.iter().zip(&trained) {
            assert!((f - t).abs() < 1e-3, "{branches}: {f} instead of {t}");
        }
    }
}

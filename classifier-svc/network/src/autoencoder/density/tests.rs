//! Densities of made-up latents.

use super::train::{Batch, Learner};
use super::*;
use crate::{
    autoencoder::tests::slopes::{assert_slope, slope, unsettle},
    noise::noise,
    train::optimizer::Parameter,
};

const N: usize = 512;

/// Latents of two values on a ring, of which no Gaussian knows anything; the condition says on which side.
fn ring() -> (Vec<f32>, Vec<f32>) {
    let angles = noise(3, N);
    let points = angles.iter().map(|a| {
        let (sine, cosine) = (a * std::f32::consts::PI).sin_cos();
        [
            std::f32::consts::SQRT_2 * cosine,
            std::f32::consts::SQRT_2 * sine,
        ]
    });
    let points: Vec<[f32; 2]> = points.collect();
    let sides = points.iter().map(|p| p[0].signum()).collect();
    (points.concat(), sides)
}

fn settings() -> DensitySettings {
    DensitySettings {
        width: 64,
        hidden: 2,
        epochs: 400,
        batch: 128,
        learning_rate: 3e-3,
        ..DensitySettings::default()
    }
}

fn data<'a>(latents: &'a [f32], sides: &'a [f32]) -> DensityData<'a> {
    DensityData {
        latents,
        deviations: &[0.02, 0.02],
        conditions: sides,
        count: 1,
    }
}

/// Guidance without an emphasis.
fn guided(condition: &[f32], reach: f32) -> Guidance<'_> {
    Guidance {
        condition,
        reach,
        emphasis: None,
    }
}

#[test]
fn draws_are_like_the_latents_and_follow_the_condition() {
    let (latents, sides) = ring();
    let mut losses = Vec::new();
    let mut watch = |_, _, loss| losses.push(loss);
    let density = train_density(&settings(), &data(&latents, &sides), None, &mut watch).unwrap();
    assert_eq!(losses.len(), 400 * 4);
    assert!(losses[losses.len() - 1] < 0.7 * losses[0]);
    let noise = noise(5, 200 * 2);
    let (mut on_ring, mut right, mut gained) = (0, 0, 0.0);
    for (i, start) in noise.chunks_exact(2).enumerate() {
        let side = if i % 2 == 0 { 1.0 } else { -1.0 };
        // Uniform numbers; normal ones are about as large.
        let start: Vec<f32> = start.iter().map(|x| 1.7 * x).collect();
        let drawn = density.draw(&start, &guided(&[side], 1.5));
        let radius = drawn.iter().map(|x| x * x).sum::<f32>().sqrt();
        on_ring += usize::from((radius - std::f32::consts::SQRT_2).abs() < 0.3);
        right += usize::from(drawn[0] * side > 0.0);
        assert_eq!(drawn, density.draw(&start, &guided(&[side], 1.5)));
        let (own, other) = ([side], [-side]);
        let further = Guidance {
            emphasis: Some((&other, 1.0)),
            ..guided(&own, 1.5)
        };
        gained += (density.draw(&start, &further)[0] - drawn[0]) * side;
    }
    assert!(gained / 200.0 > 0.1, "{gained}");
    assert!(on_ring > 150 && right > 170, "{on_ring} {right}");
}

#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    let sizes = DensitySizes {
        latent: 3,
        conditions: 2,
        width: 32,
        hidden: 2,
    };
    let settings = DensitySettings {
        batch: 5,
        ..DensitySettings::default()
    };
    let mut learner = Learner::new(sizes, &settings);
    unsettle(learner.stack.parameters_mut());
    let batch = Batch {
        inputs: noise(1, 5 * sizes.inputs()),
        targets: noise(2, 5 * 3),
    };
    learner.differentiate(&batch);
    let learned: Vec<Parameter> = learner.stack.parameters_mut().map(|p| p.clone()).collect();
    for (i, parameter) in learned.iter().enumerate() {
        let set = |learner: &mut Learner, value: &[f32]| {
            let own = learner.stack.parameters_mut().nth(i).unwrap();
            own.value.copy_from_slice(value);
        };
        let found = slope(&parameter.value, &parameter.gradient, 1e-3, |moved| {
            set(&mut learner, moved);
            learner.differentiate(&batch)
        });
        set(&mut learner, &parameter.value);
        assert_slope(&format!("parameter {i}"), found, 0.02);
    }
    // What draws use computes what was learned.
    let inputs = batch.inputs[..sizes.inputs()].to_vec();
    learner.differentiate(&batch);
    let expected = learner.stack.outputs(1);
    for p in learner.stack.parameters_mut() {
        p.average.copy_from_slice(&p.value);
    }
    let found = learner.finish().forward(inputs);
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn a_killed_run_goes_on_with_the_same_result() {
    let (latents, sides) = ring();
    let short = DensitySettings {
        epochs: 25,
        ..settings()
    };
    let go = |checkpoint: Option<&std::path::Path>, most: usize| {
        let mut watch = |done: usize, _, _| assert!(done <= most, "killed");
        let density = train_density(&short, &data(&latents, &sides), checkpoint, &mut watch);
        density
            .map(|d| d.draw(&[0.3, -0.4], &guided(&[1.0], 1.0)))
            .unwrap()
    };
    let whole = go(None, usize::MAX);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.checkpoint");
    let killed = std::panic::catch_unwind(|| go(Some(&path), 60));
    assert!(killed.is_err() && path.exists());
    assert_eq!(go(Some(&path), usize::MAX), whole);
}

#[test]
fn weights_come_back_and_sizes_are_checked() {
    let (latents, sides) = ring();
    let short = DensitySettings {
        epochs: 1,
        ..settings()
    };
    let density = train_density(&short, &data(&latents, &sides), None, &mut |_, _, _| ()).unwrap();
    let tensors = density.tensors();
    let back = Density::read(density.sizes(), |name, shape| {
        let found = tensors.iter().find(|(own, ..)| own == name).ok_or(())?;
        assert_eq!(found.1, shape);
        Ok::<_, ()>(found.2.to_vec())
    });
    let [a, b] = [&density, &back.unwrap()].map(|d| d.draw(&[0.3, -0.4], &guided(&[1.0], 2.0)));
    assert_eq!(a, b);
    let wrong = DensitySizes {
        width: 0,
        ..density.sizes()
    };
    assert_eq!(
        wrong.check().unwrap_err(),
        "width: expected 1 to 8192, got 0"
    );
}

//! Training of a density: at each step, a batch of latents gets noise of random deviations, which the network learns to take
//! away.

use std::path::Path;

use anyhow::{anyhow, ensure};
use deepface_statistics::standard_normal;
use rand::{RngExt, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{Density, DensitySizes, Preconditioning};
use crate::{
    autoencoder::{
        layer::{Backward, Layer},
        stack::Stack,
    },
    cpu::Layout,
    parameters::Parameters,
    train::{
        checkpoint::{resume_parameters, save_parameters},
        optimizer::{MOMENTUM, Parameter, Rule, Schedule, Step, update},
        random::{Purpose, Random},
    },
};

/// Mean and deviation of the logarithm of the noise's deviation, in deviations of a latent (Karras et al. 2022).
const LOG_NOISE: [f32; 2] = [-0.5, 1.2];
/// The first weights of the last layer are as many times smaller than usual, so that training starts with small estimates.
const QUIET: f32 = 0.1;
/// Decoupled weight decay.
const DECAY: f32 = 0.01;
/// Epochs between two checkpoints.
const KEPT: usize = 10;

/// How a density is learned.
#[derive(Clone, Debug, PartialEq)]
pub struct DensitySettings {
    /// Features of each hidden layer.
    pub width: usize,
    /// Hidden layers.
    pub hidden: usize,
    /// Passes over the latents.
    pub epochs: usize,
    /// Latents per step.
    pub batch: usize,
    /// Peak of the learning rate.
    pub learning_rate: f32,
    /// Share of the latents whose condition is not told.
    pub untold: f32,
    /// Seed of weights, order and noise.
    pub seed: u64,
}

impl Default for DensitySettings {
    fn default() -> Self {
        Self {
            width: 512,
            hidden: 3,
            epochs: 400,
            batch: 256,
            learning_rate: 1e-3,
            untold: 0.15,
            seed: 1,
        }
    }
}

/// What a density is learned from. Arrays lie one face behind the other.
#[derive(Clone, Copy, Debug)]
pub struct DensityData<'a> {
    /// Latents, `[n, latent]`.
    pub latents: &'a [f32],
    /// Deviation of each value of a latent around the given one: each time it is seen, it is drawn anew.
    pub deviations: &'a [f32],
    /// Conditions, `[n, conditions]`.
    pub conditions: &'a [f32],
    /// Values of a condition.
    pub count: usize,
}

/// Learns a density. With a `checkpoint`, a run that was killed goes on from it with the same result. `watch` gets the
/// steps done, all steps, and the loss of each.
///
/// # Errors
/// The sizes do not fit, the loss is not finite, or the checkpoint is another run's or cannot be written.
pub fn train_density(
    settings: &DensitySettings,
    data: &DensityData<'_>,
    checkpoint: Option<&Path>,
    watch: &mut dyn FnMut(usize, usize, f64),
) -> anyhow::Result<Density> {
    let sizes = DensitySizes {
        latent: data.deviations.len(),
        conditions: data.count,
        width: settings.width,
        hidden: settings.hidden,
    };
    sizes.check().map_err(|problem| anyhow!(problem))?;
    let n = data.latents.len() / sizes.latent;
    ensure!(
        data.latents.len() == n * sizes.latent && data.conditions.len() == n * sizes.conditions,
        "expected as many conditions as latents"
    );
    ensure!(n > 0, "expected latents, got none");
    let settings = &DensitySettings {
        batch: settings.batch.clamp(1, n),
        ..settings.clone()
    };
    let mut learner = Learner::new(sizes, settings);
    let identity = format!("{settings:?} {sizes:?} {}", digest(data));
    let mut begun = 0;
    if let Some(path) = checkpoint {
        let parameters = learner.stack.parameters_mut().collect();
        if let Some((epochs, _)) = resume_parameters(path, parameters, &identity)? {
            begun = epochs;
        }
    }
    let steps = n / settings.batch;
    let all = steps * settings.epochs;
    for epoch in begun..settings.epochs {
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut Random::new(settings.seed, Purpose::Order, epoch).stream(0));
        for (step, faces) in order.chunks_exact(settings.batch).enumerate() {
            let index = epoch * steps + step;
            let batch = Batch::draw(data, sizes, faces, settings, index);
            let loss = learner.differentiate(&batch);
            ensure!(
                loss.is_finite(),
                "the loss is {loss} in epoch {}",
                epoch + 1
            );
            let progress = index as f32 / all as f32;
            let step = Step {
                rule: Rule::Adamw,
                momentum: MOMENTUM,
                rate: Schedule::OneCycle.rate(settings.learning_rate, progress),
                decay: DECAY,
                index,
            };
            learner.stack.parameters_mut().for_each(|p| update(p, step));
            watch(index + 1, all, loss);
        }
        if let Some(path) = checkpoint.filter(|_| (epoch + 1).is_multiple_of(KEPT)) {
            let parameters: Vec<_> = learner.stack.parameters_mut().map(|p| &*p).collect();
            save_parameters(path, &parameters, epoch + 1, &identity, "")?;
        }
    }
    Ok(learner.finish())
}

fn digest(data: &DensityData<'_>) -> String {
    let arrays = [data.latents, data.deviations, data.conditions];
    let bytes = |array: &[f32]| array.iter().flat_map(|x| x.to_le_bytes()).collect();
    deepface_files::sha256_of(arrays.map(bytes) as [Vec<u8>; 3])
}

/// Noisy latents: the network's inputs, and what it should give.
pub(super) struct Batch {
    pub(super) inputs: Vec<f32>,
    pub(super) targets: Vec<f32>,
}

impl Batch {
    fn draw(
        data: &DensityData<'_>,
        sizes: DensitySizes,
        faces: &[usize],
        settings: &DensitySettings,
        index: usize,
    ) -> Self {
        let mut rng = Random::new(settings.seed, Purpose::View, index).stream(0);
        let latent = sizes.latent;
        let mut inputs = vec![0.0; faces.len() * sizes.inputs()];
        let mut targets = Vec::with_capacity(faces.len() * latent);
        for (&face, inputs) in faces.iter().zip(inputs.chunks_exact_mut(sizes.inputs())) {
            let clean = drawn(
                &data.latents[face * latent..][..latent],
                data.deviations,
                &mut rng,
            );
            let condition = &data.conditions[face * sizes.conditions..][..sizes.conditions];
            let told = rng.random::<f32>() >= settings.untold;
            let [mean, deviation] = LOG_NOISE;
            let sigma = (mean + deviation * standard_normal(&mut rng)).exp();
            let known = Preconditioning::of(sigma);
            let noisy = clean.iter().map(|c| c + sigma * standard_normal(&mut rng));
            let noisy: Vec<f32> = noisy.collect();
            known.write(&noisy, told.then_some(condition), inputs);
            targets.extend(noisy.iter().zip(&clean).map(|(&x, &c)| known.target(x, c)));
        }
        Self { inputs, targets }
    }
}

/// A latent around its mean.
fn drawn(mean: &[f32], deviations: &[f32], rng: &mut ChaCha8Rng) -> Vec<f32> {
    let pairs = mean.iter().zip(deviations);
    pairs.map(|(m, d)| m + d * standard_normal(rng)).collect()
}

/// The network while it learns.
pub(super) struct Learner {
    sizes: DensitySizes,
    pub(super) stack: Stack,
}

impl Learner {
    pub(super) fn new(sizes: DensitySizes, settings: &DensitySettings) -> Self {
        let mut number = 0;
        let specs = sizes.layers();
        let stack = Stack::new(
            &specs,
            Layout::vector(sizes.inputs()),
            settings.batch,
            |spec| {
                number += 1;
                let random = Random::new(settings.seed, Purpose::Weights, number);
                let scale = if spec.rectified { 1.0 } else { QUIET };
                Layer::random(spec, settings.batch, random, scale)
            },
        );
        Self { sizes, stack }
    }

    /// The mean squared error of a batch, and the gradients of everything learned.
    pub(super) fn differentiate(&mut self, batch: &Batch) -> f64 {
        let n = batch.targets.len() / self.sizes.latent;
        let (stride, x) = self.stack.vectors_mut();
        let rows = batch.inputs.chunks_exact(self.sizes.inputs());
        for (x, row) in x.chunks_exact_mut(stride).zip(rows) {
            x[..row.len()].copy_from_slice(row);
        }
        self.stack.forward(n);
        let found = self.stack.outputs(n);
        let pairs = found.iter().zip(&batch.targets);
        let errors: Vec<f32> = pairs.map(|(y, t)| y - t).collect();
        let count = errors.len() as f32;
        let slopes: Vec<f32> = errors.iter().map(|e| 2.0 * e / count).collect();
        self.stack.set_cotangents(&slopes);
        self.stack.backward(n, Backward::Learn);
        errors.iter().map(|&e| f64::from(e).powi(2)).sum::<f64>() / f64::from(count)
    }

    /// The density of the averaged weights.
    pub(super) fn finish(mut self) -> Density {
        let average = |parameter: &mut Parameter| {
            std::mem::swap(&mut parameter.value, &mut parameter.average);
        };
        self.stack.parameters_mut().for_each(average);
        let layers: Vec<Parameters> = self.stack.weights().into_iter().map(|(_, p)| p).collect();
        Density {
            sizes: self.sizes,
            layers,
        }
    }
}

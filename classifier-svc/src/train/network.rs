//! The network in training: batch normalisation, dropout, gradients of the weights.

use rayon::prelude::*;

use super::batch_norm::{self, Moments};
use super::optimizer::Parameter;
use crate::model::{
    arch::{Architecture, Op, Stage},
    cpu::{Aligned, Epilogue, Isa, LANES, Layout, Parameters, Source},
    heads::{self, LOGITS},
};

/// What is learned at a stage.
pub(super) struct Learned {
    /// Weights as PyTorch has them.
    pub(super) weight: Parameter,
    /// Scale of the batch normalisation; empty for the heads, which have none.
    pub(super) gamma: Parameter,
    /// Its offset, or the bias of the heads.
    pub(super) beta: Parameter,
}

/// Buffers of a stage for one batch.
#[derive(Default)]
struct Buffers {
    /// Before batch normalisation.
    z: Aligned,
    /// The activation.
    y: Aligned,
    /// Cotangent of the activation, then of `z`.
    d: Aligned,
    /// Where the rectifier, or of a pooling the maxima, passed; see [`Bits`].
    bits: Vec<u16>,
    /// Weights as forward and as its adjoint want them.
    packed: [Aligned; 2],
    moments: Moments,
}

/// A network that learns.
pub(super) struct Trainee {
    architecture: Architecture,
    stages: Vec<Stage>,
    /// Per stage; `None` for poolings.
    pub(super) learned: Vec<Option<Learned>>,
    buffers: Vec<Buffers>,
    image: Layout,
    pixels: Aligned,
    isa: Isa,
    /// Share of the features of fc6 and fc7 that a step leaves out.
    pub(super) dropout: f32,
}

impl Trainee {
    /// A network with random weights (He et al. 2015).
    pub(super) fn new(architecture: &Architecture, batch: usize, dropout: f32, seed: u64) -> Self {
        let stages = architecture.stages();
        let learned = stages.iter().enumerate().map(|(i, stage)| {
            let shape = stage.weight_shape()?;
            let fan_in: usize = shape[1..].iter().product();
            let plain = normal(
                seed.wrapping_add(i as u64),
                shape.iter().product(),
                (2.0 / fan_in as f32).sqrt(),
            );
            let outputs = stage.outputs().next_multiple_of(LANES);
            let normed = if stage.rectified() { outputs } else { 0 };
            Some(Learned {
                weight: Parameter::new(plain, true),
                gamma: Parameter::new(vec![1.0; normed], false),
                beta: Parameter::new(vec![0.0; outputs], false),
            })
        });
        let learned: Vec<_> = learned.collect();
        let buffers = stages.iter().map(|stage| {
            let len = batch * stage.layout().len();
            let z = if stage.weight_shape().is_some() {
                len
            } else {
                0
            };
            Buffers {
                z: Aligned::zeros(z),
                y: Aligned::zeros(len),
                d: Aligned::zeros(len),
                bits: vec![0; batch * stage.bits()],
                ..Buffers::default()
            }
        });
        let image = Layout::bordered(3, architecture.input, architecture.input);
        Self {
            buffers: buffers.collect(),
            learned,
            stages,
            image,
            pixels: Aligned::zeros(batch * image.len()),
            isa: Isa::detect(),
            dropout,
            architecture: architecture.clone(),
        }
    }

    /// Forward in training mode. `inputs` is `[n, 3, S, S]` as the network expects them.
    pub(super) fn forward(&mut self, inputs: &[f32], n: usize, dropout_seed: Option<u64>) {
        let plain = inputs.len() / n;
        let image = self.image;
        self.pixels
            .par_chunks_mut(image.len())
            .zip(inputs.par_chunks(plain))
            .for_each(|(to, from)| image.pack(from, to));
        for i in 0..self.stages.len() {
            let (below, above) = self.buffers.split_at_mut(i);
            let x: &[f32] = below.last().map_or(&self.pixels, |b| &b.y);
            let (stage, buffers) = (&self.stages[i], &mut above[0]);
            let Some(learned) = &self.learned[i] else {
                if let Op::Pool(pool) = &stage.op {
                    pool.forward(self.isa, n, x, &mut buffers.y, &mut buffers.bits);
                }
                continue;
            };
            let beta = &learned.beta.value;
            buffers.packed = pack(stage, i, &learned.weight.value);
            let weight = &buffers.packed[0];
            match &stage.op {
                Op::Conv(conv) => {
                    conv.forward(self.isa, n, x, weight, &mut buffers.z, Epilogue::None)
                }
                Op::Linear(linear) if !stage.rectified() => {
                    linear.forward(self.isa, n, x, weight, &mut buffers.y, Epilogue::Bias(beta));
                    continue;
                }
                Op::Linear(linear) => {
                    linear.forward(self.isa, n, x, weight, &mut buffers.z, Epilogue::None)
                }
                Op::Pool(_) => unreachable!("a pooling learns nothing"),
            }
            let layout = stage.layout();
            buffers.moments = batch_norm::moments(self.isa, &layout, n, &buffers.z);
            let gamma = &learned.gamma.value;
            let Buffers {
                z,
                y,
                bits,
                moments,
                ..
            } = buffers;
            batch_norm::forward(self.isa, &layout, moments, gamma, beta, z, y, bits, n);
            if let (Op::Linear(_), Some(seed)) = (&stage.op, dropout_seed) {
                let y = &mut y[..n * layout.len()];
                drop_features(y, bits, self.dropout, seed ^ i as u64);
            }
        }
    }

    /// Loss per image of the last forward pass against `targets`, `[n, 115]`, and the gradients of everything
    /// learned.
    pub(super) fn backward(&mut self, n: usize, targets: &[f32]) -> f64 {
        let top = self.stages.len() - 1;
        let stride = self.stages[top].layout().len();
        let Buffers { y, d, .. } = &mut self.buffers[top];
        let mut loss = 0.0;
        for image in 0..n {
            let logits = &mut d[image * stride..][..stride];
            logits.copy_from_slice(&y[image * stride..][..stride]);
            loss +=
                heads::cross_entropy(&mut logits[..LOGITS], &targets[image * LOGITS..][..LOGITS]);
            logits[..LOGITS].iter_mut().for_each(|g| *g /= n as f32);
            logits[LOGITS..].fill(0.0);
        }
        for i in (0..=top).rev() {
            self.backward_stage(i, n);
        }
        loss / n as f64
    }

    fn backward_stage(&mut self, i: usize, n: usize) {
        let stage = &self.stages[i];
        let layout = stage.layout();
        let (below, above) = self.buffers.split_at_mut(i);
        let Buffers {
            z,
            d,
            bits,
            packed,
            moments,
            ..
        } = &mut above[0];
        let mut below = below.last_mut();
        if let Some(learned) = &mut self.learned[i] {
            if stage.rectified() {
                let (dgamma, dbeta) =
                    batch_norm::backward(self.isa, &layout, moments, &learned.gamma.value, z, d, n);
                learned.gamma.gradient = dgamma;
                learned.beta.gradient = dbeta;
            } else {
                let beta = &mut learned.beta.gradient;
                beta.fill(0.0);
                for image in d.chunks_exact(layout.len()).take(n) {
                    beta.iter_mut().zip(image).for_each(|(b, g)| *b += g);
                }
            }
            let x: &[f32] = below.as_ref().map_or(&self.pixels, |b| &b.y);
            let gradient = &mut learned.weight.gradient;
            match &stage.op {
                Op::Conv(conv) => conv.weight_gradient(self.isa, n, x, d, gradient),
                Op::Linear(linear) => linear.weight_gradient(self.isa, n, x, d, gradient),
                Op::Pool(_) => {}
            }
            if let Some(Buffers { bits, d: dx, .. }) = below.as_deref_mut() {
                let rectified = self.stages[i - 1].rectified();
                let mask = rectified.then_some(bits.as_slice());
                match &stage.op {
                    Op::Conv(conv) => {
                        let epilogue = mask.map_or(Epilogue::None, Epilogue::Mask);
                        let (dy, adjoint) = (Source::Planes(d), &packed[1]);
                        conv.input_gradient(self.isa, n, dy, adjoint, dx, epilogue);
                    }
                    Op::Linear(linear) => {
                        linear.input_gradient(self.isa, n, d, &packed[0], dx, mask);
                        if rectified {
                            // What dropout let through, it had scaled.
                            let scale = 1.0 / (1.0 - self.dropout);
                            dx.iter_mut().for_each(|d| *d *= scale);
                        }
                    }
                    Op::Pool(_) => {}
                }
            }
        } else if let (Op::Pool(pool), Some(Buffers { d: dx, .. })) = (&stage.op, below) {
            pool.input_gradient_of_rectified(n, bits, d, dx);
        }
    }

    /// Moments of every stage over the batches that `next` gives, by the averaged weights: what inference
    /// normalises with. The weights themselves are put back.
    pub(super) fn fold(
        &mut self,
        batches: usize,
        n: usize,
        mut next: impl FnMut(usize) -> Vec<f32>,
    ) -> Vec<Parameters> {
        self.swap_averages();
        let mut total: Vec<Moments> = vec![Moments::default(); self.stages.len()];
        for batch in 0..batches {
            self.forward(&next(batch), n, None);
            for (total, buffers) in total.iter_mut().zip(&self.buffers) {
                let Moments { mean, variance } = &buffers.moments;
                for (total, part) in [(&mut total.mean, mean), (&mut total.variance, variance)] {
                    total.resize(part.len(), 0.0);
                    total
                        .iter_mut()
                        .zip(part)
                        .for_each(|(t, p)| *t += p / batches as f32);
                }
            }
        }
        let folded = self.stages.iter().zip(&self.learned).zip(&total);
        let folded = folded
            .map(|((stage, learned), m)| fold_stage(stage, learned.as_ref(), m))
            .collect();
        self.swap_averages();
        folded
    }

    fn swap_averages(&mut self) {
        for parameter in self.parameters_mut() {
            std::mem::swap(&mut parameter.value, &mut parameter.average);
        }
    }

    /// Everything that is learned, always in the same order.
    pub(super) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        self.learned
            .iter_mut()
            .flatten()
            .flat_map(|l| [&mut l.weight, &mut l.gamma, &mut l.beta])
    }

    /// The topology.
    pub(super) fn architecture(&self) -> &Architecture {
        &self.architecture
    }
}

/// Weights as forward and as its adjoint want them. The first stage has no adjoint: the image is not learned.
fn pack(stage: &Stage, index: usize, plain: &[f32]) -> [Aligned; 2] {
    match &stage.op {
        Op::Conv(conv) => {
            let packed = conv.pack(plain);
            let adjoint = if index == 0 {
                Vec::new()
            } else {
                conv.pack_adjoint(plain, &packed)
            };
            [packed.into(), adjoint.into()]
        }
        Op::Linear(linear) => [linear.pack(plain).into(), Aligned::default()],
        Op::Pool(_) => Default::default(),
    }
}

/// Weights and bias that compute what the stage with its batch normalisation does.
fn fold_stage(stage: &Stage, learned: Option<&Learned>, moments: &Moments) -> Parameters {
    let Some(learned) = learned else {
        return Parameters::default();
    };
    let mut weight = learned.weight.value.clone();
    let mut bias = learned.beta.value[..stage.outputs()].to_vec();
    if stage.rectified() {
        let inverse = moments.inverse_deviation();
        let per_output = weight.len() / stage.outputs();
        for (o, row) in weight.chunks_exact_mut(per_output).enumerate() {
            let factor = learned.gamma.value[o] * inverse[o];
            row.iter_mut().for_each(|w| *w *= factor);
            bias[o] -= factor * moments.mean[o];
        }
    }
    Parameters { weight, bias }
}

fn normal(seed: u64, n: usize, deviation: f32) -> Vec<f32> {
    use rand::{RngExt, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    // Box-Muller.
    let mut draw = || {
        let (u, v): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
        (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
    };
    (0..n).map(|_| deviation * draw()).collect()
}

/// Leaves out a share of the features and scales the others up to make good for it.
fn drop_features(y: &mut [f32], bits: &mut [u16], share: f32, seed: u64) {
    use rand::{RngExt, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let scale = 1.0 / (1.0 - share);
    for (block, bits) in y.as_chunks_mut::<LANES>().0.iter_mut().zip(bits) {
        for (lane, y) in block.iter_mut().enumerate() {
            if rng.random::<f32>() < share {
                *y = 0.0;
                *bits &= !(1 << lane);
            } else {
                *y *= scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Along the gradient of each parameter the loss must rise with the square of the gradient's norm.
    #[test]
    fn every_gradient_is_the_slope_of_the_loss() {
        const N: usize = 6;
        let architecture = Architecture::tiny();
        let mut trainee = Trainee::new(&architecture, N, 0.25, 3);
        let images = normal(1, N * 3 * architecture.input * architecture.input, 1.0);
        let mut targets = vec![0.0; N * LOGITS];
        for (i, t) in targets.chunks_exact_mut(LOGITS).enumerate() {
            heads::soft_targets(&std::array::from_fn(|a| (a * 7 + i) % 5 == 0), 0.1, t);
        }
        let loss = |trainee: &mut Trainee| {
            trainee.forward(&images, N, Some(11));
            trainee.backward(N, &targets)
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
            if gradient.is_empty() {
                continue;
            }
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
            let step = 2e-4;
            let slope = (at(step) - at(-step)) / (2.0 * step);
            assert!(
                (slope - norm).abs() < 0.03 * norm + 2e-3,
                "parameter {i}: {slope} instead of {norm}"
            );
        }
    }
}

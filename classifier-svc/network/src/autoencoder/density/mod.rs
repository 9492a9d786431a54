//! The density of latents, learned: a network that takes noise away from them, and with it draws new ones.
//!
//! The latents of faces are not Gaussian: drawn as if they were, hair, head and background do not go together, and a decoder
//! that has never seen such a thing shows loud spots. A denoiser D(x; sigma, c) estimates the latent behind one with normal
//! noise of deviation sigma, for a condition c; following its estimates from pure noise to none draws from the density that it
//! learned (Karras et al. 2022, "EDM", whose preconditioning, schedule and second-order steps these are). Guidance moves
//! further from what it says without a condition to what it says with one (Ho and Salimans 2022).

mod train;

pub use train::{DensityData, DensitySettings, train_density};

use super::{
    coder::Tensor,
    topology::{Op, Spec},
};
use crate::{
    cpu::{Layout, Linear},
    parameters::Parameters,
};

/// Frequencies of the sines and cosines that tell the network the noise.
const FREQUENCIES: [f32; 4] = [1.0, 2.0, 4.0, 8.0];
/// Numbers about noise and condition beside latent and condition: two for each frequency, and whether there is a condition.
const SIGNALS: usize = 2 * FREQUENCIES.len() + 1;
/// The noise that a draw starts from and ends with, in deviations of a latent.
const NOISE: [f32; 2] = [20.0, 0.02];
/// Steps of a draw.
const STEPS: usize = 18;
/// How much denser the steps are at little noise.
const RHO: f32 = 7.0;
/// Largest width and number of values.
const LARGEST: usize = 8192;
/// Most hidden layers.
const DEEPEST: usize = 16;

/// The sizes of a denoiser: a network of fully connected layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DensitySizes {
    /// Values of a latent.
    pub latent: usize,
    /// Values of a condition.
    pub conditions: usize,
    /// Features of each hidden layer.
    pub width: usize,
    /// Hidden layers.
    pub hidden: usize,
}

impl DensitySizes {
    /// Checks that the network can be built.
    ///
    /// # Errors
    /// What was expected, and what came.
    pub fn check(&self) -> Result<(), String> {
        let within = |what: &str, got: usize, most: usize| match (1..=most).contains(&got) {
            true => Ok(()),
            false => Err(format!("{what}: expected 1 to {most}, got {got}")),
        };
        within("latent", self.latent, LARGEST)?;
        within("conditions", self.conditions, LARGEST)?;
        within("width", self.width, LARGEST)?;
        within("hidden", self.hidden, DEEPEST)
    }

    fn inputs(&self) -> usize {
        self.latent + SIGNALS + self.conditions
    }

    /// The layers, from the bottom.
    fn layers(&self) -> Vec<Spec> {
        let layer = |number: usize| {
            let inputs = match number {
                0 => self.inputs(),
                _ => self.width,
            };
            let last = number == self.hidden;
            let linear = Linear {
                input: Layout::vector(inputs),
                outputs: if last { self.latent } else { self.width },
            };
            Spec::learned(format!("layer{number}"), Op::Dense(linear), !last)
        };
        (0..=self.hidden).map(layer).collect()
    }
}

/// What a draw is guided by.
#[derive(Clone, Copy, Debug)]
pub struct Guidance<'a> {
    /// What is known, `[conditions]`.
    pub condition: &'a [f32],
    /// How far estimates go from what is likely of anybody to what is likely with the condition; 1 is not beyond.
    pub reach: f32,
    /// What is known beside a part of it that should be shown, `[conditions]`, and how much further estimates go from what is
    /// likely with this to what is likely with the whole condition.
    pub emphasis: Option<(&'a [f32], f32)>,
}

/// A learned density of latents whose mean square is about 1.
#[derive(Clone, Debug)]
pub struct Density {
    sizes: DensitySizes,
    /// From the bottom: `[out, in]` each.
    layers: Vec<Parameters>,
}

impl Density {
    /// A density of stored weights: `take` returns those of a name and a shape.
    ///
    /// # Errors
    /// Those of `take`.
    pub fn read<E>(
        sizes: DensitySizes,
        mut take: impl FnMut(&str, &[usize]) -> Result<Vec<f32>, E>,
    ) -> Result<Self, E> {
        let mut layers = Vec::new();
        for spec in sizes.layers() {
            let shape = spec.weight_shape().unwrap_or_default();
            layers.push(Parameters {
                weight: take(&format!("{}.weight", spec.name), &shape)?,
                bias: take(&format!("{}.bias", spec.name), &[spec.outputs()])?,
            });
        }
        Ok(Self { sizes, layers })
    }

    /// The weights, as [`Density::read`] takes them.
    pub fn tensors(&self) -> Vec<Tensor<'_>> {
        let layers = self.sizes.layers().into_iter().zip(&self.layers);
        let both = layers.flat_map(|(spec, p)| {
            let shape = spec.weight_shape().unwrap_or_default();
            [
                (format!("{}.weight", spec.name), shape, &p.weight[..]),
                (format!("{}.bias", spec.name), vec![spec.outputs()], &p.bias),
            ]
        });
        both.collect()
    }

    /// The sizes.
    pub fn sizes(&self) -> DensitySizes {
        self.sizes
    }

    /// A latent drawn from standard normal numbers, `[latent]`. The same numbers give much the same latent for much the same
    /// guidance.
    ///
    /// # Panics
    /// An array has another size.
    pub fn draw(&self, noise: &[f32], guidance: &Guidance<'_>) -> Vec<f32> {
        assert_eq!(noise.len(), self.sizes.latent);
        let rest = guidance
            .emphasis
            .map_or(guidance.condition, |(rest, _)| rest);
        for condition in [guidance.condition, rest] {
            assert_eq!(condition.len(), self.sizes.conditions);
        }
        let levels = levels();
        let mut x: Vec<f32> = noise.iter().map(|n| levels[0] * n).collect();
        for pair in levels.windows(2) {
            let step = pair[1] - pair[0];
            let first = self.slope(&x, pair[0], guidance);
            let mut moved: Vec<f32> = x.iter().zip(&first).map(|(x, d)| x + step * d).collect();
            if pair[1] > 0.0 {
                let second = self.slope(&moved, pair[1], guidance);
                let mean = first.iter().zip(second).map(|(a, b)| (a + b) / 2.0);
                moved = x.iter().zip(mean).map(|(x, d)| x + step * d).collect();
            }
            x = moved;
        }
        x
    }

    /// How a latent moves with the deviation of its noise: `(x - D(x)) / sigma`.
    fn slope(&self, x: &[f32], sigma: f32, guidance: &Guidance<'_>) -> Vec<f32> {
        let estimate = self.guided(x, sigma, guidance);
        let pairs = x.iter().zip(estimate);
        pairs.map(|(x, d)| (x - d) / sigma).collect()
    }

    /// The estimate that guidance makes of those with and without what is known.
    fn guided(&self, x: &[f32], sigma: f32, guidance: &Guidance<'_>) -> Vec<f32> {
        let with = self.denoise(x, sigma, Some(guidance.condition));
        let mut estimate = with.clone();
        if guidance.reach != 1.0 {
            let without = self.denoise(x, sigma, None);
            let pairs = estimate.iter_mut().zip(without);
            pairs.for_each(|(d, without)| *d = without + guidance.reach * (*d - without));
        }
        if let Some((rest, weight)) = guidance.emphasis {
            let rest = self.denoise(x, sigma, Some(rest));
            let length = dot(&estimate, &estimate);
            let pairs = estimate.iter_mut().zip(with.iter().zip(rest));
            pairs.for_each(|(d, (with, rest))| *d += weight * (with - rest));
            // As long as before: what is further out than faces are, a decoder shows in too loud colours (Lin et al. 2024).
            let scale = (length / dot(&estimate, &estimate).max(f32::MIN_POSITIVE)).sqrt();
            estimate.iter_mut().for_each(|d| *d *= scale);
        }
        estimate
    }

    /// The latent that is expected behind one with normal noise of deviation `sigma`.
    fn denoise(&self, x: &[f32], sigma: f32, condition: Option<&[f32]>) -> Vec<f32> {
        let known = Preconditioning::of(sigma);
        let mut inputs = vec![0.0; self.sizes.inputs()];
        known.write(x, condition, &mut inputs);
        let found = self.forward(inputs);
        let pairs = x.iter().zip(found);
        pairs.map(|(x, f)| known.skip * x + known.out * f).collect()
    }

    fn forward(&self, mut x: Vec<f32>) -> Vec<f32> {
        for (number, layer) in self.layers.iter().enumerate() {
            let rows = layer.weight.chunks_exact(x.len()).zip(&layer.bias);
            let mut y: Vec<f32> = rows.map(|(row, bias)| bias + dot(row, &x)).collect();
            if number < self.sizes.hidden {
                y.iter_mut().for_each(|y| *y = y.max(0.0));
            }
            x = y;
        }
        x
    }
}

/// The deviations of the noise that a draw passes, from the most to none.
fn levels() -> Vec<f32> {
    let [most, least] = NOISE.map(|sigma| sigma.powf(1.0 / RHO));
    let level = |i: usize| {
        let share = i as f32 / (STEPS - 1) as f32;
        (most + share * (least - most)).powf(RHO)
    };
    (0..STEPS).map(level).chain([0.0]).collect()
}

/// A product of two vectors, summed in a fixed order that processors do quickly.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a
        .remainder()
        .iter()
        .zip(b.remainder())
        .map(|(a, b)| a * b)
        .sum();
    let mut sums = [0.0; LANES];
    for (a, b) in a.zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// What keeps the network's inputs and outputs at a mean square of 1 at every level of noise: with F the network,
/// `D(x) = skip x + out F(in x, ...)`.
#[derive(Clone, Copy, Debug)]
struct Preconditioning {
    sigma: f32,
    skip: f32,
    out: f32,
    into: f32,
}

impl Preconditioning {
    fn of(sigma: f32) -> Self {
        let all = sigma * sigma + 1.0;
        Self {
            sigma,
            skip: 1.0 / all,
            out: sigma / all.sqrt(),
            into: 1.0 / all.sqrt(),
        }
    }

    /// What F should give for a noisy latent of which this is the clean one.
    fn target(&self, x: f32, clean: f32) -> f32 {
        (clean - self.skip * x) / self.out
    }

    /// The network's inputs for a noisy latent.
    fn write(&self, x: &[f32], condition: Option<&[f32]>, inputs: &mut [f32]) {
        let (latent, others) = inputs.split_at_mut(x.len());
        let pairs = latent.iter_mut().zip(x);
        pairs.for_each(|(input, x)| *input = self.into * x);
        let (signals, conditions) = others.split_at_mut(SIGNALS);
        let noise = self.sigma.ln() / 4.0;
        for (pair, frequency) in signals.chunks_exact_mut(2).zip(FREQUENCIES) {
            let (sine, cosine) = (frequency * noise).sin_cos();
            pair.copy_from_slice(&[sine, cosine]);
        }
        signals[SIGNALS - 1] = f32::from(u8::from(condition.is_some()));
        match condition {
            Some(condition) => conditions[..condition.len()].copy_from_slice(condition),
            None => conditions.fill(0.0),
        }
    }
}

#[cfg(test)]
mod tests;

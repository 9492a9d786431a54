//! The loss of a batch and its gradients: reconstruction, the range of pixels, fine chroma, perception, a critic, and the
//! divergence of the latents.

use super::{
    chroma::FineChroma,
    critic::Critic,
    layer::Backward,
    looks::{Looks, Weighting},
    matching::Matching,
    networks::{Networks, Posterior},
    perceptual::Perceptual,
};
use crate::train::optimizer::{Parameter, Step};

/// The terms of the loss, means over faces, without their factors.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Terms {
    /// Squared error, summed over the pixels of a face (0 to 1).
    pub pixels: f64,
    /// Squared excess of decoded values over 0 to 1, likewise; in training also of faces of mixed latents.
    #[serde(default)]
    pub excess: f64,
    /// Squared error of fine chroma, likewise; in training also of faces of mixed latents, which should have none.
    #[serde(default)]
    pub chroma: f64,
    /// Perceptual loss: the squared distance of the classifier's activations, relative to their size, summed over layers.
    pub perceptual: f64,
    /// Divergence of the latents from the standard Gaussian, nats.
    pub divergence: f64,
    /// The critic's hinge loss, 1 at chance; 0 without one. It is not part of the total.
    #[serde(default)]
    pub critic: f64,
}

impl Terms {
    /// Adds a share of others.
    pub(super) fn add(&mut self, other: &Self, share: f64) {
        self.pixels += share * other.pixels;
        self.excess += share * other.excess;
        self.chroma += share * other.chroma;
        self.perceptual += share * other.perceptual;
        self.divergence += share * other.divergence;
        self.critic += share * other.critic;
    }

    /// The weighted sum.
    pub(super) fn total(&self, weights: &Weights) -> f64 {
        weights.pixels * self.pixels
            + weights.range * self.excess
            + weights.chroma * self.chroma
            + weights.looks.perceptual * self.perceptual
            + weights.beta * self.divergence
    }

    /// The same, rounded so that it is written and read again without a change.
    pub(super) fn rounded(&self) -> Self {
        Self {
            pixels: rounded(self.pixels),
            excess: rounded(self.excess),
            chroma: rounded(self.chroma),
            perceptual: rounded(self.perceptual),
            divergence: rounded(self.divergence),
            critic: rounded(self.critic),
        }
    }
}

/// A figure with six decimals, which JSON keeps as it is.
pub(super) fn rounded(figure: f64) -> f64 {
    (figure * 1e6).round() / 1e6
}

/// The factors of the terms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights {
    pub(super) pixels: f64,
    pub(super) range: f64,
    pub(super) chroma: f64,
    pub(super) beta: f64,
    /// Of what the classifier's eyes give.
    pub(super) looks: Weighting,
}

/// A batch: faces, `[n, 3, S, S]`, their attributes, `[n, attributes]`, and normal noise, `[n, latent]`; mixtures
/// of its latents, whose faces count only for the critic, the range and the fine chroma.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch<'a> {
    pub(super) faces: &'a [f32],
    pub(super) attributes: &'a [f32],
    pub(super) noise: &'a [f32],
    pub(super) mixtures: &'a [Mixture],
}

/// Networks that learn, and the classifier that looks at their faces.
pub(super) struct Learner {
    pub(super) networks: Networks,
    pub(super) perceptual: Option<Perceptual>,
    pub(super) matching: Option<Matching>,
    pub(super) critic: Option<Critic>,
}

impl Learner {
    /// Everything that a checkpoint keeps, always in the same order.
    pub(super) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        let matching = self.matching.iter_mut().flat_map(Matching::parameters_mut);
        let critic = self.critic.iter_mut().flat_map(Critic::parameters_mut);
        self.networks.parameters_mut().chain(matching).chain(critic)
    }

    /// The terms of a batch.
    pub(super) fn terms(&mut self, batch: &Batch<'_>) -> Terms {
        let topology = self.networks.topology();
        let (size, latent) = (topology.pixels(), topology.latent);
        let fine = FineChroma::new(topology.side);
        let n = batch.faces.len() / size;
        let posterior = self.networks.encode(batch.faces, batch.attributes);
        let latents = posterior.draw(batch.noise);
        let decoded = self.networks.decode(&latents, batch.attributes);
        let perceptual = self.perceptual.as_mut();
        Terms {
            pixels: squared_error(batch.faces, decoded) / n as f64,
            excess: squared_excess(decoded) / n as f64,
            chroma: squares(fine.errors(batch.faces, decoded).into_iter()) / n as f64,
            perceptual: perceptual.map_or(0.0, |p| p.loss(batch.faces, decoded)),
            divergence: posterior.divergence(latent),
            critic: 0.0,
        }
    }

    /// The terms of a batch, and the gradients of everything that the networks learn. The critic takes its `step`.
    pub(super) fn learn(&mut self, batch: &Batch<'_>, weights: &Weights, step: Step) -> Terms {
        let topology = self.networks.topology();
        let (size, latent) = (topology.pixels(), topology.latent);
        let fine = FineChroma::new(topology.side);
        let n = batch.faces.len() / size;
        let posterior = self.networks.encode(batch.faces, batch.attributes);
        let mut latents = posterior.draw(batch.noise);
        let mut attributes = batch.attributes.to_vec();
        let looks = weights.looks;
        if looks.adversarial > 0.0 || weights.range > 0.0 || weights.chroma > 0.0 {
            let drawn = batch.mixtures.len();
            latents.extend(mixed(&latents, batch.mixtures, latent));
            attributes.extend_from_within(..attributes.len() / n * drawn);
        }
        let made = self.networks.decode(&latents, &attributes).to_vec();
        let decoded = &made[..batch.faces.len()];
        let factor = (2.0 * weights.pixels / n as f64) as f32;
        let differences = decoded
            .iter()
            .zip(batch.faces)
            .map(|(y, x)| factor * (y - x));
        let mut gradient: Vec<f32> = differences.collect();
        gradient.resize(made.len(), 0.0);
        let faces = (made.len() / size) as f64;
        let factor = (2.0 * weights.range / faces) as f32;
        let values = gradient.iter_mut().zip(&made);
        values.for_each(|(g, &y)| *g += factor * excess(y));
        let [perceptual, critic] = match &mut self.perceptual {
            Some(perceptual) if looks.perceptual > 0.0 || looks.adversarial > 0.0 => Looks {
                matching: self.matching.as_mut().filter(|_| looks.matching > 0.0),
                critic: self.critic.as_mut().filter(|_| looks.adversarial > 0.0),
                perceptual,
                weighting: looks,
            }
            .add_gradients([batch.faces, &made], step, &mut gradient),
            _ => [0.0; 2],
        };
        // After the looks, whose part is as large as what was there before them.
        let chroma = fine.errors(batch.faces, &made);
        if weights.chroma > 0.0 {
            fine.add_gradients(&chroma, 2.0 * weights.chroma / faces, &mut gradient);
        }
        let mut pulled = self.networks.pull_back(&gradient, Backward::Learn);
        pulled.truncate(n * latent);
        let beta = weights.beta as f32 / n as f32;
        let gradient = posterior.gradient(&pulled, batch.noise, beta);
        self.networks.learn_encoder(&gradient);
        Terms {
            pixels: squared_error(batch.faces, decoded) / n as f64,
            excess: squared_excess(&made) / faces,
            chroma: squares(chroma.into_iter()) / faces,
            perceptual,
            divergence: posterior.divergence(latent),
            critic,
        }
    }
}

/// Faces whose latents are mixed, and the signs of their differences from the mean.
pub(super) type Mixture = [(usize, bool); 4];

/// Latents with mean and covariance of those of a batch, but of faces that are nobody's: the mean plus four differences
/// from it, each with a random sign, over 2. Sums of several are nearly normal, as the latents that faces are drawn from.
fn mixed(latents: &[f32], mixtures: &[Mixture], latent: usize) -> Vec<f32> {
    let n = (latents.len() / latent) as f32;
    let mut mean = vec![0.0; latent];
    for row in latents.chunks_exact(latent) {
        mean.iter_mut().zip(row).for_each(|(m, x)| *m += x / n);
    }
    let mut all = Vec::with_capacity(mixtures.len() * latent);
    for mixture in mixtures {
        all.extend((0..latent).map(|k| {
            let part = |&(i, plus): &(usize, bool)| {
                let apart = latents[i * latent + k] - mean[k];
                if plus { apart } else { -apart }
            };
            mean[k] + mixture.iter().map(part).sum::<f32>() / 2.0
        }));
    }
    all
}

fn squared_error(a: &[f32], b: &[f32]) -> f64 {
    squares(a.iter().zip(b).map(|(a, b)| a - b))
}

/// How far a decoded value is from what a pixel can be.
fn excess(value: f32) -> f32 {
    value - value.clamp(0.0, 1.0)
}

fn squared_excess(values: &[f32]) -> f64 {
    squares(values.iter().map(|&y| excess(y)))
}

/// The sum of squares.
fn squares(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|x| f64::from(x).powi(2)).sum()
}

impl Posterior {
    /// Latents: the means plus the deviations times noise.
    pub(super) fn draw(&self, noise: &[f32]) -> Vec<f32> {
        let pairs = self.mean.iter().zip(&self.log_variance).zip(noise);
        pairs.map(|((m, v), e)| m + (v / 2.0).exp() * e).collect()
    }

    /// The mean divergence from the standard Gaussian, in nats.
    pub(super) fn divergence(&self, latent: usize) -> f64 {
        let values = self.mean.iter().zip(&self.log_variance);
        let total: f64 = values
            .map(|(&m, &v)| (f64::from(m).powi(2) + f64::from(v).exp() - 1.0 - f64::from(v)) / 2.0)
            .sum();
        total / (self.mean.len() / latent) as f64
    }

    /// The gradient with respect to means and log-variances, from that with respect to the latents, and of `beta` times
    /// the divergence of every face.
    fn gradient(&self, latents: &[f32], noise: &[f32], beta: f32) -> Self {
        let mean = self.mean.iter().zip(latents);
        let own = self.log_variance.iter().zip(noise).zip(latents);
        Self {
            mean: mean.map(|(m, d)| d + beta * m).collect(),
            log_variance: own
                .map(|((v, e), d)| (d * e * (v / 2.0).exp() + beta * (v.exp() - 1.0)) / 2.0)
                .collect(),
        }
    }
}

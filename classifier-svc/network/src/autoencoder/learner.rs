//! The loss of a batch and its gradients: reconstruction, perception, and the divergence of the latents.

use super::{
    layer::Backward,
    networks::{Networks, Posterior},
    perceptual::Perceptual,
};

/// The terms of the loss, means over faces, without their factors.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Terms {
    /// Squared error, summed over the pixels of a face (0 to 1).
    pub pixels: f64,
    /// Perceptual loss: the squared distance of the classifier's activations, relative to their size, summed over layers.
    pub perceptual: f64,
    /// Divergence of the latents from the standard Gaussian, nats.
    pub divergence: f64,
}

impl Terms {
    /// Adds a share of others.
    pub(super) fn add(&mut self, other: &Self, share: f64) {
        self.pixels += share * other.pixels;
        self.perceptual += share * other.perceptual;
        self.divergence += share * other.divergence;
    }

    /// The weighted sum.
    pub(super) fn total(&self, weights: &Weights) -> f64 {
        weights.pixels * self.pixels
            + weights.perceptual * self.perceptual
            + weights.beta * self.divergence
    }

    /// The same, rounded so that it is written and read again without a change.
    pub(super) fn rounded(&self) -> Self {
        Self {
            pixels: rounded(self.pixels),
            perceptual: rounded(self.perceptual),
            divergence: rounded(self.divergence),
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
    pub(super) perceptual: f64,
    pub(super) beta: f64,
}

/// A batch: faces, `[n, 3, S, S]`, their attributes, `[n, attributes]`, and normal noise, `[n, latent]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch<'a> {
    pub(super) faces: &'a [f32],
    pub(super) attributes: &'a [f32],
    pub(super) noise: &'a [f32],
}

/// Networks that learn, and the classifier that looks at their faces.
pub(super) struct Learner {
    pub(super) networks: Networks,
    pub(super) perceptual: Option<Perceptual>,
}

impl Learner {
    /// The terms of a batch.
    pub(super) fn terms(&mut self, batch: &Batch<'_>) -> Terms {
        let topology = self.networks.topology();
        let (size, latent) = (topology.pixels(), topology.latent);
        let n = batch.faces.len() / size;
        let posterior = self.networks.encode(batch.faces, batch.attributes);
        let latents = posterior.draw(batch.noise);
        let decoded = self.networks.decode(&latents, batch.attributes);
        let perceptual = self.perceptual.as_mut();
        Terms {
            pixels: squared_error(batch.faces, decoded) / n as f64,
            perceptual: perceptual.map_or(0.0, |p| p.loss(batch.faces, decoded)),
            divergence: posterior.divergence(latent),
        }
    }

    /// The terms of a batch, and the gradients of everything learned.
    pub(super) fn learn(&mut self, batch: &Batch<'_>, weights: &Weights) -> Terms {
        let topology = self.networks.topology();
        let (size, latent) = (topology.pixels(), topology.latent);
        let n = batch.faces.len() / size;
        let posterior = self.networks.encode(batch.faces, batch.attributes);
        let latents = posterior.draw(batch.noise);
        let decoded = self.networks.decode(&latents, batch.attributes).to_vec();
        let factor = (2.0 * weights.pixels / n as f64) as f32;
        let differences = decoded
            .iter()
            .zip(batch.faces)
            .map(|(y, x)| factor * (y - x));
        let mut gradient: Vec<f32> = differences.collect();
        let perceptual = match &mut self.perceptual {
            Some(p) if weights.perceptual > 0.0 => {
                p.add_gradient(batch.faces, &decoded, weights.perceptual, &mut gradient)
            }
            _ => 0.0,
        };
        let pulled = self.networks.pull_back(&gradient, Backward::Learn);
        let beta = weights.beta as f32 / n as f32;
        let gradient = posterior.gradient(&pulled, batch.noise, beta);
        self.networks.learn_encoder(&gradient);
        Terms {
            pixels: squared_error(batch.faces, &decoded) / n as f64,
            perceptual,
            divergence: posterior.divergence(latent),
        }
    }
}

fn squared_error(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
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

//! The Gaussian that latents are drawn from, given attributes: the standard one of the loss, or one that is fitted to the
//! latents of the training faces.

use deepface_statistics::{regress, standard_normal};
use nalgebra::{DMatrix, DVector};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::networks::Posterior;

/// Ridge of the regression on attributes, relative to the variance of a fair coin.
const RIDGE: f64 = 0.01;
/// Added to every variance, so that the covariance has a factor.
const LEAST_VARIANCE: f64 = 1e-4;

/// A Gaussian whose mean is linear in the attributes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Prior {
    pub(super) latent: usize,
    pub(super) attributes: usize,
    /// `[latent, attributes]`.
    pub(super) weight: Vec<f32>,
    /// `[latent]`.
    pub(super) bias: Vec<f32>,
    /// Lower triangular, `[latent, latent]`: the covariance is its product with its transpose.
    pub(super) factor: Vec<f32>,
}

impl Prior {
    /// The standard Gaussian, whatever the attributes.
    pub(super) fn standard(latent: usize, attributes: usize) -> Self {
        let mut factor = vec![0.0; latent * latent];
        factor.iter_mut().step_by(latent + 1).for_each(|x| *x = 1.0);
        Self {
            latent,
            attributes,
            weight: vec![0.0; latent * attributes],
            bias: vec![0.0; latent],
            factor,
        }
    }

    /// The Gaussian of the latents of faces with these attributes, `[n, attributes]`: their means' regression on the
    /// attributes, and the covariance of what that leaves plus the mean variance of a face's own latent. `None` where
    /// there is no such Gaussian.
    pub(super) fn fit(posterior: &Posterior, attributes: &[f32], count: usize) -> Option<Self> {
        let n = attributes.len() / count;
        let latent = posterior.mean.len() / n;
        let input = DMatrix::from_fn(n, count + 1, |i, j| match j {
            0 => 1.0,
            j => f64::from(attributes[i * count + j - 1]),
        });
        let output = DMatrix::from_fn(n, latent, |i, j| f64::from(posterior.mean[i * latent + j]));
        let scale = 1.0 / n as f64;
        let second = input.tr_mul(&input) * scale;
        let cross = input.tr_mul(&output) * scale;
        let law = regress(&second, cross, RIDGE);
        let rest = output - input * &law;
        let mut covariance = rest.tr_mul(&rest) * scale;
        for j in 0..latent {
            let own = posterior.log_variance.iter().skip(j).step_by(latent);
            let own: f64 = own.map(|&v| f64::from(v).exp()).sum();
            covariance[(j, j)] += own * scale + LEAST_VARIANCE;
        }
        let factor = covariance.cholesky()?.l();
        let square = |rows: usize, columns: usize, at: &dyn Fn(usize, usize) -> f64| {
            let all = (0..rows * columns).map(|k| at(k / columns, k % columns) as f32);
            all.collect::<Vec<f32>>()
        };
        let prior = Self {
            latent,
            attributes: count,
            weight: square(latent, count, &|i, j| law[(j + 1, i)]),
            bias: square(latent, 1, &|i, _| law[(0, i)]),
            factor: square(latent, latent, &|i, j| factor[(i, j)]),
        };
        let values = prior.weight.iter().chain(&prior.bias).chain(&prior.factor);
        values.copied().all(f32::is_finite).then_some(prior)
    }

    /// The mean divergence of the latents of faces with these attributes, `[n, attributes]`, from this Gaussian, in nats.
    pub(super) fn divergence(&self, posterior: &Posterior, attributes: &[f32]) -> f64 {
        let latent = self.latent;
        let n = attributes.len() / self.attributes;
        let factor = DMatrix::from_fn(latent, latent, |i, j| {
            f64::from(self.factor[i * latent + j])
        });
        let inverse = factor.solve_lower_triangular(&DMatrix::identity(latent, latent));
        let Some(inverse) = inverse else {
            return f64::INFINITY;
        };
        let log_determinant: f64 = (0..latent).map(|j| 2.0 * factor[(j, j)].ln()).sum();
        let precisions: Vec<f64> = (0..latent)
            .map(|j| inverse.column(j).norm_squared())
            .collect();
        let faces = posterior
            .mean
            .chunks_exact(latent)
            .zip(posterior.log_variance.chunks_exact(latent))
            .zip(attributes.chunks_exact(self.attributes));
        let total: f64 = faces
            .map(|((mean, log_variance), attributes)| {
                let away = mean.iter().zip(self.mean(attributes));
                let away = away.map(|(&m, p)| f64::from(m) - f64::from(p));
                let away = &inverse * DVector::from_iterator(latent, away);
                let own: f64 = log_variance
                    .iter()
                    .zip(&precisions)
                    .map(|(&v, p)| p * f64::from(v).exp() - f64::from(v) - 1.0)
                    .sum();
                (own + away.norm_squared() + log_determinant) / 2.0
            })
            .sum();
        total / n as f64
    }

    /// The mean for a set of attributes.
    pub(super) fn mean(&self, attributes: &[f32]) -> Vec<f32> {
        let rows = self.weight.chunks_exact(self.attributes).zip(&self.bias);
        let sum = |(row, bias): (&[f32], &f32)| {
            let products = row.iter().zip(attributes).map(|(w, a)| w * a);
            bias + products.sum::<f32>()
        };
        rows.map(sum).collect()
    }

    /// A latent for a set of attributes, which the seed decides.
    pub(super) fn draw(&self, attributes: &[f32], seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let noise: Vec<f32> = (0..self.latent)
            .map(|_| standard_normal(&mut rng))
            .collect();
        let mut latent = self.mean(attributes);
        for (x, row) in latent.iter_mut().zip(self.factor.chunks_exact(self.latent)) {
            *x += row.iter().zip(&noise).map(|(f, e)| f * e).sum::<f32>();
        }
        latent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    const N: usize = 4000;

    /// Latents of two values that follow one of two attributes and each other.
    fn faces() -> (Posterior, Vec<f32>) {
        let (a, e) = (noise(1, 2 * N), noise(2, 2 * N));
        let attributes: Vec<f32> = a.iter().map(|x| f32::from(u8::from(*x > 0.0))).collect();
        let mean = (0..N).flat_map(|i| {
            let (on, first) = (attributes[2 * i], e[2 * i]);
            [2.0 * on - 1.0 + first, 0.5 * first + 0.1 * e[2 * i + 1]]
        });
        let posterior = Posterior {
            mean: mean.collect(),
            log_variance: vec![-4.0; 2 * N],
        };
        (posterior, attributes)
    }

    #[test]
    fn the_fitted_gaussian_has_the_moments_of_the_latents() {
        let (posterior, attributes) = faces();
        let prior = Prior::fit(&posterior, &attributes, 2).unwrap();
        let [with, without] = [[1.0, 0.0], [0.0, 0.0]].map(|a| prior.mean(&a));
        assert!(
            (with[0] - without[0] - 2.0).abs() < 0.1,
            "{with:?} {without:?}"
        );
        assert!((with[1] - without[1]).abs() < 0.05);
        let draws: Vec<Vec<f32>> = (0..N as u64).map(|s| prior.draw(&[1.0, 1.0], s)).collect();
        let centre = prior.mean(&[1.0, 1.0]);
        let moment = |i: usize, j: usize| {
            let products = draws
                .iter()
                .map(|d| (d[i] - centre[i]) * (d[j] - centre[j]));
            products.sum::<f32>() / N as f32
        };
        // A third is the variance of a uniform value in -1 to 1, and exp(-4) a face's own.
        for ((i, j), expected) in [((0, 0), 0.352), ((0, 1), 0.167), ((1, 1), 0.105)] {
            let found = moment(i, j);
            assert!((found - expected).abs() < 0.05, "{i} {j}: {found}");
        }
        let standard = Prior::standard(2, 2);
        let divergence = |prior: &Prior| prior.divergence(&posterior, &attributes);
        assert!(divergence(&prior) + 0.5 < divergence(&standard));
    }

    #[test]
    fn the_divergence_from_the_standard_gaussian_is_the_well_known_one() {
        let posterior = Posterior {
            mean: vec![0.5, -1.0],
            log_variance: vec![0.2, -0.7],
        };
        let found = Prior::standard(2, 1).divergence(&posterior, &[1.0]);
        let terms = [(0.5_f64, 0.2_f64), (-1.0, -0.7)].map(|(m, v)| m * m + v.exp() - 1.0 - v);
        assert!((found - terms.iter().sum::<f64>() / 2.0).abs() < 1e-6);
    }
}

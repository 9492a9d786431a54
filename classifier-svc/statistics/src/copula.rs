//! Label vectors as people have them: a Gaussian copula of the attributes.
//!
//! Behind every attribute is a standard normal latent; the attribute is present where the latent exceeds a threshold.
//! Thresholds and the correlations of the latents (tetrachoric; Pearson 1900) follow from how often attributes are present,
//! alone and in pairs. So a draw is a list of attributes that go together, not a mixture of half of each.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rand::{Rng, RngExt};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::AttributeMoments;

/// Shares nearer to 0 or 1 count as this far from them.
const LEAST_SHARE: f64 = 1e-4;
/// Largest correlation of two latents.
const MOST: f64 = 0.985;
/// Least eigenvalue of the correlations: pairs are fitted one by one, so together they may not be those of anything.
const LEAST_EIGENVALUE: f64 = 1e-2;
/// Sweeps of Gibbs sampling: enough to forget where it began, even among latents that hardly differ.
const SWEEPS: usize = 60;
/// Quantiles nearer to 0 or 1 count as this far from them.
const LEAST_QUANTILE: f64 = 1e-9;

/// The distribution of attributes, by latents.
#[derive(Clone, Debug)]
pub struct AttributeCopula {
    /// A latent above it is an attribute that is present.
    thresholds: Vec<f64>,
    /// Of the latents.
    correlations: DMatrix<f64>,
    /// Their lower Cholesky factor.
    factor: DMatrix<f64>,
}

impl AttributeCopula {
    /// The copula with these moments.
    pub fn of(moments: &AttributeMoments) -> Self {
        let normal = Normal::standard();
        let second = moments.second();
        let shares = moments.frequencies();
        let threshold = |p: &f64| -normal.inverse_cdf(p.clamp(LEAST_SHARE, 1.0 - LEAST_SHARE));
        let thresholds: Vec<f64> = shares.iter().map(threshold).collect();
        let n = thresholds.len();
        let mut raw = DMatrix::identity(n, n);
        for i in 0..n {
            for j in 0..i {
                let both = second[(i + 1, j + 1)];
                let found = tetrachoric(thresholds[i], thresholds[j], both);
                (raw[(i, j)], raw[(j, i)]) = (found, found);
            }
        }
        let correlations = nearest_correlations(raw);
        let factor = correlations.clone().cholesky();
        Self {
            thresholds,
            factor: factor
                .expect("eigenvalues of these correlations are above zero")
                .l(),
            correlations,
        }
    }

    /// Latents of a person, from independent standard normal numbers, one per attribute.
    pub fn latents(&self, noise: Vec<f64>) -> DVector<f64> {
        &self.factor * DVector::from_vec(noise)
    }

    /// The attributes of a person.
    pub fn attributes(&self, latents: &DVector<f64>) -> Vec<bool> {
        let pairs = latents.iter().zip(&self.thresholds);
        pairs
            .map(|(latent, threshold)| latent > threshold)
            .collect()
    }

    /// The attributes of a person like this one who has the given attributes, each with its probability, 0 to 1. Whoever has
    /// them stays the same. For whoever has not, latents of the given attributes are drawn with `rng` (Gibbs sampling), and
    /// whatever goes with what changes, changes with it. Of many people, the result is a sample of those who have them.
    pub fn given(
        &self,
        person: &DVector<f64>,
        said: &[(usize, f64)],
        rng: &mut impl Rng,
    ) -> Vec<bool> {
        let normal = Normal::standard();
        let present = |&(attribute, probability): &(usize, f64)| {
            normal.cdf(person[attribute]) > 1.0 - probability
        };
        let present: Vec<bool> = said.iter().map(present).collect();
        let mut attributes = self.attributes(person);
        let agrees =
            |((attribute, _), present): (&(usize, f64), &bool)| attributes[*attribute] == *present;
        if !said.iter().zip(&present).all(agrees) {
            let said: Vec<_> = said.iter().map(|&(attribute, _)| attribute).collect();
            let latents = self.moved(person, &said, &present, rng);
            attributes = self.attributes(&latents);
            for (attribute, present) in said.into_iter().zip(present) {
                attributes[attribute] = present;
            }
        }
        attributes
    }

    /// Latents of a person whose given attributes are present or not: drawn for those, and moved along for the others, by
    /// Matheron's rule.
    fn moved(
        &self,
        person: &DVector<f64>,
        said: &[usize],
        present: &[bool],
        rng: &mut impl Rng,
    ) -> DVector<f64> {
        let normal = Normal::standard();
        let n = said.len();
        let within = DMatrix::from_fn(n, n, |i, j| self.correlations[(said[i], said[j])]);
        let precision = within
            .cholesky()
            .expect("a part of positive definite correlations is positive definite")
            .inverse();
        let before = DVector::from_fn(n, |i, _| person[said[i]]);
        let mut after = before.clone();
        for _ in 0..SWEEPS {
            for i in 0..n {
                // Given the others, a latent is normal; on its side of the threshold, a part of one.
                let variance = 1.0 / precision[(i, i)];
                let mean = after[i] - precision.column(i).dot(&after) * variance;
                let deviation = variance.sqrt();
                let below = normal.cdf((self.thresholds[said[i]] - mean) / deviation);
                let u = rng.random::<f64>();
                let quantile = match present[i] {
                    true => below + (1.0 - below) * u,
                    false => below * u,
                };
                let quantile = quantile.clamp(LEAST_QUANTILE, 1.0 - LEAST_QUANTILE);
                after[i] = mean + deviation * normal.inverse_cdf(quantile);
            }
        }
        let pull = precision * (after - before);
        let mut latents = person.clone();
        for (u, latent) in latents.iter_mut().enumerate() {
            let moved = said.iter().zip(pull.iter());
            let moved = moved.map(|(&s, p)| self.correlations[(u, s)] * p);
            *latent += moved.sum::<f64>();
        }
        latents
    }
}

/// The correlation at which two standard normals are above their thresholds with this probability, by Newton's method: the
/// derivative of the probability is the density at the thresholds (Plackett 1954).
fn tetrachoric(h: f64, k: f64, both: f64) -> f64 {
    const STEPS: usize = 30;
    const ENOUGH: f64 = 1e-9;
    let (mut low, mut high, mut r) = (-MOST, MOST, 0.0);
    for _ in 0..STEPS {
        let wrong = both_above(h, k, r) - both;
        if wrong.abs() < ENOUGH {
            break;
        }
        match wrong > 0.0 {
            true => high = r,
            false => low = r,
        }
        let step = r - wrong / density(h, k, r);
        // Where the density is nearly 0, Newton leaves the interval.
        r = if step > low && step < high {
            step
        } else {
            (low + high) / 2.0
        };
    }
    r
}

/// The density of two standard normals with this correlation.
fn density(h: f64, k: f64, r: f64) -> f64 {
    let rest = 1.0 - r * r;
    (-(h * h - 2.0 * r * h * k + k * k) / (2.0 * rest)).exp()
        / (std::f64::consts::TAU * rest.sqrt())
}

/// The probability that two standard normals with this correlation are above their thresholds: that of independent ones,
/// and the integral of the density over the correlation, by Simpson's rule in its arc sine, which is smooth.
fn both_above(h: f64, k: f64, r: f64) -> f64 {
    const INTERVALS: usize = 24;
    let normal = Normal::standard();
    let end = r.asin();
    let integrand = |i: usize| {
        let angle = end * i as f64 / INTERVALS as f64;
        density(h, k, angle.sin()) * angle.cos()
    };
    let inner = (1..INTERVALS).map(|i| integrand(i) * if i % 2 == 1 { 4.0 } else { 2.0 });
    let sum = integrand(0) + inner.sum::<f64>() + integrand(INTERVALS);
    normal.sf(h) * normal.sf(k) + sum * end / (3.0 * INTERVALS as f64)
}

/// Correlations near these whose matrix is positive definite.
fn nearest_correlations(raw: DMatrix<f64>) -> DMatrix<f64> {
    let mut eigen = SymmetricEigen::new(raw);
    for value in eigen.eigenvalues.iter_mut() {
        *value = value.max(LEAST_EIGENVALUE);
    }
    let covariance = eigen.recompose();
    let n = covariance.nrows();
    DMatrix::from_fn(n, n, |i, j| {
        let scale = (covariance[(i, i)] * covariance[(j, j)]).sqrt();
        match i == j {
            true => 1.0,
            // The upper triangle is that of the lower one to the last bit.
            false => covariance[(i.max(j), i.min(j))] / scale,
        }
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::standard_normal;

    #[test]
    fn the_probability_of_a_quadrant_is_known() {
        for r in [-0.98, -0.5, 0.0, 0.3, 0.9_f64] {
            // Sheppard's formula.
            let expected = 0.25 + r.asin() / std::f64::consts::TAU;
            assert!((both_above(0.0, 0.0, r) - expected).abs() < 1e-9, "{r}");
        }
        for (h, k, r) in [(0.5, 1.2, 0.7), (-1.0, 2.0, -0.4), (1.5, 1.5, 0.9)] {
            let found = tetrachoric(h, k, both_above(h, k, r));
            assert!((found - r).abs() < 1e-5, "{h} {k} {r}: {found}");
        }
        assert!(tetrachoric(0.0, 0.0, 0.0) < -0.97);
    }

    /// Moments of people of four kinds: the first two attributes exclude each other, the third goes with the first.
    fn moments() -> AttributeMoments {
        let people = [
            ([1.0, 0.0, 1.0], 0.3),
            ([0.0, 1.0, 0.0], 0.2),
            ([0.0, 0.0, 0.0], 0.4),
            ([0.0, 0.0, 1.0], 0.1),
        ];
        let mut second = DMatrix::zeros(4, 4);
        for ([a, b, c], share) in people {
            let x = DVector::from_row_slice(&[1.0, a, b, c]);
            second += share * &x * x.transpose();
        }
        AttributeMoments::new(second)
    }

    fn draws(said: &[(usize, f64)]) -> Vec<Vec<bool>> {
        let copula = AttributeCopula::of(&moments());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let person = |_| {
            let noise = (0..3).map(|_| standard_normal(&mut rng).into()).collect();
            copula.given(&copula.latents(noise), said, &mut rng)
        };
        (0..2000).map(person).collect()
    }

    fn share(draws: &[Vec<bool>], of: impl Fn(&[bool]) -> bool) -> f64 {
        draws.iter().filter(|d| of(d)).count() as f64 / draws.len() as f64
    }

    #[test]
    fn draws_are_as_frequent_as_people() {
        let open = draws(&[]);
        for (i, expected) in [0.3, 0.2, 0.4].into_iter().enumerate() {
            let found = share(&open, |d| d[i]);
            assert!((found - expected).abs() < 0.03, "{i}: {found}");
        }
        assert!(share(&open, |d| d[0] && d[1]) < 0.01);
    }

    #[test]
    fn what_is_given_is_there_and_takes_with_it_what_goes_along() {
        let with = draws(&[(0, 1.0)]);
        assert_eq!(share(&with, |d| d[0]), 1.0);
        assert!(share(&with, |d| d[1]) < 0.01);
        assert!(share(&with, |d| d[2]) > 0.9);
        let without = draws(&[(0, 0.0), (1, 0.0)]);
        assert_eq!(share(&without, |d| d[0] || d[1]), 0.0);
        let third = share(&without, |d| d[2]);
        assert!((third - 0.2).abs() < 0.04, "{third}");
        let weak = draws(&[(0, 0.6)]);
        assert!((share(&weak, |d| d[0]) - 0.6).abs() < 0.04);
    }

    #[test]
    fn who_agrees_stays_the_same() {
        let copula = AttributeCopula::of(&moments());
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for _ in 0..50 {
            let noise = (0..3).map(|_| standard_normal(&mut rng).into()).collect();
            let person = copula.latents(noise);
            let open = copula.attributes(&person);
            let said = [
                (0, f64::from(u8::from(open[0]))),
                (2, f64::from(u8::from(open[2]))),
            ];
            assert_eq!(copula.given(&person, &said, &mut rng), open);
        }
    }
}

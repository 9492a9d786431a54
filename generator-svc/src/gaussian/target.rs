//! The target activation for a set of attributes.

use nalgebra::DVector;

use super::{Layer, Statistics};
use crate::{Purpose, normal, random};

/// How a target is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `T(a) = mean + sum_j (a_j - E[a_j]) v_j` with the unsaid attributes completed.
    Regression,
    /// Eq. 4: `1/|C| sum_j w_j mu_j` over the attributes that should be present.
    CgmmMean,
    /// Eq. 2: the same of samples `z_j` from `N(mu_j, Sigma_j)`.
    CgmmSample,
}

/// What is asked of one attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked {
    /// Its number, in the order of [`deepface_dataset::attributes`].
    pub attribute: usize,
    /// Whether it should be absent. The paper's methods have no place for that and leave it out.
    pub absent: bool,
    /// How strongly: 1 is as in the training data, 2 twice as far from the mean.
    pub strength: f64,
}

/// How a target is made, in full.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TargetSettings {
    /// The method.
    pub method: Method,
    /// k in `T + k (T - mean)`.
    pub exaggeration: f64,
    /// Standard deviations of residual noise added to a regression target.
    pub variety: f64,
    /// Seed of everything random.
    pub seed: u64,
}

/// A target activation.
#[derive(Clone, Debug)]
pub struct Target {
    /// Of the layer's shape.
    pub values: Vec<f32>,
    /// `|T - mean| / |mean|`: 0 is the mean face.
    pub relative_deviation: f64,
    /// Value of every attribute, said or completed, 0 to 1. Empty for the paper's methods.
    pub completed: Vec<f64>,
}

impl Statistics {
    /// The target activation of a layer for a set of attributes.
    pub fn target(&self, layer: &Layer, asked: &[Asked], settings: &TargetSettings) -> Target {
        let mut rng = random(settings.seed, Purpose::Target);
        let mut completed = Vec::new();
        let mut target = match settings.method {
            Method::Regression => {
                completed = self.complete(asked);
                layer.regression(&self.offsets(asked, &completed))
            }
            Method::CgmmMean => layer.weighted(asked, |j| layer.means.row(j).transpose()),
            Method::CgmmSample => layer.weighted(asked, |j| {
                let deviations = layer.deviations.row(j);
                DVector::from_fn(layer.size(), |i, _| {
                    layer.means[(j, i)] + deviations[i] * normal(&mut rng)
                })
            }),
        };
        let mean = &layer.mean;
        target += (&target - mean) * settings.exaggeration as f32;
        if settings.method == Method::Regression && settings.variety > 0.0 {
            for (t, d) in target.iter_mut().zip(&layer.residual) {
                *t += settings.variety as f32 * d * normal(&mut rng);
            }
        }
        Target {
            relative_deviation: f64::from(
                (&target - mean).norm() / mean.norm().max(f32::MIN_POSITIVE),
            ),
            values: target.iter().copied().collect(),
            completed,
        }
    }

    fn complete(&self, asked: &[Asked]) -> Vec<f64> {
        let said = |a: &Asked| (a.attribute, if a.absent { 0.0 } else { 1.0 });
        self.attributes
            .complete(&asked.iter().map(said).collect::<Vec<_>>())
    }

    /// How far each attribute is from its mean, strengths applied.
    fn offsets(&self, asked: &[Asked], completed: &[f64]) -> Vec<f64> {
        let mut offsets: Vec<f64> = completed
            .iter()
            .zip(&self.frequencies)
            .map(|(c, f)| c - f)
            .collect();
        for a in asked {
            offsets[a.attribute] *= a.strength;
        }
        offsets
    }
}

impl Layer {
    /// Number of neurons.
    pub fn size(&self) -> usize {
        self.mean.len()
    }

    fn regression(&self, offsets: &[f64]) -> DVector<f32> {
        let offsets = DVector::from_iterator(offsets.len(), offsets.iter().map(|&o| o as f32));
        &self.mean + self.slopes.tr_mul(&offsets)
    }

    /// `1/|C| sum_j w_j x_j` over the attributes that should be present; the mean activation where there is none.
    fn weighted(&self, asked: &[Asked], mut x: impl FnMut(usize) -> DVector<f32>) -> DVector<f32> {
        let present: Vec<usize> = asked
            .iter()
            .filter(|a| !a.absent)
            .map(|a| a.attribute)
            .collect();
        if present.is_empty() {
            return self.mean.clone();
        }
        let mut sum = DVector::zeros(self.size());
        for &j in &present {
            sum.axpy(self.weights[j] as f32 / present.len() as f32, &x(j), 1.0);
        }
        sum
    }
}

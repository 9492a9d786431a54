//! The target activation for a set of attributes.

use nalgebra::DVector;

use super::{Asked, Description, Layer, Statistics, Wish};
use deepface_statistics::standard_normal;

use crate::{Purpose, random};

/// Standard deviations of the image's own draw for each of the attributes'.
const IMAGE_SHARE: f32 = 0.65;

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

/// Which part of what the regression leaves unexplained is drawn for variety.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// What goes with the image's own variety: a few directions in which neurons move together.
    LowRank,
    /// Every neuron on its own, as the paper's diagonal covariances have it.
    Diagonal,
}

/// How a target is made, in full.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TargetSettings {
    /// The method.
    pub method: Method,
    /// k in `T + k (T - mean)`.
    pub exaggeration: f64,
    /// Standard deviations of what attributes leave open, drawn anew for each seed; regression only.
    pub variety: f64,
    /// Of what kind.
    pub residual: Residual,
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
}

impl Statistics {
    /// The target activation of a layer for a wish and its description.
    pub fn target(
        &self,
        layer: &Layer,
        wish: &Wish,
        description: &Description,
        settings: &TargetSettings,
    ) -> Target {
        let mut rng = random(settings.seed, Purpose::Target);
        let mut target = match settings.method {
            Method::Regression => layer.regression(&description.offsets),
            Method::CgmmMean => layer.weighted(&wish.asked, |j| layer.means.row(j).transpose()),
            Method::CgmmSample => layer.weighted(&wish.asked, |j| {
                let deviations = layer.deviations.row(j);
                DVector::from_fn(layer.size(), |i, _| {
                    layer.means[(j, i)] + deviations[i] * standard_normal(&mut rng)
                })
            }),
        };
        let mean = &layer.mean;
        target += (&target - mean) * settings.exaggeration as f32;
        match settings.residual {
            _ if settings.method != Method::Regression || settings.variety == 0.0 => {}
            Residual::LowRank => target += layer.follow(&self.variation(settings)),
            Residual::Diagonal => {
                for (t, d) in target.iter_mut().zip(&layer.residual) {
                    *t += settings.variety as f32 * d * standard_normal(&mut rng);
                }
            }
        }
        Target {
            relative_deviation: f64::from(
                (&target - mean).norm() / mean.norm().max(f32::MIN_POSITIVE),
            ),
            values: target.iter().copied().collect(),
        }
    }

    /// Where the image prior expects a face of such a description, and of this seed: the coordinates z that its distance
    /// is measured from. The exaggeration is the target's.
    pub fn centre(&self, description: &Description, settings: &TargetSettings) -> Vec<f32> {
        let mut z = self.prior.expected(&description.offsets);
        let factor = 1.0 + settings.exaggeration as f32;
        z.iter_mut().for_each(|z| *z *= factor);
        let varied = self.variation(settings);
        z.iter_mut().zip(varied).for_each(|(z, v)| *z += v);
        z
    }

    /// What attributes leave open of the image's coordinates, drawn for a seed. Target and image have the same draw. It is
    /// less far than that of the attributes: a Gaussian of pixels that is drawn in full looks like clouds.
    pub fn variation(&self, settings: &TargetSettings) -> Vec<f32> {
        let mut rng = random(settings.seed, Purpose::Variety);
        let deviations = self.prior.residual().iter();
        deviations
            .map(|d| IMAGE_SHARE * settings.variety as f32 * d * standard_normal(&mut rng))
            .collect()
    }
}

impl Layer {
    /// Number of neurons.
    pub fn size(&self) -> usize {
        self.mean.len()
    }

    pub(super) fn regression(&self, offsets: &[f64]) -> DVector<f32> {
        let offsets = DVector::from_iterator(offsets.len(), offsets.iter().map(|&o| o as f32));
        &self.mean + self.slopes.tr_mul(&offsets)
    }

    /// How the activation moves with the image's coordinates, besides what attributes explain.
    fn follow(&self, variation: &[f32]) -> DVector<f32> {
        let leading = DVector::from_column_slice(&variation[..self.response.nrows()]);
        self.response.tr_mul(&leading)
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

//! The target activation for a wish, and where the image prior expects its face.

use deepface_attributes::AttributeId;
use deepface_statistics::standard_normal;
use nalgebra::DVector;
use rand_chacha::ChaCha8Rng;

use super::{Cgmm, Coordinates, Description, Layer, Regression, Residual, Statistics, Wish};
use crate::random::{Purpose, random};

/// Standard deviations of the image's own draw for each of the attributes'.
const IMAGE_SHARE: f32 = 0.65;
/// The same of the decoder's latents: far from their mean, loud spots appear.
const LATENT_SHARE: f32 = 0.75;
/// The variety from which on latents from a learned density go as far as those of photographs, and no further: that of a
/// portrait, whose faces would otherwise be smoother than photographs.
const LEARNED_IN_FULL: f32 = 0.6;

/// A target activation.
#[derive(Clone, Debug)]
pub struct TargetActivation {
    /// Of the layer's shape.
    pub values: Vec<f32>,
    /// `|T - mean| / |mean|`: 0 is the mean face.
    pub relative_deviation: f64,
}

impl Statistics {
    /// The target of a regression for a description. `variation` is [`Statistics::variation`] of the same.
    pub fn regression_target(
        &self,
        how: &Regression,
        description: &Description,
        variation: &[f32],
        seed: u64,
    ) -> TargetActivation {
        let layer = self.layer(how.layer);
        let target = layer.regression(&description.offsets);
        let mut target = layer.exaggerate(target, how.exaggeration);
        match how.residual {
            _ if how.variety == 0.0 => {}
            Residual::LowRank => target += layer.follow(how.coordinates, variation),
            Residual::Diagonal => {
                let mut rng = random(seed, Purpose::Target);
                for (t, d) in target.iter_mut().zip(&layer.residual) {
                    *t += how.variety as f32 * d * standard_normal(&mut rng);
                }
            }
        }
        layer.finish(&target)
    }

    /// An activation moved by a change of attributes: the regression's difference is added, exaggerated.
    pub fn moved_target(
        &self,
        how: &Regression,
        activation: Vec<f32>,
        offsets: &[f64],
    ) -> TargetActivation {
        let layer = self.layer(how.layer);
        let moved = layer.regression(offsets) - &layer.mean;
        let target = DVector::from_vec(activation) + moved * (1.0 + how.exaggeration as f32);
        layer.finish(&target)
    }

    /// The paper's target for the attributes that should be present.
    pub fn cgmm_target(&self, how: &Cgmm, wish: &Wish, seed: u64) -> TargetActivation {
        let layer = self.layer(how.layer);
        let mut rng = random(seed, Purpose::Target);
        let target = layer.weighted(wish, |j| match how.sampled {
            true => layer.sample(j, &mut rng),
            false => layer.means.row(j.index()).transpose(),
        });
        layer.finish(&layer.exaggerate(target, how.exaggeration))
    }

    /// The coordinates z that the image prior expects of a face with this description and this seed: its distance is
    /// measured from there. The exaggeration and the variation are the target's.
    pub fn centre(
        &self,
        how: &Regression,
        description: &Description,
        variation: &[f32],
    ) -> Vec<f32> {
        let mut z = self.prior(how.coordinates).expected(&description.offsets);
        let factor = 1.0 + how.exaggeration as f32;
        z.iter_mut().for_each(|z| *z *= factor);
        z.iter_mut().zip(variation).for_each(|(z, v)| *z += v);
        z
    }

    /// What attributes leave open in the image's coordinates, drawn by the seed. Target and image share this draw. It goes
    /// less far than the draw of the attributes: a Gaussian of pixels that is drawn in full looks like clouds.
    pub fn variation(&self, how: &Regression, description: &Description, seed: u64) -> Vec<f32> {
        let mut rng = random(seed, Purpose::Variety);
        let prior = self.prior(how.coordinates);
        if how.variety == 0.0 {
            return vec![0.0; prior.components()];
        }
        let noise = (0..prior.components()).map(|_| standard_normal(&mut rng));
        let mut varied = prior.draw(
            noise.collect(),
            &description.offsets,
            description.emphasis.as_ref(),
        );
        let variety = how.variety as f32;
        let factor = match how.coordinates {
            Coordinates::Components => IMAGE_SHARE * variety,
            Coordinates::Latents if prior.is_learned() => (variety / LEARNED_IN_FULL).min(1.0),
            Coordinates::Latents => LATENT_SHARE * variety,
        };
        varied.iter_mut().for_each(|v| *v *= factor);
        varied
    }
}

impl Layer {
    /// Number of neurons.
    pub fn size(&self) -> usize {
        self.mean.len()
    }

    /// The activation that the regression expects of attributes that are as far from their means as `offsets` say.
    pub fn regression(&self, offsets: &[f64]) -> DVector<f32> {
        let offsets = DVector::from_iterator(offsets.len(), offsets.iter().map(|&o| o as f32));
        &self.mean + self.slopes.tr_mul(&offsets)
    }

    fn exaggerate(&self, mut target: DVector<f32>, k: f64) -> DVector<f32> {
        target += (&target - &self.mean) * k as f32;
        target
    }

    /// How the activation moves with the image's coordinates, besides what attributes explain.
    fn follow(&self, coordinates: Coordinates, variation: &[f32]) -> DVector<f32> {
        let response = match coordinates {
            Coordinates::Components => &self.response,
            Coordinates::Latents => &self.decoder_response,
        };
        let leading = DVector::from_column_slice(&variation[..response.nrows()]);
        response.tr_mul(&leading)
    }

    /// A sample from the Gaussian of an attribute.
    fn sample(&self, attribute: AttributeId, rng: &mut ChaCha8Rng) -> DVector<f32> {
        let j = attribute.index();
        let deviations = self.deviations.row(j);
        DVector::from_fn(self.size(), |i, _| {
            self.means[(j, i)] + deviations[i] * standard_normal(rng)
        })
    }

    /// `1/|C| sum_j w_j x_j` over the attributes that should be present; the mean activation if there are none.
    fn weighted(
        &self,
        wish: &Wish,
        mut x: impl FnMut(AttributeId) -> DVector<f32>,
    ) -> DVector<f32> {
        let present: Vec<_> = wish.present().collect();
        if present.is_empty() {
            return self.mean.clone();
        }
        let mut sum = DVector::zeros(self.size());
        for &j in &present {
            let weight = self.weights[j.index()] as f32 / present.len() as f32;
            sum.axpy(weight, &x(j), 1.0);
        }
        sum
    }

    fn finish(&self, target: &DVector<f32>) -> TargetActivation {
        let mean = &self.mean;
        TargetActivation {
            relative_deviation: f64::from(
                (target - mean).norm() / mean.norm().max(f32::MIN_POSITIVE),
            ),
            values: target.iter().copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian::Asked;
    use crate::gaussian::fixture::{asked, cgmm, regression, statistics};

    fn wish(asked: &[Asked]) -> Wish {
        Wish {
            asked: asked.to_vec(),
            ..Wish::default()
        }
    }

    fn target(s: &Statistics, asked: &[Asked], how: &Regression, seed: u64) -> TargetActivation {
        let description = s.describe(&wish(asked), how, seed);
        let variation = s.variation(how, &description, seed);
        s.regression_target(how, &description, &variation, seed)
    }

    #[test]
    fn a_regression_target_moves_by_what_was_asked() {
        let s = statistics();
        let wanted = [
            asked(0, false, 1.0),
            asked(1, true, 1.0),
            asked(2, false, 2.0),
        ];
        let t = target(&s, &wanted, &regression(), 1);
        for (value, expected) in t.values.iter().zip([2.75, 1.75, 3.5, 2.0]) {
            assert!((value - expected).abs() < 1e-4, "{:?}", &t.values[..4]);
        }
        let exaggerated = Regression {
            exaggeration: 1.0,
            ..regression()
        };
        let doubled = target(&s, &wanted, &exaggerated, 1);
        assert!((doubled.relative_deviation - 2.0 * t.relative_deviation).abs() < 1e-6);
    }

    #[test]
    fn variety_depends_on_the_seed_and_on_the_residual() {
        let s = statistics();
        let wanted = [asked(0, false, 1.0)];
        let how = |residual| Regression {
            variety: 1.0,
            residual,
            ..regression()
        };
        let moved = |residual, seed| -> Vec<f32> {
            let how = how(residual);
            let varied = target(&s, &wanted, &how, seed).values;
            // Less the effect of the attributes, which are drawn as well.
            let offsets = s.describe(&wish(&wanted), &how, seed).offsets;
            let plain = s.layers[0].regression(&offsets);
            varied.iter().zip(&plain).map(|(v, p)| v - p).collect()
        };
        for residual in [Residual::LowRank, Residual::Diagonal] {
            assert_eq!(moved(residual, 1), moved(residual, 1));
            assert_ne!(moved(residual, 1), moved(residual, 2));
        }
        // The target moves as the image does, and only where that moves it.
        let description = s.describe(&wish(&wanted), &how(Residual::LowRank), 1);
        let draw = s.variation(&how(Residual::LowRank), &description, 1);
        let low_rank = moved(Residual::LowRank, 1);
        for (m, d) in low_rank[..4].iter().zip(&draw) {
            assert!((m - 0.2 * d).abs() < 1e-5, "{m} {d}");
        }
        assert!(low_rank[4..].iter().all(|&m| m.abs() < 1e-6));
        assert!(moved(Residual::Diagonal, 1).iter().all(|&m| m != 0.0));
        // The noise differs from the noise that the descent starts from.
        let mut start = random(1, Purpose::Start);
        let alike = draw
            .iter()
            .map(|d| (d / 0.325 - standard_normal(&mut start)).abs() < 1e-3);
        assert!(alike.filter(|&a| a).count() < 3);
    }

    #[test]
    fn the_prior_expects_what_was_asked() {
        let s = statistics();
        let how = Regression {
            exaggeration: 1.0,
            ..regression()
        };
        let wish = wish(&[asked(3, false, 1.0)]);
        let description = s.describe(&wish, &how, 1);
        let z = s.centre(&how, &description, &s.variation(&how, &description, 1));
        assert!((z[3] - 1.5).abs() < 1e-5 && z[4].abs() < 1e-5, "{z:?}");
    }

    #[test]
    fn the_papers_targets_are_averages() {
        let s = statistics();
        let wish = wish(&[asked(0, false, 1.0), asked(1, false, 1.0)]);
        let mean = s.cgmm_target(&cgmm(false), &wish, 1);
        assert!((mean.values[0] - 2.375).abs() < 1e-6 && (mean.values[5] - 2.0).abs() < 1e-6);
        let sample = s.cgmm_target(&cgmm(true), &wish, 1);
        assert_ne!(sample.values, mean.values);
        let off = sample
            .values
            .iter()
            .zip(&mean.values)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(off < 0.5, "{off}");
    }
}

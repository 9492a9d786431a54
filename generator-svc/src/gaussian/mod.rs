//! The statistics that faces are made from: the paper's cGMM of activations (section 3.3.2), a linear model of them,
//! and a Gaussian of the images themselves. Linear algebra only; there is no network here.

mod canvas;
mod description;
mod moments;
mod prior;
mod resample;
mod store;
mod target;
mod weights;

pub use canvas::{Canvas, vector};
pub use description::{Asked, Description, Wish};
pub use moments::Moments;
pub use prior::{Fitted, Labelled, Prior};
pub use store::{Origin, StoreError};
pub use target::{Method, Residual, Target, TargetSettings};
pub use weights::{Example, Problem};

use deepface_statistics::AttributeMoments;
use nalgebra::{DMatrix, DVector};

/// Everything that `fit` learns.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// SHA-256 of the file, lower-case hexadecimal; empty before it is written.
    pub digest: String,
    /// SHA-256 of the weights of the classifier whose activations these are.
    pub classifier_digest: String,
    /// Side of the classifier's input and of the images that the prior makes, pixels.
    pub input_size: usize,
    /// How they were fitted.
    pub origin: Origin,
    /// Share of the training images that have each attribute, in the order of [`deepface_attributes::AttributeId::all`].
    pub frequencies: Vec<f64>,
    /// How attributes go together.
    pub attributes: AttributeMoments,
    /// One per layer that targets can be made for.
    pub layers: Vec<Layer>,
    /// The images themselves.
    pub prior: Prior,
}

impl Statistics {
    /// The statistics of a layer.
    pub fn layer(&self, name: &str) -> Option<&Layer> {
        self.layers.iter().find(|l| l.name == name)
    }
}

/// Statistics of one layer's activation. Matrices have a row per attribute and a column per neuron.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Name, such as `conv4_3`.
    pub name: String,
    /// Shape of the activation.
    pub shape: Vec<usize>,
    /// Mean over all training images.
    pub mean: DVector<f32>,
    /// Means mu_j over the sets S_j.
    pub means: DMatrix<f32>,
    /// Standard deviations over the sets S_j: the square roots of the diagonal of Sigma_j.
    pub deviations: DMatrix<f32>,
    /// Weights w of eq. 3, one per attribute.
    pub weights: Vec<f64>,
    /// Slopes v_j of the regression of activations on attributes.
    pub slopes: DMatrix<f32>,
    /// Standard deviation of what the regression leaves unexplained, per neuron.
    pub residual: Vec<f32>,
    /// How that follows the leading coordinates of the image prior, a row a coordinate: what both leave unexplained by
    /// attributes, regressed one on the other.
    pub response: DMatrix<f32>,
}

#[cfg(test)]
pub(crate) mod tests {
    use deepface_attributes::ATTRIBUTE_COUNT;

    use super::*;

    /// Small statistics of made-up activations: every attribute moves a neuron of its own, by 1.
    pub(crate) fn statistics() -> Statistics {
        const SIDE: usize = 8;
        let n = ATTRIBUTE_COUNT;
        let mut second = DMatrix::from_element(n + 1, n + 1, 0.0625);
        second[(0, 0)] = 1.0;
        for i in 1..=n {
            second[(0, i)] = 0.25;
            second[(i, 0)] = 0.25;
            second[(i, i)] = 0.25;
        }
        let attributes = AttributeMoments::new(second);
        let canvas = Canvas::new(SIDE, SIDE);
        let images: Vec<f32> = (0..40 * canvas.size())
            .map(|i| 0.5 + 0.3 * ((i * i) as f32 * 0.37).sin())
            .collect();
        let labels = [[false; ATTRIBUTE_COUNT]; 40];
        let labelled = Labelled {
            labels: &labels.each_ref(),
            moments: &attributes,
            ridge: 1e-3,
        };
        let mut prior = Prior::fit(canvas, images, 12, labelled, 1, |_| {}).prior;
        // Nothing is to be learned of labels that are all alike; what there is to be had is made up here.
        prior.slopes = DMatrix::from_fn(n, 12, |j, k| if j == k { 1.0 } else { 0.0 });
        prior.residual = vec![0.5; 12];
        let layer = Layer {
            name: "conv4_3".into(),
            shape: vec![n],
            mean: DVector::from_element(n, 2.0),
            means: DMatrix::from_fn(n, n, |i, j| if i == j { 2.75 } else { 2.0 }),
            deviations: DMatrix::from_element(n, n, 0.1),
            weights: vec![1.0; n],
            slopes: DMatrix::identity(n, n),
            residual: vec![0.2; n],
            response: DMatrix::from_fn(4, n, |k, i| if i == k { 0.2 } else { 0.0 }),
        };
        Statistics {
            digest: "d".into(),
            classifier_digest: "c".into(),
            input_size: SIDE,
            origin: Origin {
                images: 40,
                set_size: 2,
                seed: 1,
                lambda: 1e-5,
                ridge: 1e-3,
                prior_variance: 0.9,
            },
            frequencies: attributes.frequencies(),
            attributes,
            layers: vec![layer],
            prior,
        }
    }

    fn asked(attribute: usize, absent: bool, strength: f64) -> Asked {
        Asked {
            attribute,
            absent,
            strength,
        }
    }

    pub(crate) fn settings(method: Method) -> TargetSettings {
        TargetSettings {
            method,
            exaggeration: 0.0,
            variety: 0.0,
            residual: Residual::LowRank,
            seed: 1,
        }
    }

    fn target(s: &Statistics, asked: &[Asked], t: TargetSettings) -> Target {
        let wish = Wish {
            asked: asked.to_vec(),
            ..Wish::default()
        };
        s.target(&s.layers[0], &wish, &s.describe(&wish, &t), &t)
    }

    #[test]
    fn a_regression_target_moves_by_what_was_asked() {
        let s = statistics();
        let plain = settings(Method::Regression);
        let wanted = [
            asked(0, false, 1.0),
            asked(1, true, 1.0),
            asked(2, false, 2.0),
        ];
        let t = target(&s, &wanted, plain);
        for (value, expected) in t.values.iter().zip([2.75, 1.75, 3.5, 2.0]) {
            assert!((value - expected).abs() < 1e-4, "{:?}", &t.values[..4]);
        }
        let exaggerated = TargetSettings {
            exaggeration: 1.0,
            ..plain
        };
        let doubled = target(&s, &wanted, exaggerated);
        assert!((doubled.relative_deviation - 2.0 * t.relative_deviation).abs() < 1e-6);
    }

    #[test]
    fn variety_is_of_the_seed_and_of_its_kind() {
        let s = statistics();
        let wanted = [asked(0, false, 1.0)];
        let wish = Wish {
            asked: wanted.to_vec(),
            ..Wish::default()
        };
        let moved = |residual, seed| -> Vec<f32> {
            let how = TargetSettings {
                variety: 1.0,
                residual,
                seed,
                ..settings(Method::Regression)
            };
            let varied = target(&s, &wanted, how).values;
            // Less what the attributes make of it that are drawn as well.
            let offsets = s.describe(&wish, &how).offsets;
            let plain = s.layers[0].regression(&offsets);
            varied.iter().zip(&plain).map(|(v, p)| v - p).collect()
        };
        for residual in [Residual::LowRank, Residual::Diagonal] {
            assert_eq!(moved(residual, 1), moved(residual, 1));
            assert_ne!(moved(residual, 1), moved(residual, 2));
        }
        // The target moves as the image does, and only where that moves it.
        let how = TargetSettings {
            variety: 1.0,
            ..settings(Method::Regression)
        };
        let draw = s.variation(&how);
        let low_rank = moved(Residual::LowRank, 1);
        for (m, d) in low_rank[..4].iter().zip(&draw) {
            assert!((m - 0.2 * d).abs() < 1e-5, "{m} {d}");
        }
        assert!(low_rank[4..].iter().all(|&m| m.abs() < 1e-6));
        assert!(moved(Residual::Diagonal, 1).iter().all(|&m| m != 0.0));
        // The noise is not that which the descent starts from.
        let mut start = crate::random(1, crate::Purpose::Start);
        let alike = draw
            .iter()
            .map(|d| (d / 0.325 - deepface_statistics::standard_normal(&mut start)).abs() < 1e-3);
        assert!(alike.filter(|&a| a).count() < 3);
    }

    #[test]
    fn the_prior_expects_what_was_asked() {
        let s = statistics();
        let wish = Wish {
            asked: vec![asked(3, false, 1.0)],
            ..Wish::default()
        };
        let how = TargetSettings {
            exaggeration: 1.0,
            ..settings(Method::Regression)
        };
        let z = s.centre(&s.describe(&wish, &how), &how);
        assert!((z[3] - 1.5).abs() < 1e-5 && z[4].abs() < 1e-5, "{z:?}");
    }

    #[test]
    fn the_papers_targets_are_averages() {
        let s = statistics();
        let wanted = [asked(0, false, 1.0), asked(1, false, 1.0)];
        let mean = target(&s, &wanted, settings(Method::CgmmMean));
        assert!((mean.values[0] - 2.375).abs() < 1e-6 && (mean.values[5] - 2.0).abs() < 1e-6);
        let sample = target(&s, &wanted, settings(Method::CgmmSample));
        assert_ne!(sample.values, mean.values);
        let off = sample
            .values
            .iter()
            .zip(&mean.values)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(off < 0.5, "{off}");
    }

    #[test]
    fn a_file_comes_back_and_damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.safetensors");
        let s = statistics();
        s.write(&path).unwrap();
        let file = std::fs::read(&path).unwrap();
        let back = Statistics::load(&file).unwrap();
        assert_eq!(back.digest.len(), 64);
        assert_eq!(back.prior.image(&[0.5; 12]), s.prior.image(&[0.5; 12]));
        assert_eq!(back.layers[0].slopes, s.layers[0].slopes);
        assert_eq!(
            back.layers[0].response.shape(),
            s.layers[0].response.shape()
        );
        assert_eq!(back.prior.slopes, s.prior.slopes);
        assert_eq!(back.classifier_digest, "c");
        for cut in [0, 9, file.len() / 3, file.len() - 1] {
            let problem = Statistics::load(&file[..cut]).unwrap_err().to_string();
            assert!(
                problem.contains("not a whole safetensors file"),
                "{problem}"
            );
        }
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.safetensors");
        let problem = |change: fn(&mut Statistics)| {
            let mut s = statistics();
            change(&mut s);
            s.write(&path).unwrap_err().to_string()
        };
        // Finite, but not in 16 bits.
        let large = problem(|s| s.layers[0].residual[3] = 1e6);
        assert!(
            large.contains("conv4_3.residual") && large.contains("inf"),
            "{large}"
        );
        assert!(problem(|s| s.prior.mean[0] = f32::NAN).contains("prior.mean"));
        assert!(problem(|s| s.layers[0].shape = vec![0]).contains("no elements"));
        let lopsided = problem(|s| {
            let mut second = s.attributes.second().clone();
            second[(1, 2)] = 0.2;
            s.attributes = AttributeMoments::new(second);
        });
        assert!(lopsided.contains("attributes.second"));
        assert!(!path.exists());
    }
}

//! The settings of a training run.

use super::topology::Topology;
use crate::train::optimizer::MOMENTUM;

/// What decides an autoencoder, beside the faces.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// The sizes of the networks.
    pub topology: Topology,
    /// Whether encoder and decoder read the attributes too. If not, the latents hold everything.
    #[serde(default = "conditional")]
    pub conditional: bool,
    /// Passes over the training faces.
    pub epochs: usize,
    /// Faces per step.
    pub batch: usize,
    /// Peak of the learning rate, which rises in the first quarter and then falls to nearly nothing.
    pub learning_rate: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Factor of the squared error of a face, summed over its pixels (0 to 1).
    pub pixel_weight: f64,
    /// Factor of the squared excess of decoded values over what a pixel can be, 0 to 1, summed over those of a face; also for
    /// faces of mixed latents.
    #[serde(default)]
    pub range_weight: f64,
    /// Factor of the squared error of a face's fine chroma, summed over its values; faces of mixed latents should have none.
    #[serde(default)]
    pub chroma_weight: f64,
    /// Factor of the perceptual loss; with 0 no classifier is needed.
    pub perceptual_weight: f64,
    /// The classifier's layers that the perceptual loss compares.
    pub perceptual_layers: Vec<String>,
    /// Side at which the classifier sees faces, pixels.
    pub perceptual_side: usize,
    /// Share of the steps, the last ones, that use the perceptual loss.
    pub perceptual_share: f64,
    /// Norm of the gradient of feature matching, relative to that of the terms before; with 0 there is none.
    #[serde(default)]
    pub matching_weight: f64,
    /// The classifier's layers that are matched beside those of the perceptual loss.
    #[serde(default)]
    pub matching_layers: Vec<String>,
    /// Norm of the adversarial gradient, relative to that of pixels and perception; with 0 there is none.
    #[serde(default)]
    pub adversarial_weight: f64,
    /// Share of the steps, the last ones, that use the adversarial term.
    #[serde(default)]
    pub adversarial_share: f64,
    /// Factor of the divergence of a latent from the standard Gaussian, in nats.
    pub beta: f64,
    /// Share of the steps, the first ones, in which that factor rises from 0.
    pub warm_up: f64,
    /// Seed of initial weights, order, mirroring and noise.
    pub seed: u64,
}

/// What older files are, which do not say so.
fn conditional() -> bool {
    true
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            topology: Topology {
                side: 64,
                channels: vec![32, 64, 96, 128],
                latent: 128,
                fold: 1,
            },
            conditional: true,
            epochs: 40,
            batch: 32,
            learning_rate: 2e-3,
            weight_decay: 1e-3,
            pixel_weight: 4.0,
            range_weight: 0.0,
            chroma_weight: 0.0,
            perceptual_weight: 1000.0,
            perceptual_layers: ["conv1_2", "conv2_2", "conv3_3"].map(String::from).to_vec(),
            perceptual_side: 96,
            perceptual_share: 0.7,
            matching_weight: 0.0,
            matching_layers: ["conv4_3", "conv5_3"].map(String::from).to_vec(),
            adversarial_weight: 0.0,
            adversarial_share: 0.5,
            beta: 3.0,
            warm_up: 0.2,
            seed: 1,
        }
    }
}

impl Settings {
    /// Checks the settings. A problem begins with the setting's name, as flags spell it.
    ///
    /// # Errors
    /// The first that is out of range: what was expected, and what came.
    pub fn check(&self) -> Result<(), String> {
        self.topology.check()?;
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let not_negative = |x: f64| x >= 0.0 && x.is_finite();
        let share = |x: f64| (0.0..=1.0).contains(&x);
        let (rate, decay) = (f64::from(self.learning_rate), f64::from(self.weight_decay));
        let fits = (16..=1024).contains(&self.perceptual_side);
        let checks = [
            ("epochs", "at least 1", self.epochs as f64, self.epochs >= 1),
            ("batch", "at least 1", self.batch as f64, self.batch >= 1),
            ("learning-rate", "above 0", rate, positive(rate)),
            (
                "weight-decay",
                "at least 0 and less than one over the learning rate",
                decay,
                not_negative(decay) && rate * decay < 1.0,
            ),
            (
                "pixel-weight",
                "above 0",
                self.pixel_weight,
                positive(self.pixel_weight),
            ),
            (
                "range-weight",
                "at least 0",
                self.range_weight,
                not_negative(self.range_weight),
            ),
            (
                "chroma-weight",
                "at least 0",
                self.chroma_weight,
                not_negative(self.chroma_weight),
            ),
            (
                "perceptual-weight",
                "at least 0",
                self.perceptual_weight,
                not_negative(self.perceptual_weight),
            ),
            (
                "perceptual-side",
                "16 to 1024",
                self.perceptual_side as f64,
                fits,
            ),
            (
                "perceptual-share",
                "0 to 1",
                self.perceptual_share,
                share(self.perceptual_share),
            ),
            (
                "matching-weight",
                "at least 0, and 0 without a perceptual loss",
                self.matching_weight,
                not_negative(self.matching_weight)
                    && (self.matching_weight == 0.0 || self.perceives()),
            ),
            (
                "adversarial-weight",
                "at least 0, and 0 without a perceptual loss",
                self.adversarial_weight,
                not_negative(self.adversarial_weight)
                    && (self.adversarial_weight == 0.0 || self.perceives()),
            ),
            (
                "adversarial-share",
                "0 to 1",
                self.adversarial_share,
                share(self.adversarial_share),
            ),
            ("beta", "at least 0", self.beta, not_negative(self.beta)),
            ("warm-up", "0 to 1", self.warm_up, share(self.warm_up)),
        ];
        match checks.into_iter().find(|(.., holds)| !holds) {
            Some((what, expected, got, _)) => {
                Err(format!("{what}: expected {expected}, got {got}"))
            }
            None => Ok(()),
        }
    }

    /// Whether the perceptual loss is used at all.
    pub(super) fn perceives(&self) -> bool {
        self.perceptual_weight > 0.0 && self.perceptual_share > 0.0
    }

    /// Factor of the divergence after a share of the training, 0 to 1.
    pub(super) fn beta_at(&self, progress: f64) -> f64 {
        match self.warm_up {
            0.0 => self.beta,
            warm_up => self.beta * (progress / warm_up).min(1.0),
        }
    }

    /// Factor of the perceptual loss after a share of the training, 0 to 1.
    pub(super) fn perceptual_at(&self, progress: f64) -> f64 {
        let used = progress >= 1.0 - self.perceptual_share;
        if used { self.perceptual_weight } else { 0.0 }
    }

    /// The layers that are matched beside those of the perceptual loss.
    pub(super) fn matched(&self) -> &[String] {
        match self.matching_weight {
            0.0 => &[],
            _ => &self.matching_layers,
        }
    }

    /// Weight of feature matching after a share of the training, 0 to 1.
    pub(super) fn matching_at(&self, progress: f64) -> f64 {
        if self.perceptual_at(progress) > 0.0 {
            self.matching_weight
        } else {
            0.0
        }
    }

    /// Whether a critic is used at all.
    pub(super) fn contested(&self) -> bool {
        self.adversarial_weight > 0.0 && self.adversarial_share > 0.0
    }

    /// Weight of the adversarial term after a share of the training, 0 to 1.
    pub(super) fn adversarial_at(&self, progress: f64) -> f64 {
        let used = progress >= 1.0 - self.adversarial_share;
        if used { self.adversarial_weight } else { 0.0 }
    }

    /// Decay of the optimiser's first moment: less where a critic learns at the same time, so that the two do not circle.
    pub(super) fn momentum(&self) -> f32 {
        if self.contested() { 0.5 } else { MOMENTUM }
    }

    /// Attributes that the networks read, of as many.
    pub(super) fn read_of(&self, attributes: usize) -> usize {
        if self.conditional { attributes } else { 0 }
    }

    /// Faces of mixed latents in a step, for the critic, the range and the fine chroma alone, beside those of the batch.
    pub(super) fn mixed(&self) -> usize {
        let wanted = self.contested() || self.range_weight > 0.0 || self.chroma_weight > 0.0;
        if wanted { self.batch / 2 } else { 0 }
    }
}

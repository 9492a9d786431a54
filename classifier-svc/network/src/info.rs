//! The facts about a loaded model.

use deepface_attributes::Schema;

use crate::{Heads, Preprocessing};

/// Name and shape of a stage's activation for one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerInfo {
    /// Name: `conv1_1` ... `pool5`, `fc6`, `fc7`, `heads`.
    pub name: String,
    /// `[channels, height, width]` or `[features]`.
    pub shape: Vec<usize>,
}

/// Above which probability an attribute is present.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Thresholds {
    /// Best for accuracy. It finds few faces with a rare attribute.
    pub accurate: f32,
    /// Best for balanced accuracy: finds presence and absence equally well.
    pub balanced: f32,
}

impl Default for Thresholds {
    /// One half, for a model that was not calibrated.
    fn default() -> Self {
        Self {
            accurate: 0.5,
            balanced: 0.5,
        }
    }
}

/// Quality of one attribute on the test people, each of whom counts once.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AttributeMetrics {
    /// Share of correct decisions with [`Thresholds::accurate`], 0 to 1.
    pub accuracy: f32,
    /// Mean of the true-positive and the true-negative rate, with [`Thresholds::accurate`].
    pub balanced_accuracy: f32,
    /// The same with [`Thresholds::balanced`].
    pub balanced_accuracy_at_balanced: f32,
    /// Area under the ROC curve.
    pub auc: f32,
    /// Share of positives.
    pub positives: f32,
}

/// Quality of all attributes on the test people: means over those that were measured. Each person counts once, however many
/// photographs there are.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MeanMetrics {
    /// Mean of [`AttributeMetrics::accuracy`].
    pub accuracy: Estimate,
    /// Mean of [`AttributeMetrics::balanced_accuracy_at_balanced`].
    pub balanced_accuracy_at_balanced: Estimate,
    /// Mean of [`AttributeMetrics::auc`].
    pub auc: Estimate,
    /// Mean of the expected calibration errors: how far the share of positives among faces with nearly the same
    /// probability is from that probability, in 15 bins of equal width; 0 to 1, and 0 is best.
    pub calibration_error: f32,
    /// Number of test people.
    pub people: u32,
    /// Number of their photographs.
    pub photographs: u32,
}

/// A figure and its interval of 95 %, by bootstrap over people.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f32,
    /// Where the interval begins.
    pub low: f32,
    /// Where it ends.
    pub high: f32,
}

/// How well the angle between two activations of fc7 tells whether two faces are the same person.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Verification {
    /// Two faces are taken for the same person above this cosine. Chosen on the validation people.
    pub threshold: f32,
    /// Share of right decisions on the test people, mean of ten folds; half of the pairs are the same person.
    pub accuracy: f32,
    /// Standard error of that mean.
    pub standard_error: f32,
    /// Number of pairs of test people.
    pub pairs: u32,
}

/// The facts about a loaded model.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// Name, such as `vgg-face-mini`.
    pub name: String,
    /// SHA-256 of the weights file, lower-case hexadecimal.
    pub digest: String,
    /// Side of the square input, pixels.
    pub input_size: usize,
    /// How pixels become the network's input.
    pub preprocessing: Preprocessing,
    /// Every stage, from the image up.
    pub layers: Vec<LayerInfo>,
    /// Its attributes.
    pub schema: Schema,
    /// Where their probabilities are.
    pub heads: Heads,
    /// Decision thresholds per attribute, in the order of the schema.
    pub thresholds: Vec<Thresholds>,
    /// Quality per attribute, or `None` where it was not measured.
    pub metrics: Vec<Option<AttributeMetrics>>,
    /// Quality of all attributes, or `None` where it was not measured.
    pub mean_metrics: Option<MeanMetrics>,
    /// Mean activation of fc7 over the validation faces: the origin that similarity is measured from.
    pub compare_mean: Vec<f32>,
    /// How well similarity tells people apart, or `None` where it was not measured.
    pub verification: Option<Verification>,
    /// Number of weights.
    pub parameters: usize,
    /// `cpu` or `cuda:N`, and the precision where it is not 32 bits.
    pub device: String,
    /// Licence of the weights.
    pub license: String,
    /// Whether the attribute heads are all zero, as `import` writes them: until they are trained, every attribute of a
    /// group is equally probable.
    pub heads_untrained: bool,
}

impl ModelInfo {
    /// The index of a layer in [`ModelInfo::layers`], by which every call of a model names it.
    pub fn layer(&self, name: &str) -> Option<usize> {
        self.layers.iter().position(|l| l.name == name)
    }

    /// Values of one image: `3 * S * S`.
    pub fn pixels(&self) -> usize {
        3 * self.input_size * self.input_size
    }
}

//! The network: plain arrays in, plain arrays out. Nothing here knows of requests, queues or gRPC.

mod objective;

pub use objective::{AttributeTarget, Differentiated, Objective, Term};

/// Name and shape of a stage's activation for one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerInfo {
    /// Name: `conv1_1` ... `pool5`, `fc6`, `fc7`, `heads`.
    pub name: String,
    /// `[channels, height, width]` or `[features]`.
    pub shape: Vec<usize>,
}

/// Quality of one attribute on the test people.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AttributeMetrics {
    /// Share of right decisions, 0 to 1.
    pub accuracy: f32,
    /// Mean of the true-positive and the true-negative rate.
    pub balanced_accuracy: f32,
    /// Area under the ROC curve.
    pub auc: f32,
    /// Share of positives.
    pub positives: f32,
}

/// What there is to know about a loaded model.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// Name, such as `vgg-face-mini`.
    pub name: String,
    /// SHA-256 of the weights file, lower-case hexadecimal.
    pub digest: String,
    /// Side of the square input, pixels.
    pub input_size: usize,
    /// `RGB` or `BGR`: the order that the weights expect.
    pub channel_order: String,
    /// Mean taken from each channel, 0 to 255, in RGB order.
    pub mean: [f32; 3],
    /// Factor after that.
    pub scale: f32,
    /// Every stage, from the image up.
    pub layers: Vec<LayerInfo>,
    /// Decision threshold per attribute, in the order of [`deepface_dataset::attributes`].
    pub thresholds: Vec<f32>,
    /// Quality per attribute, where it was measured.
    pub metrics: Vec<Option<AttributeMetrics>>,
    /// Number of weights.
    pub parameters: usize,
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// Licence of the weights.
    pub license: String,
}

impl ModelInfo {
    /// The index of a layer in [`ModelInfo::layers`], which names it in every call of [`Model`].
    pub fn layer(&self, name: &str) -> Option<usize> {
        self.layers.iter().position(|l| l.name == name)
    }
}

/// Why the model cannot be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The weights file is not what it should be.
    #[error("weights: {0}")]
    Weights(String),
    /// The device is not there or failed.
    #[error("device: {0}")]
    Device(String),
    /// An array has the wrong size: a bug of the caller.
    #[error("{what}: expected {expected} values, got {actual}")]
    Size {
        /// Which array.
        what: &'static str,
        /// Values expected.
        expected: usize,
        /// Values that came.
        actual: usize,
    },
}

/// A network with its weights on one device. All its tensors belong to the thread that calls it.
pub struct Model {
    info: ModelInfo,
}

impl Model {
    /// Loads a model from the bytes of a weights file, runs it once, and checks that it is sound.
    ///
    /// # Errors
    /// The file is damaged, of another kind, or its shapes or attributes are not this version's.
    pub fn load(_file: &[u8], _threads: usize) -> Result<Self, ModelError> {
        unimplemented!()
    }

    /// What there is to know about the model.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Probabilities of every head for each image: per image the softmaxes one after the other, each with
    /// "none of these" last, 115 values.
    ///
    /// `images` is `[n, 3, S, S]`, RGB, 0 to 1.
    ///
    /// # Errors
    /// The size of `images` does not fit, or the device failed.
    pub fn probabilities(&mut self, _images: &[f32], _n: usize) -> Result<Vec<f32>, ModelError> {
        unimplemented!()
    }

    /// Activations of some layers (indices into [`ModelInfo::layers`]) in one forward pass that stops at the
    /// last of them; one `[n, ...]` array per layer, in the order asked for.
    ///
    /// # Errors
    /// As [`Model::probabilities`].
    pub fn activations(
        &mut self,
        _images: &[f32],
        _n: usize,
        _layers: &[usize],
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        unimplemented!()
    }

    /// Loss of each image and its gradient with respect to the pixels. Images do not influence each other.
    ///
    /// # Errors
    /// As [`Model::probabilities`]; or a target has the wrong size.
    pub fn differentiate(
        &mut self,
        _images: &[f32],
        _n: usize,
        _objectives: &[Objective],
        _return_layers: &[usize],
    ) -> Result<Differentiated, ModelError> {
        unimplemented!()
    }
}

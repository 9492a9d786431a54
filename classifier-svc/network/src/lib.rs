//! The network: VGG-16 with 42 softmax heads over 73 facial attributes, forward and backward.
//!
//! Plain arrays in, plain arrays out: nothing here knows of requests, queues or gRPC. [`train`] makes a weights file
//! from photographs, [`import`] takes one over that others trained.

pub(crate) mod arch;
mod candle;
#[cfg(test)]
mod candle_reference;
pub(crate) mod cpu;
mod engine;
mod golden;
pub(crate) mod heads;
pub mod import;
pub mod kernels;
mod mapped;
#[cfg(test)]
mod numerics;
mod objective;
pub(crate) mod random;
pub mod train;
pub(crate) mod weights;

pub use arch::Architecture;
pub use cpu::Isa;
pub use engine::{DeviceChoice, Precision};
pub use golden::Golden;
pub use objective::{AttributeTarget, Differentiated, Objective, Term};
pub use random::write_random;
pub use weights::{Description, Preprocessing, VGG_FACE_MEAN};

use std::path::Path;

use cpu::Parameters;
use deepface_files::sha256;
use engine::Engine;
use mapped::Mapped;
use weights::{Weights, WeightsFile};

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
    /// Decides most faces right. Of a rare attribute it finds few.
    pub accurate: f32,
    /// Tells presence as well as absence: for balanced accuracy.
    pub balanced: f32,
}

impl Default for Thresholds {
    /// One half, where nothing was calibrated.
    fn default() -> Self {
        Self {
            accurate: 0.5,
            balanced: 0.5,
        }
    }
}

/// Quality of one attribute on the test people.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AttributeMetrics {
    /// Share of right decisions with [`Thresholds::accurate`], 0 to 1.
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

/// What there is to know about a loaded model.
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
    /// Decision thresholds per attribute, in the order of [`deepface_attributes::AttributeId::all`].
    pub thresholds: Vec<Thresholds>,
    /// Quality per attribute, where it was measured.
    pub metrics: Vec<Option<AttributeMetrics>>,
    /// Mean activation of fc7 over the validation faces: the origin that similarity is measured from.
    pub compare_mean: Vec<f32>,
    /// Number of weights.
    pub parameters: usize,
    /// `cpu`, or `cuda:N` and what it computes in, where that is not 32 bits.
    pub device: String,
    /// Licence of the weights.
    pub license: String,
}

impl ModelInfo {
    /// The index of a layer in [`ModelInfo::layers`], which names it in every call of [`Model`].
    pub fn layer(&self, name: &str) -> Option<usize> {
        self.layers.iter().position(|l| l.name == name)
    }

    /// Values of one image: `3 * S * S`.
    pub fn pixels(&self) -> usize {
        3 * self.input_size * self.input_size
    }
}

/// Why the model cannot be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The weights file is not what it should be.
    #[error("weights: {0}")]
    Weights(String),
    /// The weights file cannot be read.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// The device is not there or failed.
    #[error("device: {0}")]
    Device(String),
    /// An operation on the device failed.
    #[error("device: {0}")]
    Candle(#[from] candle_core::Error),
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

/// A network with its weights. All its buffers belong to the thread that calls it.
pub struct Model {
    info: ModelInfo,
    network: Engine,
    /// Stage index of the heads.
    heads: usize,
}

impl Model {
    /// Loads a model from the bytes of a weights file onto a device, and runs it once forward and backward.
    ///
    /// # Errors
    /// The file is damaged, of another kind, its shapes or attributes are not this version's, or what it computes
    /// is not finite, or not the golden output that the file keeps.
    pub fn load(file: &[u8], device: DeviceChoice, threads: usize) -> Result<Self, ModelError> {
        Self::load_and_release(file, device, threads, || ())
    }

    /// [`Model::load`] from a file, of which no more than a layer is in memory beside the network's own weights.
    ///
    /// # Errors
    /// As [`Model::load`], or the file cannot be read.
    pub fn open(path: &Path, device: DeviceChoice, threads: usize) -> Result<Self, ModelError> {
        let mapped = Mapped::open(path)?;
        Self::load_and_release(&mapped, device, threads, || mapped.release())
    }

    /// Calls `release` where what was read of the file is no longer needed.
    fn load_and_release(
        file: &[u8],
        device: DeviceChoice,
        threads: usize,
        release: impl Fn(),
    ) -> Result<Self, ModelError> {
        let weights = WeightsFile::open(file)?;
        let stages = weights.description.architecture.stages();
        let digest = sha256(file);
        release();
        let mut description = weights.description.clone();
        let golden = description.golden.take();
        let read = |stage: usize| {
            let parameters = weights.stage(&stages[stage]);
            release();
            parameters
        };
        let mean = weights.fc7_mean()?;
        let mut model = Self::from_parts(description, read, mean, digest, device, threads)?;
        if let Some(golden) = golden {
            golden.check(&mut model, device.precision().tolerance())?;
        }
        let size = model.info.pixels();
        let grey = vec![0.5; size];
        let heads = model.heads;
        let cotangent = Objective {
            weight: 1.0,
            term: Term::VectorJacobianProduct {
                layer: heads,
                cotangent: vec![1.0; heads::LOGITS].into(),
            },
        };
        let result = model.differentiate(&grey, 1, &[cotangent], &[heads])?;
        let values = result.gradient.iter().chain(&result.activations[0]);
        if values.copied().any(|x| !x.is_finite()) {
            return Err(ModelError::Weights(
                "the network computes values that are not finite".into(),
            ));
        }
        Ok(model)
    }

    fn from_weights(
        weights: Weights,
        digest: String,
        device: DeviceChoice,
        threads: usize,
    ) -> Result<Self, ModelError> {
        let Weights {
            description,
            mut parameters,
            fc7_mean,
        } = weights;
        let read = |stage: usize| Ok(std::mem::take(&mut parameters[stage]));
        Self::from_parts(description, read, fc7_mean, digest, device, threads)
    }

    /// `read` gives the weights of a stage, and is asked for one after the other.
    fn from_parts(
        description: Description,
        read: impl FnMut(usize) -> Result<Parameters, ModelError>,
        fc7_mean: Vec<f32>,
        digest: String,
        device: DeviceChoice,
        threads: usize,
    ) -> Result<Self, ModelError> {
        let network = Engine::new(&description.architecture, read, device, threads)?;
        let layers = network.stages().iter().map(|s| LayerInfo {
            name: s.name.clone(),
            shape: s.shape(),
        });
        let info = ModelInfo {
            name: description.architecture.name.clone(),
            digest,
            input_size: description.architecture.input,
            preprocessing: description.preprocessing,
            layers: layers.collect(),
            thresholds: description.thresholds,
            metrics: description.metrics,
            compare_mean: fc7_mean,
            parameters: network.stages().iter().map(arch::Stage::parameters).sum(),
            device: device.to_string(),
            license: description.license,
        };
        Ok(Self {
            heads: info.layers.len() - 1,
            info,
            network,
        })
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
    /// The size of `images` does not fit.
    pub fn probabilities(&mut self, images: &[f32], n: usize) -> Result<Vec<f32>, ModelError> {
        let mut all = self.activations(images, n, &[self.heads])?.remove(0);
        all.chunks_exact_mut(heads::LOGITS).for_each(heads::softmax);
        Ok(all)
    }

    /// Activations of some layers (indices into [`ModelInfo::layers`]) in one forward pass that stops at the
    /// last of them; one `[n, ...]` array per layer, in the order asked for.
    ///
    /// # Errors
    /// The size of `images` does not fit.
    pub fn activations(
        &mut self,
        images: &[f32],
        n: usize,
        layers: &[usize],
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        self.check_images(images, n)?;
        let mut all = vec![Vec::new(); layers.len()];
        for part in images.chunks(self.network.capacity() * self.info.pixels()) {
            let n = part.len() / self.info.pixels();
            let found = self.network.forward(&self.preprocess(part), n, layers)?;
            for (all, found) in all.iter_mut().zip(found) {
                all.extend(found);
            }
        }
        Ok(all)
    }

    /// Loss of each image and its gradient with respect to the pixels. Images do not influence each other.
    ///
    /// # Errors
    /// The size of `images` or of a target does not fit.
    pub fn differentiate(
        &mut self,
        images: &[f32],
        n: usize,
        objectives: &[Objective],
        return_layers: &[usize],
    ) -> Result<Differentiated, ModelError> {
        self.check_images(images, n)?;
        let sizes: Vec<usize> = self
            .info
            .layers
            .iter()
            .map(|l| l.shape.iter().product())
            .collect();
        objectives.iter().try_for_each(|o| o.check(&sizes))?;
        let mut result = Differentiated {
            losses: Vec::with_capacity(n),
            gradient: Vec::with_capacity(images.len()),
            activations: vec![Vec::new(); return_layers.len()],
        };
        let layers = objectives.iter().map(|o| o.layer(self.heads));
        let wanted: Vec<usize> = layers.chain(return_layers.iter().copied()).collect();
        if wanted.is_empty() {
            return Ok(result);
        }
        for part in images.chunks(self.network.capacity() * self.info.pixels()) {
            let n = part.len() / self.info.pixels();
            let mut found = self
                .network
                .forward(&self.preprocess(part), n, &wanted)?
                .into_iter();
            let mut losses = vec![Vec::with_capacity(objectives.len()); n];
            let mut cotangents = Vec::with_capacity(objectives.len());
            for (objective, &layer) in objectives.iter().zip(&wanted) {
                let mut activation = found.next().unwrap_or_default();
                for (losses, a) in losses
                    .iter_mut()
                    .zip(activation.chunks_exact_mut(sizes[layer]))
                {
                    losses.push(objective.evaluate(a));
                }
                cotangents.push((layer, activation));
            }
            let gradient = self.network.backward(n, &cotangents)?;
            result.losses.extend(losses);
            result.gradient.extend(self.preprocess_adjoint(&gradient));
            for (all, found) in result.activations.iter_mut().zip(found) {
                all.extend(found);
            }
        }
        Ok(result)
    }

    fn check_images(&self, images: &[f32], n: usize) -> Result<(), ModelError> {
        let expected = n * self.info.pixels();
        if images.len() == expected {
            return Ok(());
        }
        Err(ModelError::Size {
            what: "images",
            expected,
            actual: images.len(),
        })
    }

    /// Pixels to the network's input: `(255 pixel - mean) * scale`, channels in the network's order.
    fn preprocess(&self, images: &[f32]) -> Vec<f32> {
        let p = &self.info.preprocessing;
        self.reorder(images, |c, x| (255.0 * x - p.mean[c]) * p.scale)
    }

    /// The adjoint of [`Model::preprocess`]: gradients with respect to the input to gradients with respect to pixels.
    fn preprocess_adjoint(&self, gradients: &[f32]) -> Vec<f32> {
        let factor = 255.0 * self.info.preprocessing.scale;
        self.reorder(gradients, |_, g| factor * g)
    }

    /// Maps every value, knowing its RGB channel, and exchanges red and blue where the network wants BGR. That
    /// exchange is its own inverse.
    fn reorder(&self, images: &[f32], map: impl Fn(usize, f32) -> f32) -> Vec<f32> {
        let area = self.info.input_size * self.info.input_size;
        let bgr = self.info.preprocessing.channel_order == "BGR";
        let mut out = Vec::with_capacity(images.len());
        for image in images.chunks_exact(3 * area) {
            for c in 0..3 {
                let from = if bgr { 2 - c } else { c };
                out.extend(image[from * area..][..area].iter().map(|&x| map(from, x)));
            }
        }
        out
    }
}

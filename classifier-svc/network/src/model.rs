//! The model that is served: a network with its weights, from pixels to probabilities and back to pixels.

use std::{borrow::Borrow, path::Path};

use deepface_files::sha256;

use crate::{
    Description, DeviceChoice, Golden, Heads, LayerInfo, ModelError, ModelInfo, Objective, Term,
    arch::Stage,
    backend::Backend,
    golden,
    mapped::Mapped,
    parameters::Parameters,
    weights::{Weights, WeightsFile},
};

/// A network with its weights. All its buffers belong to the thread that calls it.
pub struct Model {
    pub(crate) info: ModelInfo,
    pub(crate) network: Backend,
    /// Stage index of the heads.
    pub(crate) heads: usize,
}

impl Model {
    /// Loads a model from the bytes of a weights file onto a device, and runs it once forward and backward.
    ///
    /// # Errors
    /// The file is damaged, of another kind, has other shapes or attributes than this version, or computes values that
    /// are not finite or differ from the golden output in the file.
    pub fn load(file: &[u8], device: DeviceChoice, threads: usize) -> Result<Self, ModelError> {
        Self::load_and_release(file, device, threads, || ())
    }

    /// [`Model::load`] from a file, of which at most one layer is in memory beside the network's own weights.
    ///
    /// # Errors
    /// As [`Model::load`], or the file cannot be read.
    pub fn open(path: &Path, device: DeviceChoice, threads: usize) -> Result<Self, ModelError> {
        let mapped = Mapped::open(path)?;
        Self::load_and_release(&mapped, device, threads, || mapped.release())
    }

    /// Calls `release` whenever the bytes that were read are no longer needed.
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
            model.check(&golden, device.precision().tolerance())?;
        }
        model.try_out()?;
        Ok(model)
    }

    /// Runs once forward and backward.
    ///
    /// # Errors
    /// What it computes is not finite.
    fn try_out(&mut self) -> Result<(), ModelError> {
        let grey = vec![0.5; self.info.pixels()];
        let heads = self.heads;
        let cotangent = Objective {
            weight: 1.0,
            term: Term::VectorJacobianProduct {
                layer: heads,
                cotangent: vec![1.0; self.info.heads.logits()].into(),
            },
        };
        let result = self.differentiate(&grey, 1, &[cotangent], &[heads])?;
        let values = result.gradient.iter().chain(&result.activations[0]);
        if values.copied().any(|x| !x.is_finite()) {
            return Err(ModelError::Weights(
                "the network computes values that are not finite".into(),
            ));
        }
        Ok(())
    }

    /// The model that [`Model::load`] makes of these weights once they are written, but for its digest.
    pub(crate) fn from_weights(
        weights: &Weights,
        digest: String,
        device: DeviceChoice,
        threads: usize,
    ) -> Result<Self, ModelError> {
        let read = |stage: usize| Ok(&weights.parameters[stage]);
        let (description, mean) = (weights.description.clone(), weights.fc7_mean.clone());
        Self::from_parts(description, read, mean, digest, device, threads)
    }

    /// `read` returns the weights of a stage, and is called for one after the other.
    fn from_parts<P: Borrow<Parameters>>(
        description: Description,
        mut read: impl FnMut(usize) -> Result<P, ModelError>,
        fc7_mean: Vec<f32>,
        digest: String,
        device: DeviceChoice,
        threads: usize,
    ) -> Result<Self, ModelError> {
        let heads = description.architecture.stages().len() - 1;
        let mut heads_untrained = false;
        let read = |stage: usize| {
            let parameters = read(stage)?;
            if stage == heads {
                let weight = &parameters.borrow().weight;
                heads_untrained = weight.iter().all(|w| *w == 0.0);
            }
            Ok(parameters)
        };
        let network = Backend::new(&description.architecture, read, device, threads)?;
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
            heads: Heads::of(&description.schema),
            schema: description.schema,
            thresholds: description.thresholds,
            metrics: description.metrics,
            mean_metrics: description.mean_metrics,
            compare_mean: fc7_mean,
            verification: description.verification,
            parameters: network.stages().iter().map(Stage::parameters).sum(),
            device: device.to_string(),
            license: description.license,
            heads_untrained,
        };
        Ok(Self {
            heads,
            info,
            network,
        })
    }

    /// The facts about the model.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Probabilities of every head for each image, `[n, logits]`: the softmaxes one after the other.
    /// [`Heads::attributes`] picks those of the attributes.
    ///
    /// `images` is `[n, 3, S, S]`, RGB, 0 to 1.
    ///
    /// # Errors
    /// `images` has the wrong size.
    pub fn probabilities(&mut self, images: &[f32], n: usize) -> Result<Vec<f32>, ModelError> {
        let mut all = self.activations(images, n, &[self.heads])?.remove(0);
        self.info.heads.softmaxes(&mut all);
        Ok(all)
    }

    /// Activations of some layers (indices into [`ModelInfo::layers`]) in one forward pass that stops at the
    /// last of them; one `[n, ...]` array per layer, in the order asked for.
    ///
    /// # Errors
    /// `images` has the wrong size.
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
            let found = self.network.forward(&self.prepared(part), n, layers)?;
            for (all, found) in all.iter_mut().zip(found) {
                all.extend(found);
            }
        }
        Ok(all)
    }

    pub(crate) fn check_images(&self, images: &[f32], n: usize) -> Result<(), ModelError> {
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

    /// Pixels as the network reads them.
    pub(crate) fn prepared(&self, images: &[f32]) -> Vec<f32> {
        let mut inputs = images.to_vec();
        let each = inputs.chunks_exact_mut(self.info.pixels());
        each.for_each(|image| self.info.preprocessing.apply(image));
        inputs
    }

    /// The golden output of some layers.
    pub(crate) fn golden(&mut self, names: Vec<String>) -> Result<Golden, ModelError> {
        let layers = golden::indices(&self.info, &names)?;
        let image = golden::image(self.info.input_size);
        let activations = self.activations(&image, 1, &layers)?;
        Ok(Golden::of(names, &activations))
    }

    /// Whether the model computes what is expected, but for a share `tolerance` of a layer's largest value.
    pub(crate) fn check(&mut self, expected: &Golden, tolerance: f32) -> Result<(), ModelError> {
        let found = self.golden(expected.names())?;
        expected.compare(&found, tolerance)
    }
}

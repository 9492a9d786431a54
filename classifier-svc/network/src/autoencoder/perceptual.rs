//! The perceptual loss (Hou et al. 2016): how far the activations of the classifier's lower layers are from those that
//! the original face has.

use anyhow::{Context, ensure};
use deepface_files::sha256;

use super::resample::Resample;
use crate::{Isa, Preprocessing, arch::Stage, cpu::CpuNetwork, weights::Weights};

/// The lower layers of a classifier.
pub(super) struct Perceptual {
    network: CpuNetwork,
    preprocessing: Preprocessing,
    resample: Resample,
    /// Values of a face, and of the classifier's input.
    sizes: [usize; 2],
    /// Those that the loss compares, then those that are computed with them.
    stages: Vec<usize>,
    /// How many the loss compares.
    compared: usize,
    /// Shapes of the stages' activations: channels, height, width.
    shapes: Vec<[usize; 3]>,
    /// Of each stage, one over the sum of squares of the activation of an average face.
    scales: Vec<f64>,
    digest: String,
}

impl Perceptual {
    /// The layers of these names of the classifier in a weights file, for faces of `side` pixels: those that the loss
    /// compares, and others that are computed with them. The classifier sees faces at `input` pixels. `faces`,
    /// `[n, 3, side, side]`, are those that the loss is measured against.
    ///
    /// # Errors
    /// The file is damaged, or a layer is unknown or not among the convolutions and poolings.
    pub(super) fn new(
        file: &[u8],
        [compared, others]: [&[String]; 2],
        [side, input]: [usize; 2],
        faces: &[f32],
    ) -> anyhow::Result<Self> {
        let weights = Weights::read(file)?;
        let mut architecture = weights.description.architecture;
        architecture.input = input;
        let all = architecture.stages();
        let mut stages = places(&all, compared, "perceptual-layers")?;
        ensure!(
            !stages.is_empty(),
            "perceptual-layers: expected at least one"
        );
        let compared = stages.len();
        let others = places(&all, others, "matching-layers")?;
        let new = others.into_iter().filter(|at| !stages.contains(at));
        stages.extend(new.collect::<Vec<_>>());
        let top = stages.iter().copied().max().unwrap_or(0);
        ensure!(
            all[top].shape().iter().all(|&size| size > 0),
            "perceptual-side: {} has no pixels left of an input of {input}",
            all[top].name
        );
        let threads = rayon::current_num_threads();
        let parameters = &weights.parameters[..=top];
        let network = CpuNetwork::new(&architecture, parameters, Isa::detect(), threads);
        let mut perceptual = Self {
            network,
            preprocessing: weights.description.preprocessing,
            resample: Resample::new(side, input),
            sizes: [side, input].map(|side| 3 * side * side),
            scales: vec![1.0; stages.len()],
            shapes: stages.iter().map(|&at| planes(&all[at].shape())).collect(),
            stages,
            compared,
            digest: sha256(file),
        };
        perceptual.scales = perceptual.measure(faces);
        Ok(perceptual)
    }

    /// SHA-256 of the classifier's file.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    fn measure(&mut self, faces: &[f32]) -> Vec<f64> {
        let mut sums = vec![0.0; self.stages.len()];
        for part in faces.chunks(self.together()) {
            let activations = self.activations(part);
            let squares = |a: &Vec<f32>| a.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
            sums.iter_mut()
                .zip(&activations)
                .for_each(|(sum, a)| *sum += squares(a));
        }
        let n = (faces.len() / self.sizes[0]).max(1) as f64;
        sums.into_iter().map(|sum| n / sum.max(1e-12)).collect()
    }

    /// Shapes of the activations of all layers.
    pub(super) fn shapes(&self) -> &[[usize; 3]] {
        &self.shapes
    }

    /// Of each layer, one over the sum of squares of the activation of an average face.
    pub(super) fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// Shapes of the activations that the loss compares, and what brings each to a mean square of about 1.
    pub(super) fn compared(&self) -> Vec<([usize; 3], f32)> {
        let size = |shape: &[usize; 3]| shape.iter().product::<usize>() as f64;
        let layers = self.shapes.iter().zip(&self.scales).take(self.compared);
        layers
            .map(|(shape, scale)| (*shape, (scale * size(shape)).sqrt() as f32))
            .collect()
    }

    /// Values of a face.
    pub(super) fn face(&self) -> usize {
        self.sizes[0]
    }

    /// Values of as many faces as one pass takes.
    pub(super) fn together(&self) -> usize {
        self.network.capacity() * self.sizes[0]
    }

    /// The activations of faces, as many as one pass takes at most: a vector for each layer.
    pub(super) fn activations(&mut self, faces: &[f32]) -> Vec<Vec<f32>> {
        self.first_activations(faces, self.stages.len())
    }

    /// Those of the layers that the loss compares, without what only the others need.
    pub(super) fn compared_activations(&mut self, faces: &[f32]) -> Vec<Vec<f32>> {
        self.first_activations(faces, self.compared)
    }

    fn first_activations(&mut self, faces: &[f32], layers: usize) -> Vec<Vec<f32>> {
        let mut inputs = self.resample.apply(faces);
        let n = faces.len() / self.sizes[0];
        let images = inputs.chunks_exact_mut(self.sizes[1]);
        images.for_each(|image| self.preprocessing.apply(image));
        self.network.forward(&inputs, n, &self.stages[..layers])
    }

    /// The gradient with respect to the faces of the last pass, `values` numbers, from that with respect to the activations
    /// of the layers, of all or of the first.
    pub(super) fn pull_back(&mut self, values: usize, cotangents: Vec<Vec<f32>>) -> Vec<f32> {
        let cotangents: Vec<_> = self.stages.iter().copied().zip(cotangents).collect();
        let n = values / self.sizes[0];
        let mut inputs = self.network.backward(n, &cotangents);
        let images = inputs.chunks_exact_mut(self.sizes[1]);
        images.for_each(|image| self.preprocessing.adjoint(image));
        self.resample.adjoint(&inputs)
    }

    /// The mean loss of `faces` against `originals`, both `[n, 3, S, S]`, 0 to 1: of each layer the squared distance of
    /// the activations over the mean sum of squares of such an activation, summed over the layers.
    pub(super) fn loss(&mut self, originals: &[f32], faces: &[f32]) -> f64 {
        let each = self.together();
        let parts = originals.chunks(each).zip(faces.chunks(each));
        let total: f64 = parts
            .map(|(originals, faces)| {
                let expected = self.compared_activations(originals);
                let found = self.compared_activations(faces);
                self.distance([&expected, &found], 0.0).0
            })
            .sum();
        total / (faces.len() / self.sizes[0]) as f64
    }

    /// The loss of `found` activations against `expected` ones, summed over the faces of a pass, and `weight` times its
    /// gradient with respect to those found.
    pub(super) fn distance(
        &self,
        [expected, found]: [&Vec<Vec<f32>>; 2],
        weight: f64,
    ) -> (f64, Vec<Vec<f32>>) {
        let mut loss = 0.0;
        let pairs = expected.iter().zip(found).zip(&self.scales);
        let pairs = pairs.take(self.compared);
        let cotangents = pairs.map(|((expected, found), scale)| {
            let factor = (2.0 * weight * scale) as f32;
            let mut sum = 0.0;
            let pairs = found.iter().zip(expected);
            let cotangent = pairs.map(|(a, b)| {
                let difference = a - b;
                sum += f64::from(difference * difference);
                factor * difference
            });
            let cotangent = cotangent.collect();
            loss += scale * sum;
            cotangent
        });
        let cotangents = cotangents.collect();
        (loss, cotangents)
    }
}

/// Where the layers of these names are, which `flag` gave.
fn places(all: &[Stage], names: &[String], flag: &str) -> anyhow::Result<Vec<usize>> {
    let place = |name: &String| {
        let planes = |s: &&Stage| s.shape().len() == 3;
        let at = all.iter().position(|s| planes(&s) && s.name == *name);
        at.with_context(|| {
            let names: Vec<&str> = all.iter().filter(planes).map(|s| s.name.as_str()).collect();
            format!(
                "{flag}: expected some of {}, got {name:?}",
                names.join(", ")
            )
        })
    };
    names.iter().map(place).collect()
}

/// Channels, height and width of the stages that are used, which are planes.
fn planes(shape: &[usize]) -> [usize; 3] {
    [0, 1, 2].map(|at| shape[at])
}

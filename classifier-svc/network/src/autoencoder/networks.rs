//! Encoder and decoder, forward and backward, on plain arrays.

use super::{
    layer::{Backward, Layer},
    stack::Stack,
    topology::{Spec, Topology},
};
use crate::{
    cpu::Layout,
    parameters::Parameters,
    train::{
        optimizer::Parameter,
        random::{Purpose, Random},
    },
};

/// Mean and deviation that bring pixels to about zero mean and unit deviation.
const PIXEL_MEAN: f32 = 0.45;
const PIXEL_DEVIATION: f32 = 0.25;
/// What a decoder's output of 0 shows, and how much more an output of 1. No squashing function holds faces between black
/// and white: where it is saturated no gradient would pass.
const GREY: f32 = 0.5;
const CONTRAST: f32 = 0.25;
/// The range to which a log-variance is clamped.
const LOG_VARIANCE: std::ops::RangeInclusive<f32> = -10.0..=10.0;
/// How much smaller the first weights of the latent and of the image are than those of other layers, so that training
/// starts with variances near 1 and grey images.
const QUIET: f32 = 0.2;

/// Encoder and decoder of an autoencoder, with buffers for a batch.
pub(super) struct Networks {
    topology: Topology,
    /// Attributes that encoder and decoder read beside the face or the latent.
    attributes: usize,
    batch: usize,
    /// From the face up to planes, and from these and the attributes to the latent.
    body: Stack,
    head: Stack,
    decoder: Stack,
    /// Log-variances of the last batch before clamping.
    raw: Vec<f32>,
    /// Faces that were decoded last.
    decoded: Vec<f32>,
}

/// Mean and log-variance of the latents of a batch, `[n, latent]` each.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Posterior {
    pub(super) mean: Vec<f32>,
    pub(super) log_variance: Vec<f32>,
}

impl Networks {
    /// Networks with random weights, to be learned.
    pub(super) fn random(topology: &Topology, attributes: usize, batch: usize, seed: u64) -> Self {
        let mut number = 0;
        Self::of(topology, attributes, batch, |spec| {
            number += 1;
            let random = Random::new(seed, Purpose::Weights, number);
            let scale = if spec.rectified { 1.0 } else { QUIET };
            Layer::random(spec, batch, random, scale)
        })
    }

    /// Networks with given weights: those that `take` returns for the layers that learned. `fixed` says that they no longer
    /// change.
    pub(super) fn given<E>(
        topology: &Topology,
        [attributes, batch]: [usize; 2],
        fixed: bool,
        mut take: impl FnMut(&Spec) -> Result<Parameters, E>,
    ) -> Result<Self, E> {
        let mut failed = None;
        let networks = Self::of(topology, attributes, batch, |spec| {
            let parameters = match spec.weight_shape() {
                None => Parameters::default(),
                Some(_) => take(spec).unwrap_or_else(|error| {
                    failed.get_or_insert(error);
                    spec.zeros()
                }),
            };
            Layer::new(spec, batch, parameters, fixed)
        });
        match failed {
            None => Ok(networks),
            Some(error) => Err(error),
        }
    }

    fn of(
        topology: &Topology,
        attributes: usize,
        batch: usize,
        mut make: impl FnMut(&Spec) -> Layer,
    ) -> Self {
        let vector = |inputs: usize| Layout::vector(inputs + attributes);
        let (head, decoder) = (vector(topology.top().len()), vector(topology.latent));
        let mut stack =
            |specs: Vec<Spec>, input: Layout| Stack::new(&specs, input, batch, &mut make);
        Self {
            body: stack(topology.body(), topology.image()),
            head: stack(topology.head(attributes), head).differentiable(),
            decoder: stack(topology.decoder(attributes), decoder).differentiable(),
            topology: topology.clone(),
            attributes,
            batch,
            raw: Vec::new(),
            decoded: Vec::new(),
        }
    }

    /// The sizes.
    pub(super) fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Faces that one pass holds.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// The latents of `n <= batch` faces, `[n, 3, S, S]`, 0 to 1, with their attributes, `[n, attributes]`.
    pub(super) fn encode(&mut self, faces: &[f32], attributes: &[f32]) -> Posterior {
        let size = self.topology.pixels();
        let n = faces.len() / size;
        let pixels = faces.iter().map(|x| (x - PIXEL_MEAN) / PIXEL_DEVIATION);
        let blocks = self.topology.folding().apply(pixels.collect());
        self.body.set_inputs(&blocks, size);
        self.body.forward(n);
        let len = self.topology.top().len();
        if let Some((_, y, _)) = self.body.top_mut() {
            let (stride, x) = self.head.vectors_mut();
            let all = x.chunks_exact_mut(stride).zip(y.chunks_exact(len));
            for (i, (x, planes)) in all.take(n).enumerate() {
                x[..len].copy_from_slice(planes);
                x[len..][..self.attributes]
                    .copy_from_slice(&attributes[i * self.attributes..][..self.attributes]);
            }
        }
        self.head.forward(n);
        let latent = self.topology.latent;
        let both = self.head.outputs(n);
        let halves = both
            .chunks_exact(2 * latent)
            .map(|both| both.split_at(latent));
        let mean = halves.clone().flat_map(|(mean, _)| mean).copied().collect();
        self.raw = halves.flat_map(|(_, raw)| raw).copied().collect();
        let held = |&x: &f32| x.clamp(*LOG_VARIANCE.start(), *LOG_VARIANCE.end());
        Posterior {
            mean,
            log_variance: self.raw.iter().map(held).collect(),
        }
    }

    /// The gradients of everything that the encoder learned, from those with respect to the last latents.
    pub(super) fn learn_encoder(&mut self, gradient: &Posterior) {
        let latent = self.topology.latent;
        let n = gradient.mean.len() / latent;
        let inside = self.raw.iter().zip(&gradient.log_variance);
        let inside = inside.map(|(raw, d)| if LOG_VARIANCE.contains(raw) { *d } else { 0.0 });
        let inside: Vec<f32> = inside.collect();
        let pairs = gradient
            .mean
            .chunks_exact(latent)
            .zip(inside.chunks_exact(latent));
        let both: Vec<f32> = pairs
            .flat_map(|(a, b)| a.iter().chain(b))
            .copied()
            .collect();
        self.head.set_cotangents(&both);
        self.head.backward(n, Backward::Learn);
        let (stride, dx) = self.head.vector_cotangents();
        if let Some((layout, _, d)) = self.body.top_mut() {
            let planes = d
                .chunks_exact_mut(layout.len())
                .zip(dx.chunks_exact(stride));
            planes.for_each(|(d, dx)| d.copy_from_slice(&dx[..d.len()]));
        }
        self.body.backward(n, Backward::Learn);
    }

    /// The faces of `n <= batch` latents, `[n, latent]`, with attributes, `[n, attributes]`: `[n, 3, S, S]`, 0 to 1 but
    /// for what is brighter than white or darker than black.
    pub(super) fn decode(&mut self, latents: &[f32], attributes: &[f32]) -> &[f32] {
        let latent = self.topology.latent;
        let n = latents.len() / latent;
        let (stride, x) = self.decoder.vectors_mut();
        let all = x.chunks_exact_mut(stride).zip(latents.chunks_exact(latent));
        for (i, (x, latents)) in all.enumerate() {
            x[..latent].copy_from_slice(latents);
            x[latent..][..self.attributes]
                .copy_from_slice(&attributes[i * self.attributes..][..self.attributes]);
        }
        self.decoder.forward(n);
        let shades = self.decoder.outputs(n);
        let faces = shades.iter().map(|shade| GREY + CONTRAST * shade).collect();
        self.decoded = self.topology.folding().undo(faces);
        &self.decoded
    }

    /// The gradient with respect to the last latents, `[n, latent]`, from that with respect to their faces; and, to
    /// learn, the gradients of everything that the decoder learned.
    pub(super) fn pull_back(&mut self, gradient: &[f32], what: Backward) -> Vec<f32> {
        let n = gradient.len() / self.topology.pixels();
        let cotangents = gradient.iter().map(|g| CONTRAST * g).collect();
        let blocks = self.topology.folding().apply(cotangents);
        self.decoder.set_cotangents(&blocks);
        self.decoder.backward(n, what);
        let (stride, dx) = self.decoder.vector_cotangents();
        let latents = dx.chunks_exact(stride).take(n);
        latents
            .flat_map(|dx| &dx[..self.topology.latent])
            .copied()
            .collect()
    }

    /// Everything that is learned, always in the same order.
    pub(super) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        let stacks = [&mut self.body, &mut self.head, &mut self.decoder];
        stacks.into_iter().flat_map(Stack::parameters_mut)
    }

    /// Exchanges the weights and their averages.
    pub(super) fn swap_averages(&mut self) {
        for parameter in self.parameters_mut() {
            std::mem::swap(&mut parameter.value, &mut parameter.average);
        }
    }

    /// The weights of every layer that learns, with its name.
    pub(super) fn weights(&self) -> Vec<(String, Parameters)> {
        let stacks = [&self.body, &self.head, &self.decoder];
        stacks.into_iter().flat_map(Stack::weights).collect()
    }
}

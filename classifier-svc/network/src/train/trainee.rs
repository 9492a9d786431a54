//! The network in training: from the image up to the loss, back down to every gradient, and folded into the network
//! that is served.

use rayon::prelude::*;

use super::{
    batch_norm::Moments,
    dropout::Dropout,
    layer::{Kind, Layer},
    loss::Loss,
    optimizer::{Parameter, Step, update},
    random::{Purpose, Random},
};
use crate::{
    arch::Architecture,
    cpu::{Aligned, Isa, Layout, Plan},
    parameters::Parameters,
};

/// A network that learns, or the upper part of one, whose inputs are then the activations of the stages below.
pub(super) struct Trainee {
    architecture: Architecture,
    /// Of the stages below, which do not learn.
    below: Vec<Parameters>,
    layers: Vec<Layer>,
    input: Layout,
    inputs: Aligned,
    isa: Isa,
    /// Share of the features of fc6 and fc7 that a step leaves out.
    dropout: f32,
    /// Whether it is left out of the convolutions' too.
    dropout_everywhere: bool,
}

impl Trainee {
    /// A network with random weights, whose convolutions have branches or their kernel alone.
    pub(super) fn new(
        architecture: &Architecture,
        batch: usize,
        dropout: f32,
        branches: bool,
        seed: u64,
    ) -> Self {
        let stages = architecture.stages();
        let plans = Plan::of(&stages);
        let layers = (0..)
            .zip(stages.iter().zip(plans))
            .map(|(i, (stage, plan))| {
                Layer::new(batch, plan, |plan| {
                    let random = Random::new(seed, Purpose::Weights, i);
                    Kind::random(stage, plan, batch, branches, random)
                })
            });
        let image = Plan::image(architecture);
        Self {
            architecture: architecture.clone(),
            below: Vec::new(),
            layers: layers.collect(),
            input: image,
            inputs: Aligned::zeros(batch * image.len()),
            isa: Isa::detect(),
            dropout,
            dropout_everywhere: false,
        }
    }

    /// A network that begins with trained weights, an entry per stage, and of which the stages from `first` on learn.
    /// It has neither branches nor batch normalisation.
    pub(super) fn with(
        architecture: &Architecture,
        batch: usize,
        dropout: f32,
        mut parameters: Vec<Parameters>,
        first: usize,
    ) -> Self {
        let stages = architecture.stages();
        let mut plans = Plan::of(&stages);
        let above = parameters.split_off(first);
        let image = Plan::image(architecture);
        let input = first.checked_sub(1).map_or(image, |i| plans[i].layout());
        let layers = stages[first..]
            .iter()
            .zip(plans.split_off(first))
            .zip(above);
        let layers = layers
            .map(|((stage, plan), p)| Layer::new(batch, plan, |plan| Kind::with(stage, plan, p)));
        Self {
            architecture: architecture.clone(),
            below: parameters,
            layers: layers.collect(),
            input,
            inputs: Aligned::zeros(batch * input.len()),
            isa: Isa::detect(),
            dropout,
            dropout_everywhere: false,
        }
    }

    /// Says whether a step leaves out features of the convolutions too.
    pub(super) fn drop_everywhere(mut self, everywhere: bool) -> Self {
        self.dropout_everywhere = everywhere;
        self
    }

    /// Forward in training mode, with dropout where there are random numbers for it. `inputs` is `[n, 3, S, S]` as the network expects them, or the activations of the
    /// stage below the first that learns.
    pub(super) fn forward(&mut self, inputs: &[f32], n: usize, dropout: Option<Random>) {
        let (isa, input) = (self.isa, self.input);
        self.inputs
            .par_chunks_mut(input.len())
            .zip(inputs.par_chunks(inputs.len() / n))
            .for_each(|(to, from)| input.pack(from, to));
        for i in 0..self.layers.len() {
            let dropout = dropout.map(|random| Dropout {
                share: self.dropout,
                random: random.part(self.below.len() + i),
            });
            let (below, above) = self.layers.split_at_mut(i);
            let x: &[f32] = below.last().map_or(&self.inputs, |b| &b.y);
            let Layer { kind, y, bits, .. } = &mut above[0];
            match kind {
                Kind::Convolution(branched) => {
                    let dropout = dropout.filter(|_| self.dropout_everywhere);
                    branched.forward(isa, n, x, y, bits, i > 0, dropout);
                }
                Kind::Pool(pool) => pool.forward(isa, n, x, y, bits),
                Kind::Dense(dense) => dense.forward(isa, n, x, y, bits, dropout),
            }
        }
    }

    /// The logits of inputs with the averaged weights, `[n, logits]`, for a network without batch normalisation. A network
    /// with it must be folded first, see [`Trainee::fold`].
    pub(super) fn logits(&mut self, inputs: &[f32], n: usize) -> Vec<f32> {
        self.swap_averages();
        self.forward(inputs, n, None);
        self.swap_averages();
        let Some(Layer { layout, y, .. }) = self.layers.last() else {
            return Vec::new();
        };
        let logits = self.architecture.logits;
        let images = y[..n * layout.len()].chunks_exact(layout.len());
        images.flat_map(|image| &image[..logits]).copied().collect()
    }

    /// Loss per image of the last forward pass against `targets`, `[n, logits]`, and the gradients of everything
    /// learned.
    pub(super) fn backward(&mut self, n: usize, loss: &Loss, targets: &[f32]) -> f64 {
        let top = self.layers.len() - 1;
        let Layer { layout, y, d, .. } = &mut self.layers[top];
        let stride = layout.len();
        let size = loss.logits();
        let mut total = 0.0;
        for image in 0..n {
            let logits = &mut d[image * stride..][..stride];
            logits.copy_from_slice(&y[image * stride..][..stride]);
            total += loss.cross_entropy(&mut logits[..size], &targets[image * size..][..size]);
            logits[..size].iter_mut().for_each(|g| *g /= n as f32);
            logits[size..].fill(0.0);
        }
        for i in (0..=top).rev() {
            self.backward_layer(i, n);
        }
        total / n as f64
    }

    fn backward_layer(&mut self, i: usize, n: usize) {
        let isa = self.isa;
        let (below, above) = self.layers.split_at_mut(i);
        let Layer { kind, d, bits, .. } = &mut above[0];
        let mut below = below.last_mut();
        let y = below.as_deref_mut().map(|b| std::mem::take(&mut b.y));
        let x: &[f32] = y.as_deref().unwrap_or(&self.inputs);
        let to = below.as_deref_mut().map(Layer::below);
        match (kind, to) {
            (Kind::Convolution(branched), to) => branched.backward(isa, n, x, d, to),
            (Kind::Dense(dense), to) => dense.backward(isa, n, x, d, to),
            (Kind::Pool(pool), Some(to)) => pool.input_gradient_of_rectified(n, bits, d, to.d),
            (Kind::Pool(_), None) => {}
        }
        if let (Some(below), Some(y)) = (below, y) {
            below.y = y;
        }
    }

    /// Moves everything learned along its gradients: the heads at the rate of the step, every stage below that learns
    /// at `decay` times the rate of the one above.
    pub(super) fn learn(&mut self, step: Step, decay: f32) {
        let mut rate = step.rate;
        for layer in self.layers.iter_mut().rev() {
            let parameters = layer.parameters_mut();
            // Poolings do not count.
            if parameters.is_empty() {
                continue;
            }
            let step = Step { rate, ..step };
            parameters.into_iter().for_each(|p| update(p, step));
            rate *= decay;
        }
    }

    /// Whether the folded network depends on moments that [`Trainee::fold`] must measure.
    pub(super) fn normalised(&mut self) -> bool {
        self.layers.iter_mut().any(|l| !l.norms_mut().is_empty())
    }

    /// The network to serve: the averaged weights, normalised with their moments over the batches that `next` returns,
    /// all branches in one kernel. The trainee itself stays as it is.
    pub(super) fn fold(
        &mut self,
        batches: usize,
        n: usize,
        mut next: impl FnMut(usize) -> Vec<f32>,
    ) -> Vec<Parameters> {
        self.swap_averages();
        let mut total: Vec<Moments> = Vec::new();
        for batch in 0..batches {
            self.forward(&next(batch), n, None);
            let norms = self.layers.iter_mut().flat_map(Layer::norms_mut);
            let moments: Vec<&Moments> = norms.map(|norm| &norm.moments).collect();
            total.resize(moments.len(), Moments::default());
            for (total, part) in total.iter_mut().zip(moments) {
                total.add(part, 1.0 / batches as f32);
            }
        }
        let norms = self.layers.iter_mut().flat_map(Layer::norms_mut);
        norms.zip(total).for_each(|(norm, m)| norm.moments = m);
        let folded = self.current();
        self.swap_averages();
        folded
    }

    /// The weights as they are now, normalised with the moments that were measured last, all branches in one kernel.
    pub(super) fn current(&self) -> Vec<Parameters> {
        let learned = self.layers.iter().map(Layer::fold);
        self.below.iter().cloned().chain(learned).collect()
    }

    fn swap_averages(&mut self) {
        for parameter in self.parameters_mut() {
            std::mem::swap(&mut parameter.value, &mut parameter.average);
        }
    }

    /// Everything that is learned, always in the same order.
    pub(super) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        self.layers.iter_mut().flat_map(Layer::parameters_mut)
    }

    /// The topology.
    pub(super) fn architecture(&self) -> &Architecture {
        &self.architecture
    }
}

#[cfg(test)]
mod tests;

//! Layers one above the other, forward and backward.

use rayon::prelude::*;

use super::{
    layer::{Backward, Layer},
    topology::Spec,
};
use crate::{
    cpu::{Aligned, Isa, Layout},
    parameters::Parameters,
    train::{below::Below, optimizer::Parameter},
};

/// Layers with the buffers of a batch.
pub(super) struct Stack {
    isa: Isa,
    layers: Vec<Layer>,
    /// Names of the layers in a file; empty for those that learn nothing.
    names: Vec<String>,
    input: Layout,
    x: Aligned,
    /// Cotangent of the input.
    dx: Aligned,
    /// Whether there is one.
    differentiable: bool,
}

impl Stack {
    /// A stack of `make`'s layers that reads planes or a vector.
    pub(super) fn new(
        specs: &[Spec],
        input: Layout,
        batch: usize,
        mut make: impl FnMut(&Spec) -> Layer,
    ) -> Self {
        Self {
            isa: Isa::detect(),
            layers: specs.iter().map(&mut make).collect(),
            names: specs.iter().map(|s| s.name.clone()).collect(),
            input,
            x: Aligned::zeros(batch * input.len()),
            dx: Aligned::default(),
            differentiable: false,
        }
    }

    /// The same with a cotangent of the input.
    pub(super) fn differentiable(mut self) -> Self {
        self.dx = Aligned::zeros(self.x.len());
        self.differentiable = true;
        self
    }

    /// Sets the inputs: arrays of `size` values each, in the order channel, row, column.
    pub(super) fn set_inputs(&mut self, values: &[f32], size: usize) {
        let layout = self.input;
        self.x
            .par_chunks_mut(layout.len())
            .zip(values.par_chunks(size))
            .for_each(|(to, from)| layout.pack(from, to));
    }

    /// The inputs of a stack that reads vectors, and how many values lie between the beginnings of two.
    pub(super) fn vectors_mut(&mut self) -> (usize, &mut [f32]) {
        (self.input.len(), &mut self.x)
    }

    /// The cotangents of these inputs, as [`Stack::vectors_mut`] gives them.
    pub(super) fn vector_cotangents(&self) -> (usize, &[f32]) {
        (self.input.len(), &self.dx)
    }

    /// Computes `n` inputs.
    pub(super) fn forward(&mut self, n: usize) {
        for i in 0..self.layers.len() {
            let (below, above) = self.layers.split_at_mut(i);
            let x: &[f32] = below.last().map_or(&self.x, |b| &b.y);
            above[0].forward(self.isa, n, x, i > 0 || self.differentiable);
        }
    }

    /// Propagates the cotangent of the last layer, which [`Stack::set_cotangents`] sets, down.
    pub(super) fn backward(&mut self, n: usize, what: Backward) {
        let isa = self.isa;
        for i in (0..self.layers.len()).rev() {
            let (below, above) = self.layers.split_at_mut(i);
            let layer = &mut above[0];
            match below.last_mut() {
                Some(below) => {
                    let y = std::mem::take(&mut below.y);
                    layer.backward(isa, n, &y, Some(below.below()), what);
                    below.y = y;
                }
                None => {
                    let d = &mut self.dx;
                    let below = self.differentiable.then_some(Below { d, mask: None });
                    layer.backward(isa, n, &self.x, below, what);
                }
            }
        }
    }

    /// Layout, activation and cotangent of the last layer.
    pub(super) fn top_mut(&mut self) -> Option<(Layout, &mut [f32], &mut [f32])> {
        let top = self.layers.last_mut()?;
        Some((top.layout, &mut top.y, &mut top.d))
    }

    /// The activation of the last layer, `[n, ...]` in the order channel, row, column.
    pub(super) fn outputs(&self, n: usize) -> Vec<f32> {
        let Some(Layer { layout, y, .. }) = self.layers.last() else {
            return Vec::new();
        };
        let size = layout.channels * layout.height * layout.width;
        let mut plain = vec![0.0; n * size];
        plain
            .par_chunks_mut(size)
            .zip(y.par_chunks(layout.len()))
            .for_each(|(to, from)| layout.unpack(from, to));
        plain
    }

    /// The cotangent of the input, `[n, ...]`, as [`Stack::set_inputs`] reads it.
    pub(super) fn input_cotangents(&self, n: usize) -> Vec<f32> {
        let layout = self.input;
        let size = layout.channels * layout.height * layout.width;
        let mut plain = vec![0.0; n * size];
        let images = plain
            .par_chunks_mut(size)
            .zip(self.dx.par_chunks(layout.len()));
        images.for_each(|(to, from)| layout.unpack(from, to));
        plain
    }

    /// Sets the cotangent of the last layer, as [`Stack::outputs`] gives its activation.
    pub(super) fn set_cotangents(&mut self, plain: &[f32]) {
        let Some(Layer { layout, d, .. }) = self.layers.last_mut() else {
            return;
        };
        let size = layout.channels * layout.height * layout.width;
        d.par_chunks_mut(layout.len())
            .zip(plain.par_chunks(size))
            .for_each(|(to, from)| layout.pack(from, to));
    }

    /// Everything that is learned, always in the same order.
    pub(super) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        self.layers.iter_mut().flat_map(Layer::parameters_mut)
    }

    /// The weights of every layer that learns, in order.
    pub(super) fn weights(&self) -> Vec<(String, Parameters)> {
        let layers = self.names.iter().zip(&self.layers);
        let learned = layers.filter_map(|(name, layer)| Some((name.clone(), layer.weights()?)));
        learned.collect()
    }
}

//! A fully connected layer in training: batch normalisation, rectifier and dropout, or the heads, which have neither.

use super::{
    batch_norm::{self, Norm},
    network::{Below, normal},
    optimizer::Parameter,
};
use crate::model::cpu::{Aligned, Epilogue, Isa, LANES, Layout, Linear, Parameters};

/// A share of the features that a step leaves out, and the seed that decides which.
#[derive(Clone, Copy)]
pub(super) struct Dropout {
    pub(super) share: f32,
    pub(super) seed: u64,
}

/// A fully connected layer, what it learns, and its buffers for one batch.
pub(super) struct Dense {
    linear: Linear,
    weight: Parameter,
    /// Before batch normalisation, then its cotangent.
    z: Aligned,
    packed: Aligned,
    /// `None` for the heads.
    pub(super) norm: Option<Norm>,
    /// Offset of the normalisation, or the bias of the heads.
    beta: Parameter,
    /// What dropout had multiplied the features with that it let through.
    scale: f32,
}

impl Dense {
    /// One with random weights (He et al. 2015).
    pub(super) fn new(linear: &Linear, batch: usize, rectified: bool, seed: u64) -> Self {
        let (ins, outs) = (linear.inputs(), linear.outputs);
        let weight = normal(seed, ins * outs, (2.0 / ins as f32).sqrt());
        let layout = Layout::vector(outs);
        let z = if rectified { batch * layout.len() } else { 0 };
        Self {
            linear: linear.clone(),
            weight: Parameter::new(weight, true),
            z: Aligned::zeros(z),
            packed: Aligned::default(),
            norm: rectified.then(|| Norm::new(&layout)),
            beta: Parameter::new(vec![0.0; layout.len()], false),
            scale: 1.0,
        }
    }

    fn layout(&self) -> Layout {
        Layout::vector(self.linear.outputs)
    }

    /// Everything that is learned, always in the same order.
    pub(super) fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        let mut all = vec![&mut self.weight, &mut self.beta];
        all.extend(self.norm.as_mut().map(|n| &mut n.gamma));
        all
    }

    /// The activation of a batch, and the bits of its rectifier.
    pub(super) fn forward(
        &mut self,
        isa: Isa,
        n: usize,
        x: &[f32],
        y: &mut [f32],
        bits: &mut [u16],
        dropout: Option<Dropout>,
    ) {
        self.packed = self.linear.pack(&self.weight.value);
        let (layout, beta) = (self.layout(), &self.beta.value);
        let Some(norm) = &mut self.norm else {
            return self
                .linear
                .forward(isa, n, x, &self.packed, y, Epilogue::Bias(beta));
        };
        self.linear
            .forward(isa, n, x, &self.packed, &mut self.z, Epilogue::None);
        norm.measure(isa, &layout, n, &self.z);
        let norms = std::slice::from_ref(norm);
        batch_norm::forward(isa, &layout, norms, beta, &[&self.z], y, bits, n);
        self.scale = dropout.map_or(1.0, |d| 1.0 / (1.0 - d.share));
        if let Some(dropout) = dropout {
            drop_features(&mut y[..n * layout.len()], bits, dropout, self.scale);
        }
    }

    /// From the cotangent `d` of the activation, which is 0 where the rectifier or dropout stopped it, to the gradients
    /// of everything learned and to the cotangent of what is below.
    pub(super) fn backward(
        &mut self,
        isa: Isa,
        n: usize,
        x: &[f32],
        d: &mut [f32],
        below: Option<Below<'_>>,
    ) {
        let layout = self.layout();
        let d = &mut d[..n * layout.len()];
        let dz: &[f32] = if let Some(norm) = &mut self.norm {
            d.iter_mut().for_each(|d| *d *= self.scale);
            let (norms, beta) = (std::slice::from_mut(norm), &mut self.beta);
            let cotangents = batch_norm::backward(isa, &layout, norms, beta, &[&self.z], d, n);
            cotangents[0].replace(isa, &layout, n, d, &mut self.z);
            &self.z
        } else {
            let beta = &mut self.beta.gradient;
            beta.fill(0.0);
            for image in d.chunks_exact(layout.len()) {
                beta.iter_mut().zip(image).for_each(|(b, g)| *b += g);
            }
            d
        };
        let gradient = &mut self.weight.gradient;
        self.linear.weight_gradient(isa, n, x, dz, gradient);
        if let Some(Below { d: dx, mask }) = below {
            let weight = &self.packed;
            self.linear.input_gradient(isa, n, dz, weight, dx, mask);
        }
    }

    /// Weights and bias that compute what the layer with its batch normalisation does.
    pub(super) fn fold(&self) -> Parameters {
        let mut weight = self.weight.value.clone();
        let mut bias = self.beta.value[..self.linear.outputs].to_vec();
        if let Some(norm) = &self.norm {
            let rows = weight.chunks_exact_mut(self.linear.inputs());
            for (o, (row, factor)) in rows.zip(norm.factor()).enumerate() {
                row.iter_mut().for_each(|w| *w *= factor);
                bias[o] -= factor * norm.moments.mean[o];
            }
        }
        Parameters { weight, bias }
    }
}

/// Leaves out a share of the features and scales the others up to make good for it.
fn drop_features(y: &mut [f32], bits: &mut [u16], dropout: Dropout, scale: f32) {
    use rand::{RngExt, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(dropout.seed);
    for (block, bits) in y.as_chunks_mut::<LANES>().0.iter_mut().zip(bits) {
        for (lane, y) in block.iter_mut().enumerate() {
            if rng.random::<f32>() < dropout.share {
                *y = 0.0;
                *bits &= !(1 << lane);
            } else {
                *y *= scale;
            }
        }
    }
}

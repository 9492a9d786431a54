//! One layer of an encoder or decoder: what it computes and learns, and its buffers for one batch.

use super::topology::{Op, Spec};
use crate::{
    cpu::{Aligned, Convolution, Isa, Layout, Linear, MaxPool, Upsample},
    parameters::Parameters,
    train::{
        below::Below,
        convolution::Branched,
        dense::Dense,
        optimizer::Parameter,
        random::{Random, normal},
    },
};

/// What a layer computes and learns.
enum Kind {
    Convolution(Box<Branched>),
    Pool(MaxPool),
    Upsample(Upsample),
    Dense(Box<Dense>),
}

/// A layer, and its buffers for one batch.
pub(super) struct Layer {
    kind: Kind,
    pub(super) layout: Layout,
    /// Whether a rectifier ends it.
    rectified: bool,
    /// The activation.
    pub(super) y: Aligned,
    /// Cotangent of the activation.
    pub(super) d: Aligned,
    /// Where the rectifier, or of a pooling the maxima, passed; see [`crate::cpu::Bits`].
    bits: Vec<u16>,
}

/// What a backward pass computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backward {
    /// The gradients of everything learned, and the cotangent of the input if it is asked for.
    Learn,
    /// The cotangent of the input alone.
    Input,
}

impl Layer {
    /// A layer with random weights (He et al. 2015), to be learned.
    pub(super) fn random(spec: &Spec, batch: usize, random: Random, scale: f32) -> Self {
        let size = spec.weight_shape().map_or(0, |s| s.iter().product());
        let inputs = size / spec.outputs().max(1);
        let deviation = scale * (2.0 / inputs.max(1) as f32).sqrt();
        let parameters = Parameters {
            weight: normal(&mut random.stream(0), size, deviation),
            bias: vec![0.0; spec.outputs()],
        };
        Self::new(spec, batch, parameters, false)
    }

    /// A layer with these weights; `fixed` says that they no longer change.
    pub(super) fn new(spec: &Spec, batch: usize, parameters: Parameters, fixed: bool) -> Self {
        let kind = match spec.op.clone() {
            Op::Convolution(conv) => convolution(*conv, parameters, spec.rectified, fixed),
            Op::Dense(linear) => dense(linear, parameters, spec.rectified, fixed),
            Op::Pool(pool) => Kind::Pool(pool),
            Op::Upsample(up) => Kind::Upsample(up),
        };
        let layout = spec.layout();
        Self {
            kind,
            layout,
            rectified: spec.rectified,
            y: Aligned::zeros(batch * layout.len()),
            d: Aligned::zeros(batch * layout.len()),
            bits: vec![0; batch * spec.bits()],
        }
    }

    /// Computes the activation of `n` inputs. `learns` says whether the input has a cotangent.
    pub(super) fn forward(&mut self, isa: Isa, n: usize, x: &[f32], learns: bool) {
        let Self { kind, y, bits, .. } = self;
        match kind {
            Kind::Convolution(conv) => conv.forward(isa, n, x, y, bits, learns, None),
            Kind::Pool(pool) => pool.forward(isa, n, x, y, bits),
            Kind::Upsample(up) => up.forward(n, x, y),
            Kind::Dense(dense) => dense.forward(isa, n, x, y, bits, None),
        }
    }

    /// From the cotangent of the activation, 0 where the rectifier stopped it, to that of the input `x`, and to the
    /// gradients of everything learned.
    pub(super) fn backward(
        &mut self,
        isa: Isa,
        n: usize,
        x: &[f32],
        below: Option<Below<'_>>,
        what: Backward,
    ) {
        let Self { kind, d, bits, .. } = self;
        match (kind, what, below) {
            (Kind::Convolution(conv), Backward::Learn, below) => conv.backward(isa, n, x, d, below),
            (Kind::Dense(dense), Backward::Learn, below) => dense.backward(isa, n, x, d, below),
            (Kind::Convolution(conv), Backward::Input, Some(below)) => {
                conv.input_gradient(isa, n, d, below);
            }
            (Kind::Dense(dense), Backward::Input, Some(below)) => {
                dense.input_gradient(isa, n, d, below);
            }
            (Kind::Pool(pool), _, Some(below)) => {
                pool.input_gradient_of_rectified(n, bits, d, below.d);
            }
            (Kind::Upsample(up), _, Some(below)) => {
                up.input_gradient(n, d, below.d, below.mask);
            }
            (_, _, None) => {}
        }
    }

    /// Where the layer above leaves the cotangent of its input.
    pub(super) fn below(&mut self) -> Below<'_> {
        Below {
            mask: self.rectified.then_some(&self.bits),
            d: &mut self.d,
        }
    }

    /// Everything that is learned, always in the same order.
    pub(super) fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        match &mut self.kind {
            Kind::Convolution(conv) => conv.parameters_mut(),
            Kind::Dense(dense) => dense.parameters_mut(),
            Kind::Pool(_) | Kind::Upsample(_) => Vec::new(),
        }
    }

    /// The weights as they are now; `None` for a layer that learns nothing.
    pub(super) fn weights(&self) -> Option<Parameters> {
        match &self.kind {
            Kind::Convolution(conv) => Some(conv.fold()),
            Kind::Dense(dense) => Some(dense.fold()),
            Kind::Pool(_) | Kind::Upsample(_) => None,
        }
    }
}

fn convolution(conv: Convolution, parameters: Parameters, rectified: bool, fixed: bool) -> Kind {
    let mut conv = Branched::with(conv, parameters);
    if !rectified {
        conv = conv.unrectified();
    }
    if fixed {
        conv = conv.fixed();
    }
    Kind::Convolution(conv.into())
}

fn dense(linear: Linear, parameters: Parameters, rectified: bool, fixed: bool) -> Kind {
    let mut dense = Dense::with(linear, rectified, parameters);
    if fixed {
        dense = dense.fixed();
    }
    Kind::Dense(dense.into())
}

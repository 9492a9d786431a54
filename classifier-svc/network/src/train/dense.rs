//! A fully connected layer in training: batch normalisation, rectifier and dropout, or the heads, which have neither.
//! Without the normalisation where it begins with weights that were trained without.

use super::{
    batch_norm::{self, Norm},
    below::Below,
    dropout::Dropout,
    optimizer::Parameter,
    random::{Random, normal},
};
use crate::{
    cpu::{Aligned, Bits, Epilogue, Isa, Layout, Linear},
    parameters::Parameters,
};

/// A fully connected layer, what it learns, and its buffers for one batch.
pub(crate) struct Dense {
    linear: Linear,
    /// Packed as forward and its adjoint read it: fc6 of VGG-Face is too large for another copy every step.
    weight: Parameter,
    /// Before batch normalisation, then its cotangent.
    z: Aligned,
    /// `None` for the heads, and for what begins with weights that have none.
    pub(crate) norm: Option<Norm>,
    rectified: bool,
    /// Offset of the normalisation, or the bias.
    beta: Parameter,
    /// What dropout had multiplied the features with that it let through.
    scale: f32,
}

impl Dense {
    /// One with random weights (He et al. 2015).
    pub(crate) fn new(linear: Linear, batch: usize, rectified: bool, random: Random) -> Self {
        let (ins, outs) = (linear.inputs(), linear.outputs);
        let weight = normal(&mut random.stream(0), ins * outs, (2.0 / ins as f32).sqrt());
        let layout = Layout::vector(outs);
        let z = if rectified { batch * layout.len() } else { 0 };
        Self {
            weight: Parameter::new(linear.pack(&weight).to_vec(), true),
            z: Aligned::zeros(z),
            norm: rectified.then(|| Norm::new(&layout)),
            rectified,
            beta: Parameter::new(vec![0.0; layout.len()], false),
            scale: 1.0,
            linear,
        }
    }

    /// One that begins with these weights and has no normalisation.
    pub(crate) fn with(linear: Linear, rectified: bool, parameters: Parameters) -> Self {
        let Parameters { weight, mut bias } = parameters;
        bias.resize(Layout::vector(linear.outputs).len(), 0.0);
        Self {
            weight: Parameter::new(linear.pack(&weight).to_vec(), true),
            z: Aligned::default(),
            norm: None,
            rectified,
            beta: Parameter::new(bias, false),
            scale: 1.0,
            linear,
        }
    }

    /// The same with weights that no longer change.
    pub(crate) fn fixed(mut self) -> Self {
        self.weight.freeze();
        self.beta.freeze();
        self
    }

    fn layout(&self) -> Layout {
        Layout::vector(self.linear.outputs)
    }

    /// Everything that is learned, always in the same order.
    pub(crate) fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        let mut all = vec![&mut self.weight, &mut self.beta];
        all.extend(self.norm.as_mut().map(|n| &mut n.gamma));
        all
    }

    /// The activation of a batch, and the bits of its rectifier.
    pub(crate) fn forward(
        &mut self,
        isa: Isa,
        n: usize,
        x: &[f32],
        y: &mut [f32],
        bits: &mut [u16],
        dropout: Option<Dropout>,
    ) {
        let (layout, linear) = (self.layout(), &self.linear);
        let (weight, beta) = (&self.weight.value, &self.beta.value);
        if let Some(norm) = &mut self.norm {
            linear.forward(isa, n, x, weight, &mut self.z, Epilogue::None);
            norm.measure(isa, &layout, n, &self.z);
            let norms = std::slice::from_ref(norm);
            batch_norm::forward(isa, &layout, norms, beta, &[&self.z], y, bits, n);
        } else if self.rectified {
            let epilogue = Epilogue::BiasRelu(beta, Bits::new(bits));
            linear.forward(isa, n, x, weight, y, epilogue);
        } else {
            return linear.forward(isa, n, x, weight, y, Epilogue::Bias(beta));
        }
        self.scale = dropout.map_or(1.0, |d| d.scale());
        if let Some(dropout) = dropout {
            dropout.apply(&layout, n, y, bits);
        }
    }

    /// From the cotangent `d` of the activation, which is 0 where the rectifier or dropout stopped it, to the gradients
    /// of everything learned and to the cotangent of what is below.
    pub(crate) fn backward(
        &mut self,
        isa: Isa,
        n: usize,
        x: &[f32],
        d: &mut [f32],
        below: Option<Below<'_>>,
    ) {
        let layout = self.layout();
        let d = &mut d[..n * layout.len()];
        if self.rectified {
            d.iter_mut().for_each(|d| *d *= self.scale);
        }
        let dz: &[f32] = if let Some(norm) = &mut self.norm {
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
            let weight = &self.weight.value;
            self.linear.input_gradient(isa, n, dz, weight, dx, mask);
        }
    }

    /// [`Self::backward`] to what is below alone, for one without normalisation and dropout.
    pub(crate) fn input_gradient(&self, isa: Isa, n: usize, d: &[f32], below: Below<'_>) {
        let weight = &self.weight.value;
        self.linear
            .input_gradient(isa, n, d, weight, below.d, below.mask);
    }

    /// Weights and bias that compute what the layer with its batch normalisation does.
    pub(crate) fn fold(&self) -> Parameters {
        let mut weight = self.linear.unpack(&self.weight.value);
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

//! A convolution in training: beside its 3x3 kernel a 1x1 kernel and, where as many channels go in as come out, the
//! identity, each with a batch normalisation of its own (RepVGG, Ding et al. 2021, section 3.2). They train better
//! than the kernel alone, and all fold into one 3x3 kernel and a bias (section 3.3). Or, where it begins with trained
//! weights, the kernel and a bias alone.

use rayon::prelude::*;

use super::{
    batch_norm::{self, Cotangent, Norm},
    below::Below,
    dropout::Dropout,
    optimizer::Parameter,
    random::{Random, normal},
};
use crate::{
    cpu::{Aligned, Bits, Convolution, Epilogue, Isa, LANES, Layout, Pointwise, Source, per_isa},
    parameters::Parameters,
};

/// Taps of the kernel, and the one at the pixel itself.
const TAPS: usize = 9;
const CENTRE: usize = 4;

/// A convolution, what it learns, and its buffers for one batch.
pub(crate) struct Branched {
    conv: Convolution,
    weight: Parameter,
    /// The kernel's output, then its cotangent; empty without normalisation.
    z: Aligned,
    /// Weights as forward and as its adjoint want them.
    packed: [Aligned; 2],
    point: Option<Point>,
    /// Of the kernel and, in this order, of the 1x1 kernel and the identity where there are branches. None where the
    /// stage begins with weights that have none.
    pub(crate) norms: Vec<Norm>,
    /// Offset of the normalisations, or the bias.
    beta: Parameter,
    /// Factor that dropout applied to the activations that it kept.
    scale: f32,
    /// Whether a rectifier ends it.
    rectified: bool,
    /// Whether the weights stay as they are, so that packing them once is enough.
    fixed: bool,
}

/// The branch with a 1x1 kernel.
struct Point {
    conv: Pointwise,
    weight: Parameter,
    z: Aligned,
    packed: [Vec<f32>; 2],
}

impl Branched {
    /// One with random weights (He et al. 2015).
    pub(crate) fn new(conv: Convolution, batch: usize, branches: bool, random: Random) -> Self {
        let (ins, outs) = (conv.input.channels, conv.output.channels);
        let kernel = |number: usize, taps: usize| {
            let deviation = (2.0 / (ins * taps) as f32).sqrt();
            Parameter::new(
                normal(&mut random.stream(number), outs * ins * taps, deviation),
                true,
            )
        };
        let z = || Aligned::zeros(batch * conv.output.len());
        let count = match (branches, ins == outs) {
            (false, _) => 1,
            (true, false) => 2,
            (true, true) => 3,
        };
        Self {
            weight: kernel(0, TAPS),
            z: z(),
            packed: Default::default(),
            point: branches.then(|| Point {
                conv: Pointwise::new(conv.input, conv.output),
                weight: kernel(1, 1),
                z: z(),
                packed: Default::default(),
            }),
            norms: (0..count).map(|_| Norm::new(&conv.output)).collect(),
            beta: Parameter::new(vec![0.0; conv.output.blocks() * LANES], false),
            scale: 1.0,
            rectified: true,
            fixed: false,
            conv,
        }
    }

    /// One that begins with these weights: a kernel and a bias, no branches and no normalisation.
    pub(crate) fn with(conv: Convolution, parameters: Parameters) -> Self {
        let Parameters { weight, mut bias } = parameters;
        bias.resize(conv.output.blocks() * LANES, 0.0);
        Self {
            weight: Parameter::new(weight, true),
            z: Aligned::default(),
            packed: Default::default(),
            point: None,
            norms: Vec::new(),
            beta: Parameter::new(bias, false),
            scale: 1.0,
            rectified: true,
            fixed: false,
            conv,
        }
    }

    /// The same without a rectifier, for a convolution that has no normalisation either.
    pub(crate) fn unrectified(mut self) -> Self {
        self.rectified = false;
        self
    }

    /// The same with weights that no longer change.
    pub(crate) fn fixed(mut self) -> Self {
        self.fixed = true;
        self.weight.freeze();
        self.beta.freeze();
        self
    }

    /// Everything that is learned, always in the same order.
    pub(crate) fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        let mut all = vec![&mut self.weight, &mut self.beta];
        all.extend(self.point.as_mut().map(|p| &mut p.weight));
        all.extend(self.norms.iter_mut().map(|n| &mut n.gamma));
        all
    }

    /// The activation of a batch, and the bits of its rectifier. `learns` says whether the input has a gradient.
    #[allow(clippy::too_many_arguments, reason = "the arguments of the layer")]
    pub(crate) fn forward(
        &mut self,
        isa: Isa,
        n: usize,
        x: &[f32],
        y: &mut [f32],
        bits: &mut [u16],
        learns: bool,
        dropout: Option<Dropout>,
    ) {
        if !self.fixed || self.packed[0].is_empty() {
            let weight = &self.weight.value;
            let packed = self.conv.pack(weight);
            let adjoint = learns.then(|| self.conv.pack_adjoint(weight, &packed));
            self.packed = [packed, adjoint.unwrap_or_default()];
        }
        if self.norms.is_empty() {
            let epilogue = match self.rectified {
                true => Epilogue::BiasRelu(&self.beta.value, Bits::new(bits)),
                false => Epilogue::Bias(&self.beta.value),
            };
            self.conv.forward(isa, n, x, &self.packed[0], y, epilogue);
        } else {
            self.forward_normalised(isa, n, x, y, bits);
        }
        self.scale = dropout.map_or(1.0, |d| d.scale());
        if let Some(dropout) = dropout {
            dropout.apply(&self.conv.output, n, y, bits);
        }
    }

    fn forward_normalised(
        &mut self,
        isa: Isa,
        n: usize,
        x: &[f32],
        y: &mut [f32],
        bits: &mut [u16],
    ) {
        let (kernel, layout) = (&self.packed[0], &self.conv.output);
        self.conv
            .forward(isa, n, x, kernel, &mut self.z, Epilogue::None);
        if let Some(point) = &mut self.point {
            let weight = &point.weight.value;
            point.packed = [point.conv.pack(weight), point.conv.pack_adjoint(weight)];
            point
                .conv
                .forward(isa, n, x, &point.packed[0], &mut point.z);
        }
        let terms = terms(&self.z, self.point.as_ref(), x, self.norms.len());
        for (norm, term) in self.norms.iter_mut().zip(&terms) {
            norm.measure(isa, layout, n, term);
        }
        let beta = &self.beta.value;
        batch_norm::forward(isa, layout, &self.norms, beta, &terms, y, bits, n);
    }

    /// From the cotangent `d` of the activation, which is 0 where the rectifier or dropout stopped it, to the gradients
    /// of everything learned and, where there is something below, to its cotangent.
    pub(crate) fn backward(
        &mut self,
        isa: Isa,
        n: usize,
        x: &[f32],
        d: &mut [f32],
        below: Option<Below<'_>>,
    ) {
        if self.scale != 1.0 {
            d.par_iter_mut().for_each(|d| *d *= self.scale);
        }
        if self.norms.is_empty() {
            self.backward_plain(isa, n, x, d, below);
        } else {
            self.backward_normalised(isa, n, x, d, below);
        }
    }

    fn backward_plain(
        &mut self,
        isa: Isa,
        n: usize,
        x: &[f32],
        d: &[f32],
        below: Option<Below<'_>>,
    ) {
        let Self { conv, weight, .. } = self;
        self.beta.gradient = batch_norm::offset_gradient(isa, &conv.output, n, d);
        conv.weight_gradient(isa, n, x, d, &mut weight.gradient);
        if let Some(below) = below {
            self.input_gradient(isa, n, d, below);
        }
    }

    /// [`Self::backward`] to what is below alone, for one without normalisation and dropout.
    pub(crate) fn input_gradient(&self, isa: Isa, n: usize, d: &[f32], below: Below<'_>) {
        let epilogue = below.mask.map_or(Epilogue::None, Epilogue::Mask);
        let weights = self.packed.each_ref().map(|packed| &**packed);
        let dz = Source::Planes(d);
        self.conv
            .input_gradient(isa, n, dz, weights, below.d, epilogue);
    }

    fn backward_normalised(
        &mut self,
        isa: Isa,
        n: usize,
        x: &[f32],
        d: &[f32],
        below: Option<Below<'_>>,
    ) {
        let layout = &self.conv.output;
        let terms = terms(&self.z, self.point.as_ref(), x, self.norms.len());
        let (norms, beta) = (&mut self.norms, &mut self.beta);
        let cotangents = batch_norm::backward(isa, layout, norms, beta, &terms, d, n);
        cotangents[0].replace(isa, layout, n, d, &mut self.z);
        let gradient = &mut self.weight.gradient;
        self.conv.weight_gradient(isa, n, x, &self.z, gradient);
        if let Some(point) = &mut self.point {
            cotangents[1].replace(isa, layout, n, d, &mut point.z);
            let gradient = &mut point.weight.gradient;
            point.conv.weight_gradient(isa, n, x, &point.z, gradient);
        }
        let Some(Below { d: dx, mask }) = below else {
            return;
        };
        let epilogue = match (mask, &self.point) {
            (Some(mask), None) => Epilogue::Mask(mask),
            _ => Epilogue::None,
        };
        let dz = Source::Planes(&self.z);
        let weights = self.packed.each_ref().map(|packed| &**packed);
        self.conv.input_gradient(isa, n, dz, weights, dx, epilogue);
        if let Some(point) = &self.point {
            let identity = cotangents
                .get(2)
                .map(|cotangent| Identity { cotangent, x, d });
            point.add_input_gradient(isa, &self.conv.input, n, dx, mask, identity);
        }
    }

    /// The one kernel and bias that compute what all branches do.
    pub(crate) fn fold(&self) -> Parameters {
        if self.norms.is_empty() {
            let bias = &self.beta.value[..self.conv.output.channels];
            return Parameters {
                weight: self.weight.value.clone(),
                bias: bias.to_vec(),
            };
        }
        let factors: Vec<Vec<f32>> = self.norms.iter().map(Norm::factor).collect();
        let (ins, outs) = (self.conv.input.channels, self.conv.output.channels);
        let mut weight = self.weight.value.clone();
        for (at, kernel) in weight.as_chunks_mut::<TAPS>().0.iter_mut().enumerate() {
            let (o, i) = (at / ins, at % ins);
            kernel.iter_mut().for_each(|w| *w *= factors[0][o]);
            if let Some(point) = &self.point {
                kernel[CENTRE] += factors[1][o] * point.weight.value[at];
            }
            if let (Some(factor), true) = (factors.get(2), o == i) {
                kernel[CENTRE] += factor[o];
            }
        }
        let shift = |o: usize| {
            let branches = factors.iter().zip(&self.norms);
            branches
                .map(move |(f, norm)| f[o] * norm.moments.mean[o])
                .sum::<f32>()
        };
        Parameters {
            weight,
            bias: (0..outs).map(|o| self.beta.value[o] - shift(o)).collect(),
        }
    }
}

/// What the normalisations read, in their order.
fn terms<'a>(z: &'a [f32], point: Option<&'a Point>, x: &'a [f32], count: usize) -> Vec<&'a [f32]> {
    let all = [z].into_iter().chain(point.map(|p| &p.z[..])).chain([x]);
    all.take(count).collect()
}

/// What the identity adds to the cotangent of its input `x`.
#[derive(Clone, Copy)]
struct Identity<'a> {
    cotangent: &'a Cotangent,
    x: &'a [f32],
    d: &'a [f32],
}

impl Point {
    /// Adds to `dx` what comes through the 1x1 kernel and the identity, and keeps it where the bits of `mask` are set.
    /// Image after image, so that the kernel's part needs no memory beyond the cache.
    fn add_input_gradient(
        &self,
        isa: Isa,
        layout: &Layout,
        n: usize,
        dx: &mut [f32],
        mask: Option<&[u16]>,
        identity: Option<Identity<'_>>,
    ) {
        let (len, plane) = (layout.len(), layout.plane());
        let (dz_len, area) = (self.conv.output.len(), layout.height * layout.width);
        let images = dx[..n * len].par_chunks_mut(len).enumerate();
        images.for_each_init(
            || vec![0.0; len],
            |through, (image, dx)| {
                let dz = &self.z[image * dz_len..][..dz_len];
                let adjoint = &self.packed[1];
                self.conv.input_gradient(isa, 1, dz, adjoint, through);
                let planes = dx.chunks_exact_mut(plane).zip(through.chunks_exact(plane));
                for (block, (dx, through)) in planes.enumerate() {
                    let at = image * layout.blocks() + block;
                    let mask = mask.map(|m| &m[at * area..][..area]);
                    let identity = identity.map(|Identity { cotangent, x, d }| {
                        let [x, d] = [x, d].map(|a| &a[at * plane..][..plane]);
                        (cotangent.channels(block * LANES), x, d)
                    });
                    add_plane(isa, layout, through, identity, mask, dx);
                }
            },
        );
    }
}

/// Coefficients, input and cotangent of the output of an identity, of sixteen channels.
type IdentityPlane<'a> = ([&'a [f32]; 3], &'a [f32], &'a [f32]);

per_isa! {
    /// Adds `through` to `dx`, and the identity's cotangent; what the mask does not let pass is 0.
    fn add_plane<L>(
        layout: &Layout,
        through: &[f32],
        identity: Option<IdentityPlane<'_>>,
        mask: Option<&[u16]>,
        dx: &mut [f32],
    ) -> () {
        let identity = identity.map(|(coefficients, x, d)| {
            assert!(coefficients.iter().all(|c| c.len() >= LANES));
            (coefficients.map(|c| L::load(c.as_ptr())), x, d)
        });
        for y in 0..layout.height {
            let row = |a| pixels(layout, y, a);
            let (through, mask) = (row(through), mask.map(|m| &m[y * layout.width..]));
            let identity = identity.map(|(coefficients, x, d)| (coefficients, row(x), row(d)));
            let to = dx[batch_norm::row(layout, y)].as_chunks_mut::<LANES>().0;
            for (at, (dx, through)) in to.iter_mut().zip(through).enumerate() {
                let mut value = L::load(dx.as_ptr()).add(L::load(through.as_ptr()));
                if let Some(([a, b, c], x, d)) = identity {
                    let (x, d) = (L::load(x[at].as_ptr()), L::load(d[at].as_ptr()));
                    value = value.add(c.fma(a, d).fma(b, x));
                }
                if let Some(mask) = mask {
                    value = value.select(mask[at], L::splat(0.0));
                }
                value.store(dx.as_mut_ptr());
            }
        }
    }
}

/// The pixels of a row of a plane.
fn pixels<'a>(layout: &Layout, y: usize, plane: &'a [f32]) -> &'a [[f32; LANES]] {
    plane[batch_norm::row(layout, y)].as_chunks().0
}

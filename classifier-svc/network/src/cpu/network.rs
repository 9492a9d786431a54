//! Inference on the CPU: forward to the stages asked for, backward from any of them to the image.
//!
//! Activations live in two buffers in turn. Of each stage only bits are kept for backward: where the rectifier
//! passed, or which pixel of its window the pooling took. Filters are transformed once, when the network is made, but for
//! those of layers with many channels, which are transformed in every pass.

use std::{borrow::Borrow, convert::Infallible};

use rayon::prelude::*;

use super::{Aligned, Bits, Epilogue, Isa, LANES, Layout, Plan, Source};
use crate::{
    arch::{Architecture, Stage},
    parameters::Parameters,
};

/// Bytes of buffers that one pass may touch; a larger batch goes through in parts.
const PASS_BYTES: usize = 64 << 20;
/// Largest number of images of a pass.
const MAX_CAPACITY: usize = 8;

/// Packed weights of a stage.
#[derive(Default)]
struct Packed {
    weight: Aligned,
    /// Of the adjoint; empty where the adjoint reads `weight`.
    adjoint: Aligned,
    bias: Aligned,
}

/// What a pass fills.
struct Buffers {
    /// The images, blocked.
    pixels: Aligned,
    /// The activation read and the one written, which change places after every stage.
    activations: [Aligned; 2],
    /// Cotangents likewise; made when first needed.
    cotangents: [Aligned; 2],
    /// Per stage; see [`Bits`]. Where a convolution pools, its own bits are those of the pooling.
    bits: Vec<Vec<u16>>,
    /// Whether the pooling of a stage was part of the convolution below it, in the last pass.
    fused: Vec<bool>,
}

/// A network, its weights, and the buffers of a pass.
pub(crate) struct CpuNetwork {
    isa: Isa,
    threads: rayon::ThreadPool,
    stages: Vec<Stage>,
    plans: Vec<Plan>,
    packed: Vec<Packed>,
    image: Layout,
    /// Images that one pass holds.
    capacity: usize,
    /// Floats of the largest activation of an image.
    largest: usize,
    buffers: Buffers,
}

impl CpuNetwork {
    /// Packs the weights; `parameters` has an entry per stage, empty for poolings. With fewer entries, it is the lower
    /// part of a network, which has no stages above.
    pub(crate) fn new(
        architecture: &Architecture,
        parameters: &[Parameters],
        isa: Isa,
        threads: usize,
    ) -> Self {
        let read = |stage: usize| Ok::<_, Infallible>(&parameters[stage]);
        let depth = parameters.len();
        let Ok(network) = Self::to_depth(depth, architecture, read, isa, threads);
        network
    }

    /// Packs the weights that `read` returns for each stage, one after the other.
    pub(crate) fn read<P: Borrow<Parameters>, E>(
        architecture: &Architecture,
        read: impl FnMut(usize) -> Result<P, E>,
        isa: Isa,
        threads: usize,
    ) -> Result<Self, E> {
        Self::to_depth(usize::MAX, architecture, read, isa, threads)
    }

    /// The lowest `depth` stages.
    fn to_depth<P: Borrow<Parameters>, E>(
        depth: usize,
        architecture: &Architecture,
        mut read: impl FnMut(usize) -> Result<P, E>,
        isa: Isa,
        threads: usize,
    ) -> Result<Self, E> {
        let stages = architecture.stages();
        let plans = Plan::of(&stages);
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("model-{i}"))
            .build()
            .unwrap_or_else(|e| panic!("cannot start {threads} threads: {e}"));
        let packed = plans.iter().enumerate().take(depth);
        let packed = packed.map(|(i, plan)| {
            let parameters = read(i)?;
            let parameters = parameters.borrow();
            Ok(threads.install(|| pack(plan, parameters)))
        });
        let packed = packed.collect::<Result<_, E>>()?;
        let image = Plan::image(architecture);
        let sizes = plans.iter().map(|p| p.layout().len());
        let largest = sizes.chain([image.len()]).max().unwrap_or(0);
        let bits: usize = plans.iter().map(Plan::bits).sum();
        let capacity = PASS_BYTES / (4 * (4 * largest + image.len()) + 2 * bits);
        let capacity = capacity.clamp(1, MAX_CAPACITY);
        Ok(Self {
            isa,
            threads,
            packed,
            capacity,
            largest,
            buffers: Buffers {
                pixels: Aligned::zeros(capacity * image.len()),
                activations: [(); 2].map(|()| Aligned::zeros(capacity * largest)),
                cotangents: Default::default(),
                bits: plans.iter().map(|p| vec![0; capacity * p.bits()]).collect(),
                fused: vec![false; stages.len()],
            },
            stages,
            plans,
            image,
        })
    }

    /// The stages.
    pub(crate) fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Images that one pass holds.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Runs `n <= capacity` images, `[n, 3, S, S]` as the network expects them, up to the last of the stages asked
    /// for; gives the activation of each, `[n, ...]`.
    pub(crate) fn forward(&mut self, inputs: &[f32], n: usize, wanted: &[usize]) -> Vec<Vec<f32>> {
        assert!(n <= self.capacity);
        let mut found = vec![Vec::new(); wanted.len()];
        let Some(&last) = wanted.iter().max() else {
            return found;
        };
        let Self {
            threads, buffers, ..
        } = self;
        let (image, isa) = (self.image, self.isa);
        threads.install(|| {
            let plain = 3 * image.height * image.width;
            buffers
                .pixels
                .par_chunks_mut(image.len())
                .zip(inputs.par_chunks(plain))
                .for_each(|(to, from)| image.pack(from, to));
            let mut i = 0;
            while i <= last {
                let (plan, packed) = (&self.plans[i], &self.packed[i]);
                let [x, y] = &mut buffers.activations;
                let x: &[f32] = if i == 0 { &buffers.pixels } else { x };
                // Where the activation itself is not asked for, the pooling behind it is computed with it.
                let fused = i < last && !wanted.contains(&i) && pools(plan, &self.plans[i + 1]);
                let reached = i + usize::from(fused);
                buffers.fused[reached] = fused;
                let layout = self.plans[reached].layout();
                layout.clear_border(n, y);
                let bits = &mut buffers.bits[i];
                let end = match (fused, self.stages[i].rectified()) {
                    (true, _) => End::ReluPool(layout),
                    (false, true) => End::Relu,
                    (false, false) => End::Plain,
                };
                run_stage(isa, plan, packed, n, x, y, bits, end);
                for (found, _) in found.iter_mut().zip(wanted).filter(|(_, w)| **w == reached) {
                    *found = unpack(&layout, n, y);
                }
                buffers.activations.swap(0, 1);
                i = reached + 1;
            }
        });
        found
    }

    /// The gradient with respect to the inputs of the last [`CpuNetwork::forward`], `[n, 3, S, S]`, of a loss whose
    /// gradients with respect to some of the activations asked for there are `cotangents`: stage and `[n, ...]`.
    pub(crate) fn backward(&mut self, n: usize, cotangents: &[(usize, Vec<f32>)]) -> Vec<f32> {
        let Some(top) = cotangents.iter().map(|(stage, _)| *stage).max() else {
            return vec![0.0; n * 3 * self.image.height * self.image.width];
        };
        for buffer in &mut self.buffers.cotangents {
            if buffer.is_empty() {
                *buffer = Aligned::zeros(self.capacity * self.largest);
            }
        }
        let Self {
            threads, buffers, ..
        } = self;
        let (image, isa) = (self.image, self.isa);
        let (stages, plans) = (&self.stages, &self.plans);
        threads.install(|| {
            let mut i = top;
            buffers.cotangents[0][..n * plans[top].layout().len()].fill(0.0);
            loop {
                let layout = plans[i].layout();
                let bits = &buffers.bits[i];
                for (_, cotangent) in cotangents.iter().filter(|(stage, _)| *stage == i) {
                    let mask = stages[i].rectified().then_some(bits.as_slice());
                    add_cotangent(&layout, n, cotangent, mask, &mut buffers.cotangents[0]);
                }
                let [dy, dx] = &mut buffers.cotangents;
                // If a pooling was part of the convolution below, the adjoint of that convolution undoes it.
                let source = if buffers.fused[i] {
                    i -= 1;
                    Source::Unpooled {
                        layout,
                        values: dy,
                        bits: &buffers.bits[i],
                    }
                } else {
                    Source::Planes(dy)
                };
                let below = i.checked_sub(1);
                below
                    .map_or(image, |b| plans[b].layout())
                    .clear_border(n, dx);
                let mask = below.filter(|&b| stages[b].rectified());
                let mask = mask.map(|b| buffers.bits[b].as_slice());
                let (plan, packed) = (&plans[i], &self.packed[i]);
                run_adjoint(isa, plan, packed, n, source, dx, &buffers.bits[i], mask);
                buffers.cotangents.swap(0, 1);
                match below {
                    Some(below) => i = below,
                    None => break,
                }
            }
            unpack(&image, n, &buffers.cotangents[0])
        })
    }
}

/// Whether a stage can compute the one above with it.
fn pools(plan: &Plan, above: &Plan) -> bool {
    match (plan, above) {
        (Plan::Conv(conv), Plan::Pool(_)) => conv.pools(),
        _ => false,
    }
}

fn pack(plan: &Plan, parameters: &Parameters) -> Packed {
    let mut bias = parameters.bias.clone();
    bias.resize(bias.len().next_multiple_of(LANES), 0.0);
    match plan {
        Plan::Conv(conv) => {
            let weight = conv.pack(&parameters.weight);
            Packed {
                adjoint: conv.pack_adjoint(&parameters.weight, &weight),
                weight,
                bias: bias.into(),
            }
        }
        Plan::Linear(linear) => Packed {
            weight: linear.pack(&parameters.weight),
            adjoint: Aligned::default(),
            bias: bias.into(),
        },
        Plan::Pool(_) => Packed::default(),
    }
}

/// What ends a stage.
enum End {
    Plain,
    Relu,
    /// A rectifier, and then the pooling of the stage above, whose output has this layout.
    ReluPool(Layout),
}

/// Computes a stage, and the pooling above it where that is part of it.
#[allow(clippy::too_many_arguments, reason = "the arguments of a layer")]
fn run_stage(
    isa: Isa,
    plan: &Plan,
    packed: &Packed,
    n: usize,
    x: &[f32],
    y: &mut [f32],
    bits: &mut [u16],
    end: End,
) {
    let Packed { weight, bias, .. } = packed;
    let epilogue = |bits| match end {
        End::ReluPool(layout) => Epilogue::BiasReluPool(bias, Bits::new(bits), layout),
        End::Relu => Epilogue::BiasRelu(bias, Bits::new(bits)),
        End::Plain => Epilogue::Bias(bias),
    };
    match plan {
        Plan::Conv(conv) => conv.forward(isa, n, x, weight, y, epilogue(bits)),
        Plan::Linear(linear) => linear.forward(isa, n, x, weight, y, epilogue(bits)),
        Plan::Pool(pool) => pool.forward(isa, n, x, y, bits),
    }
}

/// The cotangent of a stage's input, from that of its output before the rectifier. Where the input was itself
/// rectified, `mask` applies that rectifier's gradient too. `bits` are the stage's own.
#[allow(
    clippy::too_many_arguments,
    reason = "the arguments of a layer's adjoint"
)]
fn run_adjoint(
    isa: Isa,
    plan: &Plan,
    packed: &Packed,
    n: usize,
    source: Source<'_>,
    dx: &mut [f32],
    bits: &[u16],
    mask: Option<&[u16]>,
) {
    match (plan, source) {
        (Plan::Conv(conv), source) => {
            let epilogue = mask.map_or(Epilogue::None, Epilogue::Mask);
            let weights: [&[f32]; 2] = [&packed.weight, &packed.adjoint];
            conv.input_gradient(isa, n, source, weights, dx, epilogue);
        }
        (Plan::Linear(linear), Source::Planes(dy)) => {
            linear.input_gradient(isa, n, dy, &packed.weight, dx, mask);
        }
        (Plan::Pool(pool), Source::Planes(dy)) => pool.input_gradient_of_rectified(n, bits, dy, dx),
        (_, Source::Unpooled { .. }) => unreachable!("only convolutions pool"),
    }
}

fn unpack(layout: &Layout, n: usize, blocked: &[f32]) -> Vec<f32> {
    let size = layout.channels * layout.height * layout.width;
    let mut plain = vec![0.0; n * size];
    plain
        .par_chunks_mut(size)
        .zip(blocked.par_chunks(layout.len()))
        .for_each(|(to, from)| layout.unpack(from, to));
    plain
}

/// Adds a plain cotangent of a stage's activation to its buffer, through the rectifier where there is one.
fn add_cotangent(
    layout: &Layout,
    n: usize,
    cotangent: &[f32],
    mask: Option<&[u16]>,
    buffer: &mut [f32],
) {
    let area = layout.height * layout.width;
    let size = layout.channels * area;
    buffer[..n * layout.len()]
        .par_chunks_mut(layout.plane())
        .enumerate()
        .for_each(|(at, plane)| {
            let (image, block) = (at / layout.blocks(), at % layout.blocks());
            let first = block * LANES;
            let channels = (layout.channels - first).min(LANES);
            let values = &cotangent[image * size + first * area..][..channels * area];
            for pixel in 0..area {
                let to = &mut plane[layout.pixel(pixel / layout.width, pixel % layout.width)..];
                let bits = mask.map_or(u16::MAX, |m| m[at * area + pixel]);
                for (lane, to) in to[..channels].iter_mut().enumerate() {
                    if bits >> lane & 1 == 1 {
                        *to += values[lane * area + pixel];
                    }
                }
            }
        });
}

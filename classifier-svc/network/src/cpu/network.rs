//! Inference on the CPU: forward to the stages asked for, backward from any of them to the image.
//!
//! Activations live in two buffers in turn. Of each stage only bits are kept for backward: where the rectifier
//! passed, or which pixel of its window the pooling took. Filters are transformed once, when the network is made.

use std::{borrow::Borrow, convert::Infallible};

use rayon::prelude::*;

use super::{Aligned, Bits, Epilogue, Isa, LANES, Layout, Source};
use crate::arch::{Architecture, Op, Stage};

/// Bytes of buffers that one pass may touch; a larger batch goes through in parts.
const PASS_BYTES: usize = 64 << 20;
/// Images of a pass at most.
const MAX_CAPACITY: usize = 8;

/// Weights and bias of a stage as PyTorch has them: `[out, in, 3, 3]` or `[out, in]`, features in C, H, W order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parameters {
    /// The weights.
    pub(crate) weight: Vec<f32>,
    /// The bias.
    pub(crate) bias: Vec<f32>,
}

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
pub(crate) struct Network {
    isa: Isa,
    threads: rayon::ThreadPool,
    stages: Vec<Stage>,
    packed: Vec<Packed>,
    image: Layout,
    /// Images that one pass holds.
    capacity: usize,
    /// Floats of the largest activation of an image.
    largest: usize,
    buffers: Buffers,
}

impl Network {
    /// Packs the weights; `parameters` has an entry per stage, empty for poolings. Of fewer, it is the lower part of a
    /// network, and can be asked for nothing above.
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

    /// Packs the weights that `read` gives of each stage, one after the other.
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
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("model-{i}"))
            .build()
            .expect("the system can start threads");
        let packed = stages.iter().enumerate().take(depth);
        let packed = packed.map(|(i, stage)| {
            let parameters = read(i)?;
            let parameters = parameters.borrow();
            Ok(threads.install(|| pack(stage, parameters)))
        });
        let packed = packed.collect::<Result<_, E>>()?;
        let image = Layout::bordered(3, architecture.input, architecture.input);
        let sizes = stages.iter().map(|s| s.layout().len());
        let largest = sizes.chain([image.len()]).max().unwrap_or(0);
        let bits: usize = stages.iter().map(Stage::bits).sum();
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
                bits: stages
                    .iter()
                    .map(|s| vec![0; capacity * s.bits()])
                    .collect(),
                fused: vec![false; stages.len()],
            },
            stages,
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
                let (stage, packed) = (&self.stages[i], &self.packed[i]);
                let [x, y] = &mut buffers.activations;
                let x: &[f32] = if i == 0 { &buffers.pixels } else { x };
                // Where the activation itself is not asked for, the pooling behind it is computed with it.
                let fused = i < last && !wanted.contains(&i) && pools(stage, &self.stages[i + 1]);
                let reached = i + usize::from(fused);
                buffers.fused[reached] = fused;
                let layout = self.stages[reached].layout();
                layout.clear_border(n, y);
                let pooled = fused.then_some(layout);
                run_stage(isa, stage, packed, n, x, y, &mut buffers.bits[i], pooled);
                for (found, _) in found.iter_mut().zip(wanted).filter(|(_, w)| **w == reached) {
                    *found = unpack(&layout, n, y);
                }
                buffers.activations.swap(0, 1);
                i = reached + 1;
            }
        });
        found
    }

    /// The gradient with respect to the inputs of the last [`Network::forward`], `[n, 3, S, S]`, of a loss whose
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
        let (image, isa, stages) = (self.image, self.isa, &self.stages);
        threads.install(|| {
            let mut i = top;
            buffers.cotangents[0][..n * stages[top].layout().len()].fill(0.0);
            loop {
                let layout = stages[i].layout();
                let bits = &buffers.bits[i];
                for (_, cotangent) in cotangents.iter().filter(|(stage, _)| *stage == i) {
                    let mask = stages[i].rectified().then_some(bits.as_slice());
                    add_cotangent(&layout, n, cotangent, mask, &mut buffers.cotangents[0]);
                }
                let [dy, dx] = &mut buffers.cotangents;
                // A pooling that was part of the convolution below is undone where that one's adjoint reads.
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
                    .map_or(image, |b| stages[b].layout())
                    .clear_border(n, dx);
                let mask = below.filter(|&b| stages[b].rectified());
                let mask = mask.map(|b| buffers.bits[b].as_slice());
                let (stage, packed) = (&stages[i], &self.packed[i]);
                run_adjoint(isa, stage, packed, n, source, dx, &buffers.bits[i], mask);
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
fn pools(stage: &Stage, above: &Stage) -> bool {
    match (&stage.op, &above.op) {
        (Op::Conv(conv), Op::Pool(_)) => conv.pools(),
        _ => false,
    }
}

fn pack(stage: &Stage, parameters: &Parameters) -> Packed {
    let mut bias = parameters.bias.clone();
    bias.resize(bias.len().next_multiple_of(LANES), 0.0);
    match &stage.op {
        Op::Conv(conv) => {
            let weight = conv.pack(&parameters.weight);
            Packed {
                adjoint: conv.pack_adjoint(&parameters.weight, &weight),
                weight,
                bias: bias.into(),
            }
        }
        Op::Linear(linear) => Packed {
            weight: linear.pack(&parameters.weight),
            adjoint: Aligned::default(),
            bias: bias.into(),
        },
        Op::Pool(_) => Packed::default(),
    }
}

/// Computes a stage, and the pooling above it where its layout is given.
#[allow(clippy::too_many_arguments, reason = "the arguments of a layer")]
fn run_stage(
    isa: Isa,
    stage: &Stage,
    packed: &Packed,
    n: usize,
    x: &[f32],
    y: &mut [f32],
    bits: &mut [u16],
    pooled: Option<Layout>,
) {
    let Packed { weight, bias, .. } = packed;
    let epilogue = |bits| match pooled {
        Some(layout) => Epilogue::BiasReluPool(bias, Bits::new(bits), layout),
        None if stage.rectified() => Epilogue::BiasRelu(bias, Bits::new(bits)),
        None => Epilogue::Bias(bias),
    };
    match &stage.op {
        Op::Conv(conv) => conv.forward(isa, n, x, weight, y, epilogue(bits)),
        Op::Linear(linear) => linear.forward(isa, n, x, weight, y, epilogue(bits)),
        Op::Pool(pool) => pool.forward(isa, n, x, y, bits),
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
    stage: &Stage,
    packed: &Packed,
    n: usize,
    source: Source<'_>,
    dx: &mut [f32],
    bits: &[u16],
    mask: Option<&[u16]>,
) {
    match (&stage.op, source) {
        (Op::Conv(conv), source) => {
            let epilogue = mask.map_or(Epilogue::None, Epilogue::Mask);
            let weights: [&[f32]; 2] = [&packed.weight, &packed.adjoint];
            conv.input_gradient(isa, n, source, weights, dx, epilogue);
        }
        (Op::Linear(linear), Source::Planes(dy)) => {
            linear.input_gradient(isa, n, dy, &packed.weight, dx, mask);
        }
        (Op::Pool(pool), Source::Planes(dy)) => pool.input_gradient_of_rectified(n, bits, dy, dx),
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

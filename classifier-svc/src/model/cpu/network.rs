//! Inference on the CPU: forward to a stage, backward from any stages to the image.

use rayon::prelude::*;

use super::{Epilogue, Isa, LANES, Layout};
use crate::model::arch::{Architecture, Op, Stage};

/// Bytes of activations that one pass may hold; a larger batch goes through in parts.
const PASS_BYTES: usize = 128 << 20;

/// Weights and bias of a stage as PyTorch has them: `[out, in, 3, 3]` or `[out, in]`, features in C, H, W order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parameters {
    /// The weights.
    pub(crate) weight: Vec<f32>,
    /// The bias.
    pub(crate) bias: Vec<f32>,
}

/// Packed weights of a stage.
struct Packed {
    weight: Vec<f32>,
    /// Of the adjoint; empty where the adjoint reads `weight`.
    rotated: Vec<f32>,
    bias: Vec<f32>,
}

/// A network, its weights, and the buffers of a pass.
pub(crate) struct Network {
    isa: Isa,
    threads: rayon::ThreadPool,
    stages: Vec<Stage>,
    packed: Vec<Option<Packed>>,
    image: Layout,
    /// Images that one pass holds.
    capacity: usize,
    pixels: Vec<f32>,
    /// Per stage, `capacity` images in the stage's layout.
    activations: Vec<Vec<f32>>,
    /// Per stage, the cotangent of what comes before the rectifier; made when first needed.
    cotangents: Vec<Vec<f32>>,
    pixel_cotangents: Vec<f32>,
}

impl Network {
    /// Packs the weights; `parameters` has an entry per stage, empty for poolings.
    pub(crate) fn new(
        architecture: &Architecture,
        parameters: &[Parameters],
        isa: Isa,
        threads: usize,
    ) -> Self {
        let stages = architecture.stages();
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("model-{i}"))
            .build()
            .expect("the system can start threads");
        let packed = stages
            .iter()
            .zip(parameters)
            .map(|(stage, p)| pack(stage, p))
            .collect();
        let image = Layout::bordered(3, architecture.input, architecture.input);
        let floats: usize = stages.iter().map(|s| s.layout().len()).sum();
        let capacity = (PASS_BYTES / (4 * floats)).clamp(1, 32);
        Self {
            isa,
            threads,
            packed,
            capacity,
            pixels: vec![0.0; capacity * image.len()],
            activations: stages
                .iter()
                .map(|s| vec![0.0; capacity * s.layout().len()])
                .collect(),
            cotangents: vec![Vec::new(); stages.len()],
            pixel_cotangents: Vec::new(),
            stages,
            image,
        }
    }

    /// The stages.
    pub(crate) fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Images that one pass holds.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Runs `n <= capacity` images, `[n, 3, S, S]` as the network expects them, up to a stage.
    pub(crate) fn forward(&mut self, inputs: &[f32], n: usize, last: usize) {
        let Self {
            isa,
            threads,
            stages,
            packed,
            image,
            pixels,
            activations,
            ..
        } = self;
        let plain = 3 * image.height * image.width;
        threads.install(|| {
            pixels
                .par_chunks_mut(image.len())
                .zip(inputs.par_chunks(plain))
                .for_each(|(to, from)| image.pack(from, to));
            for (i, stage) in stages[..=last].iter().enumerate() {
                let (below, above) = activations.split_at_mut(i);
                let x: &[f32] = below.last().unwrap_or(pixels);
                forward_stage(*isa, stage, packed[i].as_ref(), n, x, &mut above[0]);
            }
        });
    }

    /// The activation of a stage after [`Network::forward`], `[n, ...]`.
    pub(crate) fn activation(&self, stage: usize, n: usize) -> Vec<f32> {
        let size: usize = self.stages[stage].shape().iter().product();
        let mut plain = vec![0.0; n * size];
        let layout = self.stages[stage].layout();
        let blocked = self.activations[stage].chunks_exact(layout.len());
        for (to, from) in plain.chunks_exact_mut(size).zip(blocked) {
            layout.unpack(from, to);
        }
        plain
    }

    /// The gradient with respect to the inputs of the last [`Network::forward`], `[n, 3, S, S]`, of a loss whose
    /// gradients with respect to some stages' activations are `cotangents`: stage and `[n, ...]`.
    pub(crate) fn backward(&mut self, n: usize, cotangents: &[(usize, Vec<f32>)]) -> Vec<f32> {
        let plain = 3 * self.image.height * self.image.width;
        let mut gradient = vec![0.0; n * plain];
        let Some(top) = cotangents.iter().map(|(stage, _)| *stage).max() else {
            return gradient;
        };
        self.make_cotangents(top);
        let Self {
            isa,
            threads,
            stages,
            packed,
            image,
            activations,
            cotangents: buffers,
            pixel_cotangents,
            ..
        } = self;
        threads.install(|| {
            for i in (0..=top).rev() {
                let layout = stages[i].layout();
                if i == top {
                    buffers[i].fill(0.0);
                }
                for (_, cotangent) in cotangents.iter().filter(|(stage, _)| *stage == i) {
                    let rectified = stages[i].rectified().then_some(activations[i].as_slice());
                    add_cotangent(&layout, n, cotangent, rectified, &mut buffers[i]);
                }
                let (below, above) = buffers.split_at_mut(i);
                let dx = below.last_mut().unwrap_or(pixel_cotangents);
                let x = i.checked_sub(1).map(|j| activations[j].as_slice());
                let rectified = i > 0 && stages[i - 1].rectified();
                backward_stage(
                    *isa,
                    &stages[i],
                    packed[i].as_ref(),
                    n,
                    x,
                    rectified,
                    &above[0],
                    dx,
                );
            }
            gradient
                .par_chunks_mut(plain)
                .zip(pixel_cotangents.par_chunks(image.len()))
                .for_each(|(to, from)| image.unpack(from, to));
        });
        gradient
    }

    fn make_cotangents(&mut self, top: usize) {
        if self.pixel_cotangents.is_empty() {
            self.pixel_cotangents = vec![0.0; self.capacity * self.image.len()];
        }
        for (buffer, activation) in self
            .cotangents
            .iter_mut()
            .zip(&self.activations)
            .take(top + 1)
        {
            if buffer.is_empty() {
                *buffer = vec![0.0; activation.len()];
            }
        }
    }
}

fn pack(stage: &Stage, parameters: &Parameters) -> Option<Packed> {
    let mut bias = parameters.bias.clone();
    bias.resize(bias.len().next_multiple_of(LANES), 0.0);
    match &stage.op {
        Op::Conv(conv) => {
            let weight = conv.pack(&parameters.weight);
            let mut rotated = vec![0.0; conv.rotated_len()];
            conv.rotate(&weight, &mut rotated);
            Some(Packed {
                weight,
                rotated,
                bias,
            })
        }
        Op::Linear(linear) => Some(Packed {
            weight: linear.pack(&parameters.weight),
            rotated: Vec::new(),
            bias,
        }),
        Op::Pool(_) => None,
    }
}

fn forward_stage(
    isa: Isa,
    stage: &Stage,
    packed: Option<&Packed>,
    n: usize,
    x: &[f32],
    y: &mut [f32],
) {
    match (&stage.op, packed) {
        (Op::Conv(conv), Some(p)) => {
            conv.forward(isa, n, x, &p.weight, y, Epilogue::BiasRelu(&p.bias))
        }
        (Op::Linear(linear), Some(p)) => {
            let epilogue = if stage.rectified() {
                Epilogue::BiasRelu(&p.bias)
            } else {
                Epilogue::Bias(&p.bias)
            };
            linear.forward(isa, n, x, &p.weight, y, epilogue);
        }
        (Op::Pool(pool), _) => pool.forward(n, x, y),
        _ => unreachable!("every stage but a pooling has weights"),
    }
}

/// The cotangent of a stage's input, from that of its output before the rectifier. Where the input was itself
/// rectified, that rectifier's gradient is applied too.
#[allow(
    clippy::too_many_arguments,
    reason = "the arguments of a layer's adjoint"
)]
fn backward_stage(
    isa: Isa,
    stage: &Stage,
    packed: Option<&Packed>,
    n: usize,
    x: Option<&[f32]>,
    rectified: bool,
    dy: &[f32],
    dx: &mut [f32],
) {
    let mask = if rectified { x } else { None };
    match (&stage.op, packed) {
        (Op::Conv(conv), Some(p)) => {
            let epilogue = mask.map_or(Epilogue::None, Epilogue::Mask);
            conv.input_gradient(isa, n, dy, &p.rotated, dx, epilogue);
        }
        (Op::Linear(linear), Some(p)) => {
            linear.input_gradient(isa, n, dy, &p.weight, dx);
            if let Some(mask) = mask {
                let used = n * linear.input_len();
                for (d, &m) in dx[..used].iter_mut().zip(mask) {
                    *d = if m > 0.0 { *d } else { 0.0 };
                }
            }
        }
        (Op::Pool(pool), _) => {
            let x = x.expect("a pooling is never the first stage");
            pool.input_gradient_of_rectified(n, x, dy, dx);
        }
        _ => unreachable!("every stage but a pooling has weights"),
    }
}

/// Adds a plain cotangent of a stage's activation to its buffer, through the rectifier where there is one.
fn add_cotangent(
    layout: &Layout,
    n: usize,
    cotangent: &[f32],
    rectified: Option<&[f32]>,
    buffer: &mut [f32],
) {
    let size = cotangent.len() / n;
    buffer
        .par_chunks_mut(layout.len())
        .zip(cotangent.par_chunks(size))
        .enumerate()
        .for_each(|(i, (buffer, cotangent))| {
            let mut blocked = vec![0.0; layout.len()];
            layout.pack(cotangent, &mut blocked);
            let mask = rectified.map(|a| &a[i * layout.len()..]);
            for (at, (b, c)) in buffer.iter_mut().zip(blocked).enumerate() {
                if mask.is_none_or(|m| m[at] > 0.0) {
                    *b += c;
                }
            }
        });
}

//! Layers over batches in blocked layout: the kernels of [`super::conv`] cut into tasks for the thread pool.

use rayon::prelude::*;

use super::{
    conv::{Epilogue, TAP, Walk, forward, linear_input_gradient, weight_gradient},
    lanes::{Isa, LANES},
    layout::Layout,
};

/// A pointer that tasks share because each writes its own part.
#[derive(Clone, Copy)]
struct Shared(*mut f32);

// SAFETY: every use writes parts that no other task touches.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// The pointer, moved on. A method, so that closures capture the whole wrapper.
    fn at(self, offset: usize) -> *mut f32 {
        self.0.wrapping_add(offset)
    }
}

/// Tasks that a layer is cut into where the batch alone does not give as many.
const TASKS: usize = 8;

/// Geometry of a 3x3 convolution with stride 1 and padding 1.
#[derive(Clone, Debug)]
pub(crate) struct Convolution {
    /// Input planes, bordered.
    pub(crate) input: Layout,
    /// Output planes, bordered.
    pub(crate) output: Layout,
    down: Walk,
    up: Walk,
}

impl Convolution {
    /// A convolution of planes of one size.
    pub(crate) fn new(inputs: usize, outputs: usize, height: usize, width: usize) -> Self {
        let input = Layout::bordered(inputs, height, width);
        let output = Layout::bordered(outputs, height, width);
        Self {
            down: conv_walk(&input, &output),
            up: conv_walk(&output, &input),
            input,
            output,
        }
    }

    /// Floats of the packed weights.
    pub(crate) fn weights_len(&self) -> usize {
        self.output.blocks() * self.down.weights_per_block()
    }

    /// Floats of the packed weights of the adjoint.
    pub(crate) fn rotated_len(&self) -> usize {
        self.input.blocks() * self.up.weights_per_block()
    }

    /// Packs `[outputs, inputs, 3, 3]` to `[output block, input block, tap, input lane, output lane]`.
    pub(crate) fn pack(&self, plain: &[f32]) -> Vec<f32> {
        let mut packed = vec![0.0; self.weights_len()];
        self.each_weight(|from, to| packed[to] = plain[from]);
        packed
    }

    /// The inverse of [`Convolution::pack`].
    pub(crate) fn unpack(&self, packed: &[f32]) -> Vec<f32> {
        let mut plain = vec![0.0; self.output.channels * self.input.channels * 9];
        self.each_weight(|to, from| plain[to] = packed[from]);
        plain
    }

    fn each_weight(&self, mut visit: impl FnMut(usize, usize)) {
        let (inputs, blocks) = (self.input.channels, self.input.blocks());
        for o in 0..self.output.channels {
            for i in 0..inputs {
                for tap in 0..9 {
                    let block = (o / LANES * blocks + i / LANES) * 9 + tap;
                    let packed = block * TAP + i % LANES * LANES + o % LANES;
                    visit((o * inputs + i) * 9 + tap, packed);
                }
            }
        }
    }

    /// Packed weights of the adjoint: kernels rotated by half a turn, input and output channels exchanged. The
    /// gradient of the input is the convolution of the cotangent with these.
    pub(crate) fn rotate(&self, packed: &[f32], rotated: &mut [f32]) {
        let (ins, outs) = (self.input.blocks(), self.output.blocks());
        rotated
            .par_chunks_mut(TAP)
            .enumerate()
            .for_each(|(at, tile)| {
                let (i, o, tap) = (at / (outs * 9), at / 9 % outs, at % 9);
                let from = &packed[((o * ins + i) * 9 + 8 - tap) * TAP..][..TAP];
                for (a, row) in tile.chunks_exact_mut(LANES).enumerate() {
                    for (b, w) in row.iter_mut().enumerate() {
                        *w = from[b * LANES + a];
                    }
                }
            });
    }

    /// Computes `output` of `n` images.
    pub(crate) fn forward(
        &self,
        isa: Isa,
        n: usize,
        x: &[f32],
        w: &[f32],
        y: &mut [f32],
        epilogue: Epilogue<'_>,
    ) {
        run(
            isa,
            &self.down,
            (&self.input, &self.output),
            n,
            x,
            w,
            y,
            epilogue,
        );
    }

    /// Computes the gradient of the input of `n` images from `rotated` weights.
    pub(crate) fn input_gradient(
        &self,
        isa: Isa,
        n: usize,
        dy: &[f32],
        rotated: &[f32],
        dx: &mut [f32],
        epilogue: Epilogue<'_>,
    ) {
        run(
            isa,
            &self.up,
            (&self.output, &self.input),
            n,
            dy,
            rotated,
            dx,
            epilogue,
        );
    }

    /// Computes the gradient of the packed weights, summed over `n` images.
    pub(crate) fn weight_gradient(
        &self,
        isa: Isa,
        n: usize,
        x: &[f32],
        dy: &[f32],
        dw: &mut [f32],
    ) {
        let ins = self.input.blocks();
        // The batch is cut into a fixed number of parts, so that the order of the sum is always the same.
        let parts = n.min(4);
        let mut partial = vec![0.0; parts * dw.len()];
        partial
            .par_chunks_mut(9 * TAP)
            .enumerate()
            .for_each(|(at, gradient)| {
                let pairs = dw.len() / (9 * TAP);
                let (part, o, i) = (at / pairs, at % pairs / ins, at % ins);
                for image in part * n / parts..(part + 1) * n / parts {
                    let x = &x[image * self.input.len() + i * self.input.plane()..];
                    let dy = &dy[image * self.output.len() + o * self.output.plane()..];
                    weight_gradient(
                        isa,
                        &self.down,
                        self.input.channels - i * LANES,
                        x,
                        dy,
                        gradient,
                    );
                }
            });
        sum_parts(&partial, dw);
    }
}

fn sum_parts(partial: &[f32], total: &mut [f32]) {
    total.fill(0.0);
    for part in partial.chunks_exact(total.len()) {
        for (t, p) in total.iter_mut().zip(part) {
            *t += p;
        }
    }
}

fn conv_walk(input: &Layout, output: &Layout) -> Walk {
    let row = input.row();
    // The first tap of a pixel is its neighbour above and to the left.
    let first = input
        .pixel_offsets()
        .iter()
        .map(|o| o - row - LANES)
        .collect();
    Walk {
        inputs: input.channels,
        input_plane: input.plane(),
        taps: (0..9).map(|t| t / 3 * row + t % 3 * LANES).collect(),
        input_offsets: first,
        output_offsets: output.pixel_offsets(),
        output_plane: output.plane(),
    }
}

/// Runs a convolution kernel over a batch, cut by image, by pair of output blocks, and by strips of pixels.
#[allow(clippy::too_many_arguments, reason = "the arguments of a convolution")]
fn run(
    isa: Isa,
    walk: &Walk,
    (input, output): (&Layout, &Layout),
    n: usize,
    x: &[f32],
    w: &[f32],
    y: &mut [f32],
    epilogue: Epilogue<'_>,
) {
    assert!(x.len() >= n * input.len() && y.len() >= n * output.len());
    let pixels = output.height * output.width;
    let groups = output.blocks().div_ceil(2);
    let strips = (TASKS.div_ceil(n * groups)).min(pixels.div_ceil(48));
    let to = Shared(y.as_mut_ptr());
    (0..n * groups * strips).into_par_iter().for_each(|task| {
        let (image, group, strip) = (
            task / (groups * strips),
            task / strips % groups,
            task % strips,
        );
        let first = group * 2;
        let blocks = (output.blocks() - first).min(2);
        let offset = image * output.len() + first * output.plane();
        let epilogue = match epilogue {
            Epilogue::None => Epilogue::None,
            Epilogue::Bias(b) => Epilogue::Bias(&b[first * LANES..]),
            Epilogue::BiasRelu(b) => Epilogue::BiasRelu(&b[first * LANES..]),
            Epilogue::Mask(m) => Epilogue::Mask(&m[offset..]),
        };
        // SAFETY: image, group and strip are this task's alone, and `y` holds `n` images.
        unsafe {
            forward(
                isa,
                walk,
                strip * pixels / strips..(strip + 1) * pixels / strips,
                blocks,
                &x[image * input.len()..(image + 1) * input.len()],
                &w[first * walk.weights_per_block()..],
                to.at(offset),
                epilogue,
            );
        }
    });
}

/// A fully connected layer. Features of a batch are `[n, features]`, rounded up to sixteen and filled with zeros.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    /// What it reads: a vector, or planes without a border, flattened.
    pub(crate) input: Layout,
    /// Output features.
    pub(crate) outputs: usize,
}

impl Linear {
    /// Input features.
    pub(crate) fn inputs(&self) -> usize {
        self.input.channels * self.input.height * self.input.width
    }

    /// Floats of one image's input.
    pub(crate) fn input_len(&self) -> usize {
        self.input.len()
    }

    /// Floats of one image's output.
    pub(crate) fn output_len(&self) -> usize {
        self.outputs.next_multiple_of(LANES)
    }

    /// Floats of the packed weights.
    pub(crate) fn weights_len(&self) -> usize {
        self.input_len() * self.output_len()
    }

    /// Packs `[outputs, inputs]` to `[output block, input block, input lane, output lane]`.
    pub(crate) fn pack(&self, plain: &[f32]) -> Vec<f32> {
        let mut packed = vec![0.0; self.weights_len()];
        self.each_weight(|from, to| packed[to] = plain[from]);
        packed
    }

    /// The inverse of [`Linear::pack`].
    pub(crate) fn unpack(&self, packed: &[f32]) -> Vec<f32> {
        let mut plain = vec![0.0; self.inputs() * self.outputs];
        self.each_weight(|to, from| plain[to] = packed[from]);
        plain
    }

    fn each_weight(&self, mut visit: impl FnMut(usize, usize)) {
        let area = self.input.height * self.input.width;
        let pixels = self.input.pixel_offsets();
        for i in 0..self.inputs() {
            let channel = i / area;
            // Where the feature lies in the input, which is the order of the packed weights.
            let at = channel / LANES * self.input.plane() + pixels[i % area] + channel % LANES;
            for o in 0..self.outputs {
                let block = o / LANES * (self.input_len() / LANES) + at / LANES;
                visit(
                    o * self.inputs() + i,
                    block * TAP + at % LANES * LANES + o % LANES,
                );
            }
        }
    }

    fn walk(&self, n: usize) -> Walk {
        Walk {
            inputs: self.input_len(),
            input_plane: LANES,
            taps: vec![0],
            input_offsets: (0..n).map(|i| i * self.input_len()).collect(),
            output_offsets: (0..n).map(|i| i * self.output_len()).collect(),
            output_plane: LANES,
        }
    }

    /// Computes `[n, outputs]`.
    pub(crate) fn forward(
        &self,
        isa: Isa,
        n: usize,
        x: &[f32],
        w: &[f32],
        y: &mut [f32],
        epilogue: Epilogue<'_>,
    ) {
        assert!(x.len() >= n * self.input_len() && y.len() >= n * self.output_len());
        let walk = self.walk(n);
        let to = Shared(y.as_mut_ptr());
        let blocks = self.output_len() / LANES;
        (0..blocks.div_ceil(2)).into_par_iter().for_each(|group| {
            let first = group * 2;
            let epilogue = match epilogue {
                Epilogue::None => Epilogue::None,
                Epilogue::Bias(b) => Epilogue::Bias(&b[first * LANES..]),
                Epilogue::BiasRelu(b) => Epilogue::BiasRelu(&b[first * LANES..]),
                Epilogue::Mask(m) => Epilogue::Mask(&m[first * LANES..]),
            };
            let w = &w[first * walk.weights_per_block()..];
            // SAFETY: the output blocks are this task's alone, and `y` holds `n` images.
            unsafe {
                forward(
                    isa,
                    &walk,
                    0..n,
                    (blocks - first).min(2),
                    x,
                    w,
                    to.at(first * LANES),
                    epilogue,
                );
            }
        });
    }

    /// Computes the gradient of the input, `[n, inputs]`.
    pub(crate) fn input_gradient(&self, isa: Isa, n: usize, dy: &[f32], w: &[f32], dx: &mut [f32]) {
        let walk = self.walk(n);
        let (ins, outs) = (self.input_len(), self.output_len());
        dx[..n * ins]
            .par_chunks_mut(LANES)
            .enumerate()
            .for_each(|(at, dx)| {
                let (image, block) = (at / (ins / LANES), at % (ins / LANES));
                linear_input_gradient(
                    isa,
                    &walk,
                    block,
                    w,
                    &dy[image * outs..(image + 1) * outs],
                    dx,
                );
            });
    }

    /// Computes the gradient of the packed weights, summed over `n` images.
    pub(crate) fn weight_gradient(
        &self,
        isa: Isa,
        n: usize,
        x: &[f32],
        dy: &[f32],
        dw: &mut [f32],
    ) {
        let walk = self.walk(n);
        let ins = self.input_len() / LANES;
        dw.par_chunks_mut(TAP).enumerate().for_each(|(at, dw)| {
            dw.fill(0.0);
            let (o, i) = (at / ins, at % ins);
            weight_gradient(isa, &walk, LANES, &x[i * LANES..], &dy[o * LANES..], dw);
        });
    }
}

/// Max-pooling, 2x2 with stride 2; an odd last row or column is dropped.
#[derive(Clone, Debug)]
pub(crate) struct MaxPool {
    /// Input planes.
    pub(crate) input: Layout,
    /// Output planes.
    pub(crate) output: Layout,
}

impl MaxPool {
    /// Pools planes; the output has the given border.
    pub(crate) fn new(input: Layout, border: usize) -> Self {
        let output = Layout {
            height: input.height / 2,
            width: input.width / 2,
            border,
            ..input
        };
        Self { input, output }
    }

    /// Computes `output` of `n` images.
    pub(crate) fn forward(&self, n: usize, x: &[f32], y: &mut [f32]) {
        let (input, output) = (&self.input, &self.output);
        y[..n * output.len()]
            .par_chunks_mut(output.plane())
            .zip(x.par_chunks(input.plane()))
            .for_each(|(y, x)| {
                for row in 0..output.height {
                    for column in 0..output.width {
                        let from = input.pixel(2 * row, 2 * column);
                        let to = output.pixel(row, column);
                        for lane in 0..LANES {
                            let at = from + lane;
                            let upper = x[at].max(x[at + LANES]);
                            let lower = x[at + input.row()].max(x[at + input.row() + LANES]);
                            y[to + lane] = upper.max(lower);
                        }
                    }
                }
            });
    }

    /// Routes the cotangent of the output to the first maximum of each window, as PyTorch does, and there only
    /// where the input is above 0: the gradient of the rectifier below comes with it.
    pub(crate) fn input_gradient_of_rectified(
        &self,
        n: usize,
        x: &[f32],
        dy: &[f32],
        dx: &mut [f32],
    ) {
        let (input, output) = (&self.input, &self.output);
        dx[..n * input.len()]
            .par_chunks_mut(input.plane())
            .zip(x.par_chunks(input.plane()))
            .zip(dy.par_chunks(output.plane()))
            .for_each(|((dx, x), dy)| {
                if input.height % 2 + input.width % 2 > 0 {
                    dx.fill(0.0);
                }
                for row in 0..output.height {
                    for column in 0..output.width {
                        let from = input.pixel(2 * row, 2 * column);
                        let to = output.pixel(row, column);
                        let window = [0, LANES, input.row(), input.row() + LANES];
                        for lane in 0..LANES {
                            let values = window.map(|o| x[from + lane + o]);
                            let top = values[0].max(values[1]).max(values[2].max(values[3]));
                            let mut left = if top > 0.0 { dy[to + lane] } else { 0.0 };
                            for (o, value) in window.into_iter().zip(values) {
                                let share = if value == top { left } else { 0.0 };
                                dx[from + lane + o] = share;
                                left -= share;
                            }
                        }
                    }
                }
            });
    }
}

//! The one convolution of VGG, 3x3 with stride 1 and padding 1, in both directions: by Winograd's tiles or directly,
//! whichever is measured to be faster for its shape.

use rayon::prelude::*;

use super::{
    aligned::Aligned,
    direct::{self, TAP, Walk},
    epilogue::{Epilogue, Source},
    lanes::{Isa, LANES},
    layout::Layout,
    shared::Shared,
    winograd::{Filters, TileSize, Winograd},
};

/// Tasks that a layer is cut into where the batch alone does not give as many.
const TASKS: usize = 8;

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Tap by tap.
    Direct,
    /// By Winograd's minimal filtering.
    Tiles(TileSize),
    /// Likewise, with filters made at every pass, which take no memory.
    Fresh(TileSize),
}

/// Kernels of a layer from which on making its filters takes no longer than reading them would.
const MANY_KERNELS: usize = 256 * 256;

impl Method {
    /// The fastest for a shape, as `cargo bench -p deepface-network --bench kernels` finds them (docs/performance.md).
    /// It depends on the shape alone, not on the batch or the machine, so that results do not either.
    fn choose(input: &Layout, output: &Layout) -> Self {
        let overhang = output.height % 4 + output.width % 4 > 0;
        // Tiles of four that overhang the plane waste what they gain, and have filters twice as large.
        let size = match overhang {
            true => TileSize::Two,
            false => TileSize::Four,
        };
        match (input.channels, output.channels) {
            // So few products an output that transforming it costs more.
            (..LANES, ..64) => Self::Direct,
            (..LANES, _) => Self::Tiles(TileSize::Two),
            (inputs, outputs) if inputs * outputs >= MANY_KERNELS => Self::Fresh(size),
            _ => Self::Tiles(size),
        }
    }
}

/// A convolution of planes of one size, and its adjoint.
#[derive(Clone, Debug)]
pub(crate) struct Convolution {
    /// Input planes, bordered.
    pub(crate) input: Layout,
    /// Output planes, bordered.
    pub(crate) output: Layout,
    down: Direction,
    up: Direction,
    walk: Walk,
}

impl Convolution {
    /// A convolution of planes of one size.
    pub(crate) fn new(inputs: usize, outputs: usize, height: usize, width: usize) -> Self {
        let input = Layout::bordered(inputs, height, width);
        let output = Layout::bordered(outputs, height, width);
        let down = Method::choose(&input, &output);
        let up = Method::choose(&output, &input);
        Self::with_methods(input, output, down, up)
    }

    /// One that computes itself and its adjoint in given ways.
    pub(crate) fn with_methods(input: Layout, output: Layout, down: Method, up: Method) -> Self {
        Self {
            walk: walk(&input, &output),
            down: Direction::new(input, output, down, false),
            up: Direction::new(output, input, up, true),
            input,
            output,
        }
    }

    /// Whether a pooling of the output can be part of the convolution, and its adjoint read pooled cotangents.
    pub(crate) fn pools(&self) -> bool {
        matches!(self.down, Direction::Tiles(_)) && matches!(self.up, Direction::Tiles(_))
    }

    /// Weights for [`Convolution::forward`], from `[outputs, inputs, 3, 3]`.
    pub(crate) fn pack(&self, plain: &[f32]) -> Aligned {
        self.down.pack(plain)
    }

    /// Weights for [`Convolution::input_gradient`]: kernels turned by half, input and output channels exchanged.
    /// `packed` are those of [`Convolution::pack`]. Empty where it takes those, too.
    pub(crate) fn pack_adjoint(&self, plain: &[f32], packed: &[f32]) -> Aligned {
        match (&self.down, &self.up) {
            (Direction::Tiles(down), Direction::Tiles(up))
                if down.filters != Filters::Ready && up.filters != Filters::Ready =>
            {
                Aligned::default()
            }
            (_, Direction::Tiles(up)) if up.filters != Filters::Ready => plain.into(),
            (Direction::Tiles(down), Direction::Tiles(up))
                if down.filters == Filters::Ready && down.size == up.size =>
            {
                up.turned_filters(packed).into()
            }
            _ => self.up.pack(&self.turn(plain)),
        }
    }

    fn turn(&self, plain: &[f32]) -> Vec<f32> {
        let (inputs, outputs) = (self.input.channels, self.output.channels);
        let mut turned = vec![0.0; plain.len()];
        for (at, kernel) in plain.as_chunks::<9>().0.iter().enumerate() {
            let (o, i) = (at / inputs, at % inputs);
            let to = &mut turned[(i * outputs + o) * 9..][..9];
            to.copy_from_slice(kernel);
            to.reverse();
        }
        turned
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
        self.down.run(isa, n, Source::Planes(x), w, y, epilogue);
    }

    /// Computes the gradient of the input of `n` images from both packed weights, of [`Convolution::pack`] and of
    /// [`Convolution::pack_adjoint`].
    pub(crate) fn input_gradient(
        &self,
        isa: Isa,
        n: usize,
        dy: Source<'_>,
        [packed, adjoint]: [&[f32]; 2],
        dx: &mut [f32],
        epilogue: Epilogue<'_>,
    ) {
        let w = if adjoint.is_empty() { packed } else { adjoint };
        self.up.run(isa, n, dy, w, dx, epilogue);
    }

    /// Computes the gradient of the weights, `[outputs, inputs, 3, 3]`, summed over `n` images.
    pub(crate) fn weight_gradient(
        &self,
        isa: Isa,
        n: usize,
        x: &[f32],
        dy: &[f32],
        dw: &mut [f32],
    ) {
        weight_gradient(isa, &self.walk, [&self.input, &self.output], n, x, dy, dw);
    }
}

/// Computes the gradient of the weights, `[outputs, inputs, taps]`, summed over `n` images of these layouts.
pub(super) fn weight_gradient(
    isa: Isa,
    walk: &Walk,
    [input, output]: [&Layout; 2],
    n: usize,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
) {
    let (ins, outs, taps) = (input.blocks(), output.blocks(), walk.taps.len());
    let packed = outs * ins * taps * TAP;
    // The batch is cut into a fixed number of parts, so that the order of the sum is always the same.
    let parts = n.min(4);
    let mut partial = vec![0.0; parts * packed];
    partial
        .par_chunks_mut(taps * TAP)
        .enumerate()
        .for_each(|(at, gradient)| {
            let (part, o, i) = (at / (outs * ins), at / ins % outs, at % ins);
            for image in part * n / parts..(part + 1) * n / parts {
                let x = &x[image * input.len() + i * input.plane()..];
                let dy = &dy[image * output.len() + o * output.plane()..];
                let channels = input.channels - i * LANES;
                direct::weight_gradient(isa, walk, channels, x, dy, gradient);
            }
        });
    let inputs = input.channels;
    dw.par_chunks_mut(taps).enumerate().for_each(|(at, dw)| {
        let first = packed_at(at / inputs, at % inputs, ins, taps);
        for (tap, dw) in dw.iter_mut().enumerate() {
            let parts = partial.iter().skip(first + tap * TAP).step_by(packed);
            *dw = parts.sum();
        }
    });
}

/// Where the first tap between two channels lies in `[output block, input block, tap, input lane, output lane]`.
fn packed_at(output: usize, input: usize, input_blocks: usize, taps: usize) -> usize {
    let block = output / LANES * input_blocks + input / LANES;
    block * taps * TAP + input % LANES * LANES + output % LANES
}

fn walk(input: &Layout, output: &Layout) -> Walk {
    let row = input.row();
    // The first tap of a pixel is its neighbour above and to the left.
    let first = input.pixel_offsets().into_iter().map(|o| o - row - LANES);
    Walk {
        inputs: input.channels,
        input_plane: input.plane(),
        taps: (0..9).map(|t| t / 3 * row + t % 3 * LANES).collect(),
        input_offsets: first.collect(),
        output_offsets: output.pixel_offsets(),
        output_plane: output.plane(),
    }
}

/// One direction of a convolution.
#[derive(Clone, Debug)]
enum Direction {
    Direct(Box<Direct>),
    Tiles(Winograd),
}

/// A convolution tap by tap.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    input: Layout,
    output: Layout,
    walk: Walk,
}

impl Direction {
    /// One of two, of which the adjoint is `turned`.
    fn new(input: Layout, output: Layout, method: Method, turned: bool) -> Self {
        let tiles = |size, filters| Self::Tiles(Winograd::new(input, output, size, filters));
        match method {
            Method::Tiles(size) => tiles(size, Filters::Ready),
            Method::Fresh(size) => tiles(size, Filters::Fresh { turned }),
            Method::Direct => {
                let walk = walk(&input, &output);
                Self::Direct(Box::new(Direct::new(input, output, walk)))
            }
        }
    }

    fn pack(&self, plain: &[f32]) -> Aligned {
        match self {
            Self::Direct(direct) => direct.pack(plain).into(),
            Self::Tiles(tiles) if tiles.filters == Filters::Ready => tiles.filters(plain).into(),
            Self::Tiles(_) => plain.into(),
        }
    }

    fn run(
        &self,
        isa: Isa,
        n: usize,
        source: Source<'_>,
        w: &[f32],
        y: &mut [f32],
        epilogue: Epilogue<'_>,
    ) {
        match (self, source) {
            (Self::Tiles(tiles), source) => tiles.run(isa, n, source, w, y, epilogue),
            (Self::Direct(direct), Source::Planes(x)) => direct.run(isa, n, x, w, y, epilogue),
            (Self::Direct(_), Source::Unpooled { .. }) => {
                unreachable!("only a convolution that pools reads pooled cotangents")
            }
        }
    }
}

impl Direct {
    pub(super) fn new(input: Layout, output: Layout, walk: Walk) -> Self {
        Self {
            input,
            output,
            walk,
        }
    }

    /// Packs `[outputs, inputs, taps]` to `[output block, input block, tap, input lane, output lane]`.
    pub(super) fn pack(&self, plain: &[f32]) -> Vec<f32> {
        let (inputs, ins) = (self.input.channels, self.input.blocks());
        let taps = self.walk.taps.len();
        let mut packed = vec![0.0; self.output.blocks() * self.walk.weights_per_block()];
        for (at, kernel) in plain.chunks_exact(taps).enumerate() {
            let first = packed_at(at / inputs, at % inputs, ins, taps);
            for (tap, w) in kernel.iter().enumerate() {
                packed[first + tap * TAP] = *w;
            }
        }
        packed
    }

    /// Runs over a batch, cut by image, by pair of output blocks, and by strips of pixels.
    pub(super) fn run(
        &self,
        isa: Isa,
        n: usize,
        x: &[f32],
        w: &[f32],
        y: &mut [f32],
        epilogue: Epilogue<'_>,
    ) {
        let (input, output, walk) = (&self.input, &self.output, &self.walk);
        assert!(x.len() >= n * input.len() && y.len() >= n * output.len());
        epilogue.check(output.blocks() * LANES, n * output.bits());
        let pixels = output.height * output.width;
        let groups = output.blocks().div_ceil(2);
        let strips = (TASKS.div_ceil(n * groups)).min(pixels.div_ceil(48));
        let to = Shared(y.as_mut_ptr());
        (0..n * groups * strips).into_par_iter().for_each(|task| {
            let (image, group) = (task / (groups * strips), task / strips % groups);
            let strip = task % strips;
            let first = group * 2;
            let bits = image * output.bits() + first * pixels;
            // SAFETY: image, group and strip are this task's alone, and `y` holds `n` images.
            unsafe {
                direct::forward(
                    isa,
                    walk,
                    strip * pixels / strips..(strip + 1) * pixels / strips,
                    (output.blocks() - first).min(2),
                    &x[image * input.len()..(image + 1) * input.len()],
                    &w[first * walk.weights_per_block()..],
                    to.at(image * output.len() + first * output.plane()),
                    epilogue.from(first * LANES, bits),
                );
            }
        });
    }
}

#[cfg(test)]
mod tests;

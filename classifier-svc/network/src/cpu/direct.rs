//! The convolution tap by tap, 3x3 or 1x1: forward, gradient of the input, gradient of the weights; and both gradients of
//! the fully connected layer, which is the same sum with one tap. Its forward pass is in `gemm.rs`.
//!
//! An output pixel of a block of sixteen channels is one register; the kernel holds a tile of them and adds, for
//! every tap and input channel, the broadcast input times sixteen weights. Every output is summed in the same
//! order whatever the tile, the batch or the number of threads, so results do not depend on them.

#[cfg(target_arch = "x86_64")]
use super::lanes::{Avx2, Avx512};
use super::{
    epilogue::Epilogue,
    lanes::{Isa, LANES, Lanes, Portable},
};

/// Floats of the weights between one block of input and one of output channels, for one tap.
pub(crate) const TAP: usize = LANES * LANES;

/// How a kernel walks through its input: the same for a convolution and a fully connected layer.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    /// Input channels.
    pub(crate) inputs: usize,
    /// Floats from one block of input channels to the next.
    pub(crate) input_plane: usize,
    /// Where each tap lies, relative to the first.
    pub(crate) taps: Vec<usize>,
    /// Where the first tap of each output pixel lies in a block of the input.
    pub(crate) input_offsets: Vec<usize>,
    /// Where each output pixel lies in a block of the output.
    pub(crate) output_offsets: Vec<usize>,
    /// Floats from one block of output channels to the next.
    pub(crate) output_plane: usize,
}

impl Walk {
    fn input_blocks(&self) -> usize {
        self.inputs.div_ceil(LANES)
    }

    /// Floats of the weights of one block of output channels: `[input block, tap, input lane, output lane]`.
    pub(crate) fn weights_per_block(&self) -> usize {
        self.input_blocks() * self.taps.len() * TAP
    }

    fn input_len(&self) -> usize {
        let last = self.input_offsets.iter().max().map_or(0, |o| o + LANES);
        (self.input_blocks() - 1) * self.input_plane + self.taps.last().unwrap_or(&0) + last
    }

    fn output_len(&self, blocks: usize) -> usize {
        let last = self.output_offsets.iter().max().map_or(0, |o| o + LANES);
        (blocks - 1) * self.output_plane + last
    }
}

/// Computes some pixels of some blocks of output channels.
///
/// `input` is one image; `weights` and `output` begin at the first of
/// `blocks` output blocks, `Epilogue` arrays likewise.
///
/// # Safety
/// `output` must be valid for the pixels that are written: offsets `walk.output_offsets[pixels]` of each block.
/// Others may write other pixels meanwhile.
#[allow(clippy::too_many_arguments, reason = "the arguments of a convolution")]
pub(crate) unsafe fn forward(
    isa: Isa,
    walk: &Walk,
    pixels: std::ops::Range<usize>,
    blocks: usize,
    input: &[f32],
    weights: &[f32],
    output: *mut f32,
    epilogue: Epilogue<'_>,
) {
    assert!(input.len() >= walk.input_len() && weights.len() >= blocks * walk.weights_per_block());
    assert!(pixels.end <= walk.input_offsets.len() && pixels.end <= walk.output_offsets.len());
    let last = (blocks - 1) * walk.output_offsets.len() + pixels.end;
    epilogue.check(blocks * LANES, last);
    assert!(!matches!(epilogue, Epilogue::BiasReluPool(..)));
    let job = Forward {
        walk,
        pixels,
        blocks,
        input,
        weights,
        output,
        epilogue,
    };
    // By hand, not by `per_isa!`, here and below: tiles differ with the number of registers.
    // SAFETY: lengths are checked above; detection vouches for the instruction set, the caller for `output`.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => forward_avx512(&job),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => forward_avx2(&job),
            Isa::Portable => job.run::<Portable, 1, 4>(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn forward_avx512(job: &Forward<'_>) {
    // SAFETY: this function's own contract. 2 blocks x 12 pixels fill 24 of 32 registers with sums; one block
    // alone takes 16 pixels.
    unsafe {
        if job.blocks >= 2 {
            job.run::<Avx512, 2, 12>();
        } else {
            job.run::<Avx512, 1, 16>();
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn forward_avx2(job: &Forward<'_>) {
    // SAFETY: this function's own contract. 6 pixels of two registers fill 12 of 16 registers with sums.
    unsafe { job.run::<Avx2, 1, 6>() }
}

struct Forward<'a> {
    walk: &'a Walk,
    pixels: std::ops::Range<usize>,
    blocks: usize,
    input: &'a [f32],
    weights: &'a [f32],
    output: *mut f32,
    epilogue: Epilogue<'a>,
}

impl Forward<'_> {
    /// All tiles: `B` blocks by `P` pixels while they fit, then smaller ones.
    #[inline(always)]
    unsafe fn run<L: Lanes, const B: usize, const P: usize>(&self) {
        // SAFETY: `forward` has checked every length.
        unsafe {
            let mut block = 0;
            while block + B <= self.blocks {
                self.row_of_tiles::<L, B, P>(block);
                block += B;
            }
            while block < self.blocks {
                self.row_of_tiles::<L, 1, P>(block);
                block += 1;
            }
        }
    }

    #[inline(always)]
    unsafe fn row_of_tiles<L: Lanes, const B: usize, const P: usize>(&self, block: usize) {
        let mut pixel = self.pixels.start;
        // SAFETY: as `run`.
        unsafe {
            while pixel + P <= self.pixels.end {
                self.tile::<L, B, P>(block, pixel);
                pixel += P;
            }
            while pixel + 4 <= self.pixels.end {
                self.tile::<L, B, 4>(block, pixel);
                pixel += 4;
            }
            while pixel < self.pixels.end {
                self.tile::<L, B, 1>(block, pixel);
                pixel += 1;
            }
        }
    }

    #[inline(always)]
    unsafe fn tile<L: Lanes, const B: usize, const P: usize>(&self, block: usize, pixel: usize) {
        let walk = self.walk;
        let stride = walk.weights_per_block();
        // SAFETY: `forward` has checked that offsets, taps and blocks lie within the arrays.
        unsafe {
            let offsets: [usize; P] =
                std::array::from_fn(|p| *walk.input_offsets.get_unchecked(pixel + p));
            let mut sums = [[L::splat(0.0); P]; B];
            let mut weights = self.weights.as_ptr().add(block * stride);
            for input_block in 0..walk.input_blocks() {
                let lanes = (walk.inputs - input_block * LANES).min(LANES);
                let plane = self.input.as_ptr().add(input_block * walk.input_plane);
                for &tap in &walk.taps {
                    let base = plane.add(tap);
                    for lane in 0..lanes {
                        let row: [L; B] = std::array::from_fn(|b| {
                            L::load(weights.add(b * stride + lane * LANES))
                        });
                        for p in 0..P {
                            let x = L::splat(*base.add(offsets[p] + lane));
                            for b in 0..B {
                                sums[b][p] = sums[b][p].fma(x, row[b]);
                            }
                        }
                    }
                    weights = weights.add(TAP);
                }
            }
            for (b, sums) in sums.iter().enumerate() {
                for (p, &sum) in sums.iter().enumerate() {
                    self.finish(block + b, pixel + p, sum);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn finish<L: Lanes>(&self, block: usize, pixel: usize, sum: L) {
        // SAFETY: as `tile`.
        unsafe {
            let at =
                block * self.walk.output_plane + *self.walk.output_offsets.get_unchecked(pixel);
            let to = self.output.add(at);
            let bit = block * self.walk.output_offsets.len() + pixel;
            self.epilogue.finish(block, bit, sum).store(to);
        }
    }
}

/// Adds to `gradient` the gradient of the weights between one block of input and one of output channels, for all
/// taps: `[tap, input lane, output lane]`.
///
/// `input` and `cotangent` begin at their blocks; `channels` counts the input channels from there on.
pub(crate) fn weight_gradient(
    isa: Isa,
    walk: &Walk,
    channels: usize,
    input: &[f32],
    cotangent: &[f32],
    gradient: &mut [f32],
) {
    let last = walk.input_offsets.iter().max().map_or(0, |o| o + LANES);
    assert!(input.len() >= walk.taps.last().unwrap_or(&0) + last);
    assert!(cotangent.len() >= walk.output_len(1));
    assert_eq!(walk.input_offsets.len(), walk.output_offsets.len());
    assert_eq!(gradient.len(), walk.taps.len() * TAP);
    let lanes = channels.min(LANES);
    // SAFETY: lengths are checked above; detection vouches for the instruction set.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => weight_gradient_avx512(walk, lanes, input, cotangent, gradient),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => weight_gradient_avx2(walk, lanes, input, cotangent, gradient),
            Isa::Portable => {
                weight_gradient_with::<Portable, 4>(walk, lanes, input, cotangent, gradient)
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn weight_gradient_avx512(
    walk: &Walk,
    lanes: usize,
    input: &[f32],
    cotangent: &[f32],
    gradient: &mut [f32],
) {
    // SAFETY: this function's own contract.
    unsafe {
        match lanes {
            // The three colours of an image leave most of sixteen rows empty.
            ..=4 => weight_gradient_with::<Avx512, 4>(walk, lanes, input, cotangent, gradient),
            _ => weight_gradient_with::<Avx512, 16>(walk, lanes, input, cotangent, gradient),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn weight_gradient_avx2(
    walk: &Walk,
    lanes: usize,
    input: &[f32],
    cotangent: &[f32],
    gradient: &mut [f32],
) {
    // SAFETY: this function's own contract. 4 input lanes keep 8 of 16 registers as sums.
    unsafe { weight_gradient_with::<Avx2, 4>(walk, lanes, input, cotangent, gradient) }
}

/// `R` input lanes at a time, each with its sixteen output lanes in a register.
#[inline(always)]
unsafe fn weight_gradient_with<L: Lanes, const R: usize>(
    walk: &Walk,
    lanes: usize,
    input: &[f32],
    cotangent: &[f32],
    gradient: &mut [f32],
) {
    for (tap, gradient) in walk.taps.iter().zip(gradient.chunks_exact_mut(TAP)) {
        for first in (0..lanes).step_by(R) {
            // SAFETY: `weight_gradient` has checked every length; R divides 16, so `first + R` stays within a pixel.
            unsafe {
                let base = input.as_ptr().add(tap + first);
                let rows = gradient.as_mut_ptr().add(first * LANES);
                let mut sums: [L; R] = std::array::from_fn(|r| L::load(rows.add(r * LANES)));
                for (&from, &to) in walk.input_offsets.iter().zip(&walk.output_offsets) {
                    let dy = L::load(cotangent.as_ptr().add(to));
                    for (r, sum) in sums.iter_mut().enumerate() {
                        *sum = sum.fma(L::splat(*base.add(from + r)), dy);
                    }
                }
                for (r, sum) in sums.iter().enumerate() {
                    sum.store(rows.add(r * LANES));
                }
            }
        }
    }
}

/// Gradient of the input of a fully connected layer for one image and one block of input features:
/// sixteen inner products of a row of weights with the cotangent.
///
/// `weights` is the whole packed matrix, `stride` floats a block of outputs, `cotangent` one image's, a multiple of
/// sixteen long. Reads the forward weights as they lie, so that the largest matrix of the network is held once.
pub(crate) fn linear_input_gradient(
    isa: Isa,
    stride: usize,
    input_block: usize,
    weights: &[f32],
    cotangent: &[f32],
    gradient: &mut [f32],
) {
    assert!((input_block + 1) * TAP <= stride && gradient.len() >= LANES);
    assert!(
        cotangent.len().is_multiple_of(LANES) && weights.len() >= cotangent.len() / LANES * stride
    );
    let first = &weights[input_block * TAP..];
    // SAFETY: lengths are checked above; detection vouches for the instruction set.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => linear_avx512(first, stride, cotangent, gradient),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => linear_avx2(first, stride, cotangent, gradient),
            Isa::Portable => linear_with::<Portable, 4>(first, stride, cotangent, gradient),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn linear_avx512(weights: &[f32], stride: usize, cotangent: &[f32], gradient: &mut [f32]) {
    // SAFETY: this function's own contract.
    unsafe { linear_with::<Avx512, 16>(weights, stride, cotangent, gradient) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn linear_avx2(weights: &[f32], stride: usize, cotangent: &[f32], gradient: &mut [f32]) {
    // SAFETY: this function's own contract.
    unsafe { linear_with::<Avx2, 4>(weights, stride, cotangent, gradient) }
}

#[inline(always)]
unsafe fn linear_with<L: Lanes, const R: usize>(
    weights: &[f32],
    stride: usize,
    cotangent: &[f32],
    gradient: &mut [f32],
) {
    for first in (0..LANES).step_by(R) {
        // SAFETY: `linear_input_gradient` has checked every length.
        unsafe {
            let mut sums = [L::splat(0.0); R];
            for block in 0..cotangent.len() / LANES {
                let dy = L::load(cotangent.as_ptr().add(block * LANES));
                let rows = weights.as_ptr().add(block * stride + first * LANES);
                for (r, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.fma(L::load(rows.add(r * LANES)), dy);
                }
            }
            for (r, sum) in sums.iter().enumerate() {
                gradient[first + r] = sum.sum();
            }
        }
    }
}

//! What happens to finished sums before they are stored, and the bits that backward needs.

use std::marker::PhantomData;

use super::{
    Layout,
    lanes::{LANES, Lanes},
};

/// Bits that tasks share because each writes its own: sixteen, one per channel of a block, for each pixel.
///
/// Of a rectified layer a bit says whether the activation is above 0; of a pooled one, whether the pixel is the first
/// maximum of its window, and above 0. Either way it says whether the pixel has a gradient. `[block, pixel]` for
/// each image, without a border.
#[derive(Clone, Copy)]
pub(crate) struct Bits<'a> {
    first: *mut u16,
    len: usize,
    lifetime: PhantomData<&'a mut [u16]>,
}

// SAFETY: every task writes bits that no other task touches.
unsafe impl Send for Bits<'_> {}
// SAFETY: as above.
unsafe impl Sync for Bits<'_> {}

impl<'a> Bits<'a> {
    /// Bits to be written.
    pub(crate) fn new(bits: &'a mut [u16]) -> Self {
        Self {
            first: bits.as_mut_ptr(),
            len: bits.len(),
            lifetime: PhantomData,
        }
    }

    /// The bits from one on.
    fn from(self, at: usize) -> Self {
        assert!(at <= self.len);
        Self {
            first: self.first.wrapping_add(at),
            len: self.len - at,
            ..self
        }
    }

    /// Writes the bits of a pixel.
    ///
    /// # Safety
    /// `at` is below the length, and no other task writes or reads it.
    #[inline(always)]
    pub(super) unsafe fn set(&self, at: usize, bits: u16) {
        // SAFETY: the caller's contract.
        unsafe { *self.first.add(at) = bits }
    }
}

/// What a kernel does with a finished sum.
#[derive(Clone, Copy)]
pub(crate) enum Epilogue<'a> {
    /// Nothing.
    None,
    /// Adds the bias of each output channel.
    Bias(&'a [f32]),
    /// Adds the bias and rectifies.
    BiasRelu(&'a [f32], Bits<'a>),
    /// Adds the bias, rectifies, and keeps the maximum of each 2x2 window in planes of this layout.
    BiasReluPool(&'a [f32], Bits<'a>, Layout),
    /// Passes the sum where the bit is set: the gradient of a rectifier, which is 0 at 0.
    Mask(&'a [u16]),
}

impl Epilogue<'_> {
    /// Finishes the sums of a pixel in a block of channels; `bit` is where its bits are. Pooling is left to the caller.
    ///
    /// # Safety
    /// As [`Lanes`]; [`Epilogue::check`] has found the arrays long enough, and no other task touches the bits.
    #[inline(always)]
    pub(super) unsafe fn finish<L: Lanes>(&self, block: usize, bit: usize, sum: L) -> L {
        // SAFETY: the caller's contract.
        unsafe {
            let zero = L::splat(0.0);
            match self {
                Self::None => sum,
                Self::Bias(bias) => sum.add(L::load(bias.as_ptr().add(block * LANES))),
                Self::BiasRelu(bias, bits) | Self::BiasReluPool(bias, bits, _) => {
                    let value = sum.add(L::load(bias.as_ptr().add(block * LANES))).relu();
                    bits.set(bit, value.exceeds(zero));
                    value
                }
                Self::Mask(mask) => sum.select(*mask.as_ptr().add(bit), zero),
            }
        }
    }

    /// The same for outputs that begin at a channel, with bits that begin at theirs.
    pub(super) fn from(self, channel: usize, bits: usize) -> Self {
        match self {
            Self::None => Self::None,
            Self::Bias(bias) => Self::Bias(&bias[channel..]),
            Self::BiasRelu(bias, b) => Self::BiasRelu(&bias[channel..], b.from(bits)),
            Self::BiasReluPool(bias, b, pooled) => {
                Self::BiasReluPool(&bias[channel..], b.from(bits), pooled)
            }
            Self::Mask(mask) => Self::Mask(&mask[bits..]),
        }
    }

    /// Panics where an array is too short for these numbers of channels and bits.
    pub(super) fn check(&self, channels: usize, bits: usize) {
        match self {
            Self::None => {}
            Self::Bias(bias) => assert!(bias.len() >= channels),
            Self::BiasRelu(bias, b) | Self::BiasReluPool(bias, b, _) => {
                assert!(bias.len() >= channels && b.len >= bits);
            }
            Self::Mask(mask) => assert!(mask.len() >= bits),
        }
    }
}

/// Where a convolution reads its input.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// Planes with a border of zeros.
    Planes(&'a [f32]),
    /// Pooled planes, of which each value belongs to the pixel of its 2x2 window whose bit is set: the cotangent of
    /// what goes into a max-pooling, from that of what comes out.
    Unpooled {
        /// The layout of the pooled planes.
        layout: Layout,
        /// Their values.
        values: &'a [f32],
        /// Where each belongs.
        bits: &'a [u16],
    },
}

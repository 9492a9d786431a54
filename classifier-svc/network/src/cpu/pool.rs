//! Max-pooling, where it is not part of a convolution.

use rayon::prelude::*;

use super::{
    lanes::{Isa, LANES, Lanes, per_isa},
    layout::Layout,
    winograd::first_maximum,
};

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
        Self {
            output: input.pooled(border),
            input,
        }
    }

    /// Computes `output` of `n` images, and for each pixel of their input the bits of the channels in which it is the
    /// first maximum of its window, and above 0.
    pub(crate) fn forward(&self, isa: Isa, n: usize, x: &[f32], y: &mut [f32], bits: &mut [u16]) {
        let (input, output) = (&self.input, &self.output);
        y[..n * output.len()]
            .par_chunks_mut(output.plane())
            .zip(x.par_chunks_exact(input.plane()))
            .zip(bits.par_chunks_exact_mut(input.height * input.width))
            .for_each(|((y, x), bits)| {
                pool_plane(isa, self, x, y, bits);
            });
    }

    #[inline(always)]
    unsafe fn plane<L: Lanes>(&self, x: &[f32], y: &mut [f32], bits: &mut [u16]) {
        let (input, output) = (&self.input, &self.output);
        if input.height % 2 + input.width % 2 > 0 {
            bits.fill(0);
        }
        for row in 0..output.height {
            let upper = &x[input.pixel(2 * row, 0)..][..input.width * LANES];
            let lower = &x[input.pixel(2 * row + 1, 0)..][..input.width * LANES];
            let to = &mut y[output.pixel(row, 0)..][..output.width * LANES];
            let (upper_bits, lower_bits) =
                bits[2 * row * input.width..][..2 * input.width].split_at_mut(input.width);
            for column in 0..output.width {
                let at = 2 * column * LANES;
                // SAFETY: two pixels of each row of this plane, and one of the output's.
                unsafe {
                    let load = |row: &[f32], at: usize| L::load(row.as_ptr().add(at));
                    let (value, routes) = first_maximum([
                        load(upper, at),
                        load(upper, at + LANES),
                        load(lower, at),
                        load(lower, at + LANES),
                    ]);
                    value.store(to.as_mut_ptr().add(column * LANES));
                    upper_bits[2 * column..][..2].copy_from_slice(&routes[..2]);
                    lower_bits[2 * column..][..2].copy_from_slice(&routes[2..]);
                }
            }
        }
    }

    /// Routes the cotangent of the output by the bits that [`MaxPool::forward`] left: to the first maximum of each
    /// window, as PyTorch does, and there only where the input is above 0, so that the gradient of the rectifier below
    /// comes with it.
    pub(crate) fn input_gradient_of_rectified(
        &self,
        n: usize,
        bits: &[u16],
        dy: &[f32],
        dx: &mut [f32],
    ) {
        let (input, output) = (&self.input, &self.output);
        dx[..n * input.len()]
            .par_chunks_mut(input.plane())
            .zip(bits.par_chunks_exact(input.height * input.width))
            .zip(dy.par_chunks_exact(output.plane()))
            .for_each(|((dx, bits), dy)| {
                for row in 0..input.height {
                    let to = &mut dx[input.pixel(row, 0)..][..input.width * LANES];
                    let (to, _) = to.as_chunks_mut::<LANES>();
                    let bits = &bits[row * input.width..][..input.width];
                    let row = (row / 2).min(output.height - 1);
                    for (column, (to, bits)) in to.iter_mut().zip(bits).enumerate() {
                        let column = (column / 2).min(output.width - 1);
                        let from = &dy[output.pixel(row, column)..][..LANES];
                        for (lane, (to, d)) in to.iter_mut().zip(from).enumerate() {
                            *to = if bits >> lane & 1 == 1 { *d } else { 0.0 };
                        }
                    }
                }
            });
    }
}

per_isa! {
    /// Pools one plane.
    fn pool_plane<L>(pool: &MaxPool, x: &[f32], y: &mut [f32], bits: &mut [u16]) -> () {
        pool.plane::<L>(x, y, bits);
    }
}

//! The fully connected layer in both directions.

use rayon::prelude::*;

use super::{
    aligned::Aligned,
    direct::{self, TAP, Walk, linear_input_gradient},
    epilogue::Epilogue,
    gemm::Gemm,
    lanes::{Isa, LANES, Lanes, Portable},
    layout::Layout,
    shared::Shared,
};

/// Blocks of outputs that a task computes.
const PANEL: usize = 4;

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

    fn blocks(&self) -> usize {
        self.output_len() / LANES
    }

    /// Floats of the packed weights of a block of outputs.
    fn block(&self) -> usize {
        self.input_len() * LANES
    }

    /// Packs `[outputs, inputs]`, whose inputs are in the order channel, row, column, to
    /// `[output block, input, output lane]` with the inputs as they lie in memory.
    pub(crate) fn pack(&self, plain: &[f32]) -> Aligned {
        let mut packed = Aligned::zeros(self.block() * self.blocks());
        let places = self.places();
        packed
            .par_chunks_mut(self.block())
            .zip(plain.par_chunks(LANES * self.inputs()))
            .for_each(|(packed, rows)| {
                for (lane, row) in rows.chunks_exact(self.inputs()).enumerate() {
                    for (&w, &at) in row.iter().zip(&places) {
                        packed[at * LANES + lane] = w;
                    }
                }
            });
        packed
    }

    /// Undoes [`Linear::pack`].
    pub(crate) fn unpack(&self, packed: &[f32]) -> Vec<f32> {
        let mut plain = vec![0.0; self.outputs * self.inputs()];
        let places = self.places();
        plain
            .par_chunks_mut(LANES * self.inputs())
            .zip(packed.par_chunks(self.block()))
            .for_each(|(rows, packed)| {
                for (lane, row) in rows.chunks_exact_mut(self.inputs()).enumerate() {
                    for (w, &at) in row.iter_mut().zip(&places) {
                        *w = packed[at * LANES + lane];
                    }
                }
            });
        plain
    }

    /// Where each input feature lies in memory.
    fn places(&self) -> Vec<usize> {
        let area = self.input.height * self.input.width;
        let pixels = self.input.pixel_offsets();
        (0..self.inputs())
            .map(|i| {
                let channel = i / area;
                channel / LANES * self.input.plane() + pixels[i % area] + channel % LANES
            })
            .collect()
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
        assert!(w.len() >= self.block() * self.blocks());
        epilogue.check(self.output_len(), n * self.blocks());
        let to = Shared(y.as_mut_ptr());
        (0..self.blocks().div_ceil(PANEL))
            .into_par_iter()
            .for_each(|panel| {
                let first = panel * PANEL;
                let gemm = Gemm {
                    rows: n,
                    inner: self.input_len(),
                    blocks: (self.blocks() - first).min(PANEL),
                    a: x.as_ptr(),
                    a_row: self.input_len(),
                    b: w[first * self.block()..].as_ptr(),
                    b_block: self.block(),
                    c: to.at(first * LANES),
                    c_row: self.output_len(),
                };
                // SAFETY: lengths are checked above, and the panel's outputs are this task's alone.
                unsafe {
                    gemm.run(isa);
                    for block in first..first + gemm.blocks {
                        for image in 0..n {
                            let at = image * self.blocks() + block;
                            let sums = to.at(at * LANES);
                            let finished = epilogue.finish(block, at, Portable::load(sums));
                            finished.store(sums);
                        }
                    }
                }
            });
    }

    /// Computes the gradient of the input, `[n, inputs]`, where the bits of `mask` are set.
    pub(crate) fn input_gradient(
        &self,
        isa: Isa,
        n: usize,
        dy: &[f32],
        w: &[f32],
        dx: &mut [f32],
        mask: Option<&[u16]>,
    ) {
        let (ins, outs) = (self.input_len(), self.output_len());
        assert!(mask.is_none_or(|m| m.len() * LANES >= n * ins));
        assert!(dx.len() >= n * ins);
        let to = Shared(dx.as_mut_ptr());
        (0..ins / LANES).into_par_iter().for_each(|block| {
            // Image after image, so that the weights of the block come from memory once.
            for image in 0..n {
                let at = image * (ins / LANES) + block;
                // SAFETY: the length is checked above, and the block of every image is this task's alone.
                let dx = unsafe { std::slice::from_raw_parts_mut(to.at(at * LANES), LANES) };
                let dy = &dy[image * outs..(image + 1) * outs];
                linear_input_gradient(isa, self.block(), block, w, dy, dx);
                if let Some(mask) = mask {
                    for (lane, dx) in dx.iter_mut().enumerate() {
                        *dx = if mask[at] >> lane & 1 == 1 { *dx } else { 0.0 };
                    }
                }
            }
        });
    }

    /// Computes the gradient of the weights, packed as they are, summed over `n` images.
    pub(crate) fn weight_gradient(
        &self,
        isa: Isa,
        n: usize,
        x: &[f32],
        dy: &[f32],
        dw: &mut [f32],
    ) {
        let walk = self.walk(n);
        dw.par_chunks_mut(self.block())
            .enumerate()
            .for_each(|(o, block)| {
                for (i, tile) in block.chunks_exact_mut(TAP).enumerate() {
                    let (x, dy) = (&x[i * LANES..], &dy[o * LANES..]);
                    tile.fill(0.0);
                    direct::weight_gradient(isa, &walk, LANES, x, dy, tile);
                }
            });
    }

    /// The images as the pixels of a convolution with one tap.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_packed_and_unpacked_in_every_order_of_inputs() {
        let plane = Layout {
            border: 0,
            ..Layout::bordered(32, 3, 2)
        };
        for input in [plane, Layout::vector(48)] {
            let linear = Linear { input, outputs: 21 };
            let plain: Vec<f32> = (1..=21 * linear.inputs()).map(|i| i as f32).collect();
            let packed = linear.pack(&plain);
            assert_ne!(packed[..plain.len()], plain[..]);
            assert_eq!(linear.unpack(&packed), plain);
        }
    }
}

//! What is known of a convolution by tiles before it runs: its shape, its tiles and its filters.

use rayon::prelude::*;

use super::tile::{F2, F4, Tile, TileSize};
use crate::cpu::{lanes::LANES, layout::Layout};

/// What a convolution by tiles is given for filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cpu) enum Filters {
    /// Those of [`Winograd::filters`] or [`Winograd::turned_filters`].
    Ready,
    /// The kernels as they are; filters are made of them at every pass.
    Fresh {
        /// Whether they are those of the convolution whose adjoint this is.
        turned: bool,
    },
}

/// A convolution of planes of one size by tiles.
#[derive(Clone, Debug)]
pub(in crate::cpu) struct Winograd {
    pub(in crate::cpu) input: Layout,
    pub(in crate::cpu) output: Layout,
    pub(in crate::cpu) size: TileSize,
    pub(in crate::cpu) filters: Filters,
    /// Tiles in a row of them.
    pub(super) across: usize,
    /// Tiles of an image.
    pub(super) tiles: usize,
}

impl Winograd {
    pub(in crate::cpu) fn new(
        input: Layout,
        output: Layout,
        size: TileSize,
        filters: Filters,
    ) -> Self {
        let across = output.width.div_ceil(size.outputs());
        Self {
            input,
            output,
            size,
            filters,
            across,
            tiles: across * output.height.div_ceil(size.outputs()),
        }
    }

    /// Floats of the transformed filters.
    pub(super) fn filters_len(&self) -> usize {
        self.size.points() * self.output.blocks() * self.filter_block()
    }

    /// Floats of the filters of one point and one block of output channels.
    pub(super) fn filter_block(&self) -> usize {
        self.input.channels * LANES
    }

    /// Transforms `[outputs, inputs, 3, 3]` to `[point, output block, input, output lane]`.
    pub(in crate::cpu) fn filters(&self, plain: &[f32]) -> Vec<f32> {
        match self.size {
            TileSize::Two => self.filters_with::<F2, 4, 2>(plain),
            TileSize::Four => self.filters_with::<F4, 6, 4>(plain),
        }
    }

    fn filters_with<T: Tile<N, M>, const N: usize, const M: usize>(
        &self,
        plain: &[f32],
    ) -> Vec<f32> {
        let (inputs, outputs) = (self.input.channels, self.output.channels);
        assert_eq!(plain.len(), inputs * outputs * 9);
        let mut filters = vec![0.0; self.filters_len()];
        let point = self.output.blocks() * self.filter_block();
        for (at, taps) in plain.as_chunks::<9>().0.iter().enumerate() {
            let (o, i) = (at / inputs, at % inputs);
            let to = o / LANES * self.filter_block() + i * LANES + o % LANES;
            let tap = |y: usize, x: usize| f64::from(taps[3 * y + x]);
            let rows: [[f64; N]; 3] =
                std::array::from_fn(|y| T::filter([tap(y, 0), tap(y, 1), tap(y, 2)]));
            for x in 0..N {
                let column = T::filter([rows[0][x], rows[1][x], rows[2][x]]);
                for (y, value) in column.into_iter().enumerate() {
                    filters[(y * N + x) * point + to] = value as f32;
                }
            }
        }
        filters
    }

    /// Filters of the adjoint, which `self` is, from those of the convolution: channels exchanged, points in the order
    /// in which a turned kernel has them.
    pub(in crate::cpu) fn turned_filters(&self, filters: &[f32]) -> Vec<f32> {
        match self.size {
            TileSize::Two => self.turned_with::<F2, 4, 2>(filters),
            TileSize::Four => self.turned_with::<F4, 6, 4>(filters),
        }
    }

    fn turned_with<T: Tile<N, M>, const N: usize, const M: usize>(
        &self,
        filters: &[f32],
    ) -> Vec<f32> {
        let (inputs, outputs) = (self.input.channels, self.output.channels);
        let from_point = inputs.div_ceil(LANES) * outputs * LANES;
        let mut turned = vec![0.0; self.filters_len()];
        let block = self.filter_block();
        turned
            .par_chunks_mut(block)
            .enumerate()
            .for_each(|(at, to)| {
                let (point, ob) = (at / self.output.blocks(), at % self.output.blocks());
                let from = T::TURNED[point / N] * N + T::TURNED[point % N];
                let from = &filters[from * from_point..][..from_point];
                for (i, to) in to.chunks_exact_mut(LANES).enumerate() {
                    let row = &from[i / LANES * outputs * LANES + i % LANES..];
                    for (lane, to) in to.iter_mut().enumerate() {
                        let o = ob * LANES + lane;
                        *to = if o < outputs { row[o * LANES] } else { 0.0 };
                    }
                }
            });
        turned
    }

    /// Floats between the values of one point and those of the next. The extra line spreads them over the cache, which
    /// holds few lines at distances that are powers of two.
    pub(super) fn point(layout: &Layout, tiles: usize) -> usize {
        tiles * layout.blocks() * LANES + LANES
    }

    /// Floats of the transformed input and of the products, of `tiles` tiles.
    pub(super) fn scratch_len(&self, tiles: usize) -> (usize, usize) {
        let points = self.size.points();
        (
            points * Self::point(&self.input, tiles),
            points * Self::point(&self.output, tiles),
        )
    }
}

//! The 3x3 convolution by Winograd's minimal filtering: 4 (F(4x4)) or 2.25 (F(2x2)) times fewer multiplications.
//!
//! Tiles of the input are transformed, at each of the 36 or 16 points a matrix product runs over the channels, and
//! the products are transformed back. Where there are many tiles, tasks take some of them through all three steps
//! while they are in the cache; where there are few and the filters are large, the steps follow each other and
//! each is shared out, so that every filter is read once. The sums are the same in both.

mod fresh;
mod kernel;
mod tile;

use std::{cell::RefCell, ops::Range};

use rayon::prelude::*;

use super::{
    aligned::Aligned,
    epilogue::{Epilogue, Source},
    gemm::Gemm,
    lanes::{Isa, LANES},
    layout::Layout,
    shared::Shared,
};
pub(super) use kernel::first_maximum;
use tile::{F2, F4, Tile};

/// Floats of both transformed arrays that a task works on: they should stay in the second-level cache.
const CHUNK_FLOATS: usize = 160 << 10;
/// Rows of the matrix product's tallest tile: chunks are multiples of it.
const ROWS: usize = 12;
/// Floats of both transformed arrays of a whole layer, up to which its steps may follow each other.
const STAGED_FLOATS: usize = 8 << 20;

/// Outputs of a tile in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileSize {
    /// F(2x2, 3x3).
    Two,
    /// F(4x4, 3x3).
    Four,
}

impl TileSize {
    fn outputs(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    fn points(self) -> usize {
        (self.outputs() + 2) * (self.outputs() + 2)
    }
}

/// What a convolution by tiles is given for filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filters {
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
pub(super) struct Winograd {
    pub(super) input: Layout,
    pub(super) output: Layout,
    pub(super) size: TileSize,
    pub(super) filters: Filters,
    /// Tiles in a row of them.
    across: usize,
    /// Tiles of an image.
    tiles: usize,
}

/// Arrays that a task works in.
struct Scratch<'a> {
    /// The transformed input, `[point, tile, channel]`.
    v: &'a mut [f32],
    /// The products, `[point, tile, channel]`.
    m: &'a mut [f32],
    /// Tiles that fit.
    tiles: usize,
}

impl Winograd {
    pub(super) fn new(input: Layout, output: Layout, size: TileSize, filters: Filters) -> Self {
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
    fn filter_block(&self) -> usize {
        self.input.channels * LANES
    }

    /// Transforms `[outputs, inputs, 3, 3]` to `[point, output block, input, output lane]`.
    pub(super) fn filters(&self, plain: &[f32]) -> Vec<f32> {
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
    pub(super) fn turned_filters(&self, filters: &[f32]) -> Vec<f32> {
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
    fn point(layout: &Layout, tiles: usize) -> usize {
        tiles * layout.blocks() * LANES + LANES
    }

    /// Floats of the transformed input and of the products, of so many tiles.
    fn scratch_len(&self, tiles: usize) -> (usize, usize) {
        let points = self.size.points();
        (
            points * Self::point(&self.input, tiles),
            points * Self::point(&self.output, tiles),
        )
    }

    /// Convolves `n` images.
    pub(super) fn run(
        &self,
        isa: Isa,
        n: usize,
        source: Source<'_>,
        filters: &[f32],
        y: &mut [f32],
        epilogue: Epilogue<'_>,
    ) {
        let call = kernel::Call::new(self, n, source, y, epilogue);
        let total = n * self.tiles;
        let per_tile = self.size.points() * LANES * (self.input.blocks() + self.output.blocks());
        if self.filters != Filters::Ready {
            let most = (STAGED_FLOATS / per_tile).max(1);
            for first in (0..total).step_by(most) {
                self.staged(isa, first..(first + most).min(total), filters, &call);
            }
            return;
        }
        assert!(filters.len() >= self.filters_len());
        let chunk = (CHUNK_FLOATS / per_tile).next_multiple_of(ROWS);
        let filters_pay = self.filters_len() > 2 * total.min(4 * chunk) * per_tile;
        let many = total >= 2 * chunk * rayon::current_num_threads() && !filters_pay;
        if !many && total * per_tile <= STAGED_FLOATS {
            return self.staged(isa, 0..total, filters, &call);
        }
        let chunks = total.div_ceil(chunk);
        (0..chunks).into_par_iter().for_each(|at| {
            let tiles = at * chunk..((at + 1) * chunk).min(total);
            self.with_scratch(chunk, |s| {
                for block in 0..self.input.blocks() {
                    // SAFETY: the scratch holds a chunk of tiles, and they are this task's alone.
                    unsafe { call.scatter(isa, block, tiles.clone(), s.v.as_mut_ptr(), s.tiles) };
                }
                for point in 0..self.size.points() {
                    let all = 0..self.output.blocks();
                    let m = s.m.as_mut_ptr();
                    // SAFETY: as above.
                    unsafe {
                        self.product(point, all, tiles.len(), filters, s.v, m, s.tiles)
                            .run(isa)
                    };
                }
                for block in 0..self.output.blocks() {
                    // SAFETY: as above.
                    unsafe { call.gather(isa, block, tiles.clone(), s.m.as_ptr(), s.tiles) };
                }
            });
        });
    }

    /// Some tiles, step after step, each by all threads.
    fn staged(&self, isa: Isa, tiles: Range<usize>, filters: &[f32], call: &kernel::Call<'_>) {
        let (origin, total) = (tiles.start, tiles.len());
        let strips = (16 / self.input.blocks().min(self.output.blocks()).max(1)).clamp(1, total);
        let strip = |at: usize| at * total / strips..(at + 1) * total / strips;
        self.with_scratch(total, |s| {
            let v = Shared(s.v.as_mut_ptr());
            (0..self.input.blocks() * strips)
                .into_par_iter()
                .for_each(|at| {
                    let tiles = strip(at % strips);
                    let row = self.input.blocks() * LANES;
                    let to = v.at(tiles.start * row);
                    let tiles = origin + tiles.start..origin + tiles.end;
                    // SAFETY: the scratch holds all tiles; a block and a strip of them are this task's alone.
                    unsafe { call.scatter(isa, at / strips, tiles, to, s.tiles) };
                });
            let m = Shared(s.m.as_mut_ptr());
            match self.filters {
                Filters::Ready => self.products(isa, total, filters, s.v, m, s.tiles),
                Filters::Fresh { turned } => {
                    self.fresh_products(isa, total, (filters, turned), s.v, m, s.tiles);
                }
            }
            (0..self.output.blocks() * strips)
                .into_par_iter()
                .for_each(|at| {
                    let tiles = strip(at % strips);
                    let row = self.output.blocks() * LANES;
                    let from = m.at(tiles.start * row);
                    let tiles = origin + tiles.start..origin + tiles.end;
                    // SAFETY: as the first step.
                    unsafe { call.gather(isa, at / strips, tiles, from, s.tiles) };
                });
        });
    }

    /// All products, shared out by point and panel of output blocks.
    fn products(&self, isa: Isa, rows: usize, filters: &[f32], v: &[f32], m: Shared, tiles: usize) {
        let panels = self.output.blocks().div_ceil(4);
        (0..self.size.points() * panels)
            .into_par_iter()
            .for_each(|at| {
                let first = at % panels * 4;
                let blocks = first..(first + 4).min(self.output.blocks());
                // SAFETY: a point and some output blocks are this task's alone.
                unsafe {
                    self.product(at / panels, blocks, rows, filters, v, m.at(0), tiles)
                        .run(isa)
                };
            });
    }

    /// All products, shared out by output block, whose filters the task makes.
    fn fresh_products(
        &self,
        isa: Isa,
        rows: usize,
        (plain, turned): (&[f32], bool),
        v: &[f32],
        m: Shared,
        tiles: usize,
    ) {
        (0..self.output.blocks()).into_par_iter().for_each(|block| {
            self.with_fresh(isa, plain, turned, block, |filters| {
                for point in 0..self.size.points() {
                    let one = block..block + 1;
                    let gemm = Gemm {
                        b: filters[point * self.fresh_point()..].as_ptr(),
                        ..self.product(point, one, rows, &[], v, m.at(0), tiles)
                    };
                    // SAFETY: an output block is this task's alone, and the filters hold every point of it.
                    unsafe { gemm.run(isa) };
                }
            });
        });
    }

    /// The matrix product of a point, for some blocks of output channels.
    #[allow(clippy::too_many_arguments, reason = "where it reads and writes")]
    fn product(
        &self,
        point: usize,
        blocks: Range<usize>,
        rows: usize,
        filters: &[f32],
        v: &[f32],
        m: *mut f32,
        tiles: usize,
    ) -> Gemm {
        let (ins, outs) = (self.input.blocks() * LANES, self.output.blocks() * LANES);
        let first = (point * self.output.blocks() + blocks.start) * self.filter_block();
        let c = point * Self::point(&self.output, tiles) + blocks.start * LANES;
        Gemm {
            rows,
            inner: self.input.channels,
            blocks: blocks.len(),
            a: v[point * Self::point(&self.input, tiles)..].as_ptr(),
            a_row: ins,
            b: filters.as_ptr().wrapping_add(first),
            b_block: self.filter_block(),
            c: m.wrapping_add(c),
            c_row: outs,
        }
    }

    /// Runs with this thread's scratch, which is made once and grows.
    fn with_scratch<R>(&self, tiles: usize, work: impl FnOnce(Scratch<'_>) -> R) -> R {
        thread_local! {
            static SCRATCH: RefCell<Aligned> = RefCell::default();
        }
        // Taken out, so that a task which this thread steals meanwhile finds none rather than this one.
        let mut floats = SCRATCH.take();
        let (v, m) = self.scratch_len(tiles);
        if floats.len() < v + m {
            floats = Aligned::zeros(v + m);
        }
        let (left, right) = floats.split_at_mut(v);
        let result = work(Scratch {
            v: left,
            m: right,
            tiles,
        });
        SCRATCH.set(floats);
        result
    }
}

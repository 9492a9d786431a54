//! The 3x3 convolution by Winograd's minimal filtering: 4 (F(4x4)) or 2.25 (F(2x2)) times fewer multiplications.
//!
//! Tiles of the input are transformed, at each of the 36 or 16 points a matrix product runs over the channels, and
//! the products are transformed back. Where there are many tiles, tasks take some of them through all three steps
//! while they are in the cache; where there are few and the filters are large, the steps follow each other and
//! each is shared out, so that every filter is read once. The sums are the same in both.

mod fresh;
mod kernel;
mod plan;
mod tile;

use std::{cell::RefCell, ops::Range};

use rayon::prelude::*;

use super::{
    aligned::Aligned,
    epilogue::{Epilogue, Source},
    gemm::Gemm,
    lanes::{Isa, LANES},
    shared::Shared,
};
pub(super) use kernel::first_maximum;
pub(super) use plan::{Filters, Winograd};
pub use tile::TileSize;

/// Floats of both transformed arrays that a task works on: they should stay in the second-level cache.
const CHUNK_FLOATS: usize = 160 << 10;
/// Rows of the matrix product's tallest tile: chunks are multiples of it.
const ROWS: usize = 12;
/// Floats of both transformed arrays of a whole layer, up to which its steps may follow each other.
const STAGED_FLOATS: usize = 8 << 20;

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
        let c = point * Winograd::point(&self.output, tiles) + blocks.start * LANES;
        Gemm {
            rows,
            inner: self.input.channels,
            blocks: blocks.len(),
            a: v[point * Winograd::point(&self.input, tiles)..].as_ptr(),
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
        // Taken out, so that a task that this thread steals in the meantime does not share it.
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

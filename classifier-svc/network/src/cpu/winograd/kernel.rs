//! Tiles from planes and back: the two transforms with what is fused into them.

use std::marker::PhantomData;
use std::ops::Range;

use super::{
    plan::Winograd,
    tile::{F2, F4, Tile, TileSize},
};
use crate::cpu::{
    epilogue::{Bits, Epilogue, Source},
    lanes::{Isa, LANES, Lanes, per_isa},
    layout::Layout,
};

/// One convolution: where it reads and where it writes.
pub(super) struct Call<'a> {
    plan: &'a Winograd,
    source: Source<'a>,
    y: *mut f32,
    /// Layout of what is written.
    written: Layout,
    epilogue: Epilogue<'a>,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: every task writes pixels that no other task touches.
unsafe impl Sync for Call<'_> {}

impl<'a> Call<'a> {
    /// Panics where an array is too short for `n` images.
    pub(super) fn new(
        plan: &'a Winograd,
        n: usize,
        source: Source<'a>,
        y: &'a mut [f32],
        epilogue: Epilogue<'a>,
    ) -> Self {
        let written = match epilogue {
            Epilogue::BiasReluPool(_, _, pooled) => {
                assert!(pooled == plan.output.pooled(pooled.border));
                pooled
            }
            _ => plan.output,
        };
        match source {
            Source::Planes(x) => assert!(x.len() >= n * plan.input.len()),
            Source::Unpooled {
                layout,
                values,
                bits,
            } => {
                assert!(values.len() >= n * layout.len() && bits.len() >= n * plan.input.bits());
                assert!(layout.blocks() == plan.input.blocks());
                assert!(
                    layout.height == plan.input.height / 2 && layout.width == plan.input.width / 2
                );
            }
        }
        assert!(y.len() >= n * written.len());
        epilogue.check(plan.output.blocks() * LANES, n * plan.output.bits());
        Self {
            plan,
            source,
            y: y.as_mut_ptr(),
            written,
            epilogue,
            lifetime: PhantomData,
        }
    }

    /// Transforms some tiles of a block of input channels into `v`, which begins at the first of them and was laid
    /// out for `room` tiles.
    ///
    /// # Safety
    /// `v` must be valid for that and nobody else's, `tiles` those of the images, and the processor have `isa`.
    pub(super) unsafe fn scatter(
        &self,
        isa: Isa,
        block: usize,
        tiles: Range<usize>,
        v: *mut f32,
        room: usize,
    ) {
        let task = Task {
            call: self,
            block,
            tiles,
            row: self.plan.input.blocks() * LANES,
            point: Winograd::point(&self.plan.input, room),
        };
        scatter(isa, &task, v);
    }

    /// Transforms the products of some tiles of a block of output channels back, and finishes and stores the sums.
    ///
    /// # Safety
    /// As [`Call::scatter`]; the pixels must be nobody else's.
    pub(super) unsafe fn gather(
        &self,
        isa: Isa,
        block: usize,
        tiles: Range<usize>,
        m: *const f32,
        room: usize,
    ) {
        let task = Task {
            call: self,
            block,
            tiles,
            row: self.plan.output.blocks() * LANES,
            point: Winograd::point(&self.plan.output, room),
        };
        gather(isa, &task, m);
    }
}

per_isa! {
    /// See [`Call::scatter`].
    fn scatter<L>(task: &Task<'_>, v: *mut f32) -> () {
        task.scatter::<L>(v);
    }
}

per_isa! {
    /// See [`Call::gather`].
    fn gather<L>(task: &Task<'_>, m: *const f32) -> () {
        task.gather::<L>(m);
    }
}

/// Some tiles of one block of channels.
struct Task<'a> {
    call: &'a Call<'a>,
    block: usize,
    tiles: Range<usize>,
    /// Floats from a tile to the next in the transformed array.
    row: usize,
    /// Floats from a point to the next.
    point: usize,
}

/// Where a tile lies.
struct Place {
    image: usize,
    /// First output row and column.
    y: usize,
    x: usize,
    /// Whether all of its outputs are in the plane.
    whole: bool,
}

impl Task<'_> {
    fn place(&self, tile: usize, outputs: usize) -> Place {
        let plan = self.call.plan;
        let (image, tile) = (tile / plan.tiles, tile % plan.tiles);
        let (y, x) = (tile / plan.across * outputs, tile % plan.across * outputs);
        Place {
            image,
            y,
            x,
            whole: y + outputs <= plan.output.height && x + outputs <= plan.output.width,
        }
    }

    #[inline(always)]
    unsafe fn scatter<L: Lanes>(&self, v: *mut f32) {
        // SAFETY: the caller's contract.
        unsafe {
            match self.call.plan.size {
                TileSize::Two => self.scatter_with::<L, F2, 4, 2>(v),
                TileSize::Four => self.scatter_with::<L, F4, 6, 4>(v),
            }
        }
    }

    #[inline(always)]
    unsafe fn scatter_with<L: Lanes, T: Tile<N, M>, const N: usize, const M: usize>(
        &self,
        v: *mut f32,
    ) {
        let layout = &self.call.plan.input;
        for (i, tile) in self.tiles.clone().enumerate() {
            let place = self.place(tile, M);
            let block = place.image * layout.blocks() + self.block;
            // SAFETY: `Call::new` has checked that the arrays hold every image; a whole tile lies within the border.
            unsafe {
                let to = v.add(i * self.row + self.block * LANES);
                match self.call.source {
                    Source::Planes(x) => {
                        let plane = x.as_ptr().add(block * layout.plane());
                        let corner = plane.add(place.y * layout.row() + place.x * LANES);
                        if place.whole {
                            self.transform::<L, T, N, M>(to, |r, c| {
                                L::load(corner.add(r * layout.row() + c * LANES))
                            });
                        } else {
                            self.transform::<L, T, N, M>(to, |r, c| {
                                let inside = place.y + r < layout.height + 2
                                    && place.x + c < layout.width + 2;
                                if inside {
                                    L::load(corner.add(r * layout.row() + c * LANES))
                                } else {
                                    L::splat(0.0)
                                }
                            });
                        }
                    }
                    Source::Unpooled {
                        layout: pooled,
                        values,
                        bits,
                    } => {
                        let values = values.as_ptr().add(block * pooled.plane());
                        let bits = bits.as_ptr().add(block * layout.height * layout.width);
                        self.transform::<L, T, N, M>(to, |r, c| {
                            // Row and column of the pixel, which begin one before the outputs.
                            let (y, x) = (place.y + r, place.x + c);
                            let inside = (1..=2 * pooled.height).contains(&y)
                                && (1..=2 * pooled.width).contains(&x);
                            if !inside {
                                return L::splat(0.0);
                            }
                            let (y, x) = (y - 1, x - 1);
                            let value = L::load(values.add(pooled.pixel(y / 2, x / 2)));
                            value.select(*bits.add(y * layout.width + x), L::splat(0.0))
                        });
                    }
                }
            }
        }
    }

    /// Transforms the tile that `load` gives by row and column.
    #[inline(always)]
    unsafe fn transform<L: Lanes, T: Tile<N, M>, const N: usize, const M: usize>(
        &self,
        to: *mut f32,
        load: impl Fn(usize, usize) -> L,
    ) {
        // SAFETY: `to` holds this tile at every point.
        unsafe {
            let mut rows = [[L::splat(0.0); N]; N];
            for c in 0..N {
                let column = T::input(std::array::from_fn(|r| load(r, c)));
                for (row, value) in rows.iter_mut().zip(column) {
                    row[c] = value;
                }
            }
            for (r, row) in rows.into_iter().enumerate() {
                for (c, value) in T::input(row).into_iter().enumerate() {
                    value.store(to.add((r * N + c) * self.point));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn gather<L: Lanes>(&self, m: *const f32) {
        // SAFETY: the caller's contract.
        unsafe {
            match self.call.plan.size {
                TileSize::Two => self.gather_with::<L, F2, 4, 2>(m),
                TileSize::Four => self.gather_with::<L, F4, 6, 4>(m),
            }
        }
    }

    #[inline(always)]
    unsafe fn gather_with<L: Lanes, T: Tile<N, M>, const N: usize, const M: usize>(
        &self,
        m: *const f32,
    ) {
        for (i, tile) in self.tiles.clone().enumerate() {
            let place = self.place(tile, M);
            // SAFETY: the caller's contract.
            unsafe {
                let from = m.add(i * self.row + self.block * LANES);
                let mut rows = [[L::splat(0.0); N]; M];
                for c in 0..N {
                    let load = |r: usize| L::load(from.add((r * N + c) * self.point));
                    let column = T::output(std::array::from_fn(load));
                    for (row, value) in rows.iter_mut().zip(column) {
                        row[c] = value;
                    }
                }
                if let Epilogue::BiasReluPool(bias, bits, _) = self.call.epilogue {
                    let bias = L::load(bias.as_ptr().add(self.block * LANES));
                    for r in 0..M / 2 {
                        // Loops rather than closures, which might be compiled without the instructions.
                        let mut sums = [T::output(rows[2 * r]), T::output(rows[2 * r + 1])];
                        for sum in sums.iter_mut().flatten() {
                            *sum = sum.add(bias).relu();
                        }
                        self.pool::<L, M>(&place, r, sums, bits);
                    }
                } else {
                    for (r, row) in rows.into_iter().enumerate() {
                        let sums = T::output(row);
                        if place.whole {
                            self.finish::<L, M>(&place, r, M, sums);
                        } else if place.y + r < self.call.plan.output.height {
                            let width = (self.call.plan.output.width - place.x).min(M);
                            self.finish::<L, M>(&place, r, width, sums);
                        }
                    }
                }
            }
        }
    }

    /// Index of the bits of a pixel of this block.
    fn bit(&self, place: &Place, y: usize, x: usize) -> usize {
        let layout = &self.call.plan.output;
        let plane = place.image * layout.blocks() + self.block;
        (plane * layout.height + y) * layout.width + x
    }

    /// Stores the first `width` pixels of a row of outputs.
    #[inline(always)]
    unsafe fn finish<L: Lanes, const M: usize>(
        &self,
        place: &Place,
        r: usize,
        width: usize,
        sums: [L; M],
    ) {
        let layout = &self.call.plan.output;
        let plane = place.image * layout.blocks() + self.block;
        let bit = self.bit(place, place.y + r, place.x);
        // SAFETY: the pixels are within the plane, and `Call::new` has checked the arrays.
        unsafe {
            let to = self
                .call
                .y
                .add(plane * layout.plane() + layout.pixel(place.y + r, place.x));
            for (c, sum) in sums.into_iter().enumerate().take(width) {
                let value = self.call.epilogue.finish(self.block, bit + c, sum);
                value.store(to.add(c * LANES));
            }
        }
    }

    /// Stores the maxima of the windows of two rows of activations, and which pixels they are.
    #[inline(always)]
    unsafe fn pool<L: Lanes, const M: usize>(
        &self,
        place: &Place,
        r: usize,
        [upper, lower]: [[L; M]; 2],
        bits: Bits<'_>,
    ) {
        let (output, pooled) = (&self.call.plan.output, &self.call.written);
        let plane = place.image * output.blocks() + self.block;
        let (y, x) = (place.y / 2 + r, place.x / 2);
        for c in 0..M / 2 {
            // Every pixel of the plane has bits, also those of an odd last row or column, which no window has.
            if y >= pooled.height || x + c >= pooled.width {
                // SAFETY: as `finish`.
                unsafe { self.clear(place, 2 * y, 2 * (x + c), bits) };
                continue;
            }
            // SAFETY: as `finish`.
            unsafe {
                let window = [
                    upper[2 * c],
                    upper[2 * c + 1],
                    lower[2 * c],
                    lower[2 * c + 1],
                ];
                let (value, routes) = first_maximum(window);
                let to = plane * pooled.plane() + pooled.pixel(y, x + c);
                value.store(self.call.y.add(to));
                let bit = self.bit(place, 2 * y, 2 * (x + c));
                bits.set(bit, routes[0]);
                bits.set(bit + 1, routes[1]);
                bits.set(bit + output.width, routes[2]);
                bits.set(bit + output.width + 1, routes[3]);
            }
        }
    }

    /// Clears the bits of those pixels of a window that are in the plane.
    unsafe fn clear(&self, place: &Place, y: usize, x: usize, bits: Bits<'_>) {
        let layout = &self.call.plan.output;
        for (y, x) in [(y, x), (y, x + 1), (y + 1, x), (y + 1, x + 1)] {
            if y < layout.height && x < layout.width {
                // SAFETY: the pixel is within the plane.
                unsafe { bits.set(self.bit(place, y, x), 0) };
            }
        }
    }
}

/// The maximum of a window, and for each of its pixels whether it is the first maximum and above 0.
///
/// # Safety
/// As [`Lanes`].
#[inline(always)]
pub(in crate::cpu) unsafe fn first_maximum<L: Lanes>([a, b, c, d]: [L; 4]) -> (L, [u16; 4]) {
    // SAFETY: the caller's contract.
    unsafe {
        let right = b.exceeds(a);
        let upper = b.select(right, a);
        let lower_right = d.exceeds(c);
        let lower = d.select(lower_right, c);
        let down = lower.exceeds(upper);
        let value = lower.select(down, upper);
        let positive = value.exceeds(L::splat(0.0));
        let (up, down) = (positive & !down, positive & down);
        (
            value,
            [
                up & !right,
                up & right,
                down & !lower_right,
                down & lower_right,
            ],
        )
    }
}

//! Filters that are transformed anew at every pass, from the kernels as they are.
//!
//! Transformed filters are 1.8 or 4 times as large as the kernels, and the adjoint has its own. Of a layer with many
//! channels, reading them takes longer than making them: so a block of output channels has its filters made where it
//! uses them, in the cache, and both directions read the same kernels.

use std::cell::RefCell;

use super::{
    plan::Winograd,
    tile::{F2, F4, Tile, TileSize},
};
use crate::cpu::{
    aligned::Aligned,
    lanes::{Isa, LANES, Lanes, per_isa},
};

impl Winograd {
    /// Floats from the fresh filters of a point to those of the next. The extra line spreads them over the cache, as
    /// that of the transformed input does.
    pub(super) fn fresh_point(&self) -> usize {
        self.filter_block() + LANES
    }

    /// Gives `work` the filters of a block of output channels, `[point, input, output lane]`, from `plain`, the kernels
    /// of the convolution, `[outputs, inputs, 3, 3]`, of which this may be the adjoint.
    pub(super) fn with_fresh<R>(
        &self,
        isa: Isa,
        plain: &[f32],
        turned: bool,
        block: usize,
        work: impl FnOnce(&[f32]) -> R,
    ) -> R {
        thread_local! {
            static FILTERS: RefCell<Aligned> = RefCell::default();
        }
        let mut filters = FILTERS.take();
        let len = self.size.points() * self.fresh_point();
        if filters.len() < len {
            filters = Aligned::zeros(len);
        }
        let kernels = Kernels {
            plain,
            turned,
            inputs: self.input.channels,
            outputs: self.output.channels,
            point: self.fresh_point(),
        };
        assert!(plain.len() >= 9 * kernels.inputs * kernels.outputs);
        transform(isa, self.size, &kernels, block, &mut filters[..len]);
        let result = work(&filters[..len]);
        FILTERS.set(filters);
        result
    }
}

/// Kernels as they are, and which way round they are read.
struct Kernels<'a> {
    plain: &'a [f32],
    /// Whether they are those of the adjoint: turned by half, channels exchanged.
    turned: bool,
    inputs: usize,
    outputs: usize,
    /// See [`Winograd::fresh_point`].
    point: usize,
}

impl Kernels<'_> {
    /// The taps between an input and a block of outputs, which lie in lanes; zero beyond the last output.
    #[inline(always)]
    fn taps(&self, input: usize, block: usize) -> [[f32; LANES]; 9] {
        let first = block * LANES;
        let mut taps = [[0.0; LANES]; 9];
        for lane in 0..LANES.min(self.outputs - first) {
            let output = first + lane;
            let at = match self.turned {
                true => input * self.outputs + output,
                false => output * self.inputs + input,
            };
            let kernel = &self.plain[9 * at..][..9];
            for (tap, row) in taps.iter_mut().enumerate() {
                row[lane] = kernel[if self.turned { 8 - tap } else { tap }];
            }
        }
        taps
    }
}

per_isa! {
    fn transform<L>(size: TileSize, kernels: &Kernels<'_>, block: usize, filters: &mut [f32]) -> () {
        match size {
            TileSize::Two => transform_with::<L, F2, 4, 2>(kernels, block, filters),
            TileSize::Four => transform_with::<L, F4, 6, 4>(kernels, block, filters),
        }
    }
}

#[inline(always)]
unsafe fn transform_with<L: Lanes, T: Tile<N, M>, const N: usize, const M: usize>(
    kernels: &Kernels<'_>,
    block: usize,
    filters: &mut [f32],
) {
    let point = kernels.point;
    assert!(filters.len() >= N * N * point);
    for input in 0..kernels.inputs {
        let taps = kernels.taps(input, block);
        // SAFETY: the caller's contract; the filters have room for every point.
        unsafe {
            let to = filters.as_mut_ptr().add(input * LANES);
            let mut columns = [[L::splat(0.0); 3]; N];
            for y in 0..3 {
                let load = |x: usize| L::load(taps[3 * y + x].as_ptr());
                let row = T::filters([load(0), load(1), load(2)]);
                for (column, value) in columns.iter_mut().zip(row) {
                    column[y] = value;
                }
            }
            for (x, column) in columns.into_iter().enumerate() {
                let column = T::filters(column);
                for (y, value) in column.into_iter().enumerate() {
                    value.store(to.add((y * N + x) * point));
                }
            }
        }
    }
}

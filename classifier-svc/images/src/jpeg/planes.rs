//! The planes of a frame: where the blocks of a component are, and what is kept of each.

use super::headers::{Component, Frame, Process};
use super::idct::Idct;

/// From the order in which coefficients are coded to their place in a block, row by row.
#[rustfmt::skip]
pub(super) const PLACES: [u8; 64] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Not kept.
pub(super) const DROPPED: u8 = 255;

/// A component's blocks.
pub(super) struct Plane {
    pub(super) component: Component,
    /// Blocks, across and down: those with samples of the image, and those that are coded.
    pub(super) used: [usize; 2],
    coded: [usize; 2],
    /// Samples of each block that are kept, across and down; 0 where the scan is only walked over.
    pub(super) kept: [usize; 2],
    /// Where each coefficient goes in the `kept` lowest ones, or [`DROPPED`].
    pub(super) slots: [u8; 64],
    /// Progressive: kept coefficients of all blocks, and which of all 64 are not zero.
    pub(super) coefficients: Vec<i16>,
    pub(super) nonzero: Vec<u64>,
    /// Samples, in rows of `row` each.
    pub(super) samples: Vec<u8>,
    pub(super) row: usize,
    /// Samples for so many pixels of the image, across and down.
    steps: [[usize; 2]; 2],
    /// Which coefficients are complete, and which have begun.
    pub(super) complete: u64,
    pub(super) begun: u64,
}

impl Plane {
    fn new(frame: &Frame, component: Component, by: usize, kept: [usize; 2]) -> Self {
        let [across, down] = frame.sampling();
        let blocks = |side: usize, factor: usize, most: usize| (side * factor).div_ceil(most * 8);
        let coded = |side: usize, factor: usize, most: usize| side.div_ceil(most * 8) * factor;
        let (w, h, c) = (frame.width, frame.height, component);
        let coded = [coded(w, c.across, across), coded(h, c.down, down)];
        let count = coded[0] * coded[1];
        let values = count * kept[0] * kept[1];
        let progressive = frame.process == Process::Progressive;
        let mut slots = [DROPPED; 64];
        for (slot, place) in slots.iter_mut().zip(PLACES.map(usize::from)) {
            let (x, y) = (place % 8, place / 8);
            if x < kept[0] && y < kept[1] {
                *slot = (y * kept[0] + x) as u8;
            }
        }
        Self {
            component,
            used: [blocks(w, c.across, across), blocks(h, c.down, down)],
            coded,
            kept,
            slots,
            coefficients: vec![0; if progressive { values } else { 0 }],
            nonzero: vec![0; if progressive { count } else { 0 }],
            samples: vec![0; if progressive { 0 } else { values }],
            row: coded[0] * kept[0],
            steps: [
                [kept[0] * c.across, (8 / by).max(1) * across],
                [kept[1] * c.down, (8 / by).max(1) * down],
            ],
            complete: 0,
            begun: 0,
        }
    }

    /// The planes of a frame, for a walk that keeps nothing.
    pub(super) fn walked(frame: &Frame) -> Vec<Self> {
        let components = frame.components.iter();
        components
            .map(|&c| Self::new(frame, c, 1, [0, 0]))
            .collect()
    }

    /// The planes of a frame reduced by `by` a side. A component with fewer samples keeps more of each block.
    pub(super) fn reduced(frame: &Frame, by: usize) -> Vec<Self> {
        let [across, down] = frame.sampling();
        let kept = |most: usize, factor: usize| {
            let wanted = 8 * most / (by * factor);
            // Powers of two, so that rows and columns lie on those of the other components.
            let power = if wanted < 2 { 1 } else { 1 << wanted.ilog2() };
            power.min(8)
        };
        let plane =
            |&c: &Component| Self::new(frame, c, by, [kept(across, c.across), kept(down, c.down)]);
        frame.components.iter().map(plane).collect()
    }

    /// Number of a block.
    pub(super) fn block(&self, x: usize, y: usize) -> usize {
        y * self.coded[0] + x
    }

    /// Writes the samples of a block from its kept coefficients.
    pub(super) fn draw(&mut self, block: usize, coefficients: &[i16], idct: &Idct) {
        let (x, y) = (block % self.coded[0], block / self.coded[0]);
        let at = y * self.kept[1] * self.row + x * self.kept[0];
        idct.draw(coefficients, &mut self.samples[at..], self.row);
    }

    /// Writes the samples of all blocks from the coefficients of a progressive frame, and forgets those.
    pub(super) fn draw_all(&mut self, idct: &Idct) {
        self.nonzero = Vec::new();
        let coefficients = std::mem::take(&mut self.coefficients);
        self.samples = vec![0; coefficients.len()];
        let size = self.kept[0] * self.kept[1];
        for (block, values) in coefficients.chunks_exact(size.max(1)).enumerate() {
            self.draw(block, values, idct);
        }
    }

    /// The `width` samples of row `y` of the image; in `repeated` where the image has more than the plane.
    pub(super) fn row_of<'a>(
        &'a self,
        y: usize,
        width: usize,
        repeated: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        let [across, down] = self.steps;
        let last = (self.used[1] * self.kept[1]).saturating_sub(1);
        let from = (y * down[0] / down[1]).min(last) * self.row;
        let samples = &self.samples[from..from + self.used[0] * self.kept[0]];
        if across[0] == across[1] && width <= samples.len() {
            return &samples[..width];
        }
        let last = samples.len().saturating_sub(1);
        repeated.clear();
        repeated.extend((0..width).map(|x| samples[(x * across[0] / across[1]).min(last)]));
        repeated
    }
}

//! How activations lie in memory: blocks of sixteen channels, each a plane with a border of zeros.
//!
//! One image of `channels x height x width` is `[channels / 16, height + 2, width + 2, 16]`. The border makes a
//! 3x3 convolution with padding 1 the same loop everywhere; the sixteen channels of a pixel are one register.

use super::lanes::LANES;

/// Shape of an activation in blocked layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Channels that mean something; the last block is filled up with zeros.
    pub(crate) channels: usize,
    /// Rows, without the border.
    pub(crate) height: usize,
    /// Columns, without the border.
    pub(crate) width: usize,
    /// Width of the border of zeros, 0 or 1.
    pub(crate) border: usize,
}

impl Layout {
    /// Planes with the border that a convolution wants.
    pub(crate) fn bordered(channels: usize, height: usize, width: usize) -> Self {
        Self {
            channels,
            height,
            width,
            border: 1,
        }
    }

    /// A vector of features.
    pub(crate) fn vector(channels: usize) -> Self {
        Self {
            channels,
            height: 1,
            width: 1,
            border: 0,
        }
    }

    /// Number of blocks of sixteen channels.
    pub(crate) fn blocks(&self) -> usize {
        self.channels.div_ceil(LANES)
    }

    /// Floats of one row of one block.
    pub(crate) fn row(&self) -> usize {
        (self.width + 2 * self.border) * LANES
    }

    /// Floats of one block.
    pub(crate) fn plane(&self) -> usize {
        (self.height + 2 * self.border) * self.row()
    }

    /// Floats of one image.
    pub(crate) fn len(&self) -> usize {
        self.blocks() * self.plane()
    }

    /// Bits of one image: sixteen for each pixel of each block, held as one number.
    pub(crate) fn bits(&self) -> usize {
        self.blocks() * self.height * self.width
    }

    /// What a 2x2 max-pooling makes of it, with a border of its own; an odd last row or column is dropped.
    pub(crate) fn pooled(&self, border: usize) -> Self {
        Self {
            height: self.height / 2,
            width: self.width / 2,
            border,
            ..*self
        }
    }

    /// Makes the border of `n` images zero.
    pub(crate) fn clear_border(&self, n: usize, blocked: &mut [f32]) {
        if self.border == 0 {
            return;
        }
        let (row, edge) = (self.row(), self.border * LANES);
        for plane in blocked[..n * self.len()].chunks_exact_mut(self.plane()) {
            let (top, rest) = plane.split_at_mut(self.border * row);
            let (rows, bottom) = rest.split_at_mut(self.height * row);
            top.fill(0.0);
            bottom.fill(0.0);
            for row in rows.chunks_exact_mut(row) {
                row[..edge].fill(0.0);
                row[self.width * LANES + edge..].fill(0.0);
            }
        }
    }

    /// Where each pixel lies within a plane, row by row.
    pub(crate) fn pixel_offsets(&self) -> Vec<usize> {
        (0..self.height * self.width)
            .map(|i| self.pixel(i / self.width, i % self.width))
            .collect()
    }

    /// Where a pixel lies within a plane.
    pub(crate) fn pixel(&self, y: usize, x: usize) -> usize {
        (y + self.border) * self.row() + (x + self.border) * LANES
    }

    /// Writes one image `[channels, height, width]` into blocked layout. Border and filling stay untouched.
    pub(crate) fn pack(&self, plain: &[f32], blocked: &mut [f32]) {
        let (area, row) = (self.height * self.width, self.width * LANES);
        for (c, plain) in plain.chunks_exact(area).take(self.channels).enumerate() {
            let plane = &mut blocked[c / LANES * self.plane()..][..self.plane()];
            for (y, plain) in plain.chunks_exact(self.width).enumerate() {
                let row = &mut plane[self.pixel(y, 0)..][..row];
                for (pixel, x) in row.as_chunks_mut::<LANES>().0.iter_mut().zip(plain) {
                    pixel[c % LANES] = *x;
                }
            }
        }
    }

    /// Reads one image `[channels, height, width]` out of blocked layout.
    pub(crate) fn unpack(&self, blocked: &[f32], plain: &mut [f32]) {
        let (area, row) = (self.height * self.width, self.width * LANES);
        for (c, plain) in plain.chunks_exact_mut(area).take(self.channels).enumerate() {
            let plane = &blocked[c / LANES * self.plane()..][..self.plane()];
            for (y, plain) in plain.chunks_exact_mut(self.width).enumerate() {
                let row = &plane[self.pixel(y, 0)..][..row];
                for (pixel, x) in row.as_chunks::<LANES>().0.iter().zip(plain) {
                    *x = pixel[c % LANES];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_every_value_and_the_border() {
        let layout = Layout::bordered(18, 3, 5);
        let plain: Vec<f32> = (1..=18 * 15).map(|i| i as f32).collect();
        let mut blocked = vec![0.0; layout.len()];
        layout.pack(&plain, &mut blocked);
        assert_eq!(blocked.iter().filter(|&&x| x != 0.0).count(), plain.len());
        assert!(blocked[..layout.row()].iter().all(|&x| x == 0.0));
        let mut back = vec![0.0; plain.len()];
        layout.unpack(&blocked, &mut back);
        assert_eq!(back, plain);
    }
}

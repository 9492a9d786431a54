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
        let area = self.height * self.width;
        let offsets = self.pixel_offsets();
        for c in 0..self.channels {
            let base = c / LANES * self.plane() + c % LANES;
            for (i, &offset) in offsets.iter().enumerate() {
                blocked[base + offset] = plain[c * area + i];
            }
        }
    }

    /// Reads one image `[channels, height, width]` out of blocked layout.
    pub(crate) fn unpack(&self, blocked: &[f32], plain: &mut [f32]) {
        let area = self.height * self.width;
        let offsets = self.pixel_offsets();
        for c in 0..self.channels {
            let base = c / LANES * self.plane() + c % LANES;
            for (i, &offset) in offsets.iter().enumerate() {
                plain[c * area + i] = blocked[base + offset];
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

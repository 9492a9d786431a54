//! Blocks of pixels as channels: a face of `S` pixels as planes of `S / fold`, with the pixels of a block beside each other
//! (space to depth), and back (Shi et al. 2016). So the layers at the image's own size, the dearest, are saved.

use rayon::prelude::*;

/// Between faces, `[n, 3, S, S]`, and blocks, `[n, 3 fold², S / fold, S / fold]`. Channel `(3 y + x) 3 + c` for a fold of 3,
/// say, is colour c of the pixel in row y and column x of each block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fold {
    side: usize,
    fold: usize,
}

impl Fold {
    pub(super) fn new(side: usize, fold: usize) -> Self {
        Self { side, fold }
    }

    /// The blocks of faces.
    pub(super) fn apply(self, faces: Vec<f32>) -> Vec<f32> {
        self.moved(faces, |block, pixel, from, to| to[block] = from[pixel])
    }

    /// The faces of blocks. It undoes [`Fold::apply`], and so is its adjoint too.
    pub(super) fn undo(self, blocks: Vec<f32>) -> Vec<f32> {
        self.moved(blocks, |block, pixel, from, to| to[pixel] = from[block])
    }

    fn moved(
        self,
        faces: Vec<f32>,
        put: impl Fn(usize, usize, &[f32], &mut [f32]) + Sync,
    ) -> Vec<f32> {
        let Self { side, fold } = self;
        if fold == 1 {
            return faces;
        }
        let size = 3 * side * side;
        let grid = side / fold;
        let mut all = vec![0.0; faces.len()];
        let pairs = all
            .par_chunks_exact_mut(size)
            .zip(faces.par_chunks_exact(size));
        pairs.for_each(|(to, from)| {
            for pixel in 0..size {
                let (colour, y, x) = (pixel / side / side, pixel / side % side, pixel % side);
                let channel = (y % fold * fold + x % fold) * 3 + colour;
                let block = (channel * grid + y / fold) * grid + x / fold;
                put(block, pixel, from, to);
            }
        });
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    #[test]
    fn a_block_holds_the_pixels_of_a_square() {
        let (side, n) = (6, 2);
        let faces = noise(1, n * 3 * side * side);
        let fold = Fold::new(side, 2);
        let blocks = fold.apply(faces.clone());
        let pixel = |face: usize, c: usize, y: usize, x: usize| {
            faces[((face * 3 + c) * side + y) * side + x]
        };
        let block = |face: usize, channel: usize, y: usize, x: usize| {
            blocks[((face * 12 + channel) * 3 + y) * 3 + x]
        };
        assert_eq!(block(1, 0, 2, 1), pixel(1, 0, 4, 2));
        assert_eq!(block(1, 2 * 3 + 1, 2, 1), pixel(1, 1, 5, 2));
        assert_eq!(block(0, 3 * 3 + 2, 0, 2), pixel(0, 2, 1, 5));
        assert_eq!(fold.undo(blocks), faces);
        assert_eq!(Fold::new(side, 1).apply(faces.clone()), faces);
    }
}

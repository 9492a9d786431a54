//! Dropout (Srivastava et al. 2014): each step leaves out a share of the features, so that none is relied upon alone.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{batch_norm::row, random::Random};
use crate::cpu::{LANES, Layout};

/// A share of the features that a step leaves out, and the random numbers that decide which.
#[derive(Clone, Copy)]
pub(crate) struct Dropout {
    pub(crate) share: f32,
    pub(crate) random: Random,
}

impl Dropout {
    /// Factor for the features that are kept, to make up for the others.
    pub(crate) fn scale(&self) -> f32 {
        1.0 / (1.0 - self.share)
    }

    /// Leaves out a share of the features of `n` images, with their bits, and scales the others.
    pub(crate) fn apply(self, layout: &Layout, n: usize, y: &mut [f32], bits: &mut [u16]) {
        let y = &mut y[..n * layout.len()];
        if layout.height * layout.width == 1 {
            return self.drop(&mut self.random.stream(0), y, bits);
        }
        y.par_chunks_mut(layout.plane())
            .zip(bits.par_chunks_mut(layout.height * layout.width))
            .enumerate()
            .for_each(|(at, (y, bits))| {
                let mut rng = self.random.stream(at);
                for (line, bits) in bits.chunks_exact_mut(layout.width).enumerate() {
                    self.drop(&mut rng, &mut y[row(layout, line)], bits);
                }
            });
    }

    /// The same of pixels that lie side by side.
    fn drop(self, rng: &mut ChaCha8Rng, y: &mut [f32], bits: &mut [u16]) {
        let scale = self.scale();
        for (block, bits) in y.as_chunks_mut::<LANES>().0.iter_mut().zip(bits) {
            for (lane, y) in block.iter_mut().enumerate() {
                if rng.random::<f32>() < self.share {
                    *y = 0.0;
                    *bits &= !(1 << lane);
                } else {
                    *y *= scale;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::random::Purpose;

    #[test]
    fn a_share_is_left_out_of_every_pixel_and_the_border_stays() {
        let layout = Layout::bordered(32, 6, 5);
        let mut y = vec![0.0; 2 * layout.len()];
        let mut bits = vec![u16::MAX; 2 * layout.bits()];
        let plain = vec![1.0; 32 * 30];
        y.chunks_exact_mut(layout.len())
            .for_each(|y| layout.pack(&plain, y));
        let dropout = Dropout {
            share: 0.25,
            random: Random::new(4, Purpose::Dropout, 0),
        };
        dropout.apply(&layout, 2, &mut y, &mut bits);
        let kept: u32 = bits.iter().map(|b| b.count_ones()).sum();
        let share = f64::from(kept) / (2.0 * 32.0 * 30.0);
        assert!((share - 0.75).abs() < 0.04, "{share}");
        let through = y.iter().filter(|&&x| x == dropout.scale()).count();
        assert_eq!(through, kept as usize);
        assert_eq!(y.iter().filter(|&&x| x == 0.0).count(), y.len() - through);
        assert_ne!(
            bits[..layout.bits()],
            bits[layout.bits()..],
            "the same of both images"
        );
    }
}

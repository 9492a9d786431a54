//! Mixup (Zhang et al. 2018): a network learns from blends of two photographs and the same blends of their labels, so
//! that it is less sure of what lies between them.

use rand::{RngExt, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::random::Random;

/// How a batch is blended: each member with another member of the batch, given by the order.
pub(super) struct Mixup {
    /// Share of the member itself.
    share: f32,
    order: Vec<usize>,
}

impl Mixup {
    /// A random blend of a batch of `n`. The share is drawn from Beta(alpha, alpha), where `alpha` is
    /// above 0 and at most 1.
    pub(super) fn new(alpha: f32, n: usize, random: Random) -> Self {
        let mut rng = random.stream(0);
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut rng);
        Self {
            share: beta(f64::from(alpha), &mut rng) as f32,
            order,
        }
    }

    /// Blends `values`, as many for each member of the batch.
    pub(super) fn blend(&self, values: &[f32]) -> Vec<f32> {
        let len = values.len() / self.order.len();
        let mut blended = vec![0.0; values.len()];
        blended
            .par_chunks_mut(len)
            .zip(values.par_chunks(len))
            .zip(&self.order)
            .for_each(|((to, own), &other)| {
                let other = &values[other * len..][..len];
                for (to, (a, b)) in to.iter_mut().zip(own.iter().zip(other)) {
                    *to = self.share * a + (1.0 - self.share) * b;
                }
            });
        blended
    }
}

/// Draws from Beta(alpha, alpha) by Johnk's method, which for an `alpha` up to 1 takes two tries on average at most.
fn beta(alpha: f64, rng: &mut ChaCha8Rng) -> f64 {
    loop {
        let mut draw = || (1.0 - rng.random::<f64>()).ln() / alpha;
        let (u, v) = (draw(), draw());
        // u and v are logarithms, which may be those of numbers too small to hold; only their ratio matters.
        let largest = u.max(v);
        let sum = (u - largest).exp() + (v - largest).exp();
        if largest + sum.ln() <= 0.0 {
            return (u - largest).exp() / sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::train::random::Purpose;

    const N: usize = 8;

    fn of_step(step: usize) -> Mixup {
        Mixup::new(1.0, N, Random::new(1, Purpose::Mixup, step))
    }

    #[test]
    fn shares_have_the_moments_of_beta() {
        for alpha in [0.01, 0.2, 1.0] {
            let mut rng = ChaCha8Rng::seed_from_u64(5);
            let all: Vec<f64> = (0..40_000).map(|_| beta(alpha, &mut rng)).collect();
            assert!(all.iter().all(|s| (0.0..=1.0).contains(s)));
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|s| (s - 0.5).powi(2)).sum::<f64>() / all.len() as f64;
            assert!((mean - 0.5).abs() < 0.01, "{alpha}: mean {mean}");
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!(
                (variance / expected - 1.0).abs() < 0.02,
                "{alpha}: variance {variance}"
            );
        }
    }

    /// What belongs together is blended with the same partner and the same share, and nothing is lost.
    #[test]
    fn images_and_targets_are_blended_alike() {
        let images: Vec<f32> = (0..N * 5).map(|i| (i / 5) as f32).collect();
        let targets: Vec<f32> = (0..N * 3).map(|i| (i / 3) as f32).collect();
        let mixup = of_step(3);
        let (images, targets) = (mixup.blend(&images), mixup.blend(&targets));
        for (image, target) in images.chunks_exact(5).zip(targets.chunks_exact(3)) {
            assert!(image.iter().chain(target).all(|x| *x == image[0]));
        }
        let sum: f32 = images.iter().step_by(5).sum();
        assert!((sum - 28.0).abs() < 1e-4, "{sum}");
        assert_ne!(images, mixup.blend(&images));
        assert_ne!(of_step(3).share, of_step(4).share);
    }
}

//! Random values of training.

use deepface_statistics::standard_normal;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Independent normal values of mean 0, which the seed decides.
pub(crate) fn normal(seed: u64, n: usize, deviation: f32) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n)
        .map(|_| deviation * standard_normal(&mut rng))
        .collect()
}

//! The random numbers of one generated face: a stream for each purpose.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What random numbers are drawn for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Where the descent starts.
    Start,
    /// How far the image is shifted before each step.
    Jitter,
    /// Samples and residual noise of a target.
    Target,
    /// What attributes leave open in a face.
    Variety,
    /// What a request leaves open in the attributes.
    Attributes,
}

/// The random numbers of a seed for one purpose. Each purpose has a ChaCha stream of its own: none depends on how many
/// numbers another draws, and the noise of a target differs from the noise that the descent starts from.
pub(crate) fn random(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(purpose as u64);
    rng
}

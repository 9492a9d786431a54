//! The generator service: faces from attributes, by feature inversion towards a target activation.
//!
//! [`gaussian`] is what was learned of activations and images, [`inversion`] the descent, [`workers`] the threads that
//! both compute on, [`api`] the gRPC side, and [`fit`] makes the statistics. There is no network here: every gradient comes from the classifier service.

pub mod api;
pub mod fit;
pub mod gaussian;
pub mod inversion;
pub mod service;
pub mod settings;
pub mod source;
pub mod workers;

/// What the random numbers of one generated face are for.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    /// Where the descent starts.
    Start,
    /// How far the image is shifted before each step.
    Jitter,
    /// Samples and residual noise of a target.
    Target,
    /// What attributes leave open of a face.
    Variety,
    /// What a request leaves open of the attributes.
    Attributes,
}

/// The random numbers of a seed for one purpose. Each purpose has a ChaCha stream of its own: none depends on how many
/// another draws, and a target's noise is not the noise that the descent starts from.
fn random(seed: u64, purpose: Purpose) -> rand_chacha::ChaCha8Rng {
    use rand::SeedableRng;
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(purpose as u64);
    rng
}

//! The generator service: faces from attributes, by feature inversion towards a target activation.
//!
//! [`gaussian`] is what was learned of activations and images, [`inversion`] the descent, [`api`] the gRPC side, and
//! [`fit`] makes the statistics. There is no network here: every gradient comes from the classifier service.

pub mod api;
pub mod fit;
pub mod gaussian;
pub mod inversion;
pub mod service;
pub mod settings;
pub mod source;

/// Standard normal, by Box-Muller.
fn normal(rng: &mut rand_chacha::ChaCha8Rng) -> f32 {
    use rand::RngExt;
    let (u, v): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
}

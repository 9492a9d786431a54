//! A face whose activations are moved by someone else's direction: what the generator service does not offer, and what
//! Deep Feature Interpolation needs.

use image::RgbImage;

use crate::guest::Painting;

/// What is to be found.
#[derive(Clone, Copy, Debug)]
pub struct Moved<'a> {
    /// The face to start from; the whole image is the face.
    pub face: &'a RgbImage,
    /// The layer whose activation is moved.
    pub layer: &'a str,
    /// What is added to its activation, in the order of the activation's values.
    pub by: &'a [f32],
    /// Seed of everything that is drawn.
    pub seed: u64,
}

/// Inverts moved activations, by the descent that the generator has for a changed face.
pub trait Mover: Send + Sync {
    /// The face near the given one that has the moved activation.
    fn paint<'a>(&'a self, moved: Moved<'a>) -> Painting<'a>;
}

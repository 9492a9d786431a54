//! Images, from files to the pixels of a face and back.

mod decode;
mod encode;
mod framing;
mod turned;

pub use decode::{ImageError, ImageLimits, decode};
pub use encode::{image_of, png};
pub use framing::{Framing, Square, face_pixels, square_pixels};
pub use turned::{colour_at, turned_pixels};

//! Images, from files to the pixels of a face and back.

mod about;
mod decode;
mod encode;
mod framing;
mod picture;
mod xmp;

pub use about::picture_texts;
pub use decode::{ImageError, ImageLimits, decode};
pub use encode::{image_of, png};
pub use framing::{Framing, Square, face_pixels, square_pixels};
pub use picture::{About, PictureFormat, encode_picture};

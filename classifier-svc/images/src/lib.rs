//! Images, from files to the pixels of a face and back.

mod canvas;
mod colour;
mod encode;
mod error;
mod exif;
mod framing;
mod jpeg;
mod kind;
mod limits;
mod photograph;
mod png_file;
mod turned;
mod whole;

pub use encode::{image_of, png};
pub use error::ImageError;
pub use framing::{Framing, Square, face_pixels, square_pixels};
pub use kind::Format;
pub use limits::{ImageLimits, MAX_PIXELS, MAX_REQUEST_PIXELS};
pub use photograph::{Header, Photograph, decode, peek};
pub use turned::{colour_at, turned_pixels};

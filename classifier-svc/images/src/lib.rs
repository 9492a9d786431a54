//! Images, from files to the pixels of a face and back.

mod about;
mod canvas;
mod colour;
mod encode;
mod error;
mod exif;
mod format;
mod framing;
mod jpeg;
mod kind;
mod limits;
mod photograph;
mod picture;
mod png_file;
mod turned;
mod whole;
mod xmp;

pub use about::picture_texts;
pub use encode::{image_of, pixels_of, png, resized};
pub use error::ImageError;
pub use format::Format;
pub use framing::{Framing, Square, face_pixels, square_pixels};
pub use limits::{ImageLimits, MAX_PIXELS, MAX_REQUEST_PIXELS};
pub use photograph::{Header, Photograph, decode, peek};
pub use picture::{PictureFormat, encode_picture};
pub use turned::{colour_at, turned_pixels};
pub use xmp::About;

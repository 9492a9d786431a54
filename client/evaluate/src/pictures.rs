//! Pictures as files.

use std::io::Cursor;

use image::{ImageError, ImageFormat, RgbImage};

/// Encodes as PNG.
pub(crate) fn png(picture: &RgbImage) -> Result<Vec<u8>, ImageError> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png)?;
    Ok(file.into_inner())
}

//! Image files: decoded, within limits.

use std::io::Cursor;

use image::{DynamicImage, ImageReader, RgbImage};

/// The limits on an encoded image.
#[derive(Clone, Copy, Debug)]
pub struct ImageLimits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Pixels a side.
    pub side: u32,
}

impl Default for ImageLimits {
    /// 16 MiB and 4096 pixels a side: the limits of the services and of everything that reads photographs.
    fn default() -> Self {
        Self {
            bytes: 16 << 20,
            side: 4096,
        }
    }
}

/// Why an image cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file is larger than allowed.
    #[error("the file has {actual} bytes, at most {limit} are allowed")]
    TooManyBytes {
        /// Bytes of the file.
        actual: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The image is wider or higher than allowed.
    #[error("the image is {width}x{height} pixels, at most {limit} a side are allowed")]
    TooLarge {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Pixels a side allowed.
        limit: u32,
    },
    /// The file is not a PNG or JPEG, or is damaged.
    #[error("expected a PNG or JPEG file: {0}")]
    Undecodable(String),
}

/// Decodes a PNG or JPEG file. The size is read from the header and checked before pixels are allocated.
///
/// # Errors
/// The file is too large, has too many pixels, or cannot be decoded.
pub fn decode(file: &[u8], limits: ImageLimits) -> Result<RgbImage, ImageError> {
    if file.len() > limits.bytes {
        return Err(ImageError::TooManyBytes {
            actual: file.len(),
            limit: limits.bytes,
        });
    }
    let undecodable = |e: &dyn std::fmt::Display| ImageError::Undecodable(e.to_string());
    let reader = || {
        ImageReader::new(Cursor::new(file))
            .with_guessed_format()
            .map_err(|e| undecodable(&e))
    };
    let (width, height) = reader()?.into_dimensions().map_err(|e| undecodable(&e))?;
    if width > limits.side || height > limits.side {
        return Err(ImageError::TooLarge {
            width,
            height,
            limit: limits.side,
        });
    }
    let image = reader()?.decode().map_err(|e| undecodable(&e))?;
    Ok(match image {
        DynamicImage::ImageRgb8(rgb) => rgb,
        other => other.to_rgb8(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::png;

    const LIMITS: ImageLimits = ImageLimits {
        bytes: 1 << 20,
        side: 300,
    };

    #[test]
    fn hostile_files_are_refused_with_the_reason() {
        assert!(matches!(
            decode(b"not an image", LIMITS),
            Err(ImageError::Undecodable(_))
        ));
        let wide = png(&RgbImage::new(301, 2)).unwrap();
        assert!(matches!(
            decode(&wide, LIMITS),
            Err(ImageError::TooLarge { width: 301, .. })
        ));
        let good = png(&RgbImage::new(20, 20)).unwrap();
        assert!(matches!(
            decode(&good[..good.len() / 2], LIMITS),
            Err(ImageError::Undecodable(_))
        ));
        let tight = ImageLimits {
            bytes: 10,
            ..LIMITS
        };
        assert!(matches!(
            decode(&good, tight),
            Err(ImageError::TooManyBytes { limit: 10, .. })
        ));
    }
}

//! The one way in: a file becomes an upright photograph in sRGB.

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

use crate::format::Format;
use crate::kind::{format_of, without_leading_space};
use crate::limits::{MAX_WHOLE_PIXELS, reduction};
use crate::{ImageError, ImageLimits, Square, jpeg, png_file, whole};

/// A decoded photograph.
#[derive(Clone, Debug)]
pub struct Photograph {
    /// Pixels in sRGB, upright, with white behind what is transparent. A file of more than 13 megapixels is reduced:
    /// see `scale`.
    pub pixels: RgbImage,
    /// Pixels of the upright picture in the file. Places and sizes that users see are in these.
    pub full_width: u32,
    /// Pixels of the upright picture in the file.
    pub full_height: u32,
    /// Pixels of the file, a side, that one pixel here stands for: 1, 2, 4 or 8.
    pub scale: u32,
    /// Mean over all pixels, from 0, where all are opaque, to 1, where nothing can be seen.
    pub transparency: f32,
    /// What the file is, whatever its name says.
    pub format: Format,
}

/// What a file says of itself before its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the file is.
    pub format: Format,
    /// Pixels, as stored: a photograph may have to be turned.
    pub width: u32,
    /// Pixels, as stored.
    pub height: u32,
}

impl Header {
    /// Pixels of the file: what counts for [`MAX_PIXELS`](crate::MAX_PIXELS) and
    /// [`MAX_REQUEST_PIXELS`](crate::MAX_REQUEST_PIXELS).
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    fn check(&self, limits: ImageLimits, limit: u64) -> Result<(), ImageError> {
        let Self {
            format,
            width,
            height,
        } = *self;
        if width == 0 || height == 0 {
            return Err(ImageError::undecodable(
                format,
                format_args!("it has {width}x{height} pixels"),
            ));
        }
        if width > limits.side || height > limits.side {
            let limit = limits.side;
            return Err(ImageError::TooLarge {
                width,
                height,
                limit,
            });
        }
        if self.pixels() > limit {
            return Err(ImageError::TooManyPixels {
                format,
                width,
                height,
                limit,
            });
        }
        Ok(())
    }
}

impl Photograph {
    /// A square of `pixels` in pixels of the file.
    pub fn full(&self, square: Square) -> Square {
        let scale = i32::try_from(self.scale).unwrap_or(1);
        Square {
            left: square.left.saturating_mul(scale),
            top: square.top.saturating_mul(scale),
            side: square.side.saturating_mul(self.scale),
        }
    }
}

/// Reads the header of a file, which costs next to nothing.
///
/// # Errors
/// The file is too large, is of no format that is read, or its header is damaged.
pub fn peek(file: &[u8], limits: ImageLimits) -> Result<Header, ImageError> {
    check_bytes(file, limits)?;
    header_of(without_leading_space(file))
}

/// Decodes a JPEG, PNG, WebP, GIF, BMP, TIFF or QOI file: turned as its Exif data say, in sRGB, over white, and reduced
/// while it is decoded where it has more than 13 megapixels. The size is read from the header and checked before pixels
/// are allocated.
///
/// # Errors
/// The file is too large, has too many pixels, is cut short or damaged, or is of no format that is read.
pub fn decode(file: &[u8], limits: ImageLimits) -> Result<Photograph, ImageError> {
    check_bytes(file, limits)?;
    let file = without_leading_space(file);
    let header = header_of(file)?;
    header.check(limits, limits.pixels)?;
    let Header {
        format,
        width,
        height,
    } = header;
    let scale = reduction(width, height);
    let whole_only = || header.check(limits, limits.pixels.min(MAX_WHOLE_PIXELS));
    let stored = match format {
        Format::Jpeg => jpeg::decode(file, scale)?,
        Format::Png => png_file::decode(file, scale, whole_only)?,
        _ => {
            whole_only()?;
            whole::decode(file, format, scale)?
        }
    };
    let pixels = upright(stored.painted.pixels, stored.orientation);
    let [full_width, full_height] = match stored.orientation {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => [height, width],
        _ => [width, height],
    };
    Ok(Photograph {
        pixels,
        full_width,
        full_height,
        scale,
        transparency: stored.painted.transparency,
        format,
    })
}

fn check_bytes(file: &[u8], limits: ImageLimits) -> Result<(), ImageError> {
    let (actual, limit) = (file.len(), limits.bytes);
    if actual > limit {
        return Err(ImageError::TooManyBytes { actual, limit });
    }
    Ok(())
}

fn header_of(file: &[u8]) -> Result<Header, ImageError> {
    let format = format_of(file)?;
    let (width, height) = match format {
        Format::Jpeg => jpeg::dimensions(file)?,
        Format::Png => png_file::dimensions(file)?,
        _ => whole::dimensions(file, format)?,
    };
    Ok(Header {
        format,
        width,
        height,
    })
}

fn upright(pixels: RgbImage, orientation: Orientation) -> RgbImage {
    if orientation == Orientation::NoTransforms {
        return pixels;
    }
    let mut image = DynamicImage::ImageRgb8(pixels);
    image.apply_orientation(orientation);
    image.into_rgb8()
}

#[cfg(test)]
mod tests;

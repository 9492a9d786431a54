//! Formats that are decoded whole, by the crate `image`: WebP, GIF, BMP, TIFF and QOI.

use std::error::Error;
use std::io::{Cursor, ErrorKind};

use image::error::{ImageError as DecoderError, ImageResult};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::canvas::{Canvas, Painted, Stored};
use crate::colour::{Colours, Model, Sample};
use crate::format::Format;
use crate::limits::MAX_WHOLE_PIXELS;
use crate::{ImageError, exif};

/// Bytes of the decoded pixels, and as many again for what a decoder needs beside them.
const MEMORY: u64 = 4 * MAX_WHOLE_PIXELS;

/// Width and height, from the header.
pub(crate) fn dimensions(file: &[u8], format: Format) -> Result<(u32, u32), ImageError> {
    if format == Format::Tiff && exif::is_raw(file) {
        let what = "a camera's raw file: export it as JPEG from the camera or a raw converter";
        return Err(ImageError::NotReadable(what.into()));
    }
    let decoder = decoder(file, format).map_err(|e| error(format, &e))?;
    Ok(decoder.dimensions())
}

/// Decodes a file, then reduces it by `by` a side.
pub(crate) fn decode(file: &[u8], format: Format, by: u32) -> Result<Stored, ImageError> {
    let wrong = |e| error(format, &e);
    let mut decoder = decoder(file, format).map_err(wrong)?;
    check_memory(&decoder, format)?;
    let profile = decoder.icc_profile().ok().flatten();
    let colours = profile.map_or_else(Colours::default, |p| Colours::icc(&p));
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(wrong)?;
    let painted = paint(&image, by, &colours)
        .ok_or_else(|| ImageError::cut_short(format, "rows are missing"))?;
    Ok(Stored {
        painted,
        orientation,
    })
}

fn decoder(file: &[u8], format: Format) -> ImageResult<impl ImageDecoder> {
    let known = match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::WebP => ImageFormat::WebP,
        Format::Gif => ImageFormat::Gif,
        Format::Bmp => ImageFormat::Bmp,
        Format::Tiff => ImageFormat::Tiff,
        Format::Qoi => ImageFormat::Qoi,
    };
    let mut reader = ImageReader::with_format(Cursor::new(file), known);
    let mut limits = Limits::default();
    limits.max_alloc = Some(2 * MEMORY);
    reader.limits(limits);
    reader.into_decoder()
}

/// `into_decoder` leaves it to the caller to check the size of the pixels.
fn check_memory(decoder: &impl ImageDecoder, format: Format) -> Result<(), ImageError> {
    if decoder.total_bytes() <= MEMORY {
        return Ok(());
    }
    let (width, height) = decoder.dimensions();
    let each = u64::from(decoder.color_type().bytes_per_pixel());
    let limit = MEMORY / each.max(1);
    Err(ImageError::TooManyPixels {
        format,
        width,
        height,
        limit,
    })
}

fn paint(image: &DynamicImage, by: u32, colours: &Colours) -> Option<Painted> {
    use DynamicImage as D;
    let size = (image.width(), image.height());
    match image {
        D::ImageLuma8(i) => rows(i.as_raw(), size, by, Model::Grey, colours),
        D::ImageLumaA8(i) => rows(i.as_raw(), size, by, Model::GreyAlpha, colours),
        D::ImageRgb8(i) => rows(i.as_raw(), size, by, Model::Rgb, colours),
        D::ImageRgba8(i) => rows(i.as_raw(), size, by, Model::Rgba, colours),
        D::ImageLuma16(i) => rows(i.as_raw(), size, by, Model::Grey, colours),
        D::ImageLumaA16(i) => rows(i.as_raw(), size, by, Model::GreyAlpha, colours),
        D::ImageRgb16(i) => rows(i.as_raw(), size, by, Model::Rgb, colours),
        D::ImageRgba16(i) => rows(i.as_raw(), size, by, Model::Rgba, colours),
        other => rows(other.to_rgba8().as_raw(), size, by, Model::Rgba, colours),
    }
}

fn rows<T: Sample>(
    samples: &[T],
    (width, height): (u32, u32),
    by: u32,
    model: Model,
    colours: &Colours,
) -> Option<Painted> {
    let mut canvas = Canvas::new(width, height, by, model, colours);
    let row = width as usize * model.channels();
    samples.chunks_exact(row).for_each(|row| canvas.push(row));
    canvas.finish()
}

fn error(format: Format, error: &DecoderError) -> ImageError {
    if let DecoderError::IoError(e) = error {
        return match e.kind() {
            ErrorKind::UnexpectedEof => ImageError::cut_short(format, "its data end too early"),
            _ => ImageError::undecodable(format, e),
        };
    }
    // What the decoder itself says; around it stands what format it is.
    let cause = match error {
        DecoderError::Decoding(e) => e.source().map(ToString::to_string),
        DecoderError::Limits(_) => Some("it needs too much memory".into()),
        _ => None,
    };
    let said = cause.unwrap_or_else(|| error.to_string());
    let lower = said.to_lowercase();
    if ["unexpected end", "unexpected eof"]
        .iter()
        .any(|end| lower.contains(end))
    {
        return ImageError::cut_short(format, "its data end too early");
    }
    ImageError::undecodable(format, said)
}

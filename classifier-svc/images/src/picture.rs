//! Finished pictures as files, with texts in them that say what made them.

use std::io::Cursor;

use image::{ImageError, ImageFormat, ImageResult, RgbImage, codecs::jpeg::JpegEncoder, error};

use crate::xmp::{self, About};

/// Quality of a JPEG, 1 to 100: hardly distinguishable from the original.
const JPEG_QUALITY: u8 = 95;
/// What an XMP packet in a JPEG starts with.
const XMP_IN_JPEG: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// Most bytes of a segment of a JPEG, its length included.
const MAX_SEGMENT: usize = 0xffff;
/// Keyword of an XMP packet in a PNG.
pub(crate) const XMP_IN_PNG: &str = "XML:com.adobe.xmp";

/// A format of finished pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureFormat {
    /// PNG.
    Png,
    /// JPEG of high quality.
    Jpeg,
    /// WebP without loss.
    WebP,
}

impl PictureFormat {
    /// The endings of file names that stand for a format, the default first.
    pub const ENDINGS: &[&str] = &["png", "jpg", "jpeg", "webp"];

    /// The media type of its files.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }

    /// The format of an ending of [`Self::ENDINGS`]; PNG for any other.
    pub fn of_ending(ending: &str) -> Self {
        match ending {
            "jpg" | "jpeg" => Self::Jpeg,
            "webp" => Self::WebP,
            _ => Self::Png,
        }
    }
}

/// Encodes a picture that a model made, with what it says of itself and the notice that it is synthetic: in a PNG as text
/// chunks (`deepface:NAME`), and in every format as XMP. The pixels of PNG and WebP are those of the image.
///
/// # Errors
/// The image has no pixels, or too many for the format.
pub fn encode_picture(
    image: &RgbImage,
    format: PictureFormat,
    about: &About,
) -> ImageResult<Vec<u8>> {
    match format {
        PictureFormat::Png => png(image, about),
        PictureFormat::Jpeg => jpeg(image, about),
        PictureFormat::WebP => webp(image, about),
    }
}

fn png(image: &RgbImage, about: &About) -> ImageResult<Vec<u8>> {
    let failed = |error| encoding(ImageFormat::Png, error);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, image.width(), image.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let known = [
        ("Software", about.software.clone()),
        ("Description", about.description.clone()),
        (XMP_IN_PNG, xmp::packet(about)),
    ];
    let known = known.map(|(name, text)| (name.to_owned(), text));
    let own = about.texts.iter();
    let own = own.map(|(name, text)| (format!("{}{name}", xmp::PREFIX), text.clone()));
    for (name, text) in known.into_iter().chain(own) {
        encoder.add_itxt_chunk(name, text).map_err(failed)?;
    }
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(image).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}

fn jpeg(image: &RgbImage, about: &About) -> ImageResult<Vec<u8>> {
    let mut file = Vec::new();
    image.write_with_encoder(JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY))?;
    let packet = xmp::packet(about);
    let length = 2 + XMP_IN_JPEG.len() + packet.len();
    if length > MAX_SEGMENT {
        return Ok(file);
    }
    let segment = [
        &[0xff, 0xe1][..],
        &(length as u16).to_be_bytes(),
        XMP_IN_JPEG,
        packet.as_bytes(),
    ]
    .concat();
    // Behind the first segment, which is JFIF's own.
    let first = match file[..] {
        [_, _, 0xff, 0xe0, high, low, ..] => 4 + usize::from(u16::from_be_bytes([high, low])),
        _ => 2,
    };
    file.splice(first..first, segment);
    Ok(file)
}

fn webp(image: &RgbImage, about: &About) -> ImageResult<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    let mut encoder = image_webp::WebPEncoder::new(&mut file);
    encoder.set_xmp_metadata(xmp::packet(about).into_bytes());
    let (width, height) = image.dimensions();
    encoder
        .encode(image, width, height, image_webp::ColorType::Rgb8)
        .map_err(|error| encoding(ImageFormat::WebP, error))?;
    Ok(file.into_inner())
}

fn encoding(
    format: ImageFormat,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ImageError {
    ImageError::Encoding(error::EncodingError::new(format.into(), error))
}

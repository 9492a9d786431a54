//! Images as they travel.

use std::io::Cursor;

use deepface_proto::Array;
use deepface_proto::v1::{self, DataType};
use image::RgbImage;

use super::status::Refusal;

/// Pixels `[3, side, side]`, 0 to 1, as they travel.
pub(super) fn to_wire(
    pixels: &[f32],
    side: usize,
    format: v1::ImageFormat,
) -> Result<v1::Image, Refusal> {
    let content = if format == v1::ImageFormat::Tensor {
        let array = Array {
            shape: vec![3, side, side],
            data: pixels.to_vec(),
        };
        v1::image::Content::Tensor(array.to_tensor(DataType::F32))
    } else {
        v1::image::Content::Encoded(png(pixels, side)?)
    };
    Ok(v1::Image {
        content: Some(content),
        framing: v1::Framing::Face.into(),
    })
}

fn png(pixels: &[f32], side: usize) -> Result<Vec<u8>, Refusal> {
    let area = side * side;
    let edge = u32::try_from(side).map_err(|e| Refusal::Internal(e.to_string()))?;
    let image = RgbImage::from_fn(edge, edge, |x, y| {
        let at = y as usize * side + x as usize;
        image::Rgb([0, 1, 2].map(|c| (pixels[c * area + at] * 255.0).round() as u8))
    });
    let mut file = Cursor::new(Vec::new());
    let written = image.write_to(&mut file, image::ImageFormat::Png);
    written.map_err(|e| Refusal::Internal(format!("cannot encode a PNG: {e}")))?;
    Ok(file.into_inner())
}

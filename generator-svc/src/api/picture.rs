//! Images as they travel.

use deepface_images::{image_of, png};
use deepface_proto::Array;
use deepface_proto::v1::{self, DataType};

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
        v1::image::Content::Encoded(encode(pixels, side)?)
    };
    Ok(v1::Image {
        content: Some(content),
        framing: v1::Framing::Face.into(),
        face: None,
    })
}

fn encode(pixels: &[f32], side: usize) -> Result<Vec<u8>, Refusal> {
    let edge = u32::try_from(side).map_err(|e| Refusal::Internal(e.to_string()))?;
    let file = png(&image_of(pixels, [edge, edge]));
    file.map_err(|e| Refusal::Internal(format!("cannot encode a PNG: {e}")))
}

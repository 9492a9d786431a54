//! Images as messages.

use deepface_proto::{Array, v1};

/// An image from the bytes of a image file.
pub fn encoded_image(bytes: Vec<u8>, framing: v1::Framing) -> v1::Image {
    v1::Image {
        content: Some(v1::image::Content::Encoded(bytes)),
        framing: framing.into(),
        face: None,
    }
}

/// An image from RGB pixels, shape `[3, height, width]`, 0 to 1.
pub fn tensor_image(pixels: &Array, framing: v1::Framing) -> v1::Image {
    v1::Image {
        content: Some(v1::image::Content::Tensor(
            pixels.to_tensor(v1::DataType::F32),
        )),
        framing: framing.into(),
        face: None,
    }
}

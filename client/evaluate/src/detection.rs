//! Whether a face detector, which is independent of attributes, finds a face in a picture.

use image::{RgbImage, imageops};

/// Side of the face that the detector sees, and the margin around it, pixels: as in an aligned photograph.
const FACE: u32 = 160;
const MARGIN: u32 = 45;

/// Whether a face is found in a picture that should be nothing but a face.
pub(crate) fn shows_a_face(face: &RgbImage) -> bool {
    faces_in(face) > 0
}

/// Number of faces that are found in a picture that should be nothing but one.
///
/// A detector expects something around a head, so the picture's edge is repeated outwards.
pub fn faces_in(face: &RgbImage) -> usize {
    let face = imageops::resize(face, FACE, FACE, imageops::FilterType::CatmullRom);
    let side = FACE + 2 * MARGIN;
    let within = |at: u32| at.saturating_sub(MARGIN).min(FACE - 1);
    let photograph = RgbImage::from_fn(side, side, |x, y| *face.get_pixel(within(x), within(y)));
    deepface_detect::faces(&photograph).len()
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn a_face_is_found_and_a_pattern_is_not() {
        let file = include_bytes!("../../../classifier-svc/detect/testdata/face.png");
        let face = image::load_from_memory(file).unwrap().to_rgb8();
        assert!(shows_a_face(&face));
        let stripes = RgbImage::from_fn(64, 64, |x, _| Rgb([(x * 4) as u8; 3]));
        assert!(!shows_a_face(&stripes));
    }
}

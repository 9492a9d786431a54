//! The faces of an image, as the network takes them.

use deepface_detect::smallest_face;
use deepface_images::{Framing, face_pixels, square_pixels};
use deepface_proto::v1;
use deepface_serve::Violations;
use image::RgbImage;

/// A face, scaled to the network's input.
pub(super) struct Face {
    /// `[3, size, size]`, 0 to 1.
    pub(super) pixels: Vec<f32>,
    /// Where it was found, if it was detected.
    pub(super) found: Option<v1::FaceBox>,
}

/// What the network takes.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Pixels a side.
    pub(super) size: usize,
    /// Faces of one image at most, where they are detected.
    pub(super) most: usize,
}

/// How faces are cut out of an image.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Cut {
    /// One face, whose place is known.
    Framed(Framing),
    /// The faces that are detected.
    Detected,
}

impl Cut {
    /// What a request says, or `default` where it says nothing.
    pub(super) fn new(framing: v1::Framing, default: Framing) -> Self {
        match framing {
            v1::Framing::Unspecified => Self::Framed(default),
            v1::Framing::Aligned => Self::Framed(Framing::Aligned),
            v1::Framing::Face => Self::Framed(Framing::Face),
            v1::Framing::Detect => Self::Detected,
        }
    }
}

/// The face of an image, or those that are detected in it, the largest first.
///
/// # Errors
/// No face is found. The violation names `field`.
pub(super) fn cut_out(
    image: &RgbImage,
    cut: Cut,
    wanted: Wanted,
    field: &str,
) -> Result<Vec<Face>, Violations> {
    let framing = match cut {
        Cut::Framed(framing) => framing,
        Cut::Detected => return detected(image, wanted, field),
    };
    Ok(vec![Face {
        pixels: face_pixels(image, framing, wanted.size),
        found: None,
    }])
}

fn detected(photograph: &RgbImage, wanted: Wanted, field: &str) -> Result<Vec<Face>, Violations> {
    let found = deepface_detect::faces(photograph);
    if found.is_empty() {
        return Err(Violations::one(field, none_found(photograph)));
    }
    let face = |face: &deepface_detect::Face| Face {
        pixels: square_pixels(photograph, face.square, wanted.size),
        found: Some(to_wire(face)),
    };
    Ok(found.iter().take(wanted.most).map(face).collect())
}

fn none_found(photograph: &RgbImage) -> String {
    let (width, height) = photograph.dimensions();
    format!(
        "no face was found in {width}x{height} pixels: expected an upright one, seen from the front, of at least {} \
         pixels from forehead to chin; FRAMING_ALIGNED and FRAMING_FACE take an image as it is",
        smallest_face(width, height)
    )
}

fn to_wire(face: &deepface_detect::Face) -> v1::FaceBox {
    // A face is not much larger than its photograph.
    let side = i32::try_from(face.square.side).unwrap_or(i32::MAX);
    v1::FaceBox {
        left: face.square.left,
        top: face.square.top,
        width: side,
        height: side,
        score: face.score,
    }
}

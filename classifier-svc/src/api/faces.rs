//! The faces of an image, as the network takes them.

use deepface_detect::smallest_face;
use deepface_images::{Framing, Photograph, Square, face_pixels, turned_pixels};
use deepface_proto::v1;
use deepface_serve::Violations;
use image::{RgbImage, imageops};

use super::warnings;

/// A face, scaled to the network's input.
pub(super) struct Face {
    /// `[3, size, size]`, 0 to 1.
    pub(super) pixels: Vec<f32>,
    /// Where it was found, if it was detected.
    pub(super) found: Option<v1::FaceBox>,
    /// What a caller should know.
    pub(super) warnings: Vec<v1::Warning>,
}

impl Face {
    /// A face that is used as it came.
    pub(super) fn as_it_is(pixels: Vec<f32>) -> Self {
        Self {
            pixels,
            found: None,
            warnings: Vec::new(),
        }
    }
}

/// The faces of one image that are answered for.
pub(super) struct CutOut {
    /// The largest first.
    pub(super) faces: Vec<Face>,
    /// How many were detected; 0 where none was looked for.
    pub(super) found: usize,
}

impl From<Face> for CutOut {
    fn from(face: Face) -> Self {
        Self {
            faces: vec![face],
            found: 0,
        }
    }
}

/// An image that faces are cut out of.
#[derive(Clone, Copy)]
pub(super) struct Picture<'a> {
    /// The pixels at hand.
    pub(super) pixels: &'a RgbImage,
    /// Width and height of the upright picture in the file, which may have been reduced. Callers see places and sizes in these.
    pub(super) full: [u32; 2],
    /// Pixels of the file, a side, that one pixel stands for.
    pub(super) scale: u32,
}

impl<'a> From<&'a Photograph> for Picture<'a> {
    fn from(photograph: &'a Photograph) -> Self {
        Self {
            pixels: &photograph.pixels,
            full: [photograph.full_width, photograph.full_height],
            scale: photograph.scale,
        }
    }
}

impl<'a> From<&'a RgbImage> for Picture<'a> {
    fn from(pixels: &'a RgbImage) -> Self {
        Self {
            pixels,
            full: [pixels.width(), pixels.height()],
            scale: 1,
        }
    }
}

/// What the network takes.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Pixels a side.
    pub(super) size: usize,
    /// Faces of one image at most, where they are detected.
    pub(super) most: usize,
    /// Whether to look for a face where a framing expects one.
    pub(super) check: bool,
}

/// How faces are cut out of an image.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Cut {
    /// One face, whose place is known.
    Framed(Framing),
    /// The faces that are detected, or the one of this number.
    Detected(Option<usize>),
}

/// The face of an image, or those that are detected in it, the largest first.
///
/// # Errors
/// No face is found, or not the one that is asked for. The violation names `field`.
pub(super) fn cut_out<'a>(
    picture: impl Into<Picture<'a>>,
    cut: Cut,
    wanted: Wanted,
    field: &str,
) -> Result<CutOut, Violations> {
    let picture = picture.into();
    match cut {
        Cut::Framed(framing) => Ok(framed(picture, framing, wanted).into()),
        Cut::Detected(number) => detected(picture, number, wanted, field),
    }
}

fn framed(picture: Picture<'_>, framing: Framing, wanted: Wanted) -> Face {
    let image = picture.pixels;
    let square = expected_square(image, framing);
    let mut face = Face::as_it_is(face_pixels(image, framing, wanted.size));
    let warnings = &mut face.warnings;
    if wanted.check {
        warnings.extend(match expected_face(image, square) {
            Some(face) => warnings::roll(face.roll, false),
            None => Some(warnings::no_face()),
        });
    }
    warnings.extend(warnings::small(square.side * picture.scale, wanted.size));
    warnings.extend(warnings::not_square(picture.full));
    face
}

fn detected(
    picture: Picture<'_>,
    number: Option<usize>,
    wanted: Wanted,
    field: &str,
) -> Result<CutOut, Violations> {
    let photograph = picture.pixels;
    let found = deepface_detect::faces(photograph);
    let n = found.len();
    if n == 0 {
        return Err(Violations::one(field, none_found(picture)));
    }
    let chosen = match number {
        None => &found[..wanted.most.min(n)],
        Some(i) if i < n => &found[i..=i],
        Some(_) => {
            return Err(Violations::one(
                format!("{field}.face"),
                format_args!("only {n} faces were found, expected a lower number"),
            ));
        }
    };
    let omitted = match number {
        None => warnings::omitted(n, chosen.len()),
        Some(_) => None,
    };
    let face = |face: &deepface_detect::Face| Face {
        pixels: turned_pixels(photograph, face.square, face.roll, wanted.size),
        found: Some(to_wire(face, picture.scale)),
        warnings: [
            omitted.clone(),
            warnings::roll(face.roll, true),
            warnings::small(face.square.side * picture.scale, wanted.size),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    Ok(CutOut {
        faces: chosen.iter().map(face).collect(),
        found: n,
    })
}

fn none_found(picture: Picture<'_>) -> String {
    let [width, height] = picture.full;
    format!(
        "no face was found in {width}x{height} pixels: expected one of at least {} pixels from forehead to chin; \
         FRAMING_ALIGNED and FRAMING_FACE take an image as it is",
        smallest_face(width, height)
    )
}

/// The place of a face in the pixels of the file.
fn to_wire(face: &deepface_detect::Face, scale: u32) -> v1::FaceBox {
    let scale = i32::try_from(scale).unwrap_or(1);
    // A face is not much larger than its photograph.
    let side = i32::try_from(face.square.side).unwrap_or(i32::MAX);
    let side = side.saturating_mul(scale);
    v1::FaceBox {
        left: face.square.left.saturating_mul(scale),
        top: face.square.top.saturating_mul(scale),
        width: side,
        height: side,
        score: face.score,
        roll_degrees: face.roll,
    }
}

/// The square where a framing expects the face: the smaller side counts.
fn expected_square(image: &RgbImage, framing: Framing) -> Square {
    let (width, height) = image.dimensions();
    let side = framing.side(width.min(height));
    let margin = |length: u32| i32::try_from((length - side) / 2).unwrap_or(0);
    Square {
        left: margin(width),
        top: margin(height),
        side,
    }
}

/// Longest side of the picture that is searched for a face whose place is known: enough for the detector, and quick.
const CHECKED: u32 = 200;

/// The face that is detected where it is expected, if there is one.
fn expected_face(image: &RgbImage, expected: Square) -> Option<deepface_detect::Face> {
    let (width, height) = image.dimensions();
    let longest = width.max(height).max(1);
    let scale = f64::from(CHECKED) / f64::from(longest);
    let scaled = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    let (w, h) = (scaled(width), scaled(height));
    let small = imageops::resize(image, w, h, imageops::FilterType::Triangle);
    let expected = Square {
        left: (f64::from(expected.left) * scale) as i32,
        top: (f64::from(expected.top) * scale) as i32,
        side: scaled(expected.side),
    };
    let found = deepface_detect::faces(&small).into_iter();
    let near = |face: &deepface_detect::Face| overlap(face.square, expected) >= 0.35;
    found
        .filter(near)
        .max_by(|a, b| a.score.total_cmp(&b.score))
}

/// Intersection over union of two squares, 0 to 1.
fn overlap(a: Square, b: Square) -> f64 {
    let shared = |a: i32, b: i32, (a_side, b_side): (u32, u32)| {
        let (a, b) = (i64::from(a), i64::from(b));
        let end = (a + i64::from(a_side)).min(b + i64::from(b_side));
        (end - a.max(b)).max(0) as f64
    };
    let sides = (a.side, b.side);
    let both = shared(a.left, b.left, sides) * shared(a.top, b.top, sides);
    let area = |side: u32| f64::from(side) * f64::from(side);
    both / (area(a.side) + area(b.side) - both).max(1.0)
}

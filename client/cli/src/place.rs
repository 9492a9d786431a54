//! The position of a detected face.

use std::fmt;

use deepface_client::v1;
use serde::Serialize;

/// The square that the network saw, in pixels of the original image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Place {
    left: i32,
    top: i32,
    width: i32,
    height: i32,
    score: f32,
}

impl From<v1::FaceBox> for Place {
    fn from(face: v1::FaceBox) -> Self {
        Self {
            left: face.left,
            top: face.top,
            width: face.width,
            height: face.height,
            score: face.score,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            left,
            top,
            width,
            height,
            ..
        } = self;
        write!(f, "at {left}, {top}, {width}x{height} pixels")
    }
}

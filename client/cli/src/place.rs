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
    /// Clockwise, in degrees.
    roll: f32,
}

/// From this roll on, in degrees, people are told of it.
const NOTEWORTHY: f32 = 5.0;

impl From<v1::FaceBox> for Place {
    fn from(face: v1::FaceBox) -> Self {
        Self {
            left: face.left,
            top: face.top,
            width: face.width,
            height: face.height,
            score: face.score,
            roll: face.roll_degrees,
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
            roll,
            ..
        } = self;
        write!(f, "at {left}, {top}, {width}x{height} pixels")?;
        if roll.abs() >= NOTEWORTHY {
            write!(f, ", turned by {roll:.0} degrees")?;
        }
        Ok(())
    }
}

//! Finds the faces of a photograph, in the framing that the models expect.
//!
//! The detector YuNet scans the photograph at several sizes (`yunet`, `pyramid`); the places that show the same face become
//! one (`boxes`). A second network turns each face upright and finds the models' square (`aligner`), and the detector must
//! see a face in it then (`find`). Where no face is found the photograph is turned by a quarter, a half and three
//! quarters. Both networks are part of the program; `models/README.md` says where they come from and how well they do.
//!
//! The same photograph always has the same faces, on the same kind of processor.

mod aligner;
mod boxes;
mod find;
mod layers;
mod pyramid;
mod view;
mod weights;
mod yunet;

use std::cmp::Reverse;

use deepface_images::Square;
use find::Found;
use image::RgbImage;
use view::View;

pub use pyramid::smallest_face;

/// A face in a photograph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    /// The region for a model, as it lies when the photograph is turned about the region's centre until the face is
    /// upright. It may reach over the photograph's border.
    pub square: Square,
    /// The detector's score, from [`LOWEST_SCORE`] to 1. Most faces have more than 0.85.
    pub score: f32,
    /// How the face is turned in the photograph: degrees clockwise, above -180 and up to 180.
    pub roll: f32,
}

/// A lower score is not a face: most of those are hands, hats and patterns.
pub const LOWEST_SCORE: f32 = 0.65;
/// The lowest score of a face that is turned by more than [`TILTED`].
const LOWEST_TURNED: f32 = 0.8;
/// Degrees beyond which a face is turned, not tilted: such faces are rare, and patterns are not.
const TILTED: f32 = 60.0;
/// A smaller roll is 0, because the models were trained with views that are turned a little.
const LEVEL: f32 = 5.0;
/// Pixels of the longer side in which turned faces are looked for, at most.
const LONGEST_TURNED: u32 = 640;

/// All faces of a photograph, the largest first; reliably those that are at least as large as [`smallest_face`].
///
/// Takes about 25 ms of one core for 250x250 pixels with one face and 0.25 s from 1280 a side up, as larger photographs
/// are scaled down; about twice that where there is no face; and about 8 ms for each further face, of which there are
/// at most 256.
pub fn faces(photograph: &RgbImage) -> Vec<Face> {
    let levels = pyramid::levels(photograph);
    let is_face = |found: &Found| {
        let turned = found.view.roll.abs() > TILTED;
        found.score >= if turned { LOWEST_TURNED } else { LOWEST_SCORE }
    };
    let mut found = find::scanned(&levels, &levels, 0);
    found.retain(is_face);
    if found.is_empty() {
        let small = levels
            .iter()
            .position(|level| level.width().max(level.height()) <= LONGEST_TURNED);
        let scan = &levels[small.unwrap_or(0)..];
        found = [1, 2, 3]
            .into_iter()
            .flat_map(|quarters| find::scanned(&levels, scan, quarters))
            .collect();
        found.retain(is_face);
    }
    let scale = photograph.width() as f32 / levels[0].width() as f32;
    let mut faces: Vec<_> = find::distinct(found)
        .iter()
        .map(|found| framed(found, scale))
        .collect();
    faces.sort_by_key(|face| Reverse(face.square.side));
    faces
}

/// A face in the pixels of the photograph, of which each that was scanned has `scale`.
fn framed(found: &Found, scale: f32) -> Face {
    let View { x, y, side, roll } = found.view;
    let start = |centre: f32| ((centre - side / 2.0) * scale).round() as i32;
    Face {
        square: Square {
            left: start(x),
            top: start(y),
            side: (side * scale).round().max(1.0) as u32,
        },
        score: found.score,
        roll: if roll.abs() < LEVEL { 0.0 } else { roll },
    }
}

#[cfg(test)]
mod tests;

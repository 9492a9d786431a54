//! Finds the faces of a photograph, in the framing that the models expect.
//!
//! The detector is SeetaFace's (Wu et al., *Funnel-structured cascade for multi-view face detection with alignment
//! awareness*, 2016), from the crate `rustface`; its model is part of the program. It scans the photograph at ever
//! smaller sizes (`pyramid`, `cascade`); the windows that show the same face become one (`merge`); and measured
//! constants lead from there to the models' framing (`framing`).
//!
//! In 99.5 % of 1,829 aligned photographs of LFW the face is found; `classifier-svc/examples/detect.rs` measures that.
//! Of 400 pasted into larger ones at half to three times their size 99.5 % are found, of 200 turned by 20 degrees 98 %,
//! by 30 degrees 89 %, by 40 degrees 61 %.

mod cascade;
mod framing;
mod merge;
mod pyramid;

use std::cmp::Reverse;

use deepface_images::Square;
use image::RgbImage;

pub use pyramid::smallest_face;

/// A face in a photograph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    /// The region for a model. It may reach over the photograph's border.
    pub square: Square,
    /// The detector's score, from [`LOWEST_SCORE`] up. Most faces have more than 10.
    pub score: f32,
}

/// A lower score is not a face: most of those are hands, hats and patterns.
pub const LOWEST_SCORE: f32 = 3.0;

/// All faces of a photograph that are at least as large as [`smallest_face`], the largest first.
///
/// Takes about 25 ms of one core for 250x250 pixels and 0.2 s from 1280 a side up, as larger photographs are scaled
/// down; and up to 1 s for one that is full of faces.
pub fn faces(photograph: &RgbImage) -> Vec<Face> {
    let windows = merge::faces(cascade::windows(photograph)).into_iter();
    let sure = windows.filter(|window| window.score >= LOWEST_SCORE);
    let mut faces: Vec<_> = sure
        .map(|window| Face {
            square: framing::square(&window),
            score: window.score,
        })
        .collect();
    faces.sort_by_key(|face| Reverse(face.square.side));
    faces
}

#[cfg(test)]
mod tests {
    use image::{Rgb, imageops};

    use super::*;

    /// A face that the generator made. It fills its image as it would fill the square that is found for it.
    fn face(side: u32) -> RgbImage {
        let file = include_bytes!("../testdata/face.png");
        let face = image::load_from_memory(file).unwrap().into_rgb8();
        imageops::resize(&face, side, side, imageops::FilterType::CatmullRom)
    }

    /// Smooth bright patches, with no face in them.
    fn scenery(width: u32, height: u32) -> RgbImage {
        let hill = |at: u32, length: f32| (at as f32 / length).sin();
        RgbImage::from_fn(width, height, |x, y| {
            Rgb([70.0, 90.0, 110.0].map(|length| {
                (120.0 + 30.0 * hill(x, length) + 30.0 * hill(y, length / 2.0)) as u8
            }))
        })
    }

    #[track_caller]
    fn assert_near(face: &Face, left: i64, top: i64, side: u32) {
        let off = |a: i64, b: i64| (a - b).abs() as f32 / side as f32;
        let Square {
            left: l,
            top: t,
            side: s,
        } = face.square;
        let worst = off(l.into(), left)
            .max(off(t.into(), top))
            .max(off(s.into(), side.into()));
        assert!(worst < 0.15, "{face:?} for {left}, {top}, {side}");
    }

    #[test]
    fn every_face_is_found_the_largest_first() {
        let mut photograph = scenery(900, 700);
        let places = [(500, 300, 320), (60, 420, 150), (200, 90, 70)];
        for (left, top, side) in places {
            imageops::replace(&mut photograph, &face(side), left, top);
        }
        let found = faces(&photograph);
        assert_eq!(found.len(), 3, "{found:?}");
        for (face, (left, top, side)) in found.iter().zip(places) {
            assert_near(face, left, top, side);
            assert!(face.score > 10.0, "{face:?}");
        }
    }

    #[test]
    fn a_face_at_the_border_is_found_and_reaches_over_it() {
        for (left, top) in [(-20, -20), (220, 120)] {
            let mut photograph = scenery(400, 300);
            imageops::overlay(&mut photograph, &face(200), left, top);
            let found = faces(&photograph);
            let [face] = &found[..] else {
                panic!("expected one, got {found:?}")
            };
            assert_near(face, left, top, 200);
        }
    }

    #[test]
    fn a_face_of_any_size_is_found() {
        for side in [48, 64, 100, 257, 700, 2000] {
            let mut photograph = scenery(3 * side, 2 * side);
            imageops::replace(&mut photograph, &face(side), side.into(), 10);
            let found = faces(&photograph);
            let [face] = &found[..] else {
                panic!("{side}: expected one, got {found:?}")
            };
            assert_near(face, side.into(), 10, side);
        }
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        assert_eq!(faces(&scenery(640, 480)), []);
        for (width, height) in [(1, 1), (1, 4096), (29, 29), (40, 40), (64, 64), (4096, 60)] {
            let blank = RgbImage::from_pixel(width, height, Rgb([90, 120, 200]));
            assert_eq!(faces(&blank), [], "{width}x{height}");
        }
    }

    #[test]
    fn noise_is_borne() {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        for (width, height) in [(30, 30), (41, 333), (333, 41), (200, 200)] {
            let pixels = RgbImage::from_fn(width, height, |_, _| Rgb([noise(), noise(), noise()]));
            assert_eq!(faces(&pixels), [], "{width}x{height}");
        }
    }
}

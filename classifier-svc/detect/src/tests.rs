//! Whole photographs: generated faces, turned, tilted, masked and in the dark, and pictures without any.

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
        Rgb([70.0, 90.0, 110.0]
            .map(|length| (120.0 + 30.0 * hill(x, length) + 30.0 * hill(y, length / 2.0)) as u8))
    })
}

/// A face of 200 pixels in the middle of 400x400, turned clockwise.
fn tilted(roll: f32) -> RgbImage {
    let face = face(200);
    let mut photograph = scenery(400, 400);
    let (sin, cos) = roll.to_radians().sin_cos();
    for (x, y, pixel) in photograph.enumerate_pixels_mut() {
        let (right, down) = (x as f32 + 0.5 - 200.0, y as f32 + 0.5 - 200.0);
        let across = cos * right + sin * down + 100.0;
        let along = -sin * right + cos * down + 100.0;
        if (0.0..200.0).contains(&across) && (0.0..200.0).contains(&along) {
            *pixel = deepface_images::colour_at(&face, (across, along));
        }
    }
    photograph
}

#[track_caller]
fn only(found: &[Face]) -> &Face {
    let [face] = found else {
        panic!("expected one, got {found:?}")
    };
    face
}

#[track_caller]
fn assert_near(face: &Face, left: i64, top: i64, side: u32) {
    let off = |a: i64, b: i64| (a - b).abs() as f32 / side as f32;
    let square = face.square;
    let worst = off(square.left.into(), left)
        .max(off(square.top.into(), top))
        .max(off(square.side.into(), side.into()));
    assert!(worst < 0.15, "{face:?} for {left}, {top}, {side}");
}

/// Checks the place and the roll of the face of [`tilted`].
#[track_caller]
fn assert_tilted(found: &[Face], roll: f32) {
    let face = only(found);
    assert_near(face, 100, 100, 200);
    let off = view::wrapped(face.roll - roll).abs();
    assert!(off < 8.0, "{face:?} for {roll} degrees");
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
        assert!(face.score > 0.8, "{face:?}");
        assert_eq!(face.roll, 0.0, "{face:?}");
    }
    assert_eq!(faces(&photograph), found, "the same photograph again");
}

#[test]
fn a_face_at_the_border_is_found_and_reaches_over_it() {
    for (left, top) in [(-20, -20), (220, 120)] {
        let mut photograph = scenery(400, 300);
        imageops::overlay(&mut photograph, &face(200), left, top);
        assert_near(only(&faces(&photograph)), left, top, 200);
    }
}

#[test]
fn a_face_of_any_size_is_found() {
    for side in [48, 64, 100, 257, 700, 2000] {
        let mut photograph = scenery(3 * side, 2 * side);
        imageops::replace(&mut photograph, &face(side), side.into(), 10);
        assert_near(only(&faces(&photograph)), side.into(), 10, side);
    }
}

#[test]
fn a_turned_photograph_has_the_face_with_its_roll() {
    let upright = tilted(0.0);
    assert_tilted(&faces(&upright), 0.0);
    assert_tilted(&faces(&imageops::rotate90(&upright)), 90.0);
    assert_tilted(&faces(&imageops::rotate180(&upright)), 180.0);
    assert_tilted(&faces(&imageops::rotate270(&upright)), -90.0);
}

#[test]
fn a_tilted_face_has_its_roll_and_is_cut_out_upright() {
    let expected = deepface_images::face_pixels(&face(64), deepface_images::Framing::Face, 32);
    for roll in [-45.0, -30.0, -20.0, 20.0, 30.0, 45.0] {
        let photograph = tilted(roll);
        let found = faces(&photograph);
        assert_tilted(&found, roll);
        let pixels =
            deepface_images::turned_pixels(&photograph, found[0].square, found[0].roll, 32);
        let off = pixels.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        let mean = off.sum::<f32>() / pixels.len() as f32;
        assert!(mean < 0.08, "{roll}: {mean}");
    }
}

#[test]
fn a_masked_face_is_found() {
    for colour in [[190, 215, 235], [20, 20, 22]] {
        let mut photograph = tilted(0.0);
        for y in 195..290 {
            for x in 140..260 {
                photograph.put_pixel(x, y, Rgb(colour));
            }
        }
        let found = faces(&photograph);
        let face = only(&found);
        assert!(face.roll.abs() < 10.0, "{face:?}");
        assert_near(face, 100, 100, 200);
    }
}

#[test]
fn a_face_in_the_dark_is_found() {
    let mut photograph = tilted(0.0);
    for pixel in photograph.pixels_mut() {
        *pixel = Rgb(pixel.0.map(|value| (f32::from(value) * 0.08).round() as u8));
    }
    assert_tilted(&faces(&photograph), 0.0);
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
fn patterns_are_not_faces() {
    let patterns: [fn(u32, u32) -> u32; 5] = [
        |x, y| (x / 8 + y / 8) % 2 * 255,
        |x, _| x * 5 % 256,
        |x, y| ((x * x + y * y) / 40) % 256,
        |x, y| {
            if (x % 60).pow(2) + (y % 60).pow(2) < 400 {
                30
            } else {
                210
            }
        },
        |x, y| (x ^ y) % 256,
    ];
    for (i, pattern) in patterns.into_iter().enumerate() {
        let picture = RgbImage::from_fn(300, 260, |x, y| {
            let grey = pattern(x, y) as u8;
            Rgb([grey, grey / 2 + 60, 255 - grey])
        });
        assert_eq!(faces(&picture), [], "pattern {i}");
    }
}

#[test]
fn noise_has_no_face() {
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

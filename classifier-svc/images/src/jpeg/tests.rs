//! Reduced decoding against the whole picture.

use image::RgbImage;
use image::imageops::{self, FilterType};

use super::*;

/// Mean difference of a reduced picture from the whole one, reduced afterwards; of 255.
fn off(file: &[u8], by: u32) -> f32 {
    let whole = decode(file, 1).unwrap().painted.pixels;
    let (width, height) = (whole.width().div_ceil(by), whole.height().div_ceil(by));
    let expected = imageops::resize(&whole, width, height, FilterType::Triangle);
    let reduced = decode(file, by).unwrap().painted.pixels;
    assert_eq!(reduced.dimensions(), (width, height));
    let all = reduced.as_raw().iter().zip(expected.as_raw());
    let sum: u32 = all.map(|(&a, &b)| u32::from(a.abs_diff(b))).sum();
    sum as f32 / RgbImage::as_raw(&reduced).len() as f32
}

#[test]
fn a_reduced_picture_looks_like_the_whole_one_in_every_variant() {
    macro_rules! fixture {
        ($name:literal) => {
            (
                $name,
                include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/", $name)).as_slice(),
            )
        };
    }
    for (name, file) in [
        fixture!("444.jpg"),
        fixture!("420.jpg"),
        fixture!("422.jpg"),
        fixture!("restart.jpg"),
        fixture!("progressive.jpg"),
        fixture!("grey.jpg"),
        fixture!("cmyk.jpg"),
        fixture!("cmyk-progressive.jpg"),
        fixture!("cmyk-no-marker.jpg"),
        fixture!("ycck.jpg"),
        fixture!("p3.jpg"),
    ] {
        for by in [2, 4, 8] {
            let off = off(file, by);
            assert!(off < 5.0, "{name} by {by}: {off}");
        }
    }
}

#[test]
fn a_reduced_picture_is_refused_where_rows_are_missing() {
    let file = include_bytes!("../../fixtures/420.jpg");
    for by in [2, 4, 8] {
        assert!(decode(&file[..1300], by).is_err());
        assert!(decode(&file[..file.len() - 2], by).is_ok());
    }
}

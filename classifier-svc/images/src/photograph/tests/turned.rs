//! Orientation by Exif, in every format that has it.

use image::metadata::Orientation;
use image::{DynamicImage, ImageFormat};

use super::*;

/// Exif data with an orientation.
fn exif(value: u8) -> Vec<u8> {
    let entry = [0x12, 1, 3, 0, 1, 0, 0, 0, value, 0, 0, 0];
    [b"II*\0\x08\0\0\0\x01\0", &entry[..], &[0; 4]].concat()
}

/// The picture as a camera that was held otherwise stores it.
fn stored(value: u8) -> DynamicImage {
    let undo = match value {
        6 => 8,
        8 => 6,
        other => other,
    };
    let mut image = DynamicImage::ImageRgb8(plain());
    image.apply_orientation(Orientation::from_exif(undo).unwrap());
    image
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

#[test]
fn all_eight_orientations_become_upright() {
    for value in 1..=8 {
        let stored = stored(value);
        let png = with_chunk(&encoded(&stored, ImageFormat::Png), b"eXIf", &exif(value));
        let upright = open(&png);
        assert_eq!(upright.pixels, plain(), "{value}");
        assert_eq!([upright.full_width, upright.full_height], [72, 56]);
        let jpeg = encoded(&stored, ImageFormat::Jpeg);
        let jpeg = with_segment(&jpeg, 0xe1, &[b"Exif\0\0", &exif(value)[..]].concat());
        assert!(difference(&open(&jpeg).pixels, &plain()) < 3.0, "{value}");
    }
}

#[test]
fn webp_and_tiff_are_turned_too() {
    let simple = encoded(&stored(6), ImageFormat::WebP);
    // An extended file: its header says that there are Exif data, which follow the image.
    let canvas = [8, 0, 0, 0, 55, 0, 0, 71, 0, 0];
    let exif = exif(6);
    let part = |name: &[u8], data: &[u8]| {
        let length = (data.len() as u32).to_le_bytes();
        [name, &length, data, &vec![0; data.len() % 2]].concat()
    };
    let body = [
        b"WEBP",
        &part(b"VP8X", &canvas)[..],
        &simple[12..],
        &part(b"EXIF", &exif),
    ];
    assert_eq!(open(&part(b"RIFF", &body.concat())).pixels, plain());

    // The encoder writes no orientation, so another entry becomes one: the unit of the resolution, which says nothing.
    let mut tiff = encoded(&stored(6), ImageFormat::Tiff);
    let at = u32::from_le_bytes(tiff[4..8].try_into().unwrap()) as usize;
    let mut entries = (0..usize::from(tiff[at])).map(|i| at + 2 + 12 * i);
    let unit = entries.find(|&at| tiff[at..at + 2] == [0x28, 1]).unwrap();
    tiff[unit..unit + 12].copy_from_slice(&[0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0]);
    let upright = open(&tiff);
    assert_eq!((upright.format, upright.pixels), (Format::Tiff, plain()));
}

#[test]
fn an_orientation_that_means_nothing_is_upright() {
    let jpeg = encoded(&stored(1), ImageFormat::Jpeg);
    let upright = open(&jpeg).pixels;
    for exif in [exif(0), exif(9), exif(255), vec![0x49; 11], Vec::new()] {
        let file = with_segment(&jpeg, 0xe1, &[b"Exif\0\0", &exif[..]].concat());
        assert_eq!(open(&file).pixels, upright);
    }
}

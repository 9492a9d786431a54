//! Budgets of bytes and pixels, and photographs that are reduced while they are decoded.

use std::io::Write;

use super::*;
use crate::limits::KEPT_PIXELS;

/// A grey PNG file of one colour, made without its pixels in memory.
fn flat(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    let mut rows = writer.stream_writer().unwrap();
    let row = vec![90; width as usize];
    (0..height).for_each(|_| rows.write_all(&row).unwrap());
    rows.finish().unwrap();
    writer.finish().unwrap();
    file
}

/// A PNG header, and nothing after it.
fn header(width: u32, height: u32) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let data = [&size[..], &[8, 6, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n", &chunk(b"IHDR", &data)[..]].concat()
}

#[test]
fn a_bomb_is_refused_from_its_header() {
    let said = refused(&header(20_000, 20_000));
    assert!(
        said.contains("20000x20000") && said.contains("134217728"),
        "{said}"
    );
    let said = refused(&header(70_000, 1));
    assert!(said.contains("at most 65535 a side"), "{said}");
    let limits = ImageLimits {
        bytes: 10,
        ..ImageLimits::default()
    };
    let error = decode(fixture!("plain.png"), limits).unwrap_err();
    assert!(matches!(error, ImageError::TooManyBytes { limit: 10, .. }));
}

#[test]
fn a_header_is_enough_for_a_budget() {
    let bomb = peek(&header(20_000, 20_000), ImageLimits::default()).unwrap();
    assert_eq!(bomb.pixels(), 400_000_000);
    let jpeg = peek(&fixture!("420.jpg")[..200], ImageLimits::default()).unwrap();
    assert_eq!(jpeg.pixels(), 72 * 56);
}

#[test]
fn a_large_png_is_reduced_row_by_row() {
    let photograph = open(&flat(5001, 3003));
    assert_eq!(photograph.scale, 2);
    let full = [photograph.full_width, photograph.full_height];
    assert_eq!(full, [5001, 3003]);
    const { assert!(5001 * 3003 > KEPT_PIXELS) };
    assert_eq!(photograph.pixels.dimensions(), (2501, 1502));
    assert!(photograph.pixels.pixels().all(|p| p.0 == [90; 3]));
    let square = |left, top, side| Square { left, top, side };
    assert_eq!(photograph.full(square(-3, 7, 20)), square(-6, 14, 40));
}

#[test]
fn twelve_megapixels_keep_every_pixel() {
    let photograph = open(&flat(4000, 3000));
    let size = photograph.pixels.dimensions();
    assert_eq!((photograph.scale, size), (1, (4000, 3000)));
}

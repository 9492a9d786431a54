//! Photographs as people have them, and the right pixels of each.

mod colours;
mod damage;
mod formats;
mod sizes;
mod turned;

use image::RgbImage;

use super::*;

/// A photograph of the fixtures.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/", $name)).as_slice()
    };
}
use fixture;

fn open(file: &[u8]) -> Photograph {
    decode(file, ImageLimits::default()).unwrap()
}

fn refused(file: &[u8]) -> String {
    match decode(file, ImageLimits::default()) {
        Ok(photograph) => panic!("accepted: {:?}", photograph.format),
        Err(error) => error.to_string(),
    }
}

/// The picture that all fixtures show.
fn plain() -> RgbImage {
    open(fixture!("plain.png")).pixels
}

/// Mean difference of samples, of 255.
fn difference(a: &RgbImage, b: &RgbImage) -> f32 {
    assert_eq!(a.dimensions(), b.dimensions());
    let all = a.as_raw().iter().zip(b.as_raw());
    let sum: u32 = all.map(|(&a, &b)| u32::from(a.abs_diff(b))).sum();
    sum as f32 / a.as_raw().len() as f32
}

/// A chunk of a PNG file.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [kind, data].concat();
    let length = (data.len() as u32).to_be_bytes();
    let sum = crc(&named).to_be_bytes();
    [&length[..], &named, &sum].concat()
}

/// A PNG file with a chunk after its header.
fn with_chunk(png: &[u8], kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [&png[..33], &chunk(kind, data), &png[33..]].concat()
}

fn crc(data: &[u8]) -> u32 {
    let byte = |crc: u32, &byte: &u8| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !data.iter().fold(u32::MAX, byte)
}

/// A JPEG file with a segment after its first marker.
fn with_segment(jpeg: &[u8], marker: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, marker], &length, data, &jpeg[2..]].concat()
}

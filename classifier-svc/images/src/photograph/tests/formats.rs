//! The formats that are read, and what is said about the others.

use image::codecs::gif::GifEncoder;
use image::{DynamicImage, Frame, ImageFormat, Rgba, RgbaImage};

use super::*;

#[test]
fn every_format_gives_the_same_picture() {
    let image = DynamicImage::ImageRgb8(plain());
    for (format, is) in [
        (ImageFormat::Png, Format::Png),
        (ImageFormat::WebP, Format::WebP),
        (ImageFormat::Bmp, Format::Bmp),
        (ImageFormat::Tiff, Format::Tiff),
        (ImageFormat::Qoi, Format::Qoi),
    ] {
        let mut file = std::io::Cursor::new(Vec::new());
        image.write_to(&mut file, format).unwrap();
        let file = file.into_inner();
        let photograph = open(&file);
        assert_eq!((photograph.format, &photograph.pixels), (is, &plain()));
        let header = peek(&file, ImageLimits::default()).unwrap();
        assert_eq!((header.format, header.width, header.height), (is, 72, 56));
    }
    let lossy = open(fixture!("lossy.webp"));
    assert!(difference(&lossy.pixels, &plain()) < 4.0);
    assert_eq!(lossy.format, Format::WebP);
}

#[test]
fn an_animation_shows_its_first_frame() {
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new(&mut file);
    let frame = |colour| Frame::new(RgbaImage::from_pixel(8, 6, Rgba(colour)));
    let frames = [[255, 0, 0, 255], [0, 0, 255, 255]].map(frame);
    encoder.encode_frames(frames).unwrap();
    drop(encoder);
    let photograph = open(&file);
    assert_eq!(photograph.format, Format::Gif);
    let [r, g, b] = photograph.pixels.get_pixel(4, 3).0;
    assert!(r > 250 && g < 5 && b < 5);
}

#[test]
fn foreign_files_are_named_with_what_to_do() {
    let cases: &[(&[u8], &str)] = &[
        (
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            "a HEIC photograph: save",
        ),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "an AVIF image"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "a video"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "a video"),
        (b"\0\0\0\x18ftypcrx \0\0\0\0crx isom", "raw file"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x0a\x12\x34", "JPEG XL"),
        (b"%PDF-1.4\n", "a PDF document"),
        (b"<?xml version=\"1.0\"?><svg xmlns=''/>", "an SVG drawing"),
        (b"\xef\xbb\xbf<!DOCTYPE html><html>", "an HTML page"),
        (b"<?xml version=\"1.0\"?><Error/>", "an XML document"),
        (b"{\"error\": 404}", "a JSON document"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "git lfs pull",
        ),
        (b"PK\x03\x04....", "a ZIP archive"),
        (b"8BPS\0\x01", "a Photoshop file"),
        (b"\0\x05\x16\x07\0\x02", "AppleDouble"),
        (b"/9j/4AAQSkZJRgABAQ", "base64"),
        (b"P6\n2 2\n255\n\x01\x02\xff", "Netpbm"),
        (b"RIFF\0\0\0\0AVI LIST", "a video (AVI)"),
        (b"II*\0\x10\0\0\0CR\x02\0", "raw file"),
        (b"hello\n", "a text that begins with \"hello\""),
        (b"", "an empty file"),
        (&[0; 4096], "4096 bytes that are all 0"),
        (
            b"\x01\x02\xfe\xff\x99",
            "begins with the bytes 01 02 fe ff 99",
        ),
    ];
    for (file, words) in cases {
        let said = refused(file);
        let expected = "expected a JPEG, PNG, WebP, GIF, BMP, TIFF or QOI file, got ";
        assert!(said.starts_with(expected), "{said}");
        assert!(said.contains(words), "{words}: {said}");
    }
}

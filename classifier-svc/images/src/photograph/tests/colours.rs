//! Profiles, gamma, alpha, inks and deep samples.

use image::{DynamicImage, GrayAlphaImage, ImageFormat, LumaA, Rgba, RgbaImage};

use super::*;

fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    image.into().write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

#[test]
fn wide_colour_spaces_become_srgb() {
    for (name, file) in [
        ("P3", fixture!("p3.jpg")),
        ("ProPhoto", fixture!("prophoto.jpg")),
    ] {
        let off = difference(&open(file).pixels, &plain());
        assert!(off < 3.0, "{name}: {off}");
    }
}

#[test]
fn a_profile_that_is_broken_or_of_other_channels_is_ignored() {
    let file = fixture!("444.jpg");
    let without = open(file).pixels;
    let profile = fixture!("p3.icc");
    let mut grey = profile.to_vec();
    grey[16..20].copy_from_slice(b"GRAY");
    let mut endless = profile.to_vec();
    endless[128..132].fill(0xff);
    for broken in [&profile[..100], b"", &[7; 500], &grey, &endless] {
        let part = [b"ICC_PROFILE\0\x01\x01", broken].concat();
        assert_eq!(open(&with_segment(file, 0xe2, &part)).pixels, without);
    }
    let one_of_two = [b"ICC_PROFILE\0\x01\x02", profile].concat();
    assert_eq!(open(&with_segment(file, 0xe2, &one_of_two)).pixels, without);
    let whole = [b"ICC_PROFILE\0\x01\x01", profile].concat();
    assert!(open(&with_segment(file, 0xe2, &whole)).pixels != without);
}

#[test]
fn linear_samples_are_encoded_as_srgb() {
    let linear = |v: u8| {
        let v = f32::from(v) / 255.0;
        let light = if v <= 0.04045 {
            v / 12.92
        } else {
            ((v + 0.055) / 1.055).powf(2.4)
        };
        (light * 65535.0).round() as u16
    };
    let plain = plain();
    let deep = |x, y| image::Rgb(plain.get_pixel(x, y).0.map(linear));
    let deep = image::ImageBuffer::from_fn(72, 56, deep);
    let file = png(DynamicImage::ImageRgb16(deep));
    let tagged = with_chunk(&file, b"gAMA", &100_000_u32.to_be_bytes());
    assert!(difference(&open(&tagged).pixels, &plain) < 1.0);
    assert!(difference(&open(&file).pixels, &plain) > 20.0);
}

#[test]
fn the_gamma_of_srgb_changes_nothing() {
    let file = with_chunk(fixture!("plain.png"), b"gAMA", &45_455_u32.to_be_bytes());
    assert_eq!(open(&file).pixels, plain());
    let other = with_chunk(fixture!("plain.png"), b"gAMA", &100_000_u32.to_be_bytes());
    assert!(open(&other).pixels != plain());
    // An sRGB chunk says more.
    assert_eq!(open(&with_chunk(&other, b"sRGB", &[0])).pixels, plain());
}

#[test]
fn white_is_behind_what_is_transparent() {
    let hidden = |x: u32| [x as u8 * 3, 7, 200];
    let image = RgbaImage::from_fn(40, 10, |x, _| {
        let [r, g, b] = hidden(x);
        Rgba([r, g, b, if x < 20 { 255 } else { 0 }])
    });
    let photograph = open(&png(image));
    assert_eq!(photograph.transparency, 0.5);
    assert_eq!(photograph.pixels.get_pixel(19, 5).0, hidden(19));
    assert_eq!(photograph.pixels.get_pixel(20, 5).0, [255; 3]);

    let grey = open(&png(GrayAlphaImage::from_pixel(3, 3, LumaA([0, 51]))));
    assert_eq!(grey.pixels.get_pixel(1, 1).0, [204; 3]);
    assert!((grey.transparency - 0.8).abs() < 1e-6);
    assert_eq!(open(fixture!("444.jpg")).transparency, 0.0);
}

#[test]
fn inks_have_the_right_colours() {
    for (name, file) in [
        ("RGB", fixture!("444.jpg")),
        ("CMYK", fixture!("cmyk.jpg")),
        ("progressive CMYK", fixture!("cmyk-progressive.jpg")),
        (
            "CMYK without Adobe's segment",
            fixture!("cmyk-no-marker.jpg"),
        ),
        ("YCCK", fixture!("ycck.jpg")),
    ] {
        let off = difference(&open(file).pixels, &plain());
        assert!(off < 6.0, "{name}: {off}");
    }
}

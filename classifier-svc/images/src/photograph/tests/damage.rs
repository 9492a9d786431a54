//! Files that are cut short, and harmless irregularities.

use image::ImageFormat;

use super::*;

/// Where the entropy-coded data of the first scan begin.
fn data_start(file: &[u8]) -> usize {
    let scan = file.windows(2).position(|w| w == [0xff, 0xda]).unwrap();
    scan + 2 + usize::from(file[scan + 3])
}

#[test]
fn a_jpeg_whose_rows_are_missing_is_refused() {
    for (name, file) in [
        ("4:4:4", fixture!("444.jpg")),
        ("4:2:0", fixture!("420.jpg")),
        ("grey", fixture!("grey.jpg")),
        ("restart", fixture!("restart.jpg")),
        ("progressive", fixture!("progressive.jpg")),
        ("CMYK", fixture!("cmyk.jpg")),
    ] {
        let start = data_start(file);
        for part in 1..20 {
            let cut = start + (file.len() - 2 - start) * part / 20;
            for tail in [&b""[..], b"\xff\xd9", &[0xff, 0xd9, 0, 0, 0, 0]] {
                let said = refused(&[&file[..cut], tail].concat());
                let known = ["cut short", "damaged"].iter().any(|w| said.contains(w));
                assert!(known, "{name} {part}: {said}");
            }
        }
    }
    let said = refused(&fixture!("444.jpg")[..1200]);
    assert!(said.contains("% of the rows are missing"), "{said}");
}

#[test]
fn harmless_irregularities_are_not_damage() {
    for file in [
        fixture!("444.jpg"),
        fixture!("420.jpg"),
        fixture!("progressive.jpg"),
        fixture!("restart.jpg"),
    ] {
        let right = open(file).pixels;
        for (what, odd) in [
            ("no end", file[..file.len() - 2].to_vec()),
            ("trailing bytes", [file, &[0; 4096], b"ftypmp42"].concat()),
            ("a leading line break", [b"\r\n", file].concat()),
            ("two files", [file, fixture!("grey.jpg")].concat()),
        ] {
            assert_eq!(open(&odd).pixels, right, "{what}");
        }
    }
}

#[test]
fn other_formats_without_their_ends_are_refused() {
    let image = DynamicImage::ImageRgb8(plain());
    for format in [
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Gif,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::Qoi,
    ] {
        let mut file = std::io::Cursor::new(Vec::new());
        image.write_to(&mut file, format).unwrap();
        let file = file.into_inner();
        assert_eq!(open(&file).pixels.dimensions(), (72, 56));
        for part in [1, 5, 9] {
            let cut = &file[..file.len() * part / 10];
            let Err(error) = decode(cut, ImageLimits::default()) else {
                panic!("{format:?}: {part} of 10 parts were accepted");
            };
            let said = error.to_string();
            assert!(said.contains(" file "), "{format:?}: {said}");
            assert!(!said.contains('{'), "{format:?}: {said}");
        }
    }
}

#[test]
fn a_wrong_checksum_is_said_in_plain_words() {
    let mut file = fixture!("plain.png").to_vec();
    let data = file.windows(4).position(|w| w == b"IDAT").unwrap();
    let length = u32::from_be_bytes(file[data - 4..data].try_into().unwrap()) as usize;
    file[data + 4 + length] ^= 1;
    assert_eq!(
        refused(&file),
        "the PNG file cannot be decoded: a checksum is wrong, so the file is damaged"
    );
}

//! What a picture file says of itself, read.

use std::io::Cursor;

use image::{ImageDecoder, ImageFormat, ImageReader};

use crate::picture::XMP_IN_PNG;
use crate::xmp::{self, PREFIX};

/// Most memory for the texts of a PNG, in bytes.
const MOST_TEXT: usize = 16 << 20;

/// The texts of this program in a picture file, by their names: those that [`encode_picture`](crate::encode_picture) wrote.
/// Empty for any other file; no pixels are decoded.
pub fn picture_texts(file: &[u8]) -> Vec<(String, String)> {
    match image::guess_format(file) {
        Ok(ImageFormat::Png) => in_png(file),
        Ok(ImageFormat::WebP) => image_webp::WebPDecoder::new(Cursor::new(file))
            .and_then(|mut decoder| decoder.xmp_metadata())
            .ok()
            .flatten()
            .map_or_else(Vec::new, in_packet),
        Ok(ImageFormat::Jpeg) => {
            let decoder = ImageReader::with_format(Cursor::new(file), ImageFormat::Jpeg);
            let packet = decoder
                .into_decoder()
                .and_then(|mut decoder| decoder.xmp_metadata());
            packet.ok().flatten().map_or_else(Vec::new, in_packet)
        }
        _ => Vec::new(),
    }
}

fn in_packet(packet: Vec<u8>) -> Vec<(String, String)> {
    xmp::texts(&String::from_utf8_lossy(&packet))
}

/// The texts in a PNG's own chunks, or else in its XMP packet.
fn in_png(file: &[u8]) -> Vec<(String, String)> {
    let limits = png::Limits { bytes: MOST_TEXT };
    let decoder = png::Decoder::new_with_limits(Cursor::new(file), limits);
    let Ok(reader) = decoder.read_info() else {
        return Vec::new();
    };
    let info = reader.info();
    let mut texts = Vec::new();
    let mut packet = Vec::new();
    for chunk in &info.utf8_text {
        let Ok(text) = chunk.get_text() else {
            continue;
        };
        if let Some(name) = chunk.keyword.strip_prefix(PREFIX) {
            texts.push((name.to_owned(), text));
        } else if chunk.keyword == XMP_IN_PNG {
            packet = xmp::texts(&text);
        }
    }
    // Other programs write plain ASCII in chunks of another kind.
    for chunk in &info.uncompressed_latin1_text {
        if let Some(name) = chunk.keyword.strip_prefix(PREFIX) {
            texts.push((name.to_owned(), chunk.text.clone()));
        }
    }
    if texts.is_empty() { packet } else { texts }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;
    use crate::{About, PictureFormat, encode_picture};

    fn about() -> About {
        About {
            photographed: false,
            software: "deepface 1".to_owned(),
            description: "A synthetic face".to_owned(),
            texts: vec![("request".to_owned(), "{\"name\": \"é & <b>\"}".to_owned())],
        }
    }

    fn image() -> RgbImage {
        RgbImage::from_fn(9, 7, |x, y| Rgb([x as u8 * 20, y as u8 * 30, 77]))
    }

    #[test]
    fn every_format_says_what_made_it_and_shows_the_picture() {
        for (ending, lossless) in [("png", true), ("jpg", false), ("webp", true)] {
            let format = PictureFormat::of_ending(ending);
            let file = encode_picture(&image(), format, &about()).unwrap();
            assert_eq!(picture_texts(&file), about().texts, "{ending}");
            let holds = |text: &str| file.windows(text.len()).any(|w| w == text.as_bytes());
            assert!(holds("trainedAlgorithmicMedia"), "{ending}");
            if ending == "webp" {
                continue;
            }
            let shown = image::load_from_memory(&file).unwrap().into_rgb8();
            assert_eq!(shown.dimensions(), (9, 7));
            assert_eq!(shown == image(), lossless, "{ending}");
        }
    }

    #[test]
    fn a_webp_has_the_pixels_of_the_image() {
        let file = encode_picture(&image(), PictureFormat::WebP, &about()).unwrap();
        let mut decoder = image_webp::WebPDecoder::new(Cursor::new(file)).unwrap();
        let mut pixels = vec![0; decoder.output_buffer_size().unwrap()];
        decoder.read_image(&mut pixels).unwrap();
        assert_eq!(pixels, image().into_raw());
    }

    #[test]
    fn a_packet_is_read_where_the_chunks_were_removed() {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 1, 1);
        let packet = xmp::packet(&about());
        encoder
            .add_itxt_chunk(XMP_IN_PNG.to_owned(), packet)
            .unwrap();
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[0]).unwrap();
        drop(writer);
        assert_eq!(picture_texts(&file), about().texts);
    }

    #[test]
    fn other_files_say_nothing() {
        let png = crate::png(&image()).unwrap();
        for file in [&b""[..], b"text", &png, &png[..20]] {
            assert_eq!(picture_texts(file), []);
        }
    }
}

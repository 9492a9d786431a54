//! Pictures: enlarged faces, contact sheets, animations.

use anyhow::{Context, bail};
use deepface_client::v1::{self, image::Content};
use deepface_images::resized;
use image::{ImageFormat, RgbImage, codecs::jpeg::JpegEncoder, imageops};

/// Width that the default scale aims at, in pixels.
const COMFORTABLE: u32 = 256;
/// Most pictures on one sheet; more are thinned out evenly.
const MAX_TILES: usize = 36;
/// Pixels between the tiles of a sheet.
const GAP: u32 = 4;
/// How long an animation shows an iterate, and the last one, in hundredths of a second.
const FRAME_DELAY: u16 = 8;
const LAST_DELAY: u16 = 200;
/// A palette is chosen from one in this many pixels of its frame.
const PALETTE_SAMPLE: i32 = 3;

/// The PNG of an image of the service.
pub(crate) fn encoded(image: Option<&v1::Image>) -> anyhow::Result<&[u8]> {
    match image.and_then(|image| image.content.as_ref()) {
        Some(Content::Encoded(bytes)) => Ok(bytes),
        _ => bail!("the service sent no PNG"),
    }
}

/// Decodes an image of the service.
pub(crate) fn decode(image: Option<&v1::Image>) -> anyhow::Result<RgbImage> {
    let image = image::load_from_memory_with_format(encoded(image)?, ImageFormat::Png);
    Ok(image.context("the service sent a damaged PNG")?.into_rgb8())
}

/// The factor that enlarges a face of this width to about [`COMFORTABLE`] pixels.
pub(crate) fn comfortable_scale(width: u32) -> u32 {
    ((COMFORTABLE + width / 2) / width.max(1)).max(1)
}

/// Enlarges smoothly; 1 changes nothing.
pub(crate) fn enlarge(image: &RgbImage, scale: u32) -> RgbImage {
    let (width, height) = image.dimensions();
    resized(image, [height * scale, width * scale])
}

/// Stacks pictures of one size, the first on top, as one JPEG: a film strip.
pub(crate) fn film(pictures: &[RgbImage], quality: u8) -> anyhow::Result<Vec<u8>> {
    let (width, height) = pictures
        .first()
        .context("there is no picture to show")?
        .dimensions();
    let mut strip = RgbImage::new(width, height * pictures.len() as u32);
    for (i, picture) in (0..).zip(pictures) {
        imageops::replace(&mut strip, picture, 0, i64::from(height) * i);
    }
    let mut file = Vec::new();
    strip.write_with_encoder(JpegEncoder::new_with_quality(&mut file, quality))?;
    Ok(file)
}

/// Lays pictures of one size out in a grid, row by row, on black.
pub(crate) fn contact_sheet(pictures: &[RgbImage]) -> anyhow::Result<RgbImage> {
    let tiles = evenly_spaced(pictures, MAX_TILES);
    let (width, height) = tiles
        .first()
        .context("there is no picture to show")?
        .dimensions();
    let columns = (tiles.len() as f64).sqrt().ceil() as u32;
    let rows = (tiles.len() as u32).div_ceil(columns);
    let mut sheet = RgbImage::new(columns * (width + GAP) + GAP, rows * (height + GAP) + GAP);
    for (i, tile) in (0..).zip(tiles) {
        let x = GAP + (i % columns) * (width + GAP);
        let y = GAP + (i / columns) * (height + GAP);
        imageops::replace(&mut sheet, tile, x.into(), y.into());
    }
    Ok(sheet)
}

/// At most `most` of the items, evenly spaced, the first and the last included.
pub(crate) fn evenly_spaced<T>(items: &[T], most: usize) -> Vec<&T> {
    let shown = items.len().min(most);
    let last = (items.len().max(1) - 1) as f64;
    let step = last / (shown.max(2) - 1) as f64;
    (0..shown)
        .map(|i| &items[(i as f64 * step).round() as usize])
        .collect()
}

/// An animation of iterates, which rests on the last.
pub(crate) fn iterates(pictures: &[RgbImage]) -> anyhow::Result<Vec<u8>> {
    let last = pictures.len().saturating_sub(1);
    let delay = |i| if i == last { LAST_DELAY } else { FRAME_DELAY };
    let showing: Vec<_> = (0..pictures.len()).map(|i| (delay(i), i)).collect();
    animation(pictures, &showing)
}

/// Encodes pictures of one size as an animation that repeats; `showing` lists the time of each
/// frame, in hundredths of a second, and its picture. Each picture has its own palette.
pub(crate) fn animation(
    pictures: &[RgbImage],
    showing: &[(u16, usize)],
) -> anyhow::Result<Vec<u8>> {
    let first = pictures.first().context("there is no picture to show")?;
    let (width, height) = first.dimensions();
    let (width, height) = (u16::try_from(width)?, u16::try_from(height)?);
    let mut encoder = gif::Encoder::new(Vec::new(), width, height, &[])?;
    encoder.set_repeat(gif::Repeat::Infinite)?;
    let frame =
        |picture: &RgbImage| gif::Frame::from_rgb_speed(width, height, picture, PALETTE_SAMPLE);
    let mut frames: Vec<_> = pictures.iter().map(frame).collect();
    for &(delay, i) in showing {
        frames[i].delay = delay;
        encoder.write_frame(&frames[i])?;
    }
    Ok(encoder.into_inner()?)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn pictures(n: u8) -> Vec<RgbImage> {
        let picture = |i| RgbImage::from_pixel(8, 8, image::Rgb([i, 0, 255 - i]));
        (0..n).map(picture).collect()
    }

    #[test]
    fn a_face_becomes_about_256_pixels_wide() {
        let scales = [64, 96, 112, 224, 256, 1000].map(comfortable_scale);
        assert_eq!(scales, [4, 3, 2, 1, 1, 1]);
        assert_eq!(enlarge(&pictures(1)[0], 4).dimensions(), (32, 32));
    }

    #[test]
    fn a_sheet_shows_the_first_and_the_last() {
        let sheet = contact_sheet(&pictures(5)).unwrap();
        assert_eq!(sheet.dimensions(), (3 * 12 + 4, 2 * 12 + 4));
        assert_eq!(sheet.get_pixel(4, 4).0, [0, 0, 255]);
        assert_eq!(sheet.get_pixel(4 + 12, 4 + 12).0, [4, 0, 251]);
        let all = pictures(200);
        let shown = evenly_spaced(&all, MAX_TILES);
        assert_eq!(shown.len(), MAX_TILES);
        assert_eq!((shown[0], shown[MAX_TILES - 1]), (&all[0], &all[199]));
        assert_eq!(evenly_spaced(&all[..1], MAX_TILES).len(), 1);
        assert!(contact_sheet(&[]).is_err());
    }

    #[test]
    fn a_film_is_as_long_as_its_pictures() {
        let film = image::load_from_memory(&film(&pictures(3), 85).unwrap()).unwrap();
        assert_eq!((film.width(), film.height()), (8, 24));
        assert!(super::film(&[], 85).is_err());
    }

    #[test]
    fn an_animation_has_every_picture() {
        let file = iterates(&pictures(3)).unwrap();
        let mut decoder = gif::DecodeOptions::new()
            .read_info(Cursor::new(file))
            .unwrap();
        let mut delays = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            delays.push(frame.delay);
        }
        assert_eq!(delays, [FRAME_DELAY, FRAME_DELAY, LAST_DELAY]);
        assert!(iterates(&[]).is_err());
    }
}

//! Pictures for people: enlarged faces, contact sheets, animations.

use std::io::Cursor;

use anyhow::{Context, bail};
use deepface_client::v1::{self, image::Content};
use image::{ImageFormat, RgbImage, imageops};

/// Width that the default scale aims at, in pixels.
const COMFORTABLE: u32 = 256;
/// Pictures on one sheet; of more iterates, evenly spaced ones are taken.
const MAX_TILES: usize = 36;
/// Pixels between the tiles of a sheet.
const GAP: u32 = 4;
/// How long a frame of an animation is shown, and the last one, in hundredths of a second.
const FRAME_DELAY: u16 = 8;
const LAST_DELAY: u16 = 200;

/// Decodes an image of the service.
pub(crate) fn decode(image: Option<&v1::Image>) -> anyhow::Result<RgbImage> {
    let Some(Content::Encoded(bytes)) = image.and_then(|image| image.content.as_ref()) else {
        bail!("the service sent no PNG");
    };
    let image = image::load_from_memory_with_format(bytes, ImageFormat::Png);
    Ok(image.context("the service sent a damaged PNG")?.into_rgb8())
}

/// The factor that makes a face of this width comfortable to look at.
pub(crate) fn comfortable_scale(width: u32) -> u32 {
    ((COMFORTABLE + width / 2) / width.max(1)).max(1)
}

/// Enlarges smoothly; 1 changes nothing.
pub(crate) fn enlarge(image: &RgbImage, scale: u32) -> RgbImage {
    if scale == 1 {
        return image.clone();
    }
    let (width, height) = image.dimensions();
    imageops::resize(
        image,
        width * scale,
        height * scale,
        imageops::FilterType::CatmullRom,
    )
}

/// Encodes as PNG.
pub(crate) fn png(image: &RgbImage) -> anyhow::Result<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, ImageFormat::Png)?;
    Ok(file.into_inner())
}

/// Lays pictures of one size out in a grid, row by row, on black.
pub(crate) fn contact_sheet(pictures: &[RgbImage]) -> anyhow::Result<RgbImage> {
    let tiles = evenly_spaced(pictures);
    let (width, height) = tiles
        .first()
        .context("there is no iterate to show")?
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

/// At most [`MAX_TILES`] of the pictures, the first and the last among them.
fn evenly_spaced(pictures: &[RgbImage]) -> Vec<&RgbImage> {
    let shown = pictures.len().min(MAX_TILES);
    let last = (pictures.len().max(1) - 1) as f64;
    let step = last / (shown.max(2) - 1) as f64;
    (0..shown)
        .map(|i| &pictures[(i as f64 * step).round() as usize])
        .collect()
}

/// Encodes pictures of one size as an animation that repeats and rests on the last.
pub(crate) fn animation(pictures: &[RgbImage]) -> anyhow::Result<Vec<u8>> {
    let (width, height) = pictures
        .first()
        .context("there is no iterate to show")?
        .dimensions();
    let (width, height) = (u16::try_from(width)?, u16::try_from(height)?);
    let mut encoder = gif::Encoder::new(Vec::new(), width, height, &[])?;
    encoder.set_repeat(gif::Repeat::Infinite)?;
    for (i, picture) in pictures.iter().enumerate() {
        let mut frame = gif::Frame::from_rgb_speed(width, height, picture, 10);
        let last = i + 1 == pictures.len();
        frame.delay = if last { LAST_DELAY } else { FRAME_DELAY };
        encoder.write_frame(&frame)?;
    }
    Ok(encoder.into_inner()?)
}

#[cfg(test)]
mod tests {
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
        let shown = evenly_spaced(&all);
        assert_eq!(shown.len(), MAX_TILES);
        assert_eq!((shown[0], shown[MAX_TILES - 1]), (&all[0], &all[199]));
        assert_eq!(evenly_spaced(&all[..1]).len(), 1);
        assert!(contact_sheet(&[]).is_err());
    }

    #[test]
    fn an_animation_has_every_picture() {
        let file = animation(&pictures(3)).unwrap();
        let mut decoder = gif::DecodeOptions::new()
            .read_info(Cursor::new(file))
            .unwrap();
        let mut delays = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            delays.push(frame.delay);
        }
        assert_eq!(delays, [FRAME_DELAY, FRAME_DELAY, LAST_DELAY]);
        assert!(animation(&[]).is_err());
    }
}

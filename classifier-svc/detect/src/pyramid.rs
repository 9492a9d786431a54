//! A photograph at ever smaller sizes, so that a detector of one size finds faces of every size.

use std::iter;

use image::{GrayImage, RgbImage, imageops};

/// Pixels a side of the detector's window: a face from the forehead to the chin.
pub(crate) const WINDOW: u32 = 40;
/// Pixels of the longer side at most: larger photographs are scaled down, which bounds time and memory.
const LONGEST: u32 = 1280;
/// Pixels of the smallest face to look for: a smaller one has too little detail for the models.
const SMALLEST: u32 = 30;
/// How much smaller each level is than the one before it.
const STEP: f32 = 0.8;

/// Pixels from the forehead to the chin of the smallest face that is found in a photograph of this size: 30, or 1/32 of
/// the longer side where that is more.
pub fn smallest_face(width: u32, height: u32) -> u32 {
    SMALLEST.max(width.max(height).div_ceil(LONGEST / WINDOW))
}

/// The photograph, in grey, at one size.
pub(crate) struct Level {
    pub(crate) image: GrayImage,
    /// Width and height of the photograph.
    photograph: (u32, u32),
}

/// All levels, the largest first. None where the photograph is too small for any face.
pub(crate) fn levels(photograph: &RgbImage) -> impl Iterator<Item = Level> {
    iter::successors(first(photograph), |level| {
        let image = scaled(&level.image, STEP)?;
        Some(Level { image, ..*level })
    })
}

impl Level {
    /// Pixels of the photograph per pixel of the level, across and down.
    pub(crate) fn scale(&self) -> (f32, f32) {
        let (width, height) = self.image.dimensions();
        let (of_width, of_height) = self.photograph;
        (
            of_width as f32 / width as f32,
            of_height as f32 / height as f32,
        )
    }
}

/// The level in which the smallest face is as large as the window.
fn first(photograph: &RgbImage) -> Option<Level> {
    let (width, height) = photograph.dimensions();
    let factor = WINDOW as f32 / smallest_face(width, height) as f32;
    Some(Level {
        image: scaled(&imageops::grayscale(photograph), factor)?,
        photograph: (width, height),
    })
}

/// `None` where nothing as large as the window would be left.
fn scaled(image: &GrayImage, factor: f32) -> Option<GrayImage> {
    let (width, height) = image.dimensions();
    let side = |pixels: u32| (pixels as f32 * factor).round() as u32;
    let (to_width, to_height) = (side(width), side(height));
    if to_width.min(to_height) < WINDOW {
        return None;
    }
    // Means of whole blocks are many times faster, and good enough where the blocks are large.
    Some(if factor < 0.5 {
        imageops::thumbnail(image, to_width, to_height)
    } else {
        imageops::resize(image, to_width, to_height, imageops::FilterType::Triangle)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_of_face_fits_the_window_at_some_level() {
        let photograph = RgbImage::new(1000, 700);
        let smallest = smallest_face(1000, 700) as f32;
        let faces: Vec<_> = levels(&photograph)
            .map(|level| level.scale().0 * WINDOW as f32)
            .collect();
        assert!((faces[0] - smallest).abs() < 0.5, "{faces:?}");
        assert!(*faces.last().unwrap() > 700.0 * STEP, "{faces:?}");
        for pair in faces.windows(2) {
            assert!((pair[0] / pair[1] - STEP).abs() < 0.02, "{faces:?}");
        }
    }

    #[test]
    fn large_photographs_are_scaled_down_and_small_ones_up() {
        let first = |width, height| {
            let level = levels(&RgbImage::new(width, height)).next();
            level.map(|level| level.image.dimensions())
        };
        assert_eq!(first(4096, 2048), Some((1280, 640)));
        assert_eq!(first(960, 300), Some((1280, 400)));
        assert_eq!(first(150, 300), Some((200, 400)));
        assert_eq!(first(4096, 100), None);
        assert_eq!(first(29, 29), None);
        assert_eq!([smallest_face(4096, 9), smallest_face(640, 480)], [128, 30]);
    }
}

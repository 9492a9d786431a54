//! A photograph at ever smaller sizes: large faces are found in small ones.

use std::iter;

use image::{RgbImage, imageops};

/// Pixels of the longer side at most: larger photographs are scaled down, which bounds time and memory.
const LONGEST: u32 = 1280;
/// The scan ends with a level whose longer side is less than twice this: a face that fills it is found.
const SHORTEST: u32 = 96;
/// Pixels from the forehead to the chin from which on faces are found reliably, and their share of the longer side.
const SMALLEST: u32 = 30;
const SHARE: u32 = 32;

/// Pixels from the forehead to the chin from which on faces are found reliably in a photograph of this size: 30, or 1/32
/// of the longer side where that is more. Most that are half as large are found, too.
pub fn smallest_face(width: u32, height: u32) -> u32 {
    SMALLEST.max(width.max(height).div_ceil(SHARE))
}

/// All levels of a photograph, the largest first; each has half the sides of the one before.
pub(crate) fn levels(photograph: &RgbImage) -> Vec<RgbImage> {
    let (width, height) = photograph.dimensions();
    let longer = width.max(height);
    let first = if longer > LONGEST {
        let side = |pixels: u32| {
            let scaled = u64::from(pixels) * u64::from(LONGEST) / u64::from(longer);
            scaled.max(1) as u32
        };
        // Means of whole blocks are many times faster, and good enough where the blocks are large.
        if longer >= 2 * LONGEST {
            imageops::thumbnail(photograph, side(width), side(height))
        } else {
            let filter = imageops::FilterType::Triangle;
            imageops::resize(photograph, side(width), side(height), filter)
        }
    } else {
        photograph.clone()
    };
    let smaller = |level: &RgbImage| {
        let (width, height) = level.dimensions();
        let enough = width.max(height) >= 2 * SHORTEST && width.min(height) >= 2;
        enough.then(|| imageops::thumbnail(level, width / 2, height / 2))
    };
    iter::successors(Some(first), smaller).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_photographs_are_scaled_down_and_every_level_is_half() {
        let sides = |width, height| {
            let levels = levels(&RgbImage::new(width, height));
            levels.iter().map(RgbImage::dimensions).collect::<Vec<_>>()
        };
        assert_eq!(
            sides(4096, 2048),
            [(1280, 640), (640, 320), (320, 160), (160, 80)]
        );
        assert_eq!(sides(250, 300), [(250, 300), (125, 150)]);
        assert_eq!(sides(1281, 3)[0], (1280, 2));
        assert_eq!(sides(90_000, 1), [(1280, 1)]);
        assert_eq!(sides(1, 1), [(1, 1)]);
    }

    #[test]
    fn the_smallest_face_grows_with_the_photograph() {
        assert_eq!([smallest_face(4096, 9), smallest_face(640, 480)], [128, 30]);
    }
}

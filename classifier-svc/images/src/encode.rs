//! Pixels to images, and images to files.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage, imageops};

/// The image of pixels `[3, height, width]`, RGB, 0 to 1; values beyond are clipped.
///
/// # Panics
/// There are not `3 * height * width` values.
pub fn image_of(pixels: &[f32], [height, width]: [u32; 2]) -> RgbImage {
    let area = height as usize * width as usize;
    assert_eq!(pixels.len(), 3 * area, "expected [3, {height}, {width}]");
    RgbImage::from_fn(width, height, |x, y| {
        let at = y as usize * width as usize + x as usize;
        Rgb([0, 1, 2].map(|c| (pixels[c * area + at] * 255.0).round() as u8))
    })
}

/// The pixels of an image, `[3, height, width]`, RGB, 0 to 1.
pub fn pixels_of(image: &RgbImage) -> Vec<f32> {
    let levels = image.as_raw();
    let colours = (0..3).flat_map(|c| levels.iter().skip(c).step_by(3));
    colours.map(|&level| f32::from(level) / 255.0).collect()
}

/// The image at another size, smoothly.
pub fn resized(image: &RgbImage, [height, width]: [u32; 2]) -> RgbImage {
    if image.dimensions() == (width, height) {
        return image.clone();
    }
    imageops::resize(image, width, height, imageops::FilterType::CatmullRom)
}

/// Encodes an image as PNG.
///
/// # Errors
/// The image has no pixels.
pub fn png(image: &RgbImage) -> image::ImageResult<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, ImageFormat::Png)?;
    Ok(file.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Framing, ImageLimits, decode, face_pixels};

    #[test]
    fn pixels_survive_a_png() {
        let values = |i: usize| (i * 7 % 256) as f32 / 255.0;
        let pixels: Vec<f32> = (0..3 * 64).map(values).collect();
        let file = png(&image_of(&pixels, [8, 8])).unwrap();
        let image = decode(&file, ImageLimits::default()).unwrap();
        assert_eq!(pixels_of(&image.pixels), pixels);
        assert_eq!(face_pixels(&image.pixels, Framing::Face, 8), pixels);
    }

    #[test]
    fn values_beyond_white_and_black_are_clipped() {
        let image = image_of(&[-1.0, 2.0, 0.5], [1, 1]);
        assert_eq!(image.get_pixel(0, 0).0, [0, 255, 128]);
    }
}

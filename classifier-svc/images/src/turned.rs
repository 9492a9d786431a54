//! Squares of an image that are turned.

use image::{GenericImageView, Rgb, RgbImage};

use crate::framing::{Square, scaled, square_pixels};

/// Turns an image counter-clockwise by `roll` degrees about the centre of a square, then cuts the square out and scales it
/// to `size` x `size`, as [`square_pixels`] does: a face that is turned clockwise by `roll` is upright in the result.
pub fn turned_pixels(image: &RgbImage, square: Square, roll: f32, size: usize) -> Vec<f32> {
    if roll == 0.0 {
        return square_pixels(image, square, size);
    }
    let (sin, cos) = roll.to_radians().sin_cos();
    let half = square.side as f32 / 2.0;
    let turned = Turned {
        image,
        side: square.side,
        centre: (square.left as f32 + half, square.top as f32 + half),
        right: (cos, sin),
    };
    scaled(&turned, size)
}

/// The colour at a place of an image, between four pixels; beyond the border that of the border.
///
/// The centre of the upper left pixel is at (0.5, 0.5).
pub fn colour_at(image: &RgbImage, (x, y): (f32, f32)) -> Rgb<u8> {
    let (width, height) = image.dimensions();
    let x = (x - 0.5).clamp(0.0, (width - 1) as f32);
    let y = (y - 0.5).clamp(0.0, (height - 1) as f32);
    let (left, top) = (x as u32, y as u32);
    let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
    let (across, down) = (x - left as f32, y - top as f32);
    let mix = |a: u8, b: u8| f32::from(a) + (f32::from(b) - f32::from(a)) * across;
    let upper = (image.get_pixel(left, top).0, image.get_pixel(right, top).0);
    let lower = (
        image.get_pixel(left, bottom).0,
        image.get_pixel(right, bottom).0,
    );
    Rgb([0, 1, 2].map(|c| {
        let upper = mix(upper.0[c], upper.1[c]);
        let lower = mix(lower.0[c], lower.1[c]);
        (upper + (lower - upper) * down).round() as u8
    }))
}

/// A turned square of an image that repeats at its borders.
struct Turned<'a> {
    image: &'a RgbImage,
    side: u32,
    centre: (f32, f32),
    /// Where the right of the square lies in the image: a vector of length 1.
    right: (f32, f32),
}

impl GenericImageView for Turned<'_> {
    type Pixel = Rgb<u8>;

    fn dimensions(&self) -> (u32, u32) {
        (self.side, self.side)
    }

    fn get_pixel(&self, x: u32, y: u32) -> Self::Pixel {
        let from_centre = |pixel: u32| pixel as f32 + 0.5 - self.side as f32 / 2.0;
        let (across, down) = (from_centre(x), from_centre(y));
        let (cos, sin) = self.right;
        let place = (
            self.centre.0 + cos * across - sin * down,
            self.centre.1 + sin * across + cos * down,
        );
        colour_at(self.image, place)
    }
}

#[cfg(test)]
mod tests {
    use image::imageops;

    use super::*;

    fn pattern() -> RgbImage {
        RgbImage::from_fn(40, 40, |x, y| Rgb([6 * x as u8, 6 * y as u8, 9]))
    }

    #[test]
    fn quarter_turns_are_exact() {
        let (upright, square) = (
            pattern(),
            Square {
                left: 10,
                top: 10,
                side: 20,
            },
        );
        let expected = square_pixels(&upright, square, 10);
        let turned = [
            (imageops::rotate90(&upright), 90.0),
            (imageops::rotate180(&upright), 180.0),
            (imageops::rotate270(&upright), -90.0),
        ];
        for (image, roll) in turned {
            let pixels = turned_pixels(&image, square, roll, 10);
            let off = pixels.iter().zip(&expected).map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f32::max) < 0.005, "{roll}");
        }
    }

    #[test]
    fn a_place_beyond_the_border_has_its_colour() {
        let image = pattern();
        assert_eq!(colour_at(&image, (-7.0, 1.5)), Rgb([0, 6, 9]));
        assert_eq!(colour_at(&image, (1.0, f32::MAX)), Rgb([3, 234, 9]));
        assert_eq!(colour_at(&image, (3.5, 4.5)), *image.get_pixel(3, 4));
    }
}

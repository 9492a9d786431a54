//! From an image to the pixels of a face.

use image::{GenericImageView, Rgb, RgbImage, imageops};

use crate::pixels_of;

/// How the face lies in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// An aligned photograph, as in LFW deep-funneled: the central 160 of 250 pixels of each side are the face.
    Aligned,
    /// The image is the face.
    Face,
}

impl Framing {
    /// Pixels of the face in an image's side of `length` pixels.
    pub fn side(self, length: u32) -> u32 {
        match self {
            Self::Aligned => central(length),
            Self::Face => length,
        }
    }
}

/// A square region of an image, in its pixels. It may reach over the border, where the pixels of the border repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Square {
    /// Of its upper left pixel, from the left border.
    pub left: i32,
    /// Of its upper left pixel, from the upper border.
    pub top: i32,
    /// Pixels a side.
    pub side: u32,
}

/// Cuts the face out of an image and scales it to `size` x `size`.
///
/// Returns RGB pixels, channels first, `[3, size, size]`, 0 to 1 where 1 is 255. Scaling is by triangle filter
/// whose support grows with the reduction, so nothing is aliased.
pub fn face_pixels(image: &RgbImage, framing: Framing, size: usize) -> Vec<f32> {
    let (width, height) = image.dimensions();
    let (w, h) = (framing.side(width), framing.side(height));
    let face = imageops::crop_imm(image, (width - w) / 2, (height - h) / 2, w, h);
    scaled(&*face, size)
}

/// Cuts a square out of an image and scales it to `size` x `size`, as [`face_pixels`] does.
pub fn square_pixels(image: &RgbImage, square: Square, size: usize) -> Vec<f32> {
    scaled(&Repeated { image, square }, size)
}

/// A square of an image that repeats at its borders.
struct Repeated<'a> {
    image: &'a RgbImage,
    square: Square,
}

impl GenericImageView for Repeated<'_> {
    type Pixel = Rgb<u8>;

    fn dimensions(&self) -> (u32, u32) {
        (self.square.side, self.square.side)
    }

    fn get_pixel(&self, x: u32, y: u32) -> Self::Pixel {
        let within = |start: i32, offset: u32, side: u32| {
            let last = i64::from(side.max(1)) - 1;
            (i64::from(start) + i64::from(offset)).clamp(0, last) as u32
        };
        let (width, height) = self.image.dimensions();
        let x = within(self.square.left, x, width);
        let y = within(self.square.top, y, height);
        *self.image.get_pixel(x, y)
    }
}

/// Scaled to `size` x `size`: `[3, size, size]`, 0 to 1.
pub(crate) fn scaled(face: &impl GenericImageView<Pixel = Rgb<u8>>, size: usize) -> Vec<f32> {
    let side = size as u32;
    // At its own size nothing changes.
    pixels_of(&imageops::resize(
        face,
        side,
        side,
        imageops::FilterType::Triangle,
    ))
}

/// 160 of every 250 pixels, rounded, at least 1.
fn central(side: u32) -> u32 {
    ((u64::from(side) * 160 + 125) / 250).max(1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_framing_takes_the_central_160_of_250() {
        let image = RgbImage::from_fn(250, 250, |x, y| {
            let inside = (45..205).contains(&x) && (45..205).contains(&y);
            Rgb([if inside { 255 } else { 0 }, 0, 51])
        });
        let pixels = face_pixels(&image, Framing::Aligned, 8);
        assert_eq!(pixels.len(), 3 * 64);
        assert!(pixels[..64].iter().all(|&x| x == 1.0));
        assert!(pixels[128..].iter().all(|&x| (x - 0.2).abs() < 1e-6));
        let whole = face_pixels(&image, Framing::Face, 8);
        assert!(whole[0] < 0.1);
    }

    #[test]
    fn a_square_inside_is_a_crop_and_one_outside_repeats_the_border() {
        let image = RgbImage::from_fn(40, 30, |x, y| Rgb([6 * x as u8, 8 * y as u8, 9]));
        let square = |left, top, side| Square { left, top, side };
        let crop = imageops::crop_imm(&image, 7, 5, 20, 20).to_image();
        for size in [8, 20, 33] {
            assert_eq!(
                square_pixels(&image, square(7, 5, 20), size),
                face_pixels(&crop, Framing::Face, size)
            );
        }
        let corner = square_pixels(&image, square(-4, 26, 8), 8);
        let at = |c: usize, x: usize, y: usize| corner[c * 64 + y * 8 + x] * 255.0;
        assert_eq!([at(0, 0, 0), at(0, 4, 0), at(0, 5, 0)], [0.0, 0.0, 6.0]);
        assert_eq!(
            [at(1, 0, 0), at(1, 0, 3), at(1, 7, 7)],
            [208.0, 232.0, 232.0]
        );
        let far = square_pixels(&image, square(i32::MIN, i32::MAX, 3), 1);
        assert_eq!(far[0], 0.0);
    }

    #[test]
    fn a_single_pixel_has_a_face() {
        assert_eq!(
            face_pixels(&RgbImage::new(1, 1), Framing::Aligned, 4),
            [0.0; 48]
        );
    }
}

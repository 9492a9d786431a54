//! Squares of a photograph that may be turned.

use deepface_images::colour_at;
use image::RgbImage;

/// A square region that may be turned and may reach over the border, in pixels of a photograph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct View {
    /// Its centre.
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) side: f32,
    /// Degrees clockwise from the photograph's upright.
    pub(crate) roll: f32,
}

impl View {
    /// The point that lies so many half sides to the right of the centre and below it, as seen in the view.
    pub(crate) fn point(&self, across: f32, down: f32) -> (f32, f32) {
        let (sin, cos) = self.roll.to_radians().sin_cos();
        let half = self.side / 2.0;
        (
            self.x + half * (cos * across - sin * down),
            self.y + half * (sin * across + cos * down),
        )
    }

    /// What the view shows, at `size` x `size` pixels. `levels` are the photograph and its halves.
    pub(crate) fn shown(&self, levels: &[RgbImage], size: u32) -> RgbImage {
        let mut view = *self;
        let mut level = &levels[0];
        for half in &levels[1..] {
            if view.side < 2.0 * size as f32 {
                break;
            }
            let (width, height) = half.dimensions();
            let (of_width, of_height) = level.dimensions();
            view.x *= width as f32 / of_width as f32;
            view.y *= height as f32 / of_height as f32;
            view.side /= 2.0;
            level = half;
        }
        let at = |pixel: u32| (pixel as f32 + 0.5) / size as f32 * 2.0 - 1.0;
        RgbImage::from_fn(size, size, |x, y| {
            colour_at(level, view.point(at(x), at(y)))
        })
    }
}

/// An angle in degrees, from above -180 to 180.
pub(crate) fn wrapped(degrees: f32) -> f32 {
    180.0 - (180.0 - degrees).rem_euclid(360.0)
}

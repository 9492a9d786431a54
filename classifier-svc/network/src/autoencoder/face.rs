//! Labelled faces to learn from.

use deepface_images::image_of;
use image::RgbImage;

/// A face and its labels.
#[derive(Clone, Debug)]
pub struct Face {
    /// The face, as many pixels a side as the autoencoder has, framed as the classifier sees faces.
    pub image: RgbImage,
    /// A label per attribute, in the order of the schema.
    pub labels: Vec<bool>,
}

impl Face {
    /// A face of pixels, `[3, side, side]`, RGB, 0 to 1.
    ///
    /// # Panics
    /// There are not `3 * side * side` values.
    pub fn new(pixels: &[f32], side: usize, labels: Vec<bool>) -> Self {
        let image = image_of(pixels, [side as u32; 2]);
        Self { image, labels }
    }

    /// Writes the pixels, `[3, side, side]`, RGB, 0 to 1, and mirrored left to right where that is asked for.
    pub(super) fn write(&self, mirrored: bool, out: &mut [f32]) {
        let side = self.image.width() as usize;
        let area = side * side;
        for (at, pixel) in self.image.pixels().enumerate() {
            let (y, x) = (at / side, at % side);
            let x = if mirrored { side - 1 - x } else { x };
            for (c, level) in pixel.0.into_iter().enumerate() {
                out[c * area + y * side + x] = f32::from(level) / 255.0;
            }
        }
    }

    /// Writes the labels as 0 and 1.
    pub(super) fn attributes(&self) -> impl Iterator<Item = f32> {
        self.labels.iter().map(|&label| f32::from(u8::from(label)))
    }
}

/// Pixels, `[n, 3, side, side]`, and attributes, `[n, attributes]`, of faces.
pub(super) fn arrays<'a>(faces: impl IntoIterator<Item = &'a Face>) -> (Vec<f32>, Vec<f32>) {
    let (mut pixels, mut attributes) = (Vec::new(), Vec::new());
    for face in faces {
        let first = pixels.len();
        pixels.resize(first + face.image.as_raw().len(), 0.0);
        face.write(false, &mut pixels[first..]);
        attributes.extend(face.attributes());
    }
    (pixels, attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_come_back_and_are_mirrored() {
        let pixels: Vec<f32> = (0..27).map(|i| i as f32 / 255.0).collect();
        let face = Face::new(&pixels, 3, vec![true, false]);
        let (back, attributes) = arrays([&face]);
        assert_eq!((back, attributes), (pixels.clone(), vec![1.0, 0.0]));
        let mut mirrored = vec![0.0; 27];
        face.write(true, &mut mirrored);
        let rows = pixels.chunks(3).zip(mirrored.chunks(3));
        rows.for_each(|(a, b)| assert_eq!([a[0], a[1], a[2]], [b[2], b[1], b[0]]));
    }
}

//! The space that the image prior lives in: brightness in full, colour at half the resolution, at a size of its own.
//!
//! Eyes see colour coarsely, and faces vary in it coarsely: half as many numbers as RGB has hold nearly all of a face.
//! Because the prior has a size of its own, one prior serves networks of any input size, VGG-Face's 224 pixels included.

use deepface_images::{image_of, pixels_of, resized};

use super::resample::Resampler;

/// Weight of a unit of a colour plane beside a unit of brightness, so that distances are nearly those between RGB pixels:
/// the norm of its column in the matrix to RGB over that of brightness, shared by 4 pixels.
const COLOUR_WEIGHTS: [f32; 2] = [2.0842, 1.8169];

/// Between RGB images of one size and the prior's vectors.
#[derive(Clone, Debug)]
pub struct Canvas {
    side: usize,
    image: usize,
    brightness: Resampler,
    colour: Resampler,
}

impl Canvas {
    /// Whether a prior may have this many pixels a side: an even number, for colour at half the resolution.
    pub fn allows(side: usize) -> bool {
        (2..=1024).contains(&side) && side.is_multiple_of(2)
    }

    /// For a prior of an allowed `side` and images of `image` pixels a side.
    pub fn new(side: usize, image: usize) -> Self {
        Self {
            side,
            image,
            brightness: Resampler::new(side, image),
            colour: Resampler::new(side / 2, image),
        }
    }

    /// Pixels a side of the prior.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Pixels a side of the images.
    pub(super) fn image_side(&self) -> usize {
        self.image
    }

    /// Numbers of a vector: 1.5 a pixel.
    pub fn size(&self) -> usize {
        size(self.side)
    }

    /// The RGB image, `[3, image, image]`, of a vector; not clamped.
    pub fn image(&self, vector: &[f32]) -> Vec<f32> {
        let (y, cb, cr) = self.split(vector);
        let y = self.brightness.apply(y);
        let [cb, cr] = [cb, cr].map(|c| self.colour.apply(c));
        let area = self.image * self.image;
        let mut rgb = vec![0.0; 3 * area];
        for i in 0..area {
            let pixel = to_rgb([y[i], cb[i] / COLOUR_WEIGHTS[0], cr[i] / COLOUR_WEIGHTS[1]]);
            for (c, value) in pixel.into_iter().enumerate() {
                rgb[c * area + i] = value;
            }
        }
        rgb
    }

    /// The vector of an RGB image, `[3, image, image]`, 0 to 1, at the prior's own size.
    pub fn vector(&self, rgb: &[f32]) -> Vec<f32> {
        vector(&planes_at(rgb, self.image, self.side), self.side)
    }

    /// The gradient with respect to the vector, from that with respect to the image.
    pub fn pull_back(&self, gradient: &[f32]) -> Vec<f32> {
        let area = self.image * self.image;
        let mut planes = [vec![0.0; area], vec![0.0; area], vec![0.0; area]];
        for i in 0..area {
            let [r, g, b] = [0, 1, 2].map(|c| gradient[c * area + i]);
            planes[0][i] = r + g + b;
            planes[1][i] = (1.772 * b - 0.344_136 * g) / COLOUR_WEIGHTS[0];
            planes[2][i] = (1.402 * r - 0.714_136 * g) / COLOUR_WEIGHTS[1];
        }
        let mut vector = self.brightness.adjoint(&planes[0]);
        vector.extend(self.colour.adjoint(&planes[1]));
        vector.extend(self.colour.adjoint(&planes[2]));
        vector
    }

    fn split<'a>(&self, vector: &'a [f32]) -> (&'a [f32], &'a [f32], &'a [f32]) {
        let (y, colour) = vector.split_at(self.side * self.side);
        let (cb, cr) = colour.split_at(colour.len() / 2);
        (y, cb, cr)
    }
}

/// An RGB image, `[3, image, image]`, 0 to 1, at another size, `[3, side, side]`.
pub(super) fn planes_at(rgb: &[f32], image: usize, side: usize) -> Vec<f32> {
    let [from, to] = [image, side].map(|side| side as u32);
    pixels_of(&resized(&image_of(rgb, [from, from]), [to, to]))
}

/// Numbers of a vector of a prior of `side` pixels.
pub(super) fn size(side: usize) -> usize {
    side * side + 2 * (side / 2) * (side / 2)
}

/// The vector of an RGB image, `[3, side, side]`, of the prior's own size.
pub fn vector(rgb: &[f32], side: usize) -> Vec<f32> {
    let (area, half) = (side * side, side / 2);
    let pixel = |i: usize| to_ycc([0, 1, 2].map(|c| rgb[c * area + i]));
    let mut vector = vec![0.0; size(side)];
    for i in 0..area {
        let [y, cb, cr] = pixel(i);
        vector[i] = y;
        let (row, column) = (i / side / 2, i % side / 2);
        if row < half && column < half {
            let at = area + row * half + column;
            vector[at] += cb * COLOUR_WEIGHTS[0] / 4.0;
            vector[at + half * half] += cr * COLOUR_WEIGHTS[1] / 4.0;
        }
    }
    vector
}

/// ITU-R BT.601, without offsets.
fn to_ycc([r, g, b]: [f32; 3]) -> [f32; 3] {
    let y = 0.299 * r + 0.587 * g + 0.114 * b;
    [y, (b - y) / 1.772, (r - y) / 1.402]
}

fn to_rgb([y, cb, cr]: [f32; 3]) -> [f32; 3] {
    [
        y + 1.402 * cr,
        y - 0.344_136 * cb - 0.714_136 * cr,
        y + 1.772 * cb,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 8;

    fn picture(side: usize) -> Vec<f32> {
        let area = side * side;
        (0..3 * area)
            .map(|i| {
                let (c, x, y) = (i / area, i % side, i % area / side);
                0.5 + 0.2 * (x as f32 * 0.3 + c as f32).sin() + 0.02 * y as f32
            })
            .collect()
    }

    #[test]
    fn a_smooth_picture_comes_back_at_any_size() {
        let picture = picture(SIDE);
        let same = Canvas::new(SIDE, SIDE).image(&vector(&picture, SIDE));
        let error = same.iter().zip(&picture).map(|(a, b)| (a - b).abs());
        assert!(error.fold(0.0, f32::max) < 0.03);
        let large = Canvas::new(SIDE, 2 * SIDE);
        let large = large.image(&vector(&picture, SIDE));
        let mean = |x: &[f32]| x.iter().sum::<f32>() / x.len() as f32;
        assert!((mean(&large) - mean(&picture)).abs() < 1e-2);
    }

    #[test]
    fn pulling_back_is_the_adjoint() {
        for image in [SIDE, 12, 6] {
            let canvas = Canvas::new(SIDE, image);
            let v: Vec<f32> = (0..canvas.size()).map(|i| (i as f32 * 0.9).cos()).collect();
            let g: Vec<f32> = (0..3 * image * image)
                .map(|i| (i as f32 * 0.4).sin())
                .collect();
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let (left, right) = (dot(&canvas.image(&v), &g), dot(&v, &canvas.pull_back(&g)));
            assert!((left - right).abs() < 1e-3, "{image}: {left} {right}");
        }
    }
}

//! Fine chroma: what a face's colours do within a few pixels, beside getting lighter and darker.
//!
//! A photograph has hardly any, because skin, hair and cloth have one hue over many pixels and cameras and codecs smooth
//! what is left. Squared errors of red, green and blue hardly mind it, and neither do the classifier's eyes at half the side;
//! a viewer sees blocks in the colours of the rainbow.

use rayon::prelude::*;

/// Pixels from the middle of a window to its edge; a window has a side of 5.
const REACH: usize = 2;

/// The fine chroma of square faces: each colour less the mean of the three, less its mean over a window of 5x5 pixels, of
/// which only those within the face count.
#[derive(Clone, Copy, Debug)]
pub(super) struct FineChroma {
    side: usize,
}

impl FineChroma {
    /// For faces of a side in pixels.
    pub(super) fn new(side: usize) -> Self {
        Self { side }
    }

    /// What the fine chroma of faces, `[m, 3, S, S]`, has too much of: that of the first ones beside that of as many
    /// originals, that of the others beside none.
    pub(super) fn errors(&self, originals: &[f32], made: &[f32]) -> Vec<f32> {
        let size = 3 * self.side * self.side;
        let faces = made.par_chunks(size).enumerate();
        let errors = faces.flat_map_iter(|(i, face)| match originals.chunks(size).nth(i) {
            Some(original) => {
                let pairs = face.iter().zip(original);
                self.of(&pairs.map(|(y, x)| y - x).collect::<Vec<f32>>())
            }
            None => self.of(face),
        });
        errors.collect()
    }

    /// Adds to the gradients of faces, times a factor, that of half the sum of their squared errors.
    pub(super) fn add_gradients(&self, errors: &[f32], factor: f64, gradients: &mut [f32]) {
        let size = 3 * self.side * self.side;
        let faces = gradients.par_chunks_mut(size).zip(errors.par_chunks(size));
        faces.for_each(|(gradient, errors)| {
            let own = self.adjoint(errors);
            let pairs = gradient.iter_mut().zip(own);
            pairs.for_each(|(g, d)| *g += factor as f32 * d);
        });
    }

    /// Of one face, `[3, S, S]`, as many values. It is linear.
    fn of(&self, face: &[f32]) -> Vec<f32> {
        let mut fine = chroma(face);
        for plane in fine.chunks_exact_mut(self.side * self.side) {
            let mut means = self.sums(plane);
            self.divide(&mut means);
            plane.iter_mut().zip(means).for_each(|(x, mean)| *x -= mean);
        }
        fine
    }

    /// The adjoint of [`Self::of`]. Sums over windows are their own, and so is the removal of the mean colour.
    fn adjoint(&self, cotangent: &[f32]) -> Vec<f32> {
        let mut pulled = chroma(cotangent);
        for plane in pulled.chunks_exact_mut(self.side * self.side) {
            let mut shares = plane.to_vec();
            self.divide(&mut shares);
            let sums = self.sums(&shares);
            plane.iter_mut().zip(sums).for_each(|(x, sum)| *x -= sum);
        }
        pulled
    }

    /// The sums of a plane over each pixel's window, along rows and then along columns.
    fn sums(&self, plane: &[f32]) -> Vec<f32> {
        let side = self.side;
        let mut along = Vec::with_capacity(plane.len());
        for row in plane.chunks_exact(side) {
            along.extend((0..side).map(|x| row[self.window(x)].iter().sum::<f32>()));
        }
        let mut sums = vec![0.0; plane.len()];
        for (y, sums) in sums.chunks_exact_mut(side).enumerate() {
            for row in self.window(y) {
                let row = &along[row * side..][..side];
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
        }
        sums
    }

    /// Divides a plane by the number of pixels in each window.
    fn divide(&self, plane: &mut [f32]) {
        for (y, row) in plane.chunks_exact_mut(self.side).enumerate() {
            let height = self.window(y).len();
            for (x, value) in row.iter_mut().enumerate() {
                *value /= (height * self.window(x).len()) as f32;
            }
        }
    }

    /// The rows, or columns, of the window around one.
    fn window(&self, at: usize) -> std::ops::Range<usize> {
        at.saturating_sub(REACH)..(at + REACH + 1).min(self.side)
    }
}

/// The colours of a face, each less the mean of the three.
fn chroma(face: &[f32]) -> Vec<f32> {
    let plane = face.len() / 3;
    let mean = |i: usize| (face[i] + face[plane + i] + face[2 * plane + i]) / 3.0;
    let values = face.iter().enumerate();
    values.map(|(i, x)| x - mean(i % plane)).collect()
}

#[cfg(test)]
mod tests {
    use super::FineChroma;
    use crate::noise::noise;

    const SIDE: usize = 7;
    const PLANE: usize = SIDE * SIDE;

    #[test]
    fn a_face_of_one_hue_has_none() {
        let light = noise(1, PLANE);
        let grey: Vec<f32> = light.repeat(3);
        let tinted: Vec<f32> = (0..3 * PLANE)
            .map(|i| grey[i] + [0.3, 0.0, -0.1][i / PLANE])
            .collect();
        for face in [grey, tinted] {
            let most = FineChroma::new(SIDE).of(&face);
            assert!(most.iter().all(|x| x.abs() < 1e-6), "{most:?}");
        }
    }

    /// Written out for every pixel.
    #[test]
    fn it_is_each_colour_less_the_mean_colour_less_the_windows_mean() {
        let face = noise(2, 3 * PLANE);
        let own = |c: usize, i: usize| {
            let mean = (0..3).map(|c| face[c * PLANE + i]).sum::<f32>() / 3.0;
            face[c * PLANE + i] - mean
        };
        let found = FineChroma::new(SIDE).of(&face);
        for (at, found) in found.iter().enumerate() {
            let (c, i) = (at / PLANE, at % PLANE);
            let near = |j: &usize| {
                (j / SIDE).abs_diff(i / SIDE) <= 2 && (j % SIDE).abs_diff(i % SIDE) <= 2
            };
            let window: Vec<f32> = (0..PLANE).filter(near).map(|j| own(c, j)).collect();
            let mean = window.iter().sum::<f32>() / window.len() as f32;
            assert!((own(c, i) - mean - found).abs() < 1e-5, "{at}");
        }
    }

    #[test]
    fn the_adjoint_is_the_adjoint() {
        let fine = FineChroma::new(SIDE);
        let (face, cotangent) = (noise(3, 3 * PLANE), noise(4, 3 * PLANE));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let there = dot(&fine.of(&face), &cotangent);
        let back = dot(&face, &fine.adjoint(&cotangent));
        assert!((there - back).abs() < 1e-4, "{there} {back}");
    }
}

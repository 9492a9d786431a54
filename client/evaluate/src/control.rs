//! The control without a network: pixels by linear regression on attributes.
//!
//! It shows attributes very well and resembles nobody, so a method that inverts a network has to beat it on all
//! measures and not only on attributes. It is told what the generator tells itself: the values of all attributes, named
//! and completed, for the same request, settings and seed.

use deepface_dataset::Photograph;
use deepface_images::image_of;
use deepface_statistics::{AttributeMoments, regress};
use image::RgbImage;
use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use crate::error::EvaluateError;
use crate::progress::Watch;

/// Side of the faces that are fitted, pixels. Memory grows with its square.
const SIDE: usize = 64;
/// Values of one face.
const VALUES: usize = 3 * SIDE * SIDE;
/// Photographs that are in memory at once.
const BATCH: usize = 128;
/// Added to the attributes' variances, in units of the variance of a fair coin.
const RIDGE: f64 = 1e-3;

/// Linear regression of pixels on attributes: one system of equations for all pixels.
#[derive(Clone, Debug)]
pub(crate) struct PixelRegression {
    /// Share of the photographs that have each attribute.
    frequencies: DVector<f64>,
    /// How pixels change with each input, a row per input.
    slopes: DMatrix<f64>,
    mean: DVector<f64>,
}

impl PixelRegression {
    /// Fits to photographs, a batch at a time.
    ///
    /// # Errors
    /// There are no photographs, or one cannot be read.
    pub(crate) fn fit(photographs: &[&Photograph], watch: &Watch) -> Result<Self, EvaluateError> {
        let first = photographs.first().ok_or(EvaluateError::NothingToFit)?;
        // The constant and the attributes.
        let inputs = 1 + first.labels.len();
        let count = photographs.len() as f64;
        let mut second = DMatrix::<f64>::zeros(inputs, inputs);
        let mut sums = vec![vec![0.0; VALUES]; inputs];
        for (number, batch) in photographs.chunks(BATCH).enumerate() {
            watch.at("fitting the control", number * BATCH, photographs.len());
            let faces = batch.par_iter().map(|p| Ok(p.face(&p.image()?, SIDE)));
            let faces: Vec<_> = faces.collect::<Result<_, EvaluateError>>()?;
            sums.par_iter_mut().enumerate().for_each(|(input, sum)| {
                let having = batch.iter().zip(&faces).filter(|(p, _)| has(p, input));
                having.for_each(|(_, face)| add(sum, face));
            });
            for photograph in batch {
                let x = DVector::from_fn(inputs, |i, _| f64::from(u8::from(has(photograph, i))));
                second.ger(1.0 / count, &x, &x, 1.0);
            }
        }
        let cross = DMatrix::from_fn(inputs, VALUES, |i, v| sums[i][v] / count);
        Ok(Self {
            mean: cross.row(0).transpose(),
            slopes: regress(&second, cross, RIDGE),
            frequencies: DVector::from_vec(AttributeMoments::new(second).frequencies()),
        })
    }

    /// The mean of all photographs.
    pub(crate) fn mean_face(&self) -> RgbImage {
        picture(&self.mean)
    }

    /// `T + k (T - mean)`, with T the regression's picture of the attributes: a value for each, 0 to 1.
    pub(crate) fn face(&self, attributes: &[f64], exaggeration: f64) -> RgbImage {
        let mut offsets = DVector::from_column_slice(attributes) - &self.frequencies;
        offsets *= 1.0 + exaggeration;
        let slopes = self.slopes.rows(1, self.slopes.nrows() - 1);
        picture(&(&self.mean + slopes.tr_mul(&offsets)))
    }
}

fn picture(pixels: &DVector<f64>) -> RgbImage {
    let pixels: Vec<f32> = pixels.iter().map(|&x| x as f32).collect();
    image_of(&pixels, [SIDE as u32; 2])
}

/// Whether a photograph has an input: the constant always, then the attributes.
fn has(photograph: &Photograph, input: usize) -> bool {
    input == 0 || photograph.labels[input - 1]
}

fn add(sum: &mut [f64], face: &[f32]) {
    sum.iter_mut()
        .zip(face)
        .for_each(|(s, &x)| *s += f64::from(x));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use deepface_attributes::{AttributeId, Schema};
    use image::Rgb;

    use super::*;

    fn id(name: &str) -> AttributeId {
        Schema::default().find(name).unwrap()
    }

    /// A photograph of one colour, of somebody with these attributes.
    fn photograph(folder: &Path, name: &str, colour: [u8; 3], present: &[&str]) -> Photograph {
        let path = folder.join(name);
        RgbImage::from_pixel(100, 100, Rgb(colour))
            .save_with_format(&path, image::ImageFormat::Png)
            .unwrap();
        let mut labels = vec![false; 73];
        present
            .iter()
            .for_each(|name| labels[id(name).index()] = true);
        Photograph::new(path, name, labels)
    }

    /// Men are brighter in red, people who smile in green, and each man but one smiles.
    fn regression(folder: &Path) -> PixelRegression {
        let photographs = [
            photograph(folder, "a", [150, 150, 100], &["Male", "Smiling"]),
            photograph(folder, "b", [150, 150, 100], &["Male", "Smiling"]),
            photograph(folder, "c", [150, 150, 100], &["Male", "Smiling"]),
            photograph(folder, "d", [150, 50, 100], &["Male"]),
            photograph(folder, "e", [50, 150, 100], &["Smiling"]),
            photograph(folder, "f", [50, 50, 100], &[]),
            photograph(folder, "g", [50, 50, 100], &[]),
            photograph(folder, "h", [50, 50, 100], &[]),
        ];
        let all: Vec<&Photograph> = photographs.iter().collect();
        PixelRegression::fit(&all, &Watch::new(|_| ())).unwrap()
    }

    fn colour(face: &RgbImage) -> [i32; 3] {
        face.get_pixel(20, 40).0.map(i32::from)
    }

    fn assert_near(got: [i32; 3], expected: [i32; 3]) {
        let near = got.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1);
        assert!(near, "expected {expected:?}, got {got:?}");
    }

    #[test]
    fn the_mean_face_is_the_mean_of_the_photographs() {
        let folder = tempfile::tempdir().unwrap();
        let mean = colour(&regression(folder.path()).mean_face());
        assert_near(mean, [100, 100, 100]);
    }

    /// The frequencies, but for these.
    fn attributes(regression: &PixelRegression, known: &[(&str, f64)]) -> Vec<f64> {
        let mut values = regression.frequencies.as_slice().to_vec();
        known
            .iter()
            .for_each(|&(name, value)| values[id(name).index()] = value);
        values
    }

    #[test]
    fn a_face_has_the_attributes_that_it_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let regression = regression(folder.path());
        let face = |known: &[(&str, f64)], k| regression.face(&attributes(&regression, known), k);
        let man = colour(&face(&[("Male", 1.0), ("Smiling", 0.0)], 0.0));
        assert_near(man, [150, 50, 100]);
        let half = colour(&face(&[("Male", 1.0), ("Smiling", 0.75)], 0.0));
        assert_near(half, [150, 125, 100]);
        assert_eq!(face(&[], 3.0), regression.mean_face());
        // Exaggeration goes on from the mean.
        assert_near(colour(&face(&[("Male", 1.0)], 1.0)), [200, 100, 100]);
    }

    #[test]
    fn without_photographs_there_is_nothing_to_fit() {
        let refused = PixelRegression::fit(&[], &Watch::new(|_| ())).unwrap_err();
        assert!(matches!(refused, EvaluateError::NothingToFit), "{refused}");
    }
}

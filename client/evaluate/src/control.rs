//! The control without a network: pixels by linear regression on attributes.
//!
//! It shows attributes very well and looks like nobody, so a method that inverts a network has to beat it on all
//! measures and not only on attributes.

use deepface_attributes::ATTRIBUTE_COUNT;
use deepface_dataset::Photograph;
use image::RgbImage;
use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use crate::error::EvaluateError;
use crate::photographs::{picture, read_face};
use crate::progress::Watch;

/// Side of the faces that are fitted, pixels. What is held in memory goes by its square.
const SIDE: usize = 64;
/// Values of one face.
const VALUES: usize = 3 * SIDE * SIDE;
/// Inputs of the regression: the constant and the attributes.
const INPUTS: usize = 1 + ATTRIBUTE_COUNT;
/// Photographs that are in memory at once.
const BATCH: usize = 128;
/// Added to the attributes' variances, in units of the variance of a fair coin.
const RIDGE: f64 = 1e-3;

/// Linear regression of pixels on attributes: one system of 74 equations for all pixels.
#[derive(Clone, Debug)]
pub struct PixelRegression {
    /// `E[x x']`, with x the attributes behind a leading 1.
    second: DMatrix<f64>,
    /// How pixels change with each input, a row per input.
    slopes: DMatrix<f64>,
    mean: DVector<f64>,
}

impl PixelRegression {
    /// Fits to photographs, a batch at a time.
    ///
    /// # Errors
    /// There are none, or one cannot be read.
    pub fn fit(photographs: &[&Photograph], watch: &Watch) -> Result<Self, EvaluateError> {
        if photographs.is_empty() {
            return Err(EvaluateError::NothingToFit);
        }
        let count = photographs.len() as f64;
        let mut second = DMatrix::<f64>::zeros(INPUTS, INPUTS);
        let mut sums = vec![vec![0.0; VALUES]; INPUTS];
        for (number, batch) in photographs.chunks(BATCH).enumerate() {
            watch.at("fitting the control", number * BATCH, photographs.len());
            let faces = batch.par_iter().map(|p| read_face(p, SIDE));
            let faces: Vec<_> = faces.collect::<Result<_, _>>()?;
            sums.par_iter_mut().enumerate().for_each(|(input, sum)| {
                let having = batch.iter().zip(&faces).filter(|(p, _)| has(p, input));
                having.for_each(|(_, face)| add(sum, face));
            });
            for photograph in batch {
                let inputs =
                    DVector::from_fn(INPUTS, |i, _| f64::from(u8::from(has(photograph, i))));
                second.ger(1.0 / count, &inputs, &inputs, 1.0);
            }
        }
        let cross = DMatrix::from_fn(INPUTS, VALUES, |i, v| sums[i][v] / count);
        let mean = cross.row(0).transpose();
        let mut system = second.clone();
        for i in 0..INPUTS {
            // The constant is not penalised, but for what rounding needs.
            system[(i, i)] += if i == 0 { 1e-12 } else { RIDGE / 4.0 };
        }
        let factor = system.cholesky().ok_or(EvaluateError::NothingToFit)?;
        Ok(Self {
            second,
            slopes: factor.solve(&cross),
            mean,
        })
    }

    /// The mean of all photographs.
    pub fn mean_face(&self) -> RgbImage {
        self.picture(&self.mean)
    }

    /// `T + k (T - mean)`, with T the regression's picture of what is said: number of an attribute, and its value of 0 or
    /// 1. The unsaid attributes take their conditional expectation.
    pub fn face(&self, said: &[(usize, f64)], exaggeration: f64) -> RgbImage {
        let mut offsets = self.complete(said) - self.frequencies();
        offsets *= 1.0 + exaggeration;
        let slopes = self.slopes.rows(1, ATTRIBUTE_COUNT);
        self.picture(&(&self.mean + slopes.tr_mul(&offsets)))
    }

    fn picture(&self, pixels: &DVector<f64>) -> RgbImage {
        let pixels: Vec<f32> = pixels.iter().map(|&x| x as f32).collect();
        picture(&pixels, SIDE)
    }

    fn frequencies(&self) -> DVector<f64> {
        self.second.column(0).rows(1, ATTRIBUTE_COUNT).into_owned()
    }

    /// `E[u] + Cov(u, s) Cov(s, s)^-1 (s - E[s])` for the unsaid u given the said s, within 0 to 1.
    fn complete(&self, said: &[(usize, f64)]) -> DVector<f64> {
        let expected = self.frequencies();
        let mut covariance = self
            .second
            .view((1, 1), (ATTRIBUTE_COUNT, ATTRIBUTE_COUNT))
            .into_owned();
        covariance -= &expected * expected.transpose();
        let to = DMatrix::from_fn(ATTRIBUTE_COUNT, said.len(), |u, s| {
            covariance[(u, said[s].0)]
        });
        let mut within = DMatrix::from_fn(said.len(), said.len(), |r, s| to[(said[r].0, s)]);
        (0..said.len()).for_each(|s| within[(s, s)] += RIDGE / 4.0);
        let surprise = DVector::from_fn(said.len(), |s, _| said[s].1 - expected[said[s].0]);
        let pull = within.lu().solve(&surprise);
        // A covariance plus a ridge can be solved; were it not so, nothing would be known of the unsaid.
        let pull = pull.unwrap_or_else(|| DVector::zeros(said.len()));
        let mut completed = (expected + to * pull).map(|value| value.clamp(0.0, 1.0));
        said.iter().for_each(|&(s, value)| completed[s] = value);
        completed
    }
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

//! What attributes leave open in the coordinates of the image prior.
//!
//! The coordinates z are standard normal, and normal given attributes a too: with C the covariance of the attributes and B
//! the slopes of the regression of z on them, their covariance is `R = I - B'CB`. It is the identity but for as many
//! directions as there are attributes, in which attributes explain a share of the variance, up to four fifths. Drawn as if it
//! were diagonal, a face would vary in what was asked of it.

use nalgebra::{DMatrix, DVectorView, SymmetricEigen};

/// Least share of the variance that is left open in a direction: estimates of less are noise.
const LEAST_LEFT: f32 = 0.05;
/// Directions in which attributes explain less than this are left as they are.
const NOTHING: f32 = 1e-6;

/// The covariance of the coordinates given attributes.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// Orthonormal directions in which attributes explain something, a column each.
    directions: DMatrix<f32>,
    /// The share of the variance that they leave open, for each direction.
    left: Vec<f32>,
}

impl Given {
    /// From the slopes B, a row an attribute, and the covariance C of the attributes.
    pub(super) fn new(slopes: &DMatrix<f32>, covariance: &DMatrix<f64>) -> Self {
        // With C = LL', B'CB = W'W for W = L'B. The eigenvectors of WW' give the directions.
        let mut eigen = SymmetricEigen::new(covariance.clone());
        for value in eigen.eigenvalues.iter_mut() {
            *value = value.max(0.0).sqrt();
        }
        let root = eigen.recompose().map(|x| x as f32);
        let explained = root * slopes;
        let eigen = SymmetricEigen::new(&explained * explained.transpose());
        let shares = eigen.eigenvalues.iter().copied().enumerate();
        let kept: Vec<(usize, f32)> = shares.filter(|&(_, share)| share > NOTHING).collect();
        let mut directions = DMatrix::zeros(slopes.ncols(), kept.len());
        for (mut direction, &(k, _)) in directions.column_iter_mut().zip(&kept) {
            direction.copy_from(&explained.tr_mul(&eigen.eigenvectors.column(k)));
            direction.normalize_mut();
        }
        let left = kept.iter().map(|&(_, share)| (1.0 - share).max(LEAST_LEFT));
        Self {
            left: left.collect(),
            directions,
        }
    }

    /// `R^(1/2) noise`: a draw of what attributes leave open, from standard normal numbers.
    pub(super) fn draw(&self, noise: Vec<f32>) -> Vec<f32> {
        self.scaled(noise, f32::sqrt)
    }

    /// `R^-1 difference`.
    pub(super) fn precision(&self, difference: Vec<f32>) -> Vec<f32> {
        self.scaled(difference, |left| 1.0 / left)
    }

    /// Scales the part of z along each direction by a function of what is left open there.
    fn scaled(&self, mut z: Vec<f32>, scale: impl Fn(f32) -> f32) -> Vec<f32> {
        let mut along = self
            .directions
            .tr_mul(&DVectorView::from_slice(&z, z.len()));
        for (along, &left) in along.iter_mut().zip(&self.left) {
            *along *= scale(left) - 1.0;
        }
        let moved = &self.directions * along;
        z.iter_mut().zip(&moved).for_each(|(z, m)| *z += m);
        z
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DVector;

    use super::*;

    #[test]
    fn a_draw_has_the_covariance_that_attributes_leave() {
        let slopes = DMatrix::from_row_slice(2, 4, &[0.9, 0.3, 0.0, 0.1, 0.2, -0.4, 0.5, 0.0]);
        let covariance = DMatrix::from_row_slice(2, 2, &[0.25, 0.05, 0.05, 0.2]);
        let given = Given::new(&slopes, &covariance);
        let expected =
            DMatrix::identity(4, 4) - slopes.transpose() * covariance.map(|x| x as f32) * &slopes;
        for i in 0..4 {
            let unit = DVector::from_fn(4, |k, _| f32::from(u8::from(k == i)));
            // R^(1/2) is symmetric, so twice it is R.
            let twice = given.draw(given.draw(unit.as_slice().to_vec()));
            let column = expected.column(i);
            for (found, expected) in twice.iter().zip(column.iter()) {
                assert!((found - expected).abs() < 1e-5, "{twice:?} {column}");
            }
            let back = given.precision(twice);
            assert!((DVector::from_vec(back) - unit).norm() < 1e-4);
        }
    }
}

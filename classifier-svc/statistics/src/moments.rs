//! How attributes go together: their means and covariances, and the values of the others that given ones make likely.

use nalgebra::{DMatrix, DVector};

/// Second moments of `[1, a_1 ... a_n]` over the training images, from which everything linear follows.
#[derive(Clone, Debug)]
pub struct AttributeMoments {
    /// `E[x x']`, with x the attributes behind a leading 1.
    second: DMatrix<f64>,
}

/// Added to variances, in units of the variance of a fair coin, so that the equations stay solvable for attributes that
/// no image has.
const RIDGE: f64 = 1e-3;

impl AttributeMoments {
    /// From `E[x x']`, a square matrix of a row more than there are attributes.
    pub fn new(second: DMatrix<f64>) -> Self {
        Self { second }
    }

    /// `E[x x']`, with x the attributes behind a leading 1.
    pub fn second(&self) -> &DMatrix<f64> {
        &self.second
    }

    /// Covariance of the attributes, ridge left out.
    pub fn covariance_matrix(&self) -> DMatrix<f64> {
        let n = self.second.nrows() - 1;
        let s = &self.second;
        DMatrix::from_fn(n, n, |i, j| {
            s[(i + 1, j + 1)] - s[(0, i + 1)] * s[(0, j + 1)]
        })
    }

    /// Share of the images that have each attribute.
    pub fn frequencies(&self) -> Vec<f64> {
        self.second.row(0).iter().skip(1).copied().collect()
    }

    fn covariance(&self, i: usize, j: usize) -> f64 {
        let ridge = if i == j { RIDGE / 4.0 } else { 0.0 };
        self.second[(i + 1, j + 1)] - self.second[(0, i + 1)] * self.second[(0, j + 1)] + ridge
    }

    /// Whether the moments are symmetric and the covariance, with its ridge, is positive definite with room to spare;
    /// then so is that of any of the attributes in any order, and [`AttributeMoments::complete`] can solve for them.
    /// Of real moments it always is.
    pub fn sound(&self) -> bool {
        let mut covariance = self.covariance_matrix();
        // Half of the ridge: the other half keeps what `complete` solves off the edge, rounding included.
        (0..covariance.nrows()).for_each(|i| covariance[(i, i)] += RIDGE / 8.0);
        self.second == self.second.transpose() && covariance.cholesky().is_some()
    }

    /// The value of every attribute: the said ones as said, the others their conditional expectation
    /// `E[u] + Cov(u, s) Cov(s, s)^-1 (s - E[s])`, within 0 to 1.
    pub fn complete(&self, said: &[(usize, f64)]) -> Vec<f64> {
        let mut values = self.frequencies();
        let n = said.len();
        let within = DMatrix::from_fn(n, n, |i, j| self.covariance(said[i].0, said[j].0));
        let surprise = DVector::from_fn(n, |i, _| said[i].1 - values[said[i].0]);
        let pull = within
            .cholesky()
            .expect("a covariance plus a ridge is positive definite")
            .solve(&surprise);
        for (u, value) in values.iter_mut().enumerate() {
            let shift: f64 = said
                .iter()
                .zip(pull.iter())
                .map(|(&(s, _), p)| self.covariance(u, s) * p)
                .sum();
            *value = (*value + shift).clamp(0.0, 1.0);
        }
        for &(s, value) in said {
            values[s] = value;
        }
        values
    }
}

/// Ridge regression of many outputs on `[1, a]`: `second` as in [`AttributeMoments`], `cross` is `E[x y']`, a row per
/// input. One factorisation serves all outputs. Gives the coefficients, of the shape of `cross`.
///
/// The intercept is not penalised; `ridge` is relative to the variance of a fair coin.
pub fn regress(second: &DMatrix<f64>, mut cross: DMatrix<f64>, ridge: f64) -> DMatrix<f64> {
    let mut a = second.clone();
    for i in 1..a.nrows() {
        a[(i, i)] += ridge / 4.0;
    }
    a[(0, 0)] += 1e-12;
    let factor = a
        .cholesky()
        .expect("second moments plus a ridge are positive definite");
    factor.solve_mut(&mut cross);
    cross
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(rows: &[[f64; 3]]) -> AttributeMoments {
        let mut second = DMatrix::zeros(4, 4);
        for r in rows {
            let x = DVector::from_row_slice(&[1.0, r[0], r[1], r[2]]);
            second += &x * x.transpose() / rows.len() as f64;
        }
        AttributeMoments { second }
    }

    #[test]
    fn unsaid_attributes_follow_the_said_ones() {
        // The second goes with the first, the third against it.
        let m = moments(&[
            [1.0, 1.0, 0.0],
            [1.0, 1.0, 0.0],
            [0.0, 0.0, 1.0],
            [0.0, 0.0, 1.0],
            [0.0, 1.0, 1.0],
        ]);
        let with = m.complete(&[(0, 1.0)]);
        assert_eq!(with[0], 1.0);
        assert!(with[1] > 0.95 && with[2] < 0.05, "{with:?}");
        let without = m.complete(&[(0, 0.0)]);
        assert!(
            (without[1] - 1.0 / 3.0).abs() < 0.01 && without[2] > 0.95,
            "{without:?}"
        );
        assert_eq!(m.complete(&[]), m.frequencies());
        assert!(m.sound());
        let mut lopsided = m.second.clone();
        lopsided[(1, 2)] += 0.1;
        assert!(!AttributeMoments::new(lopsided).sound());
        assert!(!AttributeMoments::new(-m.second).sound());
    }

    #[test]
    fn regression_recovers_a_linear_law() {
        let rows: Vec<[f64; 3]> = (0..8)
            .map(|i| [f64::from(i & 1), f64::from(i >> 1 & 1), f64::from(i >> 2)])
            .collect();
        let m = moments(&rows);
        let law = DMatrix::from_row_slice(4, 2, &[0.5, 1.0, 2.0, -1.0, 0.0, 3.0, -4.0, 0.25]);
        let cross = &m.second * &law;
        let found = regress(&m.second, cross, 1e-9);
        assert!((found - law).abs().max() < 1e-6);
    }
}

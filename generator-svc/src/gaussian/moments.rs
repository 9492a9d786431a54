//! Running mean and variance of vectors.

/// Mean and variance of each component of the vectors seen so far, by Welford's method in `f64`.
#[derive(Clone, Debug)]
pub struct Moments {
    /// A whole number.
    count: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// Starts without vectors; each will have `size` components.
    pub fn new(size: usize) -> Self {
        Self {
            count: 0.0,
            mean: vec![0.0; size],
            squares: vec![0.0; size],
        }
    }

    /// Takes in one vector.
    pub fn add(&mut self, vector: &[f32]) {
        self.count += 1.0;
        let count = self.count;
        for ((m, s), &x) in self.mean.iter_mut().zip(&mut self.squares).zip(vector) {
            let before = f64::from(x) - *m;
            *m += before / count;
            *s += before * (f64::from(x) - *m);
        }
    }

    /// All that is known of the vectors so far, for a checkpoint to keep and to replace: their number, and of each
    /// component the mean and the sum of squares about it.
    pub fn parts_mut(&mut self) -> [&mut [f64]; 3] {
        [
            std::slice::from_mut(&mut self.count),
            &mut self.mean,
            &mut self.squares,
        ]
    }

    /// Mean of each component; 0 before the first vector.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Standard deviation of each component (unbiased variance); 0 before the second vector.
    pub fn deviation(&self) -> Vec<f64> {
        let divisor = (self.count - 1.0).max(1.0);
        self.squares.iter().map(|s| (s / divisor).sqrt()).collect()
    }

    /// Variance of each component over the vectors seen as a whole population (divisor n); 0 before the first.
    pub fn population_variance(&self) -> Vec<f64> {
        let divisor = self.count.max(1.0);
        self.squares.iter().map(|s| s / divisor).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_go_on_from_their_parts() {
        let mut whole = Moments::new(1);
        let mut resumed = Moments::new(1);
        for x in [0.1_f32, 0.7, 1.3, 0.2] {
            let parts = whole.parts_mut().into_iter().zip(resumed.parts_mut());
            parts.for_each(|(from, to)| to.copy_from_slice(from));
            whole.add(&[x]);
            resumed.add(&[x]);
            assert_eq!(whole.mean(), resumed.mean());
            assert_eq!(whole.deviation(), resumed.deviation());
        }
    }

    #[test]
    fn a_large_offset_costs_no_precision() {
        let mut moments = Moments::new(2);
        for x in [4.0_f32, 7.0, 13.0, 16.0] {
            moments.add(&[x, 1e6 + x]);
        }
        assert_eq!(moments.mean(), [10.0, 1e6 + 10.0]);
        for d in moments.deviation() {
            assert!((d * d - 30.0).abs() < 1e-9);
        }
        for v in moments.population_variance() {
            assert!((v - 22.5).abs() < 1e-9);
        }
    }
}

//! The weights w of the paper's cGMM: eq. 3, a ridge regression, solved exactly and by gradient descent.
//!
//! With u_ij = 1/|C_i| where image i has attribute j and 0 elsewhere, eq. 4 is Phi_i = sum_j u_ij w_j mu_j, and
//! eq. 3 minimises the mean of |phi_i - Phi_i|^2 plus lambda |w|^2.

use nalgebra::{DMatrix, DVector};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// What eq. 3 needs of an image: its attributes, and the inner products of its activation with the mean activation of
/// each attribute.
#[derive(Clone, Debug)]
pub struct Example {
    /// Numbers of the attributes that the image has.
    pub attributes: Vec<usize>,
    /// <phi_i, mu_j> for every attribute j.
    pub products: Vec<f64>,
}

/// Eq. 3 for one layer.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The images.
    pub examples: Vec<Example>,
    /// <mu_j, mu_k>.
    pub means: DMatrix<f64>,
    /// Weight of |w|^2.
    pub lambda: f64,
}

impl Problem {
    /// One pass of stochastic gradient descent as the paper describes it: an image at a time, in random order, all
    /// weights at one `rate`. [`Problem::descend`] is what `fit` compares with.
    pub fn pass(&self, w: &mut DVector<f64>, rate: f64, seed: u64) {
        let examples: Vec<&Example> = self.useful().collect();
        let mut order: Vec<usize> = (0..examples.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        for i in order {
            let mut gradient = DVector::zeros(w.len());
            self.gradient(examples[i], w, &mut gradient);
            w.axpy(-rate, &gradient, 1.0);
        }
    }

    /// Gradient with respect to w of the part of eq. 3 that belongs to one image, regulariser included.
    fn gradient(&self, example: &Example, w: &DVector<f64>, gradient: &mut DVector<f64>) {
        let share = 1.0 / example.attributes.len() as f64;
        for &j in &example.attributes {
            let predicted: f64 = example
                .attributes
                .iter()
                .map(|&k| w[k] * self.means[(j, k)])
                .sum();
            gradient[j] += 2.0 * share * (share * predicted - example.products[j]);
        }
        gradient.axpy(2.0 * self.lambda, w, 1.0);
    }

    /// Images that have at least one attribute; the others say nothing about w.
    fn useful(&self) -> impl Iterator<Item = &Example> {
        self.examples.iter().filter(|e| !e.attributes.is_empty())
    }

    /// The exact minimum, by one symmetric system with an unknown for each attribute.
    pub fn solve(&self) -> DVector<f64> {
        let size = self.means.nrows();
        let mut a = DMatrix::zeros(size, size);
        let mut b = DVector::zeros(size);
        let count = self.useful().count().max(1) as f64;
        for example in self.useful() {
            let share = 1.0 / example.attributes.len() as f64;
            for &j in &example.attributes {
                b[j] += share * example.products[j] / count;
                for &k in &example.attributes {
                    a[(j, k)] += share * share * self.means[(j, k)] / count;
                }
            }
        }
        // Above the rounding of the sums: attributes that always go together stay solvable without lambda, and one
        // that no image has gets weight 0.
        let least = 1e-10 * a.diagonal().max() + f64::MIN_POSITIVE;
        for j in 0..size {
            a[(j, j)] += self.lambda.max(least);
        }
        let symmetric = a
            .cholesky()
            .expect("a Gram matrix plus a positive diagonal is positive definite");
        symmetric.solve(&b)
    }

    /// Stochastic gradient descent, as the paper does it: batches of images in random order, from w = 1, at a rate
    /// that halves whenever an epoch does not help.
    ///
    /// The rate of each weight is relative to its own curvature. Without that one rate (the paper's is 1e-11) cannot
    /// serve attributes that nearly all images have and those that one in a hundred has, and the rare ones stay
    /// where they began.
    pub fn descend(&self, epochs: usize, seed: u64) -> DVector<f64> {
        const BATCH: usize = 64;
        let examples: Vec<&Example> = self.useful().collect();
        let curvature = self.curvature();
        let mut w = DVector::from_element(self.means.nrows(), 1.0);
        let mut rate = 0.5;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut order: Vec<usize> = (0..examples.len()).collect();
        let mut best = self.excess(&w);
        for _ in 0..epochs {
            let before = w.clone();
            order.shuffle(&mut rng);
            for batch in order.chunks(BATCH) {
                let mut gradient = DVector::zeros(w.len());
                batch
                    .iter()
                    .for_each(|&i| self.gradient(examples[i], &w, &mut gradient));
                gradient.component_div_assign(&curvature);
                w.axpy(-rate / batch.len() as f64, &gradient, 1.0);
            }
            let now = self.excess(&w);
            if now < best {
                best = now;
            } else {
                w = before;
                rate /= 2.0;
            }
        }
        w
    }

    /// Second derivative of eq. 3 by each weight alone.
    fn curvature(&self) -> DVector<f64> {
        let count = self.useful().count().max(1) as f64;
        let mut sum = DVector::from_element(self.means.nrows(), 2.0 * self.lambda.max(1e-12));
        for example in self.useful() {
            let share = 1.0 / example.attributes.len() as f64;
            for &j in &example.attributes {
                sum[j] += 2.0 * share * share * self.means[(j, j)] / count;
            }
        }
        sum
    }

    /// Eq. 3 less the part that does not depend on w.
    pub fn excess(&self, w: &DVector<f64>) -> f64 {
        let count = self.useful().count().max(1) as f64;
        let fit: f64 = self
            .useful()
            .map(|e| {
                let share = 1.0 / e.attributes.len() as f64;
                let mut total = 0.0;
                for &j in &e.attributes {
                    let predicted: f64 = e
                        .attributes
                        .iter()
                        .map(|&k| w[k] * self.means[(j, k)])
                        .sum();
                    total += share * w[j] * (share * predicted - 2.0 * e.products[j]);
                }
                total
            })
            .sum();
        fit / count + self.lambda * w.norm_squared()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images whose activations really are eq. 4 with known weights, and a little noise.
    fn problem(truth: &[f64]) -> Problem {
        let size = 40;
        let mut state = 9_u64;
        let mut random = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1 << 24) as f64
        };
        let means = DMatrix::from_fn(truth.len(), size, |_, _| 0.5 + random());
        let examples = (0..400).map(|_| {
            let attributes: Vec<usize> = (0..truth.len()).filter(|_| random() < 0.5).collect();
            let share = 1.0 / attributes.len().max(1) as f64;
            let phi: DVector<f64> = attributes.iter().fold(DVector::zeros(size), |sum, &j| {
                sum + means.row(j).transpose() * (share * truth[j])
            }) + DVector::from_fn(size, |_, _| 0.01 * (random() - 0.5));
            Example {
                products: (&means * phi).iter().copied().collect(),
                attributes,
            }
        });
        Problem {
            examples: examples.collect(),
            means: &means * means.transpose(),
            lambda: 1e-5,
        }
    }

    const TRUTH: [f64; 5] = [1.3, 0.7, 1.0, -0.4, 2.0];

    #[test]
    fn the_exact_solution_finds_the_truth_and_descent_agrees() {
        let problem = problem(&TRUTH);
        let exact = problem.solve();
        let descended = problem.descend(400, 1);
        for ((e, d), t) in exact.iter().zip(&descended).zip(TRUTH) {
            assert!((e - t).abs() < 0.01, "{exact}");
            assert!((e - d).abs() < 0.01, "{exact}{descended}");
        }
    }

    #[test]
    fn one_rate_for_all_weights_finds_the_truth_too_if_it_is_small_enough() {
        let problem = problem(&TRUTH);
        let mut w = DVector::from_element(TRUTH.len(), 1.0);
        let before = problem.excess(&w);
        problem.pass(&mut w, 10.0, 1);
        assert!(problem.excess(&w).is_nan() || problem.excess(&w) > before);
        w.fill(1.0);
        (0..60).for_each(|pass| problem.pass(&mut w, 0.01, pass));
        for (w, t) in w.iter().zip(TRUTH) {
            assert!((w - t).abs() < 0.02, "{w} {t}");
        }
    }

    #[test]
    fn without_lambda_twins_share_and_the_unseen_get_nothing() {
        let mut problem = problem(&TRUTH);
        problem.lambda = 0.0;
        // The second attribute becomes the first under another name, and nobody has the last.
        problem
            .means
            .set_column(1, &problem.means.column(0).clone_owned());
        problem
            .means
            .set_row(1, &problem.means.row(0).clone_owned());
        for example in &mut problem.examples {
            example.products[1] = example.products[0];
            example.attributes.retain(|&j| j != 1 && j != 4);
            if example.attributes.first() == Some(&0) {
                example.attributes.insert(1, 1);
            }
        }
        let w = problem.solve();
        assert!((w[0] - w[1]).abs() < 1e-3 && w[4] == 0.0, "{w}");
    }

    #[test]
    fn the_gradient_is_the_slope() {
        let problem = problem(&TRUTH);
        let w = DVector::from_row_slice(&[0.3, 1.2, -0.5, 0.9, 0.1]);
        let mut gradient = DVector::zeros(5);
        for example in problem.useful() {
            problem.gradient(example, &w, &mut gradient);
        }
        gradient /= problem.useful().count() as f64;
        for j in 0..5 {
            let mut step = DVector::zeros(5);
            step[j] = 1e-5;
            let slope = (problem.excess(&(&w + &step)) - problem.excess(&(&w - &step))) / 2e-5;
            assert!(
                (slope - gradient[j]).abs() < 1e-5 * gradient[j].abs().max(1.0),
                "{slope} {}",
                gradient[j]
            );
        }
    }
}

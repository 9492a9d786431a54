//! What is accumulated for one layer, in two passes over the photographs.

use deepface_dataset::Photograph;
use deepface_statistics::{AttributeMoments, regress};
use nalgebra::{DMatrix, DVector};
use rand::{RngExt, SeedableRng, seq::index};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::args::FitArgs;
use super::served::WantedLayer;
use crate::gaussian::{Example, Layer, Moments, Problem};

/// Epochs of stochastic gradient descent on eq. 3.
const EPOCHS: usize = 200;

/// The sets S_j: for each photograph, the attributes into whose set it was drawn, as often as it was drawn. Sets
/// are of equal size (paper, section 3.3.2); where an attribute has fewer photographs, they are drawn repeatedly.
pub(super) fn draw_sets(photographs: &[&Photograph], size: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut sets = vec![Vec::new(); photographs.len()];
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let attributes = photographs.first().map_or(0, |p| p.labels.len());
    for attribute in 0..attributes {
        let positives: Vec<usize> = (0..photographs.len())
            .filter(|&i| photographs[i].labels[attribute])
            .collect();
        if positives.len() >= size {
            for at in index::sample(&mut rng, positives.len(), size) {
                sets[positives[at]].push(attribute);
            }
        } else if !positives.is_empty() {
            for _ in 0..size {
                sets[positives[rng.random_range(0..positives.len())]].push(attribute);
            }
        }
    }
    sets
}

/// Sums over the photographs for one layer.
pub(super) struct LayerFit {
    name: String,
    shape: Vec<usize>,
    /// Mean and deviation over each S_j.
    sets: Vec<Moments>,
    /// Mean over all photographs.
    all: Moments,
    /// Sum of `x phi'`, a column per entry of x = [1, a].
    cross: DMatrix<f64>,
    /// Sum of `u phi'`, a column per leading coordinate u of the image less what attributes explain.
    follows: DMatrix<f64>,
    /// Means mu_j as vectors, once the first pass is over.
    means: Vec<Vec<f32>>,
    examples: Vec<Example>,
}

impl LayerFit {
    /// For a layer whose response to the first `response` coordinates of the image prior is fitted, and this many
    /// attributes.
    pub(super) fn new(layer: &WantedLayer, attributes: usize, response: usize) -> Self {
        let size = layer.size();
        Self {
            name: layer.name.clone(),
            shape: layer.shape.clone(),
            sets: vec![Moments::new(size); attributes],
            all: Moments::new(size),
            cross: DMatrix::zeros(size, attributes + 1),
            follows: DMatrix::zeros(size, response),
            means: Vec::new(),
            examples: Vec::new(),
        }
    }

    /// Takes in one photograph: its labels, the sets it was drawn into, its coordinates in the image prior less what
    /// attributes explain, its activation.
    pub(super) fn first_pass(
        &mut self,
        labels: &[bool],
        sets: &[usize],
        unexplained: &[f32],
        activation: &[f32],
    ) {
        self.all.add(activation);
        sets.iter().for_each(|&j| self.sets[j].add(activation));
        let size = activation.len();
        self.cross
            .as_mut_slice()
            .par_chunks_mut(size)
            .enumerate()
            .for_each(|(x, column)| {
                if x == 0 || labels[x - 1] {
                    column
                        .iter_mut()
                        .zip(activation)
                        .for_each(|(c, &a)| *c += f64::from(a));
                }
            });
        self.follows
            .as_mut_slice()
            .par_chunks_mut(size)
            .zip(unexplained)
            .for_each(|(column, &u)| {
                let pairs = column.iter_mut().zip(activation);
                pairs.for_each(|(c, &a)| *c += f64::from(u) * f64::from(a));
            });
    }

    /// Takes in the same photograph once the means are known.
    pub(super) fn second_pass(&mut self, labels: &[bool], activation: &[f32]) {
        if self.means.is_empty() {
            let single = |m: &Moments| m.mean().iter().map(|&x| x as f32).collect();
            self.means = self.sets.iter().map(single).collect();
        }
        let products = self.means.par_iter().map(|mean| {
            mean.iter()
                .zip(activation)
                .map(|(&m, &a)| f64::from(m) * f64::from(a))
                .sum()
        });
        self.examples.push(Example {
            attributes: (0..labels.len()).filter(|&j| labels[j]).collect(),
            products: products.collect(),
        });
    }

    /// Solves for the weights and the regressions.
    pub(super) fn finish(
        self,
        attributes: &AttributeMoments,
        unexplained: &DMatrix<f32>,
        args: &FitArgs,
    ) -> Layer {
        let images = unexplained.nrows();
        let (lambda, ridge, seed) = (args.lambda, args.ridge, args.seed);
        let (size, count) = (self.all.mean().len(), self.sets.len());
        let means = DMatrix::from_fn(count, size, |j, i| self.means[j][i]);
        let double = means.map(f64::from);
        let problem = Problem {
            means: &double * double.transpose(),
            examples: self.examples,
            lambda,
        };
        let weights = problem.solve();
        report(&self.name, &problem, &weights, seed);
        let cross = self.cross.transpose() / images as f64;
        let coefficients = regress(attributes.second(), cross, ridge);
        let residual = residual(&self.all, attributes, &coefficients);
        let response = response(unexplained, self.follows);
        let deviations: Vec<Vec<f64>> = self.sets.iter().map(Moments::deviation).collect();
        Layer {
            mean: DVector::from_iterator(size, self.all.mean().iter().map(|&x| x as f32)),
            means,
            deviations: DMatrix::from_fn(count, size, |j, i| deviations[j][i] as f32),
            weights: weights.iter().copied().collect(),
            slopes: coefficients.rows(1, count).map(|x| x as f32),
            residual,
            response,
            name: self.name,
            shape: self.shape,
        }
    }
}

/// Regression of activations on coordinates that are uncorrelated with the attributes, which the regression can therefore
/// leave out. `follows` holds the sums of their products.
fn response(unexplained: &DMatrix<f32>, follows: DMatrix<f64>) -> DMatrix<f32> {
    let leading = unexplained.columns(0, follows.ncols()).map(f64::from);
    let mut gram = leading.tr_mul(&leading);
    let floor = 1e-6 * unexplained.nrows() as f64;
    (0..gram.nrows()).for_each(|i| gram[(i, i)] += floor);
    let factor = gram
        .cholesky()
        .expect("a Gram matrix plus a positive diagonal is positive definite");
    factor.solve(&follows.transpose()).map(|x| x as f32)
}

/// Reports how well the paper's descent agrees with the exact weights, and how much the weights help.
fn report(name: &str, problem: &Problem, exact: &DVector<f64>, seed: u64) {
    let descended = problem.descend(EPOCHS, seed);
    let ones = problem.excess(&DVector::from_element(exact.len(), 1.0));
    deepface_files::note!(
        "{name}: eq. 3 less its constant: w = 1 {ones:.4}, exact {:.4}, descent {:.4}; largest difference of w {:.2e}",
        problem.excess(exact),
        problem.excess(&descended),
        (exact - &descended).amax()
    );
}

/// Standard deviation, per neuron, of the activation less its regression: total variance less the explained one. Both
/// are of the photographs as they are; an unbiased total would leave a residual where the regression explains all.
fn residual(all: &Moments, attributes: &AttributeMoments, coefficients: &DMatrix<f64>) -> Vec<f32> {
    let slopes = coefficients.rows(1, coefficients.nrows() - 1);
    let explained = attributes.covariance_matrix() * slopes;
    let total = all.population_variance();
    let per_neuron = slopes.column_iter().zip(explained.column_iter()).zip(total);
    per_neuron
        .map(|((s, e), v)| (v - s.dot(&e)).max(0.0).sqrt() as f32)
        .collect()
}

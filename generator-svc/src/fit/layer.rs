//! What is accumulated for one layer, in two passes over the photographs.

use std::cell::OnceCell;
use std::ops::Range;

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
    /// Sum of `u phi'`, a column per leading coordinate u of the image less what attributes explain, for each kind of
    /// coordinates.
    follows: [DMatrix<f64>; 2],
    /// Means mu_j as vectors, once the first pass is over and they are needed.
    means: OnceCell<Vec<Vec<f32>>>,
    /// `<phi, mu_j>`, a column a photograph, a row an attribute.
    products: DMatrix<f64>,
}

/// What is known of photographs besides their activations, all in the same order.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// With their labels.
    pub(super) photographs: &'a [&'a Photograph],
    /// The sets that each was drawn into.
    pub(super) sets: &'a [Vec<usize>],
    /// Its coordinates in each image prior less what attributes explain, a row a photograph; no columns without a decoder.
    pub(super) unexplained: [&'a DMatrix<f32>; 2],
}

// Every number is summed photograph by photograph, in their order, however they come in batches: so the result is the same
// bytes. A batch goes through one column at a time, which then stays in the cache.
impl LayerFit {
    /// For a layer whose responses to as many leading coordinates of the image priors are fitted, and so many attributes
    /// and photographs.
    pub(super) fn new(
        layer: &WantedLayer,
        attributes: usize,
        responses: [usize; 2],
        photographs: usize,
    ) -> Self {
        let size = layer.size();
        Self {
            name: layer.name.clone(),
            shape: layer.shape.clone(),
            sets: vec![Moments::new(size); attributes],
            all: Moments::new(size),
            cross: DMatrix::zeros(size, attributes + 1),
            follows: responses.map(|response| DMatrix::zeros(size, response)),
            means: OnceCell::new(),
            products: DMatrix::zeros(attributes, photographs),
        }
    }

    /// All sums, always in the same order, for a checkpoint to keep and to replace.
    pub(super) fn parts_mut(&mut self) -> Vec<&mut [f64]> {
        let moments = self.sets.iter_mut().chain([&mut self.all]);
        let mut parts: Vec<&mut [f64]> = moments.flat_map(Moments::parts_mut).collect();
        let [components, latents] = &mut self.follows;
        let matrices = [&mut self.cross, components, latents, &mut self.products];
        parts.extend(matrices.map(|m| m.as_mut_slice()));
        parts
    }

    /// Takes in the activations of some photographs, one after the other.
    pub(super) fn first_pass(
        &mut self,
        range: Range<usize>,
        known: Known<'_>,
        activations: &[f32],
    ) {
        let size = self.all.mean().len();
        let each = || range.clone().zip(activations.chunks_exact(size));
        each().for_each(|(_, activation)| self.all.add(activation));
        self.sets.par_iter_mut().enumerate().for_each(|(j, set)| {
            for (i, activation) in each() {
                let times = known.sets[i].iter().filter(|&&drawn| drawn == j);
                times.for_each(|_| set.add(activation));
            }
        });
        let columns = self.cross.as_mut_slice().par_chunks_mut(size).enumerate();
        columns.for_each(|(x, column)| {
            for (i, activation) in each() {
                if x == 0 || known.photographs[i].labels[x - 1] {
                    let pairs = column.iter_mut().zip(activation);
                    pairs.for_each(|(c, &a)| *c += f64::from(a));
                }
            }
        });
        for (follows, unexplained) in self.follows.iter_mut().zip(known.unexplained) {
            let columns = follows.as_mut_slice().par_chunks_mut(size).enumerate();
            columns.for_each(|(k, column)| {
                for (i, activation) in each() {
                    let u = f64::from(unexplained[(i, k)]);
                    let pairs = column.iter_mut().zip(activation);
                    pairs.for_each(|(c, &a)| *c += u * f64::from(a));
                }
            });
        }
    }

    /// Takes in the same photographs once the means are known.
    pub(super) fn second_pass(&mut self, range: Range<usize>, activations: &[f32]) {
        let (attributes, size) = (self.sets.len(), self.all.mean().len());
        let means = self.means.get_or_init(|| means(&self.sets));
        let products = &mut self.products.as_mut_slice()[range.start * attributes..];
        let photographs = products.par_chunks_mut(attributes.max(1));
        let photographs = photographs.zip(activations.par_chunks_exact(size));
        photographs.for_each(|(products, activation)| {
            for (product, mean) in products.iter_mut().zip(means) {
                let pairs = mean.iter().zip(activation);
                *product = pairs.map(|(&m, &a)| f64::from(m) * f64::from(a)).sum();
            }
        });
    }

    /// Solves for the weights and the regressions.
    pub(super) fn finish(
        self,
        attributes: &AttributeMoments,
        known: Known<'_>,
        args: &FitArgs,
    ) -> Layer {
        let images = known.photographs.len();
        let (lambda, ridge, seed) = (args.lambda, args.ridge, args.seed);
        let (size, count) = (self.all.mean().len(), self.sets.len());
        // A fit that resumed after the second pass has not needed them yet.
        let means = self.means.get_or_init(|| means(&self.sets));
        let means = DMatrix::from_fn(count, size, |j, i| means[j][i]);
        let double = means.map(f64::from);
        let problem = Problem {
            means: &double * double.transpose(),
            examples: examples(known.photographs, &self.products),
            lambda,
        };
        let weights = problem.solve();
        report(&self.name, &problem, &weights, seed);
        let cross = self.cross.transpose() / images as f64;
        let coefficients = regress(attributes.second(), cross, ridge);
        let residual = residual(&self.all, attributes, &coefficients);
        let [components, latents] = known.unexplained;
        let [follows, follows_latents] = self.follows;
        let deviations: Vec<Vec<f64>> = self.sets.iter().map(Moments::deviation).collect();
        Layer {
            mean: DVector::from_iterator(size, self.all.mean().iter().map(|&x| x as f32)),
            means,
            deviations: DMatrix::from_fn(count, size, |j, i| deviations[j][i] as f32),
            weights: weights.iter().copied().collect(),
            slopes: coefficients.rows(1, count).map(|x| x as f32),
            residual,
            response: response(components, follows),
            decoder_response: response(latents, follows_latents),
            name: self.name,
            shape: self.shape,
        }
    }
}

/// The means mu_j.
fn means(sets: &[Moments]) -> Vec<Vec<f32>> {
    let single = |m: &Moments| m.mean().iter().map(|&x| x as f32).collect();
    sets.iter().map(single).collect()
}

/// The photographs as eq. 3 has them.
fn examples(photographs: &[&Photograph], products: &DMatrix<f64>) -> Vec<Example> {
    let all = photographs.iter().zip(products.column_iter());
    all.map(|(photograph, products)| Example {
        attributes: (0..products.len())
            .filter(|&j| photograph.labels[j])
            .collect(),
        products: products.iter().copied().collect(),
    })
    .collect()
}

/// Regression of activations on coordinates that are uncorrelated with the attributes, which the regression can therefore
/// leave out. `follows` holds the sums of their products.
fn response(unexplained: &DMatrix<f32>, follows: DMatrix<f64>) -> DMatrix<f32> {
    if follows.ncols() == 0 {
        return DMatrix::zeros(0, follows.nrows());
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_of_equal_size_and_have_their_attribute() {
        let photograph = |i: usize| {
            // The first attribute is common, the second rare, the third unseen.
            let labels = vec![i.is_multiple_of(2), i < 3, false];
            Photograph::new("x.jpg".into(), &format!("Person_{i}"), labels)
        };
        let photographs: Vec<Photograph> = (0..100).map(photograph).collect();
        let photographs: Vec<&Photograph> = photographs.iter().collect();
        let sets = draw_sets(&photographs, 20, 1);
        let times = |i: usize, j: usize| sets[i].iter().filter(|&&a| a == j).count();
        for (attribute, size) in [(0, 20), (1, 20), (2, 0)] {
            assert_eq!((0..100).map(|i| times(i, attribute)).sum::<usize>(), size);
            assert!((0..100).all(|i| photographs[i].labels[attribute] || times(i, attribute) == 0));
        }
        assert!((0..100).all(|i| times(i, 0) <= 1), "drawn without repeats");
        assert_eq!(sets, draw_sets(&photographs, 20, 1));
        assert_ne!(sets, draw_sets(&photographs, 20, 2));
    }
}

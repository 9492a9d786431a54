//! The image prior: faces as a Gaussian of coordinates z, of one of two kinds.
//!
//! With some hundred principal components an image is `x = mean + V diag(s) z`; with a learned decoder, `x = D(z)`. Either
//! way z is standard normal over the training faces, so `|z|^2` is a squared Mahalanobis distance, and descending in z
//! instead of in pixels keeps every iterate a face.
//!
//! Given attributes a, z is Gaussian too: its mean is a linear regression on them, and what that leaves open has a covariance
//! of its own. An inversion searches around that mean.

use nalgebra::{DMatrix, DMatrixView, DVector, Dyn, SymmetricEigen};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use deepface_network::autoencoder::{Coder, Density};

use super::Canvas;
use super::components::Components;
use super::decoder::Decoder;
use super::given::Given;
use super::images::{Images, Linear};
use super::learned::{Emphasis, Learned};
use deepface_statistics::{AttributeMoments, regress};

/// A distribution over images, and over images given attributes: a Gaussian of coordinates z.
#[derive(Clone, Debug)]
pub struct Prior {
    /// What coordinates mean.
    pub(super) images: Images,
    /// Slopes of the regression of z on the attributes, a row an attribute.
    pub(super) slopes: DMatrix<f32>,
    /// What that regression leaves open.
    pub(super) given: Given,
    /// What faces are like, beyond a Gaussian.
    pub(super) learned: Option<Learned>,
}

impl Prior {
    /// Number of coordinates.
    pub fn components(&self) -> usize {
        self.images.count()
    }

    /// The image at the mean, `[3, S, S]`.
    pub fn mean(&self) -> Vec<f32> {
        self.image(&vec![0.0; self.components()])
    }

    /// The expectation of z given attributes, each as far from its mean as `offsets` say.
    pub fn expected(&self, offsets: &[f64]) -> Vec<f32> {
        let offsets = DVector::from_iterator(offsets.len(), offsets.iter().map(|&o| o as f32));
        self.slopes.tr_mul(&offsets).data.into()
    }

    /// A draw of what attributes, each as far from its mean as `offsets` say, leave open in z: from standard normal numbers,
    /// one per component. It is from the learned density, if there is one, which alone can emphasize.
    pub fn draw(&self, noise: Vec<f32>, offsets: &[f64], emphasis: Option<&Emphasis>) -> Vec<f32> {
        let Some(learned) = &self.learned else {
            return self.given.draw(noise);
        };
        let offsets = learned.possible(offsets);
        let drawn = learned.draw(&noise, &offsets, emphasis).into_iter();
        let pairs = drawn.zip(self.expected(&offsets));
        pairs.map(|(z, expected)| z - expected).collect()
    }

    /// Whether draws are from a learned density.
    pub fn is_learned(&self) -> bool {
        self.learned.is_some()
    }

    /// The same with draws from a learned density of its coordinates. `frequencies` are the shares of the training faces
    /// that have each attribute.
    #[must_use]
    pub fn with_density(mut self, density: Option<Density>, frequencies: Vec<f64>) -> Self {
        self.learned = density.map(|density| Learned::new(density, frequencies));
        self
    }

    /// The inverse covariance of z given attributes, times a difference of z.
    pub fn precision(&self, difference: Vec<f32>) -> Vec<f32> {
        self.given.precision(difference)
    }

    /// The image at coordinates `z`, `[3, S, S]`; not clamped.
    pub fn image(&self, z: &[f32]) -> Vec<f32> {
        self.images.image(z)
    }

    /// Side of [`Prior::picture`]s, pixels.
    pub fn picture_side(&self) -> usize {
        self.images.picture_side()
    }

    /// The same image as the prior holds it, `[3, P, P]` with [`Prior::picture_side`] P: with more detail than the classifier
    /// sees, if the prior has any. Not clamped.
    pub fn picture(&self, z: &[f32]) -> Vec<f32> {
        self.images.picture(z)
    }

    /// Coordinates z of nearly the image in the prior that is nearest to this one, `[3, S, S]`, 0 to 1.
    pub fn coordinates(&self, image: &[f32]) -> Vec<f32> {
        self.images.coordinates(image)
    }

    /// An image taken apart: its [coordinates](Self::coordinates), and what the prior cannot show of it, its detail, of the
    /// image's shape.
    pub fn take_apart(&self, image: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let coordinates = self.coordinates(image);
        let shown = self.image(&coordinates);
        let detail = image.iter().zip(shown).map(|(x, y)| x - y).collect();
        (coordinates, detail)
    }

    /// The gradient with respect to z at `z`, from that with respect to the pixels: the vector-Jacobian product of
    /// [`Prior::image`].
    pub fn pull_back(&self, z: &[f32], gradient: &[f32]) -> Vec<f32> {
        self.images.pull_back(z, gradient)
    }

    /// The prior of a decoder, from the latents of the training faces, a row a face, and their attributes.
    pub fn decoded(
        coder: Coder,
        input: usize,
        mut latents: DMatrix<f32>,
        attributes: Labelled<'_>,
    ) -> (Self, DMatrix<f32>) {
        let slopes = attributes.explain(&mut latents);
        let prior = Self {
            images: Images::Decoder(Decoder::new(coder, input)),
            given: Given::new(&slopes, &attributes.moments.covariance_matrix()),
            slopes,
            learned: None,
        };
        (prior, latents)
    }

    /// Fits a Gaussian with `count` components to vectors of a canvas by randomised subspace iteration (Halko et al.
    /// 2011), and the regression of its coordinates on the attributes.
    ///
    /// The vectors are taken, not copied: they are the largest thing that a fit holds.
    pub fn fit(
        canvas: Canvas,
        mut vectors: Vec<f32>,
        count: usize,
        attributes: Labelled<'_>,
        seed: u64,
        progress: impl Fn(u64),
    ) -> Fitted {
        const OVERSAMPLING: usize = 24;
        const ITERATIONS: usize = 3;
        let size = canvas.size();
        let n = vectors.len() / size;
        let count = count.min(n.saturating_sub(1)).min(size);
        let mean = mean(&vectors, size);
        for vector in vectors.chunks_exact_mut(size) {
            vector.iter_mut().zip(&mean).for_each(|(x, m)| *x -= m);
        }
        let centred = DMatrix::from_vec(size, n, vectors);
        let total: f64 = centred.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n as f64;
        let width = (count + OVERSAMPLING).min(n).min(size);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut basis = orthonormal(DMatrix::from_fn(size, width, |_, _| {
            rng.random_range(-1.0..1.0)
        }));
        for _ in 0..ITERATIONS {
            let scores = transposed_product(&centred, &basis);
            basis = orthonormal(product(&centred, &scores));
            progress(1);
        }
        let scores = transposed_product(&centred, &basis);
        let covariance = (scores.transpose() * &scores) / n as f32;
        progress(1);
        let eigen = SymmetricEigen::new(covariance);
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        order.truncate(count);
        let held: f64 = order.iter().map(|&i| f64::from(eigen.eigenvalues[i])).sum();
        let rotation = DMatrix::from_fn(width, count, |r, c| eigen.eigenvectors[(r, order[c])]);
        let components = product(&basis, &rotation);
        let variances = order.iter().map(|&i| eigen.eigenvalues[i]);
        let deviations: Vec<f32> = variances
            .map(|v| v.max(0.0).sqrt().max(f32::MIN_POSITIVE))
            .collect();
        let mut coordinates = product(&scores, &rotation);
        for (mut column, deviation) in coordinates.column_iter_mut().zip(&deviations) {
            column /= *deviation;
        }
        let slopes = attributes.explain(&mut coordinates);
        let mut rounded = Components::with_capacity(count, size);
        for (component, deviation) in components.column_iter().zip(deviations) {
            let component = component * deviation;
            rounded.push(component.as_slice());
        }
        let prior = Self {
            images: Images::Components(Linear {
                canvas,
                mean,
                components: rounded,
            }),
            given: Given::new(&slopes, &attributes.moments.covariance_matrix()),
            slopes,
            learned: None,
        };
        Fitted {
            prior,
            held: held / total,
            unexplained: coordinates,
        }
    }
}

/// A fitted prior, and what its fit found besides.
pub struct Fitted {
    /// The prior.
    pub prior: Prior,
    /// Share of the variance that the components hold.
    pub held: f64,
    /// The coordinates of every image less what the attributes explain, a row an image.
    pub unexplained: DMatrix<f32>,
}

/// The attributes of every image.
#[derive(Clone, Copy)]
pub struct Labelled<'a> {
    /// Labels, image by image.
    pub labels: &'a [&'a [bool]],
    /// Their moments.
    pub moments: &'a AttributeMoments,
    /// Ridge of the regression.
    pub ridge: f64,
}

impl Labelled<'_> {
    /// Regresses columns, a row an image, on the attributes. Gives the slopes, and leaves the residual in the columns.
    fn explain(&self, columns: &mut DMatrix<f32>) -> DMatrix<f32> {
        let (n, count) = columns.shape();
        let inputs = self.moments.second().nrows();
        let mut cross = DMatrix::<f64>::zeros(inputs, count);
        for (row, labels) in columns.row_iter().zip(self.labels) {
            for x in (0..inputs).filter(|&x| x == 0 || labels[x - 1]) {
                let sums = cross.row_mut(x);
                sums.into_iter()
                    .zip(row.iter())
                    .for_each(|(s, &v)| *s += f64::from(v));
            }
        }
        let coefficients = regress(self.moments.second(), cross / n as f64, self.ridge);
        let coefficients = coefficients.map(|c| c as f32);
        for (mut row, labels) in columns.row_iter_mut().zip(self.labels) {
            for x in (0..inputs).filter(|&x| x == 0 || labels[x - 1]) {
                row -= coefficients.row(x);
            }
        }
        coefficients.rows(1, inputs - 1).into_owned()
    }
}

fn mean(images: &[f32], size: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f64; size];
    for image in images.chunks_exact(size) {
        sum.iter_mut()
            .zip(image)
            .for_each(|(s, &x)| *s += f64::from(x));
    }
    let n = (images.len() / size).max(1) as f64;
    sum.into_iter().map(|s| (s / n) as f32).collect()
}

/// Columns computed on all threads, a block each.
fn by_columns(
    rows: usize,
    columns: usize,
    compute: impl Fn(usize, usize) -> DMatrix<f32> + Sync,
) -> DMatrix<f32> {
    let block = columns.div_ceil(rayon::current_num_threads() * 2).max(1);
    let parts: Vec<DMatrix<f32>> = (0..columns)
        .into_par_iter()
        .step_by(block)
        .map(|first| compute(first, block.min(columns - first)))
        .collect();
    let data = parts.iter().flat_map(|p| p.as_slice()).copied().collect();
    DMatrix::from_vec(rows, columns, data)
}

fn product(a: &DMatrix<f32>, b: &DMatrix<f32>) -> DMatrix<f32> {
    by_columns(a.nrows(), b.ncols(), |first, count| {
        a * b.columns(first, count)
    })
}

fn transposed_product(a: &DMatrix<f32>, b: &DMatrix<f32>) -> DMatrix<f32> {
    let (rows, columns) = a.shape();
    // The same numbers read by rows: a copy would take as much memory again.
    let transposed: DMatrixView<'_, f32, Dyn, Dyn> =
        DMatrixView::from_slice_with_strides(a.as_slice(), columns, rows, rows, 1);
    by_columns(columns, b.ncols(), |first, count| {
        transposed * b.columns(first, count)
    })
}

/// An orthonormal basis of the columns' span: Cholesky QR, twice, which is as good as Householder's. Missing directions
/// (with fewer images than columns, say) become nearly 0.
fn orthonormal(mut y: DMatrix<f32>) -> DMatrix<f32> {
    for _ in 0..2 {
        for mut column in y.column_iter_mut() {
            let norm = column.norm();
            column /= norm.max(f32::MIN_POSITIVE);
        }
        let wide = y.map(f64::from);
        let mut gram = wide.tr_mul(&wide);
        for i in 0..gram.nrows() {
            gram[(i, i)] += 1e-6;
        }
        let factor = gram
            .cholesky()
            .expect("a Gram matrix plus a positive diagonal is positive definite");
        let inverse = factor
            .l()
            .transpose()
            .try_inverse()
            .expect("a Cholesky factor has an inverse");
        y = product(&y, &inverse.map(|x| x as f32));
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 12;
    const SIZE: usize = SIDE * SIDE * 3 / 2;

    const ATTRIBUTES: usize = 5;
    type Labels = [bool; ATTRIBUTES];

    fn fit(vectors: Vec<f32>, labels: &[Labels]) -> Fitted {
        let mut second = DMatrix::zeros(ATTRIBUTES + 1, ATTRIBUTES + 1);
        for l in labels {
            let x = DVector::from_fn(ATTRIBUTES + 1, |i, _| {
                f64::from(u8::from(i == 0 || l[i - 1]))
            });
            second += &x * x.transpose() / labels.len() as f64;
        }
        let labels: Vec<&[bool]> = labels.iter().map(|l| &l[..]).collect();
        let attributes = Labelled {
            labels: &labels,
            moments: &AttributeMoments::new(second),
            ridge: 1e-6,
        };
        Prior::fit(Canvas::new(SIDE, SIDE), vectors, 3, attributes, 1, |_| {})
    }

    fn linear(prior: &Prior) -> &Linear {
        match &prior.images {
            Images::Components(linear) => linear,
            Images::Decoder(_) => panic!("expected components"),
        }
    }

    /// Images with three directions of variance.
    fn images(n: usize) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let directions: Vec<Vec<f32>> = (1..4)
            .map(|k| {
                (0..SIZE)
                    .map(|p| (p as f32 * 0.1 * k as f32).sin() * 0.3 / k as f32)
                    .collect()
            })
            .collect();
        (0..n)
            .flat_map(|_| {
                let z: Vec<f32> = directions
                    .iter()
                    .map(|_| rng.random_range(-1.0..1.0))
                    .collect();
                (0..SIZE)
                    .map(|p| {
                        0.5 + z
                            .iter()
                            .zip(&directions)
                            .map(|(z, d)| z * d[p])
                            .sum::<f32>()
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn a_few_components_hold_what_varies() {
        let images = images(300);
        let Fitted { prior, held, .. } = fit(images.clone(), &[[false; ATTRIBUTES]; 300]);
        assert!(held > 0.999, "{held}");
        // The coordinates of an image by least squares; rounding to bytes leaves less than a grey level.
        let image = &images[..SIZE];
        let Linear {
            mean, components, ..
        } = linear(&prior);
        let basis = DMatrix::from_fn(SIZE, 3, |p, k| {
            components.scales()[k] * f32::from(components.bytes()[k * SIZE + p])
        });
        let rest = DVector::from_fn(SIZE, |p, _| image[p] - mean[p]);
        let z = basis.clone().svd(true, true).solve(&rest, 1e-6).unwrap();
        let back = linear(&prior).vector(z.as_slice());
        let error = back
            .iter()
            .zip(image)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(error < 1.0 / 255.0, "{error}");
        let spread = basis.transpose() * &basis;
        for i in 0..3 {
            for j in 0..i {
                let cosine = spread[(i, j)] / (spread[(i, i)] * spread[(j, j)]).sqrt();
                assert!(cosine.abs() < 0.02, "{cosine}");
            }
        }
    }

    #[test]
    fn what_is_shown_and_the_detail_add_up_to_the_image() {
        let prior = fit(images(50), &[[false; ATTRIBUTES]; 50]).prior;
        let image: Vec<f32> = (0..3 * SIDE * SIDE)
            .map(|p| 0.5 + 0.3 * (p as f32 * 0.7).sin())
            .collect();
        let (coordinates, detail) = prior.take_apart(&image);
        let shown = prior.image(&coordinates);
        assert!(detail.iter().any(|d| d.abs() > 0.01));
        for ((shown, detail), x) in shown.iter().zip(&detail).zip(&image) {
            assert!((shown + detail - x).abs() < 1e-5, "{shown} {detail} {x}");
        }
    }

    #[test]
    fn pulling_back_is_the_adjoint() {
        let prior = fit(images(50), &[[false; ATTRIBUTES]; 50]).prior;
        let z = [0.3, -1.0, 0.5];
        let g: Vec<f32> = (0..3 * SIDE * SIDE).map(|p| (p as f32).cos()).collect();
        let moved = prior.image(&z);
        let left: f32 = moved
            .iter()
            .zip(&prior.mean())
            .zip(&g)
            .map(|((x, m), g)| (x - m) * g)
            .sum();
        let right: f32 = prior
            .pull_back(&z, &g)
            .iter()
            .zip(z)
            .map(|(a, b)| a * b)
            .sum();
        assert!(
            (left - right).abs() < 1e-4 * left.abs().max(1.0),
            "{left} {right}"
        );
    }

    #[test]
    fn what_attributes_explain_is_expected_and_the_rest_is_left() {
        // The third attribute moves every image along one direction, far beyond what varies besides.
        let labels: Vec<Labels> = (0..200)
            .map(|i| std::array::from_fn(|a| a == 2 && i % 4 == 0))
            .collect();
        let mut vectors = images(200);
        for (vector, labels) in vectors.chunks_exact_mut(SIZE).zip(&labels) {
            if labels[2] {
                vector.iter_mut().step_by(2).for_each(|x| *x += 1.0);
            }
        }
        let Fitted {
            prior, unexplained, ..
        } = fit(vectors, &labels);
        let mut offsets = [0.0; ATTRIBUTES];
        let at = |offsets: &[f64]| linear(&prior).vector(&prior.expected(offsets));
        let without = at(&offsets);
        offsets[2] = 1.0;
        let with = at(&offsets);
        let moved: f32 = with
            .iter()
            .zip(&without)
            .step_by(2)
            .map(|(a, b)| a - b)
            .sum();
        assert!((moved / (SIZE / 2) as f32 - 1.0).abs() < 0.1, "{moved}");
        // Along the first component hardly anything is left open.
        let first = unexplained.column(0).norm() / (200.0_f32).sqrt();
        assert!(first < 0.3, "{first}");
        let noise = |k: usize| (0..3).map(|i| f32::from(u8::from(i == k))).collect();
        let drawn = |k| prior.draw(noise(k), &[0.0; ATTRIBUTES], None)[k];
        assert!(drawn(0) < 0.3, "{}", drawn(0));
        assert!(drawn(1) > 0.9, "{}", drawn(1));
    }
}

//! The Gaussian image prior: faces as one Gaussian with a few hundred principal components.
//!
//! An image is `x = mean + V diag(s) z`; z is standard normal over the training faces, so `|z|^2` is the squared
//! Mahalanobis distance of the image, and descending in z instead of in pixels keeps every iterate a face.

use nalgebra::{DMatrix, DMatrixView, DVector, Dyn, SymmetricEigen};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// A Gaussian over images. Components are kept as bytes with a scale each.
#[derive(Clone, Debug)]
pub struct Prior {
    /// Mean image, `[3, S, S]`, 0 to 1.
    pub(super) mean: Vec<f32>,
    /// `[components, 3 S S]`: each principal component times its deviation, in units of its scale.
    pub(super) components: Vec<i8>,
    /// Value of one unit of each component.
    pub(super) scales: Vec<f32>,
}

impl Prior {
    /// Number of principal components.
    pub fn components(&self) -> usize {
        self.scales.len()
    }

    /// The mean image, `[3, S, S]`, 0 to 1.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The image at coordinates `z`, `[3, S, S]`; not clamped.
    pub fn image(&self, z: &[f32]) -> Vec<f32> {
        let mut image = self.mean.clone();
        let size = image.len();
        // A part of the pixels each: no part is summed in another order than alone.
        image
            .par_chunks_mut(size.div_ceil(8))
            .enumerate()
            .for_each(|(part, pixels)| {
                let first = part * size.div_ceil(8);
                for ((row, scale), z) in self.components.chunks_exact(size).zip(&self.scales).zip(z)
                {
                    let factor = scale * z;
                    for (x, &c) in pixels.iter_mut().zip(&row[first..]) {
                        *x += factor * f32::from(c);
                    }
                }
            });
        image
    }

    /// The gradient with respect to z, from that with respect to the pixels: `diag(s) V' g`.
    pub fn pull_back(&self, gradient: &[f32]) -> Vec<f32> {
        let rows = self.components.par_chunks_exact(gradient.len());
        rows.zip(&self.scales)
            .map(|(row, scale)| {
                // Sixteen sums that the compiler can keep in registers.
                let mut sums = [0.0_f32; 16];
                let (g, g_rest) = gradient.as_chunks::<16>();
                let (c, c_rest) = row.as_chunks::<16>();
                for (g, c) in g.iter().zip(c) {
                    for i in 0..16 {
                        sums[i] += g[i] * f32::from(c[i]);
                    }
                }
                let rest: f32 = g_rest
                    .iter()
                    .zip(c_rest)
                    .map(|(g, &c)| g * f32::from(c))
                    .sum();
                scale * (sums.iter().sum::<f32>() + rest)
            })
            .collect()
    }

    /// Fits a Gaussian with `count` components to images, `[n, 3 S S]`, by randomised subspace iteration (Halko et
    /// al. 2011). Gives it with the share of the variance that the components hold.
    ///
    /// The images are taken, not copied: there are gigabytes of them.
    pub fn fit(
        mut images: Vec<f32>,
        size: usize,
        count: usize,
        seed: u64,
        progress: impl Fn(u64),
    ) -> (Self, f64) {
        const OVERSAMPLING: usize = 24;
        const ITERATIONS: usize = 3;
        let n = images.len() / size;
        let count = count.min(n.saturating_sub(1)).min(size);
        let mean = mean(&images, size);
        for image in images.chunks_exact_mut(size) {
            image.iter_mut().zip(&mean).for_each(|(x, m)| *x -= m);
        }
        let centred = DMatrix::from_vec(size, n, images);
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
        let deviations = order.iter().map(|&i| eigen.eigenvalues[i].max(0.0).sqrt());
        let mut prior = Self {
            mean,
            components: Vec::with_capacity(count * size),
            scales: Vec::with_capacity(count),
        };
        for (component, deviation) in components.column_iter().zip(deviations) {
            prior.push(&(component * deviation));
        }
        (prior, held / total)
    }

    /// Adds a component, rounded to 255 steps of its largest value.
    fn push(&mut self, component: &DVector<f32>) {
        let scale = (component.amax() / 127.0).max(f32::MIN_POSITIVE);
        self.components
            .extend(component.iter().map(|x| (x / scale).round() as i8));
        self.scales.push(scale);
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

/// An orthonormal basis of the columns' span: Cholesky QR, twice, which is as good as Householder's. Directions that
/// are not there (fewer images than columns, say) come out as nearly nothing.
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

    const SIZE: usize = 192;

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
        let (prior, held) = Prior::fit(images.clone(), SIZE, 3, 1, |_| {});
        assert!(held > 0.999, "{held}");
        // The coordinates of an image by least squares; rounding to bytes leaves less than a grey level.
        let image = &images[..SIZE];
        let basis = DMatrix::from_fn(SIZE, 3, |p, k| {
            prior.scales[k] * f32::from(prior.components[k * SIZE + p])
        });
        let rest = DVector::from_fn(SIZE, |p, _| image[p] - prior.mean[p]);
        let z = basis.clone().svd(true, true).solve(&rest, 1e-6).unwrap();
        let back = prior.image(z.as_slice());
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
    fn pulling_back_is_the_adjoint() {
        let (prior, _) = Prior::fit(images(50), SIZE, 3, 1, |_| {});
        let z = [0.3, -1.0, 0.5];
        let g: Vec<f32> = (0..SIZE).map(|p| (p as f32).cos()).collect();
        let moved = prior.image(&z);
        let left: f32 = moved
            .iter()
            .zip(prior.mean())
            .zip(&g)
            .map(|((x, m), g)| (x - m) * g)
            .sum();
        let right: f32 = prior.pull_back(&g).iter().zip(z).map(|(a, b)| a * b).sum();
        assert!(
            (left - right).abs() < 1e-4 * left.abs().max(1.0),
            "{left} {right}"
        );
    }
}

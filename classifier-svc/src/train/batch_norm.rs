//! Batch normalisation with the rectifier behind it: trained with, folded into the weights afterwards.
//! Without it a VGG this narrow hardly trains from scratch.

use rayon::prelude::*;

use crate::model::cpu::{LANES, Layout};

/// Added to the variance.
const EPSILON: f32 = 1e-5;

/// Mean and variance of every channel over a batch.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments {
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
}

impl Moments {
    /// 1 / sqrt(variance + epsilon).
    pub(super) fn inverse_deviation(&self) -> Vec<f32> {
        self.variance
            .iter()
            .map(|v| 1.0 / (v + EPSILON).sqrt())
            .collect()
    }
}

type Pair = [[f64; LANES]; 2];

/// Two sums per channel over all pixels of a batch, always added in the same order.
fn sums(
    layout: &Layout,
    n: usize,
    row: impl Fn(usize, std::ops::Range<usize>) -> [[f32; LANES]; 2] + Sync,
) -> Vec<Pair> {
    let blocks = layout.blocks();
    let planes: Vec<Pair> = (0..n * blocks)
        .into_par_iter()
        .map(|at| {
            let mut total = [[0.0; LANES]; 2];
            for y in 0..layout.height {
                let start = at * layout.plane() + layout.pixel(y, 0);
                let part = row(at % blocks, start..start + layout.width * LANES);
                for (t, p) in total.iter_mut().flatten().zip(part.iter().flatten()) {
                    *t += f64::from(*p);
                }
            }
            total
        })
        .collect();
    (0..blocks)
        .map(|block| {
            let mut total = [[0.0; LANES]; 2];
            for plane in planes.iter().skip(block).step_by(blocks) {
                for (t, p) in total.iter_mut().flatten().zip(plane.iter().flatten()) {
                    *t += p;
                }
            }
            total
        })
        .collect()
}

fn lane_sums(values: impl Iterator<Item = ([f32; LANES], [f32; LANES])>) -> [[f32; LANES]; 2] {
    values.fold([[0.0; LANES]; 2], |mut sum, (a, b)| {
        for lane in 0..LANES {
            sum[0][lane] += a[lane];
            sum[1][lane] += b[lane];
        }
        sum
    })
}

fn lanes(values: &[f32]) -> impl Iterator<Item = [f32; LANES]> {
    values.as_chunks::<LANES>().0.iter().copied()
}

/// Moments of `z`, `n` images.
pub(super) fn moments(layout: &Layout, n: usize, z: &[f32]) -> Moments {
    let count = (n * layout.height * layout.width) as f64;
    let sums = sums(layout, n, |_, range| {
        lane_sums(lanes(&z[range]).map(|v| (v, v.map(|x| x * x))))
    });
    let each = |f: fn(f64, f64) -> f64| {
        let pairs = sums.iter().flat_map(|[a, b]| a.iter().zip(b));
        pairs.map(|(a, b)| f(a / count, b / count) as f32).collect()
    };
    Moments {
        mean: each(|a, _| a),
        variance: each(|a, b| (b - a * a).max(0.0)),
    }
}

/// `y = max(0, gamma (z - mean) / deviation + beta)`.
pub(super) fn forward(
    layout: &Layout,
    moments: &Moments,
    gamma: &[f32],
    beta: &[f32],
    z: &[f32],
    y: &mut [f32],
    n: usize,
) {
    let inverse = moments.inverse_deviation();
    let factor: Vec<f32> = gamma.iter().zip(&inverse).map(|(g, i)| g * i).collect();
    let offset: Vec<f32> = (0..beta.len())
        .map(|c| beta[c] - moments.mean[c] * factor[c])
        .collect();
    y[..n * layout.len()]
        .par_chunks_mut(layout.plane())
        .zip(z.par_chunks(layout.plane()))
        .enumerate()
        .for_each(|(at, (y, z))| {
            let first = at % layout.blocks() * LANES;
            let (factor, offset) = (&factor[first..][..LANES], &offset[first..][..LANES]);
            for row in 0..layout.height {
                let start = layout.pixel(row, 0);
                let range = start..start + layout.width * LANES;
                let (ys, _) = y[range.clone()].as_chunks_mut::<LANES>();
                for (y, z) in ys.iter_mut().zip(lanes(&z[range])) {
                    for lane in 0..LANES {
                        y[lane] = (factor[lane] * z[lane] + offset[lane]).max(0.0);
                    }
                }
            }
        });
}

/// From the cotangent of what goes into the rectifier, `dy`, to that of `z`, in place; and the gradients of gamma
/// and beta.
pub(super) fn backward(
    layout: &Layout,
    moments: &Moments,
    gamma: &[f32],
    z: &[f32],
    dy: &mut [f32],
    n: usize,
) -> (Vec<f32>, Vec<f32>) {
    let inverse = moments.inverse_deviation();
    let sums = {
        let dy: &[f32] = dy;
        sums(layout, n, |block, range| {
            let first = block * LANES;
            let (mean, inverse) = (&moments.mean[first..][..LANES], &inverse[first..][..LANES]);
            let pairs = lanes(&dy[range.clone()]).zip(lanes(&z[range]));
            lane_sums(pairs.map(|(d, z)| {
                let normalized: [f32; LANES] =
                    std::array::from_fn(|l| d[l] * (z[l] - mean[l]) * inverse[l]);
                (d, normalized)
            }))
        })
    };
    let dbeta: Vec<f32> = sums.iter().flat_map(|s| s[0]).map(|x| x as f32).collect();
    let dgamma: Vec<f32> = sums.iter().flat_map(|s| s[1]).map(|x| x as f32).collect();
    let count = (n * layout.height * layout.width) as f32;
    // dz = gamma / deviation * (dy - dbeta / count - normalized * dgamma / count), as a dy + b z + c.
    let coefficients: Vec<[f32; 3]> = (0..gamma.len())
        .map(|c| {
            let a = gamma[c] * inverse[c];
            let b = -a * inverse[c] * dgamma[c] / count;
            [a, b, -a * dbeta[c] / count - b * moments.mean[c]]
        })
        .collect();
    dy[..n * layout.len()]
        .par_chunks_mut(layout.plane())
        .zip(z.par_chunks(layout.plane()))
        .enumerate()
        .for_each(|(at, (dy, z))| {
            let own = &coefficients[at % layout.blocks() * LANES..][..LANES];
            let part = |i: usize| -> [f32; LANES] { std::array::from_fn(|l| own[l][i]) };
            let (a, b, c) = (part(0), part(1), part(2));
            for row in 0..layout.height {
                let start = layout.pixel(row, 0);
                let range = start..start + layout.width * LANES;
                let (ds, _) = dy[range.clone()].as_chunks_mut::<LANES>();
                for (d, z) in ds.iter_mut().zip(lanes(&z[range])) {
                    for lane in 0..LANES {
                        d[lane] = a[lane] * d[lane] + b[lane] * z[lane] + c[lane];
                    }
                }
            }
        });
    (dgamma, dbeta)
}

//! Batch normalisation with the rectifier behind it: trained with, folded into the weights afterwards.
//! Without it a VGG this narrow hardly trains from scratch.

use rayon::prelude::*;

use crate::model::cpu::{Isa, LANES, Lanes, Layout, per_isa};

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

/// Two sums per channel over all pixels of a batch, always added in the same order; `plane` gives those of a plane, by
/// its number.
fn sums(layout: &Layout, n: usize, plane: impl Fn(usize) -> Pair + Send + Sync) -> Vec<Pair> {
    let blocks = layout.blocks();
    let planes: Vec<Pair> = (0..n * blocks).into_par_iter().map(plane).collect();
    let total = |block| {
        let mut total = [[0.0; LANES]; 2];
        for plane in planes.iter().skip(block).step_by(blocks) {
            for (t, p) in total.iter_mut().flatten().zip(plane.iter().flatten()) {
                *t += p;
            }
        }
        total
    };
    (0..blocks).map(total).collect()
}

/// The pixels of one row of a plane.
fn row(layout: &Layout, y: usize) -> std::ops::Range<usize> {
    let start = layout.pixel(y, 0);
    start..start + layout.width * LANES
}

/// Adds a row's sums, which are short enough for `f32`, to a plane's.
///
/// # Safety
/// As [`Lanes`].
#[inline(always)]
unsafe fn add_row<L: Lanes>(total: &mut Pair, sums: [L; 2]) {
    for (total, sum) in total.iter_mut().zip(sums) {
        let mut lanes = [0.0; LANES];
        // SAFETY: sixteen floats.
        unsafe { sum.store(lanes.as_mut_ptr()) };
        total
            .iter_mut()
            .zip(lanes)
            .for_each(|(t, s)| *t += f64::from(s));
    }
}

per_isa! {
    /// Sum and sum of squares of a plane.
    fn power_sums<L>(layout: &Layout, z: &[f32]) -> Pair {
        let mut total = [[0.0; LANES]; 2];
        for y in 0..layout.height {
            let mut sums = [L::splat(0.0); 2];
            for z in z[row(layout, y)].as_chunks::<LANES>().0 {
                let z = L::load(z.as_ptr());
                sums = [sums[0].add(z), sums[1].fma(z, z)];
            }
            add_row(&mut total, sums);
        }
        total
    }
}

/// Moments of `z`, `n` images.
pub(super) fn moments(isa: Isa, layout: &Layout, n: usize, z: &[f32]) -> Moments {
    let count = (n * layout.height * layout.width) as f64;
    let plane = layout.plane();
    let sums = sums(layout, n, |at| {
        power_sums(isa, layout, &z[at * plane..][..plane])
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

per_isa! {
    /// `max(0, factor z + offset)` of a plane, and where it is above 0.
    fn normalize<L>(
        layout: &Layout,
        factor: &[f32],
        offset: &[f32],
        z: &[f32],
        y: &mut [f32],
        bits: &mut [u16],
    ) -> () {
        assert!(factor.len() >= LANES && offset.len() >= LANES);
        let (factor, offset) = (L::load(factor.as_ptr()), L::load(offset.as_ptr()));
        for (at, bits) in bits.chunks_exact_mut(layout.width).enumerate() {
            let range = row(layout, at);
            let pixels = z[range.clone()].as_chunks::<LANES>().0.iter();
            let to = y[range].as_chunks_mut::<LANES>().0;
            for ((z, y), bits) in pixels.zip(to).zip(bits) {
                let value = offset.fma(factor, L::load(z.as_ptr())).relu();
                *bits = value.exceeds(L::splat(0.0));
                value.store(y.as_mut_ptr());
            }
        }
    }
}

/// `y = max(0, gamma (z - mean) / deviation + beta)`, and the bits of where it is above 0.
#[allow(clippy::too_many_arguments, reason = "the arguments of the layer")]
pub(super) fn forward(
    isa: Isa,
    layout: &Layout,
    moments: &Moments,
    gamma: &[f32],
    beta: &[f32],
    z: &[f32],
    y: &mut [f32],
    bits: &mut [u16],
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
        .zip(bits.par_chunks_mut(layout.height * layout.width))
        .enumerate()
        .for_each(|(at, ((y, z), bits))| {
            let first = at % layout.blocks() * LANES;
            normalize(isa, layout, &factor[first..], &offset[first..], z, y, bits);
        });
}

per_isa! {
    /// Sum of the cotangent of a plane, and of its product with the normalised `z`.
    fn cotangent_sums<L>(
        layout: &Layout,
        mean: &[f32],
        inverse: &[f32],
        z: &[f32],
        dy: &[f32],
    ) -> Pair {
        assert!(mean.len() >= LANES && inverse.len() >= LANES);
        let (mean, inverse) = (L::load(mean.as_ptr()), L::load(inverse.as_ptr()));
        let mut total = [[0.0; LANES]; 2];
        for y in 0..layout.height {
            let range = row(layout, y);
            let mut sums = [L::splat(0.0); 2];
            let z = z[range.clone()].as_chunks::<LANES>().0;
            for (z, d) in z.iter().zip(dy[range].as_chunks::<LANES>().0) {
                let (z, d) = (L::load(z.as_ptr()), L::load(d.as_ptr()));
                let normalized = z.sub(mean).mul(inverse);
                sums = [sums[0].add(d), sums[1].fma(d, normalized)];
            }
            add_row(&mut total, sums);
        }
        total
    }
}

per_isa! {
    /// `dy` becomes `a dy + b z + c` in a plane; the coefficients of sixteen channels.
    fn combine<L>(layout: &Layout, coefficients: [&[f32]; 3], z: &[f32], dy: &mut [f32]) -> () {
        assert!(coefficients.iter().all(|c| c.len() >= LANES));
        let [a, b, c] = coefficients.map(|c| L::load(c.as_ptr()));
        for y in 0..layout.height {
            let range = row(layout, y);
            let z = z[range.clone()].as_chunks::<LANES>().0;
            for (z, d) in z.iter().zip(dy[range].as_chunks_mut::<LANES>().0) {
                let value = c.fma(a, L::load(d.as_ptr())).fma(b, L::load(z.as_ptr()));
                value.store(d.as_mut_ptr());
            }
        }
    }
}

/// From the cotangent of what goes into the rectifier, `dy`, to that of `z`, in place; and the gradients of gamma
/// and beta.
pub(super) fn backward(
    isa: Isa,
    layout: &Layout,
    moments: &Moments,
    gamma: &[f32],
    z: &[f32],
    dy: &mut [f32],
    n: usize,
) -> (Vec<f32>, Vec<f32>) {
    let inverse = moments.inverse_deviation();
    let plane = layout.plane();
    let sums = {
        let dy: &[f32] = dy;
        sums(layout, n, |at| {
            let first = at % layout.blocks() * LANES;
            let (z, dy) = (&z[at * plane..][..plane], &dy[at * plane..][..plane]);
            let (mean, inverse) = (&moments.mean[first..], &inverse[first..]);
            cotangent_sums(isa, layout, mean, inverse, z, dy)
        })
    };
    let dbeta: Vec<f32> = sums.iter().flat_map(|s| s[0]).map(|x| x as f32).collect();
    let dgamma: Vec<f32> = sums.iter().flat_map(|s| s[1]).map(|x| x as f32).collect();
    let count = (n * layout.height * layout.width) as f32;
    // dz = gamma / deviation * (dy - dbeta / count - normalized * dgamma / count), as a dy + b z + c.
    let a: Vec<f32> = gamma.iter().zip(&inverse).map(|(g, i)| g * i).collect();
    let b: Vec<f32> = (0..a.len())
        .map(|c| -a[c] * inverse[c] * dgamma[c] / count)
        .collect();
    let c: Vec<f32> = (0..a.len())
        .map(|c| -a[c] * dbeta[c] / count - b[c] * moments.mean[c])
        .collect();
    dy[..n * layout.len()]
        .par_chunks_mut(plane)
        .zip(z.par_chunks(plane))
        .enumerate()
        .for_each(|(at, (dy, z))| {
            let first = at % layout.blocks() * LANES;
            combine(isa, layout, [&a[first..], &b[first..], &c[first..]], z, dy);
        });
    (dgamma, dbeta)
}

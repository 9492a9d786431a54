//! Batch normalisation of the branches of a stage, their sum, and the rectifier behind it: trained with, folded into
//! the weights afterwards. Without it a VGG this narrow hardly trains from scratch.

use rayon::prelude::*;

use super::optimizer::Parameter;
use crate::cpu::{Isa, LANES, Lanes, Layout, per_isa};

/// Added to the variance.
const EPSILON: f32 = 1e-5;

/// Mean and variance of every channel over a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moments {
    pub(crate) mean: Vec<f32>,
    pub(crate) variance: Vec<f32>,
}

impl Moments {
    /// Adds a share of another's.
    pub(crate) fn add(&mut self, part: &Self, share: f32) {
        let Self { mean, variance } = part;
        for (total, part) in [(&mut self.mean, mean), (&mut self.variance, variance)] {
            total.resize(part.len(), 0.0);
            total
                .iter_mut()
                .zip(part)
                .for_each(|(t, p)| *t += share * p);
        }
    }

    /// 1 / sqrt(variance + epsilon).
    fn inverse_deviation(&self) -> Vec<f32> {
        let inverse = self.variance.iter().map(|v| 1.0 / (v + EPSILON).sqrt());
        inverse.collect()
    }
}

/// The normalisation of one branch. Its offset is the stage's: only the sum of all would matter.
pub(crate) struct Norm {
    /// Scale, learned.
    pub(crate) gamma: Parameter,
    /// Of the last batch, or of many when the stage is to be folded.
    pub(crate) moments: Moments,
}

impl Norm {
    /// A normalisation that does not scale yet.
    pub(crate) fn new(layout: &Layout) -> Self {
        Self {
            gamma: Parameter::new(vec![1.0; layout.blocks() * LANES], false),
            moments: Moments::default(),
        }
    }

    /// Takes the moments of `z`, `n` images.
    pub(crate) fn measure(&mut self, isa: Isa, layout: &Layout, n: usize, z: &[f32]) {
        self.moments = moments(isa, layout, n, z);
    }

    /// What `z` is multiplied with, `gamma / deviation`.
    pub(crate) fn factor(&self) -> Vec<f32> {
        let inverse = self.moments.inverse_deviation();
        let pairs = self.gamma.value.iter().zip(inverse);
        pairs.map(|(g, i)| g * i).collect()
    }
}

/// Sums over some pixels, for sixteen channels.
type Sums<const N: usize> = [[f64; LANES]; N];

/// Sums per channel over all pixels of a batch, always added in the same order; `plane` gives those of a plane, by its
/// number.
fn sums<const N: usize>(
    layout: &Layout,
    n: usize,
    plane: impl Fn(usize) -> Sums<N> + Send + Sync,
) -> Vec<Sums<N>> {
    let blocks = layout.blocks();
    let planes: Vec<Sums<N>> = (0..n * blocks).into_par_iter().map(plane).collect();
    let total = |block| {
        let mut total = [[0.0; LANES]; N];
        for plane in planes.iter().skip(block).step_by(blocks) {
            for (t, p) in total.iter_mut().flatten().zip(plane.iter().flatten()) {
                *t += p;
            }
        }
        total
    };
    (0..blocks).map(total).collect()
}

/// Where the pixels of one row of a plane lie.
pub(crate) fn row(layout: &Layout, y: usize) -> std::ops::Range<usize> {
    let start = layout.pixel(y, 0);
    start..start + layout.width * LANES
}

/// Adds a row's sum, which is short enough for `f32`, to a plane's.
///
/// # Safety
/// As [`Lanes`].
#[inline(always)]
unsafe fn add_row<L: Lanes>(total: &mut [f64; LANES], sum: L) {
    let mut lanes = [0.0; LANES];
    // SAFETY: sixteen floats.
    unsafe { sum.store(lanes.as_mut_ptr()) };
    total
        .iter_mut()
        .zip(lanes)
        .for_each(|(t, s)| *t += f64::from(s));
}

per_isa! {
    /// Sum and sum of squares of a plane.
    fn power_sums<L>(layout: &Layout, z: &[f32]) -> Sums<2> {
        let mut total = [[0.0; LANES]; 2];
        for y in 0..layout.height {
            let mut sums = [L::splat(0.0); 2];
            for z in z[row(layout, y)].as_chunks::<LANES>().0 {
                let z = L::load(z.as_ptr());
                sums = [sums[0].add(z), sums[1].fma(z, z)];
            }
            total.iter_mut().zip(sums).for_each(|(t, s)| add_row(t, s));
        }
        total
    }
}

fn moments(isa: Isa, layout: &Layout, n: usize, z: &[f32]) -> Moments {
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

/// The plane of every term, and with it the sixteen channels of its coefficients that begin at `first`.
fn planes<'a, const K: usize>(
    terms: [&'a [f32]; K],
    coefficients: &'a [Vec<f32>; K],
    at: usize,
    layout: &Layout,
) -> ([&'a [f32]; K], [&'a [f32]; K]) {
    let (plane, first) = (layout.plane(), at % layout.blocks() * LANES);
    (
        terms.map(|t| &t[at * plane..][..plane]),
        coefficients.each_ref().map(|c| &c[first..][..LANES]),
    )
}

per_isa! {
    /// `max(0, sum of factor z + offset)` of a plane, and where it is above 0.
    fn rectified_sum<L, const K: usize>(
        layout: &Layout,
        terms: [&[f32]; K],
        factors: [&[f32]; K],
        offset: &[f32],
        y: &mut [f32],
        bits: &mut [u16],
    ) -> () {
        assert!(offset.len() >= LANES && factors.iter().all(|f| f.len() >= LANES));
        let (factors, offset) = (factors.map(|f| L::load(f.as_ptr())), L::load(offset.as_ptr()));
        for (at, bits) in bits.chunks_exact_mut(layout.width).enumerate() {
            let range = row(layout, at);
            let terms = terms.map(|t| &t[range.clone()].as_chunks::<LANES>().0[..bits.len()]);
            let to = y[range].as_chunks_mut::<LANES>().0;
            for (pixel, (y, bits)) in to.iter_mut().zip(bits).enumerate() {
                let mut value = offset;
                for (term, factor) in terms.iter().zip(factors) {
                    value = value.fma(factor, L::load(term[pixel].as_ptr()));
                }
                let value = value.relu();
                *bits = value.exceeds(L::splat(0.0));
                value.store(y.as_mut_ptr());
            }
        }
    }
}

/// `y = max(0, sum of gamma (z - mean) / deviation + beta)` over the terms `z`, each with its norm, and the bits of
/// where it is above 0.
#[allow(clippy::too_many_arguments, reason = "the arguments of the layer")]
pub(crate) fn forward(
    isa: Isa,
    layout: &Layout,
    norms: &[Norm],
    beta: &[f32],
    terms: &[&[f32]],
    y: &mut [f32],
    bits: &mut [u16],
    n: usize,
) {
    match *terms {
        [z] => forward_terms(isa, layout, norms, beta, [z], y, bits, n),
        [z, a] => forward_terms(isa, layout, norms, beta, [z, a], y, bits, n),
        [z, a, b] => forward_terms(isa, layout, norms, beta, [z, a, b], y, bits, n),
        _ => unreachable!("a stage has one to three branches"),
    }
}

#[allow(clippy::too_many_arguments, reason = "the arguments of the layer")]
fn forward_terms<const K: usize>(
    isa: Isa,
    layout: &Layout,
    norms: &[Norm],
    beta: &[f32],
    terms: [&[f32]; K],
    y: &mut [f32],
    bits: &mut [u16],
    n: usize,
) {
    let factors: [Vec<f32>; K] = std::array::from_fn(|k| norms[k].factor());
    let offset: Vec<f32> = (0..beta.len())
        .map(|c| {
            let shifts = factors.iter().zip(norms);
            beta[c]
                - shifts
                    .map(|(f, norm)| norm.moments.mean[c] * f[c])
                    .sum::<f32>()
        })
        .collect();
    y[..n * layout.len()]
        .par_chunks_mut(layout.plane())
        .zip(bits.par_chunks_mut(layout.height * layout.width))
        .enumerate()
        .for_each(|(at, (y, bits))| {
            let (terms, factors) = planes(terms, &factors, at, layout);
            let offset = &offset[at % layout.blocks() * LANES..];
            rectified_sum(isa, layout, terms, factors, offset, y, bits);
        });
}

per_isa! {
    /// Sums of the cotangent of a plane times the distance of each term from its mean; and of the cotangent itself.
    fn cotangent_sums<L, const K: usize>(
        layout: &Layout,
        terms: [&[f32]; K],
        means: [&[f32]; K],
        d: &[f32],
    ) -> (Sums<K>, Sums<1>) {
        assert!(means.iter().all(|m| m.len() >= LANES));
        let means = means.map(|m| L::load(m.as_ptr()));
        let (mut products, mut plain) = ([[0.0; LANES]; K], [[0.0; LANES]; 1]);
        for y in 0..layout.height {
            let range = row(layout, y);
            let d = d[range.clone()].as_chunks::<LANES>().0;
            let terms = terms.map(|t| &t[range.clone()].as_chunks::<LANES>().0[..d.len()]);
            let (mut sums, mut sum) = ([L::splat(0.0); K], L::splat(0.0));
            for (pixel, d) in d.iter().enumerate() {
                let d = L::load(d.as_ptr());
                sum = sum.add(d);
                for k in 0..K {
                    sums[k] = sums[k].fma(d, L::load(terms[k][pixel].as_ptr()).sub(means[k]));
                }
            }
            products.iter_mut().zip(sums).for_each(|(t, s)| add_row(t, s));
            add_row(&mut plain[0], sum);
        }
        (products, plain)
    }
}

/// The gradient of an offset that is added to every pixel of a channel, from the cotangent `d` of the sum.
pub(crate) fn offset_gradient(isa: Isa, layout: &Layout, n: usize, d: &[f32]) -> Vec<f32> {
    let sums: Vec<Sums<1>> = sums(layout, n, |at| {
        let d = &d[at * layout.plane()..][..layout.plane()];
        cotangent_sums(isa, layout, [], [], d).1
    });
    sums.iter().flat_map(|[s]| s.map(|x| x as f32)).collect()
}

/// The cotangent of a term `z` of the sum, `a d + b z + c` per channel, where `d` is the cotangent of the sum.
pub(crate) struct Cotangent {
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
}

impl Cotangent {
    /// The coefficients of the sixteen channels from one on.
    pub(crate) fn channels(&self, first: usize) -> [&[f32]; 3] {
        [&self.a, &self.b, &self.c].map(|x| &x[first..][..LANES])
    }

    /// `z` becomes its cotangent.
    pub(crate) fn replace(&self, isa: Isa, layout: &Layout, n: usize, d: &[f32], z: &mut [f32]) {
        z[..n * layout.len()]
            .par_chunks_mut(layout.plane())
            .zip(d.par_chunks(layout.plane()))
            .enumerate()
            .for_each(|(at, (z, d))| {
                let first = at % layout.blocks() * LANES;
                replace_plane(isa, layout, self.channels(first), d, z);
            });
    }
}

per_isa! {
    /// `z` becomes `a d + b z + c` in a plane; the coefficients of sixteen channels.
    fn replace_plane<L>(layout: &Layout, coefficients: [&[f32]; 3], d: &[f32], z: &mut [f32]) -> () {
        assert!(coefficients.iter().all(|c| c.len() >= LANES));
        let [a, b, c] = coefficients.map(|c| L::load(c.as_ptr()));
        for y in 0..layout.height {
            let range = row(layout, y);
            let d = d[range.clone()].as_chunks::<LANES>().0;
            for (z, d) in z[range].as_chunks_mut::<LANES>().0.iter_mut().zip(d) {
                let value = c.fma(a, L::load(d.as_ptr())).fma(b, L::load(z.as_ptr()));
                value.store(z.as_mut_ptr());
            }
        }
    }
}

/// From the cotangent `d` of what goes into the rectifier to those of the terms, in their order; and the gradients of
/// beta and every gamma.
pub(crate) fn backward(
    isa: Isa,
    layout: &Layout,
    norms: &mut [Norm],
    beta: &mut Parameter,
    terms: &[&[f32]],
    d: &[f32],
    n: usize,
) -> Vec<Cotangent> {
    match *terms {
        [z] => backward_terms(isa, layout, norms, beta, [z], d, n),
        [z, a] => backward_terms(isa, layout, norms, beta, [z, a], d, n),
        [z, a, b] => backward_terms(isa, layout, norms, beta, [z, a, b], d, n),
        _ => unreachable!("a stage has one to three branches"),
    }
}

fn backward_terms<const K: usize>(
    isa: Isa,
    layout: &Layout,
    norms: &mut [Norm],
    beta: &mut Parameter,
    terms: [&[f32]; K],
    d: &[f32],
    n: usize,
) -> Vec<Cotangent> {
    let means: [Vec<f32>; K] = std::array::from_fn(|k| norms[k].moments.mean.clone());
    let plane = layout.plane();
    // One more than the terms, which no constant can say: the last row of four is the cotangent's own.
    let sums: Vec<Sums<4>> = sums(layout, n, |at| {
        let (terms, means) = planes(terms, &means, at, layout);
        let (products, [plain]) =
            cotangent_sums(isa, layout, terms, means, &d[at * plane..][..plane]);
        let mut all = [[0.0; LANES]; 4];
        all[..K].copy_from_slice(&products);
        all[3] = plain;
        all
    });
    let sum = |k: usize| sums.iter().flat_map(move |s| s[k]);
    beta.gradient = sum(3).map(|x| x as f32).collect();
    let count = (n * layout.height * layout.width) as f32;
    let cotangents = norms.iter_mut().enumerate().map(|(k, norm)| {
        let (inverse, a) = (norm.moments.inverse_deviation(), norm.factor());
        let scaled = sum(k)
            .zip(&inverse)
            .map(|(s, &i)| (s * f64::from(i)) as f32);
        norm.gamma.gradient = scaled.collect();
        // gamma / deviation * (d - dbeta / count - normalised * dgamma / count), as a d + b z + c.
        let (dbeta, dgamma) = (&beta.gradient, &norm.gamma.gradient);
        let b: Vec<f32> = (0..a.len())
            .map(|c| -a[c] * inverse[c] * dgamma[c] / count)
            .collect();
        let c = (0..a.len())
            .map(|c| -a[c] * dbeta[c] / count - b[c] * norm.moments.mean[c])
            .collect();
        Cotangent { a, b, c }
    });
    cotangents.collect()
}

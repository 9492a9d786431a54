//! Resampling of a square plane to another size, and its adjoint.

/// A linear map from planes of one side to planes of another: Catmull-Rom's cubic, widened where it reduces, so that
/// nothing is aliased. Beyond the edge there is nothing: the weights of what is left add up to 1.
#[derive(Clone, Debug)]
pub struct Resampler {
    from: usize,
    to: usize,
    /// For each output row: the first input row, and the weights from there on.
    taps: Vec<(usize, Vec<f32>)>,
}

impl Resampler {
    /// From planes of `from` to planes of `to` pixels a side.
    pub fn new(from: usize, to: usize) -> Self {
        let ratio = from as f32 / to as f32;
        let reach = ratio.max(1.0);
        let taps = (0..to).map(|i| {
            let centre = (i as f32 + 0.5) * ratio - 0.5;
            let first = (centre - 2.0 * reach).ceil().max(0.0) as usize;
            let last = ((centre + 2.0 * reach).floor() as usize).min(from - 1);
            let weights = (first..=last).map(|j| catmull_rom((j as f32 - centre) / reach));
            let weights: Vec<f32> = weights.collect();
            let total: f32 = weights.iter().sum();
            (first, weights.into_iter().map(|w| w / total).collect())
        });
        Self {
            from,
            to,
            taps: taps.collect(),
        }
    }

    /// A plane of `from` pixels a side, at `to` pixels a side.
    pub(super) fn apply(&self, plane: &[f32]) -> Vec<f32> {
        let (from, to) = (self.from, self.to);
        let mut wide = vec![0.0; from * to];
        for (row, wide) in plane.chunks_exact(from).zip(wide.chunks_exact_mut(to)) {
            for (x, (first, weights)) in wide.iter_mut().zip(&self.taps) {
                *x = row[*first..].iter().zip(weights).map(|(p, w)| p * w).sum();
            }
        }
        let mut out = vec![0.0; to * to];
        for (out, (first, weights)) in out.chunks_exact_mut(to).zip(&self.taps) {
            for (row, w) in wide[first * to..].chunks_exact(to).zip(weights) {
                out.iter_mut().zip(row).for_each(|(o, x)| *o += w * x);
            }
        }
        out
    }

    /// The same of several planes, one behind the other.
    pub fn apply_all(&self, planes: &[f32]) -> Vec<f32> {
        let planes = planes.chunks_exact(self.from * self.from);
        planes.flat_map(|plane| self.apply(plane)).collect()
    }

    /// The transposed map: a gradient at `to` pixels a side becomes one at `from`.
    pub(super) fn adjoint(&self, gradient: &[f32]) -> Vec<f32> {
        let (from, to) = (self.from, self.to);
        let mut wide = vec![0.0; from * to];
        for (g, (first, weights)) in gradient.chunks_exact(to).zip(&self.taps) {
            for (row, w) in wide[first * to..].chunks_exact_mut(to).zip(weights) {
                row.iter_mut().zip(g).for_each(|(r, g)| *r += w * g);
            }
        }
        let mut out = vec![0.0; from * from];
        for (wide, out) in wide.chunks_exact(to).zip(out.chunks_exact_mut(from)) {
            for (g, (first, weights)) in wide.iter().zip(&self.taps) {
                let pixels = out[*first..].iter_mut().zip(weights);
                pixels.for_each(|(o, w)| *o += w * g);
            }
        }
        out
    }
}

fn catmull_rom(x: f32) -> f32 {
    let x = x.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_stay_ramps_and_the_same_size_changes_nothing() {
        let ramp: Vec<f32> = (0..64).map(|i| (i % 8) as f32).collect();
        assert_eq!(Resampler::new(8, 8).apply(&ramp), ramp);
        let twice = Resampler::new(8, 16).apply(&ramp);
        for (x, value) in twice[..16].iter().enumerate().skip(4).take(8) {
            assert!(
                (value - (x as f32 - 0.5) / 2.0).abs() < 1e-5,
                "{x}: {value}"
            );
        }
        // Each sum of weights is 1, at the edge too.
        for (from, to) in [(8, 12), (12, 8), (16, 3), (5, 7)] {
            let flat = Resampler::new(from, to).apply(&vec![0.25; from * from]);
            assert!(flat.iter().all(|x| (x - 0.25).abs() < 1e-6), "{from} {to}");
        }
    }

    #[test]
    fn the_adjoint_is_the_transposed_map() {
        for (from, to) in [(8, 12), (12, 8), (6, 6), (16, 3)] {
            let r = Resampler::new(from, to);
            let wave = |n: usize, k: f32| (0..n * n).map(|i| (i as f32 * k).sin()).collect();
            let (x, y): (Vec<f32>, Vec<f32>) = (wave(from, 0.7), wave(to, 1.3));
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let (left, right) = (dot(&r.apply(&x), &y), dot(&x, &r.adjoint(&y)));
            assert!((left - right).abs() < 1e-4, "{from} {to}: {left} {right}");
        }
    }
}

//! Bilinear resampling of square images to another side, and its adjoint.

use rayon::prelude::*;

/// Where an output pixel reads along one dimension: two neighbours and the share of the second.
#[derive(Clone, Copy, Debug)]
struct Tap {
    from: [usize; 2],
    share: f32,
}

/// Resampling of images, pixel centres at half-integers; beyond the edge the edge goes on.
#[derive(Clone, Debug)]
pub struct Resample {
    from: usize,
    to: usize,
    taps: Vec<Tap>,
}

impl Resample {
    /// Between images of these sides.
    pub fn new(from: usize, to: usize) -> Self {
        let tap = |at: usize| {
            let last = from as f32 - 1.0;
            let place = (at as f32 + 0.5) * from as f32 / to as f32 - 0.5;
            let place = place.clamp(0.0, last);
            let first = place as usize;
            Tap {
                from: [first, (first + 1).min(from - 1)],
                share: place - first as f32,
            }
        };
        Self {
            from,
            to,
            taps: (0..to).map(tap).collect(),
        }
    }

    /// Resamples planes, `[.., from, from]` to `[.., to, to]`.
    pub fn apply(&self, planes: &[f32]) -> Vec<f32> {
        let (from, to) = (self.from, self.to);
        if from == to {
            return planes.to_vec();
        }
        let mut all = vec![0.0; planes.len() / (from * from) * to * to];
        all.par_chunks_mut(to * to)
            .zip(planes.par_chunks_exact(from * from))
            .for_each(|(out, plane)| {
                for (row, y) in out.chunks_exact_mut(to).zip(&self.taps) {
                    let [upper, lower] = y.from.map(|at| &plane[at * from..][..from]);
                    for (pixel, x) in row.iter_mut().zip(&self.taps) {
                        let [top, bottom] =
                            [upper, lower].map(|row| mix(row[x.from[0]], row[x.from[1]], x.share));
                        *pixel = mix(top, bottom, y.share);
                    }
                }
            });
        all
    }

    /// The gradient of the planes from that of the resampled ones.
    pub fn adjoint(&self, gradient: &[f32]) -> Vec<f32> {
        let (from, to) = (self.from, self.to);
        if from == to {
            return gradient.to_vec();
        }
        let mut all = vec![0.0; gradient.len() / (to * to) * from * from];
        all.par_chunks_mut(from * from)
            .zip(gradient.par_chunks_exact(to * to))
            .for_each(|(plane, out)| {
                for (row, y) in out.chunks_exact(to).zip(&self.taps) {
                    for (at, weight) in [(y.from[0], 1.0 - y.share), (y.from[1], y.share)] {
                        let plane = &mut plane[at * from..][..from];
                        for (d, x) in row.iter().zip(&self.taps) {
                            plane[x.from[0]] += weight * (1.0 - x.share) * d;
                            plane[x.from[1]] += weight * x.share * d;
                        }
                    }
                }
            });
        all
    }
}

fn mix(a: f32, b: f32, share: f32) -> f32 {
    a + share * (b - a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    #[test]
    fn a_ramp_stays_a_ramp() {
        let ramp: Vec<f32> = (0..64)
            .map(|i| (i % 8) as f32 + 2.0 * (i / 8) as f32)
            .collect();
        let twice = Resample::new(8, 16).apply(&ramp);
        for y in 1..15 {
            for x in 1..15 {
                let expected = (x as f32 - 0.5) / 2.0 + (y as f32 - 0.5);
                assert!((twice[y * 16 + x] - expected).abs() < 1e-5, "{x} {y}");
            }
        }
        assert_eq!((twice[0], twice[255]), (0.0, 21.0));
        assert_eq!(Resample::new(8, 8).apply(&ramp), ramp);
    }

    /// `<A x, y>` is `<x, A' y>`.
    #[test]
    fn the_adjoint_is_the_adjoint() {
        for (from, to) in [(8, 12), (16, 9), (5, 5), (4, 32)] {
            let resample = Resample::new(from, to);
            let (x, y) = (noise(1, 2 * from * from), noise(2, 2 * to * to));
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                let pairs = a.iter().zip(b);
                pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            };
            let (left, right) = (dot(&resample.apply(&x), &y), dot(&x, &resample.adjoint(&y)));
            assert!((left - right).abs() < 1e-4, "{from} {to}: {left} {right}");
        }
    }
}

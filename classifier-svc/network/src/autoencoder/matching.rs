//! Feature matching (Salimans et al. 2016; dos Santos et al. 2019): decoded faces should have the mean activations that
//! photographs have, place by place, in the classifier's lower and upper layers.
//!
//! What a decoder does to every face alike, such as smooth skin, is small beside what it gets wrong of each: squared errors
//! hardly see it, and a critic that learns with it is slow to. In the mean over many faces nothing else is left.

use super::critic::Views;
use crate::train::optimizer::Parameter;

/// Share of the moving mean that a batch leaves.
const KEPT: f32 = 0.95;

/// How far the mean activations of decoded faces are from those of their originals.
pub(super) struct Matching {
    /// The moving mean over batches of the differences, a vector for each layer. They are parameters so that a checkpoint
    /// has them; the optimiser never sees them.
    excess: Vec<Parameter>,
    /// Sums over the faces of the batch under way.
    sums: Views,
    faces: usize,
}

impl Matching {
    /// For layers of these shapes.
    pub(super) fn new(shapes: &[[usize; 3]]) -> Self {
        let sizes = shapes.iter().map(|shape| shape.iter().product::<usize>());
        let sums: Views = sizes.map(|size| vec![0.0; size]).collect();
        let excess = sums.iter().map(|sum| Parameter::new(sum.clone(), false));
        Self {
            excess: excess.collect(),
            sums,
            faces: 0,
        }
    }

    /// What a checkpoint keeps.
    pub(super) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        self.excess.iter_mut()
    }

    /// The gradient with respect to activations of `n` decoded faces of half the squared distance of the means, with
    /// `scales` as the factors of the layers. All faces have the same.
    pub(super) fn cotangents(&self, n: usize, scales: &[f64]) -> Views {
        let layers = self.excess.iter().zip(scales);
        let one = |(excess, &scale): (&Parameter, &f64)| -> Vec<f32> {
            let each = excess.value.iter().map(|x| scale as f32 * x);
            each.collect()
        };
        layers.map(|layer| one(layer).repeat(n)).collect()
    }

    /// Adds activations of `n` originals and of the `n` faces decoded of them to those of the batch.
    pub(super) fn observe(&mut self, n: usize, [expected, found]: [&Views; 2]) {
        let layers = self.sums.iter_mut().zip(expected.iter().zip(found));
        for (sum, (expected, found)) in layers {
            let size = sum.len();
            for (expected, found) in expected.chunks_exact(size).zip(found.chunks_exact(size)) {
                let pairs = found.iter().zip(expected);
                sum.iter_mut()
                    .zip(pairs)
                    .for_each(|(s, (f, e))| *s += f - e);
            }
        }
        self.faces += n;
    }

    /// Ends the batch: its mean becomes part of the moving mean.
    pub(super) fn end_batch(&mut self) {
        let share = (1.0 - KEPT) / self.faces.max(1) as f32;
        for (excess, sum) in self.excess.iter_mut().zip(&mut self.sums) {
            let pairs = excess.value.iter_mut().zip(&mut *sum);
            pairs.for_each(|(x, s)| *x = KEPT * *x + share * std::mem::take(s));
        }
        self.faces = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moving_mean_is_of_differences() {
        let mut matching = Matching::new(&[[1, 1, 2], [1, 1, 1]]);
        assert_eq!(
            matching.cotangents(1, &[1.0, 1.0]),
            [vec![0.0; 2], vec![0.0]]
        );
        // Two faces, then one more of the same batch.
        let batch = [
            vec![vec![0.0, 1.0, 2.0, 3.0], vec![5.0, 5.0]],
            vec![vec![1.0, 1.0, 4.0, 3.0], vec![4.0, 7.0]],
        ];
        matching.observe(2, [&batch[0], &batch[1]]);
        let more = [
            vec![vec![0.0, 0.0], vec![0.0]],
            vec![vec![3.0, 0.0], vec![2.0]],
        ];
        matching.observe(1, [&more[0], &more[1]]);
        matching.end_batch();
        let means = [vec![2.0, 0.0], vec![1.0]];
        for (number, expected) in [(1.0, 1.0 - KEPT), (2.0, 1.0 - KEPT * KEPT)] {
            let found = matching.cotangents(2, &[1.0, 10.0]);
            let expected = [
                means[0].iter().map(|m| m * expected).collect::<Vec<f32>>(),
                means[1].iter().map(|m| 10.0 * m * expected).collect(),
            ];
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found.len(), 2 * expected.len());
                let pairs = found.iter().zip(expected.iter().cycle());
                pairs.for_each(|(f, e)| assert!((f - e).abs() < 1e-5, "{number}: {f} {e}"));
            }
            // The same once more: it comes nearer.
            matching.observe(2, [&batch[0], &batch[1]]);
            matching.observe(1, [&more[0], &more[1]]);
            matching.end_batch();
        }
    }
}

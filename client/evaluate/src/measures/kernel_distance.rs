//! Kernel inception distance (Bińkowski et al., "Demystifying MMD GANs", ICLR 2018), in any embedding.

use rayon::prelude::*;

use super::bootstrap::{Samples, Weights, weighted_mean};

/// Unbiased squared maximum mean discrepancy from a reference, kernel `(x . y / (d s^2) + 1)^3`, with s the root mean
/// square of the reference's components. The original has no s: the features of its network have about that size. Those of
/// ours differ tenfold, and so would distances by them.
///
/// Near 0, and as often below as above, for faces that are distributed like the reference. A biased estimate would favour
/// methods with many faces. The units are people: pairs of two faces of the same attribute set are left out.
#[derive(Clone, Debug)]
pub(crate) struct KernelDistance<'a> {
    reference: &'a [Vec<f32>],
    /// `1 / (d s^2)`.
    scale: f64,
    /// Of every sample: the mean of the kernel over all pairs of two different references.
    within: Vec<Option<f64>>,
}

/// What the distance of some faces is made of.
#[derive(Clone, Debug)]
pub(crate) struct Faces<'a> {
    distance: &'a KernelDistance<'a>,
    /// The sets that have faces.
    sets: Vec<usize>,
    /// Mean kernel of the faces of two such sets.
    within: Vec<Vec<f64>>,
    /// Mean kernel of the faces of such a set and each reference.
    across: Vec<Vec<f64>>,
}

impl<'a> KernelDistance<'a> {
    /// Distances from `reference`.
    pub(crate) fn from(reference: &'a [Vec<f32>], samples: &Samples) -> Self {
        let scale = scale(reference);
        let pairs = matrix(reference, scale);
        let all: Vec<usize> = (0..reference.len()).collect();
        let within = samples.all().par_iter();
        let within = within.map(|weights| mean_of_pairs(&pairs, &all, &weights.references));
        Self {
            reference,
            scale,
            within: within.collect(),
        }
    }

    /// The faces of sets, by number, in groups that follow each other or not.
    pub(crate) fn to<V: AsRef<[f32]> + Sync>(&'a self, faces: &[(usize, V)]) -> Faces<'a> {
        let mut sets: Vec<usize> = faces.iter().map(|(set, _)| *set).collect();
        sets.sort_unstable();
        sets.dedup();
        let groups: Vec<Vec<&[f32]>> = sets
            .iter()
            .map(|set| {
                let own = faces.iter().filter(|(other, _)| other == set);
                own.map(|(_, face)| face.as_ref()).collect()
            })
            .collect();
        let mean = |group: &[&[f32]], other: &[&[f32]]| {
            let pairs = group
                .iter()
                .flat_map(|a| other.iter().map(|b| kernel(a, b, self.scale)));
            super::mean(pairs).unwrap_or_default()
        };
        let within = groups.par_iter();
        let within = within.map(|a| groups.iter().map(|b| mean(a, b)).collect());
        let across = groups.par_iter().map(|a| {
            let references = self.reference.iter();
            references.map(|b| mean(a, &[&b[..]])).collect()
        });
        Faces {
            within: within.collect(),
            across: across.collect(),
            sets,
            distance: self,
        }
    }
}

impl Faces<'_> {
    /// Their distance in a sample; `None` of faces of fewer than two sets, or fewer than two references.
    pub(crate) fn at(&self, weights: &Weights) -> Option<f64> {
        let across = self
            .sets
            .iter()
            .zip(&self.across)
            .filter_map(|(&set, row)| {
                let row = weights.references.iter().copied().zip(row.iter().copied());
                Some((weights.sets[set], weighted_mean(row)?))
            });
        let across = weighted_mean(across)?;
        let within = mean_of_pairs(&self.within, &self.sets, &weights.sets)?;
        Some(within + self.distance.within[weights.number]? - 2.0 * across)
    }
}

/// The mean over all pairs of two different ones, `numbers` of which have these weights.
fn mean_of_pairs(pairs: &[Vec<f64>], numbers: &[usize], weights: &[f64]) -> Option<f64> {
    let weight = |i: usize| weights[numbers[i]];
    let all = pairs.iter().enumerate().flat_map(|(i, row)| {
        let before = row[..i].iter().enumerate();
        before.map(move |(j, &value)| (weight(i) * weight(j), value))
    });
    weighted_mean(all)
}

fn matrix(vectors: &[Vec<f32>], scale: f64) -> Vec<Vec<f64>> {
    let row = |x: &Vec<f32>| vectors.iter().map(|y| kernel(x, y, scale)).collect();
    vectors.par_iter().map(row).collect()
}

/// One over the mean squared length of vectors.
fn scale(vectors: &[Vec<f32>]) -> f64 {
    let square = |x: &Vec<f32>| x.iter().map(|x| f64::from(x * x)).sum::<f64>();
    let mean = super::mean(vectors.iter().map(square)).unwrap_or(1.0);
    1.0 / mean.max(f64::MIN_POSITIVE)
}

fn kernel(x: &[f32], y: &[f32], scale: f64) -> f64 {
    let product: f32 = x.iter().zip(y).map(|(x, y)| x * y).sum();
    (f64::from(product) * scale + 1.0).powi(3)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn distance(reference: &[Vec<f32>], faces: &[(usize, Vec<f32>)]) -> Option<f64> {
        let sets = 1 + faces.iter().map(|(set, _)| *set).max().unwrap_or_default();
        let samples = Samples::new(sets, reference.len());
        let distance = KernelDistance::from(reference, &samples);
        distance.to(faces).at(&samples.all()[0])
    }

    #[test]
    fn it_is_the_formula() {
        // One component of mean square 2: k(x, y) = (x y / 2 + 1)^3.
        let reference = [vec![0.0], vec![2.0]];
        let faces = [(0, vec![1.0]), (1, vec![2.0])];
        // Within the reference: k(0, 2) = 1. Within the faces: k(1, 2) = 8. Across: (1 + 8 + 1 + 27) / 4.
        let expected = 8.0 + 1.0 - 2.0 * 9.25;
        assert_eq!(distance(&reference, &faces), Some(expected));
        assert_eq!(distance(&reference, &faces[..1]), None);
        assert_eq!(distance(&reference[..1], &faces), None);
    }

    #[test]
    fn faces_of_one_set_are_one_unit() {
        let reference = [vec![0.0], vec![2.0]];
        let faces = [(0, vec![1.0]), (0, vec![3.0]), (1, vec![2.0])];
        // Within: k(1, 2) = 8 and k(3, 2) = 64. Across: sets count alike, so (1 + 8 + 1 + 64) / 4 and (1 + 27) / 2.
        let expected = (8.0 + 64.0) / 2.0 + 1.0 - 2.0 * (18.5 + 14.0) / 2.0;
        assert_eq!(distance(&reference, &faces), Some(expected));
    }

    #[test]
    fn it_does_not_depend_on_the_unit_of_the_embedding() {
        let scaled = |by: f32| {
            let reference =
                [[0.5, -1.0], [1.0, 2.0], [0.0, 1.0]].map(|v| v.map(|x| x * by).to_vec());
            let faces = [[1.0, 1.0], [2.0, -1.0]].map(|v| v.map(|x| x * by).to_vec());
            let faces: Vec<_> = faces.into_iter().enumerate().collect();
            distance(&reference, &faces).unwrap()
        };
        assert!((scaled(1.0) - scaled(16.0)).abs() < 1e-9);
    }

    #[test]
    fn it_is_unbiased() {
        // Both sides drawn alike, few at a time: the mean over many draws is 0, though each estimate is not. With the
        // diagonals left in, as a biased estimate has them, it would be above 0.5.
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut draw = |n: usize| -> Vec<Vec<f32>> {
            let mut vector = || (0..4).map(|_| rng.random_range(-1.0..1.0)).collect();
            (0..n).map(|_| vector()).collect()
        };
        let once = Weights {
            number: 0,
            sets: vec![1.0; 3],
            references: vec![1.0; 4],
        };
        let draws = (0..4000).map(|_| {
            let (faces, reference) = (draw(3), draw(4));
            let faces: Vec<_> = faces.into_iter().enumerate().collect();
            let pairs = matrix(&reference, 0.25);
            let within = mean_of_pairs(&pairs, &[0, 1, 2, 3], &once.references);
            let distance = KernelDistance {
                reference: &reference,
                scale: 0.25,
                within: vec![within],
            };
            distance.to(&faces).at(&once).unwrap()
        });
        let draws: Vec<f64> = draws.collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!(draws.iter().any(|d| *d < -0.1) && draws.iter().any(|d| *d > 0.1));
    }
}

//! Precision, recall and coverage: whether faces lie among photographs, and photographs among faces.
//!
//! Kynkäänniemi et al., "Improved precision and recall metric for assessing generative models", NeurIPS 2019; Naeem et al.,
//! "Reliable fidelity and diversity metrics for generative models", ICML 2020. A vector's neighbourhood is the ball that
//! reaches its k-th nearest neighbour of its own kind. Figures depend on the number of faces, so only equal numbers
//! compare: one face per set.

use rayon::prelude::*;

use super::distance;

/// Neighbours in a ball.
const NEIGHBOURS: usize = 5;

/// Which faces lie among the references, and the other way round.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Neighbours {
    /// Per face: whether it lies in the neighbourhood of a reference. Their mean is the precision.
    pub(crate) precise: Vec<bool>,
    /// Per reference: whether it lies in the neighbourhood of a face. Their mean is the recall.
    pub(crate) recalled: Vec<bool>,
    /// Per reference: whether a face lies in its neighbourhood. Their mean is the coverage.
    pub(crate) covered: Vec<bool>,
}

/// Finds the neighbours of faces among references; `None` where one of the two is too few for a neighbourhood.
pub(crate) fn neighbours<V: AsRef<[f32]> + Sync>(
    faces: &[V],
    references: &[V],
) -> Option<Neighbours> {
    let (of_faces, of_references) = (radii(faces)?, radii(references)?);
    let near = |a: &V, b: &V, radius: f64| distance(a.as_ref(), b.as_ref()) <= radius;
    let precise = faces.par_iter().map(|face| {
        let mut balls = references.iter().zip(&of_references);
        balls.any(|(reference, &radius)| near(face, reference, radius))
    });
    let recalled = references.par_iter().map(|reference| {
        let mut balls = faces.iter().zip(&of_faces);
        balls.any(|(face, &radius)| near(face, reference, radius))
    });
    let covered = references.par_iter().zip(&of_references);
    let covered = covered.map(|(reference, &radius)| {
        let mut all = faces.iter();
        all.any(|face| near(face, reference, radius))
    });
    Some(Neighbours {
        precise: precise.collect(),
        recalled: recalled.collect(),
        covered: covered.collect(),
    })
}

/// Distance of each vector from its k-th nearest neighbour.
fn radii<V: AsRef<[f32]> + Sync>(vectors: &[V]) -> Option<Vec<f64>> {
    (vectors.len() > NEIGHBOURS).then_some(())?;
    let radius = |(i, a): (usize, &V)| {
        let others = vectors.iter().enumerate().filter(|(j, _)| *j != i);
        let mut distances: Vec<f64> = others
            .map(|(_, b)| distance(a.as_ref(), b.as_ref()))
            .collect();
        let (_, kth, _) = distances.select_nth_unstable_by(NEIGHBOURS - 1, f64::total_cmp);
        *kth
    };
    Some(vectors.par_iter().enumerate().map(radius).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_among_photographs_are_precise_and_what_they_reach_is_covered() {
        // References at 0 to 9 and at 90 to 99: a ball reaches 3 to 5 around each.
        let line = |from: i32| (from..from + 10).map(|x| [x as f32]);
        let references: Vec<[f32; 1]> = line(0).chain(line(90)).collect();
        // Faces among the first ten only, and one far from all.
        let faces: Vec<[f32; 1]> = line(0).take(6).chain([[50.0]]).collect();
        let found = neighbours(&faces, &references).unwrap();
        assert_eq!(found.precise, [[true; 6].to_vec(), vec![false]].concat());
        let covered = found.covered.iter().filter(|covered| **covered).count();
        assert_eq!((&found.covered[..10], covered), (&[true; 10][..], 10));
        // The far face's ball is wide: it reaches everything.
        assert!(found.recalled.iter().all(|recalled| *recalled));
        let near = neighbours(&faces[..6], &references).unwrap();
        assert_eq!(
            near.recalled.iter().filter(|recalled| **recalled).count(),
            10
        );
        assert_eq!(neighbours(&faces[..5], &references), None);
    }
}

//! Verification: whether two faces are the same person, by the protocol of Labeled Faces in the Wild (Huang et al. 2007).
//!
//! Pairs are drawn among people who were not trained on: up to [`PER_PERSON`] of the same person, so that nobody counts much
//! more than others, and as many of different people. The threshold is chosen on the validation people (the protocol's
//! view 1); its accuracy is the mean over ten folds of the test people (view 2), no person being in two.

use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use deepface_statistics::auc;

use crate::{Verification, similarity::cosine};

/// Pairs of one person at most.
const PER_PERSON: usize = 5;
/// Folds of the test people.
const FOLDS: usize = 10;
/// Seed of the draw: the same people give the same pairs.
const SEED: u64 = 1;

/// Embeddings of faces, and whose they are.
pub(crate) struct Embedded<'a> {
    /// `[n, features]`.
    pub(crate) values: &'a [f32],
    /// Number of the person, face by face.
    pub(crate) people: &'a [usize],
}

/// Two faces, and whether they are the same person.
struct Pair {
    faces: [usize; 2],
    same: bool,
}

/// Chooses the threshold on validation people and measures it on test people; `mean` is the origin of the angle.
///
/// `None` if a fold would have no pairs of the same person or of different people.
pub(crate) fn verification(
    validation: &Embedded<'_>,
    test: &Embedded<'_>,
    mean: &[f32],
) -> Option<Verification> {
    let scored = validation.scored(&validation.everybody(), mean)?;
    let threshold = best_threshold(&scored);
    let mut people = test.everybody();
    people.shuffle(&mut ChaCha8Rng::seed_from_u64(SEED));
    let folds = people.chunks(people.len().div_ceil(FOLDS).max(1));
    let folds = folds.map(|fold| test.scored(fold, mean));
    let folds: Vec<_> = folds.collect::<Option<_>>()?;
    let accuracies = folds.iter().map(|fold| accuracy(fold, threshold));
    let accuracies: Vec<f64> = accuracies.collect();
    let n = accuracies.len() as f64;
    let mean = accuracies.iter().sum::<f64>() / n;
    let variance = accuracies.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    Some(Verification {
        threshold,
        accuracy: mean as f32,
        standard_error: (variance / n).sqrt() as f32,
        pairs: folds.iter().map(|fold| fold.len() as u32).sum(),
    })
}

impl Embedded<'_> {
    /// Area under the ROC curve of the cosine over pairs of faces: how often two faces of one person are more alike than
    /// two of different people, where 0.5 is chance. `mean` is the origin of the angle.
    ///
    /// `None` if nobody has two faces, or all are one person.
    pub(crate) fn auc(&self, mean: &[f32]) -> Option<f64> {
        auc(self.scored(&self.everybody(), mean)?)
    }

    fn everybody(&self) -> Vec<usize> {
        let mut people = self.people.to_vec();
        people.sort_unstable();
        people.dedup();
        people
    }

    /// The cosine of every pair that is drawn among some people, and whether it is the same person.
    fn scored(&self, people: &[usize], mean: &[f32]) -> Option<Vec<(f32, bool)>> {
        let pairs = self.pairs(people)?;
        let face = |i: usize| &self.values[i * mean.len()..][..mean.len()];
        let score = |pair: &Pair| {
            let [a, b] = pair.faces.map(face);
            (cosine(a, b, mean) as f32, pair.same)
        };
        Some(pairs.iter().map(score).collect())
    }

    /// As many pairs of the same person as of different people; `None` if there are none.
    fn pairs(&self, people: &[usize]) -> Option<Vec<Pair>> {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let faces = |person: usize| {
            let all = self.people.iter().enumerate();
            let own = all.filter(move |&(_, &p)| p == person);
            own.map(|(face, _)| face).collect::<Vec<_>>()
        };
        let people: Vec<_> = people.iter().map(|&person| faces(person)).collect();
        let mut pairs = Vec::new();
        for own in &people {
            let firsts = own.iter().enumerate();
            let both = firsts.flat_map(|(i, &a)| own[i + 1..].iter().map(move |&b| [a, b]));
            let mut both: Vec<_> = both.collect();
            both.shuffle(&mut rng);
            both.truncate(PER_PERSON);
            let same = true;
            pairs.extend(both.into_iter().map(|faces| Pair { faces, same }));
        }
        if pairs.is_empty() || people.len() < 2 {
            return None;
        }
        for _ in 0..pairs.len() {
            let first = rng.random_range(0..people.len());
            let other = (first + rng.random_range(1..people.len())) % people.len();
            let faces = [first, other].map(|p| people[p][rng.random_range(0..people[p].len())]);
            pairs.push(Pair { faces, same: false });
        }
        Some(pairs)
    }
}

/// Share of right decisions above a threshold.
fn accuracy(scored: &[(f32, bool)], threshold: f32) -> f64 {
    let right = scored
        .iter()
        .filter(|(score, same)| (*score > threshold) == *same);
    right.count() as f64 / scored.len().max(1) as f64
}

/// The score above which most decisions are right: half-way to the next score, so that it is not a face's own.
fn best_threshold(scored: &[(f32, bool)]) -> f32 {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut right = sorted.iter().filter(|(_, same)| *same).count();
    let mut best = (right, sorted.first().map_or(0.0, |first| first.0 - 1.0));
    for (i, &(score, same)) in sorted.iter().enumerate() {
        right = if same { right - 1 } else { right + 1 };
        let next = sorted.get(i + 1).map_or(score + 1.0, |next| next.0);
        if next > score && right > best.0 {
            best = (right, f32::midpoint(score, next));
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` people with `each` faces, whose embeddings point where the person does, give or take `noise`.
    fn people(n: usize, each: usize, noise: f32, seed: u64) -> (Vec<f32>, Vec<usize>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut values, mut people) = (Vec::new(), Vec::new());
        for person in 0..n {
            let own: Vec<f32> = (0..8).map(|_| rng.random_range(-1.0..1.0)).collect();
            for _ in 0..each {
                values.extend(
                    own.iter()
                        .map(|x| x + noise * rng.random_range(-1.0..1.0_f32)),
                );
                people.push(person);
            }
        }
        (values, people)
    }

    fn measured(noise: f32) -> Verification {
        let (v, t) = (people(60, 3, noise, 1), people(100, 3, noise, 2));
        let embedded = |(values, people): &(Vec<f32>, Vec<usize>)| (values.clone(), people.clone());
        let (v, t) = (embedded(&v), embedded(&t));
        let validation = Embedded {
            values: &v.0,
            people: &v.1,
        };
        let test = Embedded {
            values: &t.0,
            people: &t.1,
        };
        verification(&validation, &test, &[0.0; 8]).unwrap()
    }

    #[test]
    fn people_who_look_like_themselves_are_told_apart() {
        let (clear, noisy) = (measured(0.05), measured(3.0));
        assert!(clear.accuracy > 0.98 && clear.threshold > 0.7, "{clear:?}");
        assert!(noisy.accuracy < 0.7, "{noisy:?}");
        // Three pairs of each person, and as many of different people.
        assert_eq!((clear.pairs, measured(0.05)), (600, clear));
    }

    #[test]
    fn the_area_under_the_curve_is_one_where_every_pair_is_in_order() {
        let auc = |noise: f32| {
            let (values, people) = people(60, 3, noise, 4);
            let (values, people) = (&values[..], &people[..]);
            Embedded { values, people }.auc(&[0.0; 8]).unwrap()
        };
        assert_eq!(auc(0.0), 1.0);
        assert!(auc(0.05) > 0.99 && auc(100.0) < 0.65);
        let strangers = Embedded {
            values: &[0.0; 16],
            people: &[0, 1],
        };
        assert_eq!(strangers.auc(&[0.0; 8]), None);
    }

    #[test]
    fn pairs_are_drawn_among_the_given_people() {
        let (values, people) = people(20, 9, 0.1, 3);
        let embedded = Embedded {
            values: &values,
            people: &people,
        };
        let pairs = embedded.pairs(&[3, 5, 11]).unwrap();
        let (same, other): (Vec<_>, Vec<_>) = pairs.iter().partition(|pair| pair.same);
        assert_eq!((same.len(), other.len()), (15, 15));
        for pair in pairs {
            let [a, b] = pair.faces.map(|face| people[face]);
            assert_eq!(a == b, pair.same);
            assert!([3, 5, 11].contains(&a) && pair.faces[0] != pair.faces[1]);
        }
        assert!(embedded.pairs(&[3]).is_none());
    }

    #[test]
    fn the_best_threshold_makes_most_decisions_right() {
        let scored = [
            (0.1, false),
            (0.2, false),
            (0.3, true),
            (0.4, false),
            (0.8, true),
            (0.9, true),
        ];
        let threshold = best_threshold(&scored);
        assert!(
            (accuracy(&scored, threshold) - 5.0 / 6.0).abs() < 1e-9,
            "{threshold}"
        );
        assert!(!scored.iter().any(|(score, _)| *score == threshold));
        assert!(best_threshold(&[(0.5, true)]) < 0.5 && best_threshold(&[(0.5, false)]) > 0.5);
    }
}

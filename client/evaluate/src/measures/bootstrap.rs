//! Confidence intervals by bootstrap over people (Efron, "Bootstrap methods: another look at the jackknife", 1979).
//!
//! The photographs of an evaluation are of different people, so drawing photographs with replacement draws people. The
//! faces of one attribute set stay together, whatever their number, and every row and network gets the same draws: the
//! difference of two rows has an interval of its own, which is narrower than theirs.

use deepface_statistics::interval;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::report::{Difference, Estimate};

/// Draws behind an interval.
const DRAWS: usize = 1000;

/// How often each person is in a sample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weights {
    /// Number of the sample, from 0.
    pub(crate) number: usize,
    /// One weight per attribute set, which is a person's photograph.
    pub(crate) sets: Vec<f64>,
    /// One per reference photograph.
    pub(crate) references: Vec<f64>,
}

/// Everybody once, then draws with replacement.
#[derive(Clone, Debug)]
pub(crate) struct Samples(Vec<Weights>);

/// A figure of a sample; `None` where the sample cannot have it.
pub(crate) type Measure<'a> = Box<dyn Fn(&Weights) -> Option<f64> + Send + Sync + 'a>;

/// A figure of everybody, and of the draws, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    value: f64,
    draws: Vec<Option<f64>>,
}

impl Samples {
    /// Samples of so many sets and references.
    pub(crate) fn new(sets: usize, references: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut drawn = |n: usize| {
            let mut weights = vec![0.0; n];
            (0..n).for_each(|_| weights[rng.random_range(0..n)] += 1.0);
            weights
        };
        let all = Weights {
            number: 0,
            sets: vec![1.0; sets],
            references: vec![1.0; references],
        };
        let draws = (1..=DRAWS).map(|number| Weights {
            number,
            sets: drawn(sets),
            references: drawn(references),
        });
        Self(std::iter::once(all).chain(draws).collect())
    }

    pub(crate) fn all(&self) -> &[Weights] {
        &self.0
    }

    /// A measure of everybody and of the first `draws` draws.
    pub(crate) fn measure(&self, measure: &Measure<'_>, draws: usize) -> Option<Drawn> {
        let (everybody, samples) = self.0.split_first()?;
        let samples = &samples[..draws.min(samples.len())];
        let finite = |weights| measure(weights).filter(|value| value.is_finite());
        Some(Drawn {
            value: finite(everybody)?,
            draws: samples.par_iter().map(finite).collect(),
        })
    }
}

impl Drawn {
    /// The figure with its interval, and its difference from that of another row.
    pub(crate) fn estimate(&self, from: Option<&Self>) -> Estimate {
        let draws = self.draws.iter().flatten().copied();
        let (low, high) = interval(draws.collect()).unwrap_or((self.value, self.value));
        let difference = from.map(|from| {
            let pairs = self.draws.iter().zip(&from.draws);
            let differences = pairs.filter_map(|(a, b)| Some((*a)? - (*b)?));
            let value = self.value - from.value;
            let (low, high) = interval(differences.collect()).unwrap_or((value, value));
            Difference { value, low, high }
        });
        Estimate {
            value: self.value,
            low,
            high,
            difference,
        }
    }
}

/// Number of draws that most measures take.
pub(crate) const ALL: usize = DRAWS;

/// The mean of values that belong to sets, each with the weight of its set.
pub(crate) fn mean_of_sets<'a>(values: Vec<(usize, f64)>) -> Measure<'a> {
    Box::new(move |weights| weighted_mean(values.iter().map(|&(set, x)| (weights.sets[set], x))))
}

/// The mean of one value per reference, each with the reference's weight.
pub(crate) fn mean_of_references<'a>(values: Vec<f64>) -> Measure<'a> {
    Box::new(move |weights| {
        weighted_mean(
            weights
                .references
                .iter()
                .copied()
                .zip(values.iter().copied()),
        )
    })
}

/// The mean of values with weights; `None` where all weights are 0.
pub(crate) fn weighted_mean(values: impl IntoIterator<Item = (f64, f64)>) -> Option<f64> {
    let (mut sum, mut weights) = (0.0, 0.0);
    for (weight, value) in values {
        sum += weight * value;
        weights += weight;
    }
    (weights > 0.0).then(|| sum / weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_of_a_mean_is_that_of_the_central_limit_theorem() {
        let sets = 400;
        let samples = Samples::new(sets, 1);
        let values: Vec<_> = (0..sets).map(|set| (set, (set % 2) as f64)).collect();
        let measured = samples.measure(&mean_of_sets(values), ALL).unwrap();
        let Estimate {
            value, low, high, ..
        } = measured.estimate(None);
        // 1.96 standard errors of a fair coin: 0.049.
        assert_eq!(value, 0.5);
        assert!((0.044..0.054).contains(&(value - low)), "{low}");
        assert!((0.044..0.054).contains(&(high - value)), "{high}");
    }

    #[test]
    fn differences_are_paired() {
        let samples = Samples::new(50, 1);
        let values = |add: f64| (0..50).map(|set| (set, set as f64 + add)).collect();
        let [a, b] =
            [0.0, 0.25].map(|add| samples.measure(&mean_of_sets(values(add)), ALL).unwrap());
        let difference = b.estimate(Some(&a)).difference.unwrap();
        let Difference { value, low, high } = difference;
        for x in [value, low, high] {
            assert!((x - 0.25).abs() < 1e-9, "{difference:?}");
        }
    }

    #[test]
    fn faces_of_one_set_are_drawn_together() {
        let samples = Samples::new(3, 2);
        let once = &samples.all()[0];
        assert_eq!(
            (&once.sets[..], &once.references[..]),
            (&[1.0; 3][..], &[1.0; 2][..])
        );
        for weights in &samples.all()[1..] {
            assert_eq!(weights.sets.iter().sum::<f64>(), 3.0);
            assert_eq!(weights.references.iter().sum::<f64>(), 2.0);
        }
        let measure = mean_of_sets(vec![(1, 3.0), (1, 5.0)]);
        let drawn = samples.measure(&measure, ALL).unwrap();
        // A draw without the set has no figure; any other has the set's.
        assert!(drawn.draws.contains(&None));
        assert!(drawn.draws.iter().flatten().all(|&value| value == 4.0));
    }
}

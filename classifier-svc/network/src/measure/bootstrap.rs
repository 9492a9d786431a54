//! Means over all attributes, and how certain they are: intervals by bootstrap over people. The photographs of a person
//! stay together, because they are alike.

use deepface_statistics::interval;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{metrics::Column, scores::Scores};
use crate::{AttributeMetrics, Estimate, MeanMetrics, Thresholds};

/// Draws behind an interval.
const DRAWS: u64 = 1000;
/// Seed of the draws: the same people give the same intervals.
const SEED: u64 = 1;

/// An attribute that is measured again and again.
struct Repeated {
    /// In the order of its probabilities, which makes every ranking fast.
    column: Column,
    /// The number of each face.
    faces: Vec<usize>,
    thresholds: Thresholds,
}

impl Repeated {
    fn new(column: &Column, thresholds: Thresholds) -> Self {
        let mut faces: Vec<usize> = (0..column.labels.len()).collect();
        let p = &column.probabilities;
        faces.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
        Self {
            column: Column {
                probabilities: faces.iter().map(|&f| p[f]).collect(),
                labels: faces.iter().map(|&f| column.labels[f]).collect(),
                weights: faces.iter().map(|&f| column.weights[f]).collect(),
            },
            faces,
            thresholds,
        }
    }

    /// Metrics where the faces have other weights, by number; `None` where all that count are alike.
    fn measure(&self, weights: &[f64]) -> Option<AttributeMetrics> {
        let column = Column {
            probabilities: self.column.probabilities.clone(),
            labels: self.column.labels.clone(),
            weights: self.faces.iter().map(|&f| weights[f]).collect(),
        };
        column.measure(self.thresholds)
    }
}

/// Accuracy, balanced accuracy and AUC.
fn figures(m: &AttributeMetrics) -> [f64; 3] {
    [m.accuracy, m.balanced_accuracy_at_balanced, m.auc].map(f64::from)
}

/// Means over the attributes that can be measured at their thresholds; `None` if there are none.
pub(super) fn means(scores: &Scores<'_>, thresholds: &[Thresholds]) -> Option<MeanMetrics> {
    let truth = scores.truth;
    let columns = thresholds.iter().enumerate();
    let columns = columns.filter_map(|(attribute, &at)| Some((scores.column(attribute)?, at)));
    let columns = columns.filter(|(column, at)| column.measure(*at).is_some());
    let all: Vec<Repeated> = columns.map(|(c, at)| Repeated::new(&c, at)).collect();
    // In a draw, attributes that it cannot measure do not count.
    let mean = |weights: &[f64]| {
        let measured = all.iter().filter_map(|a| a.measure(weights));
        let measured: Vec<_> = measured.map(|m| figures(&m)).collect();
        let n = measured.len() as f64;
        let mean = |i: usize| measured.iter().map(|m| m[i]).sum::<f64>() / n;
        (n > 0.0).then(|| [0, 1, 2].map(mean))
    };
    let value = mean(&truth.weights)?;
    let people = truth.count_people();
    let draw = |draw: u64| {
        let drawn = drawn(people, draw);
        let faces = truth.people.iter().zip(&truth.weights);
        mean(&faces.map(|(&p, w)| drawn[p] * w).collect::<Vec<_>>())
    };
    let draws: Vec<[f64; 3]> = (0..DRAWS).into_par_iter().filter_map(draw).collect();
    let [accuracy, balanced_accuracy_at_balanced, auc] = [0, 1, 2].map(|i| {
        let draws = draws.iter().map(|d| d[i]).collect();
        let (low, high) = interval(draws).unwrap_or((value[i], value[i]));
        let [value, low, high] = [value[i], low, high].map(|x| x as f32);
        Estimate { value, low, high }
    });
    let errors: f64 = all.iter().map(|a| a.column.calibration_error()).sum();
    Some(MeanMetrics {
        accuracy,
        balanced_accuracy_at_balanced,
        auc,
        calibration_error: (errors / all.len() as f64) as f32,
        people: people as u32,
        photographs: truth.len() as u32,
    })
}

/// How often each of some people is in a draw with replacement.
fn drawn(people: usize, draw: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    rng.set_stream(draw);
    let mut times = vec![0.0; people];
    (0..people).for_each(|_| times[rng.random_range(0..people)] += 1.0);
    times
}

#[cfg(test)]
mod tests {
    use deepface_dataset::person_weights;

    use super::*;
    use crate::{Heads, measure::scores::Truth};
    use deepface_attributes::{Group, Schema};

    /// Faces of people, one attribute: a right decision where `right` says so.
    fn measured(people: Vec<usize>, right: impl Fn(usize) -> bool) -> MeanMetrics {
        let group = Group {
            name: "smile".into(),
            attributes: vec!["Smiling".into()],
        };
        let heads = Heads::of(&Schema::new(vec![group]).unwrap());
        let label = |face: usize| people[face].is_multiple_of(2);
        let p = |face: usize| {
            if label(face) == right(face) {
                0.75
            } else {
                0.25
            }
        };
        let faces = 0..people.len();
        let probabilities: Vec<f32> = faces.clone().flat_map(|f| [p(f), 1.0 - p(f)]).collect();
        let truth = Truth {
            labels: faces.map(|f| vec![label(f)]).collect(),
            known: vec![true],
            weights: person_weights(&people),
            people,
        };
        let scores = Scores::new(&heads, &probabilities, &truth);
        means(&scores, &[Thresholds::default()]).unwrap()
    }

    #[test]
    fn an_interval_of_a_share_is_that_of_the_central_limit_theorem() {
        let m = measured((0..400).collect(), |face| face % 4 < 2);
        let Estimate { value, low, high } = m.accuracy;
        // 1.96 standard errors of a fair coin: 0.049.
        assert_eq!(value, 0.5);
        assert!((0.044..0.054).contains(&(value - low)), "{low}");
        assert!((0.044..0.054).contains(&(high - value)), "{high}");
        assert_eq!((m.people, m.photographs), (400, 400));
        assert_eq!(m, measured((0..400).collect(), |face| face % 4 < 2));
        // Half of those with 0.75 have the attribute, and half of those with 0.25.
        assert!((m.calibration_error - 0.25).abs() < 1e-6);
    }

    #[test]
    fn each_person_counts_once() {
        // Ten people of whom one has many photographs, and all of them are wrong.
        let people: Vec<usize> = (0..10).chain([9; 90]).collect();
        let m = measured(people, |face| face < 9);
        assert!((m.accuracy.value - 0.9).abs() < 1e-6, "{m:?}");
        assert_eq!((m.people, m.photographs), (10, 100));
        // More photographs of the same people make nothing more certain.
        let twice = (0..400).chain(0..400).collect();
        let (once, twice) = (
            measured((0..400).collect(), |face| face % 4 < 2),
            measured(twice, |face| face % 4 < 2),
        );
        assert!((once.accuracy.low - twice.accuracy.low).abs() < 1e-6);
    }
}

//! How the classifier sees attributes in photographs, and so how much of one is enough in a face.

use deepface_attributes::Schema;

use super::{Asked, Statistics};

/// Log-odds beyond which everything counts as certain.
const CERTAIN: f64 = 30.0;

/// Mean log-odds of one attribute by the classifier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// In photographs that have it.
    pub present: f64,
    /// In photographs that lack it.
    pub absent: f64,
}

/// Sums the log-odds of every attribute over photographs.
#[derive(Clone, Debug)]
pub struct Sightings {
    /// Weight and weighted sum, in photographs that lack it and in those that have it.
    sums: Vec<[[f64; 2]; 2]>,
}

impl Sightings {
    /// Fewest photographs, people counting once, whose mean says something.
    const ENOUGH: f64 = 8.0;

    /// Of so many attributes.
    pub fn new(attributes: usize) -> Self {
        Self {
            sums: vec![[[0.0; 2]; 2]; attributes],
        }
    }

    /// Takes in a photograph: the log-odds of each attribute, and whether it has it.
    pub fn add(&mut self, odds: &[f64], labels: &[bool], weight: f64) {
        for ((sums, &label), odds) in self.sums.iter_mut().zip(labels).zip(odds) {
            let [count, sum] = &mut sums[usize::from(label)];
            *count += weight;
            *sum += weight * odds;
        }
    }

    /// All sums, four an attribute, for a checkpoint to keep and to replace.
    pub fn sums_mut(&mut self) -> &mut [f64] {
        self.sums.as_flattened_mut().as_flattened_mut()
    }

    /// The mean log-odds. Where these photographs are too few, those of `more` take their place; where those are too few,
    /// too, there is no mean, and nothing is enough.
    pub fn finish(&self, more: &Self) -> Vec<Seen> {
        let mean = |sums: [&[f64; 2]; 2], nothing: f64| {
            let found = sums.into_iter().find(|sums| sums[0] >= Self::ENOUGH);
            found.map_or(nothing, |[count, sum]| sum / count)
        };
        let pairs = self.sums.iter().zip(&more.sums);
        pairs
            .map(|(these, more)| Seen {
                present: mean([&these[1], &more[1]], CERTAIN),
                absent: mean([&these[0], &more[0]], -CERTAIN),
            })
            .collect()
    }
}

/// Log-odds of every attribute, from the logits of all heads: each attribute against the rest of its group and "none of
/// these", which is the last of each head.
pub fn log_odds(schema: &Schema, logits: &[f32]) -> Vec<f64> {
    let mut next = 0;
    let mut all = Vec::with_capacity(schema.len());
    for group in schema.groups() {
        let head = &logits[next..=next + group.attributes.len()];
        next += head.len();
        for (at, &own) in head[..head.len() - 1].iter().enumerate() {
            let others = || head.iter().enumerate().filter(move |(i, _)| *i != at);
            let top = others().fold(f32::NEG_INFINITY, |top, (_, &x)| top.max(x));
            let sum: f64 = others().map(|(_, &x)| f64::from(x - top).exp()).sum();
            let odds = f64::from(own) - f64::from(top) - sum.ln();
            all.push(odds.clamp(-CERTAIN, CERTAIN));
        }
    }
    all
}

impl Statistics {
    /// The probability from which on a face shows enough of what is asked of an attribute: that of photographs, as far from
    /// the mean as the strength says, and `margin` more in log-odds.
    pub fn enough(&self, asked: &Asked, margin: f64) -> f64 {
        let Seen { present, absent } = self.seen[asked.attribute.index()];
        let frequency = self.frequency(asked.attribute);
        let mean = frequency * present + (1.0 - frequency) * absent;
        let odds = match asked.absent {
            false => mean + asked.strength * (present - mean),
            true => -(mean + asked.strength * (absent - mean)),
        };
        let odds = (odds + margin).clamp(-CERTAIN, CERTAIN);
        1.0 / (1.0 + (-odds).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian::fixture::{asked, statistics};

    #[test]
    fn log_odds_are_those_of_the_heads() {
        let schema = Schema::default();
        let logits: Vec<f32> = (0..115).map(|i| (i as f32 * 0.7).sin() * 3.0).collect();
        let found = log_odds(&schema, &logits);
        assert_eq!(found.len(), schema.len());
        // The first group is one attribute; the second has several.
        assert!((found[0] - f64::from(logits[0] - logits[1])).abs() < 1e-6);
        let head: Vec<f64> = logits[2..7].iter().map(|&x| f64::from(x).exp()).collect();
        let p = head[1] / head.iter().sum::<f64>();
        assert!((found[2] - (p / (1.0 - p)).ln()).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn few_photographs_say_nothing() {
        let schema = Schema::default();
        let sightings = |count: usize, odds: f64, label: bool| {
            let mut sightings = Sightings::new(schema.len());
            let odds: Vec<f64> = schema.all().map(|_| odds).collect();
            for _ in 0..count {
                sightings.add(&odds, &vec![label; schema.len()], 1.0);
            }
            sightings
        };
        let (few, many) = (sightings(3, 5.0, true), sightings(9, 2.0, true));
        assert!((few.finish(&many)[0].present - 2.0).abs() < 1e-6);
        assert!((many.finish(&few)[0].present - 2.0).abs() < 1e-6);
        assert_eq!(few.finish(&few)[0].present, CERTAIN);
        assert_eq!(many.finish(&many)[0].absent, -CERTAIN);
    }

    #[test]
    fn enough_is_what_photographs_have() {
        let s = statistics();
        let odds = |absent, strength, margin| {
            let p = s.enough(&asked(1, absent, strength), margin);
            (p / (1.0 - p)).ln()
        };
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}");
        // Present 1, absent -3, and a quarter of the faces have it.
        near(odds(false, 1.0, 0.0), 1.0);
        near(odds(true, 1.0, 0.0), 3.0);
        near(odds(false, 1.0, 0.5), 1.5);
        near(odds(false, 2.0, 0.0), 4.0);
        near(odds(true, 1.0 / 2.0, 0.0), 2.5);
        assert_eq!(
            s.enough(&asked(1, false, 1.0), 100.0),
            s.enough(&asked(1, true, 1.0), 100.0)
        );
    }
}

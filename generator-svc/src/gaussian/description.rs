//! What a request means for every attribute, those that it does not name included.

use deepface_attributes::AttributeId;
use deepface_statistics::standard_normal;

use super::{Asked, Emphasis, Regression, Statistics, Wish};
use crate::random::{Purpose, random};

/// A value for every attribute, in the order of the schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// 0 is absent, 1 is present, between is expected in that share of faces; before strength.
    pub values: Vec<f64>,
    /// How far each is from its mean, strengths applied.
    pub offsets: Vec<f64>,
    /// How a draw emphasizes what was asked, if it does.
    pub emphasis: Option<Emphasis>,
}

impl Statistics {
    /// Completes a wish. Requested attributes are as requested, kept ones as in the same seed's description of no wish; the
    /// others are those of a person, drawn by the seed, who has what was requested, as far as the variety goes, and beyond
    /// that their conditional expectation. The completeness draws them towards absence.
    pub fn describe(&self, wish: &Wish, how: &Regression, seed: u64) -> Description {
        let mut rng = random(seed, Purpose::Attributes);
        let noise = self.frequencies.iter();
        let noise = noise.map(|_| f64::from(standard_normal(&mut rng)));
        let person = self.copula.latents(noise.collect());
        let open = self.copula.attributes(&person);
        let share = how.variety.min(1.0);
        let vary =
            |expected: f64, drawn: bool| expected + share * (f64::from(u8::from(drawn)) - expected);
        let asked = wish
            .asked
            .iter()
            .map(|a| (a.attribute.index(), self.said(a)));
        let asked: Vec<_> = asked.collect();
        let kept = || wish.kept.iter().map(|k| k.index());
        let held = kept().map(|k| (k, f64::from(u8::from(open[k]))));
        let drawn = [&asked[..], &held.collect::<Vec<_>>()].concat();
        let drawn = self.copula.given(&person, &drawn, &mut rng);
        let held = kept().map(|k| (k, vary(self.frequencies[k], open[k])));
        let said = [&asked[..], &held.collect::<Vec<_>>()].concat();
        let mut values = self.attributes.complete(&said);
        for (attribute, value) in self.schema.all().zip(&mut values) {
            if wish.leaves_open(attribute) {
                *value = vary(*value, drawn[attribute.index()]) * (1.0 - how.completeness);
            }
        }
        let apart = values.iter().zip(&self.frequencies).map(|(v, f)| v - f);
        let mut offsets: Vec<f64> = apart.collect();
        for a in wish.asked.iter().filter(|a| a.strength > 1.0) {
            offsets[a.attribute.index()] *= a.strength;
        }
        let emphasized = how.emphasis != 0.0 && !wish.asked.is_empty();
        let emphasis = emphasized.then(|| {
            let mut rest = offsets.clone();
            let asked = wish.asked.iter().map(|a| a.attribute.index());
            asked.for_each(|asked| rest[asked] = 0.0);
            let weight = how.emphasis;
            Emphasis { rest, weight }
        });
        Description {
            values,
            offsets,
            emphasis,
        }
    }

    /// How far each attribute of a face must move for a wish, from where it is there. A strength goes that share of the
    /// way, or beyond.
    pub fn change(&self, wish: &Wish, now: impl Fn(AttributeId) -> f64) -> Vec<f64> {
        let mut offsets = vec![0.0; self.frequencies.len()];
        for asked in &wish.asked {
            let end = if asked.absent { 0.0 } else { 1.0 };
            offsets[asked.attribute.index()] = asked.strength * (end - now(asked.attribute));
        }
        offsets
    }

    /// A weak wish moves an attribute a part of the way from its mean.
    fn said(&self, asked: &Asked) -> f64 {
        let mean = self.frequency(asked.attribute);
        let end = if asked.absent { 0.0 } else { 1.0 };
        mean + asked.strength.min(1.0) * (end - mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian::fixture::{asked, regression, statistics};

    #[test]
    fn strengths_go_from_nothing_to_beyond() {
        let s = statistics();
        let offset = |absent, strength| {
            let wish = Wish {
                asked: vec![asked(4, absent, strength)],
                ..Wish::default()
            };
            s.describe(&wish, &regression(), 1).offsets[4]
        };
        // A quarter of the faces have it.
        for (absent, strength, expected) in [
            (false, 1e-9, 0.0),
            (false, 0.5, 0.375),
            (false, 1.0, 0.75),
            (false, 2.0, 1.5),
            (true, 1e-9, 0.0),
            (true, 0.5, -0.125),
            (true, 1.0, -0.25),
            (true, 3.0, -0.75),
        ] {
            let got = offset(absent, strength);
            assert!((got - expected).abs() < 1e-6, "{absent} {strength}: {got}");
        }
    }

    #[test]
    fn without_what_was_asked_it_is_at_its_mean() {
        let s = statistics();
        let how = Regression {
            variety: 1.0,
            emphasis: 2.0,
            ..regression()
        };
        let found = s.describe(&male_with_the_next_kept(), &how, 3);
        let Emphasis { rest, weight } = found.emphasis.unwrap();
        assert_eq!((rest[0], weight), (0.0, 2.0));
        assert!(found.offsets[0] > 0.0 && rest[1..] == found.offsets[1..]);
        let nothing = s.describe(&Wish::default(), &how, 3);
        assert_eq!(nothing.emphasis, None);
    }

    fn male_with_the_next_kept() -> Wish {
        Wish {
            asked: vec![asked(0, false, 1.0)],
            kept: vec![asked(1, false, 1.0).attribute],
        }
    }

    #[test]
    fn what_is_not_named_is_absent_from_a_complete_description_only() {
        let s = statistics();
        let values = |completeness| {
            let how = Regression {
                completeness,
                ..regression()
            };
            s.describe(&male_with_the_next_kept(), &how, 1).values
        };
        assert_eq!(values(1.0)[..3], [1.0, 0.25, 0.0]);
        let half = values(0.5);
        assert!(
            (half[2] - 0.125).abs() < 1e-6 && half[1] == 0.25,
            "{half:?}"
        );
    }

    #[test]
    fn what_is_left_open_varies_with_the_seed_and_the_rest_does_not() {
        let s = statistics();
        let how = Regression {
            variety: 1.0,
            ..regression()
        };
        let values = |seed| s.describe(&male_with_the_next_kept(), &how, seed).values;
        let (one, other) = (values(1), values(2));
        assert_eq!(one[0], other[0]);
        assert_ne!(one[1..], other[1..]);
        assert_eq!(one, values(1));
    }

    #[test]
    fn what_is_kept_is_as_without_a_wish() {
        let s = statistics();
        let how = Regression {
            variety: 1.0,
            ..regression()
        };
        for seed in 0..5 {
            let open = s.describe(&Wish::default(), &how, seed);
            let kept = s.describe(&male_with_the_next_kept(), &how, seed);
            assert_eq!(kept.values[1], open.values[1]);
            assert_eq!(kept.offsets[1], open.offsets[1]);
        }
    }
}

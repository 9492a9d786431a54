//! What a request means for every attribute, those that it does not name included.

use super::{Statistics, TargetSettings};
use deepface_statistics::standard_normal;

use crate::{Purpose, random};

/// What is asked of one attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked {
    /// Its number, in the order of [`deepface_attributes::AttributeId::all`].
    pub attribute: usize,
    /// Whether it should be absent.
    pub absent: bool,
    /// How strongly: 1 is as in the training data, 2 twice as far from the mean, next to 0 as if it were not asked.
    pub strength: f64,
}

/// What should be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    /// Attributes asked for, each at most once.
    pub asked: Vec<Asked>,
    /// Attributes that must stay as they are.
    pub kept: Vec<usize>,
    /// How complete the description is, from 0 (what is not named follows from what is) to 1 (what is not named is
    /// absent).
    pub completeness: f64,
}

/// A value for every attribute, in the order of [`deepface_attributes::AttributeId::all`].
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// 0 is absent, 1 is present, between is expected in that share of faces; before strength.
    pub values: Vec<f64>,
    /// How far each is from its mean, strengths applied.
    pub offsets: Vec<f64>,
}

/// A request that names so few attributes says nothing of the others.
const SKETCH: f64 = 3.0;
/// One that names so many would have named the others.
const PORTRAIT: f64 = 12.0;

/// Standard deviations that are drawn of what a sketch leaves open, and of what a portrait does, which is no attribute
/// any more. Inversion keeps about a third of what is drawn, in a judge's eyes (`docs/generation.md`).
const VARIETY: [f64; 2] = [1.5, 0.6];
/// Weight of the likelihood beside a target for a sketch and for a portrait: the more the target says of itself, the less
/// has to be insisted on.
const LIKELIHOOD: [f64; 2] = [12.0, 5.0];

impl Wish {
    /// How complete a description is taken to be where nobody says: people who list a dozen traits would have listed the
    /// eyeglasses, people who say "smiling" leave them open. A weak wish counts as a part of one.
    pub fn usual_completeness(asked: &[Asked]) -> f64 {
        let named: f64 = asked.iter().map(|a| a.strength.min(1.0)).sum();
        ((named - SKETCH) / (PORTRAIT - SKETCH)).clamp(0.0, 1.0)
    }

    /// How much is drawn where nobody says, in standard deviations, for a completeness.
    pub fn usual_variety(completeness: f64) -> f64 {
        between(VARIETY, completeness)
    }

    /// Weight of the attributes' likelihood where nobody says, for a completeness.
    pub fn usual_likelihood(completeness: f64) -> f64 {
        between(LIKELIHOOD, completeness)
    }

    /// Whether nothing is said of an attribute.
    pub fn leaves_open(&self, attribute: usize) -> bool {
        !self.kept.contains(&attribute) && self.asked.iter().all(|a| a.attribute != attribute)
    }
}

fn between([sketch, portrait]: [f64; 2], completeness: f64) -> f64 {
    sketch + completeness * (portrait - sketch)
}

impl Statistics {
    /// Completes a wish. Said attributes are as said, kept ones at their mean; the others take their conditional
    /// expectation, varied around it by the seed, and drawn towards absence by the completeness.
    pub fn describe(&self, wish: &Wish, settings: &TargetSettings) -> Description {
        let said = wish.asked.iter().map(|a| (a.attribute, self.said(a)));
        let kept = wish.kept.iter().map(|&k| (k, self.frequencies[k]));
        let said: Vec<_> = said.chain(kept).collect();
        let mut rng = random(settings.seed, Purpose::Attributes);
        let noise = self.frequencies.iter();
        let noise = noise.map(|_| settings.variety * f64::from(standard_normal(&mut rng)));
        let draw = self.attributes.draw(noise.collect());
        let mut values = self.attributes.complete_with(&said, &draw);
        for (attribute, value) in values.iter_mut().enumerate() {
            if wish.leaves_open(attribute) {
                *value *= 1.0 - wish.completeness;
            }
        }
        let apart = values.iter().zip(&self.frequencies).map(|(v, f)| v - f);
        let mut offsets: Vec<f64> = apart.collect();
        for a in wish.asked.iter().filter(|a| a.strength > 1.0) {
            offsets[a.attribute] *= a.strength;
        }
        Description { values, offsets }
    }

    /// A weak wish moves an attribute a part of the way from its mean.
    fn said(&self, asked: &Asked) -> f64 {
        let (mean, end) = (
            self.frequencies[asked.attribute],
            if asked.absent { 0.0 } else { 1.0 },
        );
        mean + asked.strength.min(1.0) * (end - mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian::Method;
    use crate::gaussian::tests::{settings, statistics};

    fn asked(attribute: usize, absent: bool, strength: f64) -> Asked {
        Asked {
            attribute,
            absent,
            strength,
        }
    }

    #[test]
    fn strengths_go_from_nothing_to_beyond() {
        let s = statistics();
        let offset = |absent, strength| {
            let wish = Wish {
                asked: vec![asked(4, absent, strength)],
                ..Wish::default()
            };
            s.describe(&wish, &settings(Method::Regression)).offsets[4]
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
    fn what_is_not_named_is_absent_from_a_complete_description_only() {
        let s = statistics();
        let values = |completeness| {
            let wish = Wish {
                asked: vec![asked(0, false, 1.0)],
                kept: vec![1],
                completeness,
            };
            s.describe(&wish, &settings(Method::Regression)).values
        };
        assert_eq!(values(1.0)[..3], [1.0, 0.25, 0.0]);
        let half = values(0.5);
        assert!(
            (half[2] - 0.125).abs() < 1e-6 && half[1] == 0.25,
            "{half:?}"
        );
        let usual = |n, strength| {
            let asked: Vec<_> = (0..n).map(|a| asked(a, false, strength)).collect();
            Wish::usual_completeness(&asked)
        };
        assert_eq!(usual(2, 4.0), 0.0);
        assert_eq!(usual(20, 1.0), 1.0);
        assert_eq!(usual(20, 0.15), 0.0);
    }

    #[test]
    fn what_is_left_open_varies_with_the_seed_and_the_rest_does_not() {
        let s = statistics();
        let wish = Wish {
            asked: vec![asked(0, false, 1.0)],
            kept: vec![1],
            completeness: 0.0,
        };
        let values = |seed| {
            let how = TargetSettings {
                variety: 1.0,
                seed,
                ..settings(Method::Regression)
            };
            s.describe(&wish, &how).values
        };
        let (one, other) = (values(1), values(2));
        assert_eq!(one[..2], other[..2]);
        assert_ne!(one[2..], other[2..]);
        assert_eq!(one, values(1));
    }
}

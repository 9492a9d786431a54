//! What the heads should answer for a photograph, and how far their answers are from that.
//!
//! The labels of some attributes may be unknown: a data set need not have a column for every attribute of the model. In a
//! head, unknown attributes and "none of these" then count as one answer, "none of the known": their probabilities are
//! added before they are compared with a target. A head without any known attribute learns nothing.

use std::ops::Range;

use deepface_attributes::Schema;

use crate::heads::{Heads, softmax};

/// The loss of a network's heads on a data set.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    /// The answers of each head.
    answers: Vec<Answers>,
}

/// The answers of one head, as far as labels can tell them apart.
#[derive(Clone, Debug)]
struct Answers {
    /// The logits of the head.
    head: Range<usize>,
    /// Whether there are labels for each attribute of the head.
    known: Vec<bool>,
    /// Answers that labels can tell apart: the known attributes, and the rest.
    count: usize,
}

/// The labels of an image: 1 is present, 0 is absent.
#[derive(Clone, Copy)]
pub(super) enum Labels<'a> {
    /// Whether each attribute is present.
    Hard(&'a [bool]),
    /// The probability that each attribute is present.
    Soft(&'a [f32]),
    /// Which answer is right, where there is one head: [`Loss::one_of`].
    One(usize),
}

impl Loss {
    /// The loss of the heads of a schema; `known` says for each attribute whether the data set labels it.
    pub(super) fn new(schema: &Schema, known: &[bool]) -> Self {
        let heads = Heads::of(schema);
        let mut known = known.iter().copied();
        let answers = heads.ranges().map(|head| {
            let known: Vec<bool> = known.by_ref().take(head.len() - 1).collect();
            Answers {
                count: known.iter().filter(|&&k| k).count() + 1,
                head,
                known,
            }
        });
        Self {
            answers: answers.collect(),
        }
    }

    /// The loss of a single head of this many answers, one of which is right.
    pub(super) fn one_of(count: usize) -> Self {
        let answers = Answers {
            head: 0..count,
            // The last answer takes the place of "none of these".
            known: vec![true; count.saturating_sub(1)],
            count,
        };
        Self {
            answers: vec![answers],
        }
    }

    /// Number of logits.
    pub(super) fn logits(&self) -> usize {
        self.answers.last().map_or(0, |answers| answers.head.end)
    }

    /// Writes the distributions that the heads should give for an image, `[logits]`: positives share the mass, and
    /// without any positive it is all on "none of these". `smoothing` of the mass is spread evenly.
    pub(super) fn targets(&self, labels: Labels<'_>, smoothing: f32, targets: &mut [f32]) {
        let mut first = 0;
        for answers in &self.answers {
            let target = &mut targets[answers.head.clone()];
            let attributes = first..first + answers.known.len();
            first = attributes.end;
            match labels {
                Labels::Hard(labels) => answers.share(&labels[attributes], target),
                Labels::Soft(labels) => answers.divide(&labels[attributes], target),
                Labels::One(right) => {
                    target.fill(0.0);
                    target[right] = 1.0;
                }
            }
            let none = target.len() - 1;
            let even = smoothing / answers.count as f32;
            for (i, t) in target.iter_mut().enumerate() {
                if i == none || answers.known[i] {
                    *t = (1.0 - smoothing) * *t + even;
                }
            }
        }
    }

    /// Cross-entropy of the heads against `targets`, summed over heads, and its gradient with respect to the logits,
    /// which replaces `logits`. Both are of one image.
    pub(super) fn cross_entropy(&self, logits: &mut [f32], targets: &[f32]) -> f64 {
        let mut loss = 0.0;
        for answers in &self.answers {
            let (p, t) = (
                &mut logits[answers.head.clone()],
                &targets[answers.head.clone()],
            );
            softmax(p);
            match answers.count {
                // No label says anything.
                1 => p.fill(0.0),
                all if all == p.len() => {
                    for (p, &t) in p.iter_mut().zip(t) {
                        loss -= f64::from(t) * f64::from(p.max(1e-12)).ln();
                        *p -= t;
                    }
                }
                _ => loss += answers.merged(p, t),
            }
        }
        loss
    }
}

impl Answers {
    /// The mass of every answer: positives have an equal share each.
    fn share(&self, labels: &[bool], target: &mut [f32]) {
        let having = || {
            labels
                .iter()
                .zip(&self.known)
                .map(|(&l, &known)| l && known)
        };
        let positives = having().filter(|&l| l).count();
        let share = match positives {
            0 => 0.0,
            positives => 1.0 / positives as f32,
        };
        let none = if positives == 0 { 1.0 } else { 0.0 };
        let mass = having().map(|l| if l { share } else { 0.0 });
        for (t, mass) in target.iter_mut().zip(mass.chain([none])) {
            *t = mass;
        }
    }

    /// The mass of every answer in proportion to its probability, where attributes are independent.
    fn divide(&self, labels: &[f32], target: &mut [f32]) {
        let having = || labels.iter().zip(&self.known);
        let having = || having().map(|(&p, &known)| if known { p } else { 0.0 });
        let none: f32 = having().map(|p| 1.0 - p).product();
        let all: f32 = having().chain([none]).sum();
        for (t, mass) in target.iter_mut().zip(having().chain([none])) {
            *t = mass / all;
        }
    }

    /// Cross-entropy of probabilities where the unknown attributes and "none of these" are one answer; the gradient
    /// replaces the probabilities.
    fn merged(&self, probabilities: &mut [f32], targets: &[f32]) -> f64 {
        let is_rest = |i: usize| self.known.get(i).is_none_or(|&known| !known);
        let sum = |values: &[f32]| {
            let rest = values.iter().enumerate().filter(|&(i, _)| is_rest(i));
            rest.map(|(_, &x)| x).sum::<f32>()
        };
        let (rest, target) = (sum(probabilities).max(1e-12), sum(targets));
        let mut loss = -f64::from(target) * f64::from(rest).ln();
        for (i, (p, &t)) in probabilities.iter_mut().zip(targets).enumerate() {
            if is_rest(i) {
                *p -= target * *p / rest;
            } else {
                loss -= f64::from(t) * f64::from(p.max(1e-12)).ln();
                *p -= t;
            }
        }
        loss
    }
}

/// Targets of `n` images with made-up labels, to test and measure with.
pub(super) fn example(n: usize) -> (Loss, Vec<f32>) {
    let schema = Schema::default();
    let loss = Loss::new(&schema, &vec![true; schema.len()]);
    let mut targets = vec![0.0; n * loss.logits()];
    for (i, t) in targets.chunks_exact_mut(loss.logits()).enumerate() {
        let labels: Vec<bool> = (0..schema.len()).map(|a| (a * 7 + i) % 5 == 0).collect();
        loss.targets(Labels::Hard(&labels), 0.1, t);
    }
    (loss, targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the ethnicities and the ages, only some have labels; of the hair colours none.
    fn partial() -> (Schema, Loss) {
        let schema = Schema::default();
        let known: Vec<bool> = (0..73).map(|a| !matches!(a, 2 | 3 | 5 | 10..14)).collect();
        let loss = Loss::new(&schema, &known);
        (schema, loss)
    }

    fn some_logits(loss: &Loss) -> Vec<f32> {
        (0..loss.logits())
            .map(|i| ((i * 37 % 23) as f32 - 11.0) / 4.0)
            .collect()
    }

    fn labels(positive: impl Fn(usize) -> bool) -> Vec<bool> {
        (0..73).map(positive).collect()
    }

    #[test]
    fn positives_of_a_group_share_the_mass() {
        let (loss, _) = example(1);
        let mut t = vec![0.0; loss.logits()];
        let both = labels(|a| a == 1 || a == 2);
        loss.targets(Labels::Hard(&both), 0.0, &mut t);
        assert_eq!(t[..7], [0.0, 1.0, 0.5, 0.5, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn one_answer_of_a_single_head_is_right() {
        let loss = Loss::one_of(5);
        for right in 0..5 {
            let mut t = vec![0.0; loss.logits()];
            loss.targets(Labels::One(right), 0.1, &mut t);
            let expected = |i| if i == right { 0.92 } else { 0.02 };
            assert!(
                (0..5).all(|i| (t[i] - expected(i)).abs() < 1e-6),
                "{right}: {t:?}"
            );
        }
    }

    #[test]
    fn certain_soft_labels_are_hard_ones() {
        let (loss, _) = example(1);
        let hard = labels(|a| a % 3 == 0);
        let soft: Vec<f32> = hard.iter().map(|&l| f32::from(u8::from(l))).collect();
        let targets = |labels| {
            let mut t = vec![0.0; loss.logits()];
            loss.targets(labels, 0.1, &mut t);
            t
        };
        let (hard, soft) = (targets(Labels::Hard(&hard)), targets(Labels::Soft(&soft)));
        assert!(hard.iter().zip(soft).all(|(h, s)| (h - s).abs() < 1e-6));
        let unsure = targets(Labels::Soft(&[0.75; 73]));
        // The binary head of the first attribute, smoothed.
        assert!((unsure[0] - (0.9 * 0.75 + 0.05)).abs() < 1e-6);
    }

    #[test]
    fn gradients_are_the_slopes_also_where_labels_are_unknown() {
        let (_, partial) = partial();
        let some = labels(|a| a % 3 == 0);
        for (loss, labels) in [
            (example(1).0, Labels::Hard(&some)),
            (partial, Labels::Hard(&some)),
            (Loss::one_of(40), Labels::One(7)),
        ] {
            let logits = some_logits(&loss);
            let mut targets = vec![0.0; loss.logits()];
            loss.targets(labels, 0.1, &mut targets);
            let mut gradient = logits.clone();
            loss.cross_entropy(&mut gradient, &targets);
            for i in 0..30 {
                let at = |step: f32| {
                    let mut l = logits.clone();
                    l[i] += step;
                    loss.cross_entropy(&mut l, &targets)
                };
                let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
                assert!(
                    (slope - f64::from(gradient[i])).abs() < 1e-3,
                    "{i}: {slope}"
                );
            }
        }
    }

    #[test]
    fn unknown_labels_decide_nothing() {
        let (_, loss) = partial();
        let logits = some_logits(&loss);
        let learned = |positive: fn(usize) -> bool| {
            let (mut gradient, mut targets) = (logits.clone(), vec![0.0; loss.logits()]);
            loss.targets(Labels::Hard(&labels(positive)), 0.1, &mut targets);
            (loss.cross_entropy(&mut gradient, &targets), gradient)
        };
        let (value, gradient) = learned(|a| a % 3 == 0);
        assert_eq!(
            (value, gradient.clone()),
            learned(|a| a % 3 == 0 || matches!(a, 2 | 5 | 10..14))
        );
        // The head of the hair colours comes after 1 + 4 + 5 attributes and three "none of these".
        assert_eq!(gradient[13..18], [0.0; 5]);
    }
}

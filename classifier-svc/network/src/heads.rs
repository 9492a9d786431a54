//! The softmax heads: one over each group's attributes and "none of these" (paper, section 3.2).

use std::ops::Range;

use deepface_attributes::Schema;

/// What one attribute should be.
#[derive(Clone, Copy, Debug)]
pub struct AttributeTarget {
    /// Its number in the schema of the model.
    pub attribute: usize,
    /// Whether it should be absent.
    pub absent: bool,
    /// Its factor.
    pub weight: f64,
    /// The probability from which on its likelihood counts no more; 1 if it always counts.
    pub enough: f64,
}

/// The heads of a schema: where the probabilities of each group and attribute are among the logits of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads {
    /// The logits of each head. The last of each is "none of these".
    ranges: Vec<Range<usize>>,
    /// The logit of each attribute.
    attributes: Vec<usize>,
}

impl Heads {
    /// A head for every group of a schema.
    pub fn of(schema: &Schema) -> Self {
        let ranges = schema.groups().iter().scan(0, |next, group| {
            let start = *next;
            *next += group.attributes.len() + 1;
            Some(start..*next)
        });
        let ranges: Vec<Range<usize>> = ranges.collect();
        let attributes = ranges.iter().flat_map(|head| head.start..head.end - 1);
        Self {
            attributes: attributes.collect(),
            ranges,
        }
    }

    /// Number of logits: every attribute and a "none of these" for every group.
    pub fn logits(&self) -> usize {
        self.attributes.len() + self.ranges.len()
    }

    /// The logits of each head, the last of which is "none of these".
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.ranges.iter().cloned()
    }

    /// Softmax of every head, in place: logits of images, `[n, logits]`, become probabilities.
    pub(crate) fn softmaxes(&self, images: &mut [f32]) {
        let images = images.chunks_exact_mut(self.logits());
        images.for_each(|image| self.softmax(image));
    }

    /// Softmax of every head of one image, in place.
    pub(crate) fn softmax(&self, logits: &mut [f32]) {
        self.ranges().for_each(|head| softmax(&mut logits[head]));
    }

    /// The attributes among the probabilities (or logits) of all heads of images: `[n, logits]` becomes
    /// `[n, attributes]`, in the order of the schema. What is left out is "none of these".
    pub fn attributes(&self, images: &[f32]) -> Vec<f32> {
        let images = images.chunks_exact(self.logits());
        images
            .flat_map(|image| self.attributes.iter().map(|&l| image[l]))
            .collect()
    }

    /// "None of these" among the probabilities of all heads of one image: one value per group, in the order of the
    /// schema.
    pub fn none_of_these(&self, image: &[f32]) -> Vec<f32> {
        self.ranges().map(|head| image[head.end - 1]).collect()
    }

    /// The logit of the attribute with this number, and those of its head.
    fn place(&self, attribute: usize) -> (usize, Range<usize>) {
        let logit = self.attributes[attribute];
        let head = self.ranges().find(|h| h.contains(&logit));
        (logit, head.expect("every logit has a head"))
    }

    /// `-log p` of an attribute, or `-log(1 - p)` where it should be absent, from the logits of one image, as far as it is
    /// above that of a probability that is enough. Adds its gradient with respect to the logits. Both are multiplied by
    /// `weight`, not by the target's own.
    pub(crate) fn negative_log_likelihood(
        &self,
        logits: &[f32],
        target: &AttributeTarget,
        weight: f64,
        gradient: &mut [f32],
    ) -> f64 {
        let (logit, head) = self.place(target.attribute);
        let values: Vec<f64> = logits[head.clone()].iter().map(|&x| f64::from(x)).collect();
        let at = logit - head.start;
        let all = log_sum_exp(values.iter().copied());
        let others = log_sum_exp(
            values
                .iter()
                .enumerate()
                .filter(|&(i, _)| i != at)
                .map(|(_, &x)| x),
        );
        let wanted = if target.absent { others } else { values[at] };
        let missing = all - wanted + target.enough.ln();
        if missing <= 0.0 {
            return 0.0;
        }
        for (i, &x) in values.iter().enumerate() {
            // d(all)/dx - d(wanted)/dx
            let own = match (target.absent, i == at) {
                (false, true) => 1.0,
                (true, false) => (x - others).exp(),
                _ => 0.0,
            };
            gradient[head.start + i] += (weight * ((x - all).exp() - own)) as f32;
        }
        weight * missing
    }

    /// `-p` of an attribute, or `p - 1` where it should be absent, from the probabilities of one image.
    /// Adds `weight` times its gradient with respect to the logits: of its softmax alone, by which 1 at the attribute's
    /// output becomes `p (1 - p)`.
    pub(crate) fn negative_probability(
        &self,
        probabilities: &[f32],
        target: &AttributeTarget,
        weight: f64,
        gradient: &mut [f32],
    ) -> f64 {
        let (logit, head) = self.place(target.attribute);
        let p = f64::from(probabilities[logit]);
        let sign = if target.absent { weight } else { -weight };
        for i in head {
            let own = f64::from(u8::from(i == logit));
            gradient[i] += (sign * p * (own - f64::from(probabilities[i]))) as f32;
        }
        sign * p - if target.absent { weight } else { 0.0 }
    }
}

/// Softmax of one head, in place.
pub(crate) fn softmax(head: &mut [f32]) {
    let top = head.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    head.iter_mut().for_each(|x| *x = (*x - top).exp());
    let sum: f32 = head.iter().sum();
    head.iter_mut().for_each(|x| *x /= sum);
}

fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = values.clone().fold(f64::NEG_INFINITY, f64::max);
    top + values.map(|x| (x - top).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads() -> Heads {
        Heads::of(&Schema::default())
    }

    fn target(attribute: usize, absent: bool, enough: f64) -> AttributeTarget {
        AttributeTarget {
            attribute,
            absent,
            weight: 1.0,
            enough,
        }
    }

    fn some_logits() -> Vec<f32> {
        (0..heads().logits())
            .map(|i| ((i * 37 % 23) as f32 - 11.0) / 4.0)
            .collect()
    }

    #[test]
    fn heads_cover_every_logit_once() {
        let heads = heads();
        let all: Vec<usize> = heads.ranges().flatten().collect();
        assert_eq!(all, (0..115).collect::<Vec<_>>());
        assert_eq!((heads.logits(), heads.attributes.len()), (115, 73));
        assert_eq!(heads.attributes[..3], [0, 2, 3]);
    }

    #[test]
    fn attributes_and_none_of_these_are_all_of_an_image() {
        let heads = heads();
        let image: Vec<f32> = (0..heads.logits()).map(|i| i as f32).collect();
        let two = [image.clone(), image.clone()].concat();
        assert_eq!(heads.attributes(&two).len(), 2 * 73);
        let mut all = [heads.attributes(&image), heads.none_of_these(&image)].concat();
        all.sort_by(f32::total_cmp);
        assert_eq!(all, image);
        assert_eq!(heads.none_of_these(&image)[0], 1.0);
    }

    #[test]
    fn softmax_sums_to_one_in_every_head() {
        let mut p = some_logits();
        heads().softmax(&mut p);
        for head in heads().ranges() {
            assert!((p[head].iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn the_gradient_of_a_likelihood_is_its_slope() {
        let heads = heads();
        check_gradient(|logits, gradient| {
            heads.negative_log_likelihood(logits, &target(3, false, 1.0), 1.5, gradient)
                + heads.negative_log_likelihood(logits, &target(9, true, 0.999), 0.5, gradient)
        });
    }

    #[test]
    fn a_likelihood_stops_where_it_is_enough() {
        let (heads, logits) = (heads(), some_logits());
        let mut probabilities = logits.clone();
        heads.softmax(&mut probabilities);
        let of = heads.attributes(&probabilities);
        for (attribute, absent) in [(3, false), (9, true)] {
            let p = f64::from(if absent {
                1.0 - of[attribute]
            } else {
                of[attribute]
            });
            let value = |enough: f64| {
                let mut gradient = vec![0.0; logits.len()];
                let target = target(attribute, absent, enough);
                let value = heads.negative_log_likelihood(&logits, &target, 2.0, &mut gradient);
                (value, gradient.iter().any(|&g| g != 0.0))
            };
            assert_eq!(value(0.99 * p), (0.0, false));
            let more = (1.01 * p).min(1.0);
            let (found, moves) = value(more);
            assert!(
                (found - 2.0 * (more / p).ln()).abs() < 1e-5 && moves,
                "{found}"
            );
        }
    }

    #[test]
    fn the_gradient_of_a_probability_is_its_slope() {
        let heads = heads();
        check_gradient(|logits, gradient| {
            let mut p = logits.to_vec();
            heads.softmax(&mut p);
            heads.negative_probability(&p, &target(3, false, 1.0), 1.5, gradient)
                + heads.negative_probability(&p, &target(9, true, 1.0), 0.5, gradient)
        });
        let mut sure = vec![0.0; heads.logits()];
        sure[heads.attributes[3]] = 1.0;
        let mut gradient = vec![0.0; heads.logits()];
        let value = heads.negative_probability(&sure, &target(3, false, 1.0), 1.0, &mut gradient);
        assert_eq!((value, gradient.iter().all(|&g| g == 0.0)), (-1.0, true));
        assert_eq!(
            heads.negative_probability(&sure, &target(4, true, 1.0), 1.0, &mut gradient),
            -1.0
        );
    }

    fn check_gradient(of: impl Fn(&[f32], &mut [f32]) -> f64) {
        let logits = some_logits();
        let mut gradient = vec![0.0; logits.len()];
        of(&logits, &mut gradient);
        for i in 0..20 {
            let at = |step: f32| {
                let mut l = logits.clone();
                l[i] += step;
                of(&l, &mut vec![0.0; logits.len()])
            };
            let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!(
                (slope - f64::from(gradient[i])).abs() < 1e-3,
                "{i}: {slope}"
            );
        }
    }
}

//! The 42 softmax heads: one over each group's attributes and "none of these" (paper, section 3.2).

use std::ops::Range;

use deepface_attributes::{ATTRIBUTE_COUNT, GROUPS};

/// Number of logits: every attribute and a "none of these" for every group.
pub const LOGITS: usize = ATTRIBUTE_COUNT + GROUPS.len();

/// The logits of each head. The last of each is "none of these".
pub(crate) fn heads() -> impl Iterator<Item = Range<usize>> {
    GROUPS.iter().scan(0, |next, group| {
        let start = *next;
        *next += group.attributes.len() + 1;
        Some(start..*next)
    })
}

/// The logit of each attribute, in the order of [`deepface_attributes::AttributeId::all`].
pub(crate) fn attribute_logits() -> Vec<usize> {
    heads().flat_map(|head| head.start..head.end - 1).collect()
}

/// Softmax of every head, in place: logits of images, `[n, 115]`, become probabilities.
pub(crate) fn softmaxes(images: &mut [f32]) {
    images.chunks_exact_mut(LOGITS).for_each(softmax);
}

/// The attributes among the probabilities (or logits) of all heads of images: `[n, 115]` becomes `[n, 73]`, in the
/// order of [`deepface_attributes::AttributeId::all`]. What is left out is "none of these".
pub fn attributes(images: &[f32]) -> Vec<f32> {
    let logits = attribute_logits();
    let images = images.chunks_exact(LOGITS);
    images
        .flat_map(|image| logits.iter().map(|&l| image[l]))
        .collect()
}

/// "None of these" among the probabilities of all heads of one image: one value per group, in the order of [`GROUPS`].
pub fn none_of_these(image: &[f32]) -> Vec<f32> {
    heads().map(|head| image[head.end - 1]).collect()
}

/// Softmax of every head of one image, in place.
fn softmax(logits: &mut [f32]) {
    for head in heads() {
        let head = &mut logits[head];
        let top = head.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        head.iter_mut().for_each(|x| *x = (*x - top).exp());
        let sum: f32 = head.iter().sum();
        head.iter_mut().for_each(|x| *x /= sum);
    }
}

/// The distribution that a head should give for an image: positives share the mass, and without any positive it
/// is all on "none of these". `smoothing` of the mass is spread evenly.
pub(crate) fn soft_targets(labels: &[bool; ATTRIBUTE_COUNT], smoothing: f32, targets: &mut [f32]) {
    let mut first = 0;
    for head in heads() {
        let size = head.len() as f32;
        let target = &mut targets[head];
        let labels = &labels[first..first + target.len() - 1];
        first += labels.len();
        let positives = labels.iter().filter(|&&l| l).count();
        let share = if positives == 0 {
            0.0
        } else {
            1.0 / positives as f32
        };
        let none = if positives == 0 { 1.0 } else { 0.0 };
        let mass = labels
            .iter()
            .map(|&l| if l { share } else { 0.0 })
            .chain([none]);
        for (t, m) in target.iter_mut().zip(mass) {
            *t = (1.0 - smoothing) * m + smoothing / size;
        }
    }
}

/// Cross-entropy of the heads against `targets`, summed over heads, and its gradient with respect to the logits,
/// which replaces `logits`.
pub(crate) fn cross_entropy(logits: &mut [f32], targets: &[f32]) -> f64 {
    softmax(logits);
    let mut loss = 0.0;
    for (p, &t) in logits.iter_mut().zip(targets) {
        loss -= f64::from(t) * f64::from(p.max(1e-12)).ln();
        *p -= t;
    }
    loss
}

/// `-log p` of one attribute, or `-log(1 - p)` where it should be absent, from the logits of one image. Adds
/// `weight` times its gradient with respect to the logits.
pub(crate) fn negative_log_likelihood(
    logits: &[f32],
    logit: usize,
    absent: bool,
    weight: f64,
    gradient: &mut [f32],
) -> f64 {
    let head = heads()
        .find(|h| h.contains(&logit))
        .expect("every logit has a head");
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
    let wanted = if absent { others } else { values[at] };
    for (i, &x) in values.iter().enumerate() {
        // d(all)/dx - d(wanted)/dx
        let own = match (absent, i == at) {
            (false, true) => 1.0,
            (true, false) => (x - others).exp(),
            _ => 0.0,
        };
        gradient[head.start + i] += (weight * ((x - all).exp() - own)) as f32;
    }
    weight * (all - wanted)
}

fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = values.clone().fold(f64::NEG_INFINITY, f64::max);
    top + values.map(|x| (x - top).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_logits() -> Vec<f32> {
        (0..LOGITS)
            .map(|i| ((i * 37 % 23) as f32 - 11.0) / 4.0)
            .collect()
    }

    #[test]
    fn heads_cover_every_logit_once() {
        let all: Vec<usize> = heads().flatten().collect();
        assert_eq!(all, (0..LOGITS).collect::<Vec<_>>());
        assert_eq!(attribute_logits().len(), ATTRIBUTE_COUNT);
        assert_eq!(attribute_logits()[..3], [0, 2, 3]);
    }

    #[test]
    fn attributes_and_none_of_these_are_all_of_an_image() {
        let image: Vec<f32> = (0..LOGITS).map(|i| i as f32).collect();
        let two = [image.clone(), image.clone()].concat();
        assert_eq!(attributes(&two).len(), 2 * ATTRIBUTE_COUNT);
        let mut all = [attributes(&image), none_of_these(&image)].concat();
        all.sort_by(f32::total_cmp);
        assert_eq!(all, image);
        assert_eq!(none_of_these(&image)[0], 1.0);
    }

    #[test]
    fn softmax_sums_to_one_in_every_head() {
        let mut p = some_logits();
        softmax(&mut p);
        for head in heads() {
            assert!((p[head].iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn positives_of_a_group_share_the_mass() {
        let mut labels = [false; ATTRIBUTE_COUNT];
        labels[1] = true;
        labels[2] = true;
        let mut t = vec![0.0; LOGITS];
        soft_targets(&labels, 0.0, &mut t);
        assert_eq!(t[..7], [0.0, 1.0, 0.5, 0.5, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn gradients_are_the_slopes() {
        let logits = some_logits();
        let labels = std::array::from_fn(|i| i % 3 == 0);
        let mut targets = vec![0.0; LOGITS];
        soft_targets(&labels, 0.1, &mut targets);
        let mut gradient = logits.clone();
        cross_entropy(&mut gradient, &targets);
        let mut likelihood = vec![0.0; LOGITS];
        let nll = |logits: &[f32], gradient: &mut [f32]| {
            negative_log_likelihood(logits, 5, false, 1.5, gradient)
                + negative_log_likelihood(logits, 12, true, 0.5, gradient)
        };
        nll(&logits, &mut likelihood);
        let slope = |f: &mut dyn FnMut(Vec<f32>) -> f64, i: usize| {
            let at = |step: f32| {
                let mut l = logits.clone();
                l[i] += step;
                l
            };
            (f(at(1e-2)) - f(at(-1e-2))) / 2e-2
        };
        for i in 0..20 {
            let ce = slope(&mut |mut l| cross_entropy(&mut l, &targets), i);
            assert!((ce - f64::from(gradient[i])).abs() < 1e-3, "{i}: {ce}");
            let ll = slope(&mut |l| nll(&l, &mut vec![0.0; LOGITS]), i);
            assert!((ll - f64::from(likelihood[i])).abs() < 1e-3, "{i}: {ll}");
        }
    }
}

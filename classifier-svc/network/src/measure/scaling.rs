//! Calibration of the heads: each head's logits are multiplied by a number and shifted, so that probabilities are as often
//! right as they say ("vector scaling" with one scale a head, Guo et al. 2017). Networks that learned from smoothed and
//! mixed labels are less sure than they could be.
//!
//! No order of faces by an attribute changes much, so AUC does not; the numbers go into the weights of the heads.

use std::ops::Range;

use super::scores::Truth;
use crate::{Heads, parameters::Parameters};

/// Steps of the descent at most.
const STEPS: usize = 500;
/// Weight of the squared parameters beside the loss of a head, in nats: rare attributes have few validation people.
const RIDGE: f64 = 0.002;
/// Least probability in a logarithm.
const FLOOR: f64 = 1e-6;
/// The descent ends where steps of this length do not help.
const SHORTEST: f64 = 1e-6;

/// The scaling of one head.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scaling {
    head: Range<usize>,
    /// Logarithm of the factor, then the shift of each logit.
    parameters: Vec<f64>,
}

/// Faces as a head sees them: of each its logits, the labels of the head's attributes, and how much it counts.
struct Sample<'a> {
    logits: &'a [f32],
    labels: &'a [bool],
    weight: f64,
}

/// The scaling of every head for which the labels of some faces are most likely. `logits` are those of all heads,
/// `[n, logits]`. Heads without labels stay as they are.
pub(crate) fn fit(heads: &Heads, logits: &[f32], truth: &Truth) -> Vec<Scaling> {
    let total: f64 = truth.weights.iter().sum();
    let mut first = 0;
    let scaling = |head: Range<usize>| {
        let attributes = first..first + head.len() - 1;
        first = attributes.end;
        let known = &truth.known[attributes.clone()];
        let faces = logits.chunks_exact(heads.logits());
        let faces = faces.zip(truth.labels.iter().zip(&truth.weights));
        let samples: Vec<Sample<'_>> = faces
            .map(|(logits, (labels, weight))| Sample {
                logits: &logits[head.clone()],
                labels: &labels[attributes.clone()],
                weight: weight / total,
            })
            .collect();
        let parameters = descend(vec![0.0; 1 + head.len()], |p| loss(p, &samples, known));
        Scaling { head, parameters }
    };
    heads.ranges().map(scaling).collect()
}

/// Puts scalings into the parameters of the heads.
pub(crate) fn apply(scalings: &[Scaling], parameters: &mut Parameters) {
    let features = parameters.weight.len() / parameters.bias.len().max(1);
    for Scaling {
        head,
        parameters: own,
    } in scalings
    {
        let factor = own[0].exp();
        for (logit, shift) in head.clone().zip(&own[1..]) {
            let row = &mut parameters.weight[logit * features..][..features];
            row.iter_mut()
                .for_each(|w| *w = (factor * f64::from(*w)) as f32);
            let bias = &mut parameters.bias[logit];
            *bias = (factor * f64::from(*bias) + shift) as f32;
        }
    }
}

/// Minus the mean log-likelihood of the labels, in nats, plus the ridge; and its gradient.
fn loss(parameters: &[f64], samples: &[Sample<'_>], known: &[bool]) -> (f64, Vec<f64>) {
    let (factor, shifts) = (parameters[0].exp(), &parameters[1..]);
    let mut loss = RIDGE * parameters.iter().map(|p| p * p).sum::<f64>();
    let mut gradient: Vec<f64> = parameters.iter().map(|p| 2.0 * RIDGE * p).collect();
    for sample in samples {
        let scaled: Vec<f64> = sample
            .logits
            .iter()
            .map(|&x| factor * f64::from(x))
            .collect();
        let moved: Vec<f64> = scaled.iter().zip(shifts).map(|(x, s)| x + s).collect();
        let most = moved.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let all: f64 = moved.iter().map(|x| (x - most).exp()).sum();
        let probabilities: Vec<f64> = moved.iter().map(|x| (x - most).exp() / all).collect();
        // With respect to the probabilities; that of "none of these" counts nowhere.
        let mut slopes = vec![0.0; probabilities.len()];
        let attributes = probabilities.iter().zip(sample.labels).zip(known);
        for (slope, ((p, &label), _)) in slopes
            .iter_mut()
            .zip(attributes)
            .filter(|(_, (_, known))| **known)
        {
            let (right, sign) = if label { (*p, -1.0) } else { (1.0 - p, 1.0) };
            let right = right.max(FLOOR);
            loss -= sample.weight * right.ln();
            *slope = sample.weight * sign / right;
        }
        let mean: f64 = slopes.iter().zip(&probabilities).map(|(s, p)| s * p).sum();
        for (k, (slope, p)) in slopes.iter().zip(&probabilities).enumerate() {
            let own = p * (slope - mean);
            gradient[0] += own * scaled[k];
            gradient[k + 1] += own;
        }
    }
    (loss, gradient)
}

/// Gradient descent whose steps are as long as they help.
fn descend(mut at: Vec<f64>, loss: impl Fn(&[f64]) -> (f64, Vec<f64>)) -> Vec<f64> {
    let (mut least, mut gradient) = loss(&at);
    let mut step = 1.0;
    for _ in 0..STEPS {
        let moved: Vec<f64> = at
            .iter()
            .zip(&gradient)
            .map(|(x, g)| x - step * g)
            .collect();
        let (value, slope) = loss(&moved);
        if value < least {
            (at, least, gradient) = (moved, value, slope);
            step *= 1.5;
        } else {
            step /= 2.0;
        }
        if step < SHORTEST {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use deepface_attributes::{Group, Schema};

    use crate::noise::noise;

    const N: usize = 4000;

    fn heads() -> Heads {
        let group = |name: &str, attributes: &[&str]| Group {
            name: name.into(),
            attributes: attributes.iter().map(|&a| a.to_owned()).collect(),
        };
        let groups = vec![group("hair", &["Black", "Blond"]), group("sex", &["Male"])];
        Heads::of(&Schema::new(groups).unwrap())
    }

    /// Logits, and labels drawn from softmaxes of twice of them with one shifted.
    fn faces() -> (Vec<f32>, Truth) {
        let heads = heads();
        let logits: Vec<f32> = noise(1, N * 5).iter().map(|x| 2.0 * x).collect();
        let mut true_ones: Vec<f32> = logits.iter().map(|x| 2.0 * x).collect();
        true_ones.iter_mut().step_by(5).for_each(|x| *x += 1.0);
        heads.softmaxes(&mut true_ones);
        let draws = noise(2, 2 * N);
        let labels = true_ones.chunks_exact(5).zip(draws.chunks_exact(2));
        let labels = labels.map(|(p, draws)| {
            let [a, b] = [0, 1].map(|i| (draws[i] + 1.0) / 2.0);
            vec![a < p[0], (p[0]..p[0] + p[1]).contains(&a), b < p[3]]
        });
        let truth = Truth {
            labels: labels.collect(),
            known: vec![true; 3],
            people: (0..N).collect(),
            weights: vec![1.0; N],
        };
        (logits, truth)
    }

    #[test]
    fn the_scaling_behind_the_labels_is_found() {
        let (logits, mut truth) = faces();
        let found = fit(&heads(), &logits, &truth);
        let [hair, sex] = [&found[0].parameters, &found[1].parameters];
        assert!((hair[0].exp() - 2.0).abs() < 0.25, "{hair:?}");
        assert!((sex[0].exp() - 2.0).abs() < 0.25, "{sex:?}");
        // Shifts count from that of "none of these".
        assert!((hair[1] - hair[3] - 1.0).abs() < 0.25, "{hair:?}");
        assert!((hair[2] - hair[3]).abs() < 0.2, "{hair:?}");
        truth.known = vec![true, true, false];
        assert_eq!(fit(&heads(), &logits, &truth)[1].parameters, [0.0; 3]);
    }

    #[test]
    fn the_gradient_is_the_slope() {
        let (logits, truth) = faces();
        let samples: Vec<Sample<'_>> = logits
            .chunks_exact(5)
            .zip(&truth.labels)
            .take(20)
            .map(|(logits, labels)| Sample {
                logits: &logits[..3],
                labels: &labels[..2],
                weight: 0.05,
            })
            .collect();
        let at = [0.3, -0.2, 0.4, 0.1];
        let (_, gradient) = loss(&at, &samples, &[true, true]);
        for i in 0..at.len() {
            let moved = |step: f64| {
                let mut moved = at;
                moved[i] += step;
                loss(&moved, &samples, &[true, true]).0
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!(
                (slope - gradient[i]).abs() < 1e-6,
                "{i}: {slope} {gradient:?}"
            );
        }
    }

    #[test]
    fn the_parameters_of_the_heads_take_it() {
        let mut parameters = Parameters {
            weight: vec![1.0; 5 * 2],
            bias: vec![0.5; 5],
        };
        let scaling = |head: Range<usize>, parameters: &[f64]| Scaling {
            head,
            parameters: parameters.to_vec(),
        };
        let scalings = [
            scaling(0..3, &[2.0_f64.ln(), 0.0, 1.0, 0.0]),
            scaling(3..5, &[0.0; 3]),
        ];
        apply(&scalings, &mut parameters);
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near(
            &parameters.weight,
            &[2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0]
        ));
        assert!(near(&parameters.bias, &[1.0, 2.0, 1.0, 0.5, 0.5]));
    }
}

//! AdamW and SGD with momentum, the one-cycle schedule, and the running average of the weights.

use rayon::prelude::*;

/// Something learned, with the optimiser's memory of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameter {
    /// Its value.
    pub(super) value: Vec<f32>,
    /// Gradient of the loss with respect to it.
    pub(super) gradient: Vec<f32>,
    /// First moment, or the momentum of SGD.
    pub(super) first: Vec<f32>,
    /// Second moment.
    pub(super) second: Vec<f32>,
    /// Exponential running average of the value: what is measured and kept in the end.
    pub(super) average: Vec<f32>,
    /// Whether weight decay applies.
    decays: bool,
}

impl Parameter {
    /// A parameter that has not learned yet.
    pub(super) fn new(value: Vec<f32>, decays: bool) -> Self {
        let zeros = vec![0.0; value.len()];
        Self {
            gradient: zeros.clone(),
            first: zeros.clone(),
            second: zeros,
            average: value.clone(),
            value,
            decays,
        }
    }
}

/// The rule of descent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Rule {
    /// Adam with decoupled weight decay.
    Adamw,
    /// Stochastic gradient descent with momentum 0.9.
    Sgd,
}

/// One step's settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) rule: Rule,
    /// Learning rate of this step.
    pub(super) rate: f32,
    /// Weight decay.
    pub(super) decay: f32,
    /// Steps done before, from 0.
    pub(super) index: usize,
}

/// Moves a parameter along its gradient, and its average after it.
pub(super) fn update(parameter: &mut Parameter, step: Step) {
    const BETA1: f32 = 0.9;
    const BETA2: f32 = 0.99;
    let t = step.index as i32 + 1;
    let (bias1, bias2) = (1.0 - BETA1.powi(t), 1.0 - BETA2.powi(t));
    let keep = 1.0 - step.rate * if parameter.decays { step.decay } else { 0.0 };
    // The average forgets the beginning quickly and then spans about 500 steps.
    let memory = (step.index as f32 / (step.index as f32 + 10.0)).min(0.998);
    let Parameter {
        value,
        gradient,
        first,
        second,
        average,
        ..
    } = parameter;
    value
        .par_iter_mut()
        .zip(gradient.par_iter())
        .zip(first.par_iter_mut())
        .zip(second.par_iter_mut())
        .zip(average.par_iter_mut())
        .with_min_len(1 << 14)
        .for_each(|((((w, &g), m), v), a)| {
            let direction = match step.rule {
                Rule::Adamw => {
                    *m = BETA1 * *m + (1.0 - BETA1) * g;
                    *v = BETA2 * *v + (1.0 - BETA2) * g * g;
                    (*m / bias1) / ((*v / bias2).sqrt() + 1e-8)
                }
                Rule::Sgd => {
                    *m = BETA1 * *m + g;
                    *m
                }
            };
            *w = keep * *w - step.rate * direction;
            *a = memory * *a + (1.0 - memory) * *w;
        });
}

/// The one-cycle schedule: from a twenty-fifth up to the peak in the first quarter, then down by a cosine to
/// nearly nothing. `progress` goes from 0 to 1.
pub(super) fn one_cycle(peak: f32, progress: f32) -> f32 {
    const UP: f32 = 0.25;
    let cosine = |from: f32, to: f32, x: f32| {
        to + (from - to) * (1.0 + (std::f32::consts::PI * x).cos()) / 2.0
    };
    if progress < UP {
        cosine(peak / 25.0, peak, progress / UP)
    } else {
        cosine(peak, peak * 1e-4, (progress - UP) / (1.0 - UP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_rules_find_the_minimum_of_a_quadratic() {
        for (rule, rate) in [(Rule::Adamw, 0.05), (Rule::Sgd, 0.01)] {
            let mut p = Parameter::new(vec![3.0, -2.0], true);
            for index in 0..600 {
                p.gradient = p.value.iter().map(|w| w - 1.0).collect();
                let rate = one_cycle(rate, index as f32 / 600.0);
                update(
                    &mut p,
                    Step {
                        rule,
                        rate,
                        decay: 0.0,
                        index,
                    },
                );
            }
            assert!(
                p.value.iter().all(|w| (w - 1.0).abs() < 1e-2),
                "{rule:?}: {:?}",
                p.value
            );
            assert!(
                p.average.iter().all(|w| (w - 1.0).abs() < 5e-2),
                "{rule:?}: {:?}",
                p.average
            );
        }
    }
}

//! AdamW and SGD with momentum, the schedules of their rate, and the running average of the weights.

use rayon::prelude::*;

/// A learned array, with the state of its optimiser.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameter {
    /// Its value.
    pub(crate) value: Vec<f32>,
    /// Gradient of the loss with respect to it.
    pub(crate) gradient: Vec<f32>,
    /// First moment, or the momentum of SGD; empty before the first step.
    pub(crate) first: Vec<f32>,
    /// Second moment; empty before the first step, and with SGD, which has none.
    pub(crate) second: Vec<f32>,
    /// Exponential moving average of the value: this is what is measured and written in the end.
    pub(crate) average: Vec<f32>,
    /// Whether weight decay applies.
    decays: bool,
}

impl Parameter {
    /// A parameter that has not learned yet.
    pub(crate) fn new(value: Vec<f32>, decays: bool) -> Self {
        Self {
            gradient: vec![0.0; value.len()],
            first: Vec::new(),
            second: Vec::new(),
            average: value.clone(),
            value,
            decays,
        }
    }

    /// Frees what it needs to learn: from now on it does not.
    pub(crate) fn freeze(&mut self) {
        *self = Self {
            value: std::mem::take(&mut self.value),
            ..Self::default()
        };
    }
}

/// Usual decay of the first moment.
pub(crate) const MOMENTUM: f32 = 0.9;

/// The optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Rule {
    /// Adam with decoupled weight decay.
    Adamw,
    /// Stochastic gradient descent with momentum 0.9.
    Sgd,
}

/// One step's settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) rule: Rule,
    /// Decay of the first moment; the momentum of SGD.
    pub(crate) momentum: f32,
    /// Learning rate of this step.
    pub(crate) rate: f32,
    /// Weight decay.
    pub(crate) decay: f32,
    /// Steps done before, from 0.
    pub(crate) index: usize,
}

/// Moves a parameter along its gradient, and its average after it.
pub(crate) fn update(parameter: &mut Parameter, step: Step) {
    const BETA2: f32 = 0.99;
    let t = step.index as i32 + 1;
    let beta1 = step.momentum;
    let (bias1, bias2) = (1.0 - beta1.powi(t), 1.0 - BETA2.powi(t));
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
    first.resize(value.len(), 0.0);
    if step.rule == Rule::Adamw {
        second.resize(value.len(), 0.0);
    }
    let moved = value
        .par_iter_mut()
        .zip(gradient.par_iter())
        .zip(first.par_iter_mut())
        .zip(average.par_iter_mut())
        .with_min_len(1 << 14);
    let go = |w: &mut f32, a: &mut f32, direction: f32| {
        *w = keep * *w - step.rate * direction;
        *a = memory * *a + (1.0 - memory) * *w;
    };
    match step.rule {
        Rule::Adamw => {
            let moved = moved.zip(second.par_iter_mut());
            moved.for_each(|((((w, &g), m), a), v)| {
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = BETA2 * *v + (1.0 - BETA2) * g * g;
                go(w, a, (*m / bias1) / ((*v / bias2).sqrt() + 1e-8));
            });
        }
        Rule::Sgd => moved.for_each(|(((w, &g), m), a)| {
            *m = beta1 * *m + g;
            go(w, a, *m);
        }),
    }
}

/// How the learning rate goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Schedule {
    /// Up in the first quarter, then down to nearly nothing.
    OneCycle,
    /// Always the same.
    Constant,
}

impl Schedule {
    /// The rate after a share of the training, 0 to 1, where `peak` is the highest.
    pub(crate) fn rate(self, peak: f32, progress: f32) -> f32 {
        match self {
            Self::OneCycle => one_cycle(peak, progress),
            Self::Constant => peak,
        }
    }
}

/// The one-cycle schedule: from a twenty-fifth up to the peak in the first quarter, then down by a cosine to
/// nearly nothing. `progress` goes from 0 to 1.
fn one_cycle(peak: f32, progress: f32) -> f32 {
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
    fn a_constant_rate_is_the_same_from_first_to_last() {
        let rates = |schedule: Schedule| [0.0, 0.25, 0.999].map(|p| schedule.rate(2.0, p));
        assert_eq!(rates(Schedule::Constant), [2.0; 3]);
        let [first, peak, last] = rates(Schedule::OneCycle);
        assert!(first < 0.1 && peak == 2.0 && last < 0.01);
    }

    #[test]
    fn both_rules_find_the_minimum_of_a_quadratic() {
        for (rule, rate) in [(Rule::Adamw, 0.05), (Rule::Sgd, 0.01)] {
            let mut p = Parameter::new(vec![3.0, -2.0], true);
            for index in 0..600 {
                p.gradient = p.value.iter().map(|w| w - 1.0).collect();
                let rate = Schedule::OneCycle.rate(rate, index as f32 / 600.0);
                update(
                    &mut p,
                    Step {
                        rule,
                        momentum: MOMENTUM,
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
            // On 100 million weights the moment that is not used would be 400 MB.
            assert_eq!(p.second.is_empty(), rule == Rule::Sgd);
            assert!(
                p.average.iter().all(|w| (w - 1.0).abs() < 5e-2),
                "{rule:?}: {:?}",
                p.average
            );
        }
    }
}

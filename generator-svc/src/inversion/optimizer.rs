//! The rules of descent.

use super::settings::Rule;

/// An optimiser with its memory.
#[derive(Clone, Debug)]
pub struct Optimizer {
    rule: Rule,
    rate: f64,
    steps: usize,
    done: usize,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Optimizer {
    /// An optimiser for `size` coordinates that will take `steps` steps, at first with learning rate `rate`.
    pub fn new(rule: Rule, rate: f64, steps: usize, size: usize) -> Self {
        Self {
            rule,
            rate,
            steps,
            done: 0,
            first: vec![0.0; size],
            second: vec![0.0; size],
        }
    }

    /// Whether steps depend on the gradients before them.
    pub fn remembers(&self) -> bool {
        self.rule == Rule::Adam
    }

    /// First and second moments, if it remembers.
    pub(super) fn moments(&self) -> [Vec<f32>; 2] {
        match self.rule {
            Rule::Adam => [self.first.clone(), self.second.clone()],
            Rule::Sgd => Default::default(),
        }
    }

    /// Goes on after `done` steps, with these moments if it remembers.
    pub(super) fn resume(&mut self, done: usize, moments: [Vec<f32>; 2]) {
        self.done = done;
        if self.remembers() {
            [self.first, self.second] = moments;
        }
    }

    /// Moves `x` against `gradient`.
    ///
    /// Adam (Kingma and Ba 2015) with betas 0.6 and 0.999, or SGD that scales the gradient to unit mean magnitude, so that
    /// its rate is in the unit of `x` too. Both decay their rate by a cosine to a twentieth. The gradients are nearly
    /// exact, so the usual momentum of 0.9 would only overshoot (`docs/generation.md`).
    pub fn step(&mut self, x: &mut [f32], gradient: &[f32]) {
        self.done += 1;
        let progress = self.done as f64 / self.steps.max(1) as f64;
        let decay = 0.05 + 0.95 * 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos());
        let rate = self.rate * decay;
        match self.rule {
            Rule::Adam => self.adam(rate as f32, x, gradient),
            Rule::Sgd => {
                let sum: f64 = gradient.iter().map(|&g| f64::from(g.abs())).sum();
                let mean = sum / gradient.len().max(1) as f64;
                // In f64: a saturated softmax leaves gradients whose inverse overflows an f32.
                let factor = if mean > 0.0 { rate / mean } else { 0.0 };
                x.iter_mut()
                    .zip(gradient)
                    .for_each(|(x, &g)| *x -= (factor * f64::from(g)) as f32);
            }
        }
    }

    fn adam(&mut self, rate: f32, x: &mut [f32], gradient: &[f32]) {
        const BETA1: f64 = 0.6;
        const BETA2: f64 = 0.999;
        let steps = self.done as i32;
        let bias1 = (1.0 - BETA1.powi(steps)) as f32;
        let bias2 = (1.0 - BETA2.powi(steps)) as f32;
        let (beta1, beta2) = (BETA1 as f32, BETA2 as f32);
        let memory = self.first.iter_mut().zip(&mut self.second);
        for ((x, &g), (m, v)) in x.iter_mut().zip(gradient).zip(memory) {
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *x -= rate * (*m / bias1) / ((*v / bias2).sqrt() + 1e-12);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_rules_reach_the_bottom_of_a_bowl() {
        for rule in [Rule::Adam, Rule::Sgd] {
            let mut x = vec![2.0, -3.0, 0.5];
            let mut optimizer = Optimizer::new(rule, 0.1, 300, 3);
            for _ in 0..300 {
                let gradient: Vec<f32> = x
                    .iter()
                    .zip([1.0, 5.0, 0.2])
                    .map(|(x, c)| 2e-6 * c * (x - 1.0))
                    .collect();
                optimizer.step(&mut x, &gradient);
            }
            assert!(x[1] > 0.9 && x[1] < 1.1, "{rule:?}: {x:?}");
        }
    }

    #[test]
    fn a_gradient_too_small_to_divide_by_keeps_the_coordinates_finite() {
        for tiny in [f32::MIN_POSITIVE, 1e-42, 1e-45] {
            let mut x = vec![0.5, 0.5];
            Optimizer::new(Rule::Sgd, 10.0, 100, 2).step(&mut x, &[tiny, 0.0]);
            assert!(x[0].is_finite() && x[0] < 0.0, "{tiny:e}: {x:?}");
            assert_eq!(x[1], 0.5, "{tiny:e}");
        }
    }
}

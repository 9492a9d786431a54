//! What a descent is after a step: everything that its next step depends on, besides the request.

use super::Optimizer;

/// The loss of a step, term by term, each weighted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// Distance to the target activation; for class visualization minus the log-likelihood of the attributes.
    pub objective: f64,
    /// Minus the log-likelihood of the attributes, beside a target.
    pub likelihood: f64,
    /// Squared Mahalanobis distance in the prior.
    pub prior: f64,
    /// Total variation.
    pub total_variation: f64,
    /// Distance from mid-grey.
    pub l2: f64,
}

impl Losses {
    /// The sum.
    pub fn total(&self) -> f64 {
        self.objective + self.likelihood + self.prior + self.total_variation + self.l2
    }
}

/// A descent between two steps, as plain numbers. A descent of the same request goes on from here to the same image, to
/// the last bit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Steps done, from 1.
    pub done: usize,
    /// Numbers drawn for the jitter, in words of its random stream.
    pub drawn: u128,
    /// The loss of the last step.
    pub losses: Losses,
    /// The coordinates of the image.
    pub coordinates: Vec<f32>,
    /// The optimiser's memory: first and second moments, one per coordinate. Empty for rules without memory.
    pub moments: [Vec<f32>; 2],
}

impl State {
    /// Whether a descent of `steps` steps with `size` coordinates can be in this state.
    pub fn fits(&self, steps: usize, size: usize, optimizer: &Optimizer) -> bool {
        let remembered = if optimizer.remembers() { size } else { 0 };
        let finite = |values: &[f32]| values.iter().all(|x| x.is_finite());
        (1..=steps).contains(&self.done)
            && self.coordinates.len() == size
            && finite(&self.coordinates)
            && self
                .moments
                .iter()
                .all(|m| m.len() == remembered && finite(m))
            && self.moments[1].iter().all(|&v| v >= 0.0)
            && self.losses.total().is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inversion::Rule;

    #[test]
    fn only_states_of_the_descent_fit() {
        let adam = Optimizer::new(Rule::Adam, 0.1, 9, 0);
        let sgd = Optimizer::new(Rule::Sgd, 0.1, 9, 0);
        let state = State {
            done: 7,
            drawn: 3,
            losses: Losses::default(),
            coordinates: vec![1.5, -2.0, f32::MIN_POSITIVE],
            moments: [vec![0.1; 3], vec![0.2; 3]],
        };
        assert!(state.fits(9, 3, &adam) && state.fits(7, 3, &adam));
        assert!(!state.fits(6, 3, &adam) && !state.fits(9, 4, &adam) && !state.fits(9, 3, &sgd));
        let changed = |change: fn(&mut State)| {
            let mut state = state.clone();
            change(&mut state);
            state.fits(9, 3, &adam)
        };
        assert!(!changed(|s| s.done = 0));
        assert!(!changed(|s| s.coordinates[1] = f32::NAN));
        assert!(!changed(|s| s.moments[1][0] = -1.0));
        assert!(!changed(|s| s.losses.prior = f64::INFINITY));
    }
}

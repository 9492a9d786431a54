//! The terms of the loss that the classifier's eyes give: the perceptual loss, and the critic's, each activation computed once.

use super::{
    critic::{Critic, Views},
    perceptual::Perceptual,
};
use crate::train::optimizer::Step;

/// A classifier that looks at faces, and a critic, if one takes part.
pub(super) struct Looks<'a> {
    pub(super) perceptual: &'a mut Perceptual,
    pub(super) critic: Option<&'a mut Critic>,
    /// Factor of the perceptual loss.
    pub(super) weight: f64,
    /// Norm of the adversarial gradient, relative to that of the other terms.
    pub(super) adversarial: f64,
}

/// What the critic saw, and the adversarial gradient.
struct Contest {
    real: Views,
    made: Views,
    gradient: Vec<f32>,
}

impl Looks<'_> {
    /// Adds to the gradient with respect to decoded faces, `made`, `[m, 3, S, S]`. The first `n` of them are of
    /// `originals`, `[n, 3, S, S]`, and have a perceptual loss. The adversarial gradient is scaled so that the mean square
    /// of its norm, over all faces, is as large as that which the originals' gradient then has, times the weight; and the
    /// critic takes its `step`. Returns the mean perceptual loss, and the critic's.
    pub(super) fn add_gradients(
        mut self,
        [originals, made]: [&[f32]; 2],
        step: Step,
        gradient: &mut [f32],
    ) -> [f64; 2] {
        let mut contest = Contest {
            real: Views::new(),
            made: Views::new(),
            gradient: Vec::with_capacity(made.len()),
        };
        let (decoded, drawn) = made.split_at(originals.len());
        let each = self.perceptual.together();
        let count = (originals.len() / self.perceptual.face()) as f64;
        let mut loss = 0.0;
        let parts = originals.chunks(each).zip(decoded.chunks(each));
        for ((originals, faces), gradient) in parts.zip(gradient.chunks_mut(each)) {
            let expected = self.perceptual.activations(originals);
            let found = self.perceptual.activations(faces);
            let weight = self.weight / count;
            let (part, cotangents) = self.perceptual.distance([&expected, &found], weight);
            loss += part / count;
            let pulled = self.perceptual.pull_back(faces.len(), cotangents);
            gradient.iter_mut().zip(pulled).for_each(|(g, d)| *g += d);
            if let Some(critic) = &self.critic {
                append(&mut contest.real, critic.views(originals, expected));
            }
            self.contest(faces, found, &mut contest);
        }
        if self.critic.is_some() {
            for faces in drawn.chunks(each) {
                let found = self.perceptual.activations(faces);
                self.contest(faces, found, &mut contest);
            }
        }
        let Some(critic) = self.critic else {
            return [loss, 0.0];
        };
        let share = made.len() as f64 / originals.len() as f64;
        let norms = norm(&gradient[..originals.len()]) / norm(&contest.gradient).max(1e-20);
        let factor = (self.adversarial * norms * share.sqrt()) as f32;
        let pairs = gradient.iter_mut().zip(&contest.gradient);
        pairs.for_each(|(g, own)| *g += factor * own);
        [loss, critic.learn([&contest.real, &contest.made], step)]
    }

    /// Shows the critic faces of these activations, which were computed last.
    fn contest(&mut self, faces: &[f32], found: Views, contest: &mut Contest) {
        if let Some(critic) = &mut self.critic {
            let views = critic.views(faces, found);
            contest
                .gradient
                .extend(critic.flattery(self.perceptual, &views));
            append(&mut contest.made, views);
        }
    }
}

fn append(all: &mut Views, more: Views) {
    match all.is_empty() {
        true => *all = more,
        false => all.iter_mut().zip(more).for_each(|(a, m)| a.extend(m)),
    }
}

fn norm(x: &[f32]) -> f64 {
    let squares = x.iter().map(|&x| f64::from(x).powi(2));
    squares.sum::<f64>().sqrt()
}

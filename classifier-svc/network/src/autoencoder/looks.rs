//! The terms of the loss that the classifier's eyes give: the perceptual loss, feature matching, and the critic's, each
//! activation computed once.

use super::{
    critic::{Critic, Views},
    matching::Matching,
    perceptual::Perceptual,
};
use crate::train::optimizer::Step;

/// A classifier that looks at faces, and what takes part beside the perceptual loss.
pub(super) struct Looks<'a> {
    pub(super) perceptual: &'a mut Perceptual,
    pub(super) matching: Option<&'a mut Matching>,
    pub(super) critic: Option<&'a mut Critic>,
    pub(super) weighting: Weighting,
}

/// How much each term counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighting {
    /// Factor of the perceptual loss.
    pub(super) perceptual: f64,
    /// Norm of the gradient of feature matching, relative to that of pixels and perception.
    pub(super) matching: f64,
    /// Norm of the adversarial gradient, likewise.
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
    /// `originals`, `[n, 3, S, S]`, and have a perceptual loss and feature matching. The gradient of feature matching is scaled
    /// to the norm which the originals' gradient then has, times its weight. So is the adversarial one, by the mean squares of
    /// norms over all faces; and the critic takes its `step`. Returns the mean perceptual loss, and the critic's.
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
        let mut matched = Vec::new();
        let (decoded, drawn) = made.split_at(originals.len());
        let each = self.perceptual.together();
        let count = (originals.len() / self.perceptual.face()) as f64;
        let mut loss = 0.0;
        let parts = originals.chunks(each).zip(decoded.chunks(each));
        for ((originals, faces), gradient) in parts.zip(gradient.chunks_mut(each)) {
            let expected = self.perceptual.activations(originals);
            let found = self.perceptual.activations(faces);
            let weight = self.weighting.perceptual / count;
            let (part, cotangents) = self.perceptual.distance([&expected, &found], weight);
            loss += part / count;
            let pulled = self.perceptual.pull_back(faces.len(), cotangents);
            gradient.iter_mut().zip(pulled).for_each(|(g, d)| *g += d);
            if let Some(matching) = &mut self.matching {
                let n = faces.len() / self.perceptual.face();
                let cotangents = matching.cotangents(n, self.perceptual.scales());
                matched.extend(self.perceptual.pull_back(faces.len(), cotangents));
                matching.observe(n, [&expected, &found]);
            }
            if let Some(critic) = &self.critic {
                append(&mut contest.real, critic.views(originals, expected));
            }
            self.contest(faces, found, &mut contest);
        }
        if self.critic.is_some() {
            for faces in drawn.chunks(each) {
                let found = self.perceptual.compared_activations(faces);
                self.contest(faces, found, &mut contest);
            }
        }
        let all = norm(&gradient[..originals.len()]);
        if let Some(matching) = self.matching {
            add_scaled(gradient, &matched, self.weighting.matching * all);
            matching.end_batch();
        }
        let Some(critic) = self.critic else {
            return [loss, 0.0];
        };
        let share = made.len() as f64 / originals.len() as f64;
        let to = self.weighting.adversarial * all * share.sqrt();
        add_scaled(gradient, &contest.gradient, to);
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

/// Adds a gradient scaled to a norm, if it is not 0.
fn add_scaled(gradient: &mut [f32], own: &[f32], to: f64) {
    let factor = (to / norm(own).max(1e-20)) as f32;
    let pairs = gradient.iter_mut().zip(own);
    pairs.for_each(|(g, own)| *g += factor * own);
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

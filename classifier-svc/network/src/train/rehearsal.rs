//! Training steps on random images, to measure their time.

use super::trainee::Trainee;
use crate::{
    Architecture,
    heads::{self, LOGITS},
};

/// A network that is about to learn from nothing.
pub struct Rehearsal {
    trainee: Trainee,
    images: Vec<f32>,
    targets: Vec<f32>,
    n: usize,
}

impl Rehearsal {
    /// One with batches of `n`, whose convolutions have branches or their kernel alone.
    pub fn new(architecture: &Architecture, n: usize, branches: bool) -> Self {
        let size = 3 * architecture.input * architecture.input;
        let mut targets = vec![0.0; n * LOGITS];
        for (i, t) in targets.chunks_exact_mut(LOGITS).enumerate() {
            heads::soft_targets(&std::array::from_fn(|a| (a * 7 + i) % 5 == 0), 0.1, t);
        }
        Self {
            trainee: Trainee::new(architecture, n, 0.25, branches, 0),
            images: (0..n * size).map(|i| (i as f32 * 0.37).sin()).collect(),
            targets,
            n,
        }
    }

    /// The loss of a batch and the gradients of everything learned.
    pub fn step(&mut self) {
        self.trainee.forward(&self.images, self.n, Some(0));
        self.trainee.backward(self.n, &self.targets);
    }
}

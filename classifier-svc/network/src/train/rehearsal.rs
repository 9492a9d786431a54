//! Training steps on random images, to measure their time.

use super::{
    loss::{self, Loss},
    random::{Purpose, Random},
    trainee::Trainee,
};
use crate::Architecture;

/// A network that is about to learn from nothing.
pub struct Rehearsal {
    trainee: Trainee,
    images: Vec<f32>,
    loss: Loss,
    targets: Vec<f32>,
    n: usize,
}

impl Rehearsal {
    /// One with batches of `n`, whose convolutions have branches or their kernel alone.
    pub fn new(architecture: &Architecture, n: usize, branches: bool) -> Self {
        let size = 3 * architecture.input * architecture.input;
        let (loss, targets) = loss::example(n);
        Self {
            trainee: Trainee::new(architecture, n, 0.25, branches, 0),
            images: (0..n * size).map(|i| (i as f32 * 0.37).sin()).collect(),
            loss,
            targets,
            n,
        }
    }

    /// The loss of a batch and the gradients of everything learned.
    pub fn step(&mut self) {
        let dropout = Random::new(0, Purpose::Dropout, 0);
        self.trainee.forward(&self.images, self.n, Some(dropout));
        self.trainee.backward(self.n, &self.loss, &self.targets);
    }
}

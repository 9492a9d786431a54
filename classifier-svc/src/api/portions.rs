//! Many faces through a bounded queue.

use deepface_serve::Deadline;

use super::Classifier;
use crate::batch::{Admission, EngineError};

/// The faces of one request, in portions that the queue takes. No portion holds room while it waits for more.
pub(super) struct Portions<'a> {
    api: &'a Classifier,
    first: bool,
    pixels: &'a [f32],
    size: usize,
}

impl<'a> Portions<'a> {
    /// The faces `pixels`, `size` values each.
    pub(super) fn new(api: &'a Classifier, pixels: &'a [f32], size: usize) -> Self {
        Self {
            api,
            first: true,
            pixels,
            size,
        }
    }

    /// The next faces and room for them, or `None` after the last.
    ///
    /// # Errors
    /// There was no room: for the first portion at once, for the others before the deadline.
    pub(super) async fn next(
        &mut self,
        deadline: Deadline,
    ) -> Result<Option<(Admission, Vec<f32>)>, EngineError> {
        if self.pixels.is_empty() {
            return Ok(None);
        }
        let most = self.size * self.api.limits.images;
        let (portion, rest) = self.pixels.split_at(most.min(self.pixels.len()));
        self.pixels = rest;
        let n = portion.len() / self.size;
        let room = match std::mem::take(&mut self.first) {
            true => self.api.engine.admit(n)?,
            false => self.api.engine.admit_later(n, deadline).await?,
        };
        Ok(Some((room, portion.to_vec())))
    }
}

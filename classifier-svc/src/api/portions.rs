//! Many faces through a bounded queue.

use deepface_serve::Deadline;

use super::Classifier;
use crate::batch::{Admission, EngineError};

/// The faces of one request, in portions that the queue takes. There may be more faces than images were admitted, and no
/// portion holds room while it waits for more.
pub(super) struct Portions<'a> {
    api: &'a Classifier,
    admitted: Option<Admission>,
    pixels: &'a [f32],
    size: usize,
}

impl<'a> Portions<'a> {
    /// The faces `pixels`, `size` values each, of a request with this room.
    pub(super) fn new(
        api: &'a Classifier,
        room: Admission,
        pixels: &'a [f32],
        size: usize,
    ) -> Self {
        Self {
            api,
            admitted: Some(room),
            pixels,
            size,
        }
    }

    /// The next faces and room for them, or `None` after the last.
    ///
    /// # Errors
    /// There was no room before the deadline.
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
        let room = match self.admitted.take().filter(|room| room.images() >= n) {
            Some(room) => room,
            None => self.api.engine.admit_later(n, deadline).await?,
        };
        Ok(Some((room, portion.to_vec())))
    }
}

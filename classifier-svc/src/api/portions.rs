//! Many faces through a bounded queue.

use super::Classifier;
use crate::batch::{Admission, Call, EngineError, Kind};

/// The faces of one request, in portions that the queue takes. No portion holds room while it waits for more.
pub(super) struct Portions<'a> {
    api: &'a Classifier,
    kind: Kind,
    call: &'a Call,
    first: bool,
    pixels: &'a [f32],
}

impl<'a> Portions<'a> {
    /// The faces whose pixels these are.
    pub(super) fn new(api: &'a Classifier, kind: Kind, call: &'a Call, pixels: &'a [f32]) -> Self {
        Self {
            api,
            kind,
            call,
            first: true,
            pixels,
        }
    }

    /// The next faces, of `size` values each, and room for them, or `None` after the last.
    ///
    /// # Errors
    /// There was no room: for the first portion at once, for the others before the deadline.
    pub(super) async fn next(
        &mut self,
        size: usize,
    ) -> Result<Option<(Admission, Vec<f32>)>, EngineError> {
        if self.pixels.is_empty() {
            return Ok(None);
        }
        let most = size * self.api.limits.images;
        let (portion, rest) = self.pixels.split_at(most.min(self.pixels.len()));
        self.pixels = rest;
        let (engine, n) = (&self.api.engine, portion.len() / size);
        let room = match std::mem::take(&mut self.first) {
            true => engine.admit(self.kind, self.call, n)?,
            false => engine.admit_later(self.kind, self.call, n).await?,
        };
        Ok(Some((room, portion.to_vec())))
    }
}

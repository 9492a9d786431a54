//! Many faces through a bounded queue.

use super::Classifier;
use crate::batch::{Admission, Call, Claim, EngineError, Kind};

/// The faces of one request, in portions that the queue takes. No portion holds room while it waits for more.
pub(super) struct Portions<'a> {
    api: &'a Classifier,
    kind: Kind,
    call: &'a Call,
    /// Until the first portion has room.
    claim: Option<Claim>,
    pixels: &'a [f32],
}

impl<'a> Portions<'a> {
    /// The faces whose pixels these are, and the claim that was made for them.
    pub(super) fn new(
        api: &'a Classifier,
        (call, kind): (&'a Call, Kind),
        claim: Claim,
        pixels: &'a [f32],
    ) -> Self {
        Self {
            api,
            kind,
            call,
            claim: Some(claim),
            pixels,
        }
    }

    /// The next faces, of `size` values each, and room for them, or `None` after the last.
    ///
    /// # Errors
    /// There was no room before the deadline.
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
        let n = portion.len() / size;
        drop(self.claim.take());
        let room = self.api.engine.admit(self.kind, self.call, n).await?;
        Ok(Some((room, portion.to_vec())))
    }
}

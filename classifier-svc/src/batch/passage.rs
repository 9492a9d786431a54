//! The way of an entry through the queue, as metrics and traces show it.

use std::time::{Duration, Instant};

use deepface_serve::metrics::Labels;
use tracing::Span;

use super::lane::Kind;
use super::metrics::ENGINE;

/// An entry on its way: it waits from [`Passage::new`] until [`Passage::compute`], or until it is dropped.
pub(super) struct Passage {
    kind: &'static str,
    lane: &'static str,
    images: i64,
    arrived: Instant,
    /// The call that the entry belongs to.
    call: Span,
    /// The wait, while it lasts.
    queue: Option<Span>,
}

impl Passage {
    /// An entry of `images` images that starts to wait, for the current call.
    pub(super) fn new(kind: Kind, images: usize) -> Self {
        let lane = kind.lane().name();
        let kind = name(kind);
        let images = i64::try_from(images).unwrap_or(i64::MAX);
        ENGINE.depth.get_or_create(&label(lane)).inc_by(images);
        Self {
            kind,
            lane,
            images,
            arrived: Instant::now(),
            call: Span::current(),
            queue: Some(tracing::debug_span!("queue", lane, images)),
        }
    }

    /// Ends the wait. The computation is the span that this returns.
    pub(super) fn compute(&mut self) -> Span {
        if self.leave() {
            let waited = self.arrived.elapsed().as_secs_f64();
            let queued = ENGINE.queued.get_or_create(&label(self.lane));
            queued.observe(waited);
        }
        let (kind, images) = (self.kind, self.images);
        tracing::debug_span!(parent: &self.call, "compute", kind, images)
    }

    /// Counts an entry that is dropped before it is computed.
    pub(super) fn dropped(&self, caller_has_gone: bool) {
        let why = match caller_has_gone {
            true => &ENGINE.cancelled,
            false => &ENGINE.expired,
        };
        why.get_or_create(&label(self.lane)).inc();
    }

    /// Whether it waited until now.
    fn leave(&mut self) -> bool {
        let waited = self.queue.take().is_some();
        if waited {
            let depth = ENGINE.depth.get_or_create(&label(self.lane));
            depth.dec_by(self.images);
        }
        waited
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Counts a call of the network with `images` images.
pub(super) fn computed(kind: Kind, images: usize, took: Duration) {
    ENGINE.batch.get_or_create(&[]).observe(images as f64);
    let kind = [("kind", name(kind).into())];
    let seconds = ENGINE.computed.get_or_create(&kind);
    seconds.observe(took.as_secs_f64());
}

fn label(lane: &'static str) -> Labels<1> {
    [("lane", lane.into())]
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Classify => "classify",
        Kind::Activations => "activations",
        Kind::Differentiate => "differentiate",
    }
}
